package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/stage"
)

// flusher makes durable what the writer has committed, beside it. SQLite runs at
// synchronous=NORMAL: a commit is in the write-ahead log when COMMIT returns, in an order and
// with checksums that keep the database consistent whatever a power cut leaves of it, but on
// the disk only after a flush of the log. That is done here, one for all that was committed
// meanwhile (groupcommit.FlushedBy), and nobody's step is answered before: what is told is
// durable, as with synchronous=FULL, while the next transaction is already made.
//
// What follows from it:
//
//   - A log is kept from its beginning to the first frame that did not arrive. So a flush that
//     covers a step covers all that it was built upon: checks of the writer, and what it keeps
//     in memory (state), may run ahead of the disk.
//   - Connections that read see commits before they are durable. What they read is given out
//     after a flush that covers it (Store.seen): nobody sends, refuses, or tells people anything
//     because of what a power cut can still undo.
//   - SQLite flushes the log before it copies from it, and the database before the log may
//     begin anew, and then the log's new head before what follows it; so neither a checkpoint
//     nor a log that begins anew gets ahead of the flusher.
//   - When a flush fails, of the log or of the database, the system may have dropped what it
//     could not write, and say at the next flush that all is well (it tells each descriptor of
//     a failure once). So that is final: callers whose commits it was for are answered
//     ErrUnknown, since these may be there after a restart; every later step fails with
//     ErrUnavailable; nothing is copied from the log any more, by the end of the process
//     neither. The next process reads the log up to the first frame whose checksum is wrong,
//     which comes after everything that was acknowledged.
//   - When a commit fails, what it has left in the log is overwritten and flushed at once
//     (takeBack).
type flusher struct {
	files *files

	// begun and committed count transactions; flushed is how many of them are durable.
	begun, committed, flushed atomic.Int64
	// dirty says that the log was written since the last flush.
	dirty atomic.Bool
	// seen is the log as the last transaction left it. It is the writer's.
	seen logState
}

// begin is called by the writer before a transaction.
func (f *flusher) begin() { f.begun.Add(1) }

// commit is called by the writer after a transaction. It answers how long the log is, in
// bytes.
func (f *flusher) commit() int64 {
	log, err := f.files.wal.state()
	if err != nil || log != f.seen {
		f.seen = log
		f.dirty.Store(true)
	}
	f.committed.Store(f.begun.Load())
	return log.length()
}

// flush makes durable what was committed before it is called.
func (f *flusher) flush() error {
	committed := f.committed.Load()
	err := f.files.unflushed()
	if err == nil && f.dirty.Swap(false) {
		piece := stage.Flush.Begin()
		err = f.files.flushLog()
		piece.End(1)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", bellhop.ErrUnknown, err)
	}
	f.flushed.Store(committed)
	return nil
}

// pending tells whether a reader may see what is not durable.
func (f *flusher) pending() bool { return f.flushed.Load() != f.begun.Load() }

// seen returns when all that was visible to a read that has ended is durable. Where the store
// takes no writes any more, what it shows is what it has.
func (s *Store) seen(ctx context.Context) error {
	if !s.writer.flusher.pending() {
		return nil
	}
	err := s.steps.Do(ctx, &step{run: func(*writer) error { return nil }})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// flushLog has the disk keep what was written to the log. One at a time: the system tells a
// descriptor of a failure once, and a second flush would take it that all is well.
func (f *files) flushLog() error {
	f.flushing.Lock()
	defer f.flushing.Unlock()
	if err := f.unflushed(); err != nil {
		return err
	}
	if err := f.wal.flush(); err != nil {
		return f.failFlush(err)
	}
	return nil
}

// failFlush notes that the disk did not keep what was written.
func (f *files) failFlush(err error) error {
	err = fmt.Errorf("the disk did not keep what was written to %s: %w", f.path, err)
	if f.unkept.CompareAndSwap(nil, &err) {
		close(f.final)
	}
	return f.unflushed()
}

// Final is closed once a flush has failed: whatever is written from then on fails, until
// another process opens the file. Unkept then says why.
func (s *Store) Final() <-chan struct{} { return s.files.final }

// Unkept is why nothing can be written any more by this process, nil while that is not so.
func (s *Store) Unkept() error { return s.files.unflushed() }

// failedFlush is failFlush for an error of SQLite, if it is that of a flush.
func (f *files) failedFlush(err error) error {
	if sqlite.ErrCode(err) == sqlite.ResultIOErrFsync {
		return f.failFlush(err)
	}
	return err
}

// unflushed is the error of the first flush that failed, if any did.
func (f *files) unflushed() error {
	if err := f.unkept.Load(); err != nil {
		return *err
	}
	return nil
}
