package sqlite_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/sqlite"
)

// TestAKeyWhoseAppsCannotBeReadSeesNothing: it must not become one without limits.
func TestAKeyWhoseAppsCannotBeReadSeesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	bad := []string{`[`, ``, `[]`, `null`, `"acme"`, `["acme", 7]`, `{"0":"acme"}`, `acme`}
	ids := id.Take[id.Key](newSource().ids, len(bad)+2, now)
	for i := range ids {
		k := bellhop.Key{ID: ids[i], Role: bellhop.RoleAdmin, Scope: bellhop.Only("acme")}
		if i == len(bad) {
			k.Scope = bellhop.Everything()
		}
		must(t, s.SaveKey(t.Context(), k, nil))
	}
	must(t, s.Close())
	for i, text := range bad {
		script(t, path, fmt.Sprintf("UPDATE keys SET apps = '%s' WHERE id = %d", text, int64(ids[i])))
	}
	var log bytes.Buffer
	s = openAt(t, path, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r, err := s.Access(t.Context(), 0)
	must(t, err)
	for i, k := range r.Keys[:len(bad)] {
		if k.Scope.All || len(k.Scope.Apps) > 0 {
			t.Errorf("apps %q became %+v", bad[i], k.Scope)
		}
	}
	if !r.Keys[len(bad)].Scope.All || !r.Keys[len(bad)+1].Scope.Sees("acme") {
		t.Errorf("good keys became %+v", r.Keys[len(bad):])
	}
	if n := strings.Count(log.String(), "a key sees nothing"); n != 6 {
		t.Errorf("%d keys are named in the log, want 6:\n%s", n, &log)
	}
	// Nor do they keep an app from being deleted, or gain anything by it.
	must(t, s.DeleteApp(t.Context(), "acme", nil))
	r, err = s.Access(t.Context(), 0)
	must(t, err)
	for _, k := range r.Keys {
		if k.Scope.All != (k.ID == ids[len(bad)]) || len(k.Scope.Apps) > 0 {
			t.Errorf("after the app was deleted: %+v", k)
		}
	}
}

// TestAnEndpointThatCannotBeReadGetsNothing: a list that is lost must not become the
// one that means all.
func TestAnEndpointThatCannotBeReadGetsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	columns := []string{"apps", "events", "subjects", "filter", "headers", "retry", "rate_limit", "secrets", "name"}
	ids := id.Take[id.Endpoint](newSource().ids, len(columns), now)
	for _, e := range ids {
		must(t, s.SaveEndpoint(t.Context(), bellhop.Endpoint{
			ID: e, Apps: []string{"acme"}, Events: []string{"a"}, Subjects: []string{"b"}, Filter: bellhop.JSON(`{"a":1}`),
			Headers: map[string]string{"X": "y"}, Status: bellhop.EndpointActive,
		}, nil, now))
	}
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	must(t, s.Close())
	for i, column := range columns {
		script(t, path, fmt.Sprintf(`UPDATE endpoints SET %s = '["a' WHERE id = %d`, column, int64(ids[i])))
	}
	var log bytes.Buffer
	s = openAt(t, path, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r, err := s.Routes(t.Context(), 0)
	must(t, err)
	for i, e := range r.Endpoints[:len(columns)-1] {
		if e.Status != bellhop.EndpointDisabled || e.DisabledReason == "" || len(e.Events) == 0 || e.Events[0] == "a" || len(e.Subjects) == 0 {
			t.Errorf("with bad %s: %+v", columns[i], e)
		}
		if !strings.Contains(log.String(), e.ID.String()) {
			t.Errorf("with bad %s: nothing is logged", columns[i])
		}
	}
	if e := r.Endpoints[len(columns)-1]; e.Status != bellhop.EndpointActive || e.Events[0] != "a" {
		t.Errorf("a good endpoint became %+v", e)
	}
	// It can be saved anew, and the app that it names can be deleted.
	e := r.Endpoints[1]
	e.Status, e.DisabledReason, e.Events = bellhop.EndpointActive, "", []string{"c"}
	must(t, s.SaveEndpoint(t.Context(), e, nil, now))
	must(t, s.DeleteApp(t.Context(), "acme", nil))
	r, err = s.Routes(t.Context(), 0)
	must(t, err)
	if len(r.Endpoints) != 1 || r.Endpoints[0].ID != ids[0] {
		t.Errorf("left: %+v", r.Endpoints)
	}
}

// TestADamagedListOfEndpointsIsNamed: what cannot be read of it is lost, but not in
// silence, and nothing else waits for it.
func TestADamagedListOfEndpointsIsNamed(t *testing.T) {
	for name, damage := range map[string]string{
		"cut off":   "UPDATE fanout_lists SET endpoints = cast(substr(endpoints, 1, length(endpoints) - 1) || x'80' AS BLOB)",
		"empty":     "UPDATE fanout_lists SET endpoints = x'00'",
		"gone":      "UPDATE fanout_lists SET id = id + 100",
		"no event":  "DELETE FROM events WHERE app = 'acme'",
		"no damage": "",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bellhop.db")
			s := openAt(t, path, sqlite.Options{})
			src := newSource()
			n, other := src.event(10, 1, 0), src.event(10, 1, 0)
			other.Event.App = "globex"
			n.Deliveries, other.Deliveries = nil, nil
			n.Later = id.Take[id.Endpoint](src.ids, 3, now)
			l := join(t, s).Lease
			_, err := s.Enqueue(t.Context(), l, 0, []bellhop.NewEvent{n}, now)
			must(t, err)
			must(t, s.Close())
			script(t, path, damage)
			var log bytes.Buffer
			s = openAt(t, path, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			l = join(t, s).Lease
			other.Later = n.Later
			_, err = s.Enqueue(t.Context(), l, 0, []bellhop.NewEvent{other}, now)
			must(t, err)
			for range 3 {
				_, err := s.Spread(t.Context(), l, id.Take[id.Delivery](src.ids, 4, now), now)
				must(t, err)
			}
			for _, e := range []bellhop.NewEvent{n, other} {
				left, err := s.Later(t.Context(), e.Event.ID)
				must(t, err)
				if len(left) != 0 {
					t.Errorf("still to be made: %v", left)
				}
			}
			made, err := s.Deliveries(t.Context(), bellhop.DeliveryFilter{Scope: bellhop.Only("globex"), Limit: 10})
			must(t, err)
			if len(made) != 3 {
				t.Errorf("%d deliveries of the other event, want 3", len(made))
			}
			want := 1
			if name == "no damage" || name == "no event" {
				want = 0
			}
			if got := strings.Count(log.String(), n.Event.ID.String()); got != want {
				t.Errorf("the log names the event %d times, want %d:\n%s", got, want, &log)
			}
		})
	}
}
