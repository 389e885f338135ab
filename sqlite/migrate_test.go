package sqlite

import (
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
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
		"INSERT INTO keys VALUES (1, 'old', 'admin', NULL, 0, 0, 0, zeroblob(32)); INSERT INTO changes VALUES (1, 'key', '', 1);",
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
		r, err := s.Routes(t.Context(), 0)
		if err != nil || len(r.Keys) != 1 || r.Keys[0].Name != "old" || r.Keys[0].Session != 0 {
			t.Errorf("keys %+v, %v", r.Keys, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
