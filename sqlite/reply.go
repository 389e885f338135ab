package sqlite

import (
	"context"
	"maps"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// replyClaims are those of who has requests done. They are in memory: nobody else has the
// file, and with the process its requests end.
type replyClaims struct {
	mu sync.Mutex
	of map[bellhop.ReplyHash]bellhop.TokenClaim
}

const (
	replyTo      = "SELECT token, at, sealed FROM replies WHERE request = ?"
	keepReply    = "INSERT OR REPLACE INTO replies (request, token, at, size, sealed) VALUES (?, ?, ?, ?, ?)"
	countReplies = "SELECT count(*), sum(size) FROM replies INDEXED BY replies_token WHERE token = ?"
	// trimReplies goes through those of one token, which are few.
	trimReplies = `DELETE FROM replies WHERE rowid IN (SELECT id FROM
		(SELECT rowid AS id, row_number() OVER w AS n, sum(size) OVER w AS size FROM replies INDEXED BY replies_token WHERE token = ?
			WINDOW w AS (ORDER BY at DESC, rowid ROWS UNBOUNDED PRECEDING)) WHERE n > ? OR size > ?)`
	oldReplies  = "SELECT request FROM replies INDEXED BY replies_at WHERE at <= ? ORDER BY at LIMIT ? + 0"
	muchReplies = `SELECT request FROM (SELECT request, at, row_number() OVER w AS n, sum(size) OVER w AS size FROM replies
			WINDOW w AS (ORDER BY at DESC, rowid ROWS UNBOUNDED PRECEDING)) WHERE n > ? OR size > ? ORDER BY at LIMIT ? + 0`
	forgetReply = "DELETE FROM replies WHERE request = ?"
)

// ClaimReply gives a reply, or tells whether by may have the request done.
func (s *Store) ClaimReply(ctx context.Context, request bellhop.ReplyHash, by string, lasts time.Duration, now time.Time) (r bellhop.Reply, free bool, err error) {
	c := &s.replyClaims
	c.mu.Lock()
	maps.DeleteFunc(c.of, func(_ bellhop.ReplyHash, c bellhop.TokenClaim) bool { return !c.Until.After(now) })
	old, taken := c.of[request]
	if free = !taken || old.By == by; free {
		if c.of == nil {
			c.of = map[bellhop.ReplyHash]bellhop.TokenClaim{}
		}
		c.of[request] = bellhop.TokenClaim{By: by, Until: now.Add(lasts)}
	}
	c.mu.Unlock()
	found := false
	err = s.read(ctx, "look for a reply", func(c *sqlite.Conn) (err error) {
		found, err = one(c, func(st *sqlite.Stmt) {
			r = bellhop.Reply{Request: request, At: moment(st.ColumnInt64(1)), Sealed: blob(st, 2)}
			st.ColumnBytes(0, r.Token[:])
		}, replyTo, request[:])
		return err
	})
	if found && !r.At.After(now.Add(-bellhop.ReplyFor)) {
		r, found = bellhop.Reply{}, false
	}
	if found || err != nil {
		_ = s.FreeReply(ctx, request, by)
		free = false
	}
	return r, free, err
}

// KeepReply keeps a reply, and ends the claim of by.
func (s *Store) KeepReply(ctx context.Context, r bellhop.Reply, claimed bellhop.ReplyHash, by string) error {
	err := s.write(ctx, "keep a reply", rowWeight+len(r.Sealed), func(w *writer) error {
		if err := exec(w.conn, keepReply, r.Request[:], r.Token[:], micros(r.At), len(r.Sealed), append([]byte{}, r.Sealed...)); err != nil {
			return err
		}
		n, size := 0, 0
		err := each(w.conn, func(st *sqlite.Stmt) { n, size = st.ColumnInt(0), st.ColumnInt(1) }, countReplies, r.Token[:])
		if err != nil || n <= bellhop.MaxRepliesOfToken && size <= bellhop.MaxReplyOfToken {
			return err
		}
		return exec(w.conn, trimReplies, r.Token[:], bellhop.RepliesLeft(bellhop.MaxRepliesOfToken), bellhop.RepliesLeft(bellhop.MaxReplyOfToken))
	})
	if err == nil {
		err = s.FreeReply(ctx, claimed, by)
	}
	return err
}

// FreeReply ends a claim.
func (s *Store) FreeReply(_ context.Context, request bellhop.ReplyHash, by string) error {
	c := &s.replyClaims
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[request].By == by {
		delete(c.of, request)
	}
	return nil
}

// ForgetReply removes a reply.
func (s *Store) ForgetReply(ctx context.Context, request bellhop.ReplyHash) error {
	return s.write(ctx, "forget a reply", rowWeight, func(w *writer) error { return exec(w.conn, forgetReply, request[:]) })
}

// ExpireReplies removes replies that are old or too many.
func (s *Store) ExpireReplies(ctx context.Context, now time.Time, limit int) (int, error) {
	var requests []bellhop.ReplyHash
	err := s.readFor(ctx, forUpkeep, "look for replies that are over", func(c *sqlite.Conn) error {
		requests = nil
		add := func(st *sqlite.Stmt) {
			var request bellhop.ReplyHash
			st.ColumnBytes(0, request[:])
			requests = append(requests, request)
		}
		err := each(c, add, oldReplies, micros(now.Add(-bellhop.ReplyFor)), limit)
		if err == nil && len(requests) == 0 {
			err = each(c, add, muchReplies, bellhop.MaxReplies, bellhop.MaxReplyBytes, limit)
		}
		return err
	})
	if err != nil || len(requests) == 0 {
		return 0, err
	}
	err = s.tidy(ctx, "expire replies", rowWeight*len(requests), func(w *writer) error {
		for _, request := range requests {
			if err := exec(w.conn, forgetReply, request[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return len(requests), err
}
