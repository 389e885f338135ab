package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// Token gives an endpoint's token.
func (s *Store) Token(ctx context.Context, e bellhop.EndpointID) (t bellhop.Token, err error) {
	err = s.readFor(ctx, forFlow, "read a token", func(q *reading) error {
		t = bellhop.Token{}
		_, err := q.one(func(r row) error {
			var expires int64
			err := r.Scan(&t.Version, &expires, &t.Sealed)
			t.ExpiresAt = moment(expires)
			return err
		}, "SELECT version, expires_at, token FROM bellhop.tokens WHERE endpoint = $1", e)
		return err
	})
	return t, err
}

const (
	createToken  = "INSERT INTO bellhop.tokens (endpoint, version, expires_at, token) VALUES ($1, $2::bigint + 1, $3, $4) ON CONFLICT (endpoint) DO NOTHING"
	replaceToken = "UPDATE bellhop.tokens SET version = version + 1, expires_at = $3, token = $4 WHERE endpoint = $1 AND version = $2"
)

// SaveToken creates or replaces an endpoint's token. The endpoint is not deleted meanwhile.
func (s *Store) SaveToken(ctx context.Context, e bellhop.EndpointID, given bellhop.Token) (version int64, err error) {
	err = s.write(ctx, asked, "save a token", func(t *txn) error {
		found, err := t.one(func(row) error { return nil }, "SELECT 1 FROM bellhop.endpoints WHERE id = $1 FOR SHARE", e)
		if err == nil && !found {
			err = bellhop.NotFound("endpoint", e.String())
		}
		if err != nil {
			return err
		}
		return t.save(given.Version, createToken, replaceToken, e, given.Version, micros(given.ExpiresAt), append([]byte{}, given.Sealed...))
	})
	return given.Version + 1, err
}

const (
	// endTokenClaims leaves alone what somebody is at.
	endTokenClaims = `DELETE FROM bellhop.token_claims WHERE endpoint IN
		(SELECT endpoint FROM bellhop.token_claims WHERE until <= bellhop.clock() AND endpoint <> $1 LIMIT 100 FOR UPDATE SKIP LOCKED)`
	claimToken = `INSERT INTO bellhop.token_claims AS c (endpoint, claimed_by, until) VALUES ($1, $2, bellhop.clock() + $3)
		ON CONFLICT (endpoint) DO UPDATE SET claimed_by = excluded.claimed_by, until = excluded.until
		WHERE c.until <= bellhop.clock() OR c.claimed_by = excluded.claimed_by`
	freeToken = "DELETE FROM bellhop.token_claims WHERE endpoint = $1 AND claimed_by = $2"
)

// ClaimToken tells whether by may ask for the endpoint's next token, by the database's clock.
func (s *Store) ClaimToken(ctx context.Context, e bellhop.EndpointID, by string, lasts time.Duration, _ time.Time) (free bool, err error) {
	err = s.write(ctx, asked, "claim a token", func(t *txn) error {
		if _, err := t.exec(endTokenClaims, int64(e)); err != nil {
			return err
		}
		n, err := t.exec(claimToken, int64(e), by, lasts.Microseconds())
		free = n > 0
		return err
	})
	return free, err
}

// FreeToken ends a claim.
func (s *Store) FreeToken(ctx context.Context, e bellhop.EndpointID, by string) error {
	return s.write(ctx, asked, "free a token", func(t *txn) error {
		_, err := t.exec(freeToken, int64(e), by)
		return err
	})
}
