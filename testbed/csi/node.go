package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type nodeServer struct {
	csi.UnimplementedNodeServer
	array *array
	name  string
}

func (n *nodeServer) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.name, MaxVolumesPerNode: mostVolumes}, nil
}

func (n *nodeServer) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	answer := &csi.NodeGetCapabilitiesResponse{}
	for _, one := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
		csi.NodeServiceCapability_RPC_GET_VOLUME_STATS,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: one}}})
	}
	return answer, nil
}

// NodeStageVolume makes the loop device, and mounts its filesystem, which it makes if there is none.
func (n *nodeServer) NodeStageVolume(_ context.Context, request *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if request.VolumeId == "" || request.StagingTargetPath == "" {
		return nil, status.Error(codes.InvalidArgument, "staging needs a volume and a path")
	}
	if err := checkCapabilities([]*csi.VolumeCapability{request.VolumeCapability}); err != nil {
		return nil, err
	}
	there, err := n.volume(request.VolumeId)
	if err != nil {
		return nil, err
	}
	if there.Node != n.name {
		return nil, status.Errorf(codes.FailedPrecondition, "volume %s is not attached to %s", there.ID, n.name)
	}
	answer, image, path := &csi.NodeStageVolumeResponse{}, n.array.image(there.ID), request.StagingTargetPath
	mount := request.VolumeCapability.GetMount()
	if mount == nil {
		_, err := attach(image)
		return answer, err
	}
	if mounted(path) {
		return answer, nil
	}
	device, err := attach(image)
	if err != nil {
		return nil, err
	}
	if err := mountDevice(device, path, mount, there); err != nil {
		return nil, err
	}
	// One that is mounted is detached by the kernel once it is not, also by the end of the node.
	_, err = run("losetup", "--detach", device)
	return answer, err
}

func (n *nodeServer) NodeUnstageVolume(_ context.Context, request *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	if request.VolumeId == "" || request.StagingTargetPath == "" {
		return nil, status.Error(codes.InvalidArgument, "unstaging needs a volume and a path")
	}
	if err := unmount(request.StagingTargetPath); err != nil {
		return nil, err
	}
	return &csi.NodeUnstageVolumeResponse{}, n.array.release(request.VolumeId)
}

func (n *nodeServer) NodePublishVolume(_ context.Context, request *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	target := request.TargetPath
	if request.VolumeId == "" || target == "" || request.StagingTargetPath == "" {
		return nil, status.Error(codes.InvalidArgument, "publishing needs a volume and two paths")
	}
	if err := checkCapabilities([]*csi.VolumeCapability{request.VolumeCapability}); err != nil {
		return nil, err
	}
	there, err := n.volume(request.VolumeId)
	if err != nil {
		return nil, err
	}
	if mounted(target) {
		return &csi.NodePublishVolumeResponse{}, nil
	}
	source := request.StagingTargetPath
	if request.VolumeCapability.GetBlock() != nil {
		if source, err = attach(n.array.image(there.ID)); err != nil {
			return nil, err
		}
		if err = os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
			return nil, err
		}
		if err = os.WriteFile(target, nil, 0o600); err != nil {
			return nil, err
		}
	} else if err = os.MkdirAll(target, 0o750); err != nil {
		return nil, err
	}
	options := "bind"
	if request.Readonly {
		options = "bind,ro"
	}
	_, err = run("mount", "-o", options, source, target)
	return &csi.NodePublishVolumeResponse{}, err
}

func (n *nodeServer) NodeUnpublishVolume(_ context.Context, request *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if request.VolumeId == "" || request.TargetPath == "" {
		return nil, status.Error(codes.InvalidArgument, "unpublishing needs a volume and a path")
	}
	if err := unmount(request.TargetPath); err != nil {
		return nil, err
	}
	if err := os.Remove(request.TargetPath); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func (n *nodeServer) NodeGetVolumeStats(_ context.Context, request *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	there, kind, err := n.at(request.VolumeId, request.VolumePath)
	if err != nil {
		return nil, err
	}
	answer := &csi.NodeGetVolumeStatsResponse{}
	if !kind.IsDir() {
		answer.Usage = []*csi.VolumeUsage{{Unit: csi.VolumeUsage_BYTES, Total: there.Bytes}}
		return answer, nil
	}
	var found unix.Statfs_t
	if err := unix.Statfs(request.VolumePath, &found); err != nil {
		return nil, err
	}
	answer.Usage = []*csi.VolumeUsage{
		{Unit: csi.VolumeUsage_BYTES, Total: int64(found.Blocks) * found.Bsize,
			Available: int64(found.Bavail) * found.Bsize, Used: int64(found.Blocks-found.Bfree) * found.Bsize},
		{Unit: csi.VolumeUsage_INODES, Total: int64(found.Files),
			Available: int64(found.Ffree), Used: int64(found.Files - found.Ffree)},
	}
	return answer, nil
}

// NodeExpandVolume lets the device have the size of its file, and the filesystem that of the device.
func (n *nodeServer) NodeExpandVolume(_ context.Context, request *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	there, kind, err := n.at(request.VolumeId, request.VolumePath)
	if err != nil {
		return nil, err
	}
	device, err := attach(n.array.image(there.ID))
	if err != nil {
		return nil, err
	}
	if _, err := run("losetup", "--set-capacity", device); err != nil {
		return nil, err
	}
	if kind.IsDir() {
		if err := grow(device, request.VolumePath); err != nil {
			return nil, err
		}
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: there.Bytes}, nil
}

func (n *nodeServer) volume(id string) (*disk, error) {
	there, err := n.array.find(id)
	if err == nil && there == nil {
		err = status.Errorf(codes.NotFound, "the array has no %q", id)
	}
	return there, err
}

// at finds a volume, and what it is at its path: a folder, or a device.
func (n *nodeServer) at(id, path string) (*disk, os.FileInfo, error) {
	if id == "" || path == "" {
		return nil, nil, status.Error(codes.InvalidArgument, "a volume at a path is needed")
	}
	there, err := n.volume(id)
	if err != nil {
		return nil, nil, err
	}
	kind, err := os.Stat(path)
	if err != nil {
		return nil, nil, status.Errorf(codes.NotFound, "%v", err)
	}
	return there, kind, nil
}
