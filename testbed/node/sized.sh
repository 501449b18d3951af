#!/bin/sh
# The volumes of the class sized: each a folder with an XFS of its own, in a file beside it that has
# the volume's size.
#
#   sized.sh make FOLDER BYTES     make and mount a volume; of one that is there, what is missing
#   sized.sh mount FOLDER          mount one, as after a power cut
#   sized.sh remove FOLDER         unmount and remove one, or what is there of it
#
# It runs in the node's mount namespace: kubelet passes the mounts on to pods. What has options that
# POSIX does not know is called by its path: some builds of busybox prefer what they have built in.
set -eu
export PATH=/usr/sbin:/usr/bin
folder=$2 image=$2.img
least=$((300 * 1024 * 1024)) # mkfs.xfs makes no smaller one

make_image() {
    bytes=$1
    if [ "$bytes" -lt "$least" ]; then bytes=$least; fi
    rm -f "$image.new"
    /usr/bin/truncate --size "$bytes" "$image.new"
    /usr/sbin/mkfs.xfs -q -l size=64m "$image.new" # what is free depends on no version's choice
    mv "$image.new" "$image"
}

mount_image() {
    device=$(/usr/sbin/losetup --direct-io=on --find --show "$image")
    # one that is mounted is detached by the kernel, once it is not
    trap '/usr/sbin/losetup --detach "$device"' EXIT
    /usr/bin/mount "$device" "$folder"
}

case "$1" in
make)
    mkdir -p "$folder"
    if [ ! -e "$image" ]; then make_image "$3"; fi
    if ! /usr/bin/mountpoint --quiet "$folder"; then mount_image; fi
    chmod 0777 "$folder"
    ;;
mount) mount_image ;;
remove)
    if /usr/bin/mountpoint --quiet "$folder"; then /usr/bin/umount "$folder"; fi
    rm -f "$image" "$image.new"
    if [ -d "$folder" ]; then rmdir "$folder"; fi
    ;;
esac
