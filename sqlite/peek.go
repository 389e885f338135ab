package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// FileInfo is what a look at a database file tells.
type FileInfo struct {
	Size, WALSize int64 // in bytes
	Schema        int   // as of the last checkpoint; see [Schema]
}

// Peek looks at a database file without opening it as one: it may be in use, and stays as
// it is. It fails with an [OpenError] of kind [ErrForeign], [ErrNewer] or [ErrCorrupt] for
// what this program would not open, and with fs.ErrNotExist where there is no file.
func Peek(path string) (FileInfo, error) {
	var info FileInfo
	f, err := os.Open(path)
	if err != nil {
		return info, fmt.Errorf("look at the database: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	st, err := f.Stat()
	if err != nil {
		return info, fmt.Errorf("look at the database: %w", err)
	}
	info.Size = st.Size()
	if wal, err := os.Stat(path + "-wal"); err == nil {
		info.WALSize = wal.Size()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return info, fmt.Errorf("look at the database's log: %w", err)
	}
	if info.Size == 0 {
		return info, nil // made, and nothing was checkpointed yet
	}
	// https://www.sqlite.org/fileformat.html#the_database_header
	head := make([]byte, 100)
	if _, err := io.ReadFull(f, head); err != nil || !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) {
		return info, &OpenError{path, ErrCorrupt, path + " is no SQLite database: restore it from a backup, or name another file", nil}
	}
	app := binary.BigEndian.Uint32(head[68:])
	info.Schema = int(binary.BigEndian.Uint32(head[60:]))
	switch {
	case app == 0 && info.Schema == 0: // what makes it ours is in the log still
	case app != applicationID:
		return info, &OpenError{path, ErrForeign, path + " is the database of another application: name another file", nil}
	case info.Schema > Schema():
		return info, &OpenError{path, ErrNewer, fmt.Sprintf("%s was written by a newer Bellhop (schema %d; this one knows up to %d): run that version, or restore a backup made before the upgrade", path, info.Schema, Schema()), nil}
	}
	return info, nil
}
