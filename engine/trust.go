package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
)

// trust is when a lease was asked for that the store then gave, by the clock that nobody
// sets and by the one on the wall.
type trust struct {
	elapsed time.Duration
	wall    time.Time
}

func (e *Engine) nowTrust() *trust {
	return &trust{e.cfg.Elapsed(), e.clock.wall().Round(0)}
}

// trusted tells whether the node still believes its lease. It does for less time than the
// lease has, counted from before it asked: the others count from later. By both clocks,
// since one of them stands still while the computer sleeps, and the other may be set.
func (e *Engine) trusted() bool {
	if e.alone() {
		return true // nobody takes over
	}
	t := e.trust.Load()
	limit := lane.TrustFor(e.cfg.Lease)
	return t != nil && e.cfg.Elapsed()-t.elapsed < limit && e.clock.wall().Round(0).Sub(t.wall) < limit
}

// status is what the node says of itself with a heartbeat.
func (e *Engine) status() *bellhop.NodeStatus {
	s := &bellhop.NodeStatus{Doing: bellhop.NodeDelivering, ClockAhead: bellhop.Duration(-e.clock.Offset())}
	s.InFlight, s.Queued, s.CircuitsOpen = e.lanes.Counts()
	s.Listened = e.listeners.Endpoints()
	e.sharing.mu.Lock()
	handing := e.sharing.handing
	e.sharing.mu.Unlock()
	select {
	case <-e.stopping:
		s.Doing = bellhop.NodeDraining
		return s
	default:
	}
	switch {
	case !e.lanes.Running():
		s.Doing = bellhop.NodeStarting
	case e.table.Routes().Hold().On():
		s.Doing = bellhop.NodeHeld
	case handing:
		s.Doing = bellhop.NodeHandingOver
	}
	return s
}

// extend renews a lease, and follows the clock that judges it.
func (e *Engine) extend(ctx context.Context, l bellhop.Lease, status *bellhop.NodeStatus) error {
	if !e.alone() {
		// An answer that takes as long as the lease helps nobody.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.Lease)
		defer cancel()
	}
	asked := e.nowTrust()
	now, err := e.store.Renew(ctx, l, status, e.cfg.Lease, e.cfg.Now())
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, bellhop.ErrUnavailable) {
		err = fmt.Errorf("%w: %w", bellhop.ErrUnavailable, err)
	}
	if err != nil {
		return err
	}
	e.followClock(now, asked.elapsed)
	if l == e.Lease() {
		distrusted := !e.trusted()
		e.trust.Store(asked)
		if distrusted {
			e.log.Warn("the lease was not renewed in time, and nothing was sent meanwhile; it still holds", "lease", e.cfg.Lease)
			e.lanes.Wake()
		}
	}
	return nil
}

const (
	// clockFar is how far the node's clock may be from that of the database without
	// anything being made of it.
	clockFar = time.Second
)

// followClock has the engine go by the clock that judges leases, where that is another
// one. It showed now at some moment after asked.
func (e *Engine) followClock(now time.Time, asked time.Duration) {
	took := e.cfg.Elapsed() - asked
	by := now.Sub(e.cfg.Now().Round(0).Add(-took / 2))
	if by.Abs() <= clockFar+took/2 {
		return
	}
	offset := e.clock.shift(by)
	if offset.Abs() <= clockFar {
		e.log.Info("this computer's clock agrees with the database's again")
		return
	}
	e.log.Warn("this computer's clock is not that of the database, which is used instead; set it, with NTP for example",
		"ahead_by", (-offset).Round(time.Millisecond).String())
}
