package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// replies are what requests were answered, oldest first, and who has some done.
type replies struct {
	list   []bellhop.Reply
	claims map[bellhop.ReplyHash]bellhop.TokenClaim
}

// ClaimReply gives a reply, or tells whether by may have the request done.
func (s *Store) ClaimReply(ctx context.Context, request bellhop.ReplyHash, by string, lasts time.Duration, now time.Time) (r bellhop.Reply, free bool, err error) {
	err = s.step(ctx, func() error {
		for _, kept := range s.replies.list {
			if kept.Request == request && kept.At.After(now.Add(-bellhop.ReplyFor)) {
				r = kept
				return nil
			}
		}
		if old, taken := s.replies.claims[request]; taken && old.By != by && old.Until.After(now) {
			return nil
		}
		free = true
		s.replies.claims[request] = bellhop.TokenClaim{By: by, Until: now.Add(lasts)}
		return nil
	})
	return r, free, err
}

// KeepReply keeps a reply, and ends the claim of by.
func (s *Store) KeepReply(ctx context.Context, r bellhop.Reply, claimed bellhop.ReplyHash, by string) error {
	return s.step(ctx, func() error {
		s.forgetReplies(1, func(kept *bellhop.Reply) bool { return kept.Request == r.Request })
		s.replies.list = append(s.replies.list, r)
		slices.SortStableFunc(s.replies.list, func(a, b bellhop.Reply) int { return a.At.Compare(b.At) })
		own := func(kept *bellhop.Reply) bool { return kept.Token == r.Token }
		n, size := 0, 0
		for i := range s.replies.list {
			if own(&s.replies.list[i]) {
				n, size = n+1, size+len(s.replies.list[i].Sealed)
			}
		}
		if n > bellhop.MaxRepliesOfToken || size > bellhop.MaxReplyOfToken {
			s.trimReplies(bellhop.RepliesLeft(bellhop.MaxRepliesOfToken), bellhop.RepliesLeft(bellhop.MaxReplyOfToken), n, own)
		}
		s.freeReply(claimed, by)
		return nil
	})
}

// trimReplies removes the oldest of some that are too many, at most limit, and answers how many.
func (s *Store) trimReplies(most, bytes, limit int, of func(*bellhop.Reply) bool) int {
	n, size := 0, 0
	over := map[bellhop.ReplyHash]bool{}
	for i := range slices.Backward(s.replies.list) {
		if r := &s.replies.list[i]; of(r) {
			n, size = n+1, size+len(r.Sealed)
			over[r.Request] = n > most || size > bytes
		}
	}
	return s.forgetReplies(limit, func(r *bellhop.Reply) bool { return over[r.Request] })
}

func (s *Store) forgetReplies(limit int, over func(*bellhop.Reply) bool) (n int) {
	s.replies.list = slices.DeleteFunc(s.replies.list, func(r bellhop.Reply) bool {
		if n == limit || !over(&r) {
			return false
		}
		n++
		return true
	})
	return n
}

func (s *Store) freeReply(request bellhop.ReplyHash, by string) {
	if s.replies.claims[request].By == by {
		delete(s.replies.claims, request)
	}
}

// FreeReply ends a claim.
func (s *Store) FreeReply(ctx context.Context, request bellhop.ReplyHash, by string) error {
	return s.step(ctx, func() error { s.freeReply(request, by); return nil })
}

// ForgetReply removes a reply.
func (s *Store) ForgetReply(ctx context.Context, request bellhop.ReplyHash) error {
	return s.step(ctx, func() error {
		s.forgetReplies(1, func(r *bellhop.Reply) bool { return r.Request == request })
		return nil
	})
}

// ExpireReplies removes replies that are old or too many.
func (s *Store) ExpireReplies(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.step(ctx, func() error {
		n = s.forgetReplies(limit, func(r *bellhop.Reply) bool { return !r.At.After(now.Add(-bellhop.ReplyFor)) })
		if n == 0 {
			n = s.trimReplies(bellhop.MaxReplies, bellhop.MaxReplyBytes, limit, func(*bellhop.Reply) bool { return true })
		}
		return nil
	})
	return n, err
}
