// Package memstore is a bellhop.Store in memory: for simulations and tests. It
// keeps every promise of the interface but durability, and starts no goroutine,
// so that it works in a testing/synctest bubble and takes several nodes at once.
package memstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var errClosed = errors.New("memstore: closed")

// Store is a bellhop.Store. Make one with New.
type Store struct {
	mu     sync.Mutex
	closed bool

	nodes map[bellhop.NodeID]lease
	// numbers is the highest that a node may get.
	numbers bellhop.NodeID
	fresh   freshness
	// Orphans counts the deliveries that were found when a lease was over.
	Orphans int
	buckets [bellhop.Buckets]bellhop.BucketOwner
	// present counts the nodes that hold leases. listeners hear wakeups. erasures counts the calls of Erase that did something.
	present   atomic.Int32
	listeners []*listener
	erasures  int64
	// hastened are the endpoints that Hasten was called for.
	hastened []bellhop.EndpointID
	// passed are answers on their way from node to node, oldest first.
	passed  []passed
	replies replies

	// clock is what NoteClock wrote; nil: nothing.
	clock *bellhop.ClockMark
	hold  bellhop.Hold

	routes, catalogue, access feed

	apps      map[string]bellhop.App
	types     map[string]bellhop.EventType
	endpoints map[bellhop.EndpointID]bellhop.Endpoint
	keys      map[bellhop.KeyID]bellhop.Key
	keyUses   map[bellhop.KeyID]time.Time

	// events and attempts are in the order of their ids.
	events   []*event
	byID     map[bellhop.EventID]*event
	external map[externalKey]*event
	attempts []*bellhop.Attempt
	logOf    map[bellhop.EventID][]*bellhop.Attempt
	// latencies are of the attempts that ended their delivery in success.
	latencies map[bellhop.AttemptID]time.Duration

	pending map[bellhop.DeliveryID]*bellhop.Delivery
	// queues and waiting are pending by endpoint and by event.
	queues  map[bellhop.EndpointID]map[bellhop.DeliveryID]*bellhop.Delivery
	waiting map[bellhop.EventID][]*bellhop.Delivery

	// reorders are the changes of ordering under way, releases those that let held
	// deliveries go, later the endpoints that
	// Spread has still to make deliveries to, and the others what Sweep looks at.
	reorders       map[bellhop.EndpointID]carrying
	releases       map[bellhop.EndpointID]carrying
	later          map[bellhop.EventID][]bellhop.EndpointID
	sweepEndpoints map[bellhop.EndpointID]bool
	sweepEvents    map[bellhop.EventID]bool
	sweepSettled   map[bellhop.EventID]bool
	// turn is the app that Spread served last.
	turn string

	tokens map[bellhop.EndpointID]bellhop.Token
	// tokenClaims are those of who asks for the next ones.
	tokenClaims map[bellhop.EndpointID]bellhop.TokenClaim
	// reactions are the apps of attempts that have reacted.
	reactions map[bellhop.AttemptID]string
	keeping   noticeKeeping
	inboxes   map[bellhop.InboxName]*inbox
	outbox    outbox

	audit   []bellhop.AuditEntry
	samples []sample
}

var _ bellhop.Store = (*Store)(nil)

// event is a stored event. The bellhop.Event is shared with whoever claimed it:
// erasing replaces the pointer and never writes through it.
type event struct {
	*bellhop.Event
	digest [32]byte
	// fresh are the deliveries that were accepted under lease and have no row at first.
	lease bellhop.Lease
	fresh []bellhop.Delivery
}

type externalKey struct{ app, id string }

