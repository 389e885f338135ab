// Package sqlite keeps Bellhop's data in one SQLite file, for one process.
//
// One goroutine writes: concurrent callers' steps share its transactions (see
// writer.go), which another makes durable (flush.go). Lists are read by a pool of connections beside it, and the
// write-ahead log is copied into the file by a third party (checkpoint.go), so
// that neither holds up a commit.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// Options tune a Store. The zero Options are good.
type Options struct {
	// Logger gets what nobody is told otherwise, such as a failed checkpoint;
	// nil drops it.
	Logger *slog.Logger
	// Program is the version to write into the file, for the error that an
	// older program gives when it meets a newer file.
	Program string
	// MaxSize bounds the file, in bytes: writes that would grow it further fail
	// with bellhop.ErrUnavailable, as on a full disk. 0 is no bound. The
	// write-ahead log comes on top.
	MaxSize int64
	// Readers is how many reads of the logs run at once; 0 means 8. What publishing
	// and delivering need, and upkeep, have readers of their own besides.
	Readers int
	// OnCommit, if not nil, is told of each transaction: how many steps shared
	// it, and how long it took, without the flush.
	OnCommit func(steps int, d time.Duration)
	// OnFlush, if not nil, is told of each flush of the write-ahead log: how long it
	// took. One covers all transactions since the last.
	OnFlush func(d time.Duration)

	// What tests replace: the file system that the writer and the checkpointer open files
	// by, the flush of the log, and how far the log grows.
	vfs                     string
	flush                   func(*os.File) error
	checkpointAfter, maxLog int64
}

// Of a Store's readers, those that are not for the logs: see reading.
const flowReaders, upkeepReaders = 2, 2

// MaxFiles is how many files a Store with so many Options.Readers may have open at once. It
// has fewer as long as nobody reads, and needs them when somebody does: without a file for a
// reader nothing can be delivered, and without one for the writer's folder nothing stored.
func MaxFiles(readers int) int {
	const (
		connections = 2 + flowReaders + upkeepReaders // the writer's and the checkpointer's among them
		ofEach      = 2                               // the database and its log
		index       = 1                               // which they share
		ours        = 4                               // the two locks, and log and index to compare them
		passing     = 1                               // the folder, to flush it; or a file to look at
	)
	return ofEach*(connections+readers) + index + ours + passing
}

// Store is a bellhop.Store in an SQLite file. Open makes one.
type Store struct {
	tokenClaims tokenClaims
	replyClaims replyClaims

	path   string
	moving bool // it may be a file that a move has begun to fill
	log    *slog.Logger
	lock   *os.File
	files  *files
	writer *writer
	steps  *groupcommit.Committer[*step]
	check  *checkpointer

	// open is held for reading by every read, so that Close waits for it.
	open   sync.RWMutex
	closed bool
	// readers are connections by whom they are for: none waits for the others.
	readers [kindsOfReading]*sqlitex.Pool

	// wiping has room for one Wipe, rolling for one RollUp.
	wiping, rolling chan struct{}

	stop    context.CancelFunc
	running sync.WaitGroup
}

var _ bellhop.Store = (*Store)(nil)

// Open opens the file, creating it or bringing its schema up to date if need be.
// Its errors are of type *OpenError; nothing was changed when it fails.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	return open(ctx, path, o, false)
}

// open is Open, also of a file that is being filled by a move.
func open(ctx context.Context, path string, o Options, moving bool) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.vfs == "" {
		o.vfs, o.flush, o.checkpointAfter, o.maxLog = gathering, flushFile, checkpointAfter, maxLog
	}
	name := path
	path, err := locate(name)
	if err != nil {
		return nil, err
	}
	if name, err = filepath.Abs(name); err != nil {
		return nil, openError(path, err)
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, moving: moving, log: o.Logger, lock: lock, files: &files{path: path, name: name, log: o.Logger, final: make(chan struct{})}, wiping: make(chan struct{}, 1), rolling: make(chan struct{}, 1)}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(openError(path, err), s.release())
	}
	return s, nil
}

// locate follows links, so that two names of one file share its lock.
func locate(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", openError(path, err)
	}
	path = resolve(path)
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "", &OpenError{path, ErrNoDirectory, "The folder " + dir + " does not exist: create it, or name another file", err}
	} else if err != nil {
		return "", openError(path, err)
	} else if !info.IsDir() {
		return "", &OpenError{path, ErrNoDirectory, dir + " is not a folder: name another file", nil}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", &OpenError{path, ErrNoDirectory, path + " is a folder: name a file in it", nil}
	}
	if err := access(path); err != nil {
		return "", openError(path, err)
	}
	// SQLite would throw the log away, and begin anew.
	_, err = os.Stat(path)
	if wal, walErr := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) && walErr == nil && wal.Size() > 0 {
		return "", &OpenError{path, ErrMissing, fmt.Sprintf(
			"%s is missing, but its write-ahead log %s-wal is there: put the database back beside it, or restore a backup and remove the log; nothing was changed", path, path), nil}
	}
	return path, nil
}

