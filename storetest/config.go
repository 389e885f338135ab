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
		routes := bellhop.RouteChanges{
			Full: true, Version: 3,
			Apps: []bellhop.App{
				{
					ID: "acme", UID: "tenant.1", Name: "Acme", Metadata: map[string]string{"k": "v"}, MaxEndpoints: 7,
					RateLimit: &bellhop.RateLimit{PerSecond: 0.5, Burst: 3}, Imported: "svix 1f",
					Dialects: []string{"shopify", "standard"}, DialectOptions: map[string]map[string]string{"shopify": {"shop_domain": "é.example"}},
					CreatedAt: f.now, UpdatedAt: f.now.Add(time.Second),
				},
				{ID: "globex"},
			},
			Endpoints: []bellhop.Endpoint{f.fullEndpoint()},
		}
		catalogue := bellhop.CatalogueChanges{
			Full: true, Version: 2,
			EventTypes: []bellhop.EventType{
				{
					Name: "invoice.paid", Description: "Paid", Schema: bellhop.JSON(`{ "type" : "object" }`),
					Example: bellhop.JSON(`{"a":"<&>"}`), Validate: true, Archived: true, CreatedAt: f.now, UpdatedAt: f.now,
					SchemaVersion: "2", EarlierSchemas: map[string]bellhop.JSON{"1": bellhop.JSON(`{ "é" : [ ] }`), "0": bellhop.JSON(`true`)},
					Deprecated: true, Group: "Bookkeeping", FeatureFlags: []string{"beta", "é"}, Imported: "svix 2f",
				},
				{Name: "plain"},
			},
		}
		access := bellhop.AccessChanges{
			Full: true, Version: 4,
			Keys: []bellhop.Key{
				{
					ID: id.Next[id.Key](f.ids, f.now), Name: "portal", Role: bellhop.RoleEditor, Scope: bellhop.Only("acme"), Portal: true,
					CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour), Hash: [32]byte{1, 2, 31: 3}, FeatureFlags: []string{"beta"},
				},
				{ID: id.Next[id.Key](f.ids, f.now), Role: bellhop.RoleAdmin, Scope: bellhop.Everything()},
				{ID: id.Next[id.Key](f.ids, f.now), Role: bellhop.RoleAdmin, Scope: bellhop.Everything(), Session: 7, ExpiresAt: f.now},
				{ID: id.Next[id.Key](f.ids, f.now), Role: bellhop.RoleAdmin}, // sees nothing
			},
		}
		for i := range routes.Apps {
			f.must(f.s.SaveApp(f.Context(), routes.Apps[i], nil))
			routes.Apps[i].Revision = 1
		}
		for i := range catalogue.EventTypes {
			f.must(f.s.SaveEventType(f.Context(), catalogue.EventTypes[i], nil))
			catalogue.EventTypes[i].Revision = 1
		}
		f.must(f.s.SaveEndpoint(f.Context(), routes.Endpoints[0], nil, f.now))
		routes.Endpoints[0].Revision = 1
		routes.Endpoints[0].Vitals = bellhop.Vitals{Revision: 1, Since: f.now}
		for _, k := range access.Keys {
			f.must(f.s.SaveKey(f.Context(), k, nil))
		}
		same(f, "routes", f.changes(0), routes)
		same(f, "catalogue", f.catalogue(0), catalogue)
		same(f, "access", f.access(0), access)
	}},
	{"no two apps have one uid", func(f *fixture) {
		save := func(a bellhop.App) (bellhop.App, error) {
			err := f.s.SaveApp(f.Context(), a, f.audit(a.ID))
			a.Revision++
			return a, err
		}
		acme, err := save(bellhop.App{ID: "acme", UID: "t1"})
		f.must(err)
		globex, err := save(bellhop.App{ID: "globex"})
		f.must(err)
		for range 2 { // none is no uid that could be taken
			acme, err = save(acme)
			f.must(err)
			globex, err = save(globex)
			f.must(err)
		}
		v, audits := f.version(), len(f.audits())
		taken := globex
		taken.UID = "t1"
		for _, a := range []bellhop.App{taken, {ID: "initech", UID: "t1"}} {
			if _, err := save(a); bellhop.CodeOf(err) != bellhop.CodeConflict {
				f.Errorf("a uid that is taken: %v", err)
			}
		}
		same(f, "version", f.version(), v)
		same(f, "audit entries", len(f.audits()), audits)
		same(f, "apps", f.changes(0).Apps, []bellhop.App{acme, globex})

		acme.UID = ""
		acme, err = save(acme)
		f.must(err)
		taken, err = save(taken)
		f.must(err)
		same(f, "after it was given up", f.changes(0).Apps, []bellhop.App{acme, taken})
		f.must(f.s.DeleteApp(f.Context(), "globex", nil))
		acme.UID = "t1"
		acme, err = save(acme)
		f.must(err)
		same(f, "after its app was deleted", f.changes(0).Apps, []bellhop.App{acme})
	}},
	{"ids and uids of apps are one namespace", func(f *fixture) {
		save := func(a bellhop.App) error { return f.s.SaveApp(f.Context(), a, f.audit(a.ID)) }
		f.must(save(bellhop.App{ID: "acme", UID: "acme"})) // its own id
		f.must(save(bellhop.App{ID: "globex", UID: "t1"}))
		before, audits := f.changes(0), len(f.audits())
		for _, refused := range []struct {
			field string
			app   bellhop.App
		}{
			{"id", bellhop.App{ID: "t1"}},
			{"id", bellhop.App{ID: "t1", UID: "t2"}},
			{"uid", bellhop.App{ID: "initech", UID: "globex"}},
			{"uid", bellhop.App{ID: "globex", UID: "acme", Revision: 1}},
			{"uid", bellhop.App{ID: "acme", UID: "globex", Revision: 1}},
		} {
			err := save(refused.app)
			var problem *bellhop.Error
			if !errors.As(err, &problem) || problem.Code != bellhop.CodeConflict || len(problem.Fields) != 1 || problem.Fields[0].Field != refused.field {
				f.Errorf("%+v: %v, want a conflict of its %s", refused.app, err, refused.field)
			}
		}
		same(f, "routes", f.changes(0), before)
		same(f, "audit entries", len(f.audits()), audits)
		f.must(save(bellhop.App{ID: "acme", Name: "renamed", UID: "acme", Revision: 1}))
		f.must(save(bellhop.App{ID: "globex", Revision: 1}))
		f.must(save(bellhop.App{ID: "t1"})) // it was given up

		// Of an app and another one's uid that are saved at once, one stays.
		for i := range 8 {
			name := fmt.Sprintf("race%d", i)
			holder := bellhop.App{ID: "holder" + name}
			f.must(save(holder))
			holder.UID, holder.Revision = name, 1
			faults := make(chan error, 2)
			go func() { faults <- f.s.SaveApp(f.Context(), bellhop.App{ID: name}, nil) }()
			go func() { faults <- f.s.SaveApp(f.Context(), holder, nil) }()
			first, second := <-faults, <-faults
			if first == nil {
				first, second = second, first
			}
			if second != nil || bellhop.CodeOf(first) != bellhop.CodeConflict {
				f.Errorf("%v and %v, want one conflict", first, second)
			}
		}
	}},
	{"no two keys have one token", func(f *fixture) {
		k := f.key(bellhop.Key{Hash: [32]byte{7}})
		f.key(bellhop.Key{})
		f.key(bellhop.Key{}) // keys that have none
		v := f.access(0)
		twin := bellhop.Key{ID: id.Next[id.Key](f.ids, f.now), Role: bellhop.RoleAdmin, Hash: k.Hash}
		if err := f.s.SaveKey(f.Context(), twin, f.audit()); bellhop.CodeOf(err) != bellhop.CodeConflict {
			f.Errorf("the token of another key: %v", err)
		}
		same(f, "keys", f.access(0), v)
		k.Name = "renamed"
		f.must(f.s.SaveKey(f.Context(), k, nil))
		f.must(f.s.DeleteKey(f.Context(), k.ID, nil))
		f.must(f.s.SaveKey(f.Context(), twin, nil))
	}},
	{"an empty store has version 0", func(f *fixture) {
		same(f, "routes", f.changes(0), bellhop.RouteChanges{Full: true})
		same(f, "catalogue", f.catalogue(0), bellhop.CatalogueChanges{Full: true})
		same(f, "access", f.access(0), bellhop.AccessChanges{Full: true})
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
		f.app("acme")
		v := f.version()
		same(f, "nothing", f.changes(v), bellhop.RouteChanges{Version: v})
		a := f.app("globex")
		a.Name = "2"
		f.must(f.s.SaveApp(f.Context(), a, nil))
		a.Revision++
		e.Name = "new"
		e = f.save(e)
		got := f.changes(v)
		if got.Version <= v {
			f.Errorf("version %d after %d", got.Version, v)
		}
		same(f, "changes", got, bellhop.RouteChanges{Version: got.Version, Apps: []bellhop.App{a}, Endpoints: []bellhop.Endpoint{e}})
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
		f.must(f.s.DeleteApp(f.Context(), "globex", nil))
		got = f.changes(got.Version)
		same(f, "deleted", got, bellhop.RouteChanges{
			Version: got.Version, DeletedEndpoints: []bellhop.EndpointID{e.ID}, DeletedApps: []string{"globex"},
		})
	}},
	{"Catalogue and Access give what changed", func(f *fixture) {
		f.must(f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "old"}, nil))
		old := f.key(bellhop.Key{})
		c, a := f.catalogue(0).Version, f.access(0).Version
		same(f, "nothing", f.catalogue(c), bellhop.CatalogueChanges{Version: c})
		same(f, "nothing", f.access(a), bellhop.AccessChanges{Version: a})
		f.must(f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "new"}, nil))
		f.must(f.s.DeleteEventType(f.Context(), "old", nil))
		k := f.key(bellhop.Key{Scope: bellhop.Only("acme")})
		f.must(f.s.DeleteKey(f.Context(), old.ID, nil))
		same(f, "catalogue", f.catalogue(c), bellhop.CatalogueChanges{
			Version: c + 2, EventTypes: []bellhop.EventType{{Name: "new", Revision: 1}}, DeletedEventTypes: []string{"old"},
		})
		same(f, "access", f.access(a), bellhop.AccessChanges{Version: a + 2, Keys: []bellhop.Key{k}, DeletedKeys: []bellhop.KeyID{old.ID}})
		if got := f.catalogue(c + 9); !got.Full || len(got.EventTypes) != 1 {
			f.Errorf("ahead: %+v", got)
		}
		if got := f.access(a + 9); !got.Full || len(got.Keys) != 1 {
			f.Errorf("ahead: %+v", got)
		}
	}},
	{"Routes gives everything to who is too far behind, or ahead", func(f *fixture) {
		f.app("acme")
		v := f.version()
		if got := f.changes(v + 10); !got.Full || got.Version != v {
			f.Errorf("ahead: %+v", got)
		}
		var apps [3]bellhop.App
		for i := range 1100 {
			a := &apps[i%3]
			a.ID = fmt.Sprint("app-", i%3)
			f.must(f.s.SaveApp(f.Context(), *a, nil))
			a.Revision++
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
	{"keys and event types are no affair of publishing", func(f *fixture) {
		f.app("acme")
		e := f.endpoint()
		v := f.version()
		for range 1100 {
			f.key(bellhop.Key{Scope: bellhop.Only("acme")})
		}
		f.must(f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "x"}, nil))
		same(f, "version", f.version(), v)
		if _, err := f.s.Enqueue(f.Context(), f.lease, v, []bellhop.NewEvent{f.event(e)}, f.now); err != nil {
			f.Errorf("Enqueue after a change of keys: %v", err)
		}
		same(f, "what changed of the routes", f.changes(v-1), bellhop.RouteChanges{Version: v, Endpoints: []bellhop.Endpoint{e}})
	}},
	{"every change moves the version of its part alone and leaves its audit entry", func(f *fixture) {
		e := f.endpoint()
		k := bellhop.Key{ID: id.Next[id.Key](f.ids, f.now)}
		for _, c := range []struct {
			name   string
			part   int
			change func(*bellhop.AuditEntry) error
		}{
			{"SaveApp", 0, func(a *bellhop.AuditEntry) error { return f.s.SaveApp(f.Context(), bellhop.App{ID: "x"}, a) }},
			{"SaveEndpoint", 0, func(a *bellhop.AuditEntry) error { return f.s.SaveEndpoint(f.Context(), f.stored(e.ID), a, f.now) }},
			{"SaveEventType", 1, func(a *bellhop.AuditEntry) error {
				return f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "x"}, a)
			}},
			{"SaveKey", 2, func(a *bellhop.AuditEntry) error { return f.s.SaveKey(f.Context(), k, a) }},
			{"DeleteApp", 0, func(a *bellhop.AuditEntry) error { return f.s.DeleteApp(f.Context(), "x", a) }},
			{"DeleteEventType", 1, func(a *bellhop.AuditEntry) error { return f.s.DeleteEventType(f.Context(), "x", a) }},
			{"DeleteKey", 2, func(a *bellhop.AuditEntry) error { return f.s.DeleteKey(f.Context(), k.ID, a) }},
			{"DeleteEndpoint", 0, func(a *bellhop.AuditEntry) error { return f.s.DeleteEndpoint(f.Context(), e.ID, a, f.now) }},
			{"AddAudit", -1, func(a *bellhop.AuditEntry) error { return f.s.AddAudit(f.Context(), a) }},
		} {
			f.moves(c.name, c.part, c.change)
		}
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
	{"vitals are kept, but begin anew by activation and another receiver", func(f *fixture) {
		e := f.endpoint()
		same(f, "of a new one", e.Vitals, bellhop.Vitals{Revision: 1, Since: f.now})
		f.publish(e, e, e)
		fail := func() (r bellhop.Result) {
			r = f.result(f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptFailed))
			r.Vitals = failing(e, f.now.Add(-time.Hour))
			f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{r}, f.now))
			return r
		}
		old := fail()
		e.Vitals = *failing(e, f.now.Add(time.Hour)) // not the caller's to say
		e.Health = &bellhop.HealthState{State: bellhop.HealthHealthy}
		e = f.save(e)
		same(f, "kept", e.Vitals, *old.Vitals)
		same(f, "health", e.Health, nil)
		e.Status = bellhop.EndpointDisabled
		e = f.save(e)
		same(f, "kept while disabled", e.Vitals, *old.Vitals)
		f.pass(time.Minute)
		e.Status = bellhop.EndpointActive
		e = f.save(e)
		anew := bellhop.Vitals{Revision: e.Revision, Since: f.now}
		same(f, "activated", e.Vitals, anew)
		late := f.result(f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptFailed))
		late.Vitals = old.Vitals
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{late}, f.now))
		same(f, "what was said of the one before", f.stored(e.ID).Vitals, anew)

		known := fail()
		e = f.stored(e.ID)
		e.Name = "still the same place"
		e = f.save(e)
		same(f, "kept under a new name", e.Vitals, *known.Vitals)
		f.pass(time.Minute)
		for what, change := range map[string]func(){
			"a new URL":          func() { e.URL += "/new" },
			"another credential": func() { e.Headers = map[string]string{"authorization": "other " + e.URL} },
		} {
			change()
			e = f.save(e)
			same(f, what, e.Vitals, bellhop.Vitals{Revision: e.Revision, Since: f.now})
		}
	}},
	{"deleting what is not there says so", func(f *fixture) {
		for what, err := range map[string]error{
			"app":        f.s.DeleteApp(f.Context(), "x", f.audit()),
			"event type": f.s.DeleteEventType(f.Context(), "x", f.audit()),
			"endpoint":   f.s.DeleteEndpoint(f.Context(), 42, f.audit(), f.now),
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

func (f *fixture) catalogue(since int64) bellhop.CatalogueChanges {
	f.Helper()
	r, err := f.s.Catalogue(f.Context(), since)
	f.must(err)
	return r
}

func (f *fixture) access(since int64) bellhop.AccessChanges {
	f.Helper()
	r, err := f.s.Access(f.Context(), since)
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

// versions are those of routes, catalogue and access.
func (f *fixture) versions() [3]int64 {
	f.Helper()
	return [3]int64{f.version(), f.catalogue(0).Version, f.access(0).Version}
}

// moves runs a change and looks whether the version of its part (-1: none) and the
// audit log have moved on, and no other version.
func (f *fixture) moves(what string, part int, change func(*bellhop.AuditEntry) error) {
	f.Helper()
	before, audit := f.versions(), f.audit("acme", "x")
	if err := change(audit); err != nil {
		f.Fatalf("%s: %v", what, err)
	}
	after := f.versions()
	for i := range after {
		if (after[i] > before[i]) != (i == part) {
			f.Errorf("%s moved the versions from %v to %v", what, before, after)
		}
	}
	same(f, what+": audit", f.audits()[0], *audit)
}

// fullEndpoint has something in every field.
func (f *fixture) fullEndpoint() bellhop.Endpoint {
	return bellhop.Endpoint{
		ID: id.Next[id.Endpoint](f.ids, f.now), Apps: []string{"acme", "globex"}, URL: "https://example.com/?a=1&b=2",
		UID: "books.1", FormerID: "ep_2Xyz", Imported: "svix 3f", Channels: []string{"project_7", "a:b"},
		Name: "Main", Events: []string{"invoice.*"}, Subjects: []string{"ticket:*"}, Filter: bellhop.JSON(`{ "a" : ["<x>"] }`),
		Terms: []bellhop.AppTerms{
			{App: "acme", Events: []string{}, Filter: bellhop.JSON(`{ "b" : [1e400, "<y>"] }`)}, {App: "globex", Subjects: []string{"guest:*"}},
		},
		Description: "For the books", Locked: true, LockedReason: "Floods",
		Dialect: "standard", DialectOptions: map[string]string{"a": "é"}, Headers: map[string]string{"X-A": "1"}, Status: bellhop.EndpointPaused, DisabledReason: "gone",
		Timeout: bellhop.Duration(1500 * time.Millisecond), Retry: bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Second)}},
		RateLimit: &bellhop.RateLimit{PerSecond: 0.5, Burst: 3}, Concurrency: 4, Ordering: bellhop.OrderingSubject,
		Metadata: map[string]string{"team": "é"}, Notify: []string{"ann@example.com", "ben@example.com"}, CreatedAt: f.now, UpdatedAt: f.now.Add(time.Millisecond),
		Secrets: []bellhop.Secret{
			{Sealed: []byte{0, 1, 255}, CreatedAt: f.now},
			{Sealed: []byte{2}, CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour)},
		},
		Making: bellhop.Making{
			Recipe: "slack", RecipeFields: map[string]string{"channel": "<#é>"},
			Transform: &bellhop.Transform{
				Code: "function handler(w) { w.payload = '<'; return w }", Function: bellhop.FunctionHandler, Disabled: true, OnError: bellhop.OnErrorFail,
			},
			Auth: &bellhop.Auth{
				Type: bellhop.AuthRefreshToken, Username: "u", Name: "n", Prefix: "p ", TokenURL: "https://example.com/t?a&b",
				ClientID: "c", Scopes: []string{"s"}, ClientAuth: "body", Params: map[string]string{"audience": "a"},
			},
			TLS: &bellhop.ClientTLS{Certificate: "C", CA: "A"}, Capture: map[string]string{"pin": "/a~1b"},
		},
		Sealed: bellhop.SealedValues{bellhop.SealedClientSecret: {0, 255}, bellhop.SealedTLSKey: {1}},
	}
}

