package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
	"github.com/bellhop/bellhop/internal/move"
	"github.com/bellhop/bellhop/internal/stage"
	"github.com/bellhop/bellhop/internal/timeslice"
)

// maxBatch bounds a transaction, in about the bytes that it adds: large enough to
// share the cost of the disk's flush, small enough that nobody waits long.
const maxBatch = 4 << 20

// rowWeight is what a row weighs besides its data.
const rowWeight = 512

// step is one caller's part of a transaction. run makes all its checks before its
// first write: a rejection must leave nothing behind in the transaction that it
// shares. It may be run twice, so it starts its results from scratch.
type step struct {
	turn   groupcommit.Turn
	weight int
	run    func(*writer) error
	err    error
}

// writer owns the one connection that writes. Only the goroutine of the group
// commit touches it.
type writer struct {
	conn     *sqlite.Conn
	path     string
	state    state
	onCommit func(int, time.Duration)
	waiting  *waiting
	fresh    *fresh
	pace     pace
	// events and attempts insert the rows that every event has.
	events, attempts inserter
	// between is held during a transaction. Who holds it otherwise makes the writer
	// pause between two of them.
	between sync.Mutex
	// wrote tells the checkpointer how long the log is.
	wrote   func(log int64)
	files   *files
	flusher *flusher
	// left says that the last transaction failed at its commit, and that what it may have left
	// in the log is there still.
	left bool
}

// state is what the writer keeps in memory of what it has written, so that the
// checks of the hot path cost nothing.
type state struct {
	versions [parts]int64
	// leases are the node numbers held and their epochs. It is never changed in
	// place: a rollback brings the old map back.
	leases map[bellhop.NodeID]int64
	// owners are those of the buckets. It is never changed in place either.
	owners *owners
	// turn is the app that Spread served last.
	turn string
	// waits are the pending deliveries that have come and gone in this transaction.
	waits []waits
	// mark is the highest that was given for a node: below it no event may have fresh
	// deliveries any more.
	mark int64
	// tails are what is in no index of lists yet.
	tails tails
	// gathered is how many rows the inserters have yet to insert.
	gathered struct{ events, attempts int }
	// erasing says that there may be pending deliveries of erased events.
	erasing bool

	rolled timeslice.Marks
	// rolling, if not 0, is the end of what is being rolled up; disturbed says
	// that something changed of it since that began.
	rolling   int64
	disturbed bool
	// lateBefore: an attempt with a lower id concerns one or the other.
	lateBefore int64
}

func openWriter(path string, o Options, moving bool) (*writer, error) {
	c, err := openGathering(path, o.vfs)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: c, path: path, onCommit: o.OnCommit, fresh: newFresh(), pace: usualPace()}
	err = w.prepare(o, moving)
	if err == nil {
		err = exec(c, "PRAGMA synchronous = normal") // from now on, see flusher
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return w, nil
}

