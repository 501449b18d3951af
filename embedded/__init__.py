"""An embedded Kubernetes cluster: the real API in front, processes and folders behind.

It needs no root and no container runtime. What it cannot do it refuses with a Status that
names the field; `embedded/node/kubelet.py` says what a container is here and what it is not.
"""
