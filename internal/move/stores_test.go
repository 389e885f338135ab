package move_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/move"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/source/outbox"
	"github.com/bellhop/bellhop/source/outbox/outboxsqlite"
	"github.com/bellhop/bellhop/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// optional are the columns that may be NULL in both stores.
var optional = map[string]bool{}

func init() {
	for _, c := range strings.Fields(`apps.metadata apps.dialects apps.dialect_options event_types.schema event_types.example endpoints.filter endpoints.headers
		endpoints.retry endpoints.rate_limit endpoints.metadata endpoints.secrets endpoints.terms endpoints.dialect_options endpoints.making
		endpoints.credentials endpoints.notify keys.apps audit.apps audit.detail events.external_id events.digest events.data pending.due pending.order_key
		attempts.method attempts.request_truncated attempts.request_body attempts.captured attempts.dialect attempts.request_proof
		attempts.request_header attempts.response_header attempts.response_body rollups.durations rollups.latencies clock.doubts clock.turned`) {
		optional[c] = true
	}
}

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// anyRows are rows of a table with something, or nothing where that may be, in every
// column. Ids are of several days.
func anyRows(t *move.Table) []move.Row {
	n := 4
	switch t.Name {
	case "clock", "hold":
		n = 1
	}
	var rows []move.Row
	for k := 1; k <= n; k++ {
		at := int64(id.First[id.Event](day.AddDate(0, 0, k-2)))
		row := move.Row{}
		for j, c := range t.Columns {
			var v any
			switch {
			case k == 2 && optional[t.Name+"."+c.Name]:
			case c.Name == "app":
				v = fmt.Sprintf("app-%d", k)
			case c.Kind == move.Text:
				v = fmt.Sprintf("%s é %d", c.Name, k)
			case c.Kind == move.Bytes && k == 3:
				v = []byte{}
			case c.Kind == move.Bytes:
				v = []byte{0, byte(k), 255}
			case c.Kind == move.Bool:
				v = int64(k % 2)
			case j == 0 && strings.Contains(" events attempts pending fanouts ", " "+t.Name+" "):
				v = at
			default:
				v = int64(k)
			}
			row = append(row, v)
		}
		switch t.Name {
		case "events":
			if k == 3 {
				row[5] = nil // erased, and so without a digest
			}
		case "owed":
			row[0], row[1], row[2] = "app", fmt.Sprint(k), fmt.Sprint(k)
		case "inboxes", "inbox_requests":
			row[0] = []byte{byte(k)}
		}
		rows = append(rows, row)
	}
	return rows
}

// fill makes an SQLite database with rows in every table, and gives its path.
func fill(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "from.db")
	m, err := sqlite.OpenSink(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Begin(t.Context(), "nowhere", ""); err != nil {
		t.Fatal(err)
	}
	for i := range move.Tables {
		tb := &move.Tables[i]
		rows := anyRows(tb)
		if err := m.Put(t.Context(), tb, rows, move.Mark{Table: tb.Name}, move.Mark{Table: tb.Name, Rows: int64(len(rows)), Done: true}); err != nil {
			t.Fatalf("%s: %v", tb.Name, err)
		}
	}
	if err := errors.Join(m.Finish(t.Context()), m.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// source opens an SQLite database to be read.
func source(t *testing.T, path string) move.Source {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Source()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(); _ = s.Close() })
	return m
}

func TestMoveToPostgreSQLAndBack(t *testing.T) {
	url := testpostgres.Database(t)
	src := source(t, fill(t))
	dst, err := postgres.OpenSink(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	there, err := move.Run(t.Context(), src, dst, move.Options{From: "a file"})
	if err = errors.Join(err, dst.Close()); err != nil {
		t.Fatal(err)
	}
	for i := range there.Tables {
		if got := there.Tables[i]; got.Rows == 0 {
			t.Errorf("nothing of %s was moved", got.Table)
		}
	}

	// What follows from the tables is there, too.
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var waiting, keys int
	if err := c.QueryRow(t.Context(), "SELECT (SELECT sum(n) FROM bellhop.waiting), (SELECT count(*) FROM bellhop.external_ids)").Scan(&waiting, &keys); err != nil {
		t.Fatal(err)
	}
	if waiting != 4 || keys != 3 {
		t.Errorf("%d wait, and there are %d idempotency keys", waiting, keys)
	}

	back, err := postgres.OpenSource(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	path := filepath.Join(t.TempDir(), "back.db")
	file, err := sqlite.OpenSink(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := move.Run(t.Context(), back, file, move.Options{From: "a database"})
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(again.Tables) != fmt.Sprint(there.Tables) {
		t.Errorf("what came back differs:\n%v\n%v", again.Tables, there.Tables)
	}
}

// What a program publishes into the outbox of a source while it is moved would be lost with
// it: the move says so, instead of being finished.
func TestWhatIsPublishedMeanwhileIsNotLost(t *testing.T) {
	path, url := fill(t), testpostgres.Database(t)
	run := func(src move.Source, dst interface {
		move.Sink
		Close() error
	}, publish func() error,
	) {
		t.Helper()
		once := false
		_, err := move.Run(t.Context(), src, dst, move.Options{From: "it", Report: func(move.Progress) {
			if !once {
				once = true
				if err := publish(); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		}})
		if err = errors.Join(err, dst.Close()); !errors.Is(err, move.ErrChanged) {
			t.Errorf("a move beside which something was published: %v", err)
		}
	}

	db, err := postgres.OpenSink(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run(source(t, path), db, func() error {
		c, err := zombie.OpenConn(path, zombie.OpenReadWrite)
		if err != nil {
			return err
		}
		end, err := sqlitex.ImmediateTransaction(c)
		if err != nil {
			return errors.Join(err, c.Close())
		}
		err = outboxsqlite.Publish(c, outbox.Event{App: "acme", Type: "invoice.paid", Data: []byte("1")})
		end(&err)
		return errors.Join(err, c.Close())
	})

	full := testpostgres.Database(t)
	s, err := postgres.Open(t.Context(), full, postgres.Options{})
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	src, err := postgres.OpenSource(t.Context(), full, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	file, err := sqlite.OpenSink(t.Context(), filepath.Join(t.TempDir(), "to.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run(src, file, func() error {
		c, err := pgx.Connect(t.Context(), full)
		if err != nil {
			return err
		}
		_, err = c.Exec(t.Context(), "SELECT bellhop.publish('acme', 'invoice.paid', '1')")
		return errors.Join(err, c.Close(t.Context()))
	})
}
