"""A run from its Lease to its release, also when it died.

Holds the owner, the record, cordons, clean-up and reaping; all that measures stands on it.
"""
