package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Each file takes the schema to the version that its name begins with. An older program
// may still be running beside a newer schema: what it needs is taken away one release
// later at the earliest.
//
//go:embed migrations/*.sql
var migrations embed.FS

// What would be said to a write, by a replica and by a primary that was set so.
var (
	errStandby         = &pgconn.PgError{Severity: "ERROR", Code: "25006", Message: "the server is in recovery"}
	errReadOnlySession = &pgconn.PgError{Severity: "ERROR", Code: "25006", Message: "default_transaction_read_only is on"}
)

func schemas() []fs.DirEntry {
	list, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // it is embedded
	}
	return list
}

// schemaOf is the schema that a file leads to.
func schemaOf(file fs.DirEntry) int {
	number, _, _ := strings.Cut(file.Name(), "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		panic(err) // it is embedded
	}
	return version
}

// Schema is the schema that this program works with: it brings older databases to it, and
// refuses newer ones.
func Schema() int {
	list := schemas()
	return schemaOf(list[len(list)-1])
}

// history says which program brought the database to which schema, to say in an error. Who
// holds its lock may change the schema.
const (
	makeHistory = `CREATE SCHEMA IF NOT EXISTS bellhop;
		CREATE TABLE IF NOT EXISTS bellhop.history (schema integer PRIMARY KEY, program text NOT NULL)`
	hasHistory = "SELECT to_regclass('bellhop.history') IS NOT NULL, EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'bellhop')"
	lastSchema = "SELECT schema, program FROM bellhop.history ORDER BY schema DESC LIMIT 1"
)

// migrate brings the schema up to date, each version in one transaction. Of several
// processes that start at once, one does it, and the others wait.
func migrate(ctx context.Context, c *pgx.Conn, name, program string) error {
	q := &reading{ctx: ctx, conn: c}
	have, err := identify(q, name)
	if err != nil || have == Schema() {
		return err
	}
	for try := 1; ; try++ {
		// Two that make the same at once are in each other's way, IF NOT EXISTS or not.
		_, err := c.PgConn().Exec(ctx, makeHistory).ReadAll()
		if code := codeOf(err); err == nil {
			break
		} else if try == tries || code != uniqueViolation && code != duplicateTable && code != duplicateSchema {
			return err
		}
	}
	for _, file := range schemas() {
		if err := migrateTo(q, file, name, program); err != nil {
			return fmt.Errorf("bring the schema to version %d: %w", schemaOf(file), err)
		}
	}
	return nil
}

// identify gives the schema that the database has; 0 if it has none.
func identify(q *reading, name string) (have int, err error) {
	var ours, others bool
	_, err = q.one(func(r row) error { return r.Scan(&ours, &others) }, hasHistory)
	if err != nil {
		return 0, err
	}
	if !ours {
		if others {
			return 0, &OpenError{name, ErrForeign, name + " has a schema bellhop that is not this program's: name another database; nothing was changed", nil}
		}
		return 0, nil
	}
	var by string
	if _, err = q.one(func(r row) error { return r.Scan(&have, &by) }, lastSchema); err != nil {
		return 0, err
	}
	if have > Schema() {
		if by == "" {
			by = "a newer version"
		}
		return have, &OpenError{name, ErrNewer, fmt.Sprintf(
			"%s was brought up to date by a newer Bellhop (%s, schema %d; this one knows up to %d): run that version, or restore a backup made before the upgrade; nothing was changed",
			name, by, have, Schema()), nil}
	}
	return have, nil
}

func migrateTo(q *reading, file fs.DirEntry, name, program string) error {
	script, err := migrations.ReadFile("migrations/" + file.Name())
	if err != nil {
		return err
	}
	if _, err := q.exec("BEGIN"); err != nil {
		return err
	}
	err = func() error {
		if _, err := q.exec("LOCK TABLE bellhop.history IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		have, err := identify(q, name)
		if err != nil || have >= schemaOf(file) {
			return err
		}
		if _, err := q.conn.PgConn().Exec(q.ctx, string(script)).ReadAll(); err != nil {
			return err
		}
		_, err = q.exec("INSERT INTO bellhop.history (schema, program) VALUES ($1, $2)", schemaOf(file), program)
		return err
	}()
	if err != nil {
		return errors.Join(err, rollback(q.ctx, q.conn))
	}
	return commit(q.ctx, q.conn)
}
