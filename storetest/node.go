package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var nodeTests = []test{
	{"nodes get different numbers and a lease", func(f *fixture) {
		a, b := f.join(), f.join()
		if a.Lease.Node == b.Lease.Node || a.Lease.Node == f.node || a.Lease.Node < 1 || a.Lease.Node > id.MaxNode {
			f.Errorf("numbers %d, %d and %d", f.node, a.Lease.Node, b.Lease.Node)
		}
		same(f, "Until", a.Until, f.now.Add(365*24*time.Hour))
	}},
	{"the floor is above every id stored", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e, e)
		floor := int64(n.Deliveries[1].ID)
		if got := f.join().Floor; got < floor {
			f.Errorf("Floor = %d, below delivery %d", got, floor)
		}
		a := f.finish(e, bellhop.AttemptFailed)
		if got := f.join().Floor; got < int64(a[1].ID) {
			f.Errorf("Floor = %d, below attempt %d", got, a[1].ID)
		}
		f.must(f.s.AddAudit(f.Context(), f.audit("acme")))
		if got := f.join().Floor; got < int64(f.audits()[0].ID) {
			f.Errorf("Floor = %d, below audit entry %d", got, f.audits()[0].ID)
		}
	}},
	{"Renew extends the lease", func(f *fixture) {
		n, err := f.s.Join(f.Context(), f.about(), time.Minute, f.now)
		f.must(err)
		w := ownOne(f, n.Lease)
		f.pass(50 * time.Second)
		f.renew(n.Lease)
		f.pass(50 * time.Second)
		f.takeOver(0)
		same(f, "backlog while it lives", backlog(f), nil)
		f.pass(11 * time.Second)
		f.takeOver(1)
		same(f, "backlog after its end", backlog(f), []bellhop.Backlog{{Endpoint: w.Delivery.Endpoint, Due: w.Delivery.Due}})
	}},
	{"a late Renew is good as long as nobody took over", func(f *fixture) {
		n, err := f.s.Join(f.Context(), f.about(), time.Minute, f.now)
		f.must(err)
		f.pass(2 * time.Minute)
		f.renew(n.Lease)
	}},
	{"TakeOver releases what the dead owned", func(f *fixture) {
		n, err := f.s.Join(f.Context(), f.about(), time.Minute, f.now)
		f.must(err)
		w := ownOne(f, n.Lease)
		f.pass(time.Minute)
		same(f, "backlog before that", backlog(f), nil)
		over := f.takeOver(1)[0]
		same(f, "the dead node", over.Lease, n.Lease)
		same(f, "its name", over.Name, f.about().Name)
		f.takeOver(0)
		same(f, "backlog", backlog(f), []bellhop.Backlog{{Endpoint: w.Delivery.Endpoint, Due: w.Delivery.Due}})
		if _, err := f.s.Renew(f.Context(), n.Lease, nil, time.Minute, f.now); !errors.Is(err, bellhop.ErrLeaseLost) {
			f.Errorf("Renew = %v, want ErrLeaseLost", err)
		}
		again := f.claim(bellhop.Endpoint{ID: w.Delivery.Endpoint}, 10)
		same(f, "claimed by the other", deliveryIDs(again), []bellhop.DeliveryID{w.Delivery.ID})
	}},
	{"who lost the lease cannot own anything new", func(f *fixture) {
		e := f.endpoint()
		n, err := f.s.Join(f.Context(), f.about(), time.Minute, f.now)
		f.must(err)
		f.pass(time.Hour)
		f.takeOver(1)
		f.publish(e)
		_, err = f.claimAs(bellhop.ClaimRequest{Lease: n.Lease, Endpoint: e.ID, Limit: 1})
		if !errors.Is(err, bellhop.ErrLeaseLost) {
			f.Errorf("Claim = %v, want ErrLeaseLost", err)
		}
		late := f.event(e)
		late.Deliveries[0].Owner = n.Lease.Node
		_, err = f.s.Enqueue(f.Context(), n.Lease, f.version(), []bellhop.NewEvent{late}, f.now)
		if !errors.Is(err, bellhop.ErrLeaseLost) {
			f.Errorf("Enqueue = %v, want ErrLeaseLost", err)
		}
		// Nor can another enqueue what nobody would ever release.
		f.enqueue(late)
		if got := len(f.claim(e, 10)); got != 2 {
			f.Errorf("claimed %d, want 2", got)
		}
	}},
	{"Overdue is a read", func(f *fixture) {
		dead := f.joinFor(time.Minute)
		ownOne(f, dead)
		f.pass(time.Hour)
		for range 2 {
			same(f, "backlog", backlog(f), nil)
		}
		f.renew(dead)
	}},
	{"Leave releases everything and the number", func(f *fixture) {
		n := f.join()
		w := ownOne(f, n.Lease)
		f.must(f.s.Leave(f.Context(), n.Lease, f.now))
		same(f, "backlog", backlog(f), []bellhop.Backlog{{Endpoint: w.Delivery.Endpoint, Due: w.Delivery.Due}})
		if _, err := f.s.Renew(f.Context(), n.Lease, nil, time.Minute, f.now); !errors.Is(err, bellhop.ErrLeaseLost) {
			f.Errorf("Renew after Leave = %v, want ErrLeaseLost", err)
		}
	}},
	{"a number is used again only after all others", func(f *fixture) {
		f.must(f.s.Leave(f.Context(), f.lease, f.now))
		f.pass(time.Second)
		seen := map[bellhop.NodeID]bool{f.node: true}
		for range id.MaxNode - 1 {
			n := f.join()
			if seen[n.Lease.Node] {
				f.Fatalf("number %d was given again", n.Lease.Node)
			}
			seen[n.Lease.Node] = true
		}
		if n := f.join(); n.Lease.Node != f.node {
			f.Errorf("got number %d, want %d again", n.Lease.Node, f.node)
		}
		if _, err := f.s.Join(f.Context(), f.about(), time.Minute, f.now); err == nil {
			f.Error("Join gave a number though all are taken")
		}
	}},
	{"Join releases what an earlier holder of the number owned", func(f *fixture) {
		for range id.MaxNode - 2 {
			f.join()
		}
		dead, err := f.s.Join(f.Context(), f.about(), time.Minute, f.now)
		f.must(err)
		w := ownOne(f, dead.Lease)
		f.pass(time.Hour)
		if n := f.join(); n.Lease.Node != dead.Lease.Node {
			f.Fatalf("got number %d, want that of the dead node %d", n.Lease.Node, dead.Lease.Node)
		}
		same(f, "owner", f.get(w.Delivery.ID).Owner, 0)
	}},
	{"Overdue lists each endpoint's earliest due", func(f *fixture) {
		a, b, idle := f.endpoint(), f.endpoint(), f.endpoint()
		late, early, owned := f.event(a), f.event(a, b), f.event(idle)
		late.Deliveries[0].Due = f.now.Add(time.Hour)
		early.Deliveries[0].Due = f.now.Add(-time.Hour)
		early.Deliveries[1].Due = f.now.Add(time.Minute)
		owned.Deliveries[0].Owner = f.node
		f.enqueue(late, early, owned)
		same(f, "backlog", backlog(f), []bellhop.Backlog{
			{Endpoint: a.ID, Due: f.now.Add(-time.Hour)},
			{Endpoint: b.ID, Due: f.now.Add(time.Minute)},
		})
		for _, tc := range []struct {
			until time.Duration
			want  int
		}{{-time.Hour, 0}, {time.Nanosecond - time.Hour + time.Microsecond, 1}, {time.Minute, 1}, {time.Hour, 2}} {
			list, err := f.s.Overdue(f.Context(), nil, f.now.Add(tc.until))
			f.must(err)
			same(f, "overdue at "+tc.until.String(), len(list), tc.want)
		}
	}},
}

// ownOne publishes one event and has the node own its delivery.
func ownOne(f *fixture, l bellhop.Lease) bellhop.Work {
	f.Helper()
	e := f.endpoint()
	f.publish(e)
	c, err := f.claimAs(bellhop.ClaimRequest{Lease: l, Endpoint: e.ID, Limit: 1})
	f.must(err)
	if len(c.Work) != 1 {
		f.Fatalf("claimed %d, want 1", len(c.Work))
	}
	return c.Work[0]
}

func (f *fixture) takeOver(want int) []bellhop.NodeInfo {
	f.Helper()
	over, err := f.s.TakeOver(f.Context(), f.now)
	f.must(err)
	same(f, "leases that ran out", len(over), want)
	return over
}

func backlog(f *fixture) []bellhop.Backlog {
	f.Helper()
	list, err := f.s.Overdue(f.Context(), nil, time.Time{})
	f.must(err)
	slices.SortStableFunc(list, func(a, b bellhop.Backlog) int { return int(a.Endpoint - b.Endpoint) })
	return list
}
