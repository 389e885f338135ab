package postgres

import (
	"context"
	"time"
)

// HaveDays makes the partitions of a day and the next ones.
func (s *Store) HaveDays(ctx context.Context, now time.Time) error { return s.makeDaysAhead(ctx, now) }

// FoldWaits adds counts up, as the heartbeat does.
func FoldWaits(ctx context.Context, s *Store) error { return s.foldWaits(ctx) }

// TurnOutbox has the tables of the outbox take turns now.
func TurnOutbox(ctx context.Context, s *Store) error { return s.turnOutbox(ctx) }
