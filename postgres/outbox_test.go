package postgres_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/source/outbox"
	"github.com/bellhop/bellhop/source/outbox/outboxpgx"
	"github.com/bellhop/bellhop/storetest"
)

func urlOf(s bellhop.Store) string { return s.(*timed).clock.Config().ConnString() }

func published(list []bellhop.OutboxEntry) (events []outbox.Event) {
	for _, e := range list {
		events = append(events, outbox.Event{
			App: e.App, Type: e.Type, Data: []byte(e.Data), Subject: e.Subject, ID: e.ExternalID, DeliverAt: e.DeliverAt,
			Channels: e.Channels, Tags: e.Tags, Retain: e.Retain,
		})
	}
	return events
}

const insertBroken = "INSERT INTO bellhop.outbox_0 (app, type, data) VALUES ($1, $2, $3)"

// pgxTx is a transaction of jackc/pgx.
type pgxTx struct {
	t  *testing.T
	c  *pgx.Conn
	tx pgx.Tx
}

func beginPgx(t *testing.T, s bellhop.Store) *pgxTx {
	c, err := pgx.Connect(t.Context(), urlOf(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &pgxTx{t, c, tx}
}

func (tx *pgxTx) must(err error) {
	tx.t.Helper()
	if err != nil {
		tx.t.Fatal(err)
	}
}

func (tx *pgxTx) Publish(entries ...bellhop.OutboxEntry) {
	for i, e := range entries {
		if string(e.Data) == "broken" { // bellhop.publish refuses it at once
			_, err := tx.tx.Exec(tx.t.Context(), insertBroken, e.App, e.Type, string(e.Data))
			tx.must(err)
			entries = append(entries[:i:i], entries[i+1:]...)
			break
		}
	}
	tx.must(outboxpgx.Publish(tx.t.Context(), tx.tx, published(entries)...))
}

func (tx *pgxTx) Commit() {
	tx.must(tx.tx.Commit(tx.t.Context()))
	tx.must(tx.c.Close(tx.t.Context()))
}

func (tx *pgxTx) Rollback() {
	tx.must(tx.tx.Rollback(tx.t.Context()))
	tx.must(tx.c.Close(tx.t.Context()))
}

func openedAgain(t *testing.T, s bellhop.Store) bellhop.Store {
	other := s.(*timed)
	return &timed{Store: openAt(t, urlOf(s), postgres.Options{}), clock: other.clock}
}

func TestOutbox(t *testing.T) {
	storetest.RunOutbox(t, storetest.Outbox{
		Open:  func(t *testing.T) bellhop.Store { return openTimed(t) },
		Begin: func(t *testing.T, s bellhop.Store) storetest.OutboxTx { return beginPgx(t, s) },
		Again: openedAgain,
	})
}

// sqlTx is a transaction of database/sql.
type sqlTx struct {
	t  *testing.T
	db *sql.DB
	tx *sql.Tx
}

func (tx *sqlTx) Publish(entries ...bellhop.OutboxEntry) {
	for _, e := range entries {
		err := outbox.Publish(tx.t.Context(), tx.tx, published([]bellhop.OutboxEntry{e})...)
		if string(e.Data) == "broken" {
			_, err = tx.tx.ExecContext(tx.t.Context(), insertBroken, e.App, e.Type, string(e.Data))
		}
		if err != nil {
			tx.t.Fatal(err)
		}
	}
}

func (tx *sqlTx) Commit()   { tx.finish(tx.tx.Commit()) }
func (tx *sqlTx) Rollback() { tx.finish(tx.tx.Rollback()) }

func (tx *sqlTx) finish(err error) {
	if err != nil {
		tx.t.Error(err)
	}
	if err := tx.db.Close(); err != nil {
		tx.t.Error(err)
	}
}

func TestOutboxByDatabaseSQL(t *testing.T) {
	storetest.RunOutbox(t, storetest.Outbox{
		Open: func(t *testing.T) bellhop.Store { return openTimed(t) },
		Begin: func(t *testing.T, s bellhop.Store) storetest.OutboxTx {
			db, err := sql.Open("pgx", urlOf(s))
			if err != nil {
				t.Fatal(err)
			}
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return &sqlTx{t, db, tx}
		},
	})
}

// The SQL function keeps the bytes of text and json, refuses what can never be delivered,
// and takes its arguments by name.
func TestPublishByPlainSQL(t *testing.T) {
	s := openTimed(t)
	c, err := pgx.Connect(t.Context(), urlOf(s))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, call := range []string{
		`SELECT bellhop.publish('acme', 'order.paid', '{ "a":  1.0, "a": 2 }')`,
		`SELECT bellhop.publish('acme', 'order.paid', '{ "a":  1.0, "a": 2 }'::json, subject => 'order:1', id => 'x')`,
		`SELECT bellhop.publish('acme', 'order.paid', jsonb_build_object('a', 1), deliver_at => '2027-01-01 00:00:00.000001+00')`,
		`SELECT bellhop.publish(app => 'acme', type => 'order.paid', data => '1', subject => NULL, id => NULL, deliver_at => NULL)`,
	} {
		var entry int64
		if err := c.QueryRow(t.Context(), call).Scan(&entry); err != nil || entry == 0 {
			t.Errorf("%s: %d, %v", call, entry, err)
		}
	}
	b, err := s.ReadOutbox(t.Context(), bellhop.OutboxRequest{Limit: 10, Each: 10, MaxBytes: 1 << 20, MaxData: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range b.Entries {
		got = append(got, fmt.Sprint(string(e.Data), " ", e.Subject, " ", e.ExternalID, " ", e.DeliverAt.UnixMicro()))
	}
	none := fmt.Sprint(bellhop.OutboxEntry{}.DeliverAt.UnixMicro())
	want := []string{
		`{ "a":  1.0, "a": 2 }   ` + none, `{ "a":  1.0, "a": 2 } order:1 x ` + none, `{"a": 1}   1798761600000001`, `1   ` + none,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("published\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for call, says := range map[string]string{
		`SELECT bellhop.publish(NULL, 'order.paid', '1')`:             "app is missing",
		`SELECT bellhop.publish('acme', '', '1')`:                     "type is missing",
		`SELECT bellhop.publish('acme', 'order.paid', NULL::text)`:    "data is missing",
		`SELECT bellhop.publish('acme', 'order.paid', '{"a":')`:       "json",
		`SELECT bellhop.publish('acme', 'order.paid', '1', 'a', 'b')`: "",
	} {
		_, err := c.Exec(t.Context(), call)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", call, err, says)
		}
	}
}

// A program's role that has the documented rights may publish, and nothing else.
func TestARoleMayPublishAndNothingElse(t *testing.T) {
	s := openTimed(t)
	pool := s.clock
	role := "shop_" + strings.ToLower(rand.Text())
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN",
		"GRANT USAGE ON SCHEMA bellhop TO " + role,
		"GRANT EXECUTE ON FUNCTION bellhop.publish(text, text, text, text, text, timestamptz, text[], text[], interval) TO " + role,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, sql := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := pool.Exec(context.Background(), sql); err != nil {
				t.Error(err)
			}
		}
	})
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE "+role); err != nil {
		t.Fatal(err)
	}
	if err := outboxpgx.Publish(t.Context(), tx, outbox.Event{App: "acme", Type: "order.paid", Data: []byte("1")}); err != nil {
		t.Errorf("publish: %v", err)
	}
	for _, sql := range []string{
		"SELECT * FROM bellhop.outbox_0", "SELECT * FROM bellhop.outbox", "INSERT INTO bellhop.outbox_0 (app, type, data) VALUES ('a', 'b', '1')",
		"DELETE FROM bellhop.outbox_0", "SELECT * FROM bellhop.events", "SELECT * FROM bellhop.keys", "SELECT nextval('bellhop.outbox_ids')",
		"SELECT bellhop.publish('acme', 'order.paid', '1'::jsonb)", "UPDATE bellhop.outbox_slot SET slot = 1", "CREATE TABLE bellhop.mine (a int)",
	} {
		if _, err := tx.Exec(t.Context(), "SAVEPOINT s"); err != nil {
			t.Fatal(err)
		}
		_, err := tx.Exec(t.Context(), sql)
		if err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v, want that it is denied", sql, err)
		}
		if _, err := tx.Exec(t.Context(), "ROLLBACK TO s"); err != nil {
			t.Fatal(err)
		}
	}
}
