package sqlite_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// Whatever times programs write into the outbox's table, they are read as such that can be
// shown.
func TestAnEntryOfAnyTimeIsShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	c, err := zombiezen.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	for column, value := range map[string]string{
		"app": "printf('%2000s', 'x')", "type": "printf('%2000s', 'x')", "subject": "printf('%2000s', 'x')", "external_id": "printf('%2000s', 'x')",
		"channels": "printf('%5000s', 'x')", "tags": "x'00'", "retain": "'1 day'",
		"deliver_at": "-188000000000000000", "at": "9000000000000000000",
	} {
		row := map[string]string{"app": "'acme'", "type": "'a.b'", "data": "'{}'", column: value}
		columns := slices.Sorted(maps.Keys(row))
		var values []string
		for _, c := range columns {
			values = append(values, row[c])
		}
		sql := "INSERT INTO outbox (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
		if err := sqlitex.ExecuteTransient(c, sql, nil); err == nil || !strings.Contains(err.Error(), "CHECK constraint failed") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// What was stored without these checks is shown.
	err = sqlitex.ExecuteTransient(c, "PRAGMA ignore_check_constraints = 1", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = sqlitex.ExecuteScript(c, `
		INSERT INTO outbox (app, type, data, deliver_at, at) VALUES
			('acme', 'a.b', '{}', -9000000000000000000, 9000000000000000000), ('acme', 'a.b', '{}', 9000000000000000000, -9000000000000000000);
		INSERT INTO outbox_refused (id, of, app, type, size, subject, external_id, deliver_at, at, refused_at, code, detail)
			SELECT id, '', app, type, 2, '', '', deliver_at, at, 1, 'validation_failed', '' FROM outbox`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := s.Refused(t.Context(), bellhop.RefusedFilter{Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("Refused = %v, %v", list, err)
	}
	b, err := s.ReadOutbox(t.Context(), bellhop.OutboxRequest{Limit: 10, Each: 10, MaxBytes: 100, MaxData: 100})
	if err != nil || len(b.Entries) != 2 {
		t.Fatalf("ReadOutbox = %v, %v", b, err)
	}
	for i := range list {
		if _, err := json.Marshal([]any{list[i].DeliverAt, list[i].At, b.Entries[i].DeliverAt, b.Entries[i].At}); err != nil {
			t.Error(err)
		}
	}
	// Not taken for "at once".
	if y := b.Entries[0].DeliverAt.Year(); y != 0 {
		t.Errorf("deliver_at is in the year %d", y)
	}
}
