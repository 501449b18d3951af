#!/bin/sh
# The first process of a node, in namespaces of its own: gives it a root of its own, with this
# machine's /usr, and goes on as the node's services.
#
#   init.sh ROOT STATE NAME ADDRESS SHARED LIMITED DISK
#
# ROOT is the node's folder and STATE the testbed's; services.sh says what the others are.
set -eu
root=$1 state=$2
shift 2

mount --make-rprivate /
mount --bind "$root" "$root"
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp" "$root/.host"
for folder in usr etc/alternatives; do
    mkdir -p "$root/$folder"
    mount --bind "/$folder" "$root/$folder"
done
for folder in bin images array; do
    mkdir -p "$root/testbed/$folder"
    mount --bind "$state/$folder" "$root/testbed/$folder"
done
touch "$root/testbed/kube"
mount --bind "$state/kube" "$root/testbed/kube"
for link in bin sbin lib lib64; do
    if [ ! -e "$root/$link" ]; then ln -s "usr/$link" "$root/$link"; fi
done
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
chmod 1777 "$root/tmp"

cd "$root"
pivot_root . .host
umount -l /.host
rmdir /.host
mount --make-rshared / # volumes are propagated into pods
hostname "$1"
exec /bin/sh /etc/services.sh "$@"
