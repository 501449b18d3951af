"""A real multi-node Kubernetes on one machine, without Docker: see docs/testbed.md."""
