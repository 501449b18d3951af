package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type controller struct {
	csi.UnimplementedControllerServer
	array  *array
	faults *faults
	mutex  sync.Mutex // of the array's records
}

func newController(store *array) *controller {
	return &controller{array: store, faults: newFaults(store.folder)}
}

func (c *controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, one := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_PUBLISH_UNPUBLISH_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: one}}})
	}
	return answer, nil
}

func (c *controller) CreateVolume(_ context.Context, request *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if request.Name == "" {
		return nil, status.Error(codes.InvalidArgument, "a volume needs a name")
	}
	if err := checkCapabilities(request.VolumeCapabilities); err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	wanted := &disk{ID: idOf("vol", request.Name), Name: request.Name, Made: time.Now().UnixNano()}
	least := int64(leastBytes)
	if source := request.VolumeContentSource; source != nil {
		wanted.Source = source.GetVolume().GetVolumeId() + source.GetSnapshot().GetSnapshotId()
		from, err := c.known(wanted.Source)
		if err != nil {
			return nil, err
		}
		least = from.Bytes
	}
	bytes, err := bytesOf(request.CapacityRange, least)
	if err != nil {
		return nil, err
	}
	wanted.Bytes = bytes
	there, err := c.array.find(wanted.ID)
	if err != nil {
		return nil, err
	}
	if there == nil {
		there = wanted
		if err := c.array.make(wanted); err != nil {
			return nil, err
		}
	} else if there.Bytes < bytes || over(request.CapacityRange, there.Bytes) || there.Source != wanted.Source {
		return nil, status.Errorf(codes.AlreadyExists, "volume %s is there, with %d bytes of source %q",
			request.Name, there.Bytes, there.Source)
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: there.ID, CapacityBytes: there.Bytes, ContentSource: request.VolumeContentSource}}, nil
}

func (c *controller) DeleteVolume(ctx context.Context, request *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	id := request.VolumeId
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "which volume is to be deleted?")
	}
	known, err := c.faults.read()
	if err != nil {
		return nil, err
	}
	if err := c.faults.slow(ctx, "delete "+id, known.DeleteSeconds); err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	there, err := c.array.find(id)
	if err != nil {
		return nil, err
	}
	if there != nil && there.Node != "" {
		return nil, status.Errorf(codes.FailedPrecondition, "volume %s is attached to %s", id, there.Node)
	}
	return &csi.DeleteVolumeResponse{}, c.array.remove(id)
}

// ControllerPublishVolume lets one node have a volume.
func (c *controller) ControllerPublishVolume(ctx context.Context, request *csi.ControllerPublishVolumeRequest) (*csi.ControllerPublishVolumeResponse, error) {
	id, node := request.VolumeId, request.NodeId
	if id == "" || node == "" {
		return nil, status.Error(codes.InvalidArgument, "an attachment needs a volume and a node")
	}
	if err := checkCapabilities([]*csi.VolumeCapability{request.VolumeCapability}); err != nil {
		return nil, err
	}
	if _, err := c.volume(id); err != nil {
		return nil, err
	}
	known, err := c.faults.read()
	if err != nil {
		return nil, err
	}
	if err := c.faults.slow(ctx, "attach "+id+" to "+node, known.AttachSeconds); err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	there, err := c.known(id)
	if err != nil {
		return nil, err
	}
	answer := &csi.ControllerPublishVolumeResponse{}
	switch {
	case !c.array.hasNode(node):
		return nil, status.Errorf(codes.NotFound, "the array knows no node %s", node)
	case there.Node == node && there.ReadOnly == request.Readonly:
		return answer, nil
	case there.Node == node:
		return nil, status.Errorf(codes.AlreadyExists, "volume %s is attached to %s in another mode", id, node)
	case there.Node != "":
		return nil, status.Errorf(codes.FailedPrecondition, "volume %s is attached to %s, and one node at a time has it", id, there.Node)
	}
	count, err := c.array.attached(node)
	if err != nil {
		return nil, err
	}
	if count >= mostVolumes {
		return nil, status.Errorf(codes.ResourceExhausted, "node %s has %d volumes, the most that it may have", node, count)
	}
	there.Node, there.ReadOnly = node, request.Readonly
	return answer, c.array.save(there)
}

