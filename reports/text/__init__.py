"""How a report writes: markdown, units, reasons in three words, and the look of a chart.

For every room above; it knows no figure.
"""
