// Package outboxsqlite publishes events inside a transaction on a connection of
// zombiezen.com/go/sqlite: see package outbox.
package outboxsqlite

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop/source/outbox"
)

// Publish publishes events as a part of the transaction that is open on a connection to
// the file in which Bellhop keeps its data. After an error it is to be rolled back. Begin
// it with BEGIN IMMEDIATE (sqlitex.ImmediateTransaction), and keep it short: Bellhop
// cannot write meanwhile.
func Publish(c *sqlite.Conn, events ...outbox.Event) error {
	if c.AutocommitEnabled() {
		return errors.New("publish into the outbox: there is no transaction: begin one with sqlitex.ImmediateTransaction")
	}
	if err := outbox.Check(events); err != nil {
		return err
	}
	for i := range events {
		if err := sqlitex.Execute(c, outbox.InsertSQL, &sqlitex.ExecOptions{Args: events[i].Row()}); err != nil {
			return fmt.Errorf("publish into the outbox: %w", err)
		}
	}
	return nil
}
