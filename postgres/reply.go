package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	// claimReply writes and locks nothing where somebody else has the claim: those who wait for
	// him ask again and again.
	claimReply = `INSERT INTO bellhop.reply_claims AS c (request, claimed_by, until) SELECT $1::bytea, $2::text, bellhop.clock() + $3::bigint
		WHERE NOT EXISTS (SELECT FROM bellhop.reply_claims o WHERE o.request = $1 AND o.until > bellhop.clock() AND o.claimed_by <> $2)
		ON CONFLICT (request) DO UPDATE SET claimed_by = excluded.claimed_by, until = excluded.until
		WHERE c.until <= bellhop.clock() OR c.claimed_by = excluded.claimed_by`
	freeReply = "DELETE FROM bellhop.reply_claims WHERE request = $1 AND claimed_by = $2"
	replyTo   = "SELECT token, at, sealed FROM bellhop.replies WHERE request = $1 AND at > $2"
	keepReply = `INSERT INTO bellhop.replies (request, token, at, size, sealed) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (request) DO UPDATE SET token = excluded.token, at = excluded.at, size = excluded.size, sealed = excluded.sealed`
	countReplies = "SELECT count(*), coalesce(sum(size), 0)::bigint FROM bellhop.replies WHERE token = $1"
	trimReplies  = `DELETE FROM bellhop.replies WHERE request IN (SELECT x.request FROM
		(SELECT request, row_number() OVER w AS n, sum(size) OVER w AS size FROM bellhop.replies WHERE token = $1
			WINDOW w AS (ORDER BY at DESC, request ROWS UNBOUNDED PRECEDING)) x WHERE x.n > $2 OR x.size > $3)`
	forgetReply = "DELETE FROM bellhop.replies WHERE request = $1"

	oldReplies  = "SELECT request FROM bellhop.replies WHERE at <= $1 ORDER BY at LIMIT $2"
	muchReplies = `SELECT x.request FROM (SELECT request, at, row_number() OVER w AS n, sum(size) OVER w AS size FROM bellhop.replies
			WINDOW w AS (ORDER BY at DESC, request ROWS UNBOUNDED PRECEDING)) x WHERE x.n > $1 OR x.size > $2 ORDER BY x.at LIMIT $3`
	dropReplies    = "DELETE FROM bellhop.replies WHERE request IN (SELECT request FROM bellhop.replies WHERE request = ANY($1) FOR UPDATE SKIP LOCKED)"
	endReplyClaims = `DELETE FROM bellhop.reply_claims WHERE request IN
		(SELECT request FROM bellhop.reply_claims WHERE until <= bellhop.clock() LIMIT $1 FOR UPDATE SKIP LOCKED)`
)

// ClaimReply gives a reply, or tells whether by may have the request done, by the database's
// clock. It claims before it looks: who kept a reply meanwhile has committed it then.
func (s *Store) ClaimReply(ctx context.Context, request bellhop.ReplyHash, by string, lasts time.Duration, now time.Time) (r bellhop.Reply, free bool, err error) {
	err = s.write(ctx, asked, "claim a request", func(t *txn) error {
		r = bellhop.Reply{}
		n, err := t.exec(claimReply, request[:], by, lasts.Microseconds())
		if free = n > 0; err != nil {
			return err
		}
		found, err := t.one(func(row row) error {
			var token []byte
			var at int64
			err := row.Scan(&token, &at, &r.Sealed)
			r.Request, r.At = request, moment(at)
			copy(r.Token[:], token)
			return err
		}, replyTo, request[:], micros(now.Add(-bellhop.ReplyFor)))
		if found && free {
			free = false
			_, err = t.exec(freeReply, request[:], by)
		}
		return err
	})
	return r, free, err
}

// KeepReply keeps a reply, and ends the claim of by.
func (s *Store) KeepReply(ctx context.Context, r bellhop.Reply, claimed bellhop.ReplyHash, by string) error {
	return s.write(ctx, asked, "keep a reply", func(t *txn) error {
		_, err := t.exec(keepReply, r.Request[:], r.Token[:], micros(r.At), len(r.Sealed), append([]byte{}, r.Sealed...))
		var n, size int
		if err == nil {
			_, err = t.one(into(&n, &size), countReplies, r.Token[:])
		}
		if err == nil && (n > bellhop.MaxRepliesOfToken || size > bellhop.MaxReplyOfToken) {
			_, err = t.exec(trimReplies, r.Token[:], bellhop.RepliesLeft(bellhop.MaxRepliesOfToken), bellhop.RepliesLeft(bellhop.MaxReplyOfToken))
		}
		if err == nil {
			_, err = t.exec(freeReply, claimed[:], by)
		}
		return err
	})
}

// FreeReply ends a claim.
func (s *Store) FreeReply(ctx context.Context, request bellhop.ReplyHash, by string) error {
	return s.write(ctx, asked, "free a request", func(t *txn) error {
		_, err := t.exec(freeReply, request[:], by)
		return err
	})
}

// ForgetReply removes a reply.
func (s *Store) ForgetReply(ctx context.Context, request bellhop.ReplyHash) error {
	return s.write(ctx, asked, "forget a reply", func(t *txn) error {
		_, err := t.exec(forgetReply, request[:])
		return err
	})
}

// ExpireReplies removes replies that are old or too many, and claims that are over.
func (s *Store) ExpireReplies(ctx context.Context, now time.Time, limit int) (n int, err error) {
	var requests [][]byte
	scan := func(r row) (request []byte, err error) { err = r.Scan(&request); return request, err }
	err = s.write(ctx, upkeep, "expire replies", func(t *txn) error {
		n = 0
		requests, err = list(&t.reading, scan, oldReplies, micros(now.Add(-bellhop.ReplyFor)), limit)
		if err == nil && len(requests) == 0 {
			requests, err = list(&t.reading, scan, muchReplies, bellhop.MaxReplies, bellhop.MaxReplyBytes, limit)
		}
		if err == nil && len(requests) > 0 {
			var gone int64
			gone, err = t.exec(dropReplies, requests)
			n = int(gone)
		}
		if err == nil {
			_, err = t.exec(endReplyClaims, limit)
		}
		return err
	})
	return n, err
}
