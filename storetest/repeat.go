package storetest

import (
	"errors"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// repeatTests are of steps that were done, but whose answer was lost: the caller
// repeats them as they were.
var repeatTests = []test{
	{"a repeated change has one audit entry", func(f *fixture) {
		n := f.event()
		n.Event.Subject = "ticket:1"
		f.enqueue(n)
		d, to := f.delivery(&n.Event, &bellhop.Endpoint{}), f.endpoint()
		d.Endpoint = to.ID
		k := bellhop.Key{ID: id.Next[id.Key](f.ids, f.now), Name: "one", Scope: anyApp}
		for name, step := range map[string]func(*bellhop.AuditEntry) error{
			"AddAudit": func(a *bellhop.AuditEntry) error { return f.s.AddAudit(f.Context(), a) },
			"SaveKey":  func(a *bellhop.AuditEntry) error { return f.s.SaveKey(f.Context(), k, a) },
			"Erase": func(a *bellhop.AuditEntry) error {
				_, err := f.s.Erase(f.Context(), bellhop.EraseSelector{App: "acme", Subject: "ticket:1"}, a, f.now)
				return err
			},
			"Redeliver": func(a *bellhop.AuditEntry) error {
				_, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: []bellhop.Delivery{d}, Audit: a}, f.now)
				return err
			},
		} {
			before, a := f.audits(), f.audit("acme", "globex")
			for range 3 {
				if err := step(a); err != nil {
					f.Errorf("%s: %v", name, err)
				}
			}
			same(f, "audit log after "+name, f.audits(), append([]bellhop.AuditEntry{*a}, before...))
		}
		list, err := f.s.Audit(f.Context(), bellhop.AuditFilter{Scope: bellhop.Only("globex"), Limit: 100})
		f.must(err)
		same(f, "of an app", len(list), 4)
		same(f, "keys", len(f.access(0).Keys), 1)
	}},
	{"a repeated deletion says that nothing is there, and leaves one entry", func(f *fixture) {
		f.app("acme")
		e, k := f.endpoint("globex"), bellhop.Key{ID: id.Next[id.Key](f.ids, f.now), Scope: anyApp}
		f.must(f.s.SaveKey(f.Context(), k, nil))
		f.must(f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "a"}, nil))
		for name, step := range map[string]func(*bellhop.AuditEntry) error{
			"DeleteApp":       func(a *bellhop.AuditEntry) error { return f.s.DeleteApp(f.Context(), "acme", a) },
			"DeleteEndpoint":  func(a *bellhop.AuditEntry) error { return f.s.DeleteEndpoint(f.Context(), e.ID, a, f.now) },
			"DeleteKey":       func(a *bellhop.AuditEntry) error { return f.s.DeleteKey(f.Context(), k.ID, a) },
			"DeleteEventType": func(a *bellhop.AuditEntry) error { return f.s.DeleteEventType(f.Context(), "a", a) },
		} {
			before, a := f.audits(), f.audit("acme")
			f.must(step(a))
			same(f, name+" again", bellhop.CodeOf(step(a)), bellhop.CodeNotFound)
			same(f, "audit log after "+name, f.audits(), append([]bellhop.AuditEntry{*a}, before...))
		}
	}},
	{"a repeated save was overtaken by itself, and leaves one entry", func(f *fixture) {
		e := f.endpoint()
		for name, step := range map[string]func(*bellhop.AuditEntry) error{
			"SaveApp": func(a *bellhop.AuditEntry) error { return f.s.SaveApp(f.Context(), bellhop.App{ID: "new"}, a) },
			"SaveEventType": func(a *bellhop.AuditEntry) error {
				return f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "new"}, a)
			},
			"SaveEndpoint": func(a *bellhop.AuditEntry) error { return f.s.SaveEndpoint(f.Context(), e, a, f.now) },
		} {
			before, a := f.audits(), f.audit("acme")
			f.must(step(a))
			if err := step(a); !errors.Is(err, bellhop.ErrRevision) {
				f.Errorf("%s again: %v, want ErrRevision", name, err)
			}
			same(f, "audit log after "+name, f.audits(), append([]bellhop.AuditEntry{*a}, before...))
		}
	}},
	{"Redeliver adds no delivery twice, wherever it is by then", func(f *fixture) {
		e := f.endpoint()
		n := f.publish()
		waiting, sent, failed, done := f.delivery(&n.Event, &e), f.delivery(&n.Event, &e), f.delivery(&n.Event, &e), f.delivery(&n.Event, &e)
		list := []bellhop.Delivery{done, failed, sent, waiting}
		for i := range list {
			list[i].Trigger, list[i].OrderPos = bellhop.TriggerResend, list[i].ID
		}
		redeliver := func(list ...bellhop.Delivery) {
			f.Helper()
			same(f, "added", f.redeliver(f.audit("acme"), list...), len(list))
		}
		redeliver(list[:3]...)
		redeliver(list[:3]...)
		same(f, "pending", f.pending(e.ID), 3)
		f.claim(e, 3)
		f.record(f.attempt(f.get(done.ID), bellhop.AttemptSucceeded), f.attempt(f.get(failed.ID), bellhop.AttemptFailed))
		redeliver(list...) // one is new
		same(f, "pending", f.pending(e.ID), 2)
		same(f, "the one under way", f.get(sent.ID).Owner, f.node)
		same(f, "the one that succeeded", f.get(done.ID).Status, bellhop.DeliverySucceeded)
		same(f, "the one that failed", f.get(failed.ID).Status, bellhop.DeliveryFailed)
		f.erase(n)
		f.must(f.s.Disown(f.Context(), f.lease, e.ID, nil, f.now))
		f.sweep()
		redeliver(list...) // they are known, though the event is erased
		same(f, "pending in the end", f.pending(e.ID), 0)
		more := f.delivery(&n.Event, &e)
		same(f, "added of what is erased", f.redeliver(nil, more), 0)
	}},
	{"Spread gives the answer again, and goes on", func(f *fixture) {
		later := f.endpoints(5)
		n := f.laterEvent(later)
		f.enqueue(n)
		made := id.Take[id.Delivery](f.ids, 3, f.now)
		first, err := f.s.Spread(f.Context(), f.lease, made, f.now)
		f.must(err)
		again, err := f.s.Spread(f.Context(), f.lease, made, f.now)
		f.must(err)
		same(f, "answer", again, first)
		same(f, "pending", f.pending(0), 3)
		f.finish(later[0], bellhop.AttemptSucceeded)
		again, err = f.s.Spread(f.Context(), f.lease, made, f.now)
		f.must(err)
		same(f, "answer when one has ended", again, first)
		made = append(made, id.Next[id.Delivery](f.ids, f.now))
		_, err = f.s.Spread(f.Context(), f.lease, made, f.now)
		f.must(err)
		same(f, "later", f.later(n), endpointIDs(later[4:]))
		f.spread(10)
		same(f, "pending in the end", f.pending(0), 4)
	}},
	{"Sweep writes no last line twice", func(f *fixture) {
		e := f.endpoint()
		f.flood(e, 7)
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
		lines := id.Take[id.Attempt](f.ids, 5, f.now)
		for range 3 {
			swept, err := f.s.Sweep(f.Context(), lines, f.now)
			f.must(err)
			same(f, "swept", swept, 5)
		}
		same(f, "pending", f.pending(e.ID), 2)
		same(f, "swept in the end", f.sweep(), 2)
		swept, err := f.s.Sweep(f.Context(), lines, f.now)
		f.must(err)
		same(f, "swept when nothing is left", swept, 0)
		list, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Limit: 100})
		f.must(err)
		same(f, "last lines", len(list), 7)
	}},
}
