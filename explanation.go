package bellhop

import "time"

// Explanation says what became of an event at one endpoint, and why.
type Explanation struct {
	Endpoint EndpointID `json:"endpoint"`
	Name     string     `json:"name,omitempty"`
	URL      string     `json:"url,omitempty"`
	Outcome  Fate       `json:"outcome"`
	// Reason is a stable word: for not_sent "type", "channels", "subject", "filter",
	// "own_type", "disabled", "created_later", "changed_since", "test" or "erased"; for the
	// others the reason of the latest attempt, or "held", "all_held", "paused", "disabled",
	// "misconfigured", "circuit_open", "order", "scheduled", "fanning_out" or
	// "queued".
	Reason string `json:"reason,omitempty"`
	// Detail is a sentence.
	Detail   string     `json:"detail"`
	Delivery DeliveryID `json:"delivery,omitempty"`
	Attempts int        `json:"attempts,omitempty"`
	NextAt   time.Time  `json:"next_at,omitzero"`
	// CopiesWaiting is how many further deliveries of the event to the endpoint have not
	// ended, besides the one that this is about.
	CopiesWaiting int `json:"copies_waiting,omitempty"`
	// ChangedSince says that the endpoint's settings were changed after the
	// event, and that the answer was found by those of today.
	ChangedSince bool `json:"changed_since,omitempty"`
}

// Fate is what became of an event at an endpoint.
type Fate string

// What can become of an event.
const (
	FateSucceeded Fate = "succeeded"
	FateFailed    Fate = "failed"
	FateCanceled  Fate = "canceled"
	FatePending   Fate = "pending"
	FateRetrying  Fate = "retrying"
	FateHeld      Fate = "held"
	FateNotSent   Fate = "not_sent"
)

// LaneState is what an endpoint's lane is doing on this node.
type LaneState struct {
	// Circuit is "closed", "open" or, when a probe is due or under way,
	// "half_open".
	Circuit             string    `json:"circuit"`
	OpenSince           time.Time `json:"open_since,omitzero"`
	NextProbe           time.Time `json:"next_probe,omitzero"`
	ConsecutiveFailures int       `json:"consecutive_failures"`
	// LastFailure is the reason word of the latest failure.
	LastFailure string `json:"last_failure,omitempty"`
	// Owner names the node that fetches what waits, if that is another one: what is said of
	// the circuit is what it has stored, and the rest is of this node.
	Owner string `json:"owner,omitempty"`
	// Queued counts the deliveries in memory, InFlight the requests under way, until what came
	// of them is durable.
	Queued   int `json:"queued"`
	InFlight int `json:"in_flight"`
	// Concurrency is the limit of InFlight as adapted now, and ConcurrencyReason says why
	// it is that.
	Concurrency       int               `json:"concurrency"`
	ConcurrencyReason ConcurrencyReason `json:"concurrency_reason,omitempty"`
	// FailingSince is the start of an unbroken row of failures.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// Held says why deliveries are held, if they are.
	Held string `json:"held,omitempty"`
}

// ConcurrencyReason says why as many requests may be in flight to an endpoint as may.
type ConcurrencyReason string

// The reasons.
const (
	ConcurrencyExact      ConcurrencyReason = "exact"      // its settings fix it
	ConcurrencyStarts     ConcurrencyReason = "starts"     // nothing has called for more, or less, yet
	ConcurrencyGrown      ConcurrencyReason = "grown"      // the receiver answers as fast as with fewer
	ConcurrencySlower     ConcurrencyReason = "slower"     // with more, answers take longer
	ConcurrencyOverloaded ConcurrencyReason = "overloaded" // the receiver answered 429 or 503
	ConcurrencyFailed     ConcurrencyReason = "failed"     // requests failed: it begins anew
	ConcurrencyMost       ConcurrencyReason = "most"       // the operator allows no more
	ConcurrencyOrdered    ConcurrencyReason = "ordered"    // one at a time keeps the order
	ConcurrencyCircuit    ConcurrencyReason = "circuit"    // single requests probe whether it works again
	ConcurrencyRests      ConcurrencyReason = "rests"      // this server had nothing to connect with
)
