package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// Enqueue and Record share transactions: callers block, a writer takes whatever is waiting,
// and while that is committed the next group gathers. A group is two trips to the server
// and back, however many steps are in it: one that begins the transaction and reads what
// the steps depend on, and one that writes and commits. Only what is tried again, or was,
// needs some more.

// Each rank has a share of a transaction, so that none of them, whatever one tenant has of
// it, holds up the others for longer than a share takes. What is light comes first: one event
// does not wait for a batch of each app.
const (
	rankAsked = iota
	rankBulk
	rankHappened

	askedShare    = maxBatch / 4
	bulkShare     = maxBatch / 8
	happenedShare = maxBatch / 8
)

// light is how much a step weighs at most, in bytes, that is not taken for bulk.
const light = 16 << 10

// groupPatience bounds how long a group may take. What has not been sent to be committed by
// then is given up.
const groupPatience = 20 * time.Second

// step is one caller's part of a transaction that it shares.
type step struct {
	turn   groupcommit.Turn
	weight int
	shard  int64 // of its rows
	lease  bellhop.Lease
	now    time.Time

	enqueue *enqueueing // one of the two
	record  []bellhop.Result

	err error
}

func newGroups(writers int, commit func([]*step) error) *groupcommit.Committer[*step] {
	c := groupcommit.New(maxBatch, func(st *step) int { return st.weight }, commit)
	c.InTurns(func(st *step) groupcommit.Turn { return st.turn }, askedShare, bulkShare, happenedShare)
	c.Writers(writers)
	return c
}

func (s *Store) startGroups(ctx context.Context) {
	s.steps = newGroups(s.options.Writers, s.commitGroup)
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() { s.steps.Run(ctx) })
	s.running.Go(func() { s.mindSilence(ctx) })
	s.startClaims(ctx)
}

