package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// owedWipe is a table in which erased and deleted rows are left.
const owedWipe = "wipe"

const (
	wipesOwed  = "SELECT name, count FROM bellhop.owed WHERE what = 'wipe' ORDER BY name /* all apps */"
	besideWipe = besideOf + " AND o.what = 'wipe' /* all apps */"
	// As long as somebody may still see the rows, they cannot be removed. Whoever has more
	// rights sees more of the sessions.
	wipeable = `SELECT x.xid < pg_snapshot_xmin(pg_current_snapshot())
		AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.backend_xmin IS NOT NULL AND a.datname = current_database() AND a.pid <> pg_backend_pid()
			AND age(a.backend_xmin) >= age(x.xid::xid))
		FROM (SELECT coalesce(xid, pg_snapshot_xmax(pg_current_snapshot())) AS xid FROM bellhop.owed WHERE what = 'wipe' ORDER BY 1 DESC LIMIT 1) x /* all apps */`
	existsTable = "SELECT to_regclass('bellhop.' || quote_ident($1)) IS NOT NULL"
)

// Wipe ends deletions of apps and erasures that were interrupted, and vacuums the tables
// from which something was erased or deleted: when it returns, nothing that is left can be
// seen by any statement, and the space is free to be overwritten.
//
// PostgreSQL does not overwrite it at once. The bytes may be on pages of the table until
// something else is written there, and they are in the write-ahead log, in its archive, in
// backups and on replicas for as long as those are kept: that is the operator's to say. As
// long as an old transaction may see the rows, or where the role may not vacuum, even the
// pages keep them: then the wipe stays owed, and is tried again.
func (s *Store) Wipe(ctx context.Context) error {
	// One at a time: who waited finds the work done.
	select {
	case s.wiping <- struct{}{}:
		defer func() { <-s.wiping }()
	case <-ctx.Done():
		return fmt.Errorf("wipe: %w", ctx.Err())
	}
	if err := s.dropAllRows(ctx); err != nil {
		return err
	}
	if err := s.blankAll(ctx); err != nil {
		return err
	}
	tables, err := s.wipesOwed(ctx)
	if err != nil || len(tables) == 0 {
		return err
	}
	free, err := s.waitForReaders(ctx)
	if err != nil {
		return err
	}
	for table, count := range tables {
		if err := s.vacuum(ctx, table); err != nil {
			return err
		}
		if !free {
			continue
		}
		if err := s.wiped(ctx, table, count); err != nil {
			return err
		}
	}
	return nil
}

// oweWipe notes that rows of a table that is kept by day are gone, or not what they were.
func (t *txn) oweWipe(table string, ids []int64) error {
	var day int64 = -1
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if of := dayOf(id); of != day {
			day = of
			if err := t.owe(owedWipe, "", partitionOf(table, day)); err != nil {
				return err
			}
		}
	}
	return nil
}

// wipesOwed gives the tables that are to be vacuumed, and how often that was asked for
// since it was done last.
func (s *Store) wipesOwed(ctx context.Context) (tables map[string]int64, err error) {
	err = s.readFor(ctx, forUpkeep, "look whether a wipe is owed", func(q *reading) error {
		tables = map[string]int64{}
		var table string
		var count int64
		return q.each(scan(func() { tables[table] = count }, &table, &count), wipesOwed)
	})
	return tables, err
}

// readerPatience is how long a wipe waits for transactions that may still see what was
// erased: those of publishing and delivering take moments.
const readerPatience = 2 * time.Second

// waitForReaders answers whether nobody may see any more what was erased.
func (s *Store) waitForReaders(ctx context.Context) (free bool, err error) {
	err = s.noteBeside(ctx, besideWipe)
	for until := time.Now().Add(readerPatience); err == nil && !free; {
		err = s.readFor(ctx, forUpkeep, "look who may see what was erased", func(q *reading) error {
			_, err := q.one(into(&free), wipeable)
			return err
		})
		if err != nil || free || time.Now().After(until) {
			break
		}
		if err := sleep(ctx, leavingPause); err != nil {
			return false, err
		}
	}
	return free, err
}

// vacuum removes the rows of a table that nobody can see. It runs beside everything else.
func (s *Store) vacuum(ctx context.Context, table string) error {
	return s.alone(ctx, "vacuum "+table, func(q *reading) error {
		var there bool
		if _, err := q.one(into(&there), existsTable, table); err != nil || !there {
			return err // its day has expired since
		}
		_, err := q.conn.Exec(ctx, "VACUUM "+pgx.Identifier{"bellhop", table}.Sanitize())
		return err
	})
}

// alone runs statements outside of any transaction, one after the other. They may take
// long, and have nobody wait who writes.
func (s *Store) alone(ctx context.Context, what string, f func(*reading) error) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	c, err := s.acquire(ctx, forUpkeep)
	if err == nil {
		defer s.giveBack(c)
		err = f(&reading{ctx: ctx, conn: c.Conn()})
	}
	return s.writeError(ctx, what, err)
}

// wiped ends a wipe of a table that began at this count. What was erased since then may be
// left: then another one is owed.
func (s *Store) wiped(ctx context.Context, table string, count int64) error {
	return s.write(ctx, upkeep, "end the wipe", func(t *txn) error {
		_, err := t.exec("DELETE FROM bellhop.owed WHERE what = 'wipe' AND name = $1 AND count = $2 /* all apps */", table, count)
		return err
	})
}

// dropAllRows ends deletions of apps that were interrupted, or beside which something of
// them was committed. Such a one owes a wipe, too.
func (s *Store) dropAllRows(ctx context.Context) error {
	var apps []string
	late := false
	err := s.readFor(ctx, forUpkeep, "look for deleted apps", func(q *reading) error {
		apps, late = nil, false
		var what, app string
		return q.each(scan(func() {
			if late = late || what == owedLate; what == owedApp {
				apps = append(apps, app)
			}
		}, &what, &app), "SELECT what, app FROM bellhop.owed WHERE what IN ('app', 'late') /* all apps */")
	})
	for i := 0; err == nil && i < len(apps); i++ {
		err = s.dropRows(ctx, apps[i])
	}
	if err == nil && late {
		err = s.write(ctx, upkeep, "end deletions of apps", func(t *txn) error {
			_, err := t.exec(endLate)
			return err
		})
	}
	return err
}
