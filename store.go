package bellhop

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"
)

// Store keeps everything durably. Its methods are the steps of an event's way:
// each is one transaction, takes slices, and is told the time. Package storetest
// says in code what they must do.
//
// Methods are safe for concurrent use. A step that writes may share its
// transaction with other callers' steps (group commit), but is all or nothing by
// itself, and bounded: what one tenant can make large is done in several steps. A
// store that cannot write now, such as on a full disk, gives an error for which
// errors.Is(err, ErrUnavailable) is true, and has done nothing. One whose commit
// was begun and whose answer was lost gives ErrUnknown: whether the step was done
// is not known. Enqueue and Claim say how to find out; every other step may be
// repeated.
//
// That a caller's context has ended says nothing of the store: then the error is that of
// the context, and not ErrUnavailable.
type Store interface {
	NodeStore
	FlowStore
	ConfigStore
	LogStore
	KeepStore
	TokenStore
	ReplyStore
	ReactionStore
	NoticeStore
	InboxStore
	OutboxStore
	WakeStore

	// Close ends the store. Steps in progress finish first.
	Close() error
}

// NodeStore keeps the leases by which nodes own deliveries and buckets of endpoints. A
// database with a clock of its own judges leases by that, and not by now.
type NodeStore interface {
	// Join registers a process under a free node number, with a lease of the given
	// length under a new epoch. Deliveries still owned by an earlier holder of the
	// number are released, and so are its buckets. It is a number that nobody has held
	// before or, failing that, the one that has been free the longest.
	Join(ctx context.Context, about NodeAbout, length time.Duration, now time.Time) (Node, error)
	// Renew extends the lease, keeps what the node says of itself (nil: as before), and
	// answers the time by the clock that judges leases. It fails with ErrLeaseLost if the
	// lease is over; the node must then stop sending and join anew.
	Renew(ctx context.Context, l Lease, status *NodeStatus, length time.Duration, now time.Time) (time.Time, error)
	// Leave ends the lease and releases everything that is owned under it. To leave
	// again changes nothing.
	Leave(ctx context.Context, l Lease, now time.Time) error
	// TakeOver ends the leases that ran out, and releases what is owned under them.
	// It returns who held them. A node renews its own before it asks.
	TakeOver(ctx context.Context, now time.Time) ([]NodeInfo, error)
	// Nodes lists who holds a lease, in the order of their numbers, but for leases that are
	// held for the number alone (NodeAbout.Started).
	Nodes(ctx context.Context) ([]NodeInfo, error)

	// Buckets gives the owner of each of the buckets, in their order.
	Buckets(ctx context.Context) ([]BucketOwner, error)
	// TakeBuckets makes the lease the owner of buckets that have none, each under a new
	// epoch, and gives those that it has now, in their order. Of what is asked for, Epoch is
	// the one that Buckets gave: what was taken since, or has an owner, is left out. Who owns
	// a bucket already gets its epoch once more.
	TakeBuckets(ctx context.Context, l Lease, want []BucketOwner, now time.Time) ([]BucketOwner, error)
	// LeaveBuckets gives up those of the buckets that the lease owns under their epochs. What
	// it owns of deliveries stays as it is.
	LeaveBuckets(ctx context.Context, l Lease, left []BucketOwner, now time.Time) error

	// Clock gives what NoteClock wrote last. Where nothing was written yet, At is when
	// the newest lease ends or ended; zero if there was none.
	Clock(ctx context.Context) (ClockMark, error)
	// NoteClock writes what a node knows of the time, for the next process.
	NoteClock(ctx context.Context, m ClockMark) error
	// Replan makes good what a step back of the clock has done to pending deliveries
	// (Turn.Replanned). It looks at no more than limit deliveries, those after the given
	// one; next is the last that it looked at, to go on after, or 0 when it is done.
	Replan(ctx context.Context, t Turn, after DeliveryID, limit int) (next DeliveryID, changed int, err error)
	// Overdue gives, for each endpoint of some buckets (nil: all) that has unowned
	// deliveries due before until (zero: at any time), the earliest due: of its first
	// attempts, and of its retries. It reads, and changes nothing.
	Overdue(ctx context.Context, of []Bucket, until time.Time) ([]Backlog, error)
}

