// Package outboxpgx publishes events inside a transaction of jackc/pgx: see package outbox.
package outboxpgx

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop/bellhop/source/outbox"
)

// Tx is a transaction: a pgx.Tx, or whatever wraps one. With a connection or a pool the
// event would be there whatever becomes of the rest.
type Tx interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Publish publishes events as a part of a transaction. After an error the transaction is to
// be rolled back; nothing is published then. An error of an event names it: events[1].
func Publish(ctx context.Context, tx Tx, events ...outbox.Event) error {
	statements, err := outbox.Statements(events)
	if err != nil {
		return err
	}
	for _, arg := range statements {
		if _, err := tx.Exec(ctx, outbox.PublishSQL, arg); err != nil {
			return fmt.Errorf("publish into the outbox: %w", err)
		}
	}
	return nil
}
