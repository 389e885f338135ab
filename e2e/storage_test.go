package e2e

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// storage is what the servers of the tests keep everything in.
var storage = flag.String("storage", onSQLite, "what the servers keep everything in: sqlite; postgres; plain, a PostgreSQL that is used without notifications, advisory locks and SKIP LOCKED; or pgbouncer, one behind a PgBouncer in transaction mode")

const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
	onPlain    = "plain"
	onBouncer  = "pgbouncer"
)

// checkStorage refuses what there is not.
func checkStorage() error {
	switch *storage {
	case onSQLite, onPostgres, onPlain, onBouncer:
		return nil
	}
	return fmt.Errorf("-storage: there is no %q", *storage)
}

// store gives a server a database of its own, in which there is nothing yet.
func (s *server) store() {
	s.t.Helper()
	s.db = filepath.Join(s.dir, "bellhop.db")
	if *storage != onSQLite {
		s.onPostgres(testpostgres.Database(s.t))
	}
}

// onPostgres has a server use a database of a PostgreSQL, as the flag says.
func (s *server) onPostgres(database string) {
	s.t.Helper()
	s.db, s.direct = database, database
	switch *storage {
	case onPlain:
		s.flags = append(s.flags, "--database-plain")
	case onBouncer:
		s.db = testpostgres.Bouncer(s.t, database)
	}
}

// keyFile is the server's master key file, unless it is told of another one.
func (s *server) keyFile() string {
	if *storage != onSQLite {
		return filepath.Join(s.dir, "bellhop.key")
	}
	return s.db + ".key"
}

// ofAFile skips what is about the file that SQLite keeps everything in.
func ofAFile(t *testing.T) {
	t.Helper()
	if *storage != onSQLite {
		t.Skip("it is about the file of the database")
	}
}
