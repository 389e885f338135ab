package bellhop

import (
	"time"
)

// Endpoint is a URL plus what it wants to hear, how to sign, when to retry.
type Endpoint struct {
	ID EndpointID `json:"id"`
	// Apps are the apps it listens to: at least one.
	Apps []string `json:"apps"`
	URL  string   `json:"url"`
	Name string   `json:"name,omitempty"`
	// Events are the event types it wants: exact names, or a prefix and a
	// trailing "*"; none means all.
	Events []string `json:"events"`
	// Subjects narrow it to subjects of these patterns; none means all.
	Subjects []string `json:"subjects"`
	// Filter is a JSON pattern over the event's data.
	Filter  JSON              `json:"filter,omitempty"`
	Dialect string            `json:"dialect"`
	Headers map[string]string `json:"headers,omitempty"`
	Status  EndpointStatus    `json:"status"`
	// DisabledReason says why Bellhop itself disabled the endpoint.
	DisabledReason string `json:"disabled_reason,omitempty"`
	// Timeout bounds the whole exchange: connect, TLS, headers, and as much of
	// the body as is kept.
	Timeout Duration    `json:"timeout"`
	Retry   RetryPolicy `json:"retry"`
	// RateLimit, if any, spreads deliveries over time.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Concurrency is how many deliveries may be in flight at once.
	Concurrency int               `json:"concurrency"`
	Ordering    Ordering          `json:"ordering"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`

	// Secrets sign the requests, newest first, encrypted as stored.
	Secrets []Secret `json:"-"`
	// Revision counts changes: a save that was made from an older revision is
	// refused by the store.
	Revision int64 `json:"-"`
	// FailingSince is the start of the first of an unbroken row of failures;
	// zero while the endpoint is well. It is written by Record only.
	FailingSince time.Time `json:"-"`
}

// Secret is one signing key of an endpoint.
type Secret struct {
	// Sealed is the secret, encrypted with the endpoint's id as context.
	Sealed    []byte
	CreatedAt time.Time
	// ExpiresAt is the end of its overlap with a newer secret; zero for the
	// newest.
	ExpiresAt time.Time
}

// EndpointStatus says whether an endpoint gets events.
type EndpointStatus string

// The states of an endpoint.
const (
	// EndpointActive endpoints get events as they come.
	EndpointActive EndpointStatus = "active"
	// EndpointPaused endpoints have their deliveries held, to go out, oldest
	// first, on resume.
	EndpointPaused EndpointStatus = "paused"
	// EndpointDisabled endpoints get no new deliveries; what was pending when
	// it was disabled is held until it is enabled again or history expires.
	EndpointDisabled EndpointStatus = "disabled"
)

// RateLimit is a token bucket.
type RateLimit struct {
	PerSecond float64 `json:"per_second"`
	// Burst is how many deliveries may go at once after a quiet time; 0 means 1.
	Burst int `json:"burst,omitempty"`
}
