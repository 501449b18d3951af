#!/bin/sh
# Makes a volume: run by the local-path provisioner in a pod on the volume's node.
set -eu
nsenter -t 1 -m sh /etc/sized.sh make "$VOL_DIR" "$VOL_SIZE_BYTES"
