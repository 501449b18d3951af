"""Writers on volumes, the faults that meet them, and what was kept.

Only flows use it.
"""