// WakeStore tells the nodes of what others of them did, so that they need not look often.
type WakeStore interface {
	// Alone tells whether no other node can have the store now. Then there is nobody to
	// wake, and nothing changes unseen. That others come is told by Wakeups.
	Alone() bool
	// Wake tells the other nodes, soon and in the background. It may be lost.
	Wake(w Wakeup)
	// Wakeups calls f for what others tell, one call at a time, until ctx ends. A node may
	// hear what it said itself. It returns nil at the end of ctx, and else why it cannot
	// listen: everything works without, some moments later.
	Wakeups(ctx context.Context, f func(Wakeup)) error
	// Versions gives the present versions of what nodes keep in memory, and of what they are
	// to see to. It is cheap.
	Versions(ctx context.Context) (Versions, error)
	// Hastened gives the endpoints that Hasten was called for after Versions.Hastened was
	// since: the newest of them, where there were very many.
	Hastened(ctx context.Context, since int64) ([]EndpointID, error)

	// PassAnswer keeps what a listener answered for the node that waits for it, where that
	// is not the one that the answer came to. It is a CodeTooMany error where MaxPassed wait
	// already for one endpoint.
	PassAnswer(ctx context.Context, a PassedAnswer, now time.Time) error
	// TakeAnswers gives those of the answers that some requests wait for, and removes them,
	// with all that nobody has taken for PassedFor.
	TakeAnswers(ctx context.Context, requests []string, now time.Time) ([]PassedAnswer, error)
}

// PassedAnswer is an answer on its way from one node to another.
type PassedAnswer struct {
	Endpoint EndpointID
	Request  string // names it, at the endpoint
	Sealed   []byte
}

// The bounds of PassedAnswers.
const (
	MaxPassed = 64
	PassedFor = time.Minute
)

// Wakeup says what another node has changed.
type Wakeup struct {
	// Routes, Catalogue and Access are the parts of the configuration. Erased: events were;
	// Hastened: endpoints are to be tried now, which FlowStore.Hasten says; Nodes: a node has
	// come or gone, or a bucket is free.
	Routes, Catalogue, Access, Erased, Hastened, Nodes bool
	// Outbox: something was put into the outbox; Answers: PassAnswer has kept one.
	Outbox, Answers bool
	// Buckets have something due for their owner.
	Buckets []Bucket
}

// IsZero tells whether there is nothing to say.
func (w *Wakeup) IsZero() bool {
	return !w.Routes && !w.Catalogue && !w.Access && !w.Erased && !w.Hastened && !w.Nodes && !w.Outbox && !w.Answers && len(w.Buckets) == 0
}

// Add takes in what another wakeup says; each bucket is named once.
func (w *Wakeup) Add(other Wakeup) {
	w.Routes, w.Catalogue, w.Access = w.Routes || other.Routes, w.Catalogue || other.Catalogue, w.Access || other.Access
	w.Erased, w.Hastened = w.Erased || other.Erased, w.Hastened || other.Hastened
	w.Nodes, w.Outbox, w.Answers = w.Nodes || other.Nodes, w.Outbox || other.Outbox, w.Answers || other.Answers
	for _, b := range other.Buckets {
		if !slices.Contains(w.Buckets, b) {
			w.Buckets = append(w.Buckets, b)
		}
	}
}

// Versions are those of the three parts of the configuration, how often events were erased,
// and how often endpoints were hastened: each moves on with every change. Nodes is another
// text whenever a node has come or gone, or others are listened at by way of one; where no
// node but one can be, there is none.
type Versions struct {
	Routes, Catalogue, Access, Erased, Hastened int64
	Nodes                                       string
}

// Backlog says that an endpoint has deliveries that no node owns: first attempts or
// retries, the earliest of which is due at a time.
type Backlog struct {
	Endpoint EndpointID
	Retries  bool
	Due      time.Time
}

