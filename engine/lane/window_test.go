package lane

import (
	"math"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// receiver is one whose answers take a time, and that works on so many requests at once.
type receiver struct {
	takes    time.Duration
	together float64
}

// answers is how long it takes to answer one of so many requests that come at once.
func (r receiver) answers(inFlight int) time.Duration {
	return time.Duration(float64(r.takes) * max(1, float64(inFlight)/r.together))
}

// flood answers requests, of which there are always as many as may be in flight, for a
// time, and gives the least and the most that were.
func flood(w *window, r receiver, now *time.Time, lasts time.Duration) (least, most int) {
	least = math.MaxInt
	for until := now.Add(lasts); now.Before(until); {
		n := max(int(w.limit), 1)
		least, most = min(least, n), max(most, n)
		took := r.answers(n)
		*now = now.Add(took)
		for range n {
			w.full()
			w.answered(took, n, *now)
		}
	}
	return least, most
}

func TestWindow(t *testing.T) {
	start := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		from, most   int
		exact        bool
		to           receiver
		least, above int // where it comes to
		why          bellhop.ConcurrencyReason
	}{
		"far away, of any strength":      {32, 512, false, receiver{200 * time.Millisecond, 10_000}, 512, 512, bellhop.ConcurrencyMost},
		"does a hundred at once":         {32, 512, false, receiver{50 * time.Millisecond, 100}, 150, 260, bellhop.ConcurrencySlower},
		"does as many as it starts with": {32, 512, false, receiver{100 * time.Millisecond, 32}, 32, 80, bellhop.ConcurrencySlower},
		"one at a time":                  {32, 512, false, receiver{20 * time.Millisecond, 1}, 32, 32, bellhop.ConcurrencyStarts},
		"near, and busy":                 {32, 512, false, receiver{100 * time.Microsecond, 2}, 32, 64, bellhop.ConcurrencySlower},
		"fixed":                          {32, 512, true, receiver{200 * time.Millisecond, 10_000}, 32, 32, bellhop.ConcurrencyExact},
		"as few as the operator allows":  {8, 8, false, receiver{200 * time.Millisecond, 10_000}, 8, 8, bellhop.ConcurrencyMost},
		"not to grow":                    {32, 0, false, receiver{200 * time.Millisecond, 10_000}, 32, 32, bellhop.ConcurrencyStarts},
	} {
		t.Run(name, func(t *testing.T) {
			now := start
			w := newWindow(c.from, c.most, c.exact)
			// What it is alone.
			w.answered(c.to.answers(1), 1, now)
			flood(&w, c.to, &now, 20*time.Second)
			least, most := flood(&w, c.to, &now, 20*time.Second)
			if least < c.least || most > c.above || w.why != c.why {
				t.Errorf("between %d and %d, %s; want between %d and %d, %s", least, most, w.why, c.least, c.above, c.why)
			}
		})
	}
}

func TestWindowShrinks(t *testing.T) {
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	far := receiver{100 * time.Millisecond, 10_000}
	grown := func() *window {
		w := newWindow(32, 512, false)
		flood(&w, far, &now, 10*time.Second)
		if w.limit != 512 {
			t.Fatalf("grown to %v only", w.limit)
		}
		return &w
	}

	w := grown()
	for range 100 { // all that were in flight together
		w.overloaded(now.Add(-time.Millisecond), now)
	}
	if w.limit != 256 || w.why != bellhop.ConcurrencyOverloaded {
		t.Errorf("%v, %s after one wave of refusals; want half of it", w.limit, w.why)
	}
	flood(w, far, &now, time.Second)
	if w.limit < 330 || w.limit > 360 {
		t.Errorf("%v after ten rounds without a refusal: want a thirtieth more for each", w.limit)
	}
	for range 20 {
		now = now.Add(time.Second)
		w.overloaded(now.Add(-time.Millisecond), now)
	}
	if w.limit != 1 {
		t.Errorf("%v for one that refuses whatever comes", w.limit)
	}
	for range 10_000 {
		w.answered(time.Millisecond, 1, now)
	}
	if w.limit != 32 || w.why != bellhop.ConcurrencyStarts {
		t.Errorf("%v, %s once it takes everything again; want what is set up", w.limit, w.why)
	}

	few := newWindow(8, 8, false)
	few.overloaded(now, now.Add(time.Second))
	if few.why != bellhop.ConcurrencyOverloaded {
		t.Errorf("%s after a refusal", few.why)
	}
	for range 1000 {
		few.answered(time.Millisecond, 1, now)
	}
	if few.limit != 8 || few.why != bellhop.ConcurrencyMost {
		t.Errorf("%v, %s once it takes everything again; want what the operator allows", few.limit, few.why)
	}

	w = grown()
	w.failed()
	if w.limit != 32 || w.why != bellhop.ConcurrencyFailed {
		t.Errorf("%v, %s after a failure; want what is set up", w.limit, w.why)
	}

	w = grown()
	for range 100 * 512 { // a trickle: nothing waits
		w.answered(far.takes, 3, now)
	}
	if w.limit != 32 || w.why != bellhop.ConcurrencyStarts {
		t.Errorf("%v, %s while three at once suffice; want what is set up", w.limit, w.why)
	}

	w = grown() // and moved further away
	far.takes = 500 * time.Millisecond
	flood(w, far, &now, 10*time.Second)
	if w.limit >= 512 {
		t.Errorf("%v although answers take five times as long", w.limit)
	}
	flood(w, far, &now, 10*time.Minute)
	if w.limit != 512 {
		t.Errorf("%v once that is how long they take", w.limit)
	}

	w.configure(8, 512, true)
	if w.limit != 8 || w.why != bellhop.ConcurrencyExact {
		t.Errorf("%v, %s, fixed at 8", w.limit, w.why)
	}
}

// What the operator allows goes before what an endpoint begins with, but not before what
// somebody has fixed.
func TestTheOperatorsBoundIsKept(t *testing.T) {
	for exact, want := range map[bool]int{false: 3, true: 8} {
		b := newBench(t)
		b.m.MaxConcurrency = 3
		r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency, e.ExactConcurrency = 8, exact })
		sent := 0
		for range 20 {
			_, effects := b.publish(r)
			sent += len(of[Send](effects))
		}
		if sent != want {
			t.Errorf("fixed %v: %d are sent at once, want %d", exact, sent, want)
		}
	}
}
