package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var configTests = []test{
	{"objects come back as they were saved", func(f *fixture) {
		want := bellhop.RouteChanges{
			Full: true, Version: 8,
			Apps: []bellhop.App{
				{ID: "acme", Name: "Acme", Metadata: map[string]string{"k": "v"}, CreatedAt: f.now, UpdatedAt: f.now.Add(time.Second)},
				{ID: "globex"},
			},
			EventTypes: []bellhop.EventType{
				{
					Name: "invoice.paid", Description: "Paid", Schema: bellhop.JSON(`{ "type" : "object" }`),
					Example: bellhop.JSON(`{"a":"<&>"}`), Validate: true, Archived: true, CreatedAt: f.now, UpdatedAt: f.now,
				},
				{Name: "plain"},
			},
			Endpoints: []bellhop.Endpoint{f.fullEndpoint()},
			Keys: []bellhop.Key{
				{
					ID: id.Next[id.Key](f.ids, f.now), Name: "portal", Role: bellhop.RoleEditor, Apps: []string{"acme"}, Portal: true,
					CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour), Hash: [32]byte{1, 2, 31: 3},
				},
				{ID: id.Next[id.Key](f.ids, f.now), Role: bellhop.RoleAdmin},
				{ID: id.Next[id.Key](f.ids, f.now), Role: bellhop.RoleAdmin, Session: 7, ExpiresAt: f.now},
			},
		}
		for _, a := range want.Apps {
			f.must(f.s.SaveApp(f.Context(), a, nil))
		}
		for _, t := range want.EventTypes {
			f.must(f.s.SaveEventType(f.Context(), t, nil))
		}
		f.must(f.s.SaveEndpoint(f.Context(), want.Endpoints[0], nil, f.now))
		want.Endpoints[0].Revision = 1
		for _, k := range want.Keys {
			f.must(f.s.SaveKey(f.Context(), k, nil))
		}
		got, err := f.s.Routes(f.Context(), 0)
		f.must(err)
		same(f, "routes", got, want)
	}},
	{"an empty store has version 0", func(f *fixture) {
		got, err := f.s.Routes(f.Context(), 0)
		f.must(err)
		same(f, "routes", got, bellhop.RouteChanges{Full: true})
	}},
	{"the default retry policy is told from an empty one", func(f *fixture) {
		for _, p := range []bellhop.RetryPolicy{
			{},
			{Delays: []bellhop.Duration{}},
			{Delays: []bellhop.Duration{bellhop.Duration(time.Second), bellhop.Duration(36 * time.Hour)}},
			{Initial: bellhop.Duration(time.Second), Factor: 1.5, Max: bellhop.Duration(time.Hour), Until: bellhop.Duration(24 * time.Hour)},
		} {
			e := f.endpoint()
			e.Retry = p
			got := f.save(e).Retry
			if got.IsDefault() != p.IsDefault() {
				f.Errorf("%+v came back as %+v", p, got)
			}
			same(f, "policy", got, p)
		}
	}},
	{"Routes gives what changed", func(f *fixture) {
		e := f.endpoint()
		f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: "acme"}, nil))
		v := f.version()
		same(f, "nothing", f.changes(v), bellhop.RouteChanges{Version: v})
		a := bellhop.App{ID: "globex", Name: "1"}
		f.must(f.s.SaveApp(f.Context(), a, nil))
		a.Name = "2"
		f.must(f.s.SaveApp(f.Context(), a, nil))
		f.must(f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "t"}, nil))
		f.must(f.s.DeleteEventType(f.Context(), "t", nil))
		k := bellhop.Key{ID: id.Next[id.Key](f.ids, f.now)}
		f.must(f.s.SaveKey(f.Context(), k, nil))
		f.must(f.s.DeleteKey(f.Context(), k.ID, nil))
		e.Name = "new"
		e = f.save(e)
		got := f.changes(v)
		if got.Version <= v {
			f.Errorf("version %d after %d", got.Version, v)
		}
		same(f, "changes", got, bellhop.RouteChanges{
			Version: got.Version, Apps: []bellhop.App{a}, DeletedEventTypes: []string{"t"},
			DeletedKeys: []bellhop.KeyID{k.ID}, Endpoints: []bellhop.Endpoint{e},
		})
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, f.nextAttempt, nil, f.now))
		f.must(f.s.DeleteApp(f.Context(), "globex", nil))
		got = f.changes(got.Version)
		same(f, "deleted", got, bellhop.RouteChanges{
			Version: got.Version, DeletedEndpoints: []bellhop.EndpointID{e.ID}, DeletedApps: []string{"globex"},
		})
	}},
	{"Routes gives everything to who is too far behind, or ahead", func(f *fixture) {
		f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: "acme"}, nil))
		v := f.version()
		if got := f.changes(v + 10); !got.Full || got.Version != v {
			f.Errorf("ahead: %+v", got)
		}
		for i := range 1100 {
			f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: fmt.Sprint("app-", i%3)}, nil))
		}
		// How far back a store knows is its own affair.
		if got := f.changes(v); got.Full && len(got.Apps) != 4 {
			f.Errorf("full, but with %d apps of 4", len(got.Apps))
		} else if !got.Full && len(got.Apps) != 3 {
			f.Errorf("%d apps changed, want 3", len(got.Apps))
		}
		if got := f.changes(f.version() - 2); got.Full || len(got.Apps) != 2 {
			f.Errorf("a little behind: %+v", got)
		}
	}},
	{"every change moves the version and leaves its audit entry", func(f *fixture) {
		e := f.endpoint()
		k := bellhop.Key{ID: id.Next[id.Key](f.ids, f.now)}
		for name, change := range map[string]func(*bellhop.AuditEntry) error{
			"SaveApp": func(a *bellhop.AuditEntry) error { return f.s.SaveApp(f.Context(), bellhop.App{ID: "x"}, a) },
			"SaveEventType": func(a *bellhop.AuditEntry) error {
				return f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "x"}, a)
			},
			"SaveKey":      func(a *bellhop.AuditEntry) error { return f.s.SaveKey(f.Context(), k, a) },
			"SaveEndpoint": func(a *bellhop.AuditEntry) error { return f.s.SaveEndpoint(f.Context(), f.stored(e.ID), a, f.now) },
		} {
			f.moves(name, change)
		}
		f.moves("DeleteApp", func(a *bellhop.AuditEntry) error { return f.s.DeleteApp(f.Context(), "x", a) })
		f.moves("DeleteEventType", func(a *bellhop.AuditEntry) error { return f.s.DeleteEventType(f.Context(), "x", a) })
		f.moves("DeleteKey", func(a *bellhop.AuditEntry) error { return f.s.DeleteKey(f.Context(), k.ID, a) })
		f.moves("DeleteEndpoint", func(a *bellhop.AuditEntry) error {
			return f.s.DeleteEndpoint(f.Context(), e.ID, f.nextAttempt, a, f.now)
		})
	}},
	{"a save from an old revision is refused, with its audit entry", func(f *fixture) {
		e := f.endpoint()
		old := e
		e.Name = "new"
		e = f.save(e)
		v := f.version()
		old.Name = "lost"
		for what, bad := range map[string]bellhop.Endpoint{
			"old revision":   old,
			"create again":   {ID: e.ID, Apps: []string{"acme"}},
			"gone meanwhile": {ID: id.Next[id.Endpoint](f.ids, f.now), Revision: 3},
		} {
			if err := f.s.SaveEndpoint(f.Context(), bad, f.audit(), f.now); !errors.Is(err, bellhop.ErrRevision) {
				f.Errorf("%s: %v, want ErrRevision", what, err)
			}
		}
		same(f, "endpoint", f.stored(e.ID), e)
		same(f, "version", f.version(), v)
		same(f, "audit", f.audits(), nil)
	}},
	{"FailingSince is kept, but cleared by activation and a new URL", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		since := f.now.Add(-time.Hour)
		r := bellhop.Result{Attempt: f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptFailed), Failing: &since}
		f.must(f.s.Record(f.Context(), f.node, []bellhop.Result{r}, f.now))
		e.FailingSince = f.now.Add(time.Hour) // not the caller's to say
		e = f.save(e)
		same(f, "kept", e.FailingSince, since)
		e.Status = bellhop.EndpointDisabled
		e = f.save(e)
		same(f, "kept while disabled", e.FailingSince, since)
		e.Status = bellhop.EndpointActive
		e = f.save(e)
		same(f, "cleared", e.FailingSince, time.Time{})

		f.publish(e)
		r = bellhop.Result{Attempt: f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptFailed), Failing: &since}
		f.must(f.s.Record(f.Context(), f.node, []bellhop.Result{r}, f.now))
		e.Name = "still the same place"
		e = f.save(e)
		same(f, "kept under a new name", e.FailingSince, since)
		e.URL += "/new"
		same(f, "cleared by a new URL", f.save(e).FailingSince, time.Time{})
	}},
	{"deleting what is not there says so", func(f *fixture) {
		for what, err := range map[string]error{
			"app":        f.s.DeleteApp(f.Context(), "x", f.audit()),
			"event type": f.s.DeleteEventType(f.Context(), "x", f.audit()),
			"endpoint":   f.s.DeleteEndpoint(f.Context(), 42, f.nextAttempt, f.audit(), f.now),
			"key":        f.s.DeleteKey(f.Context(), 42, f.audit()),
		} {
			if !bellhop.IsNotFound(err) {
				f.Errorf("%s: %v, want not found", what, err)
			}
		}
		same(f, "audit", f.audits(), nil)
	}},
}

