package lane

import "time"

// The circuit breaker's settings.
const (
	// breakAfter consecutive failures open the circuit.
	breakAfter = 10
	// The first probe comes after firstProbe; each one that fails doubles the
	// wait, up to lastProbe.
	firstProbe = 5 * time.Second
	lastProbe  = 5 * time.Minute
)

// breaker keeps a lane from burning the attempts of its deliveries on an endpoint
// that does not work: after consecutive failures it lets one delivery at a time
// through, at growing intervals, until an answer shows the receiver alive.
type breaker struct {
	failures int
	// openSince is zero while the circuit is closed.
	openSince time.Time
	probeAt   time.Time
	interval  time.Duration
	// last is the reason word of the latest failure.
	last string
}

func (b *breaker) open() bool { return !b.openSince.IsZero() }

// success closes the circuit.
func (b *breaker) success() { *b = breaker{} }

// failure counts; it tells whether it opened the circuit.
func (b *breaker) failure(reason string, now time.Time) (opened bool) {
	b.failures++
	b.last = reason
	switch {
	case b.open():
		// Only a probe's failure moves the next probe on: requests that were
		// under way when the circuit opened say nothing new.
		if !now.Before(b.probeAt) {
			b.interval = min(2*b.interval, lastProbe)
			b.probeAt = now.Add(b.interval)
		}
		return false
	case b.failures >= breakAfter:
		b.openSince, b.interval = now, firstProbe
		b.probeAt = now.Add(firstProbe)
		return true
	}
	return false
}

// hasten has the next probe go at once; should it fail, the next ones come as after the
// circuit opened.
func (b *breaker) hasten(now time.Time) {
	if b.open() && now.Before(b.probeAt) {
		b.probeAt, b.interval = now, firstProbe/2
	}
}

// state is the circuit in the field's words.
func (b *breaker) state(now time.Time) string {
	switch {
	case !b.open():
		return "closed"
	case now.Before(b.probeAt):
		return "open"
	}
	return "half_open"
}
