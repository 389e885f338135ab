package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const (
	nextReacting   = "SELECT app FROM reactions INDEXED BY reactions_app WHERE app > ? ORDER BY app LIMIT 1"
	reactionsOfApp = "SELECT attempt FROM reactions INDEXED BY reactions_app WHERE app = ? ORDER BY attempt LIMIT ? + 0"
)

// Reactions gives the oldest of one app.
func (s *Store) Reactions(ctx context.Context, after string, limit int) ([]bellhop.Reaction, error) {
	var list []bellhop.Reaction
	err := s.readFor(ctx, forUpkeep, "look for what was captured", func(c *sqlite.Conn) error {
		list = nil
		app := ""
		found, err := one(c, func(st *sqlite.Stmt) { app = st.ColumnText(0) }, nextReacting, after)
		if err == nil && !found && after != "" {
			found, err = one(c, func(st *sqlite.Stmt) { app = st.ColumnText(0) }, nextReacting, "")
		}
		if err != nil || !found {
			return err
		}
		return each(c, func(st *sqlite.Stmt) {
			list = append(list, bellhop.Reaction{Attempt: bellhop.AttemptID(st.ColumnInt64(0)), App: app})
		}, reactionsOfApp, app, limit)
	})
	return list, err
}

// EndReactions takes reactions away.
func (s *Store) EndReactions(ctx context.Context, attempts []bellhop.AttemptID) error {
	return s.tidy(ctx, "end what was captured", rowWeight*len(attempts), func(w *writer) error {
		for _, a := range attempts {
			if err := exec(w.conn, "DELETE FROM reactions WHERE attempt = ?", int64(a)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) react(a *bellhop.Attempt, tells bool) error {
	if !(&bellhop.Result{Attempt: *a, Tells: tells}).Reacts() {
		return nil
	}
	return exec(w.conn, "INSERT INTO reactions (attempt, app) VALUES (?, ?)", int64(a.ID), a.App)
}
