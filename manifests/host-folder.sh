#!/bin/sh
# Makes or removes a run's folder on a node, for hostPath and local volumes. Needs mkdir, chmod, rm.
set -u
case "$1" in
make)
    for name in hostPath hostPath-pinned local \
        hostPath-StatefulSet hostPath-pinned-StatefulSet local-StatefulSet; do
        mkdir -p "host/$STORMARK_FOLDER/$name" && chmod 0777 "host/$STORMARK_FOLDER/$name" || exit 1
    done
    ;;
remove) rm -rf "host/${STORMARK_FOLDER:?}" ;;
esac
