#!/bin/sh
# What runs on a node, below its first process.
#
#   services.sh NAME ADDRESS SHARED DEVICE
#
# ADDRESS is the node's, SHARED the storage host's folder as sshfs takes it, DEVICE the block
# device of the class gp3-like.
name=$1 address=$2 shared=$3 device=$4
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root
exec >>/var/log/services.log 2>&1

mount "$device" /opt/gp3
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
while :; do # as a service manager would
    /testbed/kube kubelet --config /etc/kubelet.yaml --kubeconfig /etc/kubelet.kubeconfig \
        --hostname-override "$name" --node-ip "$address" \
        --root-dir /var/lib/kubelet --cert-dir /var/lib/kubelet/pki >>/var/log/kubelet.log 2>&1
    sleep 1
done
