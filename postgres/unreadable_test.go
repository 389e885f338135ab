package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/postgres"
)

// script runs statements beside the store.
func script(t testing.TB, url, sql string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// TestAKeyWhoseAppsCannotBeReadSeesNothing: it must not become one without limits.
func TestAKeyWhoseAppsCannotBeReadSeesNothing(t *testing.T) {
	url := database(t)
	var log bytes.Buffer
	s := openAt(t, url, postgres.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	bad := []string{`[`, ``, `[]`, `null`, `"acme"`, `["acme", 7]`, `{"0":"acme"}`, `acme`}
	ids := id.Take[id.Key](id.NewGenerator(0, 0), len(bad)+2, noon)
	for i := range ids {
		k := bellhop.Key{ID: ids[i], Role: bellhop.RoleAdmin, Scope: bellhop.Only("acme")}
		if i == len(bad) {
			k.Scope = bellhop.Everything()
		}
		if err := s.SaveKey(t.Context(), k, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range bad {
		script(t, url, fmt.Sprintf("UPDATE bellhop.keys SET apps = '%s' WHERE id = %d", text, int64(ids[i])))
	}
	r, err := s.Access(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
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
}

// TestAnEndpointThatCannotBeReadGetsNothing: a list that is lost must not become the
// one that means all.
func TestAnEndpointThatCannotBeReadGetsNothing(t *testing.T) {
	url := database(t)
	var log bytes.Buffer
	s := openAt(t, url, postgres.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	columns := []string{"apps", "events", "subjects", "filter", "headers", "retry", "rate_limit", "secrets", "terms", "making", "credentials", "name"}
	ids := id.Take[id.Endpoint](id.NewGenerator(0, 0), len(columns), noon)
	for i, column := range columns {
		err := s.SaveEndpoint(t.Context(), bellhop.Endpoint{
			ID: ids[i], Apps: []string{"acme"}, Events: []string{"a"}, Subjects: []string{"b"}, Filter: bellhop.JSON(`{"a":1}`),
			Headers: map[string]string{"X": "y"}, Status: bellhop.EndpointActive,
		}, nil, noon)
		if err != nil {
			t.Fatal(err)
		}
		script(t, url, fmt.Sprintf(`UPDATE bellhop.endpoints SET %s = '["a' WHERE id = %d`, column, int64(ids[i])))
	}
	r, err := s.Routes(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
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
	// It can be saved anew.
	e := r.Endpoints[1]
	e.Status, e.DisabledReason, e.Events = bellhop.EndpointActive, "", []string{"c"}
	if err := s.SaveEndpoint(t.Context(), e, nil, noon); err != nil {
		t.Error(err)
	}
}
