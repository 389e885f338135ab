package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/internal/history"
	"github.com/bellhop/bellhop/internal/id"
)

// join gets a lease.
func (n *node) join(told func(error)) {
	w := n.w
	var joined bellhop.Node
	asked := w.at
	n.write(writing{what: "join", alone: true, do: func() (err error) {
		if joined, err = w.store.Join(ctx, bellhop.NodeAbout{Started: w.clock()}, w.plan.lease, w.clock()); err == nil {
			w.ledger.checkLeases()
			w.ledger.joined(joined.Lease)
		}
		return err
	}}, func(err error) {
		if err != nil {
			told(err)
			return
		}
		floor := joined.Floor
		if n.ids != nil {
			floor = max(floor, int64(id.Next[id.Attempt](n.ids, n.clock())))
		}
		n.blamed()
		n.renewed = asked
		n.tell(bellhop.Wakeup{Nodes: true})
		n.lease, n.ids = joined.Lease, id.NewGenerator(int(joined.Lease.Node), floor)
		waiters := n.joinWaiters
		n.joinWaiters = nil
		for _, f := range waiters {
			f(nil)
		}
		told(nil)
	})
}

// trusted tells whether the node still believes its lease.
func (n *node) trusted() bool {
	return n.w.alone() || n.w.at-n.renewed < lane.TrustFor(n.w.plan.lease)
}

// awaitLease waits for another lease than the one that was lost.
func (n *node) awaitLease(lost bellhop.Lease, told func(error)) {
	switch {
	case n.lease != lost:
		told(nil)
		return
	case n.stopping:
		told(bellhop.ErrUnavailable)
		return
	}
	waiting := true
	once := func(err error) {
		if waiting {
			waiting = false
			told(err)
		}
	}
	n.joinWaiters = append(n.joinWaiters, once)
	n.after(n.w.plan.lease, "no lease", 0, func() { once(bellhop.ErrUnavailable) })
	n.beat()
}

// heartbeat beats three times in a lease.
func (n *node) heartbeat() {
	n.beat()
	n.after(n.w.plan.lease/3, "heartbeat", n.no, n.heartbeat)
}

// beat is engine.Engine.beat. One that is asked for during another follows it.
func (n *node) beat() {
	if n.beating {
		n.beatAgain = true
		return
	}
	n.beating = true
	w := n.w
	end := func(error) {
		n.beating = false
		if n.beatAgain {
			n.beatAgain = false
			n.beat()
		}
	}
	lease, asked := n.lease, w.at
	status, moved := n.status(), n.listenersMoved
	n.listenersMoved = false
	n.write(writing{what: "renew", alone: true, do: func() error {
		_, err := w.store.Renew(ctx, lease, status, w.plan.lease, w.clock())
		return err
	}}, func(err error) {
		if err == nil && lease == n.lease {
			n.renewed = asked
			if moved {
				n.tell(bellhop.Wakeup{Nodes: true})
			}
		}
		switch {
		case n.stopping:
			end(err)
		case errors.Is(err, bellhop.ErrLeaseLost):
			n.rejoin(lease, func(err error) { n.beatOn(err, end) })
		default:
			n.beatOn(err, end)
		}
	})
}

func (n *node) rejoin(lost bellhop.Lease, told func(error)) {
	w := n.w
	if n.lease != lost {
		told(nil)
		return
	}
	n.log("lease lost", 0, 0, "")
	if len(n.flying) > 0 {
		w.reached("a lease was lost with requests under way")
	}
	n.resumes = map[bellhop.EndpointID][]heldBack{}
	n.do(lane.LeaseLost{})
	n.sharing.owned = nil
	n.join(func(err error) {
		if err == nil {
			n.do(lane.Joined{Lease: n.lease})
		}
		told(err)
	})
}

// beatOn is the rest of a beat, once the lease is renewed.
func (n *node) beatOn(err error, end func(error)) {
	w := n.w
	if err != nil {
		end(err)
		return
	}
	n.write(writing{what: "take over", alone: true, do: func() error {
		ended, err := w.store.TakeOver(ctx, w.clock())
		if len(ended) > 0 {
			n.tell(bellhop.Wakeup{Nodes: true})
			w.ledger.checkLeases()
			w.reached("what a dead node had was taken over")
		}
		return err
	}}, func(err error) {
		if err != nil {
			end(err)
			return
		}
		n.load(func(err error) {
			if err != nil {
				end(err)
				return
			}
			n.share(func(even bool, err error) {
				n.uneven = !even
				if err != nil {
					end(err)
					return
				}
				n.noteOverdue(func(err error) {
					if err == nil {
						n.do(lane.Heartbeat{})
						n.wakeUpkeep()
						n.readOutbox()
						w.rows()
					}
					end(err)
				})
			})
		})
	})
}

