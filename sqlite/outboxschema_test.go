package sqlite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// TestThePythonOfTheDocumentationPublishes runs docs/outbox.md with the SQLite that Python
// has, while the file is open here.
func TestThePythonOfTheDocumentationPublishes(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("this test needs Python 3: make tools installs it where it can")
	}
	doc, err := os.ReadFile("../docs/outbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(doc), "```python\ndb = sqlite3.connect(")
	example, _, ended := strings.Cut(example, "```")
	if !found || !ended {
		t.Fatal("docs/outbox.md has no example in Python for SQLite any more")
	}
	folder := t.TempDir()
	s := openAt(t, filepath.Join(folder, "bellhop.db"), sqlite.Options{})
	cmd := exec.CommandContext(t.Context(), python, "-c", `import sqlite3
sqlite3.connect("bellhop.db", timeout=10).execute("CREATE TABLE orders (id INTEGER, total TEXT)")
db = sqlite3.connect(`+example)
	cmd.Dir = folder
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	batch, err := s.ReadOutbox(t.Context(), bellhop.OutboxRequest{Limit: 10, Each: 10, MaxBytes: 1 << 20, MaxData: 1 << 20})
	if err != nil || len(batch.Entries) != 1 || batch.Entries[0].App != "acme" || batch.Entries[0].Subject != "order:118" {
		t.Errorf("the outbox has %+v, %v", batch.Entries, err)
	}
}

// TestOldSQLitesKnowWhatTheOutboxAsks: programs publish with an SQLite of their own, which
// may be years older than Bellhop's. One that lacks a function cannot add a row.
func TestOldSQLitesKnowWhatTheOutboxAsks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	openAt(t, path, sqlite.Options{})
	c, err := zombiezen.OpenConn(path, zombiezen.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var schema strings.Builder
	err = sqlitex.Execute(c, "SELECT sql FROM sqlite_schema WHERE tbl_name = 'outbox' AND sql IS NOT NULL", &sqlitex.ExecOptions{
		ResultFunc: func(st *zombiezen.Stmt) error { schema.WriteString(st.ColumnText(0) + "\n"); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	old := map[string]bool{"typeof": true, "length": true, "cast": true, "julianday": true}
	words := map[string]bool{"outbox": true, "check": true, "default": true}
	known := 0
	for _, m := range regexp.MustCompile(`(\w+) ?\(`).FindAllStringSubmatch(schema.String(), -1) {
		name := strings.ToLower(m[1])
		if old[name] {
			known++
		} else if !words[name] {
			t.Errorf("the outbox asks for %s, which old SQLites may not know", name)
		}
	}
	if known < 4 {
		t.Errorf("only %d functions were found in\n%s", known, schema.String())
	}
}
