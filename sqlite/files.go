package sqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/bellhop/bellhop"
)

// files are the database and its write-ahead log as they were opened. SQLite goes on
// with open files whatever becomes of their names, so what is committed after they
// were removed, or replaced, is lost with the process: the writer looks before each
// transaction, which costs some microseconds beside the disk's flush.
type files struct {
	// path has no links in it, name is what was asked for.
	path, name string
	log        *slog.Logger

	// lock keeps other processes from the same file under another name.
	lock *inodeLock
	db   os.FileInfo
	// wal is nil until SQLite has made it.
	wal *writeAheadLog
	// size is how large the database was at least: it never shrinks.
	size int64
	// unkept is the first flush that failed.
	unkept atomic.Pointer[error]
	// final is closed then.
	final chan struct{}
	// flushing is held while the log is flushed.
	flushing sync.Mutex

	// lost is the sentence that was logged last; "" if all is well. saved says that
	// the removed log's content is in the database.
	lost  string
	saved bool
}

// noteWAL remembers the write-ahead log, once SQLite has made it.
func (f *files) noteWAL() (err error) {
	f.wal, err = openLog(f.path)
	return err
}

// damaged tells whether the log is not what SQLite has written, or may not be: it must not be
// copied into the database then.
func (f *files) damaged() bool {
	return f.unkept.Load() != nil || f.wal != nil && f.wal.intact() != nil
}

func (f *files) close() error {
	return errors.Join(f.wal.close(), f.lock.close())
}

// same fails if the database's name leads to another file, or nowhere.
func (f *files) same() error {
	db, err := os.Lstat(f.path)
	if err == nil && !os.SameFile(db, f.db) {
		err = fmt.Errorf("%s is another file now than the one that Bellhop has opened", f.path)
	}
	return err
}

// check fails with ErrUnavailable while the names do not lead to the files that are
// open, or these were cut short by somebody else. save is to bring what the log holds
// into the database.
func (f *files) check(save func() error) error {
	lost, walGone := f.look()
	if walGone && f.damaged() {
		lost, walGone = lost+"; what it held is damaged: "+restore, false
	}
	if walGone && !f.saved {
		if err := save(); err != nil {
			lost += "; what it held could not be saved to the database yet (" + err.Error() + ")"
		} else {
			f.saved = true
		}
	}
	if walGone && f.saved {
		lost += "; what it held has been saved to the database. Restart Bellhop"
	}
	if lost != f.lost {
		f.lost = lost
		if lost == "" {
			f.log.Info("the database's files are in their place again", "database", f.path)
		} else {
			f.log.Error("no write is taken any more: " + lost)
		}
	}
	if lost == "" {
		f.saved = false
		return nil
	}
	return fmt.Errorf("%w: %s: %w", bellhop.ErrUnavailable, lost, &bellhop.Error{
		Code:   bellhop.CodeUnavailable,
		Detail: "The files of the database were removed, moved or changed by somebody else; nothing was done. Bellhop's log says what to do",
	})
}

const (
	putBack = "put it back, and Bellhop goes on; or " + restore
	restore = "stop Bellhop, restore a backup, and start it again"
	noWAL   = "the database's write-ahead log %s was %s while Bellhop runs"
)

// look says in a sentence what is wrong, if anything.
func (f *files) look() (lost string, walGone bool) {
	if err := f.unflushed(); err != nil {
		return err.Error() + ": see to the disk, and restart Bellhop", false
	}
	// Not what a link leads to: the log's name is the database's own with an ending,
	// so that nobody would look for it here any more.
	switch db, err := os.Lstat(f.path); {
	case errors.Is(err, os.ErrNotExist):
		return "the database " + f.path + " was removed or moved while Bellhop runs: " + putBack, false
	case err != nil:
		return "the database " + f.path + " cannot be seen any more (" + err.Error() + "): make it accessible, and Bellhop goes on", false
	case db.Mode()&os.ModeSymlink != 0:
		return "the database " + f.path + " was moved while Bellhop runs, and is a link now: " + putBack, false
	case !os.SameFile(db, f.db):
		return "the database " + f.path + " is another file now than the one that Bellhop has opened: " + putBack, false
	case db.Size() < f.size:
		return "the database " + f.path + " was cut short or overwritten while Bellhop runs: " + restore, false
	default:
		f.size = db.Size()
	}
	if f.name != f.path {
		if db, err := os.Stat(f.name); err != nil || !os.SameFile(db, f.db) {
			return "the link " + f.name + " does not lead to the database " + f.path + " any more: " + putBack, false
		}
	}
	if f.wal == nil {
		return "", false
	}
	switch wal, err := os.Lstat(f.path + "-wal"); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf(noWAL, f.path+"-wal", "removed"), true
	case err != nil:
		return "the database's write-ahead log cannot be seen any more (" + err.Error() + "): make it accessible, and Bellhop goes on", false
	case !os.SameFile(wal, f.wal.info):
		return fmt.Sprintf(noWAL, f.path+"-wal", "replaced"), true
	}
	if err := f.wal.intact(); err != nil {
		return fmt.Sprintf(noWAL, f.path+"-wal", "cut short or overwritten") + " (" + err.Error() + "): " + restore, false
	}
	return "", false
}