func (n *node) noteOverdue(told func(error)) { n.noteDue(n.ownBuckets(), n.w.plan.lease, told) }

// noteDue tells the lanes what waits in the store for some buckets that is due within a
// time.
func (n *node) noteDue(of []bellhop.Bucket, within time.Duration, told func(error)) {
	w := n.w
	until := n.clock().Add(within)
	var list []bellhop.Backlog
	n.read("overdue", func() (err error) {
		if list, err = w.store.Overdue(ctx, of, until); err == nil {
			n.overlooked(list)
		}
		return err
	}, func(err error) {
		if err == nil {
			for _, b := range list {
				n.NoteDue(b)
			}
		}
		told(err)
	})
}

// owedStep is smaller than that of the engine, so that a sweep takes several.
const owedStep = 5

// wakeUpkeep has what is owed be done.
func (n *node) wakeUpkeep() {
	n.owing = true
	n.catchUp()
}

// catchUp is engine.Engine.catchUp: what is too old is looked for first, and then spread,
// sweep and ends take turns.
func (n *node) catchUp() {
	if n.catching || !n.owing || n.stopping {
		return
	}
	n.catching, n.owing = true, false
	n.tooOld(func(old []bellhop.EndOld) { n.turnsOfUpkeep(old) })
}

func (n *node) turnsOfUpkeep(old []bellhop.EndOld) {
	n.spread(func(spread bool) {
		n.sweep(func(swept bool) {
			n.endOld(old, func(old []bellhop.EndOld) {
				if spread || swept || len(old) > 0 {
					n.turnsOfUpkeep(old)
					return
				}
				n.catching = false
				n.catchUp()
			})
		})
	})
}

func (n *node) spread(told func(bool)) {
	w := n.w
	lease, now := n.lease, n.clock()
	ids := id.Take[id.Delivery](n.ids, owedStep, now)
	var backlog []bellhop.Backlog
	n.write(writing{what: "spread", do: func() (err error) {
		if backlog, err = w.store.Spread(ctx, lease, ids, now); err == nil {
			w.ledger.spread(ids)
		}
		return err
	}}, func(err error) {
		if err != nil {
			told(false)
			return
		}
		for _, b := range backlog {
			n.NoteDue(b)
		}
		told(len(backlog) > 0)
	})
}

func (n *node) sweep(told func(bool)) {
	w := n.w
	now := n.clock()
	ids := id.Take[id.Attempt](n.ids, owedStep, now)
	swept := 0
	n.write(writing{what: "sweep", do: func() (err error) {
		if swept, err = w.store.Sweep(ctx, ids, now); err == nil {
			w.ledger.swept(ids[:swept])
		}
		return err
	}}, func(err error) {
		n.noteEnded(swept, err, told)
	})
}

// noteEnded is engine.Engine.noteEnded.
func (n *node) noteEnded(ended int, err error, told func(more bool)) {
	if ended > 0 {
		n.ended = true
	}
	if err != nil || ended == owedStep {
		told(err == nil)
		return
	}
	if n.ended {
		n.ended = false
		n.noteOverdue(func(error) { told(false) })
		return
	}
	told(false)
}

// ahead is how far the clock has jumped ahead in all.
func (w *world) ahead() time.Duration { return w.skew + w.back }

// settled is the time as far as it is believed: jumps ahead are not.
func (w *world) settled() time.Time { return epoch.Add(w.at - w.back) }

// tooOld is engine.Engine.tooOld.
func (n *node) tooOld(told func([]bellhop.EndOld)) {
	w := n.w
	var aged []bellhop.Aged
	var held map[bellhop.EndpointID]int64
	now := w.settled()
	n.read("oldest", func() (err error) {
		if aged, err = w.store.Oldest(ctx, now.Add(-n.table.Routes().ShortestSchedule())); err == nil {
			held, err = w.store.Held(ctx, bellhop.Everything(), 0)
		}
		return err
	}, func(err error) {
		var list []bellhop.EndOld
		for _, a := range aged {
			r := n.table.Routes().Endpoint(a.Endpoint)
			if err != nil || r == nil || !n.owns(a.Endpoint) {
				continue
			}
			if o, ok := engine.TooOld(r, n.machine.State(r, n.now()), held[a.Endpoint] > 0, a.Born, now); ok {
				list = append(list, o)
			}
		}
		told(list)
	})
}

