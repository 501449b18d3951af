"""A PVC of each StorageClass, with a pod on it that waits for orders.

speed measures on it; storms make their PVCs by it.
"""
