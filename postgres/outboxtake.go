package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop/bellhop"
)

// taking is a TakeOutbox on its way.
type taking struct {
	*bellhop.OutboxTaking
	// backend is that of what was read.
	backend int64
	// progress is nil where no entries are taken.
	progress *progressed
}

// TakeOutbox stores what was made of entries, and how far the outbox is taken then. It has
// a transaction of its own: there is one at a time.
func (s *Store) TakeOutbox(ctx context.Context, l bellhop.Lease, routes int64, t bellhop.OutboxTaking, now time.Time) ([]bellhop.Receipt, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	room, err := s.admit(ctx, t.Events)
	if err != nil {
		return nil, s.writeError(ctx, "take from the outbox", err)
	}
	defer room.done()
	o := &s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	take := taking{OutboxTaking: &t, backend: o.backend}
	if len(t.Entries) > 0 {
		if take.progress, err = o.after(&t); err != nil {
			o.reader = nil
			return nil, err
		}
	}
	st := &step{lease: l, now: now}
	if len(t.Events) > 0 {
		lists, _ := weigh(t.Events)
		st.enqueue = &enqueueing{routes: routes, events: t.Events, lists: lists, room: &room}
	}
	if err = s.tryTaking(ctx, st, take); err == nil {
		err = st.err
	}
	if err != nil {
		if !rejection(err) || errors.Is(err, bellhop.ErrOutboxMoved) {
			o.reader = nil // it is read again: from what is stored
		}
		return nil, s.writeError(ctx, "take from the outbox", err)
	}
	if p := take.progress; p != nil {
		o.reader, o.mark, o.read = p.reader, p.seq, nil
	}
	if st.enqueue == nil {
		return nil, nil
	}
	return st.enqueue.receipts, nil
}

func (s *Store) tryTaking(ctx context.Context, st *step, t taking) error {
	// As for a group: a caller who goes away must not leave it open what was stored.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), groupPatience)
	defer cancel()
	for try := 1; ; try++ {
		begun := time.Now()
		err := s.takeOnce(ctx, st, t)
		switch {
		case err == nil:
			if s.options.OnCommit != nil {
				s.options.OnCommit(1, time.Since(begun))
			}
			return nil
		case errors.Is(err, bellhop.ErrUnknown) || try == tries || ctx.Err() != nil:
			return err
		case noPartition(err):
			s.days.forget()
		case !lostConnection(err) && !collided(err) && codeOf(err) != uniqueViolation:
			return err
		}
	}
}

func (s *Store) takeOnce(ctx context.Context, st *step, t taking) error {
	if st.enqueue != nil {
		if err := s.haveDays(ctx, daysOfSteps([]*step{st})); err != nil {
			return err
		}
	}
	c, err := s.acquire(ctx, asked)
	if err != nil {
		return err
	}
	defer s.giveBack(c)
	g := &group{store: s, t: &txn{reading: reading{ctx: ctx, conn: c.Conn()}}, steps: []*step{st}}
	stored, err := g.take(st, t)
	if !stored && !errors.Is(err, bellhop.ErrUnknown) {
		err = errors.Join(err, rollback(ctx, c.Conn()))
	}
	g.ended(err)
	return err
}

const backendLives = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)"

const lockMended = "SELECT id FROM bellhop.outbox_refused WHERE id = ANY($1) ORDER BY id FOR UPDATE /* all apps */"

// take does what the steps of a group do, and the outbox's part. It tells whether it has
// committed; if it has not, and there is no error, the step has one.
func (g *group) take(st *step, t taking) (stored bool, err error) {
	st.err = nil
	if err := g.begin(); err != nil {
		return false, err
	}
	if !g.leases[st.lease] {
		st.err = bellhop.ErrLeaseLost
		return false, nil
	}
	var slot, mended int
	var mark int64
	var lives bool
	p := &pipeline{t: g.t}
	p.each(into(&slot), lockOutbox)
	p.each(into(&mark), outboxMark)
	p.each(into(&lives), backendLives, t.backend)
	if len(t.Mended) > 0 {
		p.each(func(row) error { mended++; return nil }, lockMended, t.Mended)
	}
	if err := p.run(); err != nil {
		return false, err
	}
	if mended < len(t.Mended) || t.progress != nil && (mark != t.Mark || !lives) {
		st.err = bellhop.ErrOutboxMoved
		return false, nil
	}
	if st.enqueue != nil {
		if st.err = g.accept(st); st.err != nil {
			return false, nil
		}
	}
	p = &pipeline{t: g.t}
	g.rows.queue(p)
	if t.progress != nil {
		sql, args := t.progress.add(slot, false)
		p.exec(sql, args...)
	}
	if len(t.Mended) > 0 {
		p.exec(dropMended, t.Mended)
	}
	if len(t.Refused) > 0 {
		args, apps := refusals(t.Refused)
		p.exec(addRefused, args...)
		p.exec(tooManyRefused, apps, bellhop.MaxRefused, bellhop.MaxRefusedBytes)
	}
	p.noteWaits()
	p.exec("COMMIT")
	err = commitError(p.run())
	if errors.Is(err, bellhop.ErrUnknown) {
		g.store.doubts.add(g.t.xid)
	}
	return err == nil, err
}
