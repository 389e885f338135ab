package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
)

// checkpointer copies the write-ahead log into the database, on a connection of its own:
// inside the writer a checkpoint was its slowest commit by far.
//
// It copies beside the writer first, and flushes what it copied. What is left is little, and
// for that the writer is held, between two commits, so that the copy overtakes it and the
// log begins anew: some milliseconds, where a log that was never copied to its end grew to
// a gigabyte. The log's file keeps its length then. That is what makes flushes short: the
// disk writes in place, and the file system has no allocation to write down as well, which
// took 20 times as long; cutting a gigabyte off took the commit that happened to do it
// half a second.
//
// A read that holds an old snapshot keeps the log from beginning anew, and its pages from
// being copied. Nobody waits for it for longer than readersWait: the log grows by
// what is written until that read ends, and then begins anew. So what bounds the log is how
// long reads last (a page of a list, or a backup); its file is cut when the store is
// idle, which is never quite: a node renews its lease every few seconds. Idle is a store that
// writes no more than that, and what it writes goes into a short file again and again, which
// is not cut.
type checkpointer struct {
	conn  *sqlite.Conn
	log   *slog.Logger
	files *files
	// after and most are checkpointAfter and maxLog.
	after, most int64
	// writer, while it is locked, keeps the writer from beginning a transaction.
	writer *sync.Mutex

	commits atomic.Int64 // since the last look whether the store is idle
	written atomic.Int64 // bytes of the log, since then as well
	logged  atomic.Int64 // how long the log is, in bytes
	tried   atomic.Int64 // how long it was at the last attempt to copy it
	room    atomic.Int64 // how long its file is at least
	wake    chan struct{}
	wipe    chan chan error
	ended   chan struct{}
	// toldHeld is when the operator was told last that a read holds on to the log.
	toldHeld time.Time
}

const (
	// checkpointAfter is how far the log grows between two copies, in bytes.
	checkpointAfter = 16 << 20
	// maxLog is when the log is to begin anew, in bytes.
	maxLog = 64 << 20
	// almost is how little is to be left to copy when the writer is held, in bytes.
	almost = 1 << 20
	// readersWait is how long the writer is held for short reads to end.
	readersWait = 5 * time.Millisecond
	// firstRoom is the first length that the log's file is given ahead of the log, in
	// bytes, and from which it is doubled. A store that writes less than half of it between
	// two pauses does without.
	firstRoom = 4 << 20
	// tellAgain is how often the operator is told at most that the log grows.
	tellAgain = time.Minute
	// idleAfter is how often it is looked whether the store is idle, and idleMost how much it
	// may have written meanwhile, in bytes: several times what a node without work does. short
	// is how far its log grows, in bytes.
	idleAfter = 15 * time.Second
	idleMost  = 256 << 10
	short     = 1 << 20
)

func openCheckpointer(path string, f *files, writer *sync.Mutex, o Options) (*checkpointer, error) {
	c, err := openGathering(path, o.vfs) // it is the writer's file system, where tests cut the power
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(readersWait)
	return &checkpointer{conn: c, log: o.Logger, files: f, writer: writer, after: o.checkpointAfter, most: o.maxLog, wake: make(chan struct{}, 1), wipe: make(chan chan error), ended: make(chan struct{})}, nil
}

// wrote is called by the writer after each commit.
func (k *checkpointer) wrote(log int64) {
	was := k.logged.Swap(log)
	if log < was { // it has begun anew
		was = 0
	}
	k.written.Add(log - was)
	if k.commits.Add(1) == 1 || k.due() || k.cramped() {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// due tells whether there is enough to copy.
func (k *checkpointer) due() bool {
	log, tried := k.logged.Load(), k.tried.Load()
	if log < tried { // it has begun anew
		k.tried.CompareAndSwap(tried, 0)
		tried = 0
	}
	return log-tried >= k.after
}

// cramped tells whether the log will soon be as long as its file, and the file may grow.
func (k *checkpointer) cramped() bool {
	log, room := k.logged.Load(), k.room.Load()
	return room < k.most && log >= max(room, firstRoom)/2
}

// run works until ctx ends. It sleeps while nothing is written.
func (k *checkpointer) run(ctx context.Context) {
	defer close(k.ended)
	idle, looking := time.NewTimer(idleAfter), true
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case done := <-k.wipe:
			done <- k.truncate()
		case <-k.wake:
			if !looking {
				looking = true
				idle.Reset(idleAfter)
			}
			if k.cramped() {
				k.makeRoom()
			}
			if k.due() {
				k.tell(k.copy())
			}
		case <-idle.C:
			looking = k.commits.Swap(0) > 0 // otherwise the next commit wakes us
			if k.rest() != nil || looking {
				looking = true
				idle.Reset(idleAfter)
			}
		}
	}
}

