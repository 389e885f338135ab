package postgres

import (
	"context"
	"errors"
	"fmt"
)

// Exclusively runs f while no other process runs one on the same database: for what the first of
// several nodes does that start at the same moment. Should the connection be lost that says
// so, another one may begin before f has ended.
func (s *Store) Exclusively(ctx context.Context, f func() error) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	const what = "wait for other nodes that start"
	c, err := s.acquire(ctx, upkeep)
	if err != nil {
		return s.writeError(ctx, what, err)
	}
	defer s.giveBack(c)
	if _, err = c.Exec(ctx, "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '"+guestIdle+"'"); err == nil {
		_, err = c.Exec(ctx, "SELECT 1 FROM bellhop.starting FOR UPDATE")
	}
	if err != nil {
		return s.writeError(ctx, what, errors.Join(err, rollback(ctx, c.Conn())))
	}
	err = f()
	_ = rollback(ctx, c.Conn()) // nothing was written, and whatever f did is done
	return err
}

// KeyCheck gives what NoteKeyCheck noted; nil if nothing was.
func (s *Store) KeyCheck(ctx context.Context) (sealed []byte, err error) {
	err = s.readFor(ctx, forFlow, "read the check of the master key", func(q *reading) error {
		sealed = nil
		_, err := q.one(func(r row) error { return r.Scan(&sealed) }, "SELECT key_check FROM bellhop.installation")
		return err
	})
	return sealed, err
}

// NoteKeyCheck notes what only the master key opens, by which a node is told that has
// another one.
func (s *Store) NoteKeyCheck(ctx context.Context, sealed []byte) error {
	return s.write(ctx, asked, "note the check of the master key", func(t *txn) error {
		n, err := t.exec("UPDATE bellhop.installation SET key_check = $1", sealed)
		if err == nil && n != 1 {
			err = fmt.Errorf("bellhop.installation has %d rows instead of one", n)
		}
		return err
	})
}

// Size is how much room everything of the database takes on the server's disk, in bytes.
func (s *Store) Size(ctx context.Context) (size int64, err error) {
	err = s.readFor(ctx, forUpkeep, "look how large the database is", func(q *reading) error {
		_, err := q.one(func(r row) error { return r.Scan(&size) }, "SELECT pg_database_size(current_database())")
		return err
	})
	return size, err
}
