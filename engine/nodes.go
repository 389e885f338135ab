package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
)

// sharing is what the node knows of the buckets that it owns.
type sharing struct {
	// looking lets one look be taken at a time.
	looking sync.Mutex

	mu sync.Mutex
	// lease is what owned is about; owned are the epochs of the buckets, zero of another's.
	lease bellhop.Lease
	owned [bellhop.Buckets]int64
	// told: the lanes know them. house is closed while the first bucket is among them.
	told  bool
	house chan struct{}
	// leaving is the bucket that is being handed over, if handing. doubt is that one where it was
	// drained, and nobody knows whether it was left.
	leaving bellhop.Bucket
	handing bool
	doubt   bellhop.BucketOwner
}

// forget drops all that was owned under a lease that was lost.
func (s *sharing) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owned, s.handing, s.told, s.doubt = [bellhop.Buckets]int64{}, false, false, bellhop.BucketOwner{}
	s.noteHouse()
}

// Owns tells whether this node owns the bucket of an endpoint.
func (e *Engine) Owns(endpoint bellhop.EndpointID) bool {
	return e.ownsBucket(bellhop.BucketOf(endpoint))
}

func (e *Engine) ownsBucket(b bellhop.Bucket) bool {
	e.sharing.mu.Lock()
	defer e.sharing.mu.Unlock()
	return e.sharing.owned[b] != 0 && e.sharing.lease == e.Lease()
}

// ownBuckets are those that this node owns, in their order.
func (e *Engine) ownBuckets() []bellhop.Bucket {
	e.sharing.mu.Lock()
	defer e.sharing.mu.Unlock()
	list := make([]bellhop.Bucket, 0, bellhop.Buckets)
	if e.sharing.lease == e.Lease() {
		for b, epoch := range e.sharing.owned {
			if epoch != 0 {
				list = append(list, bellhop.Bucket(b))
			}
		}
	}
	return list
}

// keepsHouse tells whether this node does what one node does for all: the owner of the
// first bucket.
func (e *Engine) keepsHouse() bool { return e.ownsBucket(0) }

// KeepsHouse tells whether this node does what one node does for all.
func (e *Engine) KeepsHouse() bool { return e.keepsHouse() }

// housekeeping is closed while this node keeps house.
func (e *Engine) housekeeping() <-chan struct{} {
	e.sharing.mu.Lock()
	defer e.sharing.mu.Unlock()
	return e.sharing.house
}

// noteHouse follows a change of what is owned. The lock is held.
func (s *sharing) noteHouse() {
	open := true
	select {
	case <-s.house:
		open = false
	default:
	}
	switch keeps := s.owned[0] != 0; {
	case keeps && open:
		close(s.house)
	case !keeps && !open:
		s.house = make(chan struct{})
	}
}

// share takes this node's share of the buckets, and hands over what is above it. It tells
// whether all nodes have theirs.
func (e *Engine) share(ctx context.Context) (even bool, err error) {
	e.sharing.looking.Lock()
	defer e.sharing.looking.Unlock()
	me := e.Lease()
	if err := e.leaveAgain(ctx, me); err != nil {
		return false, err
	}
	nodes, err := e.store.Nodes(ctx)
	if err != nil {
		return false, fmt.Errorf("list the nodes: %w", err)
	}
	owners, err := e.store.Buckets(ctx)
	if err != nil {
		return false, fmt.Errorf("list the buckets: %w", err)
	}
	e.seen.Store(&seen{nodes, owners})
	pins := lane.Pins(nodes, owners)
	e.heedListeners(nodes, pins)
	leases := make([]bellhop.Lease, len(nodes))
	for i := range nodes {
		leases[i] = nodes[i].Lease
	}
	plan := lane.Assign(me, leases, owners, pins, e.lanes.Keeps)
	mine := slices.DeleteFunc(slices.Clone(owners), func(o bellhop.BucketOwner) bool { return o.Lease != me })
	if len(plan.Take) > 0 {
		taken, err := e.store.TakeBuckets(ctx, me, plan.Take, e.cfg.Now())
		if err != nil {
			return false, fmt.Errorf("take buckets: %w", err)
		}
		mine = append(mine, taken...)
	}
	if err := e.took(ctx, me, mine); err != nil {
		return false, err
	}
	e.handOver(plan)
	return plan.Even, nil
}

