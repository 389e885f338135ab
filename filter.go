package bellhop

import (
	"errors"
	"slices"
	"strconv"
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
	After    EventID   // the cursor of the other way: only newer ones, and oldest first
	Limit    int
	WithData bool
}

// Selects tells whether the event is selected; Before, After and Limit are the caller's.
func (f *EventFilter) Selects(e *Event) bool {
	at := e.CreatedAt()
	return f.Scope.Sees(e.App) && MatchName(f.Type, e.Type) && MatchName(f.Subject, e.Subject) &&
		(f.ExternalID == "" || f.ExternalID == e.ExternalID) &&
		(f.UUID == "" || f.UUID == UUIDOf(e.ID)) &&
		(f.Since.IsZero() || !at.Before(f.Since)) && (f.Until.IsZero() || at.Before(f.Until))
}

// EventSearch selects events by what no index has. It takes looking at many, newest first
// always: After must be 0.
type EventSearch struct {
	EventFilter
	// Outcome is how they stand; "" for any.
	Outcome EventState
	LabelFilter
	// Meets, if not nil, tells whether an event's data is looked for. Events without data
	// are not. It must not keep the data.
	Meets func(data []byte) bool
}

// LabelFilter selects events by a channel and a tag that they have; "" is any.
type LabelFilter struct{ Channel, Tag string }

// Labelled tells whether an event has the channel and the tag that are looked for.
func (f LabelFilter) Labelled(e *Event) bool {
	return (f.Channel == "" || slices.Contains(e.Channels, f.Channel)) && (f.Tag == "" || slices.Contains(e.Tags, f.Tag))
}

// EventPage is what was found of an EventSearch.
type EventPage struct {
	Events []Event // without their data, unless asked for
	// Next is the cursor to go on with, as Before; 0 if nothing is left. All newer events
	// have been looked at.
	Next EventID
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
	After    DeliveryID // the cursor of the other way: only newer ones, and oldest first
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
	// Unfinished is how many of the event's deliveries to the endpoint have not ended.
	Unfinished int
	// Settled is how many of them ended because this one, sent again, has arrived.
	Settled int
}

// AttemptFilter selects attempts.
type AttemptFilter struct {
	Scope    Scope
	Endpoint EndpointID
	Event    EventID
	Delivery DeliveryID
	Type     string
	Status   AttemptStatus
	// Response and Reason are the two halves of a cause.
	Response StatusRange
	Reason   string
	Since    time.Time
	Until    time.Time
	Before   AttemptID // the cursor: only older ones
	After    AttemptID // the cursor of the other way: only newer ones, and oldest first
	Limit    int
	// WithBodies loads headers and bodies too.
	WithBodies bool
}

// ReplayFilter selects events for a replay to one endpoint.
type ReplayFilter struct {
	Endpoint EndpointID
	Apps     []string // whose events
	// Types are event types, or prefixes with a trailing "*"; none means all.
	Types []string
	LabelFilter
	// Status is none of what waits, and ReplayFailed means what was given up.
	Status ReplayStatus
	// Cause and Response narrow it to events whose newest delivery to the endpoint that has
	// ended did so for the cause, and with such an answer. ReplayMissing has none.
	Cause    Cause
	Response StatusRange
	// Arrived goes by ArrivedOrLatest in place of the newest that has ended.
	Arrived bool
	Since   time.Time
	Until   time.Time
	After   EventID // the cursor: only newer ones
	Limit   int
	// Scan bounds how many events are looked at.
	Scan int
}

// ReplayStatus says which events a replay covers. Erased events and events of
// tests are never covered.
type ReplayStatus string

// What a replay can cover. What waits is never copied.
const (
	// ReplayFailed: the delivery to the endpoint that Latest picks failed. It is
	// ReplayGivenUp and ReplayRetrying in one.
	ReplayFailed ReplayStatus = "failed"
	// ReplayGivenUp: it has failed for good.
	ReplayGivenUp ReplayStatus = "given_up"
	// ReplayRetrying: it failed, and waits to be tried again.
	ReplayRetrying ReplayStatus = "retrying"
	// ReplayHeld: it is held by itself, since no request could be made of the event.
	ReplayHeld ReplayStatus = "held"
	// ReplaySucceeded and ReplayCanceled: it ended so.
	ReplaySucceeded ReplayStatus = "succeeded"
	ReplayCanceled  ReplayStatus = "canceled"
	// ReplayMissing: there never was a delivery to the endpoint.
	ReplayMissing ReplayStatus = "missing"
	// ReplayAll: every event, whether delivered or not.
	ReplayAll ReplayStatus = "all"
)

