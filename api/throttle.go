package api

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Throttle bounds how often a sign-in may fail, by the client's address and in
// all. Tokens cannot be guessed at any rate; this keeps attempts at it from being
// free, and the log of a proxy readable.
type Throttle struct {
	now func() time.Time

	mu  sync.Mutex
	all *rate.Limiter
	// of has the addresses that failed lately, manyFailing at most.
	of map[netip.Prefix]*rate.Limiter
}

// Failures a minute: of one address, and in all.
const (
	failuresOfOne = 10
	failuresOfAll = 600
	// manyFailing is when the addresses that have cooled down are forgotten. Those
	// that find no room among the others are bounded in all only.
	manyFailing = 2000
)

// NewThrottle makes a Throttle that has seen nobody fail.
func NewThrottle(now func() time.Time) *Throttle {
	return &Throttle{now: now, all: perMinute(failuresOfAll), of: map[netip.Prefix]*rate.Limiter{}}
}

func perMinute(n int) *rate.Limiter { return rate.NewLimiter(rate.Limit(n)/60, n) }

// Try runs attempt, unless too many of the address have failed; then it gives how
// long to wait. Where too many of all have failed, a failure has to wait, too, but
// not a success: strangers must not lock anybody out. Attempts take turns, so that
// many at once are no way around it: they only look into memory.
func (t *Throttle) Try(from netip.Prefix, attempt func() bool) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	mine := t.of[from]
	if mine != nil {
		if wait := lacks(mine, now); wait > 0 {
			return wait, false
		}
	}
	if attempt() {
		return 0, true
	}
	if mine == nil {
		t.forget(now)
		mine = perMinute(failuresOfOne)
		if len(t.of) < manyFailing {
			t.of[from] = mine
		}
	}
	mine.AllowN(now, 1)
	wait = lacks(t.all, now)
	t.all.AllowN(now, 1)
	return wait, false
}

// lacks is how long it takes until there may be one more failure, in whole seconds.
func lacks(l *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(math.Ceil(missing/float64(l.Limit())))*time.Second, time.Second)
}

func (t *Throttle) forget(now time.Time) {
	if len(t.of) < manyFailing {
		return
	}
	for from, l := range t.of {
		if l.TokensAt(now) >= failuresOfOne {
			delete(t.of, from)
		}
	}
}
