"""The report of one run: headline, provenance, and the markdown page that puts all together.

For flows and commands.
"""