func (c *controller) ControllerUnpublishVolume(_ context.Context, request *csi.ControllerUnpublishVolumeRequest) (*csi.ControllerUnpublishVolumeResponse, error) {
	if request.VolumeId == "" {
		return nil, status.Error(codes.InvalidArgument, "which volume is to be detached?")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	answer := &csi.ControllerUnpublishVolumeResponse{}
	there, err := c.array.find(request.VolumeId)
	if err != nil || there == nil || there.Node == "" || (request.NodeId != "" && request.NodeId != there.Node) {
		return answer, err
	}
	if err := c.faults.failDetach("detach " + there.ID); err != nil {
		return nil, err
	}
	there.Node, there.ReadOnly = "", false
	if err := c.array.save(there); err != nil {
		return nil, err
	}
	return answer, c.array.release(there.ID) // what a node that is lost has left of it
}

func (c *controller) ValidateVolumeCapabilities(_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if request.VolumeId == "" || len(request.VolumeCapabilities) == 0 {
		return nil, status.Error(codes.InvalidArgument, "a volume and its capabilities are needed")
	}
	if _, err := c.volume(request.VolumeId); err != nil {
		return nil, err
	}
	if err := checkCapabilities(request.VolumeCapabilities); err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: request.VolumeCapabilities}}, nil
}

func (c *controller) ControllerExpandVolume(_ context.Context, request *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	if request.VolumeId == "" || request.CapacityRange == nil {
		return nil, status.Error(codes.InvalidArgument, "a volume and its new capacity are needed")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	there, err := c.known(request.VolumeId)
	if err != nil {
		return nil, err
	}
	bytes, err := bytesOf(request.CapacityRange, there.Bytes)
	if err != nil {
		return nil, err
	}
	if bytes > there.Bytes {
		there.Bytes = bytes
		if err := os.Truncate(c.array.image(there.ID), bytes); err != nil {
			return nil, err
		}
		if err := c.array.save(there); err != nil {
			return nil, err
		}
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: bytes, NodeExpansionRequired: true}, nil
}

func (c *controller) CreateSnapshot(_ context.Context, request *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if request.Name == "" || request.SourceVolumeId == "" {
		return nil, status.Error(codes.InvalidArgument, "a snapshot needs a name and a volume")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	id := idOf("snap", request.Name)
	there, err := c.array.find(id)
	if err != nil {
		return nil, err
	}
	if there == nil {
		source, err := c.known(request.SourceVolumeId)
		if err != nil {
			return nil, err
		}
		there = &disk{ID: id, Name: request.Name, Bytes: source.Bytes, Source: source.ID, Made: time.Now().UnixNano()}
		if err := c.array.make(there); err != nil {
			return nil, err
		}
	} else if there.Source != request.SourceVolumeId {
		return nil, status.Errorf(codes.AlreadyExists, "snapshot %s is there, of volume %s", request.Name, there.Source)
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId: id, SourceVolumeId: there.Source, SizeBytes: there.Bytes,
		CreationTime: timestamppb.New(time.Unix(0, there.Made)), ReadyToUse: true}}, nil
}

func (c *controller) DeleteSnapshot(_ context.Context, request *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if request.SnapshotId == "" {
		return nil, status.Error(codes.InvalidArgument, "which snapshot is to be deleted?")
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return &csi.DeleteSnapshotResponse{}, c.array.remove(request.SnapshotId)
}

// volume is `known` for those who do not hold the mutex.
func (c *controller) volume(id string) (*disk, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.known(id)
}

func (c *controller) known(id string) (*disk, error) {
	there, err := c.array.find(id)
	if err == nil && there == nil {
		err = status.Errorf(codes.NotFound, "the array has no %q", id)
	}
	return there, err
}

// checkCapabilities refuses what one node at a time cannot have.
func checkCapabilities(capabilities []*csi.VolumeCapability) error {
	if len(capabilities) == 0 {
		return status.Error(codes.InvalidArgument, "no capability was asked for")
	}
	for _, one := range capabilities {
		if one.GetBlock() == nil && one.GetMount() == nil {
			return status.Error(codes.InvalidArgument, "a volume is a device or is mounted")
		}
		switch one.GetAccessMode().GetMode() {
		case csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER,
			csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY,
			csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER,
			csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER:
		default:
			return status.Errorf(codes.InvalidArgument, "one node at a time has a volume, not %s", one.GetAccessMode().GetMode())
		}
	}
	return nil
}

// bytesOf is the size for a range of them, in whole pages.
func bytesOf(asked *csi.CapacityRange, least int64) (int64, error) {
	bytes := max(asked.GetRequiredBytes(), least)
	bytes = (bytes + 4095) / 4096 * 4096
	if over(asked, bytes) || bytes > mostBytes {
		return 0, status.Errorf(codes.OutOfRange, "a volume has %d to %d bytes, here %d at least", leastBytes, mostBytes, bytes)
	}
	return bytes, nil
}

func over(asked *csi.CapacityRange, bytes int64) bool {
	return asked.GetLimitBytes() > 0 && bytes > asked.GetLimitBytes()
}
