package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
)

// checkpointer copies the write-ahead log into the file, on a connection of its
// own: inside the writer a checkpoint was its slowest commit by far.
type checkpointer struct {
	conn *sqlite.Conn
	log  *slog.Logger
	// damaged tells whether somebody has spoiled the log.
	damaged func() bool

	added atomic.Int64 // bytes since the last look, as the writer weighs them
	total atomic.Int64 // bytes ever, to see whether the writer is idle
	wake  chan struct{}
	wipe  chan chan error
	ended chan struct{}
}

const (
	// checkpointAfter is how much the writer adds between two checkpoints. The
	// log grows by several times of it, since it holds whole pages.
	checkpointAfter = 4 << 20
	// maxLogPages is when a checkpoint makes the writer wait, for a moment, so
	// that the log begins anew: under steady load it would never be empty.
	maxLogPages = 64 << 20 / pageSize
	// idleAfter is when the log of an idle store is cut to nothing.
	idleAfter = 5 * time.Second
)

func openCheckpointer(path string, log *slog.Logger) (*checkpointer, error) {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	// While it cuts the log it holds up the writer: it must not wait long for
	// readers then, but come again.
	c.SetBusyTimeout(20 * time.Millisecond)
	return &checkpointer{conn: c, log: log, wake: make(chan struct{}, 1), wipe: make(chan chan error), ended: make(chan struct{})}, nil
}

// wrote is called by the writer after each commit.
func (k *checkpointer) wrote(bytes int) {
	added := k.added.Add(int64(bytes))
	first := k.total.Add(int64(bytes)) == int64(bytes)
	if first || added >= checkpointAfter {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
}

// run works until ctx ends. It sleeps while nothing is written.
func (k *checkpointer) run(ctx context.Context) {
	defer close(k.ended)
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	for {
		seen := k.total.Load()
		select {
		case <-ctx.Done():
			return
		case done := <-k.wipe:
			done <- k.truncate()
		case <-k.wake:
			idle.Reset(idleAfter)
			if k.added.Load() >= checkpointAfter {
				k.added.Store(0)
				k.passive()
			}
		case <-idle.C:
			if k.total.Load() != seen || k.truncate() != nil {
				idle.Reset(idleAfter)
			} else if k.added.Store(0); k.total.Add(-seen) != 0 {
				idle.Reset(idleAfter) // a commit came in between
			}
			// Otherwise the next commit wakes us.
		}
	}
}

// passive copies what it can without making anybody wait.
func (k *checkpointer) passive() {
	pages, err := k.checkpoint("PRAGMA wal_checkpoint(PASSIVE)")
	if err == nil && pages > maxLogPages {
		// What was written during the long copy is copied first, so that the
		// writer waits for next to nothing.
		if _, err = k.checkpoint("PRAGMA wal_checkpoint(PASSIVE)"); err == nil {
			_, err = k.checkpoint("PRAGMA wal_checkpoint(RESTART)")
		}
	}
	if err != nil && sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy {
		k.log.Warn("copying the write-ahead log failed; it grows until this works again", "error", err)
	}
}

// truncate empties the log. It fails, harmlessly, while a long read needs it.
func (k *checkpointer) truncate() error {
	if _, err := k.checkpoint("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
		return err
	}
	_, err := k.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func (k *checkpointer) checkpoint(sql string) (pages int, err error) {
	if k.damaged() {
		// Half of what was written would ruin the database as well.
		return 0, errors.New("the write-ahead log was cut short or overwritten by somebody else")
	}
	busy := false
	err = each(k.conn, func(st *sqlite.Stmt) { busy, pages = st.ColumnBool(0), st.ColumnInt(1) }, sql)
	if err == nil && busy {
		err = sqlite.ResultBusy.ToError()
	}
	return pages, err
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
