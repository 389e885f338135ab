package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/internal/move"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/sqlite"
)

func (p *program) migrateVerb() *cobra.Command {
	var from, to string
	cmd := p.verb("migrate", "Move everything from SQLite to PostgreSQL, or back; the server must be stopped",
		`Move everything that a server has kept into another kind of database: --from a file --to a
PostgreSQL URL, or the other way round. Apps, endpoints with their secrets, keys, events,
attempts, what is still to be delivered, statistics and the audit log come along, with their
ids. The source stays as it is, and no server may use either of the two meanwhile.

The target must be empty. A migration that was interrupted goes on where it was when it is run
again; until it is done, no server starts on the target. At the end both sides are read and
compared, row by row.

Start the server on the target with the same master key: the secrets are moved as they are.`,
		func(cmd *cobra.Command, _ []string) error {
			for name, v := range map[string]string{"from": from, "to": to} {
				if v == "" {
					return usage("--%s is missing: name a file, or postgres://user@host/database", name)
				}
			}
			return p.migrate(cmd.Context(), from, to)
		})
	cmd.Flags().StringVar(&from, "from", "", "the database to read: a file, or the URL of a PostgreSQL database")
	cmd.Flags().StringVar(&to, "to", "", "the database to fill: a file that does not exist, or the URL of an empty PostgreSQL database")
	p.jsonFlag(cmd)
	return cmd
}

// source is a database to read, until close.
type source struct {
	move.Source
	close func() error
	// name is how people and an interrupted migration know it: without a password.
	name string
}

// sink is a database to fill, until close.
type sink struct {
	move.Sink
	close func() error
	name  string
}

func (p *program) migrate(ctx context.Context, from, to string) error {
	if err := errors.Join(checkName("--from", from), checkName("--to", to)); err != nil {
		return usageError{err}
	}
	switch {
	case onPostgreSQL(from) && onPostgreSQL(to):
		return usage("--from and --to are both PostgreSQL: use pg_dump and pg_restore")
	case !onPostgreSQL(from) && !onPostgreSQL(to):
		return usage("--from and --to are both files: use 'bellhop backup'")
	}
	began := p.now()
	src, err := p.openSource(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = src.close() }() // it was read only
	dst, err := p.openSink(ctx, to)
	if err != nil {
		return err
	}
	defer p.progressEnd()
	moved, err := move.Run(ctx, src, dst, move.Options{From: src.name, Report: p.reportMove()})
	if err = errors.Join(err, dst.close()); err != nil {
		return fmt.Errorf("move %s to %s: %w", src.name, dst.name, err)
	}
	p.progressEnd()
	return p.showMoved(src.name, dst.name, moved, p.now().Sub(began))
}

// openSource opens what is read. It fails if a server uses it.
func (p *program) openSource(ctx context.Context, name string) (source, error) {
	if onPostgreSQL(name) {
		s, err := postgres.OpenSource(ctx, name, postgres.Options{Program: version()})
		if err != nil {
			return source{}, addressError("--from", err)
		}
		return source{s, s.Close, shownDatabase(name)}, nil
	}
	path, err := filepath.Abs(name)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return source{}, fmt.Errorf("there is no database %s: name it with --from", name)
	}
	store, err := sqlite.Open(ctx, path, sqlite.Options{Program: version()})
	if err != nil {
		return source{}, err
	}
	s, err := store.Source()
	if err != nil {
		return source{}, errors.Join(err, store.Close())
	}
	return source{s, func() error { return errors.Join(s.Close(), store.Close()) }, path}, nil
}

// openSink opens what is filled.
func (p *program) openSink(ctx context.Context, name string) (sink, error) {
	if onPostgreSQL(name) {
		s, err := postgres.OpenSink(ctx, name, postgres.Options{Program: version()})
		if err != nil {
			return sink{}, addressError("--to", err)
		}
		return sink{s, s.Close, shownDatabase(name)}, nil
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return sink{}, err
	}
	s, err := sqlite.OpenSink(ctx, path, sqlite.Options{Program: version()})
	if err != nil {
		return sink{}, err
	}
	return sink{s, s.Close, path}, nil
}

// addressError takes what is wrong with an address for a mistake of what was typed.
func addressError(flag string, err error) error {
	if errors.Is(err, postgres.ErrAddress) {
		return usage("%s: %w", flag, err)
	}
	return err
}

// moveLines is how often a move that nobody watches on a terminal says how far it is.
const moveLines = 5 * time.Second

// reportMove shows how far a move is: in one line of a terminal or, elsewhere, in lines for
// every table that has something, and while one takes long.
func (p *program) reportMove() func(move.Progress) {
	last := p.now()
	var told move.Progress
	return func(at move.Progress) {
		verb := "moving"
		if at.Checking {
			verb = "checking"
		}
		percent := int64(100)
		if at.All > 0 {
			percent = min(100, at.Done*100/at.All)
		}
		if p.errTerminal {
			p.progress("%d %%  %s %s: %d of %d rows", percent, verb, at.Table, at.Rows, at.Of)
			return
		}
		if at.Of == 0 || at.Rows < at.Of && p.now().Sub(last) < moveLines || at.Rows == told.Rows && at.Table == told.Table && at.Checking == told.Checking {
			return
		}
		last, told = p.now(), at
		p.note("%3d %%  %s %s: %d of %d rows", percent, verb, at.Table, at.Rows, at.Of)
	}
}

// movedTable is a table of the answer.
type movedTable struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

func (p *program) showMoved(from, to string, r move.Result, took time.Duration) error {
	result := struct {
		From       string       `json:"from"`
		To         string       `json:"to"`
		Continued  bool         `json:"continued"`
		Tables     []movedTable `json:"tables"`
		Replaced   int64        `json:"texts_replaced"`
		DurationMS int64        `json:"duration_ms"`
	}{From: from, To: to, Continued: r.Continued, Replaced: r.Replaced, DurationMS: took.Milliseconds()}
	rows := int64(0)
	for _, t := range r.Tables {
		rows += t.Rows
		result.Tables = append(result.Tables, movedTable{t.Table, t.Rows, t.Sum})
	}
	return p.show(result, func() {
		list := table{header: []string{"TABLE", "ROWS", "SHA-256"}}
		for _, t := range r.Tables {
			if t.Rows > 0 {
				list.add(text(t.Table), number(t.Rows), dim(t.Sum[:16]))
			}
		}
		p.table(&list)
		p.print("%s %d rows of %s are in %s, and both were read again and are alike (%s)", p.mark(true), rows, from, to, age(took))
		if r.Replaced > 0 {
			p.note("%d texts held something that PostgreSQL cannot store (NUL, or no UTF-8): U+FFFD stands in its place.", r.Replaced)
		}
		key := "the same master key"
		if _, err := os.Stat(from + ".key"); err == nil {
			key += " (--master-key-file " + from + ".key, or a copy of it)"
		}
		p.note("Start the server with --database %s and %s: the secrets are encrypted with it as before.\n"+
			"Do not start one on %s again: it would deliver once more what was pending.", to, key, from)
	})
}
