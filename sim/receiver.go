package sim

import (
	"time"

	"github.com/bellhop/bellhop"
)

// mood is how a receiver is to those that knock.
type mood int

const (
	well        mood = iota // takes all, soon
	failing                 // answers 500
	hanging                 // takes it in, and never answers
	flapping                // now this, now that
	refusing                // does not want some types
	overloaded              // asks to be left alone for a while
	gone                    // wants nothing any more
	sluggish                // takes all, late
	unreachable             // cannot be connected to
	severing                // takes it, but the answer is lost
	unmade                  // no request can be made for it of some types
	skipping                // none is to be made of some types
	moods
)

// receiver is what is behind one URL. It keeps what it got.
type receiver struct {
	mood  mood
	pace  time.Duration // how long it thinks
	got   map[bellhop.EventID]int
	taken map[bellhop.EventID]int // answered 2xx
}

func (w *world) newReceiver(url string, m mood) *receiver {
	r := &receiver{
		mood: m, pace: w.between(time.Millisecond, 100*time.Millisecond),
		got: map[bellhop.EventID]int{}, taken: map[bellhop.EventID]int{},
	}
	w.receivers[url] = r
	return r
}

// knock brings a request to its receiver, and the answer back: told is called once,
// unless the node ends first.
func (w *world) knock(rq *request, timeout time.Duration, told func(bellhop.Outcome)) {
	answer := func(after time.Duration, o bellhop.Outcome) {
		began := rq.began
		if w.at+after > began+timeout {
			after = began + timeout - w.at
			o = bellhop.Outcome{Class: bellhop.ClassAgain, Reason: "timeout", Detail: "no answer in time"}
		}
		w.after(after, "answer", int64(rq.attempt), func() {
			rq.left = w.at
			if o.Class == bellhop.ClassTaken {
				rq.taken = true
				w.receivers[rq.url].taken[rq.delivery.event.id]++
			}
			o.Exchange.URL, o.Exchange.Duration = rq.url, w.at-began
			told(o)
		})
	}
	if m := w.receivers[rq.url].mood; (m == unmade || m == skipping) && rq.delivery.event.kind == kinds[0] {
		o := bellhop.Outcome{Class: bellhop.ClassHeld, Reason: bellhop.ReasonTransform}
		if m == skipping {
			o = bellhop.Outcome{Class: bellhop.ClassSkipped, Reason: bellhop.ReasonSkipped}
			rq.skipped = true
		}
		answer(w.wait(time.Millisecond), o)
		return
	}
	knock := func() {
		r := w.receivers[rq.url]
		if rq.node.dead && w.chance(0.5) {
			return // it was never on its way
		}
		m := r.mood
		if m == flapping {
			m = pick(&w.loop, []mood{well, well, failing, hanging, unreachable})
		}
		if m == unreachable {
			answer(w.transit(), bellhop.Outcome{Class: bellhop.ClassAgain, Reason: "connect", Detail: "connection refused"})
			return
		}
		r.got[rq.delivery.event.id]++
		rq.arrived, rq.came = true, w.at
		status := func(code int) bellhop.Outcome {
			o := bellhop.Outcome{Class: bellhop.ClassOf(code), Exchange: bellhop.Exchange{ResponseStatus: code}}
			if o.Class != bellhop.ClassTaken {
				o.Reason = bellhop.ReasonStatus
			}
			return o
		}
		pace := r.pace/2 + w.wait(r.pace/2)
		switch m {
		case failing:
			answer(pace, status(500))
		case hanging:
			answer(timeout, bellhop.Outcome{})
		case refusing:
			if rq.delivery.event.kind == kinds[0] {
				answer(pace, status(400))
			} else {
				answer(pace, status(200))
			}
		case overloaded:
			o := status(pick(&w.loop, []int{429, 503, 200}))
			if o.Class != bellhop.ClassTaken && w.chance(0.7) {
				o.After = w.between(time.Second, time.Minute)
			}
			answer(pace, o)
		case gone:
			answer(pace, status(410))
		case sluggish:
			answer(w.between(time.Second, 10*time.Second), status(200))
		case severing:
			answer(pace, bellhop.Outcome{Class: bellhop.ClassAgain, Reason: "reset", Detail: "the connection broke"})
		default:
			answer(pace, status(200))
		}
	}
	w.after(w.transit(), "knock", int64(rq.attempt), func() {
		if n := rq.node; n.frozen && w.chance(0.5) { // it was made, and has not left
			w.reached("a node stood still with a request in hand")
			n.frost = append(n.frost, happening{what: "knock", id: int64(rq.attempt), do: knock})
			return
		}
		knock()
	})
}

// changeMood has some receiver change.
func (w *world) changeMood() {
	e := w.anyEndpoint()
	if e == nil || e.id == w.healthy {
		return
	}
	r := w.receivers[e.now.URL]
	r.mood = pick(&w.loop, w.plan.moods)
	w.log("mood", int64(e.id), 0, moodNames[r.mood])
}

var moodNames = [moods]string{
	"well", "failing", "hanging", "flapping", "refusing", "overloaded", "gone", "sluggish", "unreachable", "severing", "unmade", "skipping",
}
