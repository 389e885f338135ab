package desk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
)

// TestTwoChangesAtOnceBothTakeEffect: each is made from what the other has saved
// meanwhile.
func TestTwoChangesAtOnceBothTakeEffect(t *testing.T) {
	simulate(t, func(t *testing.T) {
		var meanwhile func()
		saves := map[string]int{}
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if !strings.HasPrefix(step, "Save") {
				return nil
			}
			saves[step]++
			if f := meanwhile; f != nil {
				meanwhile = nil
				f()
			}
			return nil
		}), desk.Options{})
		ctx := t.Context()

		meanwhile = func() {
			if _, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{Metadata: bellhop.Of(map[string]string{"plan": "gold"})}); err != nil {
				t.Error(err)
			}
		}
		saved, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{Name: bellhop.Of("Acme")})
		if err != nil || saved.Name != "Acme" || saved.Metadata["plan"] != "gold" {
			t.Errorf("two PATCHes of an app: %+v, %v", saved, err)
		}
		meanwhile = func() {
			if _, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{Name: bellhop.Of("Acme, Inc.")}); err != nil {
				t.Error(err)
			}
		}
		saved, created, err := h.PutApp(ctx, owner, "acme", desk.AppChange{Metadata: bellhop.Of(map[string]string{"plan": "iron"})})
		if err != nil || created || saved.Name != "" || saved.Metadata["plan"] != "iron" {
			t.Errorf("a PUT replaces what came in between: %+v, %v, %v", saved, created, err)
		}
		if got, err := h.App(ctx, owner, "acme"); err != nil || got.Name != "" || got.Metadata["plan"] != "iron" || got.CreatedAt != saved.CreatedAt {
			t.Errorf("%+v, %v", got, err)
		}

		e := h.endpoint("a.example")
		meanwhile = func() { h.set(e.ID, bellhop.EndpointChange{Name: bellhop.Of("mine")}) }
		if e = h.set(e.ID, bellhop.EndpointChange{Concurrency: bellhop.Of(7)}); e.Name != "mine" || e.Concurrency != 7 {
			t.Errorf("two PATCHes of an endpoint: %+v", e)
		}

		meanwhile = func() {
			if _, _, err := h.PutEventType(ctx, owner, bellhop.EventType{Name: "a.b", Description: "theirs"}); err != nil {
				t.Error(err)
			}
		}
		et, created, err := h.PutEventType(ctx, owner, bellhop.EventType{Name: "a.b", Description: "ours"})
		if err != nil || created || et.Description != "ours" {
			t.Errorf("two PUTs of an event type: %+v, %v, %v", et, created, err)
		}
		if got, err := h.EventType(ctx, owner, "a.b"); err != nil || got.Description != "ours" || !got.CreatedAt.Equal(et.CreatedAt) {
			t.Errorf("%+v, %v", got, err)
		}
		if saves["SaveApp acme"] != 7 || saves["SaveEventType a.b"] != 3 {
			t.Errorf("%v", saves)
		}
		// A bad change is refused whatever came in between, and one that never gets
		// through is told so.
		meanwhile = nil
		h.store.(*meddled).before = func(context.Context, string) error { return bellhop.ErrRevision }
		_, err = h.PatchApp(ctx, owner, "acme", desk.AppChange{Name: bellhop.Of("x")})
		code(t, "always somebody else's", err, bellhop.CodeConflict)
	})
}

