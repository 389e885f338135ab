// Package storetest says in code what a bellhop.Store must do. Run it from the
// tests of every store; what passes may carry the engine.
package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

// Run runs the suite but for RunLists, in parallel. open gives an empty store; Run closes it when a
// test ends. How long the model is played is a matter of the flag -rapid.checks.
func Run(t *testing.T, open func(t *testing.T) bellhop.Store) {
	runAll(t, open, []group{
		{"Node", nodeTests},
		{"Lease", leaseTests},
		{"Bucket", bucketTests},
		{"Waking", wakingTests},
		{"Clock", clockTests},
		{"Enqueue", enqueueTests},
		{"Claim", claimTests},
		{"Order", orderTests},
		{"UnderWay", underWayTests},
		{"Reorder", reorderTests},
		{"Spread", spreadTests},
		{"Record", recordTests},
		{"Held", heldTests},
		{"Token", tokenTests},
		{"Reply", replyTests},
		{"Reaction", reactionTests},
		{"Notice", noticeTests},
		{"Inbox", inboxTests},
		{"Repeat", repeatTests},
		{"Config", configTests},
		{"Names", nameTests},
		{"Hold", holdTests},
		{"Revision", revisionTests},
		{"Delete", deleteTests},
		{"Sweep", sweepTests},
		{"Ends", endTests},
		{"Scope", scopeTests},
		{"Waiting", waitingTests},
		{"Retrying", retryingTests},
		{"Replay", replayTests},
		{"Keep", keepTests},
	})
	for name, play := range map[string]func(*fixture){"Stress": stress, "Model": model} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(newFixture(t, open(t)))
		})
	}
}

// RunLists runs what of the suite asks for lists and for numbers, by every filter with every
// other: thousands of questions, one after the other, of a store that nobody else uses.
func RunLists(t *testing.T, open func(t *testing.T) bellhop.Store) {
	runAll(t, open, []group{
		{"Log", logTests},
		{"Upward", upwardTests},
		{"Search", searchTests},
		{"Times", timesTests},
		{"Stats", statsTests},
		{"Deliveries", deliveriesTests},
		{"Moves", movesTests},
	})
}

type group struct {
	name  string
	tests []test
}

func runAll(t *testing.T, open func(t *testing.T) bellhop.Store, groups []group) {
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, tc := range group.tests {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					tc.run(newFixture(t, open(t)))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(*fixture)
}

// fixture is a store with one node joined, a clock that stands still until it is
// told to move, and short ways to say what a test wants.
type fixture struct {
	testing.TB
	s   bellhop.Store
	now time.Time
	ids *id.Generator
	// lease is that of the node, and node its number.
	lease bellhop.Lease
	node  bellhop.NodeID

	buckets bucketsOf
}

// anyApp is the scope of who may see everything.
var anyApp = bellhop.Everything()

func newFixture(t *testing.T, s bellhop.Store) *fixture {
	f := &fixture{TB: t, s: s, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), ids: id.NewGenerator(0, 0)}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	f.lease = f.join().Lease
	f.node = f.lease.Node
	f.buckets.of = map[bellhop.Bucket]bellhop.BucketOwner{}
	f.takeAll(f.lease)
	return f
}

func (f *fixture) pass(d time.Duration) { f.now = f.now.Add(d) }

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// same compares; an empty list is as good as none.
func same[T any](f *fixture, what string, got, want T) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (f *fixture) join() bellhop.Node {
	f.Helper()
	n, err := f.s.Join(f.Context(), f.about(), time.Hour*24*365, f.now)
	f.must(err)
	return n
}

func (f *fixture) version() int64 {
	f.Helper()
	r, err := f.s.Routes(f.Context(), 0)
	f.must(err)
	return r.Version
}

// endpoint saves an endpoint that listens to apps ("acme" if none is named).
func (f *fixture) endpoint(apps ...string) bellhop.Endpoint {
	f.Helper()
	if len(apps) == 0 {
		apps = []string{"acme"}
	}
	return f.save(bellhop.Endpoint{
		ID: id.Next[id.Endpoint](f.ids, f.now), Apps: apps, URL: "https://example.com/hook", Dialect: "standard",
		Status: bellhop.EndpointActive, Timeout: bellhop.Duration(15 * time.Second), Concurrency: 8,
		Ordering: bellhop.OrderingNone, CreatedAt: f.now, UpdatedAt: f.now,
	})
}