func (w *writer) prepare(o Options, moving bool) error {
	if err := identify(w.conn, w.path); err != nil { // before anything is written
		return err
	}
	if begun, err := beingMoved(w.conn); err != nil {
		return err
	} else if begun && !moving {
		return &OpenError{w.path, ErrMoving, w.path + " holds a part of what 'bellhop migrate' was moving into it when it was interrupted: run that again to go on, or name another file", nil}
	}
	// Larger pages mean fewer writes per commit; it counts for a new file only.
	if err := exec(w.conn, fmt.Sprintf("PRAGMA page_size = %d", pageSize)); err != nil {
		return err
	}
	mode := ""
	if err := each(w.conn, func(st *sqlite.Stmt) { mode = st.ColumnText(0) }, "PRAGMA journal_mode = wal"); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not support shared memory (journal mode is %q): use a local disk", mode)
	}
	// secure_delete overwrites what is deleted, erased or expired.
	err := execAll(
		w.conn, "PRAGMA synchronous = full", "PRAGMA wal_autocheckpoint = 0",
		"PRAGMA cache_size = -8192", "PRAGMA temp_store = memory", "PRAGMA secure_delete = on",
	)
	if err != nil {
		return err
	}
	if err := tellOfMigration(w.conn, o.Logger); err != nil {
		return err
	}
	if err := migrate(w.conn, o.Program); err != nil {
		return err
	}
	if o.MaxSize > 0 {
		if err := exec(w.conn, fmt.Sprintf("PRAGMA max_page_count = %d", max(o.MaxSize/pageSize, 1))); err != nil {
			return err
		}
	}
	if w.events, err = newInserter(w.conn, intoEvents); err != nil {
		return err
	}
	if w.attempts, err = newInserter(w.conn, intoAttempts); err != nil {
		return err
	}
	if err := w.recover(); err != nil {
		return err
	}
	if w.waiting, err = countWaiting(w.conn); err != nil {
		return err
	}
	w.state.leases = map[bellhop.NodeID]int64{}
	if w.state.owners, err = readOwners(w.conn); err != nil {
		return err
	}
	if w.state.erasing, err = one(w.conn, func(*sqlite.Stmt) {}, nextOwed, owedEvent, ""); err != nil {
		return err
	}
	if w.state.rolled, err = readMarks(w.conn); err != nil {
		return err
	}
	if w.state.tails, err = readTails(w.conn); err != nil {
		return err
	}
	w.watchLate()
	return w.readVersions()
}

const pageSize = 8192

// recover releases what the nodes of an earlier process owned, also in its memory. The lock on the
// file proves that they are dead, so their leases need not run out first.
func (w *writer) recover() error {
	return transaction(w.conn, func() error {
		if err := w.releaseAll(time.Time{}, releaseOwned+" IS NOT NULL"+released); err != nil {
			return err
		}
		if err := w.recoverFresh(); err != nil {
			return err
		}
		return exec(w.conn, "UPDATE nodes SET held = 0")
	})
}

// transaction runs f in a transaction of its own.
func transaction(c *sqlite.Conn, f func() error) error {
	err := exec(c, "BEGIN IMMEDIATE")
	if err == nil {
		if err = f(); err == nil {
			err = exec(c, "COMMIT")
		}
	}
	// After some failures SQLite has rolled back by itself.
	if err != nil && !c.AutocommitEnabled() {
		err = errors.Join(err, exec(c, "ROLLBACK"))
	}
	return err
}

// The ranks of steps. What somebody waits for comes first, and of that what is light: one
// event does not wait for a batch of each app. What has happened must be recorded, and there
// is as much of it as requests are in flight; everything else can wait a moment. Each has a
// share of a transaction, so that none of them, whatever one tenant has of it, holds up the
// others for longer than a share takes.
const (
	asked = iota
	bulk
	happened
	upkeep

	askedShare    = maxBatch / 8
	bulkShare     = maxBatch / 16
	happenedShare = maxBatch / 16
	upkeepShare   = maxBatch / 16
)

// light is how much a step weighs at most, in bytes, that is not taken for bulk.
const light = 16 << 10

// write hands a step to the writer and waits until it is on the disk (flusher).
func (s *Store) write(ctx context.Context, what string, weight int, run func(*writer) error) error {
	return s.do(ctx, what, &step{weight: weight, run: run})
}

// tidy is write for a step that nobody waits for.
func (s *Store) tidy(ctx context.Context, what string, weight int, run func(*writer) error) error {
	return s.inTurn(ctx, groupcommit.Turn{Rank: upkeep}, what, weight, run)
}

// inTurn is write for a step that takes its turn among others of its rank.
func (s *Store) inTurn(ctx context.Context, turn groupcommit.Turn, what string, weight int, run func(*writer) error) error {
	return s.do(ctx, what, &step{turn: turn, weight: weight, run: run})
}

// turnOf is whose turn a step for these apps takes. Nodes' own steps are nobody's.
func turnOf(apps []string) groupcommit.Turn {
	if len(apps) == 0 {
		return groupcommit.Turn{Rank: asked, Of: "all apps"}
	}
	return groupcommit.Turn{Rank: asked, Of: "app " + apps[0]}
}

