"""The tables that a run leaves, and Parquet files below a folder or bucket.

Knows no cluster; runs write here, and it is all of tasks that reports may read.
"""
