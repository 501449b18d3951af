"""What fio measured: compared class by class, in words, tables and a chart.

For the page and what stands side by side.
"""
