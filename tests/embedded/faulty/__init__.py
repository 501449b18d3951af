"""The embedded cluster with faults: `python -m tests.embedded.faulty`."""
