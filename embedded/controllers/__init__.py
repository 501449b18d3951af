"""What Kubernetes does by itself: scheduling, workloads, Jobs, PVCs, nodes, garbage collection.

For the server, which starts them.
"""