// save saves e and gives it back as the store has it.
func (f *fixture) save(e bellhop.Endpoint) bellhop.Endpoint {
	f.Helper()
	f.must(f.s.SaveEndpoint(f.Context(), e, nil, f.now))
	return f.stored(e.ID)
}

func (f *fixture) stored(e bellhop.EndpointID) bellhop.Endpoint {
	f.Helper()
	r, err := f.s.Routes(f.Context(), 0)
	f.must(err)
	for _, stored := range r.Endpoints {
		if stored.ID == e {
			return stored
		}
	}
	f.Fatalf("endpoint %v is not stored", e)
	panic("unreachable")
}

// event makes, but does not store, an event of app acme for the endpoints.
func (f *fixture) event(endpoints ...bellhop.Endpoint) bellhop.NewEvent {
	e := bellhop.Event{
		ID: id.Next[id.Event](f.ids, f.now), App: "acme", Type: "invoice.paid", Subject: "invoice:1",
		Data: bellhop.JSON(`{ "n" : 1 }`), Deliveries: len(endpoints),
	}
	n := bellhop.NewEvent{Event: e, Digest: [32]byte{1}}
	for i := range endpoints {
		n.Deliveries = append(n.Deliveries, f.delivery(&e, &endpoints[i]))
	}
	return n
}

func (f *fixture) delivery(e *bellhop.Event, to *bellhop.Endpoint) bellhop.Delivery {
	d := bellhop.Delivery{
		ID: id.Next[id.Delivery](f.ids, f.now), Event: e.ID, Endpoint: to.ID, App: e.App, Type: e.Type,
		Trigger: bellhop.TriggerPublish, Status: bellhop.DeliveryPending, Due: f.now,
		OrderKey: to.Ordering.OrderKey(e),
	}
	d.OrderPos = bellhop.OrderPosition(e, d.Trigger, d.ID, f.now)
	return d
}

func (f *fixture) enqueue(events ...bellhop.NewEvent) []bellhop.Receipt {
	f.Helper()
	r, err := f.s.Enqueue(f.Context(), f.lease, f.version(), events, f.now)
	f.must(err)
	return r
}

// publish stores one event for the endpoints, and gives it.
func (f *fixture) publish(endpoints ...bellhop.Endpoint) bellhop.NewEvent {
	f.Helper()
	n := f.event(endpoints...)
	f.enqueue(n)
	return n
}

func (f *fixture) claim(e bellhop.Endpoint, limit int) []bellhop.Work {
	f.Helper()
	return f.claimed(e, limit).Work
}

// claimed claims first attempts, and then retries.
func (f *fixture) claimed(e bellhop.Endpoint, limit int) bellhop.Claimed {
	f.Helper()
	c := f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Limit: limit})
	retries := f.claimOf(bellhop.ClaimRequest{Endpoint: e.ID, Retries: true, Limit: limit - len(c.Work)})
	return bellhop.Claimed{Work: append(c.Work, retries.Work...), Next: c.Next, NextRetry: retries.NextRetry}
}

// claimOf makes one claim under the fixture's lease.
func (f *fixture) claimOf(r bellhop.ClaimRequest) bellhop.Claimed {
	f.Helper()
	r.Lease = f.lease
	c, err := f.claimAs(r)
	f.must(err)
	return c
}

// claimAs makes one claim under its lease, which gets the endpoint's bucket for that.
func (f *fixture) claimAs(r bellhop.ClaimRequest) (bellhop.Claimed, error) {
	f.Helper()
	r.BucketEpoch = f.ownBucket(r.Lease, r.Endpoint)
	return f.s.Claim(f.Context(), r, f.now)
}

// attempt makes, but does not record, an attempt of a delivery.
func (f *fixture) attempt(d bellhop.Delivery, status bellhop.AttemptStatus) bellhop.Attempt {
	return bellhop.Attempt{
		ID: id.Next[id.Attempt](f.ids, f.now), Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint,
		App: d.App, Type: d.Type, Trigger: d.Trigger, Number: d.Attempts + 1, Status: status, Final: true,
		URL: "https://example.com/hook", Duration: bellhop.Duration(120 * time.Millisecond),
	}
}

