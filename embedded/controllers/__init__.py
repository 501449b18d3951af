"""What Kubernetes does by itself: scheduling, Jobs, Deployments, PVCs, nodes, garbage collection.

For the server, which starts them.
"""