// Ended is the status of the deliveries that ReplayStatus looks for among those that have
// ended; ok is false if it looks for none.
func (s ReplayStatus) Ended() (status DeliveryStatus, ok bool) {
	switch s {
	case ReplayFailed:
		return DeliveryFailed, true
	case ReplaySucceeded:
		return DeliverySucceeded, true
	case ReplayCanceled:
		return DeliveryCanceled, true
	}
	return "", false
}

// Answer are the lowest and the highest status of an answer that the filter selects; no
// answer has the status 0.
func (f *ReplayFilter) Answer() (low, high int) { return f.Cause.answer(f.Response) }

// AuditFilter selects audit entries.
type AuditFilter struct {
	Scope  Scope // entries that concern any of these apps; with All, the others as well
	Actor  string
	Action string
	Object string
	Since  time.Time
	Until  time.Time
	Before AuditID // the cursor: only older ones
	After  AuditID // the cursor of the other way: only newer ones, and oldest first
	Limit  int
}

// EraseSelector names one event, all events of a subject in an app, or all whose data was to be
// kept until a time.
type EraseSelector struct {
	Event   EventID
	App     string
	Subject string
	// ExpiredBy selects the events whose DataExpiresAt is not later.
	ExpiredBy time.Time
	// After and Limit select some of a subject's events, oldest first: those after
	// the given one, at most so many. Zero means all.
	After EventID
	Limit int
}

// Matches tells whether the attempt is selected, by what is said in it and does not depend on
// time.
func (f *AttemptFilter) Matches(a *Attempt) bool {
	return f.Scope.Sees(a.App) &&
		(f.Endpoint == 0 || f.Endpoint == a.Endpoint) &&
		(f.Event == 0 || f.Event == a.Event) &&
		(f.Delivery == 0 || f.Delivery == a.Delivery) &&
		(f.Status == "" || f.Status == a.Status) &&
		(f.Reason == "" || f.Reason == a.Reason) &&
		f.Response.Has(a.ResponseStatus) &&
		MatchName(f.Type, a.Type)
}

// StatusRange selects answers by their HTTP status: one status, "503", a class of them,
// "5xx", or "none", where no answer came. "" selects everything.
type StatusRange string

// NoAnswer selects attempts to which no answer came.
const NoAnswer StatusRange = "none"

// Bounds are the lowest and the highest status that are selected; ok is false if the
// range is "", or none.
func (r StatusRange) Bounds() (low, high int, ok bool) {
	if r == NoAnswer {
		return 0, 0, true
	}
	if len(r) != 3 || r[0] < '1' || r[0] > '9' {
		return 0, 0, false
	}
	if r[1:] == "xx" {
		low = int(r[0]-'0') * 100
		return low, low + 99, true
	}
	n, err := strconv.Atoi(string(r))
	return n, n, err == nil
}

// Has tells whether a status is selected.
func (r StatusRange) Has(status int) bool {
	low, high, ok := r.Bounds()
	return r == "" || ok && low <= status && status <= high
}

// UnmarshalText refuses what is no range.
func (r *StatusRange) UnmarshalText(text []byte) error {
	read := StatusRange(text)
	if _, _, ok := read.Bounds(); !ok {
		return errors.New(`write a status, such as 503, a class, such as 5xx, or "none"`)
	}
	*r = read
	return nil
}

// MarshalText is the reverse of UnmarshalText.
func (r StatusRange) MarshalText() ([]byte, error) { return []byte(r), nil }

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
	// Text is part of the name or the URL, in upper or lower case.
	Text   string
	Scope  Scope // those that listen to any of these apps
	Status EndpointStatus
	// UID is one of its Names.
	UID string
	// Health, unless "", is looked at by package desk alone.
	Health Health
	Before EndpointID // the cursor: only older ones
	Limit  int        // 0: all
}