// rest keeps the log short while the store is idle. It fails, harmlessly, while a long read
// needs the log.
func (k *checkpointer) rest() error {
	if k.written.Swap(0) > idleMost {
		return nil
	}
	switch size, err := k.files.wal.size(); {
	case err != nil:
		return err
	case size > firstRoom:
		return k.truncate()
	case k.logged.Load() > short:
		// Before there is more room to be made, and to be cut off again.
		if _, _, err := k.copyAside(); err != nil {
			return err
		}
		return k.held("RESTART")
	}
	return nil
}

// makeRoom doubles the log's file, in pieces that the writer hardly notices, each flushed
// before the next: a commit's flush would have to write them all. That the disk is full is for
// the writer to find: what it writes is more than zeros.
func (k *checkpointer) makeRoom() {
	const piece = 512 << 10
	size := max(2*k.room.Load(), firstRoom)
	k.room.Store(size)
	for enough := false; !enough; {
		var err error
		if enough, err = k.reserve(size, piece); err != nil {
			return
		}
		if k.files.flushLog() != nil { // the writer says so
			return
		}
	}
}

// reserve is that of the log, while nobody can write to it: the writer is held, and other
// processes, which may have tables of their own in the file, are kept out by SQLite's lock.
func (k *checkpointer) reserve(size, atMost int64) (enough bool, err error) {
	k.writer.Lock()
	defer k.writer.Unlock()
	if k.files.damaged() {
		return true, nil
	}
	err = transaction(k.conn, func() error {
		enough, err = k.files.wal.reserve(size, atMost)
		return err
	})
	return enough, err
}

// copy copies what it can, without making anybody wait, and has the log begin anew if it is
// long.
func (k *checkpointer) copy() error {
	k.tried.Store(k.logged.Load())
	for range 4 {
		log, left, err := k.copyAside()
		switch {
		case err != nil || log < k.most:
			return err
		case left > k.after: // a read holds on to it: again after as much as now
			k.tellHeld(log)
			return nil
		case left+max(k.logged.Load()-log, 0) <= min(almost, k.after/2):
			return k.held("RESTART")
		}
		// What was written during this long copy is copied first, so that the writer is
		// held for next to nothing.
	}
	// The writer is faster than we are: it is time to hold it up, or the log has no bound.
	return k.held("RESTART")
}

// copyAside copies beside the writer, and flushes. It answers how long the log was, and how
// much of that could not be copied.
func (k *checkpointer) copyAside() (log, left int64, err error) {
	log, left, err = k.checkpoint("PASSIVE")
	if err == nil {
		// SQLite flushes when it has copied all, so that the last bit would wait for the rest.
		if err = k.files.lock.flush(); err != nil {
			err = k.files.failFlush(err)
		}
	}
	return log, left, err
}

// held is checkpoint while the writer is held. After it the log begins anew.
func (k *checkpointer) held(mode string) error {
	k.writer.Lock()
	defer k.writer.Unlock()
	_, _, err := k.checkpoint(mode)
	if err == nil {
		k.logged.Store(0)
	}
	return err
}

// tellHeld says that the log grows, if it is long by now.
func (k *checkpointer) tellHeld(log int64) {
	if log >= 4*k.most && time.Since(k.toldHeld) >= tellAgain {
		k.toldHeld = time.Now()
		k.log.Warn("somebody has been reading the database for long, so that its write-ahead log cannot begin anew, and grows by all that is written: end that read, such as a backup or another program's transaction",
			"bytes", log)
	}
}

func (k *checkpointer) tell(err error) {
	if err != nil && sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
		k.log.Warn("copying the write-ahead log failed; it grows until this works again", "error", err)
	}
}

// truncate empties the log. It fails, harmlessly, while a long read needs it.
func (k *checkpointer) truncate() error {
	if _, _, err := k.copyAside(); err != nil {
		return err
	}
	err := k.held("TRUNCATE")
	if err == nil {
		k.room.Store(0)
	}
	return err
}

// checkpoint answers how long the log is, and how much of it is not copied, in bytes.
func (k *checkpointer) checkpoint(mode string) (log, left int64, err error) {
	if err := k.files.unflushed(); err != nil {
		return 0, 0, err
	}
	if k.files.damaged() {
		// Half of what was written would ruin the database as well.
		return 0, 0, errors.New("the write-ahead log was cut short or overwritten by somebody else")
	}
	busy := false
	err = each(k.conn, func(st *sqlite.Stmt) {
		busy, log = st.ColumnBool(0), st.ColumnInt64(1)*pageSize
		left = log - st.ColumnInt64(2)*pageSize
	}, "PRAGMA wal_checkpoint("+mode+")")
	if err == nil && busy {
		err = sqlite.ResultBusy.ToError()
	}
	return log, left, k.files.failedFlush(err)
}

// wipeLog empties the log now, trying again while readers need it, until ctx
// ends.
func (s *Store) wipeLog(ctx context.Context) error {
	done := make(chan error, 1)
	for {
		select {
		case s.check.wipe <- done:
		case <-s.check.ended:
			return errClosed // and Close copies and removes the log itself
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := <-done; err == nil || sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
