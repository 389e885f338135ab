package postgres_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop/internal/testport"
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

// set sets a parameter of an address.
func set(u *url.URL, key, value string) {
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
}

// TestTheCauseIsSaidOnce: a server without TLS, which need not have it, is not the cause.
func TestTheCauseIsSaidOnce(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), "postgres://x@127.0.0.1:1/x?sslmode=prefer", postgres.Options{})
	if err == nil || strings.Count(err.Error(), "connection refused") != 1 {
		t.Errorf("nobody listens: %v", err)
	}
	c := testpostgres.NewCluster(t, "listen_addresses = '127.0.0.1'", "port = "+portOf(t))
	u, err := url.Parse(c.URL("nowhere"))
	if err != nil {
		t.Fatal(err)
	}
	set(u, "host", "127.0.0.1")
	set(u, "sslmode", "prefer")
	set(u, "target_session_attrs", "read-write")
	for database, kind := range map[string]error{"/nowhere": postgres.ErrMissing, "/postgres": postgres.ErrAway} {
		u.Path = database
		set(u, "default_transaction_read_only", "on")
		_, err = postgres.Open(t.Context(), u.String(), postgres.Options{})
		if !errors.Is(err, kind) || strings.Contains(err.Error(), "TLS") {
			t.Errorf("%s: %v", database, err)
		}
	}
}

func portOf(t *testing.T) string {
	_, port, err := net.SplitHostPort(testport.Reserve(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestTheDirectAddressIsOfTheSameDatabase: with another one, no notification would arrive.
func TestTheDirectAddressIsOfTheSameDatabase(t *testing.T) {
	db := database(t)
	for _, tc := range []struct {
		direct string
		kind   error
	}{
		{db, nil},
		{"postgres://x@127.0.0.1:1/x", nil}, // it is away: this is tried again
		{database(t), postgres.ErrDirect},
		{testpostgres.NewCluster(t).URL("postgres"), postgres.ErrDirect},
		{"postgres://%zz", postgres.ErrAddress},
	} {
		s, err := postgres.Open(t.Context(), db, postgres.Options{Direct: tc.direct})
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, tc.kind) {
			t.Errorf("%s: %v, want %v", tc.direct, err, tc.kind)
		}
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
		{"read-only, with its schema", func(t *testing.T) string {
			return at(database(t), func(u *url.URL) { set(u, "default_transaction_read_only", "on") })
		}, postgres.ErrReadOnly, "default_transaction_read_only to off"},
		{"no server takes writes", func(t *testing.T) string {
			return at(testpostgres.Database(t), func(u *url.URL) {
				set(u, "default_transaction_read_only", "on")
				set(u, "target_session_attrs", "read-write")
				set(u, "sslmode", "prefer")
			})
		}, postgres.ErrAway, "promote one"},
		{"a parameter that is none", func(t *testing.T) string {
			return at(testpostgres.Database(t), func(u *url.URL) { set(u, "foo", "bar") })
		}, postgres.ErrAddress, "parameter of its address"},
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
