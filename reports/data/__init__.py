"""A run's rows as they are in Parquet, and the statistics of repeats.

Every other room reads them here; none writes.
"""
