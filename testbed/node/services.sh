#!/bin/sh
# What runs on a node, below its first process.
#
#   services.sh NAME ADDRESS SHARED LIMITED DISK
#
# ADDRESS is the node's, SHARED the storage host's folder as sshfs takes it, LIMITED the block
# device of the class gp3-like, DISK the node's own.
name=$1 address=$2 shared=$3 limited=$4 disk=$5
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root
exec >>/var/log/services.log 2>&1

mount "$limited" /opt/gp3
# Discarded, what was deleted takes no place on this machine any more.
mkdir -p /disk
mount -o discard "$disk" /disk || exit 1 # elsewhere, volumes would outlive a power cut
for folder in opt/local-path-provisioner var/tmp var/lib/kubelet/pods; do
    mkdir -p "/disk/$folder" "/$folder"
    mount --bind "/disk/$folder" "/$folder"
done
chmod 1777 /var/tmp
# A disk that lies: `volatile` makes fsync return at once. overlayfs refuses the work folder of one
# that a power cut has ended.
rm -rf /disk/lying/work
mkdir -p /disk/lying/lower /disk/lying/upper /disk/lying/work /opt/lying
options=volatile,lowerdir=/disk/lying/lower,upperdir=/disk/lying/upper,workdir=/disk/lying/work
mount -t overlay -o "$options" lying /opt/lying
for image in /opt/sized/*.img; do # what a power cut left
    if [ -e "$image" ]; then /bin/sh /etc/sized.sh mount "${image%.img}"; fi
done
# sshfs_sync and no caches: what one node has written, each node reads
options=directport=2222,allow_other,default_permissions,sshfs_sync,reconnect
options=$options,dir_cache=no,attr_timeout=1,entry_timeout=1
until sshfs -o "$options" "$shared" /mnt/shared; do sleep 1; done

containerd --config /etc/containerd/config.toml >>/var/log/containerd.log 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
for image in /testbed/images/*.tar; do
    ctr --namespace k8s.io images import --no-unpack "$image"
done

/testbed/kube kube-proxy --config /etc/kube-proxy.yaml >>/var/log/kube-proxy.log 2>&1 &
driver=block.stormark.testbed
while :; do
    if [ -e /testbed/array/driver ]; then # the testbed has CSI
        /testbed/bin/csi --array /testbed/array --node "$name" \
            --socket "/var/lib/kubelet/plugins/$driver/csi.sock" \
            --registry /var/lib/kubelet/plugins_registry >>/var/log/csi.log 2>&1
    fi
    sleep 1
done &
while :; do # as a service manager would
    /testbed/kube kubelet --config /etc/kubelet.yaml --kubeconfig /etc/kubelet.kubeconfig \
        --hostname-override "$name" --node-ip "$address" \
        --root-dir /var/lib/kubelet --cert-dir /var/lib/kubelet/pki >>/var/log/kubelet.log 2>&1
    sleep 1
done
