"""The API: its door, requests, watches, writes, exec and logs, and the faults that tests set.

For `embedded/__main__.py`.
"""
