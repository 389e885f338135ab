package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var revisionTests = []test{
	{"of many who make an event type at once, one does", func(f *fixture) {
		for i := range 5 {
			errs := make([]error, 8)
			var all sync.WaitGroup
			for n := range errs {
				all.Go(func() {
					errs[n] = f.s.SaveEventType(f.Context(), bellhop.EventType{Name: fmt.Sprintf("t.n%d", i), Description: fmt.Sprint(n)}, nil)
				})
			}
			all.Wait()
			made := 0
			for _, err := range errs {
				switch {
				case err == nil:
					made++
				case !errors.Is(err, bellhop.ErrRevision):
					f.Error(err)
				}
			}
			same(f, "how many", made, 1)
		}
	}},
	{"an app is replaced only by who has seen it", func(f *fixture) {
		a := f.app("acme")
		old := a
		a.Name = "new"
		f.must(f.s.SaveApp(f.Context(), a, nil))
		a.Revision++
		v := f.version()
		for what, bad := range map[string]bellhop.App{
			"old revision": old, "create again": {ID: "acme"}, "gone meanwhile": {ID: "globex", Revision: 3},
		} {
			if err := f.s.SaveApp(f.Context(), bad, f.audit()); !errors.Is(err, bellhop.ErrRevision) {
				f.Errorf("%s: %v, want ErrRevision", what, err)
			}
		}
		same(f, "apps", f.changes(0).Apps, []bellhop.App{a})
		same(f, "version", f.version(), v)
		same(f, "audit", f.audits(), nil)
	}},
	{"an event type is replaced only by who has seen it", func(f *fixture) {
		save := func(t bellhop.EventType) error { return f.s.SaveEventType(f.Context(), t, nil) }
		f.must(save(bellhop.EventType{Name: "a"}))
		f.must(save(bellhop.EventType{Name: "a", Revision: 1, Description: "new"}))
		for what, bad := range map[string]bellhop.EventType{
			"old revision": {Name: "a", Revision: 1}, "create again": {Name: "a"}, "gone meanwhile": {Name: "b", Revision: 1},
		} {
			if err := save(bad); !errors.Is(err, bellhop.ErrRevision) {
				f.Errorf("%s: %v, want ErrRevision", what, err)
			}
		}
		same(f, "event types", f.catalogue(0).EventTypes, []bellhop.EventType{{Name: "a", Revision: 2, Description: "new"}})
	}},
	{"what was deleted and made anew is replaced only by who has seen that", func(f *fixture) {
		app, kind := bellhop.App{ID: "acme", Name: "old", CreatedAt: f.now}, bellhop.EventType{Name: "a", Description: "old", CreatedAt: f.now}
		f.must(f.s.SaveApp(f.Context(), app, nil))
		f.must(f.s.SaveEventType(f.Context(), kind, nil))
		oldApp, oldKind := f.changes(0).Apps[0], f.catalogue(0).EventTypes[0]
		f.must(f.s.DeleteApp(f.Context(), app.ID, nil))
		f.must(f.s.DeleteEventType(f.Context(), kind.Name, nil))
		app.Name, app.CreatedAt = "new", f.now.Add(time.Minute)
		kind.Description, kind.CreatedAt = "new", f.now.Add(time.Minute)
		f.must(f.s.SaveApp(f.Context(), app, nil))
		f.must(f.s.SaveEventType(f.Context(), kind, nil))
		apps, kinds := f.changes(0).Apps, f.catalogue(0).EventTypes
		if err := f.s.SaveApp(f.Context(), oldApp, f.audit()); !errors.Is(err, bellhop.ErrRevision) {
			f.Errorf("an app: %v, want ErrRevision", err)
		}
		if err := f.s.SaveEventType(f.Context(), oldKind, f.audit()); !errors.Is(err, bellhop.ErrRevision) {
			f.Errorf("an event type: %v, want ErrRevision", err)
		}
		same(f, "apps", f.changes(0).Apps, apps)
		same(f, "event types", f.catalogue(0).EventTypes, kinds)
		same(f, "audit", f.audits(), nil)
		f.must(f.s.SaveApp(f.Context(), apps[0], nil))
		f.must(f.s.SaveEventType(f.Context(), kinds[0], nil))
	}},
	{"of several who create the same, one does", func(f *fixture) {
		e := id.Next[id.Endpoint](f.ids, f.now)
		for what, create := range map[string]func() error{
			"app":        func() error { return f.s.SaveApp(f.Context(), bellhop.App{ID: "acme"}, nil) },
			"event type": func() error { return f.s.SaveEventType(f.Context(), bellhop.EventType{Name: "a"}, nil) },
			"endpoint": func() error {
				return f.s.SaveEndpoint(f.Context(), bellhop.Endpoint{ID: e, Apps: []string{"acme"}}, nil, f.now)
			},
		} {
			var created atomic.Int64
			var crowd sync.WaitGroup
			for range 8 {
				crowd.Go(func() {
					switch err := create(); {
					case err == nil:
						created.Add(1)
					case !errors.Is(err, bellhop.ErrRevision):
						f.Errorf("%s: %v", what, err)
					}
				})
			}
			crowd.Wait()
			same(f, what+": creations", created.Load(), 1)
		}
	}},
}