// retry makes an attempt that failed and is made again after a while.
func (f *fixture) retry(d bellhop.Delivery, after time.Duration) bellhop.Attempt {
	a := f.attempt(d, bellhop.AttemptFailed)
	a.Final, a.NextAt, a.Reason = false, f.now.Add(after), "timeout"
	return a
}

func (f *fixture) record(attempts ...bellhop.Attempt) {
	f.Helper()
	var results []bellhop.Result
	for _, a := range attempts {
		results = append(results, bellhop.Result{Attempt: a, Lease: f.lease})
	}
	f.must(f.s.Record(f.Context(), f.lease, results, f.now))
}

// finish claims everything due at the endpoint and ends it.
func (f *fixture) finish(e bellhop.Endpoint, status bellhop.AttemptStatus) []bellhop.Attempt {
	f.Helper()
	var attempts []bellhop.Attempt
	for _, w := range f.claim(e, 1000) {
		attempts = append(attempts, f.attempt(w.Delivery, status))
	}
	f.record(attempts...)
	return attempts
}

// result is of work that the fixture's own lease claimed.
func (f *fixture) result(a bellhop.Attempt) bellhop.Result {
	return bellhop.Result{Attempt: a, Lease: f.lease}
}

// redeliver asks for deliveries of stored events, and answers how many were added.
func (f *fixture) redeliver(audit *bellhop.AuditEntry, deliveries ...bellhop.Delivery) int {
	f.Helper()
	done, err := f.s.Redeliver(f.Context(), f.lease, bellhop.Redelivery{Deliveries: deliveries, Audit: audit}, f.now)
	f.must(err)
	return done.Added
}

// app saves an app, whatever is there.
func (f *fixture) app(id string) bellhop.App {
	f.Helper()
	a := f.appNow(id)
	f.must(f.s.SaveApp(f.Context(), a, nil))
	a.Revision++
	return a
}

// appNow is the app as it is stored, or a new one.
func (f *fixture) appNow(id string) bellhop.App {
	f.Helper()
	for _, a := range f.changes(0).Apps {
		if a.ID == id {
			return a
		}
	}
	return bellhop.App{ID: id}
}

// erase erases one event, and sweep ends what can never be delivered.
func (f *fixture) erase(n bellhop.NewEvent) {
	f.Helper()
	_, err := f.s.Erase(f.Context(), bellhop.EraseSelector{Event: n.Event.ID}, nil, f.now)
	f.must(err)
}

func (f *fixture) sweep() int {
	f.Helper()
	for total := 0; ; {
		n, err := f.s.Sweep(f.Context(), id.Take[id.Attempt](f.ids, 10, f.now), f.now)
		f.must(err)
		if total += n; n < 10 {
			return total
		}
	}
}

// unsubscribe deletes the endpoint, and ends what is pending to it.
func (f *fixture) unsubscribe(e bellhop.Endpoint) {
	f.Helper()
	f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
	f.sweep()
}

func (f *fixture) audit(apps ...string) *bellhop.AuditEntry {
	return &bellhop.AuditEntry{
		ID: id.Next[id.Audit](f.ids, f.now), Actor: "key_1", Action: "test.do", Object: "thing", Apps: apps,
		Detail: bellhop.JSON(`{"a":1}`),
	}
}

func (f *fixture) audits() []bellhop.AuditEntry {
	f.Helper()
	list, err := f.s.Audit(f.Context(), bellhop.AuditFilter{Scope: anyApp, Limit: 100})
	f.must(err)
	return list
}

func (f *fixture) pending(e bellhop.EndpointID) int64 {
	f.Helper()
	n, _, err := f.s.Pending(f.Context(), anyApp, e)
	f.must(err)
	return n
}

func (f *fixture) get(d bellhop.DeliveryID) bellhop.Delivery {
	f.Helper()
	got, err := f.s.Delivery(f.Context(), d)
	f.must(err)
	return got
}

func (f *fixture) log(d bellhop.DeliveryID) []bellhop.Attempt {
	f.Helper()
	list, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Delivery: d, Limit: 100, WithBodies: true})
	f.must(err)
	return list
}

func deliveryIDs(work []bellhop.Work) []bellhop.DeliveryID {
	var ids []bellhop.DeliveryID
	for _, w := range work {
		ids = append(ids, w.Delivery.ID)
	}
	return ids
}
