package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// writeAheadLog compares the log with what SQLite knows of it. SQLite does not: it
// writes on where it was, whatever has become of the bytes before, and after a crash
// reads no further than the first that are wrong.
type writeAheadLog struct {
	file *os.File
	info os.FileInfo // of file
	// index is the file that SQLite's connections share the state of the log by.
	// Closing it drops SQLite's locks on it (POSIX): it is closed after SQLite's own.
	index *os.File
	// flush has the disk keep what was written to the log, by whatever descriptor.
	flush func() error
	// write is file's, by which spoil writes.
	write func(p []byte, at int64) error
	// spoiling says that spoil has written, perhaps in part, and that this is to be flushed.
	spoiling bool

	mu sync.Mutex
	// seen is how far the log was written at the last look, begin its first bytes.
	// Both stay what they are until the log begins anew.
	seen  logState
	begin [512]byte
}

// logState is how far the log is written (file format, WAL-index header).
type logState struct {
	frames   uint32
	pageSize int64
	salt     [8]byte   // differs each time that the log begins anew
	sum      [2]uint32 // of all content up to the last frame
}

// length is in bytes.
func (s logState) length() int64 {
	if s.frames == 0 {
		return 0
	}
	return logHeader + int64(s.frames)*(frameHeader+s.pageSize)
}

const (
	logHeader   = 32
	frameHeader = 24
	indexHeader = 48 // of which there are two copies
)

// openLog is for the log of a database that SQLite has opened. Its locks are on other
// files, so that opening and closing it does no harm.
func openLog(path string) (*writeAheadLog, error) {
	file, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	index, err := os.Open(path + "-shm")
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	write := func(p []byte, at int64) error {
		_, err := file.WriteAt(p, at)
		return err
	}
	return &writeAheadLog{file: file, info: info, index: index, write: write}, nil
}

func (l *writeAheadLog) close() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.file.Close(), l.index.Close())
}

// size is how long the file is, in bytes, which may be more than the log.
func (l *writeAheadLog) size() (int64, error) {
	info, err := l.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// reserve writes zeros behind the file's end, at most so many and until it has size bytes.
// It tells whether it has. Nobody else may write to the log meanwhile.
func (l *writeAheadLog) reserve(size, atMost int64) (enough bool, err error) {
	info, err := l.file.Stat()
	if err != nil || info.Size() >= size {
		return true, err
	}
	_, err = l.file.WriteAt(make([]byte, min(size-info.Size(), atMost)), info.Size())
	return false, err
}

// intact fails if the log's beginning or end is not there as SQLite wrote it.
func (l *writeAheadLog) intact() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		state, err := l.state()
		if err != nil {
			return err
		}
		wrong := l.compare(state)
		if wrong == nil {
			return nil
		}
		// It may just have begun anew: SQLite says so before it touches the log.
		if again, err := l.state(); err != nil || again == state {
			return errors.Join(wrong, err)
		}
	}
}

// state reads the header's two copies. They differ for the moment of a commit.
func (l *writeAheadLog) state() (s logState, err error) {
	var b [2 * indexHeader]byte
	for range 1000 {
		if _, err := l.index.ReadAt(b[:], 0); err != nil {
			return s, fmt.Errorf("its index cannot be read: %w", err)
		}
		if bytes.Equal(b[:indexHeader], b[indexHeader:]) {
			break
		}
	}
	order := binary.NativeEndian
	size := int64(order.Uint16(b[14:]))
	s = logState{
		frames: order.Uint32(b[16:]), pageSize: size&0xfe00 + size&1<<16, // 65536 does not fit
		sum: [2]uint32{order.Uint32(b[24:]), order.Uint32(b[28:])},
	}
	copy(s.salt[:], b[32:])
	return s, nil
}

func (l *writeAheadLog) compare(s logState) error {
	if s.frames == 0 {
		return nil // all of it is in the database, and what comes next begins it anew
	}
	var begin [len(l.begin)]byte
	if _, err := l.file.ReadAt(begin[:], 0); errors.Is(err, io.EOF) {
		return errors.New("it is shorter than what was written")
	} else if err != nil {
		return err
	}
	known := l.seen.frames > 0 && l.seen.salt == s.salt
	if !bytes.Equal(begin[16:24], s.salt[:]) || binary.BigEndian.Uint32(begin[:])&^1 != 0x377f0682 || known && begin != l.begin {
		return errors.New("its beginning is not what was written")
	}
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	// That it was cut before the last commit would not show after it: the file system
	// fills the gap with zeros.
	if known {
		if err := l.ends(l.seen, info.Size()); err != nil {
			return err
		}
	}
	if err := l.ends(s, info.Size()); err != nil {
		return err
	}
	l.seen, l.begin = s, begin
	return nil
}

// ends fails if the last frame is not there, in a file of this size. What tells is its head,
// and that its page is as long as it was.
func (l *writeAheadLog) ends(s logState, size int64) error {
	var head [frameHeader]byte
	if size < s.length() {
		return errors.New("it is shorter than what was written")
	}
	if _, err := l.file.ReadAt(head[:], s.length()-s.pageSize-frameHeader); errors.Is(err, io.EOF) {
		return errors.New("it is shorter than what was written")
	} else if err != nil {
		return err
	}
	if !bytes.Equal(head[8:16], s.salt[:]) || binary.BigEndian.Uint32(head[16:]) != s.sum[0] || binary.BigEndian.Uint32(head[20:]) != s.sum[1] {
		return errors.New("its end is not what was written")
	}
	return nil
}
