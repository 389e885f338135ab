package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// TestAnOlderNodeBesideANewerSchema: the first node of a newer version has brought the
// schema up to date. A node of this one goes on, also after PostgreSQL was restarted and
// after it has lost its lease, until it is replaced; a process of this one that starts is
// told which version it needs.
func TestAnOlderNodeBesideANewerSchema(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	first := newNode(t, c.URL("postgres"))
	p := publishing(t, 100, first)
	testpostgres.Exec(t, c.URL("postgres"), "INSERT INTO bellhop.history VALUES (9999, 'v99.1')")
	p.flows()
	if err := c.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.flows()
	from := first.output.len()
	testpostgres.Exec(t, c.URL("postgres"), "UPDATE bellhop.nodes SET held = 2") // as by another node, after a pause
	eventually(t, "the log says that the lease was lost", func() bool { return strings.Contains(first.output.from(from), "the lease was lost") })
	p.flows()
	late := first.another()
	if text := late.failsToStart(); !strings.Contains(text, "newer Bellhop (v99.1, schema 9999") || !strings.Contains(text, "run that version") {
		t.Errorf("a process that starts is told: %s", text)
	}
	p.allArrive()
}

// TestAnOlderSchemaIsBroughtUpToDate: two nodes start at once on a database as the first
// version made it.
func TestAnOlderSchemaIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	db := testpostgres.Database(t)
	schema, err := os.ReadFile("../postgres/migrations/0001_schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	testpostgres.Exec(t, db, "CREATE SCHEMA bellhop; CREATE TABLE bellhop.history (schema integer PRIMARY KEY, program text NOT NULL)")
	testpostgres.Exec(t, db, string(schema))
	testpostgres.Exec(t, db, "INSERT INTO bellhop.history VALUES (1, 'v0.1')")
	first := newNode(t, db)
	second := first.another()
	second.key = "unknown"
	first.launch()
	second.launch()
	first.waitReady()
	second.waitReady()
	eventually(t, "one of them prints the admin key", func() bool {
		first.key = adminKey.FindString(first.output.String() + second.output.String())
		return first.key != ""
	})
	first.restart()
	if n := testpostgres.Number(t, db, "SELECT min(schema) * 1000 + max(schema) FROM bellhop.history"); n < 1002 {
		t.Errorf("the schemas that it had: %d", n)
	}
	r := newReceiver(t, answers(http.StatusOK))
	first.endpoint(first.app("acme"), r.URL, nil)
	first.publish("acme", "invoice.paid", `{}`)
	testpostgres.Exec(t, db, `SELECT bellhop.publish('acme', 'invoice.paid', '{}')`)
	r.wait(t, 2)
}
