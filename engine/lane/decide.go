package lane

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// Decision is what an outcome means for its delivery.
type Decision struct {
	Status bellhop.AttemptStatus
	Final  bool
	// NextAt is when the delivery is tried again; zero if Final or Held.
	NextAt time.Time
	// Held: the delivery waits for another way to make its request.
	Held bool
}

// Decide says what is next for a delivery of which n attempts count on its schedule
// (Delivery.Uncounted do not; 1 at least), now that one came to an outcome. Age is how old
// the delivery is: it ends by its age as well as by its attempts. Decide is pure: random is
// in [0, 1) and gives the jitter of ±10 %.
func Decide(p bellhop.RetryPolicy, trigger bellhop.Trigger, n int, age time.Duration, o bellhop.Outcome, now time.Time, random float64) Decision {
	failed := Decision{Status: bellhop.AttemptFailed, Final: true}
	switch {
	case o.Class == bellhop.ClassTaken:
		return Decision{Status: bellhop.AttemptSucceeded, Final: true}
	case o.Class == bellhop.ClassSkipped:
		return Decision{Status: bellhop.AttemptCanceled, Final: true}
	case o.Class == bellhop.ClassUnfit:
		return failed
	case o.Class == bellhop.ClassHeld && trigger != bellhop.TriggerTest:
		return Decision{Status: bellhop.AttemptFailed, Held: true}
	}
	nominal, again := p.Delay(n)
	if trigger == bellhop.TriggerTest || !again {
		return failed
	}
	delay := bellhop.Duration(float64(nominal) * (0.9 + 0.2*random))
	if o.After > 0 {
		delay = max(delay, min(bellhop.Duration(o.After), p.Longest()))
	}
	if delay, again = p.Within(delay, bellhop.Duration(age)); !again {
		return failed
	}
	return Decision{Status: bellhop.AttemptFailed, NextAt: now.Add(time.Duration(delay))}
}

// born is since when a delivery ages. A pause makes it young again: what it held is
// tried as long as anything else.
func born(w *bellhop.Work, r *routes.Route) time.Time {
	born := bellhop.Born(&w.Delivery, w.Event)
	if r.ResumedAt.After(born) {
		return r.ResumedAt
	}
	return born
}

// age is how old a delivery is. One that is from the future, since the clock was ahead
// when it was made, is as old as its attempts so far have made it wait.
func age(w *bellhop.Work, r *routes.Route, now time.Time) time.Duration {
	if old := now.Sub(born(w, r)); old >= 0 {
		return old
	}
	waited := time.Duration(0)
	for n := 1; n <= min(w.Delivery.Attempts-w.Delivery.Uncounted, 1000); n++ {
		if delay, again := r.Retry.Delay(n); again {
			waited += time.Duration(delay)
		}
	}
	return waited
}
