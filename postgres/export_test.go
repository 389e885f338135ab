package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// HaveDays makes the partitions of a day and the next ones.
func (s *Store) HaveDays(ctx context.Context, now time.Time) error { return s.makeDaysAhead(ctx, now) }

// FoldWaits adds counts up, as the heartbeat does.
func FoldWaits(ctx context.Context, s *Store) error {
	return s.foldWaits(ctx, time.Now().Add(time.Hour))
}

// TurnOutbox has the tables of the outbox take turns now.
func TurnOutbox(ctx context.Context, s *Store) error { return s.turnOutbox(ctx) }

// IdleBounds tells how long a transaction may be idle before the server ends it.
func IdleBounds(ctx context.Context, s *Store) (reads, writes string, err error) {
	const bound = "SELECT current_setting('idle_in_transaction_session_timeout')"
	err = s.read(ctx, "look", func(q *reading) error {
		_, err := q.one(into(&reads), bound)
		return err
	})
	if err == nil {
		err = s.write(ctx, happened, "look", func(t *txn) error {
			_, err := t.one(into(&writes), bound)
			return err
		})
	}
	return reads, writes, err
}

// Trace has a tracer see what a store that was just opened runs.
func Trace(ctx context.Context, s *Store, tracer pgx.QueryTracer) error {
	for of, pool := range s.pools {
		config := pool.Config()
		config.ConnConfig.Tracer = tracer
		pool.Close()
		var err error
		if s.pools[of], err = pgxpool.NewWithConfig(ctx, config); err != nil {
			return err
		}
	}
	return nil
}
