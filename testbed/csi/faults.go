package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// told is what the array is told to do badly, as faults.json in its folder has it.
type told struct {
	AttachSeconds  float64 `json:"attach_seconds"`  // each attachment takes so long
	DetachFailures int     `json:"detach_failures"` // so many detachments fail, from when it is told
	DeleteSeconds  float64 `json:"delete_seconds"`  // each deletion takes so long
}

// faults knows what is under way: what is asked for again goes on, and does not begin anew.
type faults struct {
	file  string
	mutex sync.Mutex
	began map[string]time.Time
}

func newFaults(folder string) *faults {
	return &faults{file: filepath.Join(folder, "faults.json"), began: map[string]time.Time{}}
}

func (f *faults) read() (told, error) {
	var known told
	text, err := os.ReadFile(f.file)
	if os.IsNotExist(err) {
		return known, nil
	}
	if err != nil {
		return known, err
	}
	return known, json.Unmarshal(text, &known)
}

// slow returns when an operation that takes so long is done, also if it was asked for before.
func (f *faults) slow(ctx context.Context, operation string, seconds float64) error {
	f.mutex.Lock()
	began, known := f.began[operation]
	if !known {
		began = time.Now()
		f.began[operation] = began
	}
	f.mutex.Unlock()
	left := time.Until(began.Add(time.Duration(seconds * float64(time.Second))))
	select {
	case <-time.After(left):
	case <-ctx.Done():
		return status.Errorf(codes.Aborted, "%s: under way, %.0f s to go", operation, left.Seconds())
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.began, operation)
	return nil
}

// failDetach fails as often as it was told.
func (f *faults) failDetach(operation string) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	known, err := f.read()
	if err != nil || known.DetachFailures <= 0 {
		return err
	}
	known.DetachFailures--
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.file, text, 0o600); err != nil {
		return err
	}
	return status.Errorf(codes.Internal, "%s: the array was told to fail, %d more times", operation, known.DetachFailures)
}
