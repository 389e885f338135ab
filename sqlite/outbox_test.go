package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/source/outbox"
	"github.com/bellhop/bellhop/source/outbox/outboxsqlite"
	"github.com/bellhop/bellhop/sqlite"
	"github.com/bellhop/bellhop/storetest"
)

// files are where the stores of a test are.
type files struct {
	mu sync.Mutex
	of map[bellhop.Store]string
}

func (f *files) open(t *testing.T) bellhop.Store {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of[s] = path
	return s
}

func (f *files) path(s bellhop.Store) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.of[s]
}

func published(list []bellhop.OutboxEntry) (events []outbox.Event) {
	for _, e := range list {
		events = append(events, outbox.Event{
			App: e.App, Type: e.Type, Data: []byte(e.Data), Subject: e.Subject, ID: e.ExternalID, DeliverAt: e.DeliverAt,
			Channels: e.Channels, Tags: e.Tags, Retain: e.Retain,
		})
	}
	return events
}

// connTx is a transaction on a connection of zombiezen.com/go/sqlite.
type connTx struct {
	t    *testing.T
	conn *zombiezen.Conn
	end  func(*error)
}

func (tx *connTx) Publish(entries ...bellhop.OutboxEntry) {
	for _, e := range published(entries) {
		err := outboxsqlite.Publish(tx.conn, e)
		if string(e.Data) == "broken" { // what is not JSON comes from programs that do not look
			err = sqlitex.Execute(tx.conn, outbox.InsertSQL, &sqlitex.ExecOptions{Args: e.Row()})
		}
		if err != nil {
			tx.t.Fatal(err)
		}
	}
}

func (tx *connTx) Commit()   { tx.finish(nil) }
func (tx *connTx) Rollback() { tx.finish(context.Canceled) }

func (tx *connTx) finish(err error) {
	tx.end(&err)
	if closed := tx.conn.Close(); closed != nil {
		tx.t.Error(closed)
	}
}

func TestOutbox(t *testing.T) {
	f := &files{of: map[bellhop.Store]string{}}
	storetest.RunOutbox(t, storetest.Outbox{
		Open:  f.open,
		Alone: true,
		Begin: func(t *testing.T, s bellhop.Store) storetest.OutboxTx {
			c, err := zombiezen.OpenConn(f.path(s), zombiezen.OpenReadWrite)
			if err != nil {
				t.Fatal(err)
			}
			end, err := sqlitex.ImmediateTransaction(c)
			if err != nil {
				t.Fatal(err)
			}
			return &connTx{t, c, end}
		},
	})
}

// sqlTx is a transaction of database/sql.
type sqlTx struct {
	t  *testing.T
	db *sql.DB
	tx *sql.Tx
}

func (tx *sqlTx) Publish(entries ...bellhop.OutboxEntry) {
	for _, e := range published(entries) {
		err := outbox.PublishSQLite(tx.t.Context(), tx.tx, e)
		if string(e.Data) == "broken" {
			_, err = tx.tx.ExecContext(tx.t.Context(), outbox.InsertSQL, e.Row()...)
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
	f := &files{of: map[bellhop.Store]string{}}
	storetest.RunOutbox(t, storetest.Outbox{
		Open:  f.open,
		Alone: true,
		Begin: func(t *testing.T, s bellhop.Store) storetest.OutboxTx {
			db, err := sql.Open("sqlite", "file:"+f.path(s)+"?_txlock=immediate&_pragma=busy_timeout(10000)")
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

// One app's flood holds up another app's event no longer than a step takes.
func TestAFloodInTheOutboxDoesNotHoldUpAnotherApp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	now := time.Now()
	n, err := s.Join(t.Context(), bellhop.NodeAbout{}, time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	ids := id.NewGenerator(int(n.Lease.Node), n.Floor)
	c, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, sql := range []string{
		"WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 100000) INSERT INTO outbox (app, type, data) SELECT 'flood', 'order.paid', n FROM n",
		"INSERT INTO outbox (app, type, data) VALUES ('neighbour', 'order.paid', '1')",
	} {
		if err := sqlitex.Execute(c, sql, nil); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	b, err := s.ReadOutbox(t.Context(), bellhop.OutboxRequest{Limit: 1000, Each: 200, MaxBytes: 1 << 20, MaxData: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	taking := bellhop.OutboxTaking{Entries: b.Entries}
	for _, e := range b.Entries {
		taking.Events = append(taking.Events, bellhop.NewEvent{Event: bellhop.Event{ID: id.Next[id.Event](ids, now), App: e.App, Type: e.Type, Data: e.Data}})
	}
	if _, err := s.TakeOutbox(t.Context(), n.Lease, 0, taking, now); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d entries in %v", len(b.Entries), time.Since(begun))
	if list, err := s.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Only("neighbour"), Limit: 2}); err != nil || len(list) != 1 {
		t.Errorf("the neighbour's events after the first step: %v, %v", list, err)
	}
}