// took tells the lanes of what this node owns, and of what is due there.
func (e *Engine) took(ctx context.Context, me bellhop.Lease, mine []bellhop.BucketOwner) error {
	s := &e.sharing
	s.mu.Lock()
	if s.lease != me {
		s.lease, s.owned, s.handing, s.told, s.doubt = me, [bellhop.Buckets]int64{}, false, false, bellhop.BucketOwner{}
	}
	var news []bellhop.BucketOwner
	var still [bellhop.Buckets]bool
	for _, o := range mine {
		still[o.Bucket] = true
		if s.owned[o.Bucket] != o.Epoch {
			news = append(news, o)
			s.noLonger(o.Bucket)
		}
	}
	var lost []bellhop.BucketOwner
	for b, epoch := range s.owned {
		if epoch != 0 && !still[b] {
			lost = append(lost, bellhop.BucketOwner{Bucket: bellhop.Bucket(b), Epoch: epoch})
			s.owned[b] = 0
			s.noLonger(bellhop.Bucket(b))
		}
	}
	s.noteHouse()
	s.mu.Unlock()
	for _, o := range lost {
		e.lanes.Lost(o.Bucket, o.Epoch)
	}
	if len(news) == 0 && s.told {
		return nil
	}
	taken := lane.BucketsTaken{Taken: news, Handed: !e.store.Alone()}
	buckets := make([]bellhop.Bucket, len(news))
	for i, o := range news {
		buckets[i] = o.Bucket
	}
	var err error
	if taken.Due, err = e.store.Overdue(ctx, buckets, time.Time{}); err != nil {
		return fmt.Errorf("look for what is overdue: %w", err)
	}
	if taken.Handed {
		if taken.Vitals, err = e.vitalsOf(ctx, buckets); err != nil {
			return err
		}
	}
	e.lanes.Took(taken)
	s.mu.Lock()
	for _, o := range news {
		s.owned[o.Bucket] = o.Epoch
	}
	s.told = true
	s.noteHouse()
	s.mu.Unlock()
	// What was stored after the look, and before the lanes knew, was noted to nobody.
	e.failed(ctx, "looking for what came meanwhile", e.noteDue(ctx, buckets, e.cfg.Now().Add(e.cfg.Lease)))
	return nil
}

// noLonger ends the handing over of a bucket that is another's by now, or came back since: it
// will not drain any more. The lock is held.
func (s *sharing) noLonger(b bellhop.Bucket) {
	if s.leaving == b {
		s.handing = false
	}
}

// vitalsPiece bounds one question.
const vitalsPiece = 1000

// vitalsOf gives what is stored of the receivers of the endpoints in some buckets.
func (e *Engine) vitalsOf(ctx context.Context, buckets []bellhop.Bucket) (map[bellhop.EndpointID]bellhop.Vitals, error) {
	var in [bellhop.Buckets]bool
	for _, b := range buckets {
		in[b] = true
	}
	var endpoints []bellhop.EndpointID
	for r := range e.table.Routes().All() {
		if in[bellhop.BucketOf(r.ID)] {
			endpoints = append(endpoints, r.ID)
		}
	}
	all := make(map[bellhop.EndpointID]bellhop.Vitals, len(endpoints))
	for some := range slices.Chunk(endpoints, vitalsPiece) {
		vitals, err := e.store.Vitals(ctx, some)
		if err != nil {
			return nil, fmt.Errorf("look up how endpoints do: %w", err)
		}
		for id, v := range vitals {
			all[id] = v
		}
	}
	return all, nil
}

// handOver begins to hand over what the plan says, and keeps what it says no more.
func (e *Engine) handOver(plan lane.Assignment) {
	s := &e.sharing
	s.mu.Lock()
	leaving, handing := s.leaving, s.handing
	if s.handing = plan.More; plan.More && !handing {
		s.leaving = plan.Leave
	}
	s.mu.Unlock()
	switch {
	case plan.More && !handing:
		e.lanes.HandOver(plan.Leave)
	case !plan.More && handing:
		e.lanes.Keep(leaving)
	}
}

// drained gives up a bucket that nothing keeps any more.
func (e *Engine) drained(b bellhop.Bucket, epoch int64) {
	e.lanes.Spawn(func(ctx context.Context) {
		s := &e.sharing
		s.looking.Lock() // a look from before must not take it for its own
		defer s.looking.Unlock()
		if !e.lanes.MayLeave(b, epoch) {
			return // a look that was waited for has kept it
		}
		s.mu.Lock()
		l := s.lease
		s.mu.Unlock()
		e.failed(ctx, "handing a bucket over", e.leaveBucket(ctx, bellhop.BucketOwner{Bucket: b, Lease: l, Epoch: epoch}))
		wake(e.resharing)
	})
}

// leaveAgain leaves the bucket of which nobody knows whether it was left. Until that is known,
// it is not used: where the commit is late, another would take it meanwhile.
func (e *Engine) leaveAgain(ctx context.Context, me bellhop.Lease) error {
	e.sharing.mu.Lock()
	doubt := e.sharing.doubt
	e.sharing.mu.Unlock()
	if doubt.Lease != me || doubt.Epoch == 0 {
		return nil
	}
	return e.leaveBucket(ctx, doubt)
}

// leaveBucket gives up a bucket that nothing keeps any more.
func (e *Engine) leaveBucket(ctx context.Context, o bellhop.BucketOwner) error {
	err := e.store.LeaveBuckets(ctx, o.Lease, []bellhop.BucketOwner{o}, e.cfg.Now())
	known := err == nil || errors.Is(err, bellhop.ErrLeaseLost)
	s := &e.sharing
	s.mu.Lock()
	if s.lease == o.Lease {
		if s.doubt = o; known {
			s.doubt, s.owned[o.Bucket], s.handing = bellhop.BucketOwner{}, 0, false
			s.noteHouse()
		}
	}
	s.mu.Unlock()
	if !known {
		return fmt.Errorf("leave a bucket: %w", err)
	}
	e.tell(bellhop.Wakeup{Nodes: true})
	e.lanes.Lost(o.Bucket, o.Epoch)
	return nil
}
