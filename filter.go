package bellhop

import (
	"slices"
	"strings"
	"time"
)

// EventFilter selects events. Zero fields other than Scope select everything.
type EventFilter struct {
	Scope Scope  // what the caller may see; the zero Scope selects nothing
	Type  string // exact, or a prefix and a trailing "*"
	// Subject is exact, or a prefix and a trailing "*".
	Subject    string
	ExternalID string
	// UUID is that of UUIDOf. It is in no index, but computed for every event that
	// the rest of the filter selects, until it is found.
	UUID     string
	Since    time.Time // inclusive
	Until    time.Time // exclusive
	Before   EventID   // the cursor: only older ones
	Limit    int
	WithData bool
}

// DeliveryFilter selects deliveries.
type DeliveryFilter struct {
	Scope    Scope
	Endpoint EndpointID
	Event    EventID
	Type     string
	Status   DeliveryStatus
	Itself   bool       // with DeliveryHeld: not those that only their endpoint holds
	Since    time.Time  // inclusive; when it was made
	Until    time.Time  // exclusive
	Before   DeliveryID // the cursor: only older ones
	Limit    int
}

// StandingFilter selects how an event stands at endpoints.
type StandingFilter struct {
	Event  EventID
	Before EndpointID // the cursor: only older endpoints
	Limit  int
}

// Standing is how an event stands at an endpoint.
type Standing struct {
	Delivery Delivery
	// Last is the delivery's newest attempt without headers and body; its ID is 0 if
	// there was none, or if it has expired.
	Last Attempt
}

// AttemptFilter selects attempts.
type AttemptFilter struct {
	Scope    Scope
	Endpoint EndpointID
	Event    EventID
	Delivery DeliveryID
	Type     string
	Status   AttemptStatus
	Since    time.Time
	Until    time.Time
	Before   AttemptID
	Limit    int
	// WithBodies loads headers and bodies too.
	WithBodies bool
}

// ReplayFilter selects events for a replay to one endpoint.
type ReplayFilter struct {
	Endpoint EndpointID
	Apps     []string // whose events
	// Types are event types, or prefixes with a trailing "*"; none means all.
	Types  []string
	Status ReplayStatus
	Since  time.Time
	Until  time.Time
	After  EventID // the cursor: only newer ones
	Limit  int
	// Scan bounds how many events are looked at.
	Scan int
}

// ReplayStatus says which events a replay covers. Erased events and events of
// tests are never covered.
type ReplayStatus string

// What a replay can cover.
const (
	// ReplayFailed: the delivery to the endpoint that Latest picks failed.
	ReplayFailed ReplayStatus = "failed"
	// ReplayMissing: there never was a delivery to the endpoint.
	ReplayMissing ReplayStatus = "missing"
	// ReplayAll: every event, whether delivered or not.
	ReplayAll ReplayStatus = "all"
)

// AuditFilter selects audit entries.
type AuditFilter struct {
	Scope  Scope // entries that concern any of these apps; with All, the others as well
	Actor  string
	Action string
	Object string
	Since  time.Time
	Until  time.Time
	Before AuditID
	Limit  int
}

// EraseSelector names one event, or all events of a subject in an app.
type EraseSelector struct {
	Event   EventID
	App     string
	Subject string
	// After and Limit select some of a subject's events, oldest first: those after
	// the given one, at most so many. Zero means all.
	After EventID
	Limit int
}

// Matches tells whether the attempt is selected, by what does not depend on time.
func (f *AttemptFilter) Matches(a *Attempt) bool {
	return f.Scope.Sees(a.App) &&
		(f.Endpoint == 0 || f.Endpoint == a.Endpoint) &&
		(f.Event == 0 || f.Event == a.Event) &&
		(f.Delivery == 0 || f.Delivery == a.Delivery) &&
		(f.Status == "" || f.Status == a.Status) &&
		MatchName(f.Type, a.Type)
}

// MatchName tells whether name is selected by a filter: "" selects everything, a
// trailing "*" everything that begins so, and anything else itself.
func MatchName(filter, name string) bool {
	if filter == "" {
		return true
	}
	if prefix, ok := strings.CutSuffix(filter, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return filter == name
}

// MatchNames tells whether name is selected by one of several filters; none of them
// selects everything.
func MatchNames(filters []string, name string) bool {
	return len(filters) == 0 || slices.ContainsFunc(filters, func(f string) bool { return MatchName(f, name) })
}

// EndpointFilter selects endpoints, newest first.
type EndpointFilter struct {
	Scope  Scope // those that listen to any of these apps
	Status EndpointStatus
	// Health, unless "", is looked at by package desk alone.
	Health Health
	Before EndpointID // the cursor: only older ones
	Limit  int        // 0: all
}
