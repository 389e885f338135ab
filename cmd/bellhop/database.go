package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/sqlite"
)

// keyword begins what libpq takes instead of a URL.
var keyword = regexp.MustCompile(`^\s*(host|hostaddr|port|dbname|user|service)\s*=`)

// onPostgreSQL tells whether a database is one of a PostgreSQL server, rather than a file.
func onPostgreSQL(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://") || keyword.MatchString(database)
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

// openDatabase opens the database of the settings, and makes it if need be. It waits for
// a server that is away for as long as they say.
func (p *program) openDatabase(ctx context.Context, log *slog.Logger, onCommit func(steps int, took time.Duration)) (*opened, error) {
	s := p.settings
	o := &opened{shown: shownDatabase(s.database)}
	if !s.onPostgreSQL() {
		store, err := sqlite.Open(ctx, s.database, sqlite.Options{Logger: log, Program: version(), OnCommit: onCommit})
		if err != nil {
			return nil, err
		}
		o.Store, o.file = store, store
		return o, nil
	}
	options := postgres.Options{Logger: log, Program: version(), Direct: s.databaseDirect, OnCommit: onCommit, Plain: s.databasePlain}
	store, err := waitFor(ctx, s.wait, log, o.shown, func() (*postgres.Store, error) { return postgres.Open(ctx, s.database, options) })
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

// waitFor opens a database whose server may be away still, for at most so long.
func waitFor[S any](ctx context.Context, limit time.Duration, log *slog.Logger, shown string, open func() (S, error)) (S, error) {
	began := time.Now()
	for pause := firstAsk; ; pause = min(2*pause, lastAsk) {
		store, err := open()
		mayCome := errors.Is(err, postgres.ErrAway) || errors.Is(err, postgres.ErrFull)
		waited := time.Since(began)
		switch {
		case err == nil && pause > firstAsk:
			log.Info("the database answers", "database", shown, "waited", waited.Round(time.Millisecond).String())
			return store, nil
		case err == nil || !mayCome || ctx.Err() != nil:
			return store, err
		case waited >= limit && limit > 0:
			return store, fmt.Errorf("%w; it was waited for for %s: see --wait", err, bellhop.Duration(limit))
		case waited >= limit:
			return store, err
		case pause == firstAsk:
			log.Warn("the database does not answer: waiting for it", "database", shown, "wait", limit.String(), "err", err)
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