// named is an endpoint of apps that is known by names.
func (f *fixture) named(uid, former string, apps ...string) bellhop.Endpoint {
	return bellhop.Endpoint{
		ID: id.Next[id.Endpoint](f.ids, f.now), UID: uid, FormerID: former, Apps: apps, URL: "https://example.com/hook", Dialect: "standard",
		Status: bellhop.EndpointActive, Timeout: bellhop.Duration(time.Second), Concurrency: 1, Ordering: bellhop.OrderingNone, CreatedAt: f.now, UpdatedAt: f.now,
	}
}

var nameTests = []test{
	{"a name belongs to one endpoint of each of its apps", func(f *fixture) {
		f.app("acme")
		f.app("globex")
		first := f.save(f.named("books", "ep_old", "acme", "globex"))
		refused := func(what, field string, e bellhop.Endpoint) {
			f.Helper()
			before := f.version()
			err := f.s.SaveEndpoint(f.Context(), e, f.audit("acme"), f.now)
			var problem *bellhop.Error
			if !errors.As(err, &problem) || problem.Code != bellhop.CodeUIDConflict || len(problem.Fields) != 1 || problem.Fields[0].Field != field {
				f.Errorf("%s: %v, want a %s error of %s", what, err, bellhop.CodeUIDConflict, field)
			}
			same(f, what+": version", f.version(), before)
			same(f, what+": audit", len(f.audits()), 0)
		}
		refused("the same uid", "uid", f.named("books", "", "acme"))
		refused("in one of several apps", "uid", f.named("books", "", "initech", "globex"))
		refused("a uid that was another's id", "uid", f.named("ep_old", "", "acme"))
		refused("a former id that is another's uid", "former_id", f.named("", "books", "globex"))
		refused("the same former id", "former_id", f.named("other", "ep_old", "acme"))

		second := f.save(f.named("books", "ep_old", "initech")) // another app's names are its own
		both := f.save(f.named("same", "same", "acme"))         // one name for both is one
		second.Apps = []string{"acme", "initech"}
		refused("an app that has it joins", "uid", second)
		first.Name = "keeps its names"
		first = f.save(first)

		first.UID = ""
		first = f.save(first)
		third := f.save(f.named("books", "", "acme"))
		first.UID = "books"
		refused("what was given away", "uid", first)
		f.unsubscribe(third)
		first = f.save(first)
		same(f, "taken back", first.UID, "books")
		both.UID = "changed"
		f.save(both)
		refused("the former id stays", "uid", f.named("same", "", "acme"))
	}},
	{"names go with their app", func(f *fixture) {
		f.app("acme")
		f.app("globex")
		shared, alone := f.save(f.named("shared", "", "acme", "globex")), f.save(f.named("alone", "", "acme"))
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		f.app("acme")
		f.save(f.named("shared", "", "acme"))
		f.save(f.named("alone", "", "acme"))
		if err := f.s.SaveEndpoint(f.Context(), f.named("shared", "", "globex"), nil, f.now); bellhop.CodeOf(err) != bellhop.CodeUIDConflict {
			f.Errorf("the app that is left: %v", err)
		}
		same(f, "left", f.stored(shared.ID).Apps, []string{"globex"})
		if slices.ContainsFunc(f.changes(0).Endpoints, func(e bellhop.Endpoint) bool { return e.ID == alone.ID }) {
			f.Error("the endpoint of the deleted app is there")
		}
	}},
}

