package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

// reader takes what is in the outbox of a store, as an engine does.
type reader struct {
	t   *testing.T
	s   *timed
	l   bellhop.Lease
	ids *id.Generator
	now time.Time
	// steps counts what was taken by step.
	steps []int
}

func newReader(t *testing.T, s *timed) *reader {
	now := time.Now()
	n, err := s.Join(t.Context(), bellhop.NodeAbout{}, 24*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	return &reader{t: t, s: s, l: n.Lease, ids: id.NewGenerator(int(n.Lease.Node), n.Floor), now: now}
}

// take takes some entries as events that nobody wants.
func (r *reader) take(limit, each int) []bellhop.OutboxEntry {
	r.t.Helper()
	b, err := r.s.ReadOutbox(r.t.Context(), bellhop.OutboxRequest{Limit: limit, Each: each, MaxBytes: 4 << 20, MaxData: 1 << 20})
	if err != nil {
		r.t.Fatal(err)
	}
	routes, err := r.s.Routes(r.t.Context(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	taking := bellhop.OutboxTaking{Mark: b.Mark, Entries: b.Entries}
	for _, e := range b.Entries {
		taking.Events = append(taking.Events, bellhop.NewEvent{Event: bellhop.Event{ID: id.Next[id.Event](r.ids, r.now), App: e.App, Type: e.Type, Data: e.Data}})
	}
	if len(b.Entries) > 0 {
		if _, err := r.s.TakeOutbox(r.t.Context(), r.l, routes.Version, taking, r.now); err != nil {
			r.t.Fatal(err)
		}
		r.steps = append(r.steps, len(b.Entries))
	}
	return b.Entries
}

func (r *reader) takeAll() (all []string) {
	r.t.Helper()
	for {
		some := r.take(1000, 1000)
		if len(some) == 0 {
			return all
		}
		for _, e := range some {
			all = append(all, string(e.Data))
		}
	}
}

func execAll(t *testing.T, s *timed, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := s.clock.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func numberIn(t *testing.T, s *timed, sql string) (n int64) {
	t.Helper()
	if err := s.clock.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

const flood = "SELECT count(bellhop.publish('flood', 'order.paid', n::text)) FROM generate_series(1, %d) n"

// One app's flood, in one transaction or in very many, holds up another app's event no
// longer than a few steps take.
func TestAFloodInTheOutboxDoesNotHoldUpAnotherApp(t *testing.T) {
	s := openTimed(t)
	r := newReader(t, s)
	execAll(t, s, fmt.Sprintf(flood, 100_000),
		"DO $$ BEGIN FOR n IN 1..15000 LOOP PERFORM bellhop.publish('drops', 'order.paid', n::text); COMMIT; END LOOP; END $$")
	// And one that is still running has more.
	c, err := pgx.Connect(t.Context(), urlOf(s))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), fmt.Sprintf(flood, 50_000)); err != nil {
		t.Fatal(err)
	}
	execAll(t, s, "SELECT bellhop.publish('neighbour', 'order.paid', '1')")
	begun := time.Now()
	for step := 1; ; step++ {
		took := time.Now()
		some := r.take(1000, 200)
		t.Logf("step %d: %d entries in %v", step, len(some), time.Since(took))
		found := false
		for _, e := range some {
			found = found || e.App == "neighbour"
		}
		if found {
			break
		}
		if step == 5 {
			t.Fatal("the neighbour's event was not taken in five steps")
		}
	}
	t.Logf("the neighbour's event was taken after %v", time.Since(begun))
	n := numberIn(t, s, "SELECT count(*) FROM bellhop.events WHERE app = 'flood'")
	if left := numberIn(t, s, "SELECT count(*) FROM bellhop.outbox WHERE app = 'flood'"); n+left != 100_000 {
		t.Errorf("%d taken and %d left of 100000", n, left)
	}
}

// The tables take turns; what is truncated was taken, and nobody waits for it.
func TestTheOutboxIsEmptiedWithoutLosingAnything(t *testing.T) {
	s := openTimed(t)
	r := newReader(t, s)
	begin := func() pgx.Tx {
		c, err := pgx.Connect(t.Context(), urlOf(s))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		tx, err := c.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "SELECT 1 FROM bellhop.apps"); err != nil { // its snapshot
			t.Fatal(err)
		}
		return tx
	}
	publish := func(tx pgx.Tx, data string) {
		if _, err := tx.Exec(t.Context(), "SELECT bellhop.publish('acme', 'order.paid', $1)", data); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(tx pgx.Tx) {
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	old, late := begin(), begin()
	publish(late, "1") // into the table that is to be emptied
	execAll(t, s, "SELECT bellhop.publish('acme', 'order.paid', '2')")
	got := r.takeAll()
	turn := func() {
		t.Helper()
		if err := s.at(t.Context(), time.Now().Add(time.Hour*time.Duration(len(got)))); err != nil {
			t.Fatal(err)
		}
		if err := postgres.TurnOutbox(t.Context(), s.Store); err != nil {
			t.Fatal(err)
		}
	}
	turn() // rows go into the other one
	execAll(t, s, "SELECT bellhop.publish('acme', 'order.paid', '3')")
	if n := numberIn(t, s, "SELECT count(*) FROM bellhop.outbox_1"); n != 1 {
		t.Fatalf("%d rows in the other table, want 1", n)
	}
	turn() // not emptied: late has it
	if n := numberIn(t, s, "SELECT count(*) FROM bellhop.outbox_0"); n != 1 {
		t.Errorf("%d rows in the first table, want 1", n)
	}
	commit(late)
	turn() // carried over
	if n := numberIn(t, s, "SELECT pg_relation_size('bellhop.outbox_0')"); n != 0 {
		t.Errorf("the first table has %d bytes", n)
	}
	publish(old, "4") // by its snapshot, into the first one
	commit(old)
	got = append(got, r.takeAll()...)
	turn()
	if n := numberIn(t, s, "SELECT pg_relation_size('bellhop.outbox_0')"); n != 0 {
		t.Errorf("the first table has %d bytes again", n)
	}
	if got := strings.Join(got, " "); got != "2 1 3 4" && got != "2 3 1 4" && got != "2 1 4 3" {
		t.Errorf("taken: %s", got)
	}
	if n := numberIn(t, s, "SELECT count(*) FROM bellhop.outbox"); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// What is restored into another server, whose transactions have lower numbers, is taken:
// once, if it was waiting, and not again, if it was not.
func TestARestoredOutboxIsTaken(t *testing.T) {
	s := openTimed(t)
	r := newReader(t, s)
	execAll(t, s, fmt.Sprintf(flood, 10))
	r.take(4, 4)
	// As a dump leaves it: all numbers are of the old server, which was far ahead.
	ahead := func(column string) string {
		return fmt.Sprintf("(%s::text::bigint + 1000000000)::text::xid8", column)
	}
	snapshotAhead := func(column string) string {
		return fmt.Sprintf(`(SELECT string_agg(CASE WHEN x = '' THEN '' ELSE (SELECT string_agg((y::bigint + 1000000000)::text, ',' ORDER BY y::bigint) FROM unnest(string_to_array(x, ',')) y) END, ':' ORDER BY n)
			FROM unnest(string_to_array(%s::text, ':')) WITH ORDINALITY p (x, n))::pg_snapshot`, column)
	}
	execAll(t, s, "UPDATE bellhop.outbox_0 SET tx = "+ahead("tx"),
		"UPDATE bellhop.outbox_progress_0 SET high = "+snapshotAhead("high")+" WHERE app IS NULL AND seq > 1",
		"UPDATE bellhop.outbox_progress_0 SET high = "+snapshotAhead("high")+", low = CASE WHEN low::text = '1:1:' THEN low ELSE "+snapshotAhead("low")+" END, tx = "+ahead("tx")+" WHERE app IS NOT NULL")
	execAll(t, s, "SELECT bellhop.publish('flood', 'order.paid', '11')")
	other := &timed{Store: openAt(t, urlOf(s), postgres.Options{}), clock: s.clock}
	r.s = other
	got := strings.Join(r.takeAll(), " ")
	if got != "5 6 7 8 9 10 11" {
		t.Errorf("taken after the restore: %s", got)
	}
	execAll(t, s, "SELECT bellhop.publish('flood', 'order.paid', '12')")
	if got := strings.Join(r.takeAll(), " "); got != "12" {
		t.Errorf("taken then: %s", got)
	}
}

// What was read before the server crashed is read again after it: the numbers of
// transactions that it has forgotten are given once more.
func TestTheOutboxOutlivesACrashOfTheServer(t *testing.T) {
	t.Parallel()
	cluster := testpostgres.NewCluster(t)
	url := cluster.URL("postgres")
	store, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	connect := func() *pgx.Conn {
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	publish := func(c *pgx.Conn, data string, async bool) {
		t.Helper()
		for _, sql := range []string{
			"BEGIN", fmt.Sprintf("SET LOCAL synchronous_commit = %t", !async), "SELECT bellhop.publish('acme', 'order.paid', '" + data + "')", "COMMIT",
		} {
			if _, err := c.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func() (all []string) {
		t.Helper()
		b, err := store.ReadOutbox(t.Context(), bellhop.OutboxRequest{Limit: 100, Each: 100, MaxBytes: 1 << 20, MaxData: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			all = append(all, string(e.Data))
		}
		return all
	}
	c := connect()
	publish(c, "1", false)
	// These commit without waiting for the disk, and are lost.
	for n := range 50 {
		publish(c, fmt.Sprint(100+n), true)
	}
	read()
	_ = c.Close(t.Context())
	if err := cluster.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	c = connect()
	defer c.Close(context.Background())
	for n := 2; n < 5; n++ {
		publish(c, fmt.Sprint(n), false)
	}
	var want []string
	rows, err := c.Query(t.Context(), "SELECT data FROM bellhop.outbox_0 ORDER BY id")
	if err == nil {
		want, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		t.Fatal(err)
	}
	got := read()
	slices.SortFunc(got, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	slices.SortFunc(want, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	if !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	t.Logf("%d of 54 survived", len(want))
}
