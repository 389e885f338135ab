package bellhop

import (
	"context"
	"errors"
	"time"
)

// Store keeps everything durably. Its methods are the steps of an event's way:
// each is one transaction, takes slices, and is told the time. It is implemented
// by packages sqlite, postgres and memstore, and package storetest says in code
// what they must do.
//
// Methods are safe for concurrent use. A step that writes may share its
// transaction with other callers' steps (group commit), but is all or nothing by
// itself. A store that cannot write now, such as on a full disk, gives an error
// for which errors.Is(err, ErrUnavailable) is true, and has done nothing.
type Store interface {
	NodeStore
	FlowStore
	ConfigStore
	LogStore
	KeepStore

	// Close ends the store. Steps in progress finish first.
	Close() error
}

// NodeID numbers a running process, from 1 to id.MaxNode; 0 is "nobody".
type NodeID int

// Node is what a process gets when it joins.
type Node struct {
	ID NodeID
	// Floor is the highest id in the store that this node number may have made:
	// new ids must be above it.
	Floor int64
	// LeaseUntil is when the other nodes may take over what this one owns.
	LeaseUntil time.Time
}

// NodeStore keeps the leases by which nodes own deliveries.
type NodeStore interface {
	// Join registers a process under a free node number, with a lease.
	// Deliveries still owned by an earlier holder of the number are released.
	Join(ctx context.Context, lease time.Duration, now time.Time) (Node, error)
	// Renew extends the lease. It fails with ErrLeaseLost if another node has
	// taken over; the node must then stop sending and join anew.
	Renew(ctx context.Context, node NodeID, lease time.Duration, now time.Time) error
	// Leave releases everything that the node owns, and its number.
	Leave(ctx context.Context, node NodeID, now time.Time) error
	// Backlog releases the deliveries of nodes whose lease ran out, and then
	// gives, for each endpoint that has unowned deliveries, the earliest due.
	Backlog(ctx context.Context, now time.Time) ([]Backlog, error)
}

// Backlog says that an endpoint has deliveries that no node owns.
type Backlog struct {
	Endpoint EndpointID
	Due      time.Time
}

// FlowStore carries deliveries: the hot path.
type FlowStore interface {
	// Enqueue stores accepted events with their deliveries, all or nothing.
	//
	// It fails with ErrStaleRoutes if routes is not the store's present
	// version: the fan-out was made from an old table. An event whose
	// ExternalID was used in its app before, or earlier in events, is not
	// stored; its receipt answers the first one with Duplicate set, or the
	// whole call fails with a CodeIDConflict error if the digests differ.
	Enqueue(ctx context.Context, routes int64, events []NewEvent, now time.Time) ([]Receipt, error)

	// Redeliver adds deliveries of stored events (resend, replay). Those whose
	// event is gone or erased are left out; it returns how many were added.
	// Without deliveries it only writes the audit entry.
	Redeliver(ctx context.Context, deliveries []Delivery, audit *AuditEntry, now time.Time) (int, error)

	// Claim makes node the owner of at most limit unowned, due deliveries of
	// one endpoint, earliest due first, and loads them with their events.
	// Loading stops early at maxBytes of event data, after at least one.
	//
	// Deliveries with an OrderKey are claimed only if no unfinished delivery of
	// the endpoint has the same key and a lower OrderPos (or the same, and a
	// lower ID); those found waiting for such a one lose their Due until it is
	// finished. There may then be no work, and a Next in the past: claim again.
	//
	// It fails with ErrLeaseLost if the node holds no lease.
	Claim(ctx context.Context, c ClaimRequest, now time.Time) (Claimed, error)

	// Record logs attempts and moves their deliveries on: a final attempt
	// removes the delivery from the pending ones (and lets the next of its
	// order become due now); any other sets its number of attempts and next
	// due and releases it. If the delivery is no longer owned by node, because
	// it was canceled or taken over, the attempt is only logged, and not as
	// final; if the event was erased meanwhile, without its captured body and
	// headers; if the event is gone, not at all. Failing counts in any case.
	// Recording an attempt again changes nothing.
	Record(ctx context.Context, node NodeID, results []Result, now time.Time) error

	// Release gives deliveries owned by node back, due as they were.
	Release(ctx context.Context, node NodeID, deliveries []DeliveryID, now time.Time) error
}

