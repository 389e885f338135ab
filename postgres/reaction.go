package postgres

import (
	"context"

	"github.com/bellhop/bellhop"
)

const (
	nextReacting   = "SELECT app FROM bellhop.reactions WHERE app > $1 ORDER BY app LIMIT 1 /* all apps */"
	reactionsOfApp = "SELECT attempt FROM bellhop.reactions WHERE app = $1 ORDER BY attempt LIMIT $2"
)

// Reactions gives the oldest of one app.
func (s *Store) Reactions(ctx context.Context, after string, limit int) ([]bellhop.Reaction, error) {
	var reactions []bellhop.Reaction
	err := s.readFor(ctx, forUpkeep, "look for what was captured", func(q *reading) error {
		reactions = nil
		app := ""
		next := func(r row) error { return r.Scan(&app) }
		found, err := q.one(next, nextReacting, after)
		if err == nil && !found && after != "" {
			found, err = q.one(next, nextReacting, "")
		}
		if err != nil || !found {
			return err
		}
		reactions, err = list(q, func(r row) (bellhop.Reaction, error) {
			of := bellhop.Reaction{App: app}
			return of, r.Scan(&of.Attempt)
		}, reactionsOfApp, app, limit)
		return err
	})
	return reactions, err
}

// EndReactions takes reactions away.
func (s *Store) EndReactions(ctx context.Context, attempts []bellhop.AttemptID) error {
	if len(attempts) == 0 {
		return nil
	}
	return s.write(ctx, upkeep, "end what was captured", func(t *txn) error {
		_, err := t.exec("DELETE FROM bellhop.reactions WHERE attempt = ANY($1) /* all apps */", attempts)
		return err
	})
}
