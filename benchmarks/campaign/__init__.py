"""Runs of stormark under faults, and what each has left behind, lost, or never ended."""

import os

# Before Prefect is imported: nothing calls home, and nothing but outcomes is printed.
os.environ |= {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
}
