"""What may be stored, and what it is given: defaults, validation, the deletion of what owns others.

For controllers and server.
"""
