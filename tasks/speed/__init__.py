"""fio on every volume in turn, and what its output says.

Only flows use it.
"""
