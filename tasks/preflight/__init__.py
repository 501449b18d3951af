"""What can be known to be wrong before a volume is made.

Flows and the command line begin a run here; nothing below knows of it.
"""
