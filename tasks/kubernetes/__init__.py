"""One way to talk to Kubernetes: requests, waits, logs, manifests, pods.

Knows the plan and nothing of runs; whatever needs the cluster goes through here.
"""
