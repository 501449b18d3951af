#!/bin/sh
# Makes a volume: run by the local-path provisioner in a pod on the volume's node.
set -eu
mkdir -p "$VOL_DIR"
chmod 0777 "$VOL_DIR"
