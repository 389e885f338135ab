package inbox

import (
	"maps"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	// lookupsPerSecond is how many tokens that nobody has seen yet are looked for in the
	// store in the long run, and lookupsBurst how many in one go. One that is found does
	// not count.
	lookupsPerSecond = 20
	lookupsBurst     = 100
	// mostGuests bounds how many inboxes are remembered: some times as many as there may be.
	mostGuests = 4000
)

// guests remember which inboxes there are, so that requests to them are not held up by
// those who try tokens. The zero value knows none.
type guests struct {
	mu    sync.Mutex
	until map[bellhop.InboxName]time.Time // when each expires
	// spent are the look-ups that count, as of at.
	spent float64
	at    time.Time
}

// may tells whether an inbox may be looked for. Unless it is known, that counts: give back
// what it costs where it is found.
func (g *guests) may(name bellhop.InboxName, now time.Time) (may, counts bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until, known := g.until[name]; known && now.Before(until) {
		return true, false
	}
	if passed := now.Sub(g.at); passed > 0 {
		g.spent = max(0, g.spent-lookupsPerSecond*passed.Seconds())
	}
	g.at = now
	if g.spent+1 > lookupsBurst {
		return false, false
	}
	g.spent++
	return true, true
}

// giveBack is for a look-up that found something.
func (g *guests) giveBack() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spent = max(0, g.spent-1)
}

// found remembers an inbox until it expires.
func (g *guests) found(name bellhop.InboxName, until, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.until) >= mostGuests {
		maps.DeleteFunc(g.until, func(_ bellhop.InboxName, until time.Time) bool { return !now.Before(until) })
	}
	if g.until == nil || len(g.until) >= mostGuests {
		g.until = map[bellhop.InboxName]time.Time{}
	}
	g.until[name] = until
}

// lost forgets an inbox that is not there any more.
func (g *guests) lost(name bellhop.InboxName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.until, name)
}
