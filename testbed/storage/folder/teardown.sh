#!/bin/sh
# Removes a volume: run by the local-path provisioner in a pod on the volume's node.
set -eu
rm -rf "$VOL_DIR"
