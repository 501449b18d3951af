"""Whether a class fits: against what was promised of it, what is demanded, what is needed.

For the page and the flow's state.
"""