// FlowStore carries deliveries: the hot path. Each step carries the caller's lease
// and, if that is over, fails with ErrLeaseLost and changes nothing.
type FlowStore interface {
	// Enqueue stores accepted events with their deliveries, all or nothing.
	//
	// It fails with ErrStaleRoutes if routes is not the store's present version of
	// the routes: the fan-out was made from an old table. An event whose
	// ExternalID was used in its app before, or earlier in events, is not
	// stored; its receipt answers the first one with Duplicate set, or the
	// whole call fails with a CodeIDConflict error if the digests differ.
	//
	// An event whose app has as many unfinished deliveries as its MaxPending says
	// fails the whole call with a CodeBacklogFull error, unless it is a duplicate; the
	// error tells of each such event (BacklogFullAt).
	//
	// After ErrUnknown, Resolve tells what came of it.
	Enqueue(ctx context.Context, l Lease, routes int64, events []NewEvent, now time.Time) ([]Receipt, error)

	// Resolve finds out whether an Enqueue of these very events, which answered
	// ErrUnknown, was done. If so, it gives the receipts; once it has said that it
	// was not, it never will be.
	Resolve(ctx context.Context, l Lease, events []NewEvent, now time.Time) (receipts []Receipt, stored bool, err error)

	// Redeliver adds deliveries of stored events (resend, replay), in their order
	// and as far as r.Bounds allow. Those whose event is gone or erased, or whose
	// endpoint is gone, are left out. Those that are stored, or were and have ended,
	// are not added again, and count as added.
	Redeliver(ctx context.Context, l Lease, r Redelivery, now time.Time) (Redelivered, error)

	// Spread goes on with the fan-out of events that were accepted with endpoints
	// in Later: it makes at most len(ids) deliveries, without an owner, and tells
	// which endpoints have got some. The apps take turns, from step to step and
	// within one, each with its oldest event first. An empty answer means that
	// nothing is left.
	Spread(ctx context.Context, l Lease, ids []DeliveryID, now time.Time) ([]Backlog, error)

	// Claim makes the lease the owner of at most limit unowned, due deliveries of
	// one endpoint, earliest due first, and loads them with their events: of first
	// attempts or, if Retries is set, of retries, so that neither wait for the other.
	// Loading stops early at maxBytes of event data, after at least one.
	//
	// Deliveries with an OrderKey are claimed only if no unfinished delivery of
	// the endpoint has the same key and either a lower OrderPos (or the same, and a
	// lower ID) or an owner: one of a key is under way at a time. Those found
	// waiting for such a one lose their Due until it is finished or released. There
	// may then be no work, and a Next in the past: claim again. Nor are those
	// claimed that an event is before whose fan-out goes on (Spread), of the same
	// app or, where the order is that of the whole endpoint, of any app that it
	// listens to: the Next of their kind is then a moment later than now.
	//
	// Deliveries of erased events, settled ones and those to endpoints that are gone are
	// not claimed: Sweep ends them. If the endpoint's ordering was changed, Claim first carries
	// the change over to the deliveries that were pending, a bounded piece of them,
	// and gives work only when that is done. Those that are held are not claimed: if
	// they are let go, Claim first does that with a bounded piece of them, and gives
	// work beside; NextRetry is then not later than now.
	//
	// It fails with ErrBucketLost, and changes nothing, if the lease does not own the
	// endpoint's bucket under c.BucketEpoch.
	//
	// After ErrUnknown, deliveries may be owned that nobody knows of: Disown.
	Claim(ctx context.Context, c ClaimRequest, now time.Time) (Claimed, error)

	// Disown releases the deliveries of an endpoint that are owned under the lease
	// and are none of known.
	Disown(ctx context.Context, l Lease, e EndpointID, known []DeliveryID, now time.Time) error

	// Record logs attempts and moves their deliveries on: a final attempt
	// removes the delivery from the pending ones (and lets the next of its
	// order become due now); any other sets its number of attempts and next
	// due and releases it (so that another of its order may go, if one with a lower
	// position has come), or holds it (Result.Held). If the delivery is not owned under Result.Lease any
	// more, because it was canceled or taken over, or if that lease is not the
	// caller's, the attempt is only logged, and not as final; if the event was
	// erased meanwhile, without its captured body and headers; if the event is
	// gone, not at all. Vitals count in any case. Recording an attempt again
	// changes nothing. A result that Settles, whose delivery was owned, settles the
	// unfinished deliveries of the event to the endpoint that are older: none of them is
	// claimed any more, and Sweep ends them; what is under way is not tried again. Of a
	// result that Reacts, there is a reaction from then on.
	Record(ctx context.Context, l Lease, results []Result, now time.Time) error

	// Release gives deliveries owned under the lease back, due as they were.
	Release(ctx context.Context, l Lease, deliveries []DeliveryID, now time.Time) error

	// ReleaseHeld lets held deliveries of an endpoint go: the given ones or, where none
	// are given, all of them, which Claim goes on with. They are due now. It answers how
	// many of them were held: 0, having changed nothing, if all are to go while Claim has
	// not come to the end of the last time, or that was a moment ago (JustReleased).
	ReleaseHeld(ctx context.Context, e EndpointID, only []DeliveryID, now time.Time) (int, error)

	// Hasten makes deliveries of an endpoint due now that failed and wait for a later
	// time, and answers how many. Those that are owned, held, wait in an order, were not
	// tried yet or are due already stay as they are. The attempt that each then gets is beside
	// its retry schedule (Delivery.Uncounted). Other nodes learn of the endpoint by
	// Hastened, also where no delivery is given.
	Hasten(ctx context.Context, e EndpointID, deliveries []DeliveryID, now time.Time) (int, error)

	// Erased gives those of the events that are erased or gone. It reads, and changes nothing.
	Erased(ctx context.Context, events []EventID) ([]EventID, error)

	// Oldest gives, for each endpoint that has unowned deliveries born before the
	// given time (Born) that are not held, when the oldest of them was. It reads, and
	// changes nothing.
	Oldest(ctx context.Context, before time.Time) ([]Aged, error)
	// EndOld ends at most len(ids) of an endpoint's unowned deliveries that were born
	// before o.Before and are not held, oldest first, each with a last line in the log. It returns how
	// many; fewer than len(ids) when none is left. It ends none if the endpoint is gone
	// or was changed since o.Revision, or resumed since o.Before.
	EndOld(ctx context.Context, o EndOld, ids []AttemptID, now time.Time) (int, error)
}

