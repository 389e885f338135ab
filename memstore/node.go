package memstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/lowwater"
)

// lease is kept after its holder is gone: the next epoch is higher, and Join can
// prefer the number that has been free the longest.
type lease struct {
	until time.Time
	held  bool
	epoch int64

	about  bellhop.NodeAbout
	joined time.Time
	status bellhop.NodeStatus
}

// holds fails with ErrLeaseLost if the lease is over.
func (s *Store) holds(l bellhop.Lease) error {
	if n := s.nodes[l.Node]; !n.held || n.epoch != l.Epoch {
		return bellhop.ErrLeaseLost
	}
	return nil
}

// Join registers a process under a free node number.
func (s *Store) Join(ctx context.Context, about bellhop.NodeAbout, length time.Duration, now time.Time) (bellhop.Node, error) {
	var n bellhop.Node
	err := s.step(ctx, func() error {
		number, err := s.freeNode(now)
		if err != nil {
			return err
		}
		s.release(number, now)
		l := lease{until: now.Add(length), held: true, epoch: s.nodes[number].epoch + 1, about: about, joined: now}
		s.setNode(number, l)
		s.fresh.marks[bellhop.Lease{Node: number, Epoch: l.epoch}] = &lowwater.Mark{}
		n = bellhop.Node{Lease: bellhop.Lease{Node: number, Epoch: l.epoch}, Floor: s.highestID(number, now), Until: l.until, Now: now}
		return nil
	})
	if err == nil {
		s.Wake(bellhop.Wakeup{Nodes: true})
	}
	return n, err
}

func (s *Store) freeNode(now time.Time) (bellhop.NodeID, error) {
	best := bellhop.NodeID(0)
	for number := bellhop.NodeID(1); number <= s.numbers; number++ {
		l, used := s.nodes[number]
		if !used {
			return number, nil
		}
		if l.held && l.until.After(now) {
			continue
		}
		if best == 0 || l.until.Before(s.nodes[best].until) {
			best = number
		}
	}
	if best == 0 {
		return 0, errors.New("all node numbers are taken: stop a node, or wait until the lease of a dead one runs out")
	}
	return best, nil
}

// Renew extends the lease.
func (s *Store) Renew(ctx context.Context, l bellhop.Lease, status *bellhop.NodeStatus, length time.Duration, now time.Time) (time.Time, error) {
	return now, s.step(ctx, func() error {
		if err := s.holds(l); err != nil {
			return err
		}
		n := s.nodes[l.Node]
		n.until = now.Add(length)
		s.writeMark(l)
		if status != nil {
			n.status = *status
		}
		s.setNode(l.Node, n)
		return nil
	})
}

func (l *lease) info(number bellhop.NodeID) bellhop.NodeInfo {
	return bellhop.NodeInfo{Lease: bellhop.Lease{Node: number, Epoch: l.epoch}, NodeAbout: l.about, Joined: l.joined, Until: l.until, Status: l.status}
}

// Nodes lists who holds a lease.
func (s *Store) Nodes(ctx context.Context) ([]bellhop.NodeInfo, error) {
	var list []bellhop.NodeInfo
	err := s.step(ctx, func() error {
		for _, number := range sortedKeys(s.nodes) {
			if n := s.nodes[number]; n.held && !n.about.Started.IsZero() {
				list = append(list, n.info(number))
			}
		}
		return nil
	})
	return list, err
}

// Leave ends the lease and releases what is owned under it.
func (s *Store) Leave(ctx context.Context, l bellhop.Lease, now time.Time) error {
	err := s.step(ctx, func() error {
		if s.holds(l) != nil {
			return nil // it is over already: what it owned is released
		}
		s.release(l.Node, now)
		s.setNode(l.Node, lease{until: now, epoch: l.Epoch})
		return nil
	})
	if err == nil {
		s.Wake(bellhop.Wakeup{Nodes: true})
	}
	return err
}

// TakeOver ends leases that ran out.
func (s *Store) TakeOver(ctx context.Context, now time.Time) ([]bellhop.NodeInfo, error) {
	var ended []bellhop.NodeInfo
	err := s.step(ctx, func() error {
		for _, number := range sortedKeys(s.nodes) {
			if l := s.nodes[number]; l.held && !l.until.After(now) {
				s.release(number, now)
				s.setNode(number, lease{until: l.until, epoch: l.epoch})
				ended = append(ended, l.info(number))
			}
		}
		return nil
	})
	if len(ended) > 0 {
		s.Wake(bellhop.Wakeup{Nodes: true})
	}
	return ended, err
}

// Overdue lists endpoints with unowned deliveries. Where a change is being carried over
// to what waits, that has been due since then.
func (s *Store) Overdue(ctx context.Context, of []bellhop.Bucket, until time.Time) ([]bellhop.Backlog, error) {
	var list []bellhop.Backlog
	err := s.step(ctx, func() error {
		for _, e := range sortedKeys(s.queues) {
			if of != nil && !slices.Contains(of, bellhop.BucketOf(e)) {
				continue
			}
			for _, retries := range []bool{false, true} {
				due := s.nextDue(e, retries)
				if r, ok := s.reorders[e]; ok && !retries && (due.IsZero() || r.since.Before(due)) {
					due = r.since
				}
				if r, ok := s.releases[e]; ok && retries && (due.IsZero() || r.since.Before(due)) {
					due = r.since
				}
				if !due.IsZero() && (until.IsZero() || due.Before(until)) {
					list = append(list, bellhop.Backlog{Endpoint: e, Retries: retries, Due: due})
				}
			}
		}
		return nil
	})
	return list, err
}

// release gives back all that the node owns.
func (s *Store) release(node bellhop.NodeID, now time.Time) {
	if s.nodes[node].held {
		s.orphans(bellhop.Lease{Node: node, Epoch: s.nodes[node].epoch}, now)
	}
	for _, d := range s.pending {
		if d.Owner == node {
			s.giveBack(d, now)
		}
	}
}

// highestID is the highest that a number may have made. What is further ahead than
// ClockSlack counts if the number has made it: its leases do not say that, since they end by
// a clock that was set back meanwhile.
func (s *Store) highestID(number bellhop.NodeID, now time.Time) int64 {
	var highest int64
	bound := int64(id.First[id.Event](now.Add(bellhop.ClockSlack)))
	saw := func(i int64) {
		if i < bound || id.NodeOf(id.ID[id.Event](i)) == int(number) {
			highest = max(highest, i)
		}
	}
	for _, e := range s.events {
		saw(int64(e.ID))
	}
	for _, a := range s.attempts {
		saw(int64(a.ID))
	}
	for d := range s.pending {
		saw(int64(d))
	}
	for _, a := range s.audit {
		saw(int64(a.ID))
	}
	for e := range s.endpoints {
		saw(int64(e))
	}
	for k := range s.keys {
		saw(int64(k))
	}
	return highest
}