func (s *Store) do(ctx context.Context, what string, st *step) error {
	if st.turn.Rank == asked && st.weight > light {
		st.turn.Rank = bulk
	}
	return stepError(what, s.steps.Do(ctx, st), st.err)
}

// stepError is what a caller is told of a step, after what became of its transaction.
func stepError(what string, err, own error) error {
	switch {
	case errors.Is(err, groupcommit.ErrClosed):
		return errClosed
	case errors.Is(err, groupcommit.ErrPanicked):
		return fmt.Errorf("%s: %w: %w", what, bellhop.ErrUnknown, err)
	case err == nil:
		err = own
	}
	if err == nil || rejection(err) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// commit stores a batch of steps in one transaction. Where one of them breaks a
// rule of the database, each is tried by itself, so that it fails alone.
func (w *writer) commit(batch []*step) error {
	err := w.transact(batch)
	if err == nil || len(batch) == 1 || !ownFault(err) || errors.Is(err, bellhop.ErrUnknown) {
		return storageError(w.path, err)
	}
	for i := range batch {
		if err := w.transact(batch[i : i+1]); err != nil {
			batch[i].err = storageError(w.path, err)
		}
	}
	return nil
}

func (w *writer) transact(batch []*step) error {
	begun := time.Now() // to be held counts
	w.between.Lock()
	defer w.between.Unlock()
	if err := w.files.check(w.copyLog); err != nil {
		return err
	}
	if err := w.takeBack(); err != nil {
		return fmt.Errorf("%w: %w", bellhop.ErrUnavailable, err)
	}
	piece := stage.Commit.Begin()
	defer func() { piece.End(len(batch)) }()
	before := w.state
	w.flusher.begin()
	committing := false
	err := transaction(w.conn, func() error {
		for _, st := range batch {
			if st.err = st.run(w); st.err == nil {
				st.err = w.insertGathered()
			}
			if st.err != nil && !rejection(st.err) {
				return st.err
			}
		}
		if err := w.listSome(before.tails); err != nil {
			return err
		}
		w.fresh.committing()
		committing = true
		return nil
	})
	w.fresh.ended(err == nil)
	if err != nil {
		w.state = before
		if err = w.files.failedFlush(err); committing {
			err = w.takenBack(err)
		}
		return err
	}
	w.waiting.apply(w.state.waits)
	w.state.waits = nil
	w.wrote(w.flusher.commit())
	if w.onCommit != nil {
		w.onCommit(len(batch), time.Since(begun))
	}
	return nil
}

// copyLog copies the whole write-ahead log into the database.
func (w *writer) copyLog() error {
	busy := false
	err := each(w.conn, func(st *sqlite.Stmt) { busy = st.ColumnBool(0) }, "PRAGMA wal_checkpoint(FULL)")
	if err == nil && busy {
		err = sqlite.ResultBusy.ToError()
	}
	return w.files.failedFlush(err)
}

// rejection tells whether a step refused its caller, rather than failed.
func rejection(err error) bool {
	if _, ok := errors.AsType[aborted](err); ok {
		return false // it may have written already
	}
	if _, ok := errors.AsType[*move.Refusal](err); ok {
		return true
	}
	return errors.Is(err, bellhop.ErrStaleRoutes) || errors.Is(err, bellhop.ErrRevision) ||
		errors.Is(err, bellhop.ErrLeaseLost) || errors.Is(err, bellhop.ErrBucketLost) || errors.Is(err, errNoNode) || errors.Is(err, errLeaving) || errors.Is(err, bellhop.ErrOutboxMoved) || bellhop.CodeOf(err) != ""
}

// ownFault tells whether the step itself is to blame, such as an id used twice.
func ownFault(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultConstraint, sqlite.ResultTooBig, sqlite.ResultMismatch, sqlite.ResultRange, sqlite.ResultError:
		return true
	}
	return false
}
