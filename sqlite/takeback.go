package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/bellhop/bellhop"
)

// A transaction that fails at its commit may lie in the write-ahead log all the same, complete
// and with its commit mark: SQLite writes the frames first, and what it does after that can
// fail, such as making the index longer that the connections share (-shm) on a disk that is
// full, where the log's own file had room (makeRoom). SQLite takes the transaction back in
// memory, and the next one is written over it. But a process that dies before that leaves it to
// its successor, who cannot tell it from one that went well, and takes it up. So what it has
// left is spoilt, on the disk as well, before anybody is told that nothing was done.

// takenBack gives what the callers of a transaction are told that failed at its commit: err,
// unless what it has left in the log is there still.
func (w *writer) takenBack(err error) error {
	w.left = true
	if failed := w.takeBack(); failed != nil {
		return fmt.Errorf("%w: %w; %w", bellhop.ErrUnknown, err, failed)
	}
	return err
}

// takeBack spoils what the last transaction has left in the log, if it failed at its commit
// and that was not done yet. Until it succeeds no other begins: who was told ErrUnknown asks
// what became of his, and an answer must hold after a restart as well.
func (w *writer) takeBack() error {
	if !w.left {
		return nil
	}
	// SQLite's lock was given up by the failure. Who has written to the log since, in another
	// process, has written over what was left, and moved the log's end.
	err := transaction(w.conn, func() error {
		err := w.files.wal.spoil()
		if err == nil && w.files.wal.spoiling {
			err = w.files.flushLog()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("what a failed commit left in the write-ahead log could not be overwritten: %w", err)
	}
	w.left, w.files.wal.spoiling = false, false
	return nil
}

// spoil overwrites the head of the frame that follows the last one that counts, should it be
// one of this round of the log: whoever reads the log stops there. Nobody else may write to
// the log meanwhile.
//
// Where the log is about to begin anew, none counts. Its head may be that of the round before
// still, and that is what is compared with, not the index: SQLite makes the first round's salt
// up without telling the index. To spoil the round before does no harm, all of it is in the
// database.
func (l *writeAheadLog) spoil() error {
	s, err := l.state()
	if err != nil {
		return err
	}
	var log [logHeader]byte
	var frame [frameHeader]byte
	at := max(s.length(), logHeader)
	if _, err = l.file.ReadAt(log[:], 0); err == nil {
		_, err = l.file.ReadAt(frame[:], at)
	}
	if errors.Is(err, io.EOF) {
		return nil // there is no room for a frame
	}
	if err != nil || !l.spoiling && !bytes.Equal(frame[8:16], log[16:24]) {
		return err
	}
	l.spoiling = true
	return l.write(make([]byte, frameHeader), at)
}