// resolve follows links, also such as lead to a file that is still to be made. What
// cannot be resolved stays as it is.
func resolve(path string) string {
	next := path
	for range 40 { // where systems give up
		if real, err := filepath.EvalSymlinks(next); err == nil {
			return real
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(next))
		if err != nil {
			return path
		}
		next = filepath.Join(dir, filepath.Base(next))
		link, err := os.Readlink(next)
		if err != nil {
			return next
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(dir, link)
		}
		next = link
	}
	return path
}

func (s *Store) start(ctx context.Context, o Options) error {
	var err error
	if s.files.lock, s.files.db, err = lockInode(s.path); err != nil {
		return err
	}
	s.files.size = s.files.db.Size()
	if s.writer, err = openWriter(s.path, o, s.moving); err != nil {
		return err
	}
	if err := s.files.noteWAL(); err != nil {
		return err
	}
	s.files.wal.flush = func() error { return o.flush(s.files.wal.file) }
	if s.check, err = openCheckpointer(s.path, s.files, &s.writer.between, o); err != nil {
		return err
	}
	s.writer.files, s.writer.wrote, s.writer.flusher = s.files, s.check.wrote, &flusher{files: s.files}
	if o.Readers <= 0 {
		o.Readers = 8
	}
	for kind, size := range [kindsOfReading]int{forPeople: o.Readers, forFlow: flowReaders, forUpkeep: upkeepReaders} {
		s.readers[kind], err = sqlitex.NewPool(s.path, sqlitex.PoolOptions{
			Flags: sqlite.OpenReadWrite, PoolSize: size,
			PrepareConn: func(c *sqlite.Conn) error {
				// It was opened by name, perhaps long after the others.
				if err := s.files.same(); err != nil {
					return err
				}
				if err := addFunctions(c); err != nil {
					return err
				}
				return execAll(c, "PRAGMA query_only = 1", "PRAGMA cache_size = -1024", "PRAGMA temp_store = memory")
			},
		})
		if err != nil {
			return err
		}
	}
	s.steps = groupcommit.New(maxBatch, func(st *step) int { return st.weight }, s.writer.commit)
	s.steps.InTurns(func(st *step) groupcommit.Turn { return st.turn }, askedShare, bulkShare, happenedShare, upkeepShare)
	s.steps.FlushedBy(func() error {
		begun := time.Now()
		err := s.writer.flusher.flush()
		if err == nil && o.OnFlush != nil {
			o.OnFlush(time.Since(begun))
		}
		return err
	})
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.steps.Run(ctx) })
	s.running.Go(func() { s.check.run(ctx) })
	return nil
}

// Close lets steps in progress finish, and copies the write-ahead log into the
// file.
func (s *Store) Close() error {
	s.open.Lock()
	defer s.open.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.stop()
	s.running.Wait()
	return s.release()
}

func (s *Store) release() error {
	var errs []error
	for _, pool := range s.readers {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	// The last connection copies the log into the database, and removes it.
	keep := s.files.damaged() && !s.files.lock.keepLog()
	if s.check != nil && !keep {
		errs = append(errs, s.check.conn.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.conn.Close())
	}
	errs = append(errs, s.files.close()) // after SQLite's own, see lockInode
	return errors.Join(append(errs, s.lock.Close())...)
}

var errClosed = errors.New("sqlite: the store is closed")

// reading says whom a read is for.
type reading int

const (
	forPeople reading = iota // what somebody asks for may take long
	forFlow                  // what publishing and delivering wait for is short
	forUpkeep
	kindsOfReading
)

// read runs f on a connection that sees one state of the store throughout, for
// whoever asks for a log.
func (s *Store) read(ctx context.Context, what string, f func(*sqlite.Conn) error) error {
	return s.readFor(ctx, forPeople, what, f)
}

// readFor is read for somebody else.
func (s *Store) readFor(ctx context.Context, kind reading, what string, f func(*sqlite.Conn) error) error {
	s.open.RLock()
	defer s.open.RUnlock()
	if s.closed {
		return errClosed
	}
	c, err := s.readers[kind].Take(ctx)
	if err != nil {
		return readError(ctx, what, err)
	}
	defer s.readers[kind].Put(c)
	if err := exec(c, "BEGIN"); err != nil {
		return readError(ctx, what, err)
	}
	err = f(c)
	c.SetInterrupt(nil) // or a caller who has gone would keep the transaction open
	if end := exec(c, "ROLLBACK"); err == nil {
		err = end
	}
	if err == nil {
		err = s.seen(ctx)
	}
	return readError(ctx, what, err)
}

func readError(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case bellhop.CodeOf(err) != "":
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}
