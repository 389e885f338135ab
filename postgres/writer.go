package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/move"
)

const (
	// tries is how often a step is begun that another one got in the way of, or whose
	// connection was lost before it could have been stored.
	tries = 5
	// endPatience bounds how long the end of a transaction is waited for, whoever waits
	// for the step. What has not come by then is not known.
	endPatience = 30 * time.Second
)

// txn is a transaction that writes: it sees what others have committed, statement by
// statement (READ COMMITTED).
type txn struct {
	reading
	// xid is its number, once it holds a lease; wrote says that statements have changed
	// something.
	xid     string
	wrote   bool
	waits   []waits
	changes [parts][]object // of the configuration, and of which parts all changed
	all     [parts]bool
	erased  bool
	after   []func()
}

// write runs f in a transaction of its own, and commits what it did if it returns nil.
// f may be run again, so it starts its results from scratch. A rejection of f's is given
// as it is; the store's failures are ErrUnavailable, and nothing was done, or ErrUnknown.
// Each rank has connections of its own.
func (s *Store) write(ctx context.Context, rank use, what string, f func(*txn) error) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	for try := 1; ; try++ {
		begun := time.Now()
		err = s.writeOnce(ctx, rank, f)
		if err == nil && s.options.OnCommit != nil {
			s.options.OnCommit(1, time.Since(begun))
		}
		if err == nil || ctx.Err() != nil || try == tries || errors.Is(err, bellhop.ErrUnknown) || !(lostConnection(err) || collided(err)) {
			return s.writeError(ctx, what, err)
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, rank use, f func(*txn) error) error {
	c, err := s.acquire(ctx, rank)
	if err != nil {
		return err
	}
	defer s.giveBack(c)
	if _, err := c.Exec(ctx, s.begin(rank)); err != nil {
		return err
	}
	t := &txn{reading: reading{ctx: ctx, conn: c.Conn()}}
	if err := f(t); err != nil {
		_ = rollback(ctx, c.Conn()) // or the connection ends, and the transaction with it
		return err                  // as it is: callers compare
	}
	if err := t.noteAll(); err != nil {
		return errors.Join(err, rollback(ctx, c.Conn()))
	}
	if err := commit(ctx, c.Conn()); err != nil {
		if isUnknown(err) {
			s.doubts.add(t.xid)
		}
		return err
	}
	for _, f := range t.after {
		f()
	}
	return nil
}

// noteAll writes what the steps have noted for the end of the transaction.
func (t *txn) noteAll() error {
	if err := t.noteWaits(); err != nil {
		return err
	}
	return t.noteChanges() // last: others wait for it
}

// afterCommit calls f once the transaction is durable.
func (t *txn) afterCommit(f func()) { t.after = append(t.after, f) }

// commit ends a transaction. What was sent and not answered may be stored or not.
func commit(ctx context.Context, c *pgx.Conn) error {
	if err := ctx.Err(); err != nil { // it is not too late
		return errors.Join(err, rollback(ctx, c))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	tag, err := c.Exec(ctx, "COMMIT")
	if err == nil && tag.String() == "ROLLBACK" {
		return errors.New("the transaction had failed")
	}
	return commitError(err)
}

// rollback gives a transaction up. Where that fails, the connection ends, and with it the
// transaction.
func rollback(ctx context.Context, c *pgx.Conn) error {
	if c.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
		_ = c.Close(ctx)
	}
	return nil
}

// lease fails with ErrLeaseLost if the lease is over, and otherwise keeps it from ending
// until this transaction has ended: nothing is committed under a lease after its orphans
// were counted. Others that hold the lease, and Renew, are not kept waiting.
func (t *txn) lease(l bellhop.Lease) error {
	held, err := t.one(into(&t.xid), leaseHeld, int(l.Node), l.Epoch)
	if err == nil && !held {
		err = bellhop.ErrLeaseLost
	}
	return err
}

const leaseHeld = "SELECT pg_current_xact_id()::text FROM bellhop.nodes WHERE id = $1 AND epoch = $2 AND held = 1 FOR KEY SHARE"

// rejection tells whether a step refused its caller, rather than failed.
func rejection(err error) bool {
	if _, ok := errors.AsType[*move.Refusal](err); ok {
		return true
	}
	return errors.Is(err, bellhop.ErrStaleRoutes) || errors.Is(err, bellhop.ErrRevision) ||
		errors.Is(err, bellhop.ErrLeaseLost) || errors.Is(err, bellhop.ErrBucketLost) ||
		errors.Is(err, errNoNode) || errors.Is(err, bellhop.ErrOutboxMoved) || bellhop.CodeOf(err) != ""
}

func (s *Store) writeError(ctx context.Context, what string, err error) error {
	switch {
	case err == nil || rejection(err):
		return err
	case errors.Is(err, bellhop.ErrUnknown):
	case ctx.Err() != nil:
		err = ctx.Err() // nothing was done; it says nothing of the database, as for a read
	default:
		err = storageError(s.name, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