// TestManyChangesAtOnce of one app, each of another setting: none is lost.
func TestManyChangesAtOnce(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example")
		var wg sync.WaitGroup
		for i, c := range []bellhop.EndpointChange{
			{Name: bellhop.Of("x")},
			{Concurrency: bellhop.Of(3)},
			{Events: bellhop.Of([]string{"a"})},
			{Subjects: bellhop.Of([]string{"b:*"})},
			{Headers: bellhop.Of(map[string]string{"X-A": "1"})},
			{Metadata: bellhop.Of(map[string]string{"k": "v"})},
			{Status: bellhop.Of(bellhop.EndpointPaused)},
			{Ordering: bellhop.Of(bellhop.OrderingSubject)},
		} {
			wg.Go(func() { h.set(e.ID, c) })
			wg.Go(func() {
				change := desk.AppChange{Name: bellhop.Of("Acme")}
				if i%2 == 0 {
					change = desk.AppChange{MaxEndpoints: bellhop.Of(10 + i)}
				}
				if _, err := h.PatchApp(t.Context(), owner, "acme", change); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := h.all()[0]
		if got.Name != "x" || got.Concurrency != 3 || len(got.Events) != 1 || len(got.Subjects) != 1 || len(got.Headers) != 1 ||
			len(got.Metadata) != 1 || got.Status != bellhop.EndpointPaused || got.Ordering != bellhop.OrderingSubject {
			t.Errorf("%+v", got)
		}
		if a, err := h.App(t.Context(), owner, "acme"); err != nil || a.Name != "Acme" || a.MaxEndpoints < 10 {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// TestOneOfEightCreatesTheApp: whoever is told that the app was made has made it.
func TestOneOfEightCreatesTheApp(t *testing.T) {
	simulate(t, func(t *testing.T) {
		arrived := make(chan struct{}, 8)
		all := make(chan struct{})
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if step == "SaveApp globex" {
				if arrived <- struct{}{}; len(arrived) == 8 { // each has seen that there is none
					close(all)
				}
				<-all
			}
			return nil
		}), desk.Options{})
		var made atomic.Pointer[string]
		var wg sync.WaitGroup
		var ok, conflicts atomic.Int32
		for i := range 8 {
			wg.Go(func() {
				name := fmt.Sprint("number ", i)
				a, err := h.CreateApp(t.Context(), owner, "globex", desk.AppChange{Name: bellhop.Of(name)})
				switch {
				case err == nil && a.Name == name:
					ok.Add(1)
					made.Store(&name)
				case bellhop.CodeOf(err) == bellhop.CodeConflict && strings.Contains(err.Error(), "There is an app of this id already: change it with PATCH or PUT /v1/apps/globex"):
					conflicts.Add(1)
				default:
					t.Errorf("%+v, %v", a, err)
				}
			})
		}
		wg.Wait()
		if ok.Load() != 1 || conflicts.Load() != 7 {
			t.Errorf("%d made it, %d were refused", ok.Load(), conflicts.Load())
		}
		if a, err := h.App(t.Context(), owner, "globex"); err != nil || a.Name != *made.Load() {
			t.Errorf("%+v, %v; made by %s", a, err, *made.Load())
		}
		_, err := h.CreateApp(t.Context(), owner, "globex", desk.AppChange{})
		code(t, "once more", err, bellhop.CodeConflict)
	})
}

func TestApps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx := t.Context()
		a, err := h.CreateApp(ctx, owner, "", desk.AppChange{})
		if err != nil || !strings.HasPrefix(a.ID, "app_") || a.CreatedAt.IsZero() {
			t.Errorf("a generated id: %+v, %v", a, err)
		}
		for field, make := range map[string]func() error{
			"id": func() error { _, err := h.CreateApp(ctx, owner, "-x", desk.AppChange{}); return err },
			"name": func() error {
				_, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{Name: bellhop.Of("\xff")})
				return err
			},
			"metadata.": func() error {
				_, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{Metadata: bellhop.Of(map[string]string{"": "x"})})
				return err
			},
			"max_endpoints": func() error {
				_, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{MaxEndpoints: bellhop.Of(-1)})
				return err
			},
		} {
			code(t, field, make(), bellhop.CodeInvalid, field)
		}
		_, err = h.PatchApp(ctx, owner, "acme", desk.AppChange{MaxEndpoints: bellhop.Of(100_001)})
		code(t, "too many endpoints", err, bellhop.CodeInvalid, "max_endpoints")
		saved, created, err := h.PutApp(ctx, owner, "initech", desk.AppChange{Name: bellhop.Of("Initech"), MaxEndpoints: bellhop.Of(100_000)})
		if err != nil || !created || saved.MaxEndpoints != 100_000 {
			t.Errorf("%+v, %v, %v", saved, created, err)
		}
		saved, created, err = h.PutApp(ctx, owner, "initech", desk.AppChange{})
		if err != nil || created || saved.Name != "" || saved.MaxEndpoints != 0 {
			t.Errorf("what is not given has its default: %+v, %v, %v", saved, created, err)
		}
		entries, err := h.Audit(ctx, owner, "initech", bellhop.AuditFilter{Limit: 10})
		if err != nil || len(entries) != 2 || entries[0].Action != "app.update" || entries[1].Action != "app.create" || !strings.Contains(string(entries[1].Detail), "100000") {
			t.Errorf("%+v, %v", entries, err)
		}
		if err := h.DeleteApp(ctx, owner, "initech"); err != nil {
			t.Error(err)
		}
		if _, err := h.App(ctx, owner, "initech"); !bellhop.IsNotFound(err) {
			t.Error(err)
		}
	})
}