// NewEvent is an accepted event on its way into the store.
type NewEvent struct {
	Event Event
	// Digest is a hash of the content, to tell a repeated publish from another
	// event under the same ExternalID; zero where there is none.
	Digest [32]byte
	// Deliveries are what fan-out made of it. Those with an Owner are in that
	// node's memory already.
	Deliveries []Delivery
}

// Receipt answers a publish.
type Receipt struct {
	Event EventID `json:"id"`
	// Deliveries is how many endpoints it is bound for.
	Deliveries int `json:"deliveries"`
	// Duplicate says that the ExternalID was published before, and that this is
	// the answer of that first time.
	Duplicate bool `json:"duplicate"`
}

// ClaimRequest asks for work.
type ClaimRequest struct {
	Node     NodeID
	Endpoint EndpointID
	Limit    int
	MaxBytes int
}

// Claimed is the answer to a ClaimRequest.
type Claimed struct {
	Work []Work
	// Next is when the endpoint's earliest delivery that is still unowned is
	// due, which may be in the past; zero if there is none.
	Next time.Time
}

// Work is a delivery and its event, ready to be sent.
type Work struct {
	Delivery Delivery
	// Event is shared by all deliveries of one event: it is never written to.
	Event *Event
}

// Result is an attempt and what it says of its endpoint's health.
type Result struct {
	Attempt Attempt
	// Failing, where not nil, sets the endpoint's FailingSince; the zero time
	// marks it as well.
	Failing *time.Time
	// Due is when the delivery was scheduled for, if it was: its latency counts
	// from then, and else from when it was made.
	Due time.Time
}

// ConfigStore keeps apps, event types, endpoints and keys; portal links and
// sessions are keys. Every change moves the routes version on and writes its audit
// entry in the same transaction.
type ConfigStore interface {
	// Routes gives what has changed after version since; since 0, everything.
	// It gives everything, too, when since is too old to know (Full is set).
	Routes(ctx context.Context, since int64) (RouteChanges, error)

	SaveApp(ctx context.Context, a App, audit *AuditEntry) error
	// DeleteApp removes the app, its events, attempts, pending deliveries and
	// idempotency keys, takes it off the endpoints and keys that name several
	// apps, and removes those that name it alone.
	DeleteApp(ctx context.Context, app string, audit *AuditEntry) error

	SaveEventType(ctx context.Context, t EventType, audit *AuditEntry) error
	DeleteEventType(ctx context.Context, name string, audit *AuditEntry) error

	// SaveEndpoint creates the endpoint, or replaces it if its Revision is that
	// of the stored one; else it fails with ErrRevision. FailingSince is kept
	// as stored, but cleared when the status changes to active or the URL
	// changes. A change of
	// Ordering is carried over to the endpoint's pending deliveries.
	// The saved endpoint, with its new Revision, is in the next Routes.
	SaveEndpoint(ctx context.Context, e Endpoint, audit *AuditEntry, now time.Time) error
	// DeleteEndpoint removes the endpoint and cancels its pending deliveries,
	// each with a last line in the log.
	DeleteEndpoint(ctx context.Context, e EndpointID, ids func() AttemptID, audit *AuditEntry, now time.Time) error

	SaveKey(ctx context.Context, k Key, audit *AuditEntry) error
	// DeleteKey removes the key and the sessions of it.
	DeleteKey(ctx context.Context, k KeyID, audit *AuditEntry) error
	// ExpireKeys removes at most limit portal links and sessions that have
	// expired by now. It returns how many; 0 when it is done.
	ExpireKeys(ctx context.Context, now time.Time, limit int) (int, error)
}

