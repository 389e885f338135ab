package sqlite

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Each file takes the schema to the version that its name begins with.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID is "Bhop": it marks the file as ours.
const applicationID = 0x42686f70

func schemas() []fs.DirEntry {
	list, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // it is embedded
	}
	return list
}

// schemaOf is the schema that a file leads to.
func schemaOf(file fs.DirEntry) int64 {
	number, _, _ := strings.Cut(file.Name(), "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		panic(err) // it is embedded
	}
	return version
}

// Schema is the schema that this program works with: it brings older databases to it,
// and refuses newer ones.
func Schema() int { return int(newestSchema()) }

// newestSchema is the schema that this program works with.
func newestSchema() int64 {
	list := schemas()
	return schemaOf(list[len(list)-1])
}

// identify looks whether the file is new, or ours and not from the future.
func identify(c *sqlite.Conn, path string) error {
	var app, version, tables int64
	for sql, v := range map[string]*int64{
		"PRAGMA application_id": &app, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := each(c, func(st *sqlite.Stmt) { *v = st.ColumnInt64(0) }, sql); err != nil {
			return err
		}
	}
	switch {
	case app == 0 && version == 0 && tables == 0:
		return nil
	case app != applicationID:
		return &OpenError{path, ErrForeign, path + " is the database of another application: name another file; nothing was changed", nil}
	case version > newestSchema():
		program := "a newer version"
		// The newer program may have changed the table: then it stays unnamed.
		_ = each(c, func(st *sqlite.Stmt) { program = st.ColumnText(0) },
			"SELECT program FROM history WHERE program <> '' ORDER BY schema DESC LIMIT 1")
		return &OpenError{path, ErrNewer, fmt.Sprintf(
			"%s was written by a newer Bellhop (%s, schema %d; this one knows up to %d): run that version, or restore a backup made before the upgrade; nothing was changed",
			path, program, version, newestSchema()), nil}
	}
	return nil
}

// largeFile is from how many bytes on a new schema is said to take a while.
const largeFile = 256 << 20

// tellOfMigration says in the log that opening the file will take long, and why.
func tellOfMigration(c *sqlite.Conn, log *slog.Logger) error {
	var have, size int64
	for sql, v := range map[string]*int64{
		"PRAGMA user_version": &have, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size": &size,
	} {
		if err := each(c, func(st *sqlite.Stmt) { *v = st.ColumnInt64(0) }, sql); err != nil {
			return err
		}
	}
	if have > 0 && have < newestSchema() && size >= largeFile {
		log.Info("the database is brought to the schema of this version; that may take some minutes", "from", have, "to", newestSchema(), "bytes", size)
	}
	return nil
}

// migrate brings the schema up to date, each version in one transaction.
func migrate(c *sqlite.Conn, program string) error {
	for _, file := range schemas() {
		version := schemaOf(file)
		script, err := migrations.ReadFile("migrations/" + file.Name())
		if err != nil {
			return err
		}
		err = transaction(c, func() error {
			var have int64
			if err := each(c, func(st *sqlite.Stmt) { have = st.ColumnInt64(0) }, "PRAGMA user_version"); err != nil || have >= version {
				return err
			}
			if err := sqlitex.ExecuteScript(c, string(script), nil); err != nil {
				return err
			}
			if err := exec(c, "INSERT INTO history (schema, program) VALUES (?, ?)", version, program); err != nil {
				return err
			}
			return execAll(c, fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", version))
		})
		if err != nil {
			return fmt.Errorf("bring the schema to version %d: %w", version, err)
		}
	}
	return nil
}