// Aged says when the oldest of an endpoint's unowned deliveries was born.
type Aged struct {
	Endpoint EndpointID
	Born     time.Time
}

// EndOld says which deliveries of an endpoint have become too old.
type EndOld struct {
	Endpoint EndpointID
	Revision int64
	Before   time.Time
	// Detail says why, in their last line.
	Detail string
	// Tells asks for a reaction to each.
	Tells bool
}

// Tx is a transaction of the caller's own in the database that the store keeps
// everything in: what is enqueued in it is stored if and only if it commits. How
// one is begun is a matter of the store's package.
type Tx interface {
	// Enqueue is that of FlowStore, as a part of the transaction. No delivery has
	// an owner: nobody knows yet whether there will be any.
	Enqueue(l Lease, routes int64, events []NewEvent, now time.Time) ([]Receipt, error)
	// AfterCommit calls f once the transaction is durable, and never if it is not.
	AfterCommit(f func())
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
	// Later are further endpoints that get the event, in the order of their ids:
	// Spread makes their deliveries, since there are too many for one transaction.
	// Events of one batch may share the slice.
	Later []EndpointID
	// MaxPending bounds the unfinished deliveries that the app may have before; 0 is
	// no bound. Those that Spread has not made yet do not count, and with several
	// nodes the bound holds about.
	MaxPending int64
}

// Redelivery asks for deliveries of stored events.
type Redelivery struct {
	Deliveries []Delivery
	Audit      *AuditEntry
	// SkipWaiting leaves out deliveries of events that wait at the endpoint
	// already: one is unfinished, or is still to be made by Spread.
	SkipWaiting bool
	// Still, if it is not nil, leaves out deliveries of events that it does not select any
	// more: another replay may have sent them since they were looked up. Its After, Limit and
	// Scan do not count.
	Still  *ReplayFilter
	Bounds BacklogBounds
}

// Recheck gives Still for all events from the first to the last one of the deliveries, of
// which there is at least one, and the last one.
func (r *Redelivery) Recheck() (f ReplayFilter, last EventID) {
	f = *r.Still
	first := r.Deliveries[0].Event
	for i := range r.Deliveries {
		first, last = min(first, r.Deliveries[i].Event), max(last, r.Deliveries[i].Event)
	}
	f.After, f.Limit, f.Scan = first-1, math.MaxInt32, 0
	return f, last
}

