package sim

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
)

// buckets is how many of bellhop.Buckets have endpoints, so that to share them out takes
// few steps. Ids are drawn until they fall into these.
const buckets = 8

// sharing is engine.sharing: what the node knows of the buckets that it owns.
type sharing struct {
	// looking is held while one look is taken; those that wait are done after it.
	looking bool
	waiting []func()

	lease bellhop.Lease
	owned map[bellhop.Bucket]int64
	told  bool
	// leaving is being handed over, if handing.
	leaving bellhop.Bucket
	handing bool
	// doubt is a bucket of which nobody knows whether it was left.
	doubt bellhop.BucketOwner
	// since is when the lanes were told of a bucket.
	since map[bellhop.Bucket]time.Duration
}

// owns tells whether the node takes itself for the owner of an endpoint's bucket.
func (n *node) owns(e bellhop.EndpointID) bool { return n.ownsBucket(bellhop.BucketOf(e)) }

func (n *node) ownsBucket(b bellhop.Bucket) bool {
	return n.sharing.owned[b] != 0 && n.sharing.lease == n.lease
}

func (n *node) ownBuckets() []bellhop.Bucket {
	var list []bellhop.Bucket
	for b := range bellhop.Bucket(buckets) {
		if n.ownsBucket(b) {
			list = append(list, b)
		}
	}
	return list
}

// exclusively has one thing done at a time with what is shared; do calls what it is given
// when it is done.
func (n *node) exclusively(do func(done func())) {
	s := &n.sharing
	if s.looking {
		s.waiting = append(s.waiting, func() { n.exclusively(do) })
		return
	}
	s.looking = true
	do(func() {
		s.looking = false
		waiting := s.waiting
		s.waiting = nil
		for _, f := range waiting {
			f()
		}
	})
}

// share is engine.Engine.share.
func (n *node) share(told func(even bool, err error)) {
	n.exclusively(func(done func()) {
		end := func(even bool, err error) {
			done()
			told(even, err)
		}
		n.leaveAgain(func(err error) {
			if err != nil {
				end(false, err)
				return
			}
			n.lookAt(end)
		})
	})
}

// leaveAgain is engine.Engine.leaveAgain.
func (n *node) leaveAgain(told func(error)) {
	if doubt := n.sharing.doubt; doubt.Lease == n.lease && doubt.Epoch != 0 {
		n.leaveBucket(doubt, told)
	} else {
		told(nil)
	}
}

// lookAt is what share does, one at a time.
func (n *node) lookAt(end func(even bool, err error)) {
	w, me := n.w, n.lease
	var nodes []bellhop.NodeInfo
	n.read("nodes", func() (err error) {
		nodes, err = w.store.Nodes(ctx)
		return err
	}, func(err error) {
		if err != nil {
			end(false, err)
			return
		}
		var owners []bellhop.BucketOwner
		n.read("buckets", func() error {
			list, err := w.store.Buckets(ctx)
			owners = list[:buckets]
			return err
		}, func(err error) {
			if err != nil {
				end(false, err)
				return
			}
			pins := lane.Pins(nodes, owners)
			n.heedListeners(pins)
			leases := make([]bellhop.Lease, len(nodes))
			for i := range nodes {
				leases[i] = nodes[i].Lease
			}
			n.follow(me, lane.Assign(me, leases, owners, pins, n.machine.Keeps), owners, end)
		})
	})
}

func (n *node) follow(me bellhop.Lease, plan lane.Assignment, owners []bellhop.BucketOwner, end func(bool, error)) {
	w := n.w
	mine := slices.DeleteFunc(slices.Clone(owners), func(o bellhop.BucketOwner) bool { return o.Lease != me })
	took := func(err error) {
		if err != nil {
			end(false, err)
			return
		}
		n.took(me, mine, func(err error) {
			if err == nil {
				n.handOver(plan)
			}
			end(plan.Even, err)
		})
	}
	if len(plan.Take) == 0 {
		took(nil)
		return
	}
	var taken []bellhop.BucketOwner
	n.write(writing{what: "take buckets", alone: true, do: func() (err error) {
		if taken, err = w.store.TakeBuckets(ctx, me, plan.Take, w.clock()); err == nil {
			w.ledger.tookBuckets(n, taken)
		}
		return err
	}}, func(err error) {
		mine = append(mine, taken...)
		took(err)
	})
}

