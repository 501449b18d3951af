"""A kubelet without a container runtime: processes in folders, their logs, mounts and events.

For controllers and server.
"""
