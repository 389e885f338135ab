package e2e

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// newNode prepares a server on a database of a PostgreSQL. Those of one database have one
// folder, and so one master key.
func newNode(t testing.TB, database string, flags ...string) *server {
	t.Helper()
	s := newServer(t, append([]string{"--dev"}, flags...)...)
	s.db, s.direct = database, database
	return s
}

// another prepares another node on the database of s.
func (s *server) another(flags ...string) *server {
	s.t.Helper()
	n := newNode(s.t, s.db, flags...)
	n.direct = s.direct
	n.flags = append(n.flags, "--master-key-file", filepath.Join(s.dir, "bellhop.key"))
	n.key = s.key
	return n
}

// changed is a database's URL, changed.
func changed(t testing.TB, database string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

// TestPostgresThatIsNotGoodEnough: each is told in one sentence that says what to do, the
// process ends with an exit code that is not 0, and the password is in none of it.
func TestPostgresThatIsNotGoodEnough(t *testing.T) {
	t.Parallel()
	listen := "127.0.0.1:1" // nobody
	c := testpostgres.NewCluster(t)
	admin := c.URL("postgres")
	testpostgres.Exec(t, admin, `CREATE ROLE app LOGIN PASSWORD 'hunter2'; CREATE ROLE guest LOGIN PASSWORD 'hunter2'`)
	for _, sql := range []string{
		"CREATE DATABASE hooks OWNER app TEMPLATE template0 ENCODING 'UTF8'",
		"CREATE DATABASE latin OWNER app TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
		"CREATE DATABASE standby OWNER app TEMPLATE template0 ENCODING 'UTF8'",
		"ALTER DATABASE standby SET default_transaction_read_only = on",
		"CREATE DATABASE newer OWNER app TEMPLATE template0 ENCODING 'UTF8'",
		"COPY (SELECT unnest(ARRAY['local all postgres trust', 'local all all scram-sha-256'])) TO '" + filepath.Join(c.Dir(), "data", "pg_hba.conf") + "'",
		"SELECT pg_reload_conf()",
	} {
		testpostgres.Exec(t, admin, sql)
	}
	testpostgres.Exec(t, c.URL("newer"), "CREATE SCHEMA bellhop; CREATE TABLE bellhop.history (schema integer PRIMARY KEY, program text NOT NULL); INSERT INTO bellhop.history VALUES (9999, 'v99.1')")
	testpostgres.Exec(t, c.URL("newer"), "ALTER SCHEMA bellhop OWNER TO app; ALTER TABLE bellhop.history OWNER TO app")
	as := func(user, password, database string) string {
		return changed(t, c.URL(database), func(u *url.URL) { u.User = url.UserPassword(user, password) })
	}
	for what, tc := range map[string]struct {
		database string
		says     []string
	}{
		"away":             {"postgres://app:hunter2@" + listen + "/hooks", []string{"cannot be reached", "check that the server runs"}},
		"a wrong password": {as("app", "hunter22", "hooks"), []string{"refuses the password", "PGPASSWORD"}},
		"no database":      {as("app", "hunter2", "nowhere"), []string{"nowhere", "does not exist", "CREATE DATABASE"}},
		"no rights":        {as("guest", "hunter2", "hooks"), []string{"lacks rights", "GRANT CREATE"}},
		"not UTF-8":        {as("app", "hunter2", "latin"), []string{"LATIN1", "ENCODING 'UTF8'"}},
		"read-only":        {as("app", "hunter2", "standby"), []string{"takes no writes", "name the primary"}},
		"newer":            {as("app", "hunter2", "newer"), []string{"newer Bellhop (v99.1, schema 9999", "nothing was changed"}},
		"no URL":           {"postgres://app:hunter2@:port/hooks", []string{"not the address"}},
	} {
		t.Run(what, func(t *testing.T) {
			s := newNode(t, tc.database, "--wait", "0s")
			text := s.failsToStart()
			for _, want := range tc.says {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("the password is in it:\n%s", text)
			}
			if left, _ := filepath.Glob(filepath.Join(s.dir, "*")); len(left) != 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

// TestNodesThatStartAtOnceAreOne: on an empty database, one node prints one admin key, the
// others take part with the same master key, and one with another key is refused.
func TestNodesThatStartAtOnceAreOne(t *testing.T) {
	t.Parallel()
	first := newNode(t, testpostgres.Database(t))
	nodes := []*server{first, first.another(), first.another()}
	for _, n := range nodes {
		n.key = "unknown"
		n.launch()
	}
	for _, n := range nodes {
		n.waitReady()
	}
	var key string
	eventually(t, "a node prints the admin key", func() bool {
		for _, n := range nodes {
			if key = adminKey.FindString(n.output.String()); key != "" {
				return true
			}
		}
		return false
	})
	for _, n := range nodes {
		n.key, n.api = key, client.New(n.url, key, n.http)
		if _, err := n.api.Whoami(t.Context()); err != nil {
			t.Errorf("a node does not know the key: %v", err)
		}
	}
	stranger := newNode(t, first.db)
	if text := stranger.failsToStart(); !strings.Contains(text, "is missing") || !strings.Contains(text, "copy the file of the other nodes") {
		t.Errorf("without the master key: %s", text)
	}
	other := serve(t) // which makes a key of its own
	if text := stranger.failsToStart("--master-key-file", other.keyFile()); !strings.Contains(text, "the other nodes use another key") {
		t.Errorf("with another master key: %s", text)
	}
	printed := map[string]bool{}
	for _, n := range nodes {
		n.stop() // then all that it printed is here
		for _, key := range adminKey.FindAllString(n.output.String(), -1) {
			printed[key] = true
		}
	}
	if len(printed) != 1 {
		t.Errorf("%d admin keys were printed", len(printed))
	}
}

// TestPostgresAwayAtStart: the server waits for it, and says so once.
func TestPostgresAwayAtStart(t *testing.T) {
	t.Parallel()
	c := testpostgres.NewCluster(t)
	s := newNode(t, c.URL("postgres"), "--wait", "1m")
	if err := c.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	s.launch()
	eventually(t, "it says that it waits", func() bool { return strings.Contains(s.output.String(), "waiting for it") })
	time.Sleep(2 * time.Second)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s.waitReady()
	if n := strings.Count(s.output.String(), "waiting for it"); n != 1 {
		t.Errorf("it says %d times that it waits", n)
	}
}

// slowly passes connections on to another address, and everything that goes either way so
// much later.
func slowly(t testing.TB, network, to string, delay time.Duration) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		all.Wait()
	})
	pass := func(from, to net.Conn) {
		type piece struct {
			b  []byte
			at time.Time
		}
		pieces := make(chan piece, 1024)
		all.Go(func() {
			defer close(pieces)
			for {
				b := make([]byte, 64<<10)
				n, err := from.Read(b)
				if n > 0 {
					pieces <- piece{b[:n], time.Now().Add(delay)}
				}
				if err != nil {
					return
				}
			}
		})
		for p := range pieces {
			time.Sleep(time.Until(p.at))
			if _, err := to.Write(p.b); err != nil {
				break
			}
		}
		_ = to.Close()
		_ = from.Close()
		for range pieces { // until the reader has seen it
		}
	}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial(network, to)
			if err != nil {
				_ = c.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _ = c.Close(); _ = up.Close() })
			all.Go(func() { pass(c, up) })
			all.Go(func() { pass(up, c) })
		}
	})
	return l.Addr().String()
}
