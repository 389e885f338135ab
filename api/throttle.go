package api

import (
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// throttle bounds how often a sign-in may fail, by the client's address and in
// all. Tokens cannot be guessed at any rate; this keeps attempts at it from being
// free, and the log of a proxy readable.
type throttle struct {
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

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, all: perMinute(failuresOfAll), of: map[netip.Prefix]*rate.Limiter{}}
}

func perMinute(n int) *rate.Limiter { return rate.NewLimiter(rate.Limit(n)/60, n) }

// try runs attempt, unless too many of the address have failed; then it gives how
// long to wait. Where too many of all have failed, a failure has to wait, too, but
// not a success: strangers must not lock anybody out. Attempts take turns, so that
// many at once are no way around it: they only look into memory.
func (t *throttle) try(from netip.Prefix, attempt func() bool) (wait time.Duration, ok bool) {
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

func (t *throttle) forget(now time.Time) {
	if len(t.of) < manyFailing {
		return
	}
	for from, l := range t.of {
		if l.TokensAt(now) >= failuresOfOne {
			delete(t.of, from)
		}
	}
}

// client is where a request comes from. Of IPv6, it is the network of 64 bits,
// since whoever has one address there has all of it. What a proxy says counts
// only if there is one: everybody else could say anything.
func (c *call) client() netip.Prefix {
	if c.a.o.TrustProxy {
		// The last entry is the nearest proxy's own; those before it came with
		// the request.
		said := c.r.Header.Values("X-Forwarded-For")
		if len(said) > 0 {
			last := said[len(said)-1]
			if p, ok := network(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); ok {
				return p
			}
		}
	}
	p, _ := network(c.r.RemoteAddr)
	return p // none for a socket without addresses: all its clients are one
}

// network reads an address with or without a port.
func network(text string) (netip.Prefix, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := 64
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	return p, err == nil
}

// secure tells whether the client's side of the connection is TLS.
func (c *call) secure() bool {
	return c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https") ||
		strings.HasPrefix(c.a.o.PublicURL, "https://")
}

// base is where the client reaches this handler, without a slash at its end.
func (c *call) base() string {
	if c.a.o.PublicURL != "" {
		return strings.TrimRight(c.a.o.PublicURL, "/")
	}
	if c.secure() {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

// newCrossOrigin refuses what other sites make a browser send. It goes by the
// headers that browsers add; programs, which add none, are not concerned.
func newCrossOrigin(publicURL string) *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	if scheme, rest, ok := strings.Cut(publicURL, "://"); ok {
		// A proxy may have replaced the Host that the Origin is compared with.
		host, _, _ := strings.Cut(rest, "/")
		_ = p.AddTrustedOrigin(scheme + "://" + host) // what is not an origin is not trusted
	}
	return p
}
