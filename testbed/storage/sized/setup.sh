#!/bin/sh
# Makes a volume: run by the local-path provisioner in a pod on the volume's node.
# The shell is the node's, by its path: `sh` may mean the one that is built into this nsenter.
set -eu
nsenter -t 1 -m /bin/sh /etc/sized.sh make "$VOL_DIR" "$VOL_SIZE_BYTES"