// TestMaxEndpointsIsTheOperators: an admin who is limited to apps changes everything
// else about them.
func TestMaxEndpointsIsTheOperators(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx, limited := t.Context(), as(bellhop.RoleAdmin, "acme", "nobody")
		if _, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{MaxEndpoints: bellhop.Of(5)}); err != nil {
			t.Fatal(err)
		}
		for _, most := range []int{0, 4, 6} {
			_, err := h.PatchApp(ctx, limited, "acme", desk.AppChange{MaxEndpoints: bellhop.Of(most)})
			code(t, "PATCH", err, bellhop.CodeForbidden)
			_, _, err = h.PutApp(ctx, limited, "acme", desk.AppChange{MaxEndpoints: bellhop.Of(most)})
			code(t, "PUT", err, bellhop.CodeForbidden)
		}
		for _, c := range []desk.AppChange{{Name: bellhop.Of("x")}, {Name: bellhop.Of("y"), MaxEndpoints: bellhop.Of(5)}} {
			if a, err := h.PatchApp(ctx, limited, "acme", c); err != nil || a.Name != c.Name.Value || a.MaxEndpoints != 5 {
				t.Errorf("PATCH: %+v, %v", a, err)
			}
			if a, _, err := h.PutApp(ctx, limited, "acme", c); err != nil || a.Name != c.Name.Value || a.MaxEndpoints != 5 {
				t.Errorf("PUT: %+v, %v", a, err)
			}
		}
		if _, _, err := h.PutApp(ctx, limited, "nobody", desk.AppChange{}); !bellhop.IsNotFound(err) {
			t.Errorf("a limited admin makes an app: %v", err)
		}
	})
}

// TestAFailureOfTheStoreIsNoConflict.
func TestAFailureOfTheStoreIsNoConflict(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if step == "SaveApp globex" {
				return bellhop.ErrUnavailable
			}
			return nil
		}), desk.Options{})
		_, err := h.CreateApp(t.Context(), owner, "globex", desk.AppChange{})
		if !errors.Is(err, bellhop.ErrUnavailable) || bellhop.CodeOf(err) == bellhop.CodeConflict {
			t.Error(err)
		}
	})
}

