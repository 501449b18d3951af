// A CSI driver whose volumes are files of a folder, the array: a controller attaches each to one node
// at a time, and a node makes a loop device of it.
//
//	csi --array FOLDER --socket FILE [--controller] [--node NAME] [--registry FOLDER]
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

const driverName = "block.stormark.testbed"

func main() {
	folder := flag.String("array", "", "the folder with the volumes")
	socket := flag.String("socket", "", "where it listens")
	controls := flag.Bool("controller", false, "serve what a cluster asks for once")
	node := flag.String("node", "", "serve what the node of this name asks for")
	registry := flag.String("registry", "", "the folder in which kubelet looks for drivers")
	flag.Parse()
	store := &array{folder: *folder}

	server := grpc.NewServer(grpc.UnaryInterceptor(logged))
	csi.RegisterIdentityServer(server, &identity{controls: *controls})
	if *controls {
		csi.RegisterControllerServer(server, newController(store))
	}
	if *node != "" {
		if err := store.addNode(*node); err != nil {
			log.Fatal(err)
		}
		csi.RegisterNodeServer(server, &nodeServer{array: store, name: *node})
	}
	if *registry != "" {
		registrar := grpc.NewServer()
		registration.RegisterRegistrationServer(registrar, &registrarServer{socket: *socket})
		go serve(registrar, filepath.Join(*registry, driverName+"-reg.sock"))
	}
	serve(server, *socket)
}

func serve(server *grpc.Server, socket string) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		log.Fatal(err)
	}
	os.Remove(socket) // that of a life before
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}

func logged(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	answer, err := handler(ctx, request)
	if err != nil {
		log.Printf("%s %v: %v", info.FullMethod, request, err)
	} else if _, probed := request.(*csi.ProbeRequest); !probed {
		log.Printf("%s %v", info.FullMethod, request)
	}
	return answer, err
}

type identity struct {
	csi.UnimplementedIdentityServer
	controls bool
}

func (i *identity) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: driverName, VendorVersion: "1"}, nil
}

func (i *identity) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	answer := &csi.GetPluginCapabilitiesResponse{}
	if i.controls {
		answer.Capabilities = []*csi.PluginCapability{
			{Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{
				Type: csi.PluginCapability_Service_CONTROLLER_SERVICE}}},
			{Type: &csi.PluginCapability_VolumeExpansion_{VolumeExpansion: &csi.PluginCapability_VolumeExpansion{
				Type: csi.PluginCapability_VolumeExpansion_ONLINE}}},
		}
	}
	return answer, nil
}

func (i *identity) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}

// registrarServer tells kubelet of the driver.
type registrarServer struct {
	registration.UnsafeRegistrationServer
	socket string
}

func (r *registrarServer) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: driverName, Endpoint: r.socket, SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (r *registrarServer) NotifyRegistrationStatus(_ context.Context, said *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !said.PluginRegistered {
		log.Fatalf("kubelet did not register the driver: %s", said.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
