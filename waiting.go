package bellhop

import "time"

// Waiting counts the unfinished deliveries of one endpoint by what they wait for.
type Waiting struct {
	// Held ones wait for another way to make their requests.
	Held int64
	// Ordered ones wait for an earlier one of their order.
	Ordered int64
	// Scheduled ones had no attempt and are due later, Retrying ones had some.
	Scheduled, Retrying int64
	// Owned ones are a node's: in a lane's queue, or under way. Due ones are no node's
	// yet, and due. OldestDue is when the first of either was; zero if there are none.
	Owned, Due int64
	OldestDue  time.Time
}

// Add counts a delivery as it is stored, as of now; due is zero for one that waits for
// another delivery.
func (w *Waiting) Add(held, owned bool, due time.Time, attempts int, now time.Time) {
	switch {
	case held:
		w.Held++
		return
	case owned:
		w.Owned++
	case due.IsZero():
		w.Ordered++
		return
	case !due.After(now):
		w.Due++
	case attempts > 0:
		w.Retrying++
		return
	default:
		w.Scheduled++
		return
	}
	if w.OldestDue.IsZero() || due.Before(w.OldestDue) {
		w.OldestDue = due
	}
}
