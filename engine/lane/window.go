package lane

import (
	"time"

	"github.com/bellhop/bellhop"
)

// How the number of requests in flight adapts, where nobody has fixed it. It begins with
// the endpoint's concurrency and grows as long as the receiver answers about as fast as
// it does with few; it shrinks when answers take longer, and twice as far when the
// receiver says that it is overloaded.
const (
	// grow is by how much it grows after a round of answers, while nothing has spoken
	// against it; after that, it is by one, or a part of it.
	grow  = 1.25
	creep = 32
	// shrink is what is left of it after a round of slow answers, halve after a refusal.
	shrink = 0.75
	halve  = 0.5
	// A round is slow if its answers took slowFactor times as long as the fastest, and
	// slowSlack more; it is fast, up to fastFactor times and fastSlack more.
	fastFactor, slowFactor = 2, 4
	fastSlack, slowSlack   = 2 * time.Millisecond, 10 * time.Millisecond
	// floorTime is for how long the fastest answer counts, at least: a receiver that was
	// moved further away is not slow for ever.
	floorTime = 30 * time.Second
)

// window is how many requests to one endpoint may be in flight.
type window struct {
	// limit is that now, from is where it begins: what the endpoint's settings say. most is
	// how far it may grow; it is from, where somebody has fixed it.
	limit      float64
	from, most float64
	exact      bool
	// held: it begins with the most that the operator allows.
	held bool
	// slowStart: nothing has spoken against growing yet.
	slowStart bool
	slowedAt  time.Time
	why       bellhop.ConcurrencyReason

	// The round: how many answers it has, how long they took, whether requests had to wait
	// for their end, and how many were in flight at most.
	answers int
	took    time.Duration
	waited  bool
	peak    int

	// floor is the fastest answer since floorSince, and floorBefore that of the time before.
	floor, floorBefore time.Duration
	floorSince         time.Time
}

func newWindow(from, most int, exact bool) window {
	w := window{slowStart: true}
	w.configure(from, most, exact)
	return w
}

// configure begins anew with other settings.
func (w *window) configure(from, most int, exact bool) {
	w.from, w.most, w.exact, w.held = float64(from), float64(max(from, most)), exact, most > 0 && most <= from
	if exact {
		w.most = w.from
	}
	w.begin()
}

// begin goes back to where it starts.
func (w *window) begin() {
	w.limit, w.slowStart, w.why = w.from, true, bellhop.ConcurrencyStarts
	switch {
	case w.exact:
		w.why = bellhop.ConcurrencyExact
	case w.held:
		w.why = bellhop.ConcurrencyMost
	}
	w.next()
}

// full notes that a request waits for the end of another one.
func (w *window) full() { w.waited = true }

// answered takes in that the receiver took an event, in that time, while so many requests
// were in flight.
func (w *window) answered(took time.Duration, inFlight int, now time.Time) {
	if w.limit < w.from { // it was overloaded, and comes back slowly
		if w.limit += 1 / w.limit; w.limit >= w.from {
			w.begin()
			w.slowStart = false
		}
		return
	}
	if w.most <= w.from {
		return
	}
	w.fastest(took, now)
	w.answers++
	w.took += took
	w.peak = max(w.peak, inFlight)
	if w.answers >= int(w.limit) {
		w.judge()
		w.next()
	}
}

func (w *window) fastest(took time.Duration, now time.Time) {
	switch age := now.Sub(w.floorSince); {
	case w.floorSince.IsZero() || age < 0 || age > 2*floorTime:
		w.floor, w.floorBefore, w.floorSince = took, took, now
	case age > floorTime:
		w.floor, w.floorBefore, w.floorSince = took, w.floor, now
	default:
		w.floor = min(w.floor, took)
	}
}

// judge draws the conclusion from a round.
func (w *window) judge() {
	mean, floor := w.took/time.Duration(w.answers), min(w.floor, w.floorBefore)
	switch {
	case !w.waited: // more were of no use: what was not needed for long is given back
		if needed := max(w.from, float64(2*w.peak)); w.limit > needed {
			w.limit, w.slowStart = max(w.limit*shrink, needed), true
		}
		if w.limit == w.from {
			w.why = bellhop.ConcurrencyStarts
		}
	case mean > slowFactor*floor+slowSlack:
		if w.limit > w.from {
			w.limit, w.slowStart, w.why = max(w.limit*shrink, w.from), false, bellhop.ConcurrencySlower
		}
	case mean <= fastFactor*floor+fastSlack && w.limit < w.most:
		if w.slowStart {
			w.limit *= grow
		} else {
			w.limit += max(1, w.limit/creep)
		}
		w.limit, w.why = min(w.limit, w.most), bellhop.ConcurrencyGrown
	case w.limit > w.from && w.limit < w.most && mean > fastFactor*floor+fastSlack:
		w.slowStart, w.why = false, bellhop.ConcurrencySlower
	}
	if w.limit >= w.most && w.limit > w.from {
		w.why = bellhop.ConcurrencyMost
	}
}

// next begins a round.
func (w *window) next() { w.answers, w.took, w.waited, w.peak = 0, 0, false, 0 }

// overloaded takes in that the receiver asks for less, of a request that began at a time:
// once for all that were in flight together.
func (w *window) overloaded(began, now time.Time) {
	if began.After(w.slowedAt) {
		w.limit, w.slowedAt = max(w.limit*halve, 1), now
		w.slowStart, w.why = false, bellhop.ConcurrencyOverloaded
		w.next()
	}
}

// failed takes in that a request failed in another way: what does not work is not asked
// for more than it is set up for.
func (w *window) failed() {
	if w.limit > w.from {
		w.limit, w.slowStart, w.why = w.from, false, bellhop.ConcurrencyFailed
	}
	w.next()
}
