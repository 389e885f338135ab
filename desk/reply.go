package desk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
)

// replyClaim is how long nobody else has a request done whose process was killed while it did.
const replyClaim = time.Minute

// Reply is what a request with an idempotency key was answered.
type Reply struct {
	Request, Token bellhop.ReplyHash
	At             time.Time
	Status         int
	ContentType    string
	Body           []byte
}

// sealedReply is what is kept of it, encrypted: answers may hold tokens.
type sealedReply struct {
	Status      int
	ContentType string
	Body        []byte
}

func replyContext(request bellhop.ReplyHash) string { return "reply " + hex.EncodeToString(request[:]) }

// ReplyClaim is that of who has a request done. Its end is Keep or Free.
type ReplyClaim struct {
	d       *Desk
	request bellhop.ReplyHash
	by      string
}

// ClaimReply gives what a request was answered, on any node; nil if it was not, or if that
// cannot be read. Then the request is to be done with the claim, or, if that is nil, somebody
// else is at it.
func (d *Desk) ClaimReply(ctx context.Context, request bellhop.ReplyHash) (*Reply, *ReplyClaim, error) {
	c := &ReplyClaim{d, request, rand.Text()}
	r, free, err := d.store.ClaimReply(ctx, request, c.by, replyClaim, d.now())
	if errors.Is(err, bellhop.ErrUnknown) { // the claim is its own
		r, free, err = d.store.ClaimReply(ctx, request, c.by, replyClaim, d.now())
	}
	if err := d.perhapsWrote("claim a request", err); err != nil {
		return nil, nil, err
	}
	if free {
		return nil, c, nil
	}
	if r.Sealed == nil {
		return nil, nil, nil
	}
	plain, err := d.e.Config().Sealer.Open(r.Sealed, replyContext(request))
	var kept sealedReply
	if err == nil {
		err = json.Unmarshal(plain, &kept)
	}
	// It may tell of what this node has not heard of yet.
	if err := errors.Join(d.e.Routes().LoadRoutes(ctx), d.e.Routes().LoadAccess(ctx)); err != nil {
		return nil, nil, err
	}
	if err != nil { // of a master key that is not known any more: the request is done again
		return nil, nil, d.ForgetReply(ctx, request)
	}
	return &Reply{request, r.Token, r.At, kept.Status, kept.ContentType, kept.Body}, nil, nil
}

// Keep keeps what the request was answered, and ends the claim.
func (c *ReplyClaim) Keep(ctx context.Context, r Reply) error {
	plain, err := json.Marshal(sealedReply{r.Status, r.ContentType, r.Body})
	if err != nil {
		return fmt.Errorf("encode a reply: %w", err)
	}
	kept := bellhop.Reply{Request: r.Request, Token: r.Token, At: r.At, Sealed: c.d.e.Config().Sealer.Seal(plain, replyContext(r.Request))}
	return c.d.e.Wrote("keep a reply", c.d.store.KeepReply(ctx, kept, c.request, c.by))
}

// Free ends the claim of a request that failed.
func (c *ReplyClaim) Free(ctx context.Context) error {
	return c.d.perhapsWrote("free a request", c.d.store.FreeReply(ctx, c.request, c.by))
}

// ForgetReply has a request done again that was answered.
func (d *Desk) ForgetReply(ctx context.Context, request bellhop.ReplyHash) error {
	return d.perhapsWrote("forget a reply", d.store.ForgetReply(ctx, request))
}

// perhapsWrote is Wrote of a step that may write nothing: that it went well does not say that
// the store takes writes.
func (d *Desk) perhapsWrote(doing string, err error) error {
	if err == nil {
		return nil
	}
	return d.e.Wrote(doing, err)
}
