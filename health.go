package bellhop

import (
	"bytes"
	"maps"
	"reflect"
	"time"
)

// Health says how an endpoint does, in one word: by what is stored of its latest
// attempts, and not by how it is set up.
type Health string

// The states of an endpoint's health.
const (
	HealthHealthy Health = "healthy"
	// HealthFailing: the latest requests failed, or its circuit is open.
	HealthFailing Health = "failing"
	// HealthOnHold: it is active, but deliveries cannot be made: it is misconfigured,
	// nobody listens at it, or no request could be made of some events.
	HealthOnHold   Health = "on_hold"
	HealthPaused   Health = "paused"
	HealthDisabled Health = "disabled"
	// HealthUnknown: nothing was sent since it was made, was made active, or leads to
	// another receiver.
	HealthUnknown Health = "unknown"
)

// Healths are all of them, the gravest first.
var Healths = []Health{HealthDisabled, HealthFailing, HealthOnHold, HealthUnknown, HealthPaused, HealthHealthy}

// HealthState is an endpoint's health, and what there is to say of it.
type HealthState struct {
	State Health `json:"state"`
	// Reason is a stable word. Of a failing endpoint it is that of the latest failed
	// attempt; else "misconfigured", "no_listener", "held", "all_held", "new", "changed", or
	// "gave_up" where Bellhop itself disabled it.
	Reason string `json:"reason,omitempty"`
	// ResponseStatus is what the receiver answered to the latest failed attempt; 0: nothing.
	ResponseStatus int `json:"response_status,omitempty"`
	// Detail is a sentence.
	Detail string `json:"detail"`
	// Since is when it began to be so; zero where that is not known.
	Since time.Time `json:"since,omitzero"`
	// ConsecutiveFailures is how many attempts in a row failed.
	ConsecutiveFailures int `json:"consecutive_failures,omitempty"`
	// DisablesAt is when a failing endpoint is disabled if it takes no event before; zero
	// if it is not.
	DisablesAt time.Time `json:"disables_at,omitzero"`
	// LastFailure is the latest failed attempt, if the endpoint is failing.
	LastFailure AttemptID `json:"last_failure,omitempty"`
	// CircuitOpen says that deliveries wait while single ones are tried.
	CircuitOpen bool `json:"circuit_open,omitempty"`
	// NextTryAt is when the next delivery is tried, as far as that is known.
	NextTryAt time.Time `json:"next_try_at,omitzero"`
}

// FailingAfter so many failures in a row an endpoint that has worked is failing; fewer
// are part of any network.
const FailingAfter = 3

// Vitals are what attempts have said of an endpoint's receiver since it was last made
// active or led elsewhere. Record writes them, and only when they change: a success
// after a success says nothing new.
type Vitals struct {
	// Revision is that of the endpoint with which they began anew, and Since when that
	// was: what an attempt says that was made by an older one counts no more.
	Revision int64
	Since    time.Time
	// Taken says that it has taken an event since then.
	Taken bool
	// Failures is how many attempts failed in a row, since FailedSince; Ill is how many
	// of the last ones spoke against the receiver itself (Class.Ill). Refusals of single
	// events by a receiver that takes others are counted from the third in a row on.
	Failures    int
	Ill         int
	FailedSince time.Time
	// FailingSince is when the first of these began that spoke against the receiver;
	// zero: none did. The endpoint is disabled by it.
	FailingSince time.Time
	// OpenSince is when its circuit opened; zero while it is closed.
	OpenSince time.Time
	// Last is the latest failed attempt, and the others what came of it.
	Last           AttemptID
	Reason         string
	ResponseStatus int
}

// Health judges a receiver by its vitals: it is healthy, failing or unknown.
func (v *Vitals) Health() Health {
	switch {
	case !v.OpenSince.IsZero(), v.Failures >= FailingAfter, v.Failures > 0 && !v.Taken:
		return HealthFailing
	case v.Taken:
		return HealthHealthy
	}
	return HealthUnknown
}

// Renew gives the vitals of an endpoint after a change, whose Revision is that of the
// changed one: they begin anew if it was made active, or leads to another receiver or to
// one that knows us as somebody else.
func Renew(old, changed *Endpoint, now time.Time) Vitals {
	activated := changed.Status == EndpointActive && old.Status != EndpointActive
	if activated || !sameReceiver(old, changed) {
		return Vitals{Revision: changed.Revision, Since: now}
	}
	return old.Vitals
}

// sameReceiver tells whether both lead to one receiver that knows us as the same.
func sameReceiver(x, y *Endpoint) bool {
	return x.URL == y.URL && maps.Equal(x.Headers, y.Headers) &&
		reflect.DeepEqual(x.Auth, y.Auth) && reflect.DeepEqual(x.TLS, y.TLS) && code(x) == code(y) &&
		(x.Auth == nil && x.TLS == nil || maps.EqualFunc(x.Sealed, y.Sealed, bytes.Equal))
}

// code is that of the endpoint's script, which may set headers; "" where none runs.
func code(e *Endpoint) string {
	if !e.Transform.Runs() {
		return ""
	}
	return e.Transform.Code
}
