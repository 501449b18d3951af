package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

// run is the output of a command that succeeds.
func run(name string, arguments ...string) (string, error) {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	said := strings.TrimSpace(string(output))
	if err != nil {
		return said, fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, said)
	}
	return said, nil
}

// loopDevices are those of a file, also of names that other namespaces have for it.
func loopDevices(image string) ([]string, error) {
	listed, err := run("losetup", "--associated", image, "--noheadings", "--output", "NAME")
	return strings.Fields(listed), err
}

// attach is the loop device of a file, made if there is none. A file that shares blocks with another
// is written in whole ones: then each device has sectors of that size, or a copy could not be mounted.
func attach(image string) (string, error) {
	if there, err := loopDevices(image); err != nil || len(there) > 0 {
		return strings.Join(there[:min(len(there), 1)], ""), err
	}
	return run("losetup", "--direct-io=on", "--sector-size=4096", "--find", "--show", image)
}

// release detaches the loop devices of a volume; one that is in use, the kernel detaches after it.
func (a *array) release(id string) error {
	if _, err := os.Stat(a.image(id)); err != nil {
		return nil // without a file it has none
	}
	devices, err := loopDevices(a.image(id))
	for _, device := range devices {
		if _, failed := run("losetup", "--detach", device); failed != nil {
			if left, _ := loopDevices(a.image(id)); len(left) > 0 {
				err = failed
			}
		}
	}
	return err
}

// mountDevice mounts a volume's filesystem; if there is none, it is made. That of a snapshot grows to
// the size of its volume.
func mountDevice(device, path string, asked *csi.VolumeCapability_MountVolume, of *disk) error {
	kind, _ := run("blkid", "--probe", "--match-tag", "TYPE", "--output", "value", device) // 2: none
	if kind == "" {
		kind = asked.FsType
		if kind == "" {
			kind = "ext4"
		}
		if _, err := run("mkfs."+kind, "-q", device); err != nil {
			return err
		}
	}
	options := asked.MountFlags
	if of.ReadOnly {
		options = append(options, "ro")
	}
	copied := of.Source != "" && !of.ReadOnly
	if copied && kind == "ext4" { // while it is not mounted: else that needs CAP_SYS_RESOURCE
		run("e2fsck", "-f", "-p", device) // 1: it has mended what a snapshot leaves
		if _, err := run("resize2fs", device); err != nil {
			return err
		}
	}
	if kind == "xfs" {
		options = append(options, "nouuid") // that of a snapshot is its source's
	}
	if err := os.MkdirAll(path, 0o750); err != nil {
		return err
	}
	line := []string{"-t", kind}
	if len(options) > 0 {
		line = append(line, "-o", strings.Join(options, ","))
	}
	if _, err := run("mount", append(line, device, path)...); err != nil {
		return err
	}
	if copied && kind == "xfs" {
		return grow(device, path)
	}
	return nil
}

func grow(device, path string) error {
	kind, err := run("findmnt", "--noheadings", "--first-only", "--output", "FSTYPE", "--mountpoint", path)
	if err != nil {
		return err
	}
	if kind == "xfs" {
		_, err = run("xfs_growfs", path)
	} else {
		_, err = run("resize2fs", device)
	}
	return err
}

func mounted(path string) bool {
	_, err := run("findmnt", "--noheadings", "--mountpoint", path)
	return err == nil
}

// unmount is done too where nothing is mounted.
func unmount(path string) error {
	for mounted(path) {
		if _, err := run("umount", path); err != nil {
			return err
		}
	}
	return nil
}
