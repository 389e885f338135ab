package sqlite

import (
	"context"
	"maps"
	"sync"
	"time"

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

// tokenClaims are those of who asks for the next tokens. They are in memory: nobody else has
// the file, and with the process its requests end.
type tokenClaims struct {
	mu sync.Mutex
	of map[bellhop.EndpointID]bellhop.TokenClaim
}

// ClaimToken tells whether by may ask for the endpoint's next token.
func (s *Store) ClaimToken(_ context.Context, e bellhop.EndpointID, by string, lasts time.Duration, now time.Time) (free bool, err error) {
	c := &s.tokenClaims
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.of, func(_ bellhop.EndpointID, c bellhop.TokenClaim) bool { return !c.Until.After(now) })
	if old, taken := c.of[e]; taken && old.By != by {
		return false, nil
	}
	if c.of == nil {
		c.of = map[bellhop.EndpointID]bellhop.TokenClaim{}
	}
	c.of[e] = bellhop.TokenClaim{By: by, Until: now.Add(lasts)}
	return true, nil
}

// FreeToken ends a claim.
func (s *Store) FreeToken(_ context.Context, e bellhop.EndpointID, by string) error {
	c := &s.tokenClaims
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[e].By == by {
		delete(c.of, e)
	}
	return nil
}
