package api

import (
	"fmt"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// bounds are what one key may do at once: so many requests a second, and so many
// open streams. Sessions count with the key that was signed in with, or whoever has one
// could have more by signing in again. A portal link is a key of its own: whoever makes
// them is not their holder.
type bounds struct {
	now     func() time.Time
	rate    float64 // requests a second, and the size of a burst
	streams int

	mu sync.Mutex
	of map[bellhop.KeyID]*usage
	// sweepAt is how many keys of may have before the idle ones are forgotten.
	sweepAt int
}

// usage is a token bucket, as full as it was at a time, and the streams of a key.
type usage struct {
	tokens  float64
	at      time.Time
	streams int
}

// leastSweep is how many keys are kept without asking whether they are idle.
const leastSweep = 256

func newBounds(now func() time.Time, rate, streams int) *bounds {
	return &bounds{now: now, rate: float64(rate), streams: streams, of: map[bellhop.KeyID]*usage{}, sweepAt: leastSweep}
}

// request counts one request of a key, or says when it may come again.
func (b *bounds) request(k bellhop.KeyID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.usage(k)
	if u.tokens < 1 {
		return &bellhop.Error{
			Code: bellhop.CodeTooMany, Detail: fmt.Sprintf("This key has made more than %.0f requests a second: ask less often", b.rate),
			RetryAfter: time.Duration((1 - u.tokens) / b.rate * float64(time.Second)),
		}
	}
	u.tokens--
	return nil
}

// stream counts one more open stream of a key, until done is called.
func (b *bounds) stream(k bellhop.KeyID) (done func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.usage(k)
	if u.streams >= b.streams {
		return nil, &bellhop.Error{
			Code: bellhop.CodeTooMany, Detail: fmt.Sprintf("This key has %d streams open, which is as many as it may have: close one first", b.streams),
			RetryAfter: time.Second,
		}
	}
	u.streams++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		u.streams--
	}, nil
}

// usage gives a key's usage as it is now.
func (b *bounds) usage(k bellhop.KeyID) *usage {
	now := b.now()
	if u := b.of[k]; u != nil {
		b.fill(u, now)
		return u
	}
	if len(b.of) >= b.sweepAt {
		b.sweep(now)
	}
	u := &usage{tokens: b.rate, at: now}
	b.of[k] = u
	return u
}

// fill adds the tokens that have come since.
func (b *bounds) fill(u *usage, now time.Time) {
	if passed := now.Sub(u.at).Seconds(); passed > 0 {
		u.tokens = min(b.rate, u.tokens+passed*b.rate)
		u.at = now
	}
}

// sweep forgets idle keys: one whose bucket is full and that has no stream is as one
// that never came. What is left are the keys of the last second and those with
// streams; the next sweep comes when they have doubled, so that each costs little.
func (b *bounds) sweep(now time.Time) {
	for k, u := range b.of {
		if b.fill(u, now); u.tokens >= b.rate && u.streams == 0 {
			delete(b.of, k)
		}
	}
	b.sweepAt = max(leastSweep, 2*len(b.of))
}
