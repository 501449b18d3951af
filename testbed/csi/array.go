package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	mostVolumes = 4         // attached to one node
	leastBytes  = 300 << 20 // mkfs.xfs makes no smaller one
	mostBytes   = 1 << 40
)

// array is a folder on a filesystem that can share blocks between files. Of each volume and snapshot
// it has ID.img and ID.json, in nodes/ an empty file of each node.
type array struct {
	folder string
}

// disk is a volume or a snapshot, as its JSON file has it.
type disk struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	Source   string `json:"source,omitempty"` // the disk it was copied from
	Node     string `json:"node,omitempty"`   // the one that has it attached
	ReadOnly bool   `json:"read_only,omitempty"`
	Made     int64  `json:"made"` // nanoseconds since 1970
}

// idOf is the ID of the disk of a name, so that one that is asked for twice is found.
func idOf(kind, name string) string {
	sum := sha256.Sum256([]byte(name))
	return kind + "-" + hex.EncodeToString(sum[:8])
}

func (a *array) image(id string) string {
	return filepath.Join(a.folder, filepath.Base(id)+".img")
}

func (a *array) record(id string) string {
	return filepath.Join(a.folder, filepath.Base(id)+".json")
}

// find returns nil where there is no such disk.
func (a *array) find(id string) (*disk, error) {
	text, err := os.ReadFile(a.record(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &disk{}
	return found, json.Unmarshal(text, found)
}

// all are the disks that there are, in no order.
func (a *array) all() ([]*disk, error) {
	files, err := filepath.Glob(filepath.Join(a.folder, "*-*.json"))
	if err != nil {
		return nil, err
	}
	var found []*disk
	for _, file := range files {
		id := filepath.Base(file[:len(file)-len(".json")])
		one, err := a.find(id)
		if err != nil {
			return nil, err
		}
		if one != nil {
			found = append(found, one)
		}
	}
	return found, nil
}

// save writes what is known of a disk: the old text or the new, however this ends.
func (a *array) save(one *disk) error {
	text, err := json.Marshal(one)
	if err != nil {
		return err
	}
	fresh := a.record(one.ID) + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, a.record(one.ID))
}

// make writes the image of a disk, which shares its blocks with those of its source, and then its record.
func (a *array) make(one *disk) error {
	image, err := os.OpenFile(a.image(one.ID), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer image.Close()
	if one.Source != "" {
		source, err := os.Open(a.image(one.Source))
		if err != nil {
			return err
		}
		defer source.Close()
		if err := unix.IoctlFileClone(int(image.Fd()), int(source.Fd())); err != nil {
			return err
		}
	}
	if err := image.Truncate(one.Bytes); err != nil {
		return err
	}
	return a.save(one)
}

// remove is done too where there is nothing.
func (a *array) remove(id string) error {
	for _, file := range []string{a.image(id), a.record(id)} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// attached counts the volumes that a node has.
func (a *array) attached(node string) (int, error) {
	disks, err := a.all()
	count := 0
	for _, one := range disks {
		if one.Node == node {
			count++
		}
	}
	return count, err
}

func (a *array) addNode(name string) error {
	folder := filepath.Join(a.folder, "nodes")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), nil, 0o600)
}

func (a *array) hasNode(name string) bool {
	_, err := os.Stat(filepath.Join(a.folder, "nodes", filepath.Base(name)))
	return err == nil
}
