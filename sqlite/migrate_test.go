package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
)

// TestFirstSchemaIsBroughtUpToDate opens a file as the first Bellhop left it.
func TestFirstSchemaIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	c, err := sqlite.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := migrations.ReadFile("migrations/" + schemas()[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{
		string(first), "PRAGMA application_id = 0x42686f70; PRAGMA user_version = 1; INSERT INTO history VALUES (1, 'v0.1.0');",
		"INSERT INTO keys VALUES (1, 'old', 'admin', NULL, 0, 0, 0, zeroblob(32)), (2, 'narrow', 'viewer', '[\"acme\"]', 0, 0, 0, zeroblob(32));",
		"INSERT INTO changes VALUES (41, 'key', '', 1), (42, 'app', 'acme', 0);",
		"INSERT INTO apps VALUES ('acme', 'Acme', NULL, 1, 1); INSERT INTO event_types VALUES ('a.b', '', NULL, NULL, 0, 0, 1, 1);",
		`INSERT INTO endpoints (id, revision, status, ordering, failing_since, apps, url, name, events, subjects, dialect, disabled_reason,
			timeout, concurrency, created_at, updated_at) VALUES (7, 3, 'active', 'none', 0, '["acme"]', 'https://example.com', '', 'null', '[]', 'standard', '', 1, 1, 1, 1);
		INSERT INTO endpoints (id, revision, status, ordering, failing_since, apps, url, name, events, subjects, dialect, disabled_reason,
			timeout, concurrency, created_at, updated_at) VALUES
			(8, 3, 'active', 'none', 1000, '["acme"]', 'https://example.com', '', 'null', '[]', 'standard', '', 1, 1, 1, 1),
			(9, 3, 'active', 'none', 0, '["acme"]', 'https://example.com', '', 'null', '[]', 'standard', '', 1, 1, 1, 1),
			(10, 3, 'active', 'none', 0, '["acme"]', 'https://example.com', '', 'null', '[]', 'standard', '', 1, 1, 1, 1);
		INSERT INTO attempts (id, delivery, event, endpoint, app, type, trigger, number, status, final, next_at, duration, response_status, truncated, url, reason, detail)
			VALUES (4194304, 1, 9, 8, 'acme', 'a.b', 'publish', 1, 1, 0, 9, 1, 503, 0, 'https://example.com', 'status', ''),
			(6291456, 1, 9, 8, 'acme', 'a.b', 'publish', 2, 1, 0, 9, 1, 502, 0, 'https://example.com', 'status', ''),
			(6291457, 2, 9, 9, 'acme', 'a.b', 'publish', 1, 0, 1, 0, 1, 200, 0, 'https://example.com', '', ''),
			(6291458, 3, 9, 10, 'acme', 'a.b', 'publish', 1, 1, 0, 0, 1, 500, 0, 'https://example.com', 'status', '');
		INSERT INTO nodes VALUES (1, 99999999999999999, 1);
		INSERT INTO events VALUES (9, 'acme', 'a.b', '', NULL, NULL, 0, 1, 0, 0, x'7b7d');
		INSERT INTO pending VALUES (10, 9, 7, 'acme', 'publish', 1, 1, 0, 0, NULL, 10);`,
	} {
		if err := sqlitex.ExecuteScript(c, script, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		r, err := s.Routes(t.Context(), 0)
		if err != nil || r.Version != 42 || len(r.Apps) != 1 || r.Apps[0].Revision != 1 || r.Apps[0].MaxEndpoints != 0 ||
			len(r.Endpoints) != 4 || r.Endpoints[0].Revision != 3 || r.Endpoints[0].Status != bellhop.EndpointActive {
			t.Errorf("routes %+v, %v", r, err)
		}
		if v := r.Endpoints[1].Vitals; v.Health() != bellhop.HealthFailing || v.Failures != 2 || v.Reason != "status" || v.ResponseStatus != 502 || v.FailingSince.UnixMicro() != 1000 || v.Revision != 3 {
			t.Errorf("one that was failing: %+v", v)
		}
		for i, want := range map[int]bellhop.Health{0: bellhop.HealthUnknown, 2: bellhop.HealthHealthy, 3: bellhop.HealthUnknown} {
			if v := r.Endpoints[i].Vitals; v.Health() != want {
				t.Errorf("endpoint %v: %+v, want %s", r.Endpoints[i].ID, v, want)
			}
		}
		// What was known of version 41 is not known any more: the answer is everything.
		if old, err := s.Routes(t.Context(), 41); err != nil || !old.Full {
			t.Errorf("routes since the version before: %+v, %v", old, err)
		}
		if same, err := s.Routes(t.Context(), 42); err != nil || same.Full || len(same.Apps) != 0 {
			t.Errorf("routes since the same version: %+v, %v", same, err)
		}
		types, err := s.Catalogue(t.Context(), 0)
		if err != nil || types.Version != 42 || len(types.EventTypes) != 1 || types.EventTypes[0].Revision != 1 {
			t.Errorf("catalogue %+v, %v", types, err)
		}
		keys, err := s.Access(t.Context(), 0)
		if err != nil || len(keys.Keys) != 2 || keys.Version != 42 || keys.Keys[0].Name != "old" || keys.Keys[0].Session != 0 ||
			!keys.Keys[0].Scope.All || keys.Keys[1].Scope.All || !keys.Keys[1].Scope.Sees("acme") {
			t.Errorf("keys %+v, %v", keys, err)
		}
		n, err := s.Join(t.Context(), bellhop.NodeAbout{Started: now}, time.Hour, now)
		if err != nil || n.Lease.Epoch < 1 {
			t.Fatalf("joined as %+v, %v", n, err)
		}
		got, err := ClaimOf(t, s, bellhop.ClaimRequest{Lease: n.Lease, Endpoint: 7, Limit: 10}, now)
		if err != nil || len(got.Work) != 1 || got.Work[0].Event.ID != 9 {
			t.Errorf("claimed %+v, %v", got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
