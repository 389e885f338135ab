package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"
	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
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
