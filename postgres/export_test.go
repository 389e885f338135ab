package postgres

import "context"

// FoldWaits adds counts up, as the heartbeat does.
func FoldWaits(ctx context.Context, s *Store) error { return s.foldWaits(ctx) }
