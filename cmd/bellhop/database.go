package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/sqlite"
)

var (
	// address begins what PostgreSQL's programs take: a URL, or one of libpq's keywords.
	address = regexp.MustCompile(`^(?i:postgres|postgresql)://|^\s*(host|hostaddr|port|dbname|user|password|passfile|service|servicefile|sslmode|sslrootcert|sslcert|sslkey|` +
		`sslpassword|application_name|connect_timeout|options|target_session_attrs)\s*=`)
	// nearAddress is what was meant as one, and misspelt: a scheme, user:password@host, or
	// pairs of keywords and values. No file is called so, and secrets may be in it.
	nearAddress = regexp.MustCompile(`://|^\s*["']?[A-Za-z][A-Za-z0-9+.-]+:/|:[^@]*@|^\s*["']?\w+\s*=|(?i)\b(host|hostaddr|port|dbname|user|password|passwd|pwd|service|sslmode)\s*=`)
)

// onPostgreSQL tells whether a database is one of a PostgreSQL server, rather than a file.
func onPostgreSQL(database string) bool { return address.MatchString(database) }

// checkName refuses what is neither a file nor the address of a PostgreSQL database. It
// does not say what was given: a password may be anywhere in it.
func checkName(setting, database string) error {
	if onPostgreSQL(database) || !nearAddress.MatchString(strings.TrimPrefix(database, filepath.VolumeName(database))) {
		return nil
	}
	return usage("%s: this looks like the address of a database, but not like one of PostgreSQL, and not like the name of a file: "+
		"write postgres://user@host/database or host=… dbname=…, without quotes or blanks before it", setting)
}

// onPostgreSQL tells whether several nodes may share the database.
func (s *settings) onPostgreSQL() bool { return onPostgreSQL(s.database) }

// shownDatabase names the database as the log, the settings and errors may: the URL
// without what is secret in it, or the file.
func shownDatabase(database string) string {
	if onPostgreSQL(database) {
		return postgres.Shown(database)
	}
	return database
}

// checkDatabase looks whether the settings of the database go together.
func (s *settings) checkDatabase() error {
	if err := checkName("database", s.database); err != nil {
		return err
	}
	if s.databaseDirect == "" {
		return nil
	}
	if !onPostgreSQL(s.databaseDirect) {
		return usage("database-direct: write it like --database, as postgres://user@host/database")
	}
	if !s.onPostgreSQL() {
		return usage("database-direct is for a --database of PostgreSQL: leave it out")
	}
	return nil
}

// nodeName is what this process is called among several.
func (s *settings) nameOfNode() string {
	if s.nodeName != "" {
		return s.nodeName
	}
	name, err := os.Hostname()
	if err != nil {
		return "unnamed"
	}
	return name
}

// opened is the database of a service.
type opened struct {
	bellhop.Store
	// shown names it for people.
	shown string
	// Either is nil.
	file   *sqlite.Store
	server *postgres.Store
}

// final is closed, of a database in a file, once this process can write nothing to it any
// more.
func (o *opened) final() <-chan struct{} {
	if o.file == nil {
		return nil
	}
	return o.file.Final()
}

// openDatabase opens the database of the settings, and makes it if need be.
func (p *program) openDatabase(ctx context.Context, log *slog.Logger, onCommit func(steps int, took time.Duration), onFlush func(took time.Duration)) (*opened, error) {
	s := p.settings
	o := &opened{shown: shownDatabase(s.database)}
	if !s.onPostgreSQL() {
		store, err := sqlite.Open(ctx, s.database, sqlite.Options{Logger: log, Readers: s.allot(openFiles()).readers, Program: version(), OnCommit: onCommit, OnFlush: onFlush})
		if err != nil {
			return nil, err
		}
		o.Store, o.file = store, store
		return o, nil
	}
	options := postgres.Options{Logger: log, Program: version(), Direct: s.databaseDirect, OnCommit: onCommit, Plain: s.databasePlain}
	store, err := postgres.Open(ctx, s.database, options)
	if err != nil {
		return nil, databaseError(err)
	}
	o.Store, o.server = store, store
	return o, nil
}

// databaseError takes what is wrong with the address for a mistake of the settings.
func databaseError(err error) error {
	if errors.Is(err, postgres.ErrAddress) {
		return usage("database: %w", err)
	}
	return err
}

// How often a server is asked that is away.
const (
	firstAsk = 100 * time.Millisecond
	lastAsk  = 2 * time.Second
)

// waitFor does what takes a database whose server may be away still, or again, for at most
// so long.
func waitFor[S any](ctx context.Context, limit time.Duration, log *slog.Logger, shown string, open func() (S, error)) (S, error) {
	began := time.Now()
	for pause := firstAsk; ; pause = min(2*pause, lastAsk) {
		store, err := open()
		waited := time.Since(began)
		switch {
		case err == nil && pause > firstAsk:
			log.Info("the database answers", "database", shown, "waited", waited.Round(time.Millisecond).String())
			return store, nil
		case err == nil || !postgres.Passing(err) || ctx.Err() != nil:
			return store, err
		case waited >= limit && limit > 0:
			return store, fmt.Errorf("%w; it was waited for for %s: see --wait", err, bellhop.Duration(limit))
		case waited >= limit:
			return store, err
		case pause == firstAsk:
			log.Warn("the database cannot be used yet: waiting for it", "database", shown, "wait", limit.String(), "err", err)
		}
		timer := time.NewTimer(min(pause, limit-waited))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return store, ctx.Err()
		}
	}
}

// disk tells how full the disk of the database is; nil where that is another machine's.
func (o *opened) disk(database string) func() (free, size uint64, err error) {
	if o.file == nil {
		return nil
	}
	return func() (free, size uint64, err error) { return diskOf(database) }
}

// alone runs f while no other process does so on the same database.
func (o *opened) alone(ctx context.Context, f func() error) error {
	if o.server == nil {
		return f() // nobody else has the file open
	}
	return o.server.Exclusively(ctx, f)
}