// TestUIDsOfApps are the operator's to give, found at once, and never two apps'.
func TestUIDsOfApps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx, limited := t.Context(), as(bellhop.RoleAdmin, "acme", "nobody")
		patch := func(who bellhop.Principal, id, uid string) error {
			_, err := h.PatchApp(ctx, who, id, desk.AppChange{UID: bellhop.Of(uid)})
			return err
		}
		if _, err := h.CreateApp(ctx, owner, "globex", desk.AppChange{}); err != nil {
			t.Fatal(err)
		}
		code(t, "an admin of some apps", patch(limited, "acme", "globex"), bellhop.CodeForbidden)
		for _, bad := range []string{"a b", "é", "a/b", ".", "..", strings.Repeat("x", 257)} {
			code(t, bad, patch(owner, "acme", bad), bellhop.CodeInvalid, "uid")
		}
		if err := patch(owner, "acme", "tenant.1"); err != nil {
			t.Fatal(err)
		}
		code(t, "one that is taken", patch(owner, "globex", "tenant.1"), bellhop.CodeConflict, "uid")
		_, err := h.CreateApp(ctx, owner, "", desk.AppChange{UID: bellhop.Of("tenant.1")})
		code(t, "one that is taken, for a new app", err, bellhop.CodeConflict, "uid")
		// Those who may not change it leave it as it is.
		for _, c := range []desk.AppChange{{Name: bellhop.Of("x")}, {UID: bellhop.Of("tenant.1")}} {
			if a, _, err := h.PutApp(ctx, limited, "acme", c); err != nil || a.UID != "tenant.1" {
				t.Errorf("%+v, %v", a, err)
			}
		}
		is := func(name, want string) {
			t.Helper()
			a, err := h.AppNamed(ctx, owner, name)
			if want == "" && bellhop.IsNotFound(err) {
				return
			}
			if err != nil || a.ID != want {
				t.Errorf("%s is %q, %v; want %q", name, a.ID, err, want)
			}
		}
		is("tenant.1", "acme")
		is("acme", "acme")
		is("tenant.2", "")
		if _, err := h.AppNamed(ctx, as(bellhop.RoleEditor, "globex"), "tenant.1"); !bellhop.IsNotFound(err) {
			t.Errorf("another app's: %v", err)
		}
		if _, err := h.AppOfUID(ctx, as(bellhop.RoleEditor, "globex"), "tenant.1"); !bellhop.IsNotFound(err) {
			t.Errorf("another app's: %v", err)
		}
		// Ids and uids are one namespace.
		code(t, "another's id", patch(owner, "globex", "acme"), bellhop.CodeConflict, "uid")
		_, err = h.CreateApp(ctx, owner, "tenant.1", desk.AppChange{})
		code(t, "a new app whose id is another's uid", err, bellhop.CodeConflict, "id")
		_, _, err = h.PutApp(ctx, owner, "tenant.1", desk.AppChange{})
		code(t, "a PUT of one", err, bellhop.CodeConflict, "id")
		_, err = h.CreateApp(ctx, owner, "", desk.AppChange{UID: bellhop.Of("acme")})
		code(t, "a new app whose uid is another's id", err, bellhop.CodeConflict, "uid")
		_, _, err = h.PutApp(ctx, owner, "globex", desk.AppChange{UID: bellhop.Of("acme")})
		code(t, "a PUT of that uid", err, bellhop.CodeConflict, "uid")
		is("acme", "acme")
		is("tenant.1", "acme")
		if err := patch(owner, "globex", "globex"); err != nil {
			t.Errorf("its own id: %v", err)
		}
		// They change hands.
		for _, step := range [][2]string{{"acme", "tenant.2"}, {"globex", "tenant.1"}} {
			if err := patch(owner, step[0], step[1]); err != nil {
				t.Fatal(err)
			}
		}
		is("tenant.1", "globex")
		is("tenant.2", "acme")
		if _, _, err := h.PutApp(ctx, owner, "globex", desk.AppChange{}); err != nil {
			t.Fatal(err)
		}
		is("tenant.1", "")
		if err := h.DeleteApp(ctx, owner, "acme"); err != nil {
			t.Fatal(err)
		}
		is("tenant.2", "")
		if a, err := h.CreateApp(ctx, owner, "", desk.AppChange{UID: bellhop.Of("tenant.2")}); err != nil || a.UID != "tenant.2" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