// BacklogBounds say how much may wait before a Redelivery adds no more. With several
// nodes they hold about. Zero fields are no bound.
type BacklogBounds struct {
	// Endpoint bounds the unfinished deliveries of replays and resends to one
	// endpoint.
	Endpoint int64
	// App bounds all unfinished deliveries of one app.
	App int64
}

// Redelivered is what a Redelivery did.
type Redelivered struct {
	Added int
	// Waiting were left out because their event waits at the endpoint already.
	Waiting int
	// Changed were left out because Still selects their event no more.
	Changed int
	// Full says that a bound is reached: the last Left deliveries were not looked at.
	Full BacklogBound
	Left int
}

// BacklogBound names a bound of BacklogBounds that is reached; "" is none.
type BacklogBound string

// The bounds.
const (
	FullEndpoint BacklogBound = "endpoint"
	FullApp      BacklogBound = "app"
)

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
	Lease    Lease
	Endpoint EndpointID
	// BucketEpoch is that under which the lease owns the endpoint's bucket.
	BucketEpoch int64
	// Retries asks for deliveries that had an attempt, and not for those that had none.
	Retries bool
	// Newest asks for those that became due last.
	Newest   bool
	Limit    int
	MaxBytes int
	// Turn names whose claims take turns with those of others: an app of the
	// endpoint. A store in which steps wait for each other is fair between them.
	Turn string
}

// Claimed is the answer to a ClaimRequest.
type Claimed struct {
	Work []Work
	// Next is when the earliest of the endpoint's first attempts that are still
	// unowned is due, NextRetry the same of its retries. Either may be in the past,
	// and is zero if there is none.
	Next, NextRetry time.Time
}

// NextOf is Next or, for retries, NextRetry.
func (c *Claimed) NextOf(retries bool) *time.Time {
	if retries {
		return &c.NextRetry
	}
	return &c.Next
}

// Work is a delivery and its event, ready to be sent.
type Work struct {
	Delivery Delivery
	// Event is shared by all deliveries of one event: it is never written to.
	Event *Event
	// Lease is what the delivery is owned under.
	Lease Lease
}

// Result is an attempt and what it says of its endpoint's health.
type Result struct {
	Attempt Attempt
	// Lease is that of the Work that the attempt was made for.
	Lease Lease
	// Vitals, where not nil, are those of the endpoint from now on, unless they have begun
	// anew meanwhile (Vitals.Revision).
	Vitals *Vitals
	// Held asks for the delivery to be held, if the attempt is not final: no request can
	// be made of its event by the settings of this Revision of the endpoint. Where those
	// were changed meanwhile, it is due at once instead.
	Held     bool
	Revision int64
	// Due is when the delivery was scheduled for, if it was: its latency counts
	// from then.
	Due time.Time
	// Tells says that somebody wants to hear of it if the delivery is given up, begins to be
	// failing, or recovers.
	Tells bool
}