func (f *fixture) changes(since int64) bellhop.RouteChanges {
	f.Helper()
	r, err := f.s.Routes(f.Context(), since)
	f.must(err)
	return r
}

// key saves a key.
func (f *fixture) key(k bellhop.Key) bellhop.Key {
	f.Helper()
	k.ID = id.Next[id.Key](f.ids, f.now)
	f.must(f.s.SaveKey(f.Context(), k, nil))
	return k
}

// moves runs a change and looks whether version and audit log have moved on.
func (f *fixture) moves(what string, change func(*bellhop.AuditEntry) error) {
	f.Helper()
	v, audit := f.version(), f.audit("acme", "x")
	if err := change(audit); err != nil {
		f.Fatalf("%s: %v", what, err)
	}
	if f.version() <= v {
		f.Errorf("%s left the routes version at %d", what, v)
	}
	same(f, what+": audit", f.audits()[0], *audit)
}

// fullEndpoint has something in every field.
func (f *fixture) fullEndpoint() bellhop.Endpoint {
	return bellhop.Endpoint{
		ID: id.Next[id.Endpoint](f.ids, f.now), Apps: []string{"acme", "globex"}, URL: "https://example.com/?a=1&b=2",
		Name: "Main", Events: []string{"invoice.*"}, Subjects: []string{"ticket:*"}, Filter: bellhop.JSON(`{ "a" : ["<x>"] }`),
		Dialect: "standard", Headers: map[string]string{"X-A": "1"}, Status: bellhop.EndpointPaused, DisabledReason: "gone",
		Timeout: bellhop.Duration(1500 * time.Millisecond), Retry: bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Second)}},
		RateLimit: &bellhop.RateLimit{PerSecond: 0.5, Burst: 3}, Concurrency: 4, Ordering: bellhop.OrderingSubject,
		Metadata: map[string]string{"team": "é"}, CreatedAt: f.now, UpdatedAt: f.now.Add(time.Millisecond),
		Secrets: []bellhop.Secret{
			{Sealed: []byte{0, 1, 255}, CreatedAt: f.now},
			{Sealed: []byte{2}, CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour)},
		},
	}
}

