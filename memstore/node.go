package memstore

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// lease is kept after its holder is gone, so that Join can prefer the number
// that has been free the longest: a process that wakes after a long sleep and
// renews must not find its old number in somebody else's hands.
type lease struct {
	until time.Time
	held  bool
}

// Join registers a process under a free node number.
func (s *Store) Join(ctx context.Context, length time.Duration, now time.Time) (bellhop.Node, error) {
	var n bellhop.Node
	err := s.step(ctx, func() error {
		number, err := s.freeNode(now)
		if err != nil {
			return err
		}
		s.releaseNode(number)
		n = bellhop.Node{ID: number, Floor: s.highestID(), LeaseUntil: now.Add(length)}
		s.nodes[number] = lease{until: n.LeaseUntil, held: true}
		return nil
	})
	return n, err
}

func (s *Store) freeNode(now time.Time) (bellhop.NodeID, error) {
	best := bellhop.NodeID(0)
	for number := bellhop.NodeID(1); number <= id.MaxNode; number++ {
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
func (s *Store) Renew(ctx context.Context, node bellhop.NodeID, length time.Duration, now time.Time) error {
	return s.step(ctx, func() error {
		if !s.nodes[node].held {
			return bellhop.ErrLeaseLost
		}
		s.nodes[node] = lease{until: now.Add(length), held: true}
		return nil
	})
}

// Leave releases what the node owns, and its number.
func (s *Store) Leave(ctx context.Context, node bellhop.NodeID, now time.Time) error {
	return s.step(ctx, func() error {
		if !s.nodes[node].held {
			return nil // taken over already: what it owned is released
		}
		s.releaseNode(node)
		s.nodes[node] = lease{until: now}
		return nil
	})
}

// Backlog takes over from dead nodes and lists endpoints with unowned deliveries.
func (s *Store) Backlog(ctx context.Context, now time.Time) ([]bellhop.Backlog, error) {
	var list []bellhop.Backlog
	err := s.step(ctx, func() error {
		for number, l := range s.nodes {
			if l.held && !l.until.After(now) {
				s.releaseNode(number)
				s.nodes[number] = lease{until: l.until}
			}
		}
		for _, e := range sortedKeys(s.queues) {
			if due := s.nextDue(e); !due.IsZero() {
				list = append(list, bellhop.Backlog{Endpoint: e, Due: due})
			}
		}
		return nil
	})
	return list, err
}

func (s *Store) releaseNode(node bellhop.NodeID) {
	for _, d := range s.pending {
		if d.Owner == node {
			d.Owner = 0
		}
	}
}

// ownerOf is the owner a new delivery gets: nobody, if the node it names lost its
// lease, because nobody would ever release it again.
func (s *Store) ownerOf(d *bellhop.Delivery) bellhop.NodeID {
	if !s.nodes[d.Owner].held {
		return 0
	}
	return d.Owner
}

func (s *Store) highestID() int64 {
	var highest int64
	for _, e := range s.events {
		highest = max(highest, int64(e.ID))
	}
	for _, a := range s.attempts {
		highest = max(highest, int64(a.ID))
	}
	for d := range s.pending {
		highest = max(highest, int64(d))
	}
	for _, a := range s.audit {
		highest = max(highest, int64(a.ID))
	}
	for e := range s.endpoints {
		highest = max(highest, int64(e))
	}
	for k := range s.keys {
		highest = max(highest, int64(k))
	}
	return highest
}