// ConfigStore keeps apps, event types, endpoints and keys; portal links and
// sessions are keys. Every change moves the version of its part on and writes its
// audit entry in the same transaction. The three parts (routes, catalogue, access)
// have versions of their own: publishing depends on the first alone.
type ConfigStore interface {
	// Routes, Catalogue and Access give what has changed of their part after
	// version since; since 0, everything. They give everything, too, when since is
	// too old to know (Full is set).
	Routes(ctx context.Context, since int64) (RouteChanges, error)
	Catalogue(ctx context.Context, since int64) (CatalogueChanges, error)
	Access(ctx context.Context, since int64) (AccessChanges, error)

	// SaveApp creates the app (Revision 0) or replaces it, if its Revision and CreatedAt
	// are those of the stored one; else it fails with ErrRevision: one that was deleted and
	// made anew is another one. Ids and uids of apps are one
	// namespace: it fails with a CodeConflict error (AppNameTaken) if the app's UID, or its
	// ID if it is new, is the ID or the UID of another one.
	SaveApp(ctx context.Context, a App, audit *AuditEntry) error
	// DeleteApp removes the app, its events, attempts, pending deliveries and
	// idempotency keys, takes it off the endpoints and keys that name several
	// apps, and removes those that name it alone. Other apps' deliveries to an
	// endpoint that goes with it are left to Sweep.
	DeleteApp(ctx context.Context, app string, audit *AuditEntry) error

	// SaveEventType is like SaveApp.
	SaveEventType(ctx context.Context, t EventType, audit *AuditEntry) error
	DeleteEventType(ctx context.Context, name string, audit *AuditEntry) error

	// SaveEndpoint creates the endpoint (Revision 0), or replaces it if its
	// Revision is that of the stored one; else it fails with ErrRevision. It fails with a
	// CodeUIDConflict error (NameTaken) if one of its Names is that of another endpoint of one
	// of its apps.
	// Vitals and ResumedAt follow from the change (Renew, Resumed), and its Health is not
	// stored. A change of Ordering is carried
	// over to the endpoint's pending deliveries by Claim; so is one that lets its held
	// deliveries go (Releases). The saved endpoint, with its new Revision, is in the
	// next Routes.
	SaveEndpoint(ctx context.Context, e Endpoint, audit *AuditEntry, now time.Time) error
	// DeleteEndpoint removes the endpoint and its token. Its pending deliveries are
	// left to Sweep.
	DeleteEndpoint(ctx context.Context, e EndpointID, audit *AuditEntry, now time.Time) error
	// Sweep ends at most len(ids) of the unowned deliveries that can never be made,
	// because their endpoint is gone or their event was erased, or that are settled, each with a last
	// line in the log. It returns how many; fewer than len(ids) when none is left.
	// What a node owns may be in flight: that is ended by Record, or when the node
	// releases it.
	Sweep(ctx context.Context, ids []AttemptID, now time.Time) (int, error)

	// Vitals gives what is stored of the receivers of some endpoints now: Routes has it as
	// it was at the endpoint's last change. Those that are gone are left out.
	Vitals(ctx context.Context, endpoints []EndpointID) (map[EndpointID]Vitals, error)

	SaveKey(ctx context.Context, k Key, audit *AuditEntry) error
	// DeleteKey removes the key and the sessions of it.
	DeleteKey(ctx context.Context, k KeyID, audit *AuditEntry) error
	// ExpireKeys removes at most limit portal links and sessions that have
	// expired by now. It returns how many; 0 when it is done.
	ExpireKeys(ctx context.Context, now time.Time, limit int) (int, error)

	// NoteKeyUses keeps when keys were last used, in place of what it kept of them. It
	// is no change of the keys: there is nothing new in Access. A key that is gone is
	// left out.
	NoteKeyUses(ctx context.Context, uses []KeyUse) error
	// KeyUses gives what was noted, in the order of the keys. A key that was never used
	// is not there.
	KeyUses(ctx context.Context) ([]KeyUse, error)

	// SetHold holds the sending to all endpoints, or releases it, and answers the Hold
	// as it is then. Where it is so already, nothing changes. It moves the version of
	// the routes on, and the next Routes is everything (Full), whatever it is asked since.
	SetHold(ctx context.Context, held bool, audit *AuditEntry, now time.Time) (Hold, error)

	// AddAudit writes an entry for what changes nothing else.
	AddAudit(ctx context.Context, audit *AuditEntry) error
}

// RouteChanges is what publishing depends on, or what has changed of it.
type RouteChanges struct {
	Version int64
	// Full says that this is everything, and what is not in it is gone.
	Full bool
	// Hold is as it is at this version, whether it has changed or not.
	Hold Hold

	Apps             []App
	Endpoints        []Endpoint
	DeletedApps      []string
	DeletedEndpoints []EndpointID
}

// CatalogueChanges is the catalogue, or what has changed of it.
type CatalogueChanges struct {
	Version int64
	Full    bool // as that of RouteChanges

	EventTypes        []EventType
	DeletedEventTypes []string
}

// AccessChanges are the keys, or what has changed of them.
type AccessChanges struct {
	Version int64
	Full    bool // as that of RouteChanges

	Keys        []Key
	DeletedKeys []KeyID
}

