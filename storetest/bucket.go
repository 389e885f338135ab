package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// bucketsOf is what the fixture knows of the owners of the buckets.
type bucketsOf struct {
	sync.Mutex
	of map[bellhop.Bucket]bellhop.BucketOwner
}

func (f *fixture) about() bellhop.NodeAbout {
	return bellhop.NodeAbout{Name: "here", Version: "v1.2.3", Started: f.now}
}

func (f *fixture) renew(l bellhop.Lease) {
	f.Helper()
	now, err := f.s.Renew(f.Context(), l, nil, time.Minute, f.now)
	f.must(err)
	same(f, "the store's time", now, f.now)
}

// renewSaying renews a lease with a status.
func (f *fixture) renewSaying(l bellhop.Lease, s bellhop.NodeStatus) {
	f.Helper()
	_, err := f.s.Renew(f.Context(), l, &s, time.Minute, f.now)
	f.must(err)
}

// owners are those of the buckets.
func (f *fixture) owners() []bellhop.BucketOwner {
	f.Helper()
	list, err := f.s.Buckets(f.Context())
	f.must(err)
	if len(list) != bellhop.Buckets {
		f.Fatalf("%d buckets", len(list))
	}
	for b := range list {
		if int(list[b].Bucket) != b {
			f.Fatalf("bucket %d comes as number %d", list[b].Bucket, b)
		}
	}
	return list
}

func (f *fixture) takeBuckets(l bellhop.Lease, want ...bellhop.BucketOwner) []bellhop.BucketOwner {
	f.Helper()
	taken, err := f.s.TakeBuckets(f.Context(), l, want, f.now)
	f.must(err)
	return taken
}

func (f *fixture) leaveBuckets(l bellhop.Lease, left ...bellhop.BucketOwner) {
	f.Helper()
	f.must(f.s.LeaveBuckets(f.Context(), l, left, f.now))
}

// takeAll has a lease own every bucket.
func (f *fixture) takeAll(l bellhop.Lease) {
	f.Helper()
	for _, o := range f.takeBuckets(l, f.owners()...) {
		f.buckets.of[o.Bucket] = o
	}
}

// ownBucket has a lease own an endpoint's bucket, whoever had it before, and gives the epoch. It
// is 0 if the lease is over.
func (f *fixture) ownBucket(l bellhop.Lease, e bellhop.EndpointID) int64 {
	f.Helper()
	f.buckets.Lock()
	defer f.buckets.Unlock()
	b := bellhop.BucketOf(e)
	known := f.buckets.of[b]
	if known.Lease == l {
		return known.Epoch
	}
	if err := f.s.LeaveBuckets(f.Context(), known.Lease, []bellhop.BucketOwner{known}, f.now); err != nil && !errors.Is(err, bellhop.ErrLeaseLost) {
		f.must(err)
	}
	taken, err := f.s.TakeBuckets(f.Context(), l, []bellhop.BucketOwner{f.owners()[b]}, f.now)
	if errors.Is(err, bellhop.ErrLeaseLost) {
		f.buckets.of[b] = f.owners()[b]
		return 0
	}
	f.must(err)
	if len(taken) != 1 {
		f.Fatalf("bucket %d cannot be had: %+v", b, f.owners()[b])
	}
	f.buckets.of[b] = taken[0]
	return taken[0].Epoch
}

