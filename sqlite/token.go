package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Token gives an endpoint's token.
func (s *Store) Token(ctx context.Context, e bellhop.EndpointID) (t bellhop.Token, err error) {
	err = s.readFor(ctx, forFlow, "read a token", func(c *sqlite.Conn) error {
		t = bellhop.Token{}
		return each(c, func(st *sqlite.Stmt) {
			t = bellhop.Token{Version: st.ColumnInt64(0), ExpiresAt: moment(st.ColumnInt64(1)), Sealed: blob(st, 2)}
		}, "SELECT version, expires_at, token FROM tokens WHERE endpoint = ?", int64(e))
	})
	return t, err
}

// SaveToken creates or replaces an endpoint's token.
func (s *Store) SaveToken(ctx context.Context, e bellhop.EndpointID, t bellhop.Token) (version int64, err error) {
	err = s.write(ctx, "save a token", rowWeight+len(t.Sealed), func(w *writer) error {
		if err := w.exists(e); err != nil {
			return err
		}
		stored := int64(0)
		_, err := one(w.conn, func(st *sqlite.Stmt) { stored = st.ColumnInt64(0) }, "SELECT version FROM tokens WHERE endpoint = ?", int64(e))
		if err == nil && stored != t.Version {
			err = bellhop.ErrRevision
		}
		if err != nil {
			return err
		}
		version = t.Version + 1
		return exec(w.conn, "INSERT OR REPLACE INTO tokens (endpoint, version, expires_at, token) VALUES (?, ?, ?, ?)",
			int64(e), version, micros(t.ExpiresAt), append([]byte{}, t.Sealed...))
	})
	return version, err
}
