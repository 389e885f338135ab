package bellhop

import (
	"math"
	"time"
)

// Cause is why attempts failed: the reason word and what the receiver answered. Zero
// fields mean any.
type Cause struct {
	Reason         string
	ResponseStatus int
}

// Matches tells whether an attempt failed for the cause.
func (c Cause) Matches(reason string, responseStatus int) bool {
	return (c.Reason == "" || c.Reason == reason) && (c.ResponseStatus == 0 || c.ResponseStatus == responseStatus)
}

// answer are the lowest and the highest status of an answer that the cause selects, within
// a range; no answer has the status 0.
func (c Cause) answer(within StatusRange) (low, high int) {
	low, high = 0, math.MaxInt32
	if l, h, ok := within.Bounds(); ok {
		low, high = l, h
	}
	if c.ResponseStatus != 0 {
		low, high = max(low, c.ResponseStatus), min(high, c.ResponseStatus)
	}
	return low, high
}

// RetryingFilter selects deliveries of one endpoint that failed and wait to be tried
// again. Zero fields select everything; of apps, the scope does.
type RetryingFilter struct {
	Scope    Scope
	Endpoint EndpointID
	// Types are event types, or prefixes with a trailing "*".
	Types []string
	LabelFilter
	// Since and Until are of the events' acceptance.
	Since, Until time.Time
	// Cause is that of the latest attempt, and Response what it was answered.
	Cause    Cause
	Response StatusRange
	After    DeliveryID // the cursor: only newer ones
	// Scan bounds how many of the endpoint's deliveries are looked at.
	Scan int
}

// Wants tells whether a delivery that waits, whose latest attempt failed so, is
// selected. Of its event, type and labels matter, and only where LooksIntoEvents.
func (f *RetryingFilter) Wants(d *Delivery, e *Event, reason string, responseStatus int) bool {
	accepted := d.Event.Time()
	return d.Attempts > 0 && !d.Held && f.Scope.Sees(d.App) &&
		(f.Since.IsZero() || !accepted.Before(f.Since)) && (f.Until.IsZero() || accepted.Before(f.Until)) &&
		MatchNames(f.Types, e.Type) && f.Labelled(e) && f.Cause.Matches(reason, responseStatus) && f.Response.Has(responseStatus)
}

// LooksIntoEvents tells whether it selects by what is said in the events.
func (f *RetryingFilter) LooksIntoEvents() bool {
	return len(f.Types) > 0 || f.LabelFilter != LabelFilter{}
}

// FailureFilter selects what failed at some endpoints.
type FailureFilter struct {
	Scope     Scope
	Endpoints []EndpointID
	// Since bounds when deliveries were given up. Those that wait are all counted.
	Since time.Time
	// Each bounds how many deliveries of one endpoint are looked at, those that wait and
	// those given up each, the newest first; All bounds the sum.
	Each, All int
}

// Failure is what failed at one endpoint for one cause: events that have not arrived
// there, and whose delivery waits to be tried again or was given up.
type Failure struct {
	Endpoint       EndpointID `json:"endpoint"`
	Reason         string     `json:"reason"`
	ResponseStatus int        `json:"response_status,omitempty"`
	// Detail is that of the newest attempt.
	Detail string `json:"detail"`
	// Waiting deliveries are tried again by themselves, Failed ones are not.
	Waiting int64 `json:"waiting"`
	Failed  int64 `json:"failed"`
	// OldestAt and NewestAt are when the oldest and the newest of the deliveries' latest
	// attempts were made.
	OldestAt      time.Time `json:"oldest_at"`
	NewestAt      time.Time `json:"newest_at"`
	NewestAttempt AttemptID `json:"newest_attempt"`
	// NextAt is when the first of those that wait is due; zero if none waits for a time.
	NextAt time.Time `json:"next_at,omitzero"`
}

// Failures is what failed, by endpoint and cause.
type Failures struct {
	List []Failure
	// Partial says that a bound was reached: there may be more of each.
	Partial bool
}

// FailureCounter adds deliveries up by endpoint and cause.
type FailureCounter struct {
	rows  []*Failure
	known map[failureKey]*Failure
}

type failureKey struct {
	endpoint EndpointID
	Cause
}

// Add counts a delivery whose latest attempt is given. Due is when it is tried again, if
// it waits.
func (c *FailureCounter) Add(a *Attempt, waits bool, due time.Time) {
	k := failureKey{a.Endpoint, Cause{a.Reason, a.ResponseStatus}}
	f := c.known[k]
	if f == nil {
		if c.known == nil {
			c.known = map[failureKey]*Failure{}
		}
		f = &Failure{Endpoint: a.Endpoint, Reason: a.Reason, ResponseStatus: a.ResponseStatus, OldestAt: a.StartedAt()}
		c.known[k], c.rows = f, append(c.rows, f)
	}
	if !waits {
		f.Failed++
	} else {
		f.Waiting++
		if !due.IsZero() && (f.NextAt.IsZero() || due.Before(f.NextAt)) {
			f.NextAt = due
		}
	}
	if at := a.StartedAt(); at.Before(f.OldestAt) {
		f.OldestAt = at
	}
	if a.ID > f.NewestAttempt {
		f.NewestAttempt, f.NewestAt, f.Detail = a.ID, a.StartedAt(), a.Detail
	}
}

// List gives what was counted, in the order in which it came.
func (c *FailureCounter) List() []Failure {
	list := make([]Failure, len(c.rows))
	for i, f := range c.rows {
		list[i] = *f
	}
	return list
}