// endOld is engine.Engine.endOld.
func (n *node) endOld(old []bellhop.EndOld, told func([]bellhop.EndOld)) {
	if len(old) == 0 {
		told(nil)
		return
	}
	w, first, now, ended := n.w, old[0], n.clock(), 0
	old = old[1:]
	ids := id.Take[id.Attempt](n.ids, owedStep, now)
	n.write(writing{what: "end old", endpoint: first.Endpoint, do: func() (err error) {
		if ended, err = w.store.EndOld(ctx, first, ids, now); err == nil {
			w.ledger.endedOld(first.Endpoint, ids[:ended])
		}
		return err
	}}, func(err error) {
		if err != nil {
			old = nil // with the next heartbeat, it looks again
		}
		n.noteEnded(ended, err, func(more bool) {
			if more {
				old = append(old, first)
			}
			told(old)
		})
	})
}

// accuse takes a verdict, to look into it one after the other.
func (n *node) accuse(v lane.Verdict) {
	n.verdicts = slices.DeleteFunc(n.verdicts, func(o lane.Verdict) bool { return o.Route.ID == v.Route.ID })
	n.verdicts = append(n.verdicts, v)
	n.judge()
}

func (n *node) judge() {
	if n.judging || n.stopping || len(n.verdicts) == 0 {
		return
	}
	n.judging = true
	v := n.verdicts[0]
	n.verdicts = n.verdicts[1:]
	n.carryOut(v, func() {
		n.judging = false
		n.judge()
	})
}

// carryOut is engine.Engine.carryOut.
func (n *node) carryOut(v lane.Verdict, end func()) {
	w := n.w
	if v.Gone {
		n.sentence(v, end)
		return
	}
	var successes []bellhop.Attempt
	n.read("look for successes", func() (err error) {
		successes, err = w.store.Attempts(ctx, bellhop.AttemptFilter{
			Scope: bellhop.Everything(), Endpoint: v.Route.ID, Status: bellhop.AttemptSucceeded, Since: v.FailedSince, Limit: 1,
		})
		if len(successes) == 0 {
			w.accused(v.Route.ID)
		}
		return err
	}, func(err error) {
		switch {
		case err != nil:
			end()
		case len(successes) > 0:
			w.reached("an accused endpoint was vindicated")
			n.do(lane.Vindicated{Endpoint: v.Route.ID, Since: v.FailedSince})
			end()
		default:
			n.sentence(v, end)
		}
	})
}

func (n *node) sentence(v lane.Verdict, end func()) {
	w := n.w
	now := n.clock().UTC().Truncate(time.Millisecond)
	r := n.table.Routes().Endpoint(v.Route.ID)
	if r == nil || r.Revision != v.Route.Revision {
		end()
		return
	}
	e := r.Endpoint
	e.Status, e.DisabledReason, e.UpdatedAt = bellhop.EndpointDisabled, "it is said to be ill", now
	tell := func() {
		n.log("disabled", int64(e.ID), 0, "")
		for _, app := range e.Apps {
			n.accept(&publishing{own: true}, engine.Publication{
				App: app, Type: engine.TypeEndpointDisabled, Subject: "endpoint:" + e.ID.String(), Data: bellhop.JSON(`{"reason":"ill"}`),
			})
		}
		end()
	}
	n.write(writing{what: "disable", endpoint: e.ID, do: func() error {
		err := w.store.SaveEndpoint(ctx, e, nil, now)
		if err == nil {
			w.disabled(v)
			w.ledger.saved(e)
		}
		return err
	}}, func(err error) {
		switch {
		case err == nil:
			n.load(func(error) { tell() })
		case errors.Is(err, bellhop.ErrRevision), errors.Is(err, bellhop.ErrUnknown):
			n.load(func(err error) {
				r := n.table.Routes().Endpoint(e.ID)
				if err == nil && r != nil && r.UpdatedAt.Equal(now) && r.DisabledReason == e.DisabledReason {
					tell()
				} else {
					end()
				}
			})
		default:
			end()
		}
	})
}

// crash ends the process at once. Another one is started soon.
func (w *world) crash() {
	n := w.some()
	if n == nil {
		return
	}
	n.log("crash", 0, 0, "")
	if len(n.accepting) > 0 {
		w.reached("a crash in the middle of a publish")
	}
	if len(n.flying) > 0 {
		w.reached("a crash with requests under way")
	}
	n.die()
	w.bootSoon(n.place)
}

func (w *world) bootSoon(place int) {
	w.after(w.wait(5*time.Second), "boot again", 0, func() {
		if w.nodes[place] == nil {
			w.boot(place)
		}
	})
}

