package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/sqlite"
)

func (p *program) backupVerb() *cobra.Command {
	cmd := p.verb("backup DEST", "Copy a database consistently while it is in use",
		`Copy the database to a new file, consistently, while a server may be writing to it.

A database of a PostgreSQL server is backed up with PostgreSQL's own tools, such as pg_dump.

Endpoint secrets in the copy are encrypted: keep a copy of the master key file as well, in
another place than the backup.`,
		func(cmd *cobra.Command, args []string) error { return p.backup(cmd.Context(), args[0]) })
	p.settings.add(cmd.Flags(), "database")
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) backup(ctx context.Context, to string) error {
	from, began := p.settings.database, p.now()
	if p.settings.onPostgreSQL() {
		return fmt.Errorf("bellhop backup copies a database in a file: back %s up with PostgreSQL's own tools, such as pg_dump --format=custom --schema=bellhop --file=%s, or with archived WAL; docs/postgresql.md says how to restore, and what goes out again then", shownDatabase(from), to)
	}
	if _, err := os.Stat(from); err != nil {
		return noDatabase(from, err)
	}
	to, err := filepath.Abs(to) // so that every message says where it went
	if err != nil {
		return err
	}
	defer p.progressEnd()
	var total int64
	err = sqlite.Backup(ctx, from, to, func(done, all int64) {
		total = all
		p.progress("%s of %s copied", size(done), size(all))
	})
	if err != nil {
		return err
	}
	p.progressEnd()
	if err := sqlite.NoteBackup(from, began); err != nil {
		p.note("The backup is made, but the metrics of the server will not tell of it: %v", err)
	}
	took := p.now().Sub(began).Round(time.Millisecond)
	result := struct {
		From       string `json:"from"`
		To         string `json:"to"`
		Bytes      int64  `json:"bytes"`
		DurationMS int64  `json:"duration_ms"`
	}{from, to, total, took.Milliseconds()}
	return p.show(result, func() {
		p.print("%s %s copied to %s (%s, %s)", p.mark(true), from, to, size(total), age(took))
		p.note("Keep a copy of the master key file, too, apart from the backup: without it the endpoints' secrets in it cannot be read.")
	})
}

func noDatabase(path string, err error) error {
	if os.IsNotExist(err) {
		return fmt.Errorf("there is no database %s: name it with --database", path)
	}
	return err
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	for _, unit := range units {
		if v /= 1 << 10; v < 1<<10 {
			return fmt.Sprintf("%.1f %s", v, unit)
		}
	}
	return fmt.Sprintf("%.1f PiB", v/(1<<10))
}