// New returns an empty store.
func New() *Store {
	return &Store{
		nodes:     map[bellhop.NodeID]lease{},
		numbers:   id.MaxNode,
		fresh:     newFreshness(),
		apps:      map[string]bellhop.App{},
		types:     map[string]bellhop.EventType{},
		endpoints: map[bellhop.EndpointID]bellhop.Endpoint{},
		keys:      map[bellhop.KeyID]bellhop.Key{},
		keyUses:   map[bellhop.KeyID]time.Time{},
		replies:   replies{claims: map[bellhop.ReplyHash]bellhop.TokenClaim{}},
		byID:      map[bellhop.EventID]*event{},
		external:  map[externalKey]*event{},
		logOf:     map[bellhop.EventID][]*bellhop.Attempt{},
		latencies: map[bellhop.AttemptID]time.Duration{},
		pending:   map[bellhop.DeliveryID]*bellhop.Delivery{},
		queues:    map[bellhop.EndpointID]map[bellhop.DeliveryID]*bellhop.Delivery{},
		waiting:   map[bellhop.EventID][]*bellhop.Delivery{},

		reorders:       map[bellhop.EndpointID]carrying{},
		releases:       map[bellhop.EndpointID]carrying{},
		later:          map[bellhop.EventID][]bellhop.EndpointID{},
		sweepEndpoints: map[bellhop.EndpointID]bool{},
		sweepEvents:    map[bellhop.EventID]bool{},
		sweepSettled:   map[bellhop.EventID]bool{},

		tokens: map[bellhop.EndpointID]bellhop.Token{},

		tokenClaims: map[bellhop.EndpointID]bellhop.TokenClaim{},
		reactions:   map[bellhop.AttemptID]string{},
		keeping:     newNoticeKeeping(),
		inboxes:     map[bellhop.InboxName]*inbox{},
		outbox:      newOutbox(),
	}
}

// Close ends the store; every later step fails.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// step runs f alone. A step does all its checks before its first write, which
// makes it all or nothing.
func (s *Store) step(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	return f()
}

func (s *Store) addEvent(e *event) {
	s.events = insertByID(s.events, e, func(e *event) int64 { return int64(e.ID) })
	s.byID[e.ID] = e
	if e.ExternalID != "" {
		s.external[externalKey{e.App, e.ExternalID}] = e
	}
}

func (s *Store) addAttempt(a *bellhop.Attempt, scheduled time.Time) {
	if a.Final && a.Status == bellhop.AttemptSucceeded {
		s.latencies[a.ID] = bellhop.Latency(a, scheduled)
	}
	s.attempts = insertByID(s.attempts, a, func(a *bellhop.Attempt) int64 { return int64(a.ID) })
	s.logOf[a.Event] = append(s.logOf[a.Event], a)
}

// attempt finds an attempt by its id; nil if there is none.
func (s *Store) attempt(id bellhop.AttemptID) *bellhop.Attempt {
	i, found := slices.BinarySearchFunc(s.attempts, id, func(a *bellhop.Attempt, id bellhop.AttemptID) int { return cmp.Compare(a.ID, id) })
	if !found {
		return nil
	}
	return s.attempts[i]
}

func (s *Store) addPending(d *bellhop.Delivery) {
	s.pending[d.ID] = d
	q := s.queues[d.Endpoint]
	if q == nil {
		q = map[bellhop.DeliveryID]*bellhop.Delivery{}
		s.queues[d.Endpoint] = q
	}
	q[d.ID] = d
	s.waiting[d.Event] = append(s.waiting[d.Event], d)
}

func (s *Store) removePending(d *bellhop.Delivery) {
	s.leave(d)
	delete(s.pending, d.ID)
	delete(s.queues[d.Endpoint], d.ID)
	if len(s.queues[d.Endpoint]) == 0 {
		delete(s.queues, d.Endpoint)
	}
	s.waiting[d.Event] = slices.DeleteFunc(s.waiting[d.Event], func(w *bellhop.Delivery) bool { return w == d })
	if len(s.waiting[d.Event]) == 0 {
		delete(s.waiting, d.Event)
	}
}

// insertByID keeps list in the order of ids; nearly always that is an append.
func insertByID[T any](list []T, x T, id func(T) int64) []T {
	i := len(list)
	for i > 0 && id(list[i-1]) > id(x) {
		i--
	}
	return slices.Insert(list, i, x)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func within(t, since, until time.Time) bool {
	return !t.Before(since) && (until.IsZero() || t.Before(until))
}