// stop ends the process in order: it finishes what is under way, or cuts it off when
// that takes too long, and leaves.
func (w *world) stop() {
	if n := w.some(); n != nil {
		n.stop()
	}
}

// roll stops one node after the other, as a new version is brought out.
func (w *world) roll() {
	wait := time.Duration(0)
	for place := range w.nodes {
		w.after(wait, "roll", int64(place), func() {
			if n := w.nodes[place]; n != nil && n.awake() && w.mended == 0 {
				n.stop()
			}
		})
		wait += w.between(time.Second, 20*time.Second)
	}
	w.reached("the nodes were restarted one after the other")
}

func (n *node) stop() {
	w := n.w
	n.log("stop", 0, 0, "")
	n.stopping, n.running = true, false
	n.do(lane.Stop{})
	n.timer++
	waiters := n.joinWaiters
	n.joinWaiters = nil
	for _, f := range waiters {
		f(bellhop.ErrUnavailable)
	}
	n.resumes = map[bellhop.EndpointID][]heldBack{}
	w.disturbed = max(w.disturbed, w.at)
	n.after(w.plan.drain, "drained too long", 0, func() {
		n.cut = true
		for _, p := range n.accepting {
			p.away = true
		}
		if n.busy > 0 {
			w.reached("draining took too long")
		}
		for _, f := range slices.Clone(n.flying) {
			n.answered(f, bellhop.Outcome{}, true)
		}
	})
	n.leave()
}

// leave waits until nothing is under way, and gives up the lease.
func (n *node) leave() {
	w := n.w
	if n.busy > 0 || len(n.accepting) > 0 {
		n.after(50*time.Millisecond, "drain", 0, n.leave)
		return
	}
	lease := n.lease
	n.write(writing{what: "leave", alone: true, do: func() error {
		err := w.store.Leave(ctx, lease, w.clock())
		w.ledger.checkLeases()
		return err
	}}, func(err error) {
		n.log("left", 0, 0, word(err))
		n.bounds()
		n.left = true
		n.die()
		w.bootSoon(n.place)
	})
}

// loseLease has a node's lease taken over, as if it had been silent for too long.
func (w *world) loseLease() {
	n := w.some()
	if n == nil || n.lease == (bellhop.Lease{}) {
		return
	}
	n.log("lease taken over", 0, 0, "")
	w.store.settle(&writing{alone: true})
	w.must(w.store.Leave(ctx, n.lease, w.clock()))
	w.ledger.checkLeases()
	w.disturbed = max(w.disturbed, w.at)
}

// freeze has a node stand still for a while, often for longer than its lease.
func (w *world) freeze() {
	n := w.some()
	if n == nil {
		return
	}
	long := w.between(100*time.Millisecond, 4*w.plan.lease)
	if w.chance(0.5) {
		n.sleepy = long // in the middle of the next request
		return
	}
	n.freezeFor(long)
}

func (n *node) freezeFor(long time.Duration) {
	w := n.w
	n.freeze()
	w.after(long, "thaw", n.no, func() {
		if n.dead {
			return
		}
		if w.ledger.over(n.lease) {
			w.reached("a node woke after its lease")
			if len(n.flying) > 0 {
				w.reached("a node woke after its lease with requests under way")
			}
		}
		n.thaw()
	})
}

// outage has the store refuse all writes for a while.
func (w *world) outage() {
	w.store.down = w.at + w.between(time.Second, time.Minute)
	w.faults = append(w.faults, history.Fault{What: "nothing could be written", From: w.time(w.at), To: w.time(w.store.down)})
	w.log("outage", 0, 0, "")
}

// storm has many answers of the store be lost for a while.
func (w *world) storm() {
	w.store.storm = w.at + w.between(time.Second, 30*time.Second)
	w.log("storm", 0, 0, "")
}

// turnClock sets the clock on the wall.
func (w *world) turnClock() {
	by := w.between(time.Second, 5*time.Minute)
	if w.chance(0.5) {
		w.back += by
		by = -by
		w.reached("the clock went back")
	} else {
		w.leapt = w.at
	}
	w.skew += by
	w.disturbed = max(w.disturbed, w.at)
	w.log("clock", 0, 0, by.String())
}

// loseSecrets lets no secret be opened for a while: what is changed meanwhile is held.
func (w *world) loseSecrets() {
	w.secrets.lost = true
	w.log("secrets lost", 0, 0, "")
	w.after(w.between(time.Second, 20*time.Second), "secrets found", 0, func() {
		w.secrets.lost = false
		w.disturbed = max(w.disturbed, w.at) // lanes find it out with the next heartbeat
	})
}
