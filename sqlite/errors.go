package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// What can be wrong with a file, for errors.Is.
var (
	ErrLocked      = errors.New("in use by another Bellhop")
	ErrCorrupt     = errors.New("damaged, or not a database")
	ErrNewer       = errors.New("written by a newer Bellhop")
	ErrForeign     = errors.New("another application's database")
	ErrFull        = errors.New("no space left")
	ErrReadOnly    = errors.New("read-only")
	ErrNoDirectory = errors.New("no such folder")
	ErrMissing     = errors.New("gone, and its log is left")
	ErrMoving      = errors.New("filled in part by a move")
	ErrPermission  = errors.New("permission denied")
)

// OpenError says why a file cannot be opened, and what to do. The file is as it
// was.
type OpenError struct {
	Path string
	// Kind is one of the errors above, or nil.
	Kind     error
	Sentence string
	// Err is what the system said, if anything.
	Err error
}

// Error gives the sentence, and what the system said.
func (e *OpenError) Error() string {
	if e.Err == nil {
		return e.Sentence
	}
	return e.Sentence + " (" + e.Err.Error() + ")"
}

// Unwrap gives the kind and the system's error.
func (e *OpenError) Unwrap() []error {
	var list []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// openError finds the sentence for what went wrong while opening.
func openError(path string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*OpenError](err); ok {
		return e
	}
	kind := kindAt(path, err)
	sentence := "Cannot open " + path
	switch kind {
	case ErrCorrupt:
		sentence = path + " is damaged, or not a database: restore a backup, or name another file; nothing was changed"
	case ErrFull:
		sentence = "The disk that holds " + path + " is full: free some space"
	case ErrReadOnly:
		sentence = path + " cannot be written, the file or its disk is read-only: make it writable, or name another file"
	case ErrPermission:
		sentence = "This user may not read and write " + path + " and its folder: change their owner or mode, or run as another user"
	}
	return &OpenError{path, kind, sentence, err}
}

// noRoom tells whether a file as large as those of an open database begin does not fit into
// a folder.
func noRoom(dir string) bool {
	f, err := os.CreateTemp(dir, ".bellhop-room-")
	if err != nil {
		return kindOf(err) == ErrFull
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 64<<10))
	return kindOf(errors.Join(err, f.Sync(), f.Close())) == ErrFull
}

// kindAt is kindOf for what went wrong with a database. SQLite does not say that the disk is full
// of the file that its connections share (-shm).
func kindAt(path string, err error) error {
	kind := kindOf(err)
	if kind == nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultIOErr && noRoom(filepath.Dir(path)) {
		kind = ErrFull
	}
	return kind
}

// kindOf is nil for what it does not know.
func kindOf(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return ErrPermission
	case errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrFull
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultNotADB, sqlite.ResultCorrupt:
		return ErrCorrupt
	case sqlite.ResultFull:
		return ErrFull
	case sqlite.ResultReadOnly:
		return ErrReadOnly
	case sqlite.ResultPerm, sqlite.ResultAuth:
		return ErrPermission
	}
	return nil
}

// storageError tells callers that the store cannot write now; when space returns, so does
// the store. The step did nothing, unless that is not known (takenBack).
func storageError(path string, err error) error {
	unknown := errors.Is(err, bellhop.ErrUnknown)
	if err == nil || !unknown && (ownFault(err) || rejection(err)) {
		return err
	}
	if _, ok := errors.AsType[aborted](err); ok {
		return err
	}
	sentence := "writing to " + path + " failed"
	switch kindAt(path, err) {
	case ErrFull:
		sentence = path + " is full (its disk, or its configured size): free some space"
	case ErrReadOnly:
		sentence = path + " has become read-only"
	case ErrCorrupt:
		sentence = path + " is damaged: restore a backup"
	}
	if unknown {
		return fmt.Errorf("%s: %w", sentence, err)
	}
	return fmt.Errorf("%w: %s: %w", bellhop.ErrUnavailable, sentence, err)
}