var deleteTests = []test{
	{"DeleteEndpoint cancels what was pending", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		tried, fresh := f.event(e, other), f.event(e)
		f.enqueue(tried, fresh)
		f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Hour))
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, f.nextAttempt, nil, f.now))
		same(f, "pending to it", f.pending(e.ID), 0)
		same(f, "pending to the other", f.pending(other.ID), 1)
		for i, n := range []bellhop.NewEvent{tried, fresh} {
			d := f.get(n.Deliveries[0].ID)
			same(f, "status", d.Status, bellhop.DeliveryCanceled)
			same(f, "requests made", d.Attempts, 1-i)
			last := f.log(d.ID)[0]
			if last.ID != d.LastAttempt || !last.Final || last.Status != bellhop.AttemptCanceled || last.Reason == "" || last.Detail == "" || last.URL != "" {
				f.Errorf("last line: %+v", last)
			}
		}
	}},
	{"DeleteKey takes the sessions of the key along", func(f *fixture) {
		k := f.key(bellhop.Key{})
		first, second := f.key(bellhop.Key{Session: k.ID}), f.key(bellhop.Key{Session: k.ID})
		other := f.key(bellhop.Key{})
		theirs := f.key(bellhop.Key{Session: other.ID})
		v := f.version()
		f.must(f.s.DeleteKey(f.Context(), first.ID, f.audit()))
		same(f, "a session", f.changes(v).DeletedKeys, []bellhop.KeyID{first.ID})
		v = f.version()
		f.must(f.s.DeleteKey(f.Context(), k.ID, f.audit()))
		gone := f.changes(v).DeletedKeys
		slices.Sort(gone)
		same(f, "the key", gone, []bellhop.KeyID{k.ID, second.ID})
		same(f, "keys left", f.changes(0).Keys, []bellhop.Key{other, theirs})
		same(f, "audit entries", len(f.audits()), 2)
	}},
	{"ExpireKeys removes the portal links and sessions that have ended", func(f *fixture) {
		past, future := f.now.Add(-time.Second), f.now.Add(time.Second)
		ended := []bellhop.Key{
			f.key(bellhop.Key{Portal: true, ExpiresAt: past}),
			f.key(bellhop.Key{Session: 7, ExpiresAt: past}),
			f.key(bellhop.Key{Session: 7, ExpiresAt: f.now}),
		}
		left := []bellhop.Key{
			f.key(bellhop.Key{Portal: true, ExpiresAt: future}), f.key(bellhop.Key{Session: 7, ExpiresAt: future}),
			f.key(bellhop.Key{ExpiresAt: past}), f.key(bellhop.Key{}),
		}
		v := f.version()
		for _, want := range []int{2, 1, 0} {
			n, err := f.s.ExpireKeys(f.Context(), f.now, 2)
			f.must(err)
			same(f, "expired", n, want)
		}
		same(f, "deleted", f.changes(v).DeletedKeys, []bellhop.KeyID{ended[0].ID, ended[1].ID, ended[2].ID})
		same(f, "keys left", f.changes(0).Keys, left)
	}},
	{"DeleteApp removes all that is the app's alone", func(f *fixture) {
		f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: "acme"}, nil))
		f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: "globex"}, nil))
		own, shared, foreign := f.endpoint("acme"), f.endpoint("acme", "globex"), f.endpoint("globex")
		keys := []bellhop.Key{{Apps: []string{"acme"}}, {Apps: []string{"globex", "acme"}}, {Apps: []string{"globex"}}, {}}
		for i := range keys {
			keys[i].ID = id.Next[id.Key](f.ids, f.now)
			f.must(f.s.SaveKey(f.Context(), keys[i], nil))
		}
		gone := external(f.event(own, shared), "x")
		done := f.event(shared)
		kept := f.event(shared, foreign)
		kept.Event.App = "globex"
		f.enqueue(done)
		f.finish(shared, bellhop.AttemptSucceeded)
		f.enqueue(gone, kept)
		v := f.version()
		f.must(f.s.DeleteApp(f.Context(), "acme", f.audit("acme")))

		got := f.changes(v)
		same(f, "deleted apps", got.DeletedApps, []string{"acme"})
		same(f, "deleted endpoints", got.DeletedEndpoints, []bellhop.EndpointID{own.ID})
		same(f, "deleted keys", got.DeletedKeys, []bellhop.KeyID{keys[0].ID})
		keys[1].Apps = []string{"globex"}
		same(f, "changed keys", got.Keys, []bellhop.Key{keys[1]})
		shared.Apps, shared.Revision = []string{"globex"}, shared.Revision+1
		same(f, "changed endpoints", got.Endpoints, []bellhop.Endpoint{shared})

		events, err := f.s.Events(f.Context(), bellhop.EventFilter{Limit: 10})
		f.must(err)
		if len(events) != 1 || events[0].ID != kept.Event.ID {
			f.Errorf("events left: %v", events)
		}
		attempts, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Limit: 10})
		f.must(err)
		same(f, "attempts left", attempts, nil)
		same(f, "pending", f.pending(0), 2)
		again := external(f.event(), "x")
		again.Digest = [32]byte{7}
		same(f, "its ids are free again", f.enqueue(again), []bellhop.Receipt{{Event: again.Event.ID}})
	}},
	{"DeleteApp lets the orders that it held go on", func(f *fixture) {
		f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: "acme"}, nil))
		e := f.endpoint("acme", "globex")
		e.Ordering = bellhop.OrderingEndpoint
		e = f.save(e)
		head, next := f.event(e), f.event(e)
		next.Event.App = "globex"
		f.enqueue(head, next)
		f.claim(e, 10)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(next))
	}},
	{"an endpoint removed with its app leaves nothing pending", func(f *fixture) {
		f.must(f.s.SaveApp(f.Context(), bellhop.App{ID: "acme"}, nil))
		e := f.endpoint("acme", "globex")
		n := f.event(e)
		n.Event.App = "globex"
		f.enqueue(n)
		e.Apps = []string{"acme"}
		f.save(e)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f, "pending", f.pending(0), 0)
	}},
}
