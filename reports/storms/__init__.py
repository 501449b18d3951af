"""What became of the data, beside what was promised: in words, tables and a chart.

For the page and what stands side by side.
"""
