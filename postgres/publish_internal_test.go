package postgres

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// TestWhoMightPublishStillMay: bellhop.publish has got more arguments, and is another
// function with that. Rights and calls of before hold.
func TestWhoMightPublishStillMay(t *testing.T) {
	url := testpostgres.Database(t)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	do := func(sql string) {
		t.Helper()
		if _, err := c.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	do(makeHistory)
	for _, file := range schemas() {
		if file.Name() < "0005_outbox_labels.sql" {
			if err := migrateTo(&reading{ctx: t.Context(), conn: c}, file, "test", "before"); err != nil {
				t.Fatal(err)
			}
		}
	}
	role := `Shop "x" ` + strings.ToLower(rand.Text())
	quoted := pgx.Identifier{role}.Sanitize()
	do("CREATE ROLE " + quoted)
	t.Cleanup(func() {
		_, err := c.PgConn().Exec(context.Background(), "RESET ROLE; DROP OWNED BY "+quoted+"; DROP ROLE "+quoted).ReadAll()
		if err != nil {
			t.Error(err)
		}
	})
	do("GRANT USAGE ON SCHEMA bellhop TO " + quoted)
	do("GRANT EXECUTE ON FUNCTION bellhop.publish(text, text, text, text, text, timestamptz) TO " + quoted)
	do("SELECT bellhop.publish('acme', 'a.b', '1'::text, 'before')")

	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	do("SET ROLE " + quoted)
	for _, sql := range []string{
		"SELECT bellhop.publish('acme', 'a.b', '2'::text)",
		"SELECT bellhop.publish('acme', 'a.b', '{}', subject => 'x', id => 'y', deliver_at => now())",
		"SELECT bellhop.publish('acme', 'a.b', '3'::text, channels => ARRAY['a','b'], tags => '{vip}', retain => interval '2 hours')",
	} {
		do(sql)
	}
	if _, err := c.Exec(t.Context(), "SELECT bellhop.publish('acme', 'a.b', '2'::json)"); err == nil {
		t.Error("a role that may publish text may publish json")
	}
	do("RESET ROLE")
	var before, labelled int
	err = c.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE subject = 'before' AND channels = ''),
		count(*) FILTER (WHERE channels = '["a","b"]' AND tags = '["vip"]' AND retain = 7200000000) FROM bellhop.outbox`).Scan(&before, &labelled)
	if err != nil || before != 1 || labelled != 1 {
		t.Errorf("%d of before, %d with labels, %v", before, labelled, err)
	}
}