// RouteChanges is the configuration, or what has changed of it.
type RouteChanges struct {
	Version int64
	// Full says that this is everything, and what is not in it is gone.
	Full bool

	Apps       []App
	EventTypes []EventType
	Endpoints  []Endpoint
	Keys       []Key

	DeletedApps       []string
	DeletedEventTypes []string
	DeletedEndpoints  []EndpointID
	DeletedKeys       []KeyID
}

// LogStore reads the logs. Lists are newest first; a page has at most Limit rows
// and a Next cursor if there are more.
type LogStore interface {
	// Event fails with a CodeNotFound error if there is none.
	Event(ctx context.Context, id EventID) (Event, error)
	// Events leaves out Data unless asked for.
	Events(ctx context.Context, f EventFilter) ([]Event, error)
	// Delivery and Attempt fail with a CodeNotFound error if there is none.
	Delivery(ctx context.Context, id DeliveryID) (Delivery, error)
	// Deliveries are ordered by their Position.
	Deliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error)
	Attempt(ctx context.Context, id AttemptID) (Attempt, error)
	Attempts(ctx context.Context, f AttemptFilter) ([]Attempt, error)
	// Candidates gives events, oldest first and with Data, that a replay to the
	// endpoint may cover: of its apps and, as to its deliveries, of f.Status.
	Candidates(ctx context.Context, f ReplayFilter) ([]Event, error)
	// Stats counts attempts in all and in buckets of time, oldest first; buckets
	// without an attempt are left out. What was rolled up counts as before.
	Stats(ctx context.Context, f StatsFilter) (Stats, error)
	// BacklogSamples gives what SampleBacklog wrote, oldest first, the last one
	// from before Since moved there.
	BacklogSamples(ctx context.Context, f BacklogFilter) ([]BacklogSample, error)
	// Pending counts the unfinished deliveries and gives the oldest one's id,
	// of one endpoint or (0) of all.
	Pending(ctx context.Context, e EndpointID) (count int64, oldest DeliveryID, err error)
	Audit(ctx context.Context, f AuditFilter) ([]AuditEntry, error)
}

// EventFilter selects events. Zero fields select everything.
type EventFilter struct {
	Apps []string // any of these; nil for all
	Type string   // exact, or a prefix and a trailing "*"
	// Subject is exact, or a prefix and a trailing "*".
	Subject    string
	ExternalID string
	Since      time.Time // inclusive
	Until      time.Time // exclusive
	Before     EventID   // the cursor: only older ones
	Limit      int
	WithData   bool
}

// DeliveryFilter selects deliveries.
type DeliveryFilter struct {
	Apps     []string
	Endpoint EndpointID
	Event    EventID
	Type     string
	Status   DeliveryStatus
	Since    time.Time
	Until    time.Time
	// Before is the cursor: only those whose Position is lower.
	Before int64
	Limit  int
}

// Position orders deliveries in lists by their latest news: the id of the final
// attempt of a finished one, its own id while it is unfinished.
func (d *Delivery) Position() int64 {
	if d.Status == DeliveryPending || d.Status == DeliveryHeld {
		return int64(d.ID)
	}
	return int64(d.LastAttempt)
}

// AttemptFilter selects attempts.
type AttemptFilter struct {
	Apps     []string
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
	Apps     []string
	Status   ReplayStatus
	Since    time.Time
	Until    time.Time
	After    EventID // the cursor: only newer ones
	Limit    int
}

// ReplayStatus says which events a replay covers. Erased events and events of
// tests are never covered.
type ReplayStatus string

// What a replay can cover.
const (
	// ReplayFailed: the newest finished delivery to the endpoint failed, and
	// none is pending.
	ReplayFailed ReplayStatus = "failed"
	// ReplayMissing: there never was a delivery to the endpoint.
	ReplayMissing ReplayStatus = "missing"
	// ReplayAll: every event, whether delivered or not.
	ReplayAll ReplayStatus = "all"
)

// StatsFilter selects attempts to count.
type StatsFilter struct {
	Apps     []string
	Endpoint EndpointID
	Type     string
	Since    time.Time
	Until    time.Time
	// Bucket is the width of a bucket of time, at least a second.
	Bucket time.Duration
}

