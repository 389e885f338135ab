package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// owe notes, in the transaction that makes it so, what is to be done after it.
func (w *writer) owe(what, name string) error {
	return exec(w.conn, `INSERT INTO owed (what, name, count) VALUES (?, ?, 1)
		ON CONFLICT (what, name) DO UPDATE SET count = count + 1`, what, name)
}

// Wipe ends deletions of apps and erasures that were interrupted, overwrites what erased and
// deleted rows have left in the file, and empties the write-ahead log: when it
// returns, their bytes are in neither. It tries again while readers need the log.
// Until it succeeds, it stays owed.
func (s *Store) Wipe(ctx context.Context) error {
	// One at a time: who waited finds the work done.
	select {
	case s.wiping <- struct{}{}:
		defer func() { <-s.wiping }()
	case <-ctx.Done():
		return fmt.Errorf("wipe: %w", ctx.Err())
	}
	count, err := s.wipesOwed(ctx)
	if err != nil || count == 0 {
		return err
	}
	if err := s.dropAllRows(ctx); err != nil {
		return err
	}
	if err := s.blankAll(ctx); err != nil {
		return err
	}
	if err := s.scrub(ctx); err != nil {
		return err
	}
	if err := s.wipeLog(ctx); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	return s.wiped(ctx, count)
}

// wipesOwed is how often a wipe was asked for since the last one; 0 if none is owed.
func (s *Store) wipesOwed(ctx context.Context) (count int64, err error) {
	err = s.readFor(ctx, forUpkeep, "look whether a wipe is owed", func(c *sqlite.Conn) error {
		return each(c, func(st *sqlite.Stmt) { count = st.ColumnInt64(0) }, "SELECT count FROM owed WHERE what = 'wipe'")
	})
	return count, err
}

// dropAllRows ends deletions of apps that were interrupted. Such a one owes a wipe,
// too.
func (s *Store) dropAllRows(ctx context.Context) error {
	var apps []string
	err := s.readFor(ctx, forUpkeep, "look for deleted apps", func(c *sqlite.Conn) error {
		return each(c, func(st *sqlite.Stmt) { apps = append(apps, st.ColumnText(0)) }, "SELECT name FROM owed WHERE what = 'app'")
	})
	for i := 0; err == nil && i < len(apps); i++ {
		err = s.dropRows(ctx, apps[i])
	}
	return err
}

// wiped ends a wipe that began at this count. What was erased since then may be on
// pages that it had passed already: then another one is owed.
func (s *Store) wiped(ctx context.Context, count int64) error {
	return s.tidy(ctx, "end the wipe", rowWeight, func(w *writer) error {
		return exec(w.conn, "DELETE FROM owed WHERE what = 'wipe' AND count = ?", count)
	})
}