// do hands a step to the writers and waits until it is on the disk.
func (s *Store) do(ctx context.Context, what string, st *step) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if st.turn.Rank == rankAsked && st.weight > light {
		st.turn.Rank = rankBulk
	}
	err = s.steps.Do(ctx, st)
	switch {
	case errors.Is(err, groupcommit.ErrClosed):
		return errClosed
	case errors.Is(err, groupcommit.ErrPanicked):
		return fmt.Errorf("%s: %w: %w", what, bellhop.ErrUnknown, err)
	case err == nil:
		err = st.err
	}
	if err == nil || rejection(err) {
		return err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// commitGroup stores steps, those of each shard in a transaction.
func (s *Store) commitGroup(batch []*step) error {
	if !s.shards.spread {
		return s.commitPart(batch)
	}
	var parts sync.WaitGroup
	for _, part := range cut(batch) {
		parts.Go(func() {
			if err := s.commitPart(part); err != nil {
				for _, st := range part {
					st.err = err
				}
			}
		})
	}
	parts.Wait()
	return nil
}

// commitPart stores steps in one transaction. Where one of them breaks a rule of the
// database, each is tried by itself, so that it fails alone.
func (s *Store) commitPart(batch []*step) error {
	ctx, cancel := context.WithTimeout(context.Background(), groupPatience)
	defer cancel()
	err := s.tryGroup(ctx, batch, false)
	if codeOf(err) == uniqueViolation {
		// Another process has stored the same idempotency key meanwhile, or an attempt is
		// recorded again.
		err = s.tryGroup(ctx, batch, true)
	}
	if err == nil || len(batch) == 1 || !ownFault(err) {
		return storageError(s.name, err)
	}
	for i := range batch {
		if err := s.tryGroup(ctx, batch[i:i+1], true); err != nil {
			batch[i].err = storageError(s.name, err)
		}
	}
	return nil
}

// tryGroup is commitGroup for one way of doing it. careful has it look first whether
// attempts were recorded already, of those, too, of which it is not likely.
func (s *Store) tryGroup(ctx context.Context, batch []*step, careful bool) error {
	for try := 1; ; try++ {
		begun := time.Now()
		err := s.transactGroup(ctx, batch, careful)
		switch {
		case err == nil:
			if s.options.OnCommit != nil {
				s.options.OnCommit(len(batch), time.Since(begun))
			}
			return nil
		case errors.Is(err, bellhop.ErrUnknown) || try == tries || ctx.Err() != nil:
			return err
		case noPartition(err):
			s.days.forget()
		case !lostConnection(err) && !collided(err):
			return err
		}
	}
}

func (s *Store) transactGroup(ctx context.Context, batch []*step, careful bool) (err error) {
	if err := s.haveDays(ctx, daysOfSteps(batch)); err != nil {
		return err
	}
	c, err := s.acquire(ctx, happened)
	if err != nil {
		return err
	}
	defer s.giveBack(c)
	g := &group{store: s, t: &txn{reading: reading{ctx: ctx, conn: c.Conn()}}, steps: batch, careful: careful}
	g.holdFresh()
	err = g.run()
	g.ended(err)
	return err
}

// group is a transaction that steps share.
type group struct {
	store   *Store
	t       *txn
	steps   []*step
	careful bool

	// What the first trip has read.
	leases   map[bellhop.Lease]bool
	routes   int64
	firsts   map[[2]string]bellhop.FirstPublish
	marks    marks
	accepted []accepted
	moves    []*moving

	// ownerless says that nobody owns what is accepted.
	ownerless bool

	rows rows
}

func (g *group) run() error {
	if err := g.begin(); err != nil {
		return errors.Join(err, rollback(g.t.ctx, g.t.conn))
	}
	for _, st := range g.steps {
		st.err = nil
		if !g.leases[st.lease] {
			st.err = bellhop.ErrLeaseLost
			g.store.leaseOver(st.lease)
		} else if st.enqueue != nil {
			st.err = g.accept(st)
		}
	}
	if err := g.moveOn(); err != nil {
		return errors.Join(err, rollback(g.t.ctx, g.t.conn))
	}
	if g.rows.none() && !g.t.wrote {
		return rollback(g.t.ctx, g.t.conn)
	}
	p := &pipeline{t: g.t}
	g.rows.queue(p)
	p.noteWaits()
	p.exec("COMMIT")
	err := commitError(p.run())
	if err != nil {
		if errors.Is(err, bellhop.ErrUnknown) {
			g.store.doubts.add(g.t.xid)
		}
		err = errors.Join(err, rollback(g.t.ctx, g.t.conn))
	}
	return err
}

// begin begins the transaction, makes sure that the leases last until its end, and reads
// what the steps depend on.
func (g *group) begin() error {
	p := &pipeline{t: g.t}
	p.exec("BEGIN")
	if g.store.pooled {
		p.exec(boundTransaction(writerIdle))
	}
	g.leases = map[bellhop.Lease]bool{}
	var numbers []int32
	enqueues, records := false, false
	for _, st := range g.steps {
		if _, ok := g.leases[st.lease]; !ok {
			g.leases[st.lease] = false
			numbers = append(numbers, int32(st.lease.Node))
		}
		enqueues, records = enqueues || st.enqueue != nil, records || st.record != nil
	}
	var number int
	var epoch int64
	p.each(scan(func() {
		if l := (bellhop.Lease{Node: bellhop.NodeID(number), Epoch: epoch}); !g.leases[l] {
			if _, asked := g.leases[l]; asked {
				g.leases[l] = true
			}
		}
	}, &number, &epoch, &g.t.xid), leasesHeld, numbers)
	if enqueues {
		p.each(into(&g.routes), routesVersion)
		g.readFirsts(p)
	}
	if records {
		g.readMarks(p)
	}
	return p.run()
}

const (
	leasesHeld    = "SELECT id, epoch, pg_current_xact_id()::text FROM bellhop.nodes WHERE id = ANY($1) AND held = 1 ORDER BY id FOR KEY SHARE"
	routesVersion = "SELECT version FROM bellhop.versions WHERE part = 'routes'"
)

// pipeline sends statements together, and reads their answers together.
type pipeline struct {
	t     *txn
	batch pgx.Batch
}

func (p *pipeline) exec(sql string, args ...any) {
	p.batch.Queue(sql, bind(args)...)
}

// each calls f for every row. What it fills must be filled anew if the transaction is.
func (p *pipeline) each(f func(row) error, sql string, args ...any) {
	p.batch.Queue(sql, bind(args)...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := f(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (p *pipeline) run() error { return p.t.conn.SendBatch(p.t.ctx, &p.batch).Close() }

// noteWaits is that of txn, sent with the rest.
func (p *pipeline) noteWaits() {
	if len(p.t.waits) == 0 {
		return
	}
	apps, endpoints, again, n, held := deltas(p.t.waits)
	p.t.waits = nil
	if len(apps) > 0 {
		p.exec(addDeltas, apps, endpoints, again, n, held)
	}
}