// Stats are attempts counted.
type Stats struct {
	// Total is the whole range as one bucket, which starts where the range does.
	Total   StatsBucket
	Buckets []StatsBucket
}

// StatsBucket counts the attempts that began in [Start, Start+bucket).
type StatsBucket struct {
	Start     time.Time `json:"start"`
	Succeeded int64     `json:"succeeded"`
	Failed    int64     `json:"failed"`
	// Deliveries that ended in this bucket without success.
	Exhausted int64 `json:"exhausted"`
	// DurationMS is the sum of the attempts' durations, in milliseconds.
	DurationMS int64 `json:"duration_ms"`
	// MaxDurationMS is the longest.
	MaxDurationMS int64 `json:"max_duration_ms"`
	// Duration says how long receivers took to answer.
	Duration Percentiles `json:"duration"`
	// Latency says how long deliveries that succeeded took in all, from when
	// they were due, retries and waiting included.
	Latency Percentiles `json:"latency"`
}

// Percentiles are in milliseconds, within 5% of the truth; 0 where nothing was
// measured.
type Percentiles struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
}

// BacklogSample is how many deliveries were unfinished at a time.
type BacklogSample struct {
	At      time.Time `json:"at"`
	Pending int64     `json:"pending"`
	// OldestAgeMS is how old the oldest was, in milliseconds; 0 if there were none.
	OldestAgeMS int64 `json:"oldest_age_ms"`
}

// BacklogFilter selects samples of the backlog.
type BacklogFilter struct {
	Since time.Time
	Until time.Time
	// Points bounds the answer: where there are more samples in the same part of
	// the range, the one with the most pending stands for them.
	Points int
}

// AuditFilter selects audit entries.
type AuditFilter struct {
	Apps   []string // entries that concern any of these
	Actor  string
	Action string
	Object string
	Since  time.Time
	Until  time.Time
	Before AuditID
	Limit  int
}

// KeepStore forgets, and sums up: privacy, retention and statistics.
type KeepStore interface {
	// Erase removes the data of the selected events and everything captured of
	// their attempts, and cancels their pending deliveries, each with a last
	// line in the log. It returns the events it erased; events erased before
	// are not counted again. Publishing the ExternalID of an erased event again
	// answers a duplicate, whatever the content.
	Erase(ctx context.Context, sel EraseSelector, ids func() AttemptID, audit *AuditEntry, now time.Time) ([]EventID, error)

	// Wipe overwrites what erased and deleted rows have left behind in files, if
	// anything has been since the last Wipe that succeeded, in this process or an
	// earlier one. It may read through the whole database, beside all other
	// steps.
	Wipe(ctx context.Context) error

	// Expire deletes events, attempts and what was counted of them, idempotency
	// keys and audit entries made before the given time, at most limit rows of
	// each. Events that have a
	// pending delivery stay, unless all of those are held by a disabled
	// endpoint. It returns how many rows it deleted; 0 when it is done.
	Expire(ctx context.Context, before time.Time, limit int, now time.Time) (int, error)

	// RollUp sums up attempts that began before the given time, a bounded piece
	// of them, so that Stats need not read each. It tells whether there is more
	// to do. Attempts that are recorded later than that count all the same, but
	// cost more.
	RollUp(ctx context.Context, before time.Time) (more bool, err error)

	// SampleBacklog notes how many deliveries are unfinished and which is the
	// oldest, unless the last sample says the same.
	SampleBacklog(ctx context.Context, now time.Time) error
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

// The failures of a store that the engine acts on.
var (
	// ErrStaleRoutes: the fan-out must be done again from a newer table.
	ErrStaleRoutes = errors.New("the routing table has moved on")
	// ErrRevision: the object was changed since it was read.
	ErrRevision = errors.New("changed meanwhile")
	// ErrLeaseLost: the node's deliveries belong to others now.
	ErrLeaseLost = errors.New("lease lost")
	// ErrUnavailable: the store cannot write now; nothing was done.
	ErrUnavailable = errors.New("the store cannot take writes now")
)
