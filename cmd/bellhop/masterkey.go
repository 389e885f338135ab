package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/seal"
)

// openMasterKey opens the file with the key that the secrets are encrypted with,
// and makes it only where nothing is encrypted yet: with a new key beside an old
// database, every delivery would fail.
func openMasterKey(path, database string, endpoints []bellhop.Endpoint, log *slog.Logger) (ring *seal.Ring, created bool, err error) {
	_, err = os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing && len(endpoints) > 0 {
		return nil, false, fmt.Errorf("the master key file %s is missing, but %s has %s whose secrets it encrypts: restore the file from its backup, or name its place with --master-key-file", path, database, count(len(endpoints), "endpoint"))
	}
	if ring, created, err = seal.LoadOrCreate(path); err != nil {
		return nil, false, err
	}
	closed, reason := 0, error(nil)
	for _, e := range endpoints {
		for _, secret := range e.Secrets {
			if _, err := ring.Open(secret.Sealed, e.ID.String()); err != nil {
				closed, reason = closed+1, err
				break
			}
		}
	}
	switch {
	case closed == 0:
	case closed == len(endpoints) && errors.Is(reason, seal.ErrUnknownKey):
		return nil, false, fmt.Errorf("the master key file %s is not the one of %s: it opens the secrets of none of its %s. Restore the right file from its backup, or name its place with --master-key-file", path, database, count(closed, "endpoint"))
	default:
		log.Error("secrets of some endpoints cannot be opened; their deliveries are held", "endpoints", closed, "of", len(endpoints), "err", reason)
	}
	return ring, created, nil
}

// keyContext is what the check of the master key is sealed for.
const keyContext = "the master key of all nodes"

// sharedMasterKey is openMasterKey where several nodes share a database, and their
// secrets must be sealed with the same key: a text that the first node has sealed tells
// whether another one has it. It is called by one process at a time.
func sharedMasterKey(ctx context.Context, store keyChecks, path, database string, endpoints []bellhop.Endpoint, log *slog.Logger) (ring *seal.Ring, created bool, err error) {
	check, err := store.KeyCheck(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("read which master key %s is for: %w", database, err)
	}
	if _, err := os.Stat(path); len(check) > 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("the master key file %s is missing, but %s was set up with one: copy the file of the other nodes, or of its backup, to this place, or name its place with --master-key-file", path, database)
	}
	if ring, created, err = openMasterKey(path, database, endpoints, log); err != nil {
		return nil, false, err
	}
	if len(check) > 0 {
		if _, err := ring.Open(check, keyContext); err != nil {
			return nil, false, fmt.Errorf("the master key file %s is not the one of %s: the other nodes use another key. Copy their file to this place, or name its place with --master-key-file", path, database)
		}
		if ring.Current(check) {
			return ring, created, nil
		}
		log.Warn("another key seals secrets from now on: every node needs it in its master key file, or cannot open them, nor start again", "master_key_file", path)
	}
	if err := store.NoteKeyCheck(ctx, ring.Seal(nil, keyContext)); err != nil {
		if created { // nothing is sealed with it yet
			_ = os.Remove(path)
		}
		return nil, false, fmt.Errorf("note which master key %s is for: %w", database, err)
	}
	return ring, created, nil
}

// keyChecks are kept by a store that several nodes share.
type keyChecks interface {
	// KeyCheck gives what was noted last; nil: nothing yet.
	KeyCheck(ctx context.Context) ([]byte, error)
	NoteKeyCheck(ctx context.Context, sealed []byte) error
}

// watchKeyFile says, until ctx ends, when the file is gone without which a restart
// could not open the secrets.
func watchKeyFile(ctx context.Context, path string, log *slog.Logger) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for gone := false; ; {
		switch _, err := os.Stat(path); {
		case err != nil && !gone:
			gone = true
			log.Error("the master key file cannot be seen any more: Bellhop goes on with the key that it has read, but once stopped it cannot start without that file; restore it from its backup", "master_key_file", path, "err", err)
		case err == nil && gone:
			gone = false
			log.Info("the master key file is in its place again", "master_key_file", path)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
