#!/bin/sh
# Says what a node offers: its kernel, its limit of asynchronous I/O, its room. Needs sh, cat and df.
# The times of these lines in the pod's log are the node's clock. Paths are relative to /.
set -u
say() { if [ -n "$2" ]; then echo "@stormark $1 $2"; fi; }
# not by read: some shells read a byte at a time, and a sysctl answers the first read alone
whole() { if [ -r "$1" ]; then cat "$1"; fi; }

say kernel "$(whole /proc/sys/kernel/osrelease)"
say aio_max_nr "$(whole /proc/sys/fs/aio-max-nr)"
say aio_nr "$(whole /proc/sys/fs/aio-nr)"
say free_bytes "$(df -Pk volume | { read -r _; read -r _ _ _ kilobytes _; echo "$((kilobytes * 1024))"; })"
