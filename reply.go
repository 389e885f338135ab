package bellhop

import (
	"context"
	"time"
)

// ReplyStore keeps what requests with an idempotency key were answered: one that is repeated
// is answered the same, on every node and after a restart.
type ReplyStore interface {
	// ClaimReply gives what a request was answered, if that is kept; it is zero if it is not.
	// Then free tells whether by may have the request done: nobody else may until it frees
	// that or keeps a reply, or for as long as the claim lasts.
	ClaimReply(ctx context.Context, request ReplyHash, by string, lasts time.Duration, now time.Time) (r Reply, free bool, err error)
	// KeepReply keeps a reply, in place of one to the same request, and ends the claim of by
	// for the request claimed. Where there are too many of the same token, the oldest make
	// room, for some more than this one.
	KeepReply(ctx context.Context, r Reply, claimed ReplyHash, by string) error
	// FreeReply ends a claim of by, if it still has it.
	FreeReply(ctx context.Context, request ReplyHash, by string) error
	// ForgetReply removes a reply, if it is there.
	ForgetReply(ctx context.Context, request ReplyHash) error
	// ExpireReplies removes replies that are older than ReplyFor or, the oldest first, too
	// many in all; at most limit of them. It returns how many.
	ExpireReplies(ctx context.Context, now time.Time, limit int) (int, error)
}

// ReplyHash names a request, or a token, without giving it away.
type ReplyHash [32]byte

// Reply is what a request was answered.
type Reply struct {
	Request, Token ReplyHash
	// At is when it was answered.
	At time.Time
	// Sealed is the answer, encrypted by package desk.
	Sealed []byte
}

// The bounds of replies: for how long they are kept, and how many of them and of how many
// bytes, of one token and in all.
const (
	ReplyFor          = 12 * time.Hour
	MaxRepliesOfToken = 1000
	MaxReplyOfToken   = 4 << 20
	MaxReplies        = 25_000
	MaxReplyBytes     = 32 << 20
)

// RepliesLeft is how much of a bound is left where one token's replies make room.
func RepliesLeft(bound int) int { return bound - bound/8 }