var bucketTests = []test{
	{"a bucket has one owner at a time", func(f *fixture) {
		a, b := f.lease, f.join().Lease
		before := f.owners()
		same(f, "owner", before[7].Lease, a)
		same(f, "what another gets of it", f.takeBuckets(b, before[7], before[8]), nil)
		same(f, "owners after that", f.owners(), before)
		same(f, "who asks for what it has gets", f.takeBuckets(a, before[7]), before[7:8])
		f.leaveBuckets(a, before[7])
		free := f.owners()[7]
		same(f, "a free one", free, bellhop.BucketOwner{Bucket: 7, Epoch: before[7].Epoch})
		taken := f.takeBuckets(b, free, before[8])
		same(f, "taken", taken, []bellhop.BucketOwner{{Bucket: 7, Lease: b, Epoch: free.Epoch + 1}})
		same(f, "owner then", f.owners()[7], taken[0])
		same(f, "what the other gets then", f.takeBuckets(a, free), nil)
	}},
	{"who looked before a bucket changed hands does not get it", func(f *fixture) {
		a, b := f.lease, f.join().Lease
		f.leaveBuckets(a, f.owners()[7])
		old := f.owners()[7]
		f.leaveBuckets(b, f.takeBuckets(b, old)...)
		same(f, "taken", f.takeBuckets(a, old), nil)
		same(f, "taken by who looked again", len(f.takeBuckets(a, f.owners()[7])), 1)
	}},
	{"to leave what is not one's own changes nothing", func(f *fixture) {
		b := f.join().Lease
		before := f.owners()
		f.leaveBuckets(b, before[7])
		older := before[7]
		older.Epoch--
		f.leaveBuckets(f.lease, older)
		same(f, "owners", f.owners(), before)
		f.leaveBuckets(f.lease, before[7])
		f.leaveBuckets(f.lease, before[7]) // its answer may have been lost
		taken := f.takeBuckets(b, f.owners()[7])
		f.leaveBuckets(f.lease, before[7])
		same(f, "owner", f.owners()[7], taken[0])
	}},
	{"only the owner of its bucket claims for an endpoint", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		other := f.join().Lease
		epoch := f.ownBucket(f.lease, e.ID)
		for name, c := range map[string]bellhop.ClaimRequest{
			"another node":          {Lease: other, BucketEpoch: epoch},
			"an earlier epoch":      {Lease: f.lease, BucketEpoch: epoch - 1},
			"one that is not known": {Lease: f.lease},
		} {
			c.Endpoint, c.Limit = e.ID, 10
			if _, err := f.s.Claim(f.Context(), c, f.now); !errors.Is(err, bellhop.ErrBucketLost) {
				f.Errorf("%s: %v, want ErrBucketLost", name, err)
			}
		}
		same(f, "delivery", f.get(n.Deliveries[0].ID), n.Deliveries[0])
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(n))
	}},
	{"a claim under an epoch that is over finds nothing, even if the bucket came back", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		first := f.ownBucket(f.lease, e.ID)
		other := f.join().Lease
		f.ownBucket(other, e.ID)
		third := f.ownBucket(f.lease, e.ID)
		if third <= first {
			f.Errorf("epoch %d came after %d", third, first)
		}
		_, err := f.s.Claim(f.Context(), bellhop.ClaimRequest{Lease: f.lease, Endpoint: e.ID, BucketEpoch: first, Limit: 10}, f.now)
		if !errors.Is(err, bellhop.ErrBucketLost) {
			f.Errorf("claimed: %v, want ErrBucketLost", err)
		}
		same(f, "claimed under the present one", len(f.claim(e, 10)), 1)
	}},
	{"what is owned stays so when its bucket changes hands", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		w := f.claim(e, 10)[0]
		other := f.join().Lease
		f.ownBucket(other, e.ID)
		same(f, "owner", f.get(n.Deliveries[0].ID).Owner, f.node)
		f.record(f.attempt(w.Delivery, bellhop.AttemptSucceeded))
		same(f, "pending", f.pending(e.ID), 0)
	}},
	{"whoever accepts an event may own its deliveries", func(f *fixture) {
		e := f.endpoint()
		other := f.join().Lease
		n := f.event(e)
		n.Deliveries[0].Owner = other.Node
		_, err := f.s.Enqueue(f.Context(), other, f.version(), []bellhop.NewEvent{n}, f.now)
		f.must(err)
		same(f, "claimed by the owner of the bucket", len(f.claim(e, 10)), 0)
		a := f.attempt(n.Deliveries[0], bellhop.AttemptSucceeded)
		f.must(f.s.Record(f.Context(), other, []bellhop.Result{{Attempt: a, Lease: other}}, f.now))
		same(f, "pending", f.pending(e.ID), 0)
	}},
	{"a dead node's buckets are free when others take over, and not before", func(f *fixture) {
		dead := f.joinFor(time.Minute)
		f.leaveBuckets(f.lease, f.owners()[7])
		taken := f.takeBuckets(dead, f.owners()[7])
		f.pass(time.Hour)
		same(f, "owner while nobody took over", f.owners()[7], taken[0])
		same(f, "what others get of it", f.takeBuckets(f.lease, taken[0]), nil)
		f.takeOver(1)
		same(f, "owner then", f.owners()[7], bellhop.BucketOwner{Bucket: 7, Epoch: taken[0].Epoch})
		if _, err := f.s.TakeBuckets(f.Context(), dead, f.owners()[7:8], f.now); !errors.Is(err, bellhop.ErrLeaseLost) {
			f.Errorf("the dead node takes it: %v, want ErrLeaseLost", err)
		}
		if err := f.s.LeaveBuckets(f.Context(), dead, taken, f.now); !errors.Is(err, bellhop.ErrLeaseLost) {
			f.Errorf("the dead node leaves it: %v, want ErrLeaseLost", err)
		}
		again := f.takeBuckets(f.lease, f.owners()[7])
		same(f, "taken", again, []bellhop.BucketOwner{{Bucket: 7, Lease: f.lease, Epoch: taken[0].Epoch + 1}})
	}},
	{"who leaves the store leaves its buckets, and a later holder of its number has none", func(f *fixture) {
		leaver := f.join().Lease
		f.leaveBuckets(f.lease, f.owners()[7:9]...)
		f.takeBuckets(leaver, f.owners()[7:9]...)
		f.must(f.s.Leave(f.Context(), leaver, f.now))
		same(f, "owners", []bellhop.Lease{f.owners()[7].Lease, f.owners()[8].Lease}, []bellhop.Lease{{}, {}})
		for later := f.join().Lease; ; later = f.join().Lease { // every other number comes first
			for _, o := range f.owners() {
				if o.Lease != f.lease && o.Lease != (bellhop.Lease{}) {
					f.Fatalf("%+v has bucket %d, which it never took", o.Lease, o.Bucket)
				}
			}
			if later.Node == leaver.Node {
				return
			}
		}
	}},
	{"of many that take at once, each bucket goes to one", func(f *fixture) {
		f.leaveBuckets(f.lease, f.owners()...)
		free := f.owners()
		var mu sync.Mutex
		var all []bellhop.BucketOwner
		var crew sync.WaitGroup
		for range 4 {
			l := f.join().Lease
			crew.Go(func() {
				for some := range slices.Chunk(free, 32) {
					taken, err := f.s.TakeBuckets(f.Context(), l, some, f.now)
					if err != nil {
						f.Error(err)
					}
					mu.Lock()
					all = append(all, taken...)
					mu.Unlock()
				}
			})
		}
		crew.Wait()
		slices.SortFunc(all, func(x, y bellhop.BucketOwner) int { return int(x.Bucket) - int(y.Bucket) })
		same(f, "taken", all, f.owners())
	}},
	{"Overdue is asked of some buckets", func(f *fixture) {
		a, b := f.endpoint(), f.endpoint()
		for bellhop.BucketOf(a.ID) == bellhop.BucketOf(b.ID) {
			b = f.endpoint()
		}
		f.publish(a)
		f.publish(b)
		list, err := f.s.Overdue(f.Context(), []bellhop.Bucket{bellhop.BucketOf(b.ID)}, time.Time{})
		f.must(err)
		same(f, "of one", list, []bellhop.Backlog{{Endpoint: b.ID, Due: f.now}})
		list, err = f.s.Overdue(f.Context(), []bellhop.Bucket{}, time.Time{})
		f.must(err)
		same(f, "of none", list, nil)
		same(f, "of all", len(backlog(f)), 2)
	}},
	{"Nodes tells who is there, and what it said", func(f *fixture) {
		f.must(f.s.Leave(f.Context(), f.lease, f.now))
		about := bellhop.NodeAbout{Name: "there", Version: "v2", Started: f.now.Add(-time.Minute)}
		joined := f.now
		a, err := f.s.Join(f.Context(), about, time.Minute, f.now)
		f.must(err)
		same(f, "the store's time", a.Now, f.now)
		_, err = f.s.Join(f.Context(), bellhop.NodeAbout{}, time.Minute, f.now) // for the number's sake
		f.must(err)
		f.pass(10 * time.Second)
		status := bellhop.NodeStatus{Doing: bellhop.NodeDelivering, InFlight: 3, Queued: 4, CircuitsOpen: 1, ClockAhead: bellhop.Duration(-time.Second)}
		_, err = f.s.Renew(f.Context(), a.Lease, &status, time.Minute, f.now)
		f.must(err)
		f.pass(time.Second)
		f.renew(a.Lease)
		list, err := f.s.Nodes(f.Context())
		f.must(err)
		same(f, "nodes", list, []bellhop.NodeInfo{{Lease: a.Lease, NodeAbout: about, Joined: joined, Until: f.now.Add(time.Minute), Status: status}})
		f.pass(time.Hour)
		f.takeOver(2)
		list, err = f.s.Nodes(f.Context())
		f.must(err)
		same(f, "nodes after the end", list, nil)
	}},
}

