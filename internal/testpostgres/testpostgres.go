// Package testpostgres gives tests a database of a real PostgreSQL: of a cluster that the
// test's process starts for itself, as an unprivileged user, with fsync on, and in memory
// where there is room. It ends with the process, also when that is killed.
// BELLHOP_TEST_POSTGRES names the URL of another server to use instead, whose user may
// create databases, and BELLHOP_TEST_POSTGRES_BIN the folder with the programs of another
// version.
package testpostgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop/internal/testmemory"
)

// patience is how long a test waits for the server, on a busy machine.
const patience = time.Minute

// Database gives the URL of a new, empty database, which is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	return create(t, "template0")
}

// shared is the cluster that the tests of this process use together. It is kept: its end of
// the pipe would be closed with it.
var shared = sync.OnceValues(func() (server, error) {
	if url := os.Getenv("BELLHOP_TEST_POSTGRES"); url != "" {
		return server{url: url}, nil
	}
	// It ends with the process, and is of no use afterwards.
	memory := testmemory.Dir()
	c, err := start(memory)
	if err != nil {
		return server{}, err
	}
	s := server{url: c.URL("postgres"), cluster: c}
	if memory != "" {
		var version int64
		version, err = number(s.url, "SELECT current_setting('server_version_num')::bigint")
		if version >= 150000 { // older ones know nothing else
			s.copying = " STRATEGY file_copy"
		}
	}
	return s, err
})

type server struct {
	url     string
	cluster *Cluster // nil: it is not ours
	copying string   // makes a database by copying files, where that is quicker than logging it
}

// create makes a database.
func (s *server) create(name, template string) error {
	return run(s.url, "CREATE DATABASE "+name+" TEMPLATE "+template+" ENCODING 'UTF8'"+s.copying)
}

var (
	templatesMu sync.Mutex
	templates   = map[string]*template{}
)

type template struct {
	once sync.Once
	name string
	err  error
}

// Copy gives the URL of a new database that is a copy of a template, which is dropped when
// the test ends. The first test of the process that asks for the template makes it: make is
// told the URL of an empty database, and must have closed all connections to it when it
// returns.
func Copy(t testing.TB, name string, make func(url string) error) string {
	t.Helper()
	templatesMu.Lock()
	of := templates[name]
	if of == nil {
		of = &template{}
		templates[name] = of
	}
	templatesMu.Unlock()
	of.once.Do(func() {
		of.name = newName()
		var s server
		if s, of.err = shared(); of.err == nil {
			of.err = s.create(of.name, "template0")
		}
		if of.err == nil {
			of.err = make(at(s.url, of.name))
		}
	})
	if of.err != nil {
		t.Fatalf("make the template %s: %v", name, of.err)
	}
	return create(t, of.name)
}

func create(t testing.TB, template string) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := newName()
	if err := s.create(name, template); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		if err := run(s.url, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	return at(s.url, name)
}

func newName() string { return "bellhop_test_" + fmt.Sprintf("%x", rand.Text()) }

// at is the URL with another database.
func at(server, database string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic("BELLHOP_TEST_POSTGRES is not a URL: " + err.Error())
	}
	u.Path = "/" + database
	return u.String()
}

// run runs one statement on a connection of its own.
func run(server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, sql)
	return err
}