// LogStore reads the logs. Lists are newest first by id, or (After) oldest first. An id
// never changes, and a cursor is one: so a row that is there throughout a listing is listed, whatever
// happens to it meanwhile. A page has at most Limit rows.
type LogStore interface {
	// Event fails with a CodeNotFound error if there is none.
	Event(ctx context.Context, id EventID) (Event, error)
	// Events leaves out Data unless asked for.
	Events(ctx context.Context, f EventFilter) ([]Event, error)
	// SearchEvents looks at a bounded number of events: a page may have fewer than Limit,
	// or none, while there are more to look at (Next).
	SearchEvents(ctx context.Context, s EventSearch) (EventPage, error)
	// Labelled tells of each of the events whether it has the labels that are looked for.
	// One that is gone has none.
	Labelled(ctx context.Context, events []EventID, f LabelFilter) ([]bool, error)
	// Outcomes says of each of the events how it stands. It looks at a bounded number of
	// deliveries of each (EventOutcome.More).
	Outcomes(ctx context.Context, events []EventID) ([]EventOutcome, error)
	// Later gives the endpoints of an event whose deliveries are still to be made
	// by Spread.
	Later(ctx context.Context, id EventID) ([]EndpointID, error)
	// HeldBack tells whether an ordered delivery, to an endpoint that listens to apps,
	// waits for the fan-out of an earlier event (as Claim says).
	HeldBack(ctx context.Context, d Delivery, apps []string) (bool, error)
	// Delivery and Attempt fail with a CodeNotFound error if there is none.
	Delivery(ctx context.Context, id DeliveryID) (Delivery, error)
	Deliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error)
	Attempt(ctx context.Context, id AttemptID) (Attempt, error)
	Attempts(ctx context.Context, f AttemptFilter) ([]Attempt, error)
	// Candidates gives events, oldest first and with Data, that a replay to the
	// endpoint may cover: of its apps and types and, as to its deliveries, of
	// f.Status. It looks at no more than f.Scan events of the range; next is the
	// last one that it looked at, to go on after, or 0 if the range is covered.
	Candidates(ctx context.Context, f ReplayFilter) (events []Event, next EventID, err error)
	// Stats counts attempts in all and in buckets of time, oldest first; buckets
	// without an attempt are left out. What was rolled up counts as before.
	Stats(ctx context.Context, f StatsFilter) (Stats, error)
	// BacklogSamples gives what SampleBacklog wrote, oldest first, the last one
	// from before Since moved there.
	BacklogSamples(ctx context.Context, f BacklogFilter) ([]BacklogSample, error)
	// Standings tells how an event stands at endpoints: of each that it has a
	// delivery to, the one that Latest picks. Newest endpoints first.
	Standings(ctx context.Context, f StandingFilter) ([]Standing, error)
	// Pending counts the unfinished deliveries of the scope's apps and gives the
	// oldest one's id, of one endpoint or (0) of all. Those that Spread has not made
	// yet are not among them. Counting does not cost what there is to count.
	Pending(ctx context.Context, s Scope, e EndpointID) (count int64, oldest DeliveryID, err error)
	// Held counts the deliveries of the scope's apps that are held themselves, of one
	// endpoint or (0) of each that has some. Counting does not cost what there is to
	// count.
	Held(ctx context.Context, s Scope, e EndpointID) (map[EndpointID]int64, error)
	// CountWaiting adds up, by endpoint, what the unfinished deliveries behind an id wait
	// for, so many of them, and gives the id to go on behind; 0 at the end. Those that
	// are made meanwhile, or move, count in one way or another, and none twice.
	CountWaiting(ctx context.Context, sums map[EndpointID]*Waiting, after DeliveryID, limit int, now time.Time) (next DeliveryID, err error)
	// CountOwed counts the deliveries that Spread has still to make of events behind an id,
	// of so many of them, and gives the id to go on behind; 0 at the end.
	CountOwed(ctx context.Context, after EventID, limit int) (owed int64, next EventID, err error)
	// WaitsAt counts what waits at an endpoint unowned: how much is due by now, and how
	// much later, from next on (zero if none is). What waits in an order, or is held itself,
	// is neither.
	WaitsAt(ctx context.Context, e EndpointID, now time.Time) (due, later int64, next time.Time, err error)
	// Retrying lists deliveries that failed and wait to be tried again, unowned, oldest
	// first. It looks at no more than f.Scan; next is the last one that it looked at, to
	// go on after, or 0 if that was all.
	Retrying(ctx context.Context, f RetryingFilter) (list []DeliveryID, next DeliveryID, err error)
	// Failures counts what failed and has not arrived since, by endpoint and cause, of
	// tests nothing. It looks at no more than f.All deliveries.
	Failures(ctx context.Context, f FailureFilter) (Failures, error)
	Audit(ctx context.Context, f AuditFilter) ([]AuditEntry, error)
}