var wakingTests = []test{
	{"Versions moves on with every change, and with nothing else", func(f *fixture) {
		versions := func() bellhop.Versions {
			f.Helper()
			v, err := f.s.Versions(f.Context())
			f.must(err)
			return v
		}
		e := f.endpoint()
		n := f.publish(e)
		before := versions()
		same(f, "the routes'", before.Routes, f.version())
		f.finish(e, bellhop.AttemptSucceeded)
		f.renew(f.lease)
		same(f, "after what is no change", versions(), before)
		f.save(e)
		v := versions()
		before.Routes++
		same(f, "after a route", v, before)
		f.must(f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "a.b"}, nil))
		f.must(f.s.SaveKey(f.Context(), bellhop.Key{ID: 5, Role: bellhop.RoleViewer, Scope: anyApp}, nil))
		v.Catalogue++
		v.Access++
		same(f, "after a type and a key", versions(), v)
		f.erase(n)
		if got := versions().Erased; got <= v.Erased {
			f.Errorf("%d erasures after %d", got, v.Erased)
		}
		v = versions()
		f.erase(n)
		same(f, "after an erasure of nothing", versions(), v)
		f.renewSaying(f.lease, bellhop.NodeStatus{Doing: bellhop.NodeDelivering, InFlight: 3})
		same(f, "after a heartbeat", versions(), v)
	}},
	{"Versions tells whether nodes have come or gone, and where somebody listens", func(f *fixture) {
		if _, err := f.s.Join(f.Context(), bellhop.NodeAbout{Started: f.now}, time.Minute, f.now); err != nil || f.s.Alone() {
			return // there is one node, and nobody to tell
		}
		seen := map[string]bool{}
		changed := func(when string) {
			f.Helper()
			v, err := f.s.Versions(f.Context())
			f.must(err)
			if seen[v.Nodes] {
				f.Errorf("%s the nodes are as they were: %q", when, v.Nodes)
			}
			seen[v.Nodes] = true
		}
		changed("at first")
		n, err := f.s.Join(f.Context(), bellhop.NodeAbout{Started: f.now}, time.Minute, f.now)
		f.must(err)
		changed("after one came")
		f.renewSaying(n.Lease, bellhop.NodeStatus{Listened: []bellhop.EndpointID{7}})
		changed("after somebody listened")
		f.renewSaying(n.Lease, bellhop.NodeStatus{Listened: []bellhop.EndpointID{8}})
		changed("after somebody listened elsewhere")
		f.renewSaying(n.Lease, bellhop.NodeStatus{})
		f.must(f.s.Leave(f.Context(), n.Lease, f.now))
		if _, err = f.s.Join(f.Context(), bellhop.NodeAbout{Started: f.now}, time.Minute, f.now); err != nil {
			f.Fatal(err)
		}
		changed("after one left and another came")
	}},
	{"Hastened names what was hastened since, also where nothing was moved", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		before, err := f.s.Versions(f.Context())
		f.must(err)
		for _, of := range []bellhop.EndpointID{other.ID, e.ID, other.ID} {
			_, err := f.s.Hasten(f.Context(), of, nil, f.now)
			f.must(err)
		}
		after, err := f.s.Versions(f.Context())
		f.must(err)
		if after.Hastened == before.Hastened && f.s.Alone() {
			return // the one node knows
		}
		got := func(since int64) []bellhop.EndpointID {
			f.Helper()
			list, err := f.s.Hastened(f.Context(), since)
			f.must(err)
			return list
		}
		want := []bellhop.EndpointID{e.ID, other.ID}
		slices.Sort(want)
		same(f, "hastened", got(before.Hastened), want)
		same(f, "the last", got(after.Hastened-1), []bellhop.EndpointID{other.ID})
		same(f, "nothing more", len(got(after.Hastened)), 0)
		before.Hastened = after.Hastened
		same(f, "nothing else changed", after, before)
	}},
	{"an answer is passed on once, to who waits for it, and not kept for long", func(f *fixture) {
		pass := func(e bellhop.EndpointID, request, text string) error {
			return f.s.PassAnswer(f.Context(), bellhop.PassedAnswer{Endpoint: e, Request: request, Sealed: []byte(text)}, f.now)
		}
		take := func(requests ...string) (texts []string) {
			f.Helper()
			list, err := f.s.TakeAnswers(f.Context(), requests, f.now)
			f.must(err)
			for _, a := range list {
				texts = append(texts, a.Endpoint.String()+" "+a.Request+" "+string(a.Sealed))
			}
			slices.Sort(texts)
			return texts
		}
		f.must(pass(7, "a", "one"))
		if len(take("x", "a")) == 0 && f.s.Alone() {
			return // there is one node, and it waits itself
		}
		f.must(pass(7, "a", "one"))
		f.must(pass(7, "a", "two"))
		f.must(pass(8, "b", "three"))
		same(f, "of nothing", take(), nil)
		same(f, "of another request", take("x"), nil)
		same(f, "taken", take("x", "a"), []string{bellhop.EndpointID(7).String() + " a two"})
		same(f, "taken again", take("a"), nil)
		f.pass(bellhop.PassedFor + time.Second)
		same(f, "after a while", take("b"), nil)
		for i := range bellhop.MaxPassed {
			f.must(pass(7, fmt.Sprint(i), "x"))
		}
		if err := pass(7, "more", "x"); bellhop.CodeOf(err) != bellhop.CodeTooMany {
			f.Errorf("beyond the bound: %v", err)
		}
		f.must(pass(8, "more", "x"))
	}},
	{"Erased tells which events are erased or gone", func(f *fixture) {
		e := f.endpoint()
		a, b, c := f.publish(e), f.publish(e), f.event(e)
		f.erase(a)
		got, err := f.s.Erased(f.Context(), []bellhop.EventID{c.Event.ID, b.Event.ID, a.Event.ID})
		f.must(err)
		slices.Sort(got)
		same(f, "erased", got, []bellhop.EventID{a.Event.ID, c.Event.ID})
	}},
	{"Vitals are those of now", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		f.publish(e)
		w := f.claimed(e, 1)
		v := failing(e, f.now)
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: f.retry(w.Work[0].Delivery, time.Minute), Lease: f.lease, Vitals: v}}, f.now))
		got, err := f.s.Vitals(f.Context(), []bellhop.EndpointID{e.ID, other.ID, 42})
		f.must(err)
		same(f, "vitals", got, map[bellhop.EndpointID]bellhop.Vitals{e.ID: *v, other.ID: other.Vitals})
	}},
	{"Wakeups ends with its context", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.Context())
		done := make(chan error)
		go func() { done <- f.s.Wakeups(ctx, func(bellhop.Wakeup) {}) }()
		f.s.Wake(bellhop.Wakeup{Routes: true, Buckets: []bellhop.Bucket{7}})
		cancel()
		if err := <-done; err != nil {
			f.Error(err)
		}
	}},
}
