"""A run's report as one HTML file: the text of the markdown, with charts that can be asked.

For flows and commands.
"""
