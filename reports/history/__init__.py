"""What changed over the nights of a cluster: figures, recoveries, provisioning, what was kept.

For the page and `stormark history`; from the Parquet files alone.
"""
