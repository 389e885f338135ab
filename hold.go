package bellhop

import "time"

// Hold says whether the sending to all endpoints is held, as after the restore of a
// backup: events are accepted, and what is to be sent waits as at paused endpoints,
// until it is released. What is in flight when it begins finishes.
type Hold struct {
	// Since is when it began; zero if nothing is held.
	Since time.Time
	// ReleasedAt is when the last one ended; zero if there was none. Nothing grows old
	// by a hold: the age of what waited counts from then, as after a pause.
	ReleasedAt time.Time
}

// On tells whether sending is held.
func (h Hold) On() bool { return !h.Since.IsZero() }

// Changed gives the hold after it was asked for, or (held is false) released, and
// whether that changes anything.
func (h Hold) Changed(held bool, now time.Time) (next Hold, changed bool) {
	switch {
	case held == h.On():
		return h, false
	case held:
		return Hold{Since: now, ReleasedAt: h.ReleasedAt}, true
	}
	return Hold{ReleasedAt: now}, true
}