// KeepStore forgets, and sums up: privacy, retention and statistics.
type KeepStore interface {
	// Erase removes the data of the selected events and everything captured of
	// their attempts. Their pending deliveries are never claimed again; Sweep ends
	// them. It returns the events it erased; events erased before are not counted
	// again. Publishing the ExternalID of an erased event again answers a
	// duplicate, whatever the content.
	Erase(ctx context.Context, sel EraseSelector, audit *AuditEntry, now time.Time) ([]EventID, error)

	// ForgetAttempt removes what was captured of one attempt, as Erase does of all of an
	// event. It fails with a CodeNotFound error if there is none.
	ForgetAttempt(ctx context.Context, a AttemptID, audit *AuditEntry) error

	// Wipe overwrites what erased and deleted rows have left behind in files, if
	// anything has been since the last Wipe that succeeded, in this process or an
	// earlier one. It may read through the whole database, beside all other
	// steps.
	Wipe(ctx context.Context) error

	// Expire deletes events, attempts and what was counted of them, idempotency
	// keys and audit entries made before the given time, at most limit rows of
	// each. Events that have a pending delivery, or one still to be made, stay,
	// unless all of those are held by a disabled endpoint. It returns how many rows
	// it deleted; 0 when it is done.
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

// TokenStore keeps what an endpoint's authorization server gave last, sealed. A token is
// no part of the endpoint: it comes and goes without a change of its Revision.
type TokenStore interface {
	// Token gives an endpoint's token; the zero Token if there is none.
	Token(ctx context.Context, e EndpointID) (Token, error)
	// SaveToken creates the token (Version 0), or replaces it if its Version is that of
	// the stored one, and answers the new Version; else it fails with ErrRevision. It
	// fails with a CodeNotFound error if the endpoint is gone. After ErrUnknown, Token
	// tells.
	SaveToken(ctx context.Context, e EndpointID, t Token) (version int64, err error)
	// ClaimToken tells whether who names itself by may ask for the endpoint's next token:
	// then nobody else may until it frees that, or for as long as it lasts.
	ClaimToken(ctx context.Context, e EndpointID, by string, lasts time.Duration, now time.Time) (free bool, err error)
	// FreeToken ends a claim of by, if it still has it.
	FreeToken(ctx context.Context, e EndpointID, by string) error
}

// TokenClaim is who may ask for an endpoint's next token, and until when.
type TokenClaim struct {
	By    string
	Until time.Time
}

// Token is what an endpoint's requests are authenticated with, for a while.
type Token struct {
	// Version counts the changes.
	Version int64
	// Sealed is encrypted by the engine.
	Sealed []byte
	// ExpiresAt is when a new one is needed; zero: not known.
	ExpiresAt time.Time
}

// ReactionStore keeps what is still to be published of captured values, and of deliveries
// that were given up. What Record
// has added is there until it is taken away, whatever happens to the process.
type ReactionStore interface {
	// Reactions gives at most limit attempts that have reacted, oldest first, of one app:
	// the next one after the given app that has some, or else the first.
	Reactions(ctx context.Context, after string, limit int) ([]Reaction, error)
	// EndReactions takes reactions away that are done.
	EndReactions(ctx context.Context, attempts []AttemptID) error
}

// Reaction says that something is to be published of what an attempt has captured.
type Reaction struct {
	Attempt AttemptID
	App     string
}

// The failures of a store that the engine acts on.
var (
	// ErrStaleRoutes: the fan-out must be done again from a newer table.
	ErrStaleRoutes = errors.New("the routing table has moved on")
	// ErrRevision: the object was changed since it was read, or is there already.
	ErrRevision = errors.New("changed meanwhile")
	// ErrLeaseLost: the lease is over, and what was owned under it belongs to
	// others.
	ErrLeaseLost = errors.New("lease lost")
	// ErrUnavailable: the store cannot write now; nothing was done.
	ErrUnavailable = errors.New("the store cannot take writes now")
	// ErrUnknown: the answer to the commit was lost; whether the step was done is
	// not known.
	ErrUnknown = errors.New("the commit's answer was lost: whether it was stored is not known")
)
