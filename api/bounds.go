package api

import (
	"cmp"
	"fmt"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// bounds are what one key may do at once: so many requests a second, and so many
// open streams, of which there are bounds of one app and in all, too. Sessions count with the key that was signed in with, or whoever has one
// could have more by signing in again. A portal link is a key of its own: whoever makes
// them is not their holder.
type bounds struct {
	now     func() time.Time
	rate    float64 // requests a second, and the size of a burst
	streams Streams

	mu sync.Mutex
	// open are the streams that are open, and apps those of them that are of keys
	// which reach one app alone.
	open int
	apps map[string]int
	of   map[bellhop.KeyID]*usage
	// sweepAt is how many keys of may have before the idle ones are forgotten.
	sweepAt int
}

// Streams are the bounds of open streams. The zero value is good.
type Streams struct {
	// OfKey bounds those of one key. Default: 20.
	OfKey int
	// OfApp bounds those of all keys that reach one app alone, such as its portal
	// links. Default: 50.
	OfApp int
	// InAll bounds all; and nobody has more than are then left for others.
	// Default: 400.
	InAll int
}

// The defaults of Streams.
const (
	DefaultKeyStreams = 20
	DefaultAppStreams = 50
	DefaultStreams    = 400
)

func (s Streams) withDefaults() Streams {
	return Streams{
		OfKey: cmp.Or(s.OfKey, DefaultKeyStreams), OfApp: cmp.Or(s.OfApp, DefaultAppStreams), InAll: cmp.Or(s.InAll, DefaultStreams),
	}
}

// usage is a token bucket, as full as it was at a time, and the streams of a key.
type usage struct {
	tokens  float64
	at      time.Time
	streams int
}

// leastSweep is how many keys are kept without asking whether they are idle.
const leastSweep = 256

func newBounds(now func() time.Time, rate int, streams Streams) *bounds {
	return &bounds{now: now, rate: float64(rate), streams: streams, apps: map[string]int{}, of: map[bellhop.KeyID]*usage{}, sweepAt: leastSweep}
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

// stream counts one more open stream of a key, and of the app of its share, until done
// is called.
func (b *bounds) stream(k bellhop.KeyID, of share) (done func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.usage(k)
	mine := u.streams
	if of.app != "" {
		mine = b.apps[of.app]
	}
	full := &bellhop.Error{Code: bellhop.CodeTooMany, RetryAfter: time.Second}
	switch {
	case u.streams >= b.streams.OfKey:
		full.Detail = fmt.Sprintf("This key has %d streams open, which is as many as it may have: close one first", u.streams)
		return nil, full
	case of.app != "" && mine >= b.streams.OfApp:
		full.Detail = fmt.Sprintf("The keys and portal links of this app have %d streams open, which is as many as they may have: close one first", mine)
		return nil, full
	case mine >= b.streams.InAll-b.open:
		full.Code, full.RetryAfter = CodeBusy, afterUnavailable
		full.Detail = fmt.Sprintf("%d streams are open, and what is left of the %d is for others: try again later", b.open, b.streams.InAll)
		return nil, full
	}
	add := func(n int) {
		u.streams += n
		b.open += n
		if of.app != "" {
			if b.apps[of.app] += n; b.apps[of.app] == 0 {
				delete(b.apps, of.app)
			}
		}
	}
	add(1)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		add(-1)
	}, nil
}

// opened counts the streams that are open: in all, of the key that has most, and of the app
// that has most.
func (b *bounds) opened() Streams {
	b.mu.Lock()
	defer b.mu.Unlock()
	open := Streams{InAll: b.open}
	for _, u := range b.of {
		open.OfKey = max(open.OfKey, u.streams)
	}
	for _, n := range b.apps {
		open.OfApp = max(open.OfApp, n)
	}
	return open
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