var deleteTests = []test{
	{"DeleteEndpoint cancels what was pending", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		tried, fresh := f.event(e, other), f.event(e)
		f.enqueue(tried, fresh)
		f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Hour))
		f.unsubscribe(e)
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
		v := f.access(0).Version
		f.must(f.s.DeleteKey(f.Context(), first.ID, f.audit()))
		same(f, "a session", f.access(v).DeletedKeys, []bellhop.KeyID{first.ID})
		v = f.access(0).Version
		f.must(f.s.DeleteKey(f.Context(), k.ID, f.audit()))
		gone := f.access(v).DeletedKeys
		slices.Sort(gone)
		same(f, "the key", gone, []bellhop.KeyID{k.ID, second.ID})
		same(f, "keys left", f.access(0).Keys, []bellhop.Key{other, theirs})
		same(f, "audit entries", len(f.audits()), 2)
	}},
	{"when keys were used is noted, and is no change of them", func(f *fixture) {
		uses := func() []bellhop.KeyUse {
			u, err := f.s.KeyUses(f.Context())
			f.must(err)
			return u
		}
		same(f, "at first", len(uses()), 0)
		k := f.key(bellhop.Key{Device: "Firefox on Windows"})
		s, link := f.key(bellhop.Key{Session: k.ID}), f.key(bellhop.Key{Portal: true, ExpiresAt: f.now})
		v := f.access(0)
		same(f, "the device", v.Keys[0].Device, k.Device)
		f.must(f.s.NoteKeyUses(f.Context(), []bellhop.KeyUse{{Key: s.ID, At: f.now}, {Key: k.ID, At: f.now.Add(time.Hour)}, {Key: link.ID, At: f.now}, {Key: 42, At: f.now}}))
		f.must(f.s.NoteKeyUses(f.Context(), []bellhop.KeyUse{{Key: k.ID, At: f.now.Add(time.Minute)}})) // another node was slower
		same(f, "noted", uses(), []bellhop.KeyUse{{Key: k.ID, At: f.now.Add(time.Hour)}, {Key: s.ID, At: f.now}, {Key: link.ID, At: f.now}})
		same(f, "version", f.access(v.Version).Version, v.Version)
		f.must(f.s.SaveKey(f.Context(), k, nil))
		same(f, "after the key was saved again", len(uses()), 3)
		_, err := f.s.ExpireKeys(f.Context(), f.now, 1)
		f.must(err)
		same(f, "without what has expired", len(uses()), 2)
		f.must(f.s.DeleteKey(f.Context(), k.ID, nil))
		same(f, "without what was deleted", len(uses()), 0)
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
		v := f.access(0).Version
		for _, want := range []int{2, 1, 0} {
			n, err := f.s.ExpireKeys(f.Context(), f.now, 2)
			f.must(err)
			same(f, "expired", n, want)
		}
		same(f, "deleted", f.access(v).DeletedKeys, []bellhop.KeyID{ended[0].ID, ended[1].ID, ended[2].ID})
		same(f, "keys left", f.access(0).Keys, left)
	}},
	{"DeleteApp removes all that is the app's alone", func(f *fixture) {
		f.app("acme")
		f.app("globex")
		own, shared, foreign := f.endpoint("acme"), f.endpoint("acme", "globex"), f.endpoint("globex")
		keys := []bellhop.Key{
			{Scope: bellhop.Only("acme")},
			{Scope: bellhop.Only("globex", "acme")},
			{Scope: bellhop.Only("globex")},
			{Scope: bellhop.Everything()},
			{},
		}
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
		v, keysBefore := f.version(), f.access(0).Version
		f.must(f.s.DeleteApp(f.Context(), "acme", f.audit("acme")))

		got := f.changes(v)
		same(f, "deleted apps", got.DeletedApps, []string{"acme"})
		same(f, "deleted endpoints", got.DeletedEndpoints, []bellhop.EndpointID{own.ID})
		changed := f.access(keysBefore)
		same(f, "deleted keys", changed.DeletedKeys, []bellhop.KeyID{keys[0].ID})
		keys[1].Scope = bellhop.Only("globex")
		same(f, "changed keys", changed.Keys, []bellhop.Key{keys[1]})
		shared.Apps, shared.Revision = []string{"globex"}, shared.Revision+1
		same(f, "changed endpoints", got.Endpoints, []bellhop.Endpoint{shared})

		events, err := f.s.Events(f.Context(), bellhop.EventFilter{Scope: anyApp, Limit: 10})
		f.must(err)
		if len(events) != 1 || events[0].ID != kept.Event.ID {
			f.Errorf("events left: %v", events)
		}
		attempts, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Limit: 10})
		f.must(err)
		same(f, "attempts left", attempts, nil)
		same(f, "pending", f.pending(0), 2)
		again := external(f.event(), "x")
		again.Digest = [32]byte{7}
		same(f, "its ids are free again", f.enqueue(again), []bellhop.Receipt{{Event: again.Event.ID}})
	}},
	{"DeleteApp takes all that names the app off an endpoint of several", func(f *fixture) {
		f.app("acme")
		e := f.endpoint("acme", "globex")
		e.Subjects = []string{"guest:*", "urn:allthings:app:acme:ticket:*", "urn:allthings:app:globex:ticket:*"}
		e.Terms = []bellhop.AppTerms{{App: "acme", Events: []string{"a.*"}}, {App: "globex", Filter: bellhop.JSON(`{ "a": [1] }`)}}
		e = f.save(e)
		only := f.endpoint("acme", "globex")
		only.Subjects = []string{"urn:allthings:app:acme:ticket:*"}
		only.Terms = []bellhop.AppTerms{{App: "globex", Subjects: []string{"guest:*"}}}
		only = f.save(only)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		left := f.stored(e.ID)
		same(f, "apps", left.Apps, []string{"globex"})
		same(f, "subjects", left.Subjects, []string{"guest:*", "urn:allthings:app:globex:ticket:*"})
		same(f, "terms", left.Terms, []bellhop.AppTerms{{App: "globex", Filter: bellhop.JSON(`{ "a": [1] }`)}})
		left = f.stored(only.ID)
		same(f, "no subject does not become every subject", left.Subjects, []string{"urn:allthings:app:acme:ticket:*"})
		same(f, "terms of the one", left.Terms, only.Terms)
	}},
	{"DeleteApp lets the orders that it held go on", func(f *fixture) {
		f.app("acme")
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
	{"an endpoint removed with its app leaves other apps' deliveries to Sweep", func(f *fixture) {
		f.app("acme")
		e := f.endpoint("acme", "globex")
		n := f.event(e)
		n.Event.App = "globex"
		f.enqueue(n)
		e.Apps = []string{"acme"}
		f.save(e)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f, "swept", f.sweep(), 1)
		same(f, "pending", f.pending(0), 0)
		same(f, "status", f.get(n.Deliveries[0].ID).Status, bellhop.DeliveryCanceled)
		same(f, "reason", f.log(n.Deliveries[0].ID)[0].Reason, bellhop.ReasonDeleted)
	}},
}