// took is engine.Engine.took.
func (n *node) took(me bellhop.Lease, mine []bellhop.BucketOwner, told func(error)) {
	w, s := n.w, &n.sharing
	if s.lease != me || s.owned == nil {
		s.lease, s.owned, s.handing, s.told, s.doubt = me, map[bellhop.Bucket]int64{}, false, false, bellhop.BucketOwner{}
		s.since = map[bellhop.Bucket]time.Duration{}
	}
	var news []bellhop.BucketOwner
	still := map[bellhop.Bucket]bool{}
	for _, o := range mine {
		still[o.Bucket] = true
		if s.owned[o.Bucket] != o.Epoch {
			news = append(news, o)
			s.noLonger(o.Bucket)
		}
	}
	for b := range bellhop.Bucket(buckets) {
		if epoch := s.owned[b]; epoch != 0 && !still[b] {
			delete(s.owned, b)
			s.noLonger(b)
			n.do(lane.BucketLost{Bucket: b, Epoch: epoch})
		}
	}
	if len(news) == 0 && s.told {
		told(nil)
		return
	}
	taken := lane.BucketsTaken{Taken: news, Handed: !w.alone()}
	of := make([]bellhop.Bucket, len(news))
	for i, o := range news {
		of[i] = o.Bucket
	}
	n.read("due there", func() (err error) {
		if taken.Due, err = w.store.Overdue(ctx, of, time.Time{}); err == nil && taken.Handed {
			var endpoints []bellhop.EndpointID
			for r := range n.table.Routes().All() {
				if slices.Contains(of, bellhop.BucketOf(r.ID)) {
					endpoints = append(endpoints, r.ID)
				}
			}
			taken.Vitals, err = w.store.Vitals(ctx, endpoints)
		}
		return err
	}, func(err error) {
		if err != nil {
			told(err)
			return
		}
		n.learnVitals(taken)
		n.do(taken)
		for _, o := range news {
			if s.lease == o.Lease && s.owned != nil {
				s.owned[o.Bucket], s.since[o.Bucket] = o.Epoch, w.at
			}
		}
		s.told = true
		n.noteDue(of, w.plan.lease, func(error) { told(nil) })
	})
}

// noLonger is engine.sharing.noLonger.
func (s *sharing) noLonger(b bellhop.Bucket) {
	if s.leaving == b {
		s.handing = false
	}
}

// learnVitals counts anew what the lanes are told of receivers.
func (n *node) learnVitals(taken lane.BucketsTaken) {
	if !taken.Handed {
		return
	}
	for _, o := range taken.Taken {
		if o.Lease != n.lease {
			continue
		}
		for e, v := range taken.Vitals {
			if r := n.known[e]; r != nil && bellhop.BucketOf(e) == o.Bucket && v.Revision == r.Vitals.Revision {
				n.failures[e] = max(n.failures[e], v.Ill)
			}
		}
	}
}

// handOver is engine.Engine.handOver.
func (n *node) handOver(plan lane.Assignment) {
	s := &n.sharing
	leaving, handing := s.leaving, s.handing
	if s.handing = plan.More; plan.More && !handing {
		s.leaving = plan.Leave
	}
	switch {
	case plan.More && !handing:
		n.log("hand over", 0, 0, "")
		if slices.ContainsFunc(n.w.nodes, func(o *node) bool {
			return o != nil && o != n && slices.ContainsFunc(slices.Collect(maps.Keys(o.listened)), func(e bellhop.EndpointID) bool { return bellhop.BucketOf(e) == plan.Leave })
		}) {
			n.w.reached("a bucket went to a node that is listened at")
		}
		for _, f := range n.flying {
			if bellhop.BucketOf(f.delivery.door.id) == plan.Leave {
				n.w.reached("a bucket was handed over while requests were under way")
			}
		}
		n.do(lane.BucketLeaving{Bucket: plan.Leave})
	case !plan.More && handing:
		n.w.reached("a bucket was kept after all")
		n.do(lane.BucketKept{Bucket: leaving})
	}
}

// drained is engine.Engine.drained.
func (n *node) drained(d lane.Drained) {
	n.busy++
	n.exclusively(func(done func()) {
		if !n.machine.MayLeave(d.Bucket, d.Epoch) {
			n.busy--
			done()
			return
		}
		n.leaveBucket(bellhop.BucketOwner{Bucket: d.Bucket, Lease: n.sharing.lease, Epoch: d.Epoch}, func(error) {
			n.busy--
			done()
			n.look()
		})
	})
}

