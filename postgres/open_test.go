package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

// run runs a statement on a connection of its own.
func run(t testing.TB, at, sql string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // also while the test is cleaned up
	c, err := pgx.Connect(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	at := func(database string, change func(*url.URL)) string {
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	for _, tc := range []struct {
		name     string
		url      func(t *testing.T) string
		kind     error
		sentence string
	}{
		{"no address", func(*testing.T) string { return "postgres://%zz" }, postgres.ErrAddress, "write postgres://"},
		{"nobody listens", func(*testing.T) string { return "postgres://x@127.0.0.1:1/x" }, postgres.ErrAway, "check that the server runs"},
		{"no database", func(t *testing.T) string {
			return at(testpostgres.Database(t), func(u *url.URL) { u.Path = "/nowhere" })
		}, postgres.ErrMissing, "CREATE DATABASE"},
		{"no such user", func(t *testing.T) string {
			return at(testpostgres.Database(t), func(u *url.URL) { u.User = url.User("stranger") })
		}, postgres.ErrPassword, "check them"},
		{"no rights", func(t *testing.T) string {
			db := testpostgres.Database(t)
			run(t, db, "DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
			return at(db, func(u *url.URL) { u.User = url.User("guest") })
		}, postgres.ErrPermission, "GRANT CREATE"},
		{"another's schema", func(t *testing.T) string {
			db := testpostgres.Database(t)
			run(t, db, "CREATE SCHEMA bellhop; CREATE TABLE bellhop.things ()")
			return db
		}, postgres.ErrForeign, "another database"},
		{"newer", func(t *testing.T) string {
			db := database(t)
			run(t, db, "INSERT INTO bellhop.history VALUES (9999, 'v99')")
			return db
		}, postgres.ErrNewer, "v99, schema 9999"},
		{"read-only", func(t *testing.T) string {
			return at(testpostgres.Database(t), func(u *url.URL) {
				q := u.Query()
				q.Set("default_transaction_read_only", "on")
				u.RawQuery = q.Encode()
			})
		}, postgres.ErrReadOnly, "name the primary"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := postgres.Open(t.Context(), tc.url(t), postgres.Options{})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if _, ok := errors.AsType[*postgres.OpenError](err); !ok || !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.sentence) {
				t.Errorf("%#v: %v", err, err)
			}
		})
	}
}

func TestOpenRefusesADatabaseThatIsNotUTF8(t *testing.T) {
	db := testpostgres.Database(t)
	run(t, db, "CREATE DATABASE latin_bellhop TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
	t.Cleanup(func() { run(t, db, "DROP DATABASE latin_bellhop") })
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/latin_bellhop"
	if _, err := postgres.Open(t.Context(), u.String(), postgres.Options{}); !errors.Is(err, postgres.ErrEncoding) {
		t.Error(err)
	}
}

func TestSeveralProcessesThatStartAtOnceMakeOneSchema(t *testing.T) {
	db := testpostgres.Database(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := postgres.Open(t.Context(), db, postgres.Options{Program: "test"})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	all.Wait()
}