// leaveBucket is engine.Engine.leaveBucket.
func (n *node) leaveBucket(o bellhop.BucketOwner, told func(error)) {
	w, s := n.w, &n.sharing
	n.write(writing{what: "leave bucket", alone: true, do: func() error {
		err := w.store.LeaveBuckets(ctx, o.Lease, []bellhop.BucketOwner{o}, w.clock())
		if err == nil {
			w.reached("a bucket was handed over")
			w.ledger.leftBucket(o)
			n.tell(bellhop.Wakeup{Nodes: true})
		}
		return err
	}}, func(err error) {
		known := err == nil || errors.Is(err, bellhop.ErrLeaseLost)
		if s.lease == o.Lease {
			if s.doubt = o; known {
				delete(s.owned, o.Bucket)
				s.doubt, s.handing = bellhop.BucketOwner{}, false
			}
		}
		if known {
			err = nil
			n.do(lane.BucketLost{Bucket: o.Bucket, Epoch: o.Epoch})
		}
		told(err)
	})
}

// bucketLost: the store takes another node for the owner of an endpoint.
func (n *node) bucketLost(c lane.Claim) {
	n.do(lane.BucketLost{Bucket: bellhop.BucketOf(c.Endpoint), Epoch: c.BucketEpoch})
	n.look()
}

// look has a look be taken at how the buckets are shared.
func (n *node) look() {
	if n.stopping {
		return
	}
	n.share(func(even bool, _ error) { n.uneven = !even })
}

// tell wakes the other nodes: those whom it reaches.
func (n *node) tell(what bellhop.Wakeup) {
	w := n.w
	for _, o := range w.nodes {
		if o == nil || o == n {
			continue
		}
		if w.chance(w.plan.deaf) {
			w.reached("a wakeup was lost")
			continue
		}
		w.after(w.transit(), "wakeup", o.no, func() {
			o.when("wakeup", 0, func() { o.wake(what) })
		})
	}
}

// wake is engine.Engine.seeTo.
func (n *node) wake(what bellhop.Wakeup) {
	if !n.running {
		return
	}
	if what.Routes || what.Erased {
		n.freshen()
	}
	if what.Nodes {
		n.look()
	}
	own := slices.DeleteFunc(n.ownBuckets(), func(b bellhop.Bucket) bool { return !slices.Contains(what.Buckets, b) })
	if len(own) > 0 {
		n.noteDue(own, time.Millisecond, func(error) {})
	}
}

// How often a node looks for itself at what wakeups may not have told it. It is less often
// than in the engine, which makes these times what the checks allow others to take.
const (
	dueEvery      = time.Second
	versionsEvery = 2 * time.Second
)

// keepUp looks again and again at what other nodes do, if there may be any.
func (n *node) keepUp() {
	w := n.w
	if w.alone() {
		return
	}
	n.after(w.between(dueEvery*2/3, dueEvery), "poll", n.no, func() {
		if n.stopping {
			return
		}
		if w.at >= n.versionsAt {
			n.versionsAt = w.at + versionsEvery
			n.freshen()
		}
		n.readOutbox()
		if n.uneven {
			n.look()
		}
		if own := n.ownBuckets(); len(own) > 0 {
			n.noteDue(own, time.Millisecond, func(error) { n.keepUp() })
		} else {
			n.keepUp()
		}
	})
}

// freshen is engine.Engine.freshen.
func (n *node) freshen() {
	w := n.w
	var v bellhop.Versions
	n.read("versions", func() (err error) {
		v, err = w.store.Versions(ctx)
		return err
	}, func(err error) {
		if err != nil || !n.running {
			return
		}
		if v.Routes != n.table.Routes().Version() {
			n.load(func(error) {})
		}
		if v.Erased != n.erased || n.eraseAgain {
			n.eraseAgain = v.Erased != n.erased // what was being loaded meanwhile is in memory a moment later
			n.erased = v.Erased
			n.forgetErased()
		}
	})
}

func (n *node) forgetErased() {
	w := n.w
	waiting := n.machine.Events()
	if len(waiting) == 0 {
		return
	}
	var erased []bellhop.EventID
	n.read("erased", func() (err error) {
		erased, err = w.store.Erased(ctx, waiting)
		return err
	}, func(err error) {
		if err != nil || len(erased) == 0 {
			return
		}
		gone := map[bellhop.EventID]bool{}
		for _, e := range erased {
			gone[e] = true
		}
		w.reached("a node found that another had events erased")
		n.do(lane.Forgotten{Gone: lane.Gone{Events: gone}})
	})
}
