package lane

import (
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// retries are so many deliveries of an endpoint that had an attempt.
func (b *bench) retries(r *routes.Route, n int) []bellhop.Work {
	var list []bellhop.Work
	for range n {
		w := b.work(r)
		w.Delivery.Attempts = 1
		list = append(list, w)
	}
	return list
}

// noted tells the machine of what the store has, and gives the claim that follows.
func (b *bench) noted(r *routes.Route, retries bool) Claim {
	b.Helper()
	claims := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Retries: retries, Due: b.now}}))
	if len(claims) != 1 || claims[0].Retries != retries {
		b.Fatalf("claims: %+v, want one of retries: %v", claims, retries)
	}
	return claims[0]
}

// Of a lane that has both in memory, first attempts go first, but for one retry in
// eight requests.
func TestFirstAttemptsGoBeforeRetries(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	b.step(Claimed{Claim: b.noted(r, true), Answer: bellhop.Claimed{Work: b.retries(r, 5)}})
	for range 20 {
		b.publish(r) // there is room, although retries wait
	}
	var order []bool
	for range 25 {
		_, follows := b.answer(job, bellhop.ClassTaken)
		job = of[Send](follows)[0].Job
		order = append(order, job.Work.Delivery.IsRetry())
	}
	b.answer(job, bellhop.ClassTaken)
	want := make([]bool, 25)
	for _, i := range []int{7, 15, 22, 23, 24} { // at last, nothing else is left
		want[i] = true
	}
	if !slices.Equal(order, want) {
		t.Errorf("retries went at %v, want %v", order, want)
	}
	b.quiet()
}

// Retries that take long leave room among the requests in flight.
func TestRetriesLeaveRoomInFlight(t *testing.T) {
	for _, c := range []struct{ concurrency, retries int }{{1, 1}, {3, 3}, {4, 3}, {32, 24}} {
		b := newBench(t)
		r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = c.concurrency })
		effects := b.step(Claimed{Claim: b.noted(r, true), Answer: bellhop.Claimed{Work: b.retries(r, 40)}})
		if n := len(of[Send](effects)); n != c.retries {
			t.Errorf("%d of %d requests are retries, want %d", n, c.concurrency, c.retries)
		}
	}
}

// Retries that are due in the store, however many, keep no first attempt from memory
// or from being claimed.
func TestRetriesInTheStoreHoldNothingUp(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	claim := b.noted(r, true)
	claims := of[Claim](b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: b.retries(r, claim.Limit), NextRetry: b.now}}))
	if len(claims) > 0 {
		t.Errorf("claims %+v while it has %d retries", claims, claim.Limit)
	}
	for range 200 {
		b.publish(r)
	}
	if r = b.endpoint(); !b.m.Reserve(r, 1, b.now) {
		t.Error("no room in an empty lane")
	}
	b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	if b.m.Reserve(r, 1, b.now) {
		t.Error("a first attempt overtakes another one")
	}
}

// Where both are due in the store, claims take turns.
func TestClaimsTakeTurns(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 32 })
	claim := b.noted(r, true)
	b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	var kinds []bool
	for range 6 {
		kinds = append(kinds, claim.Retries)
		claims := of[Claim](b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}, Next: b.now, NextRetry: b.now}}))
		if len(claims) != 1 {
			t.Fatalf("%d claims follow", len(claims))
		}
		claim = claims[0]
	}
	if want := []bool{true, false, true, false, true, false}; !slices.Equal(kinds, want) {
		t.Errorf("claims of retries: %v, want %v", kinds, want)
	}
}

// opened fails until the circuit is open, and leaves nothing in memory.
func (b *bench) opened(r *routes.Route) {
	b.Helper()
	for range breakAfter {
		_, effects := b.publish(r)
		b.answer(of[Send](effects)[0].Job, bellhop.ClassAgain)
	}
	if b.m.CircuitsOpen() != 1 {
		b.Fatal("the circuit is closed")
	}
}

// A circuit is probed with the newest first attempt; with a retry only if there is none.
func TestTheProbeIsTheNewestFirstAttempt(t *testing.T) {
	for _, c := range []struct {
		name     string
		ordering bellhop.Ordering
		first    bool
		newest   bool
	}{
		{"first attempts wait", bellhop.OrderingNone, true, true},
		{"an order is kept", bellhop.OrderingSubject, true, false},
		{"nothing but retries", bellhop.OrderingNone, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			r := b.endpoint()
			b.opened(r)
			if c.ordering != r.Ordering {
				r = b.changed(r, func(e *bellhop.Endpoint) { e.Ordering = c.ordering })
				b.step(Configured{Changed: []*routes.Route{r}})
				b.m.lanes[r.ID].nextDue = dues{retry: b.now}
			}
			if c.first {
				b.want("while it is open", b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))
			}
			b.now = b.now.Add(firstProbe)
			claims := of[Claim](b.step(Tick{}))
			if len(claims) != 1 || claims[0].Limit != 1 || claims[0].Retries == c.first || claims[0].Newest != c.newest {
				t.Fatalf("claims: %+v", claims)
			}
			if c.first {
				// It is gone meanwhile: then a retry will do.
				claims = of[Claim](b.step(Claimed{Claim: claims[0], Answer: bellhop.Claimed{NextRetry: b.now}}))
				if len(claims) != 1 || claims[0].Limit != 1 || !claims[0].Retries {
					t.Errorf("claims after that: %+v", claims)
				}
			}
		})
	}
}

// Whatever shows the receiver alive closes the circuit.
func TestARefusalClosesTheCircuit(t *testing.T) {
	for class, closes := range map[bellhop.Class]bool{
		bellhop.ClassTaken: true, bellhop.ClassRefused: true, bellhop.ClassOurs: false,
		bellhop.ClassAgain: false, bellhop.ClassOverloaded: false, bellhop.ClassGone: false,
	} {
		b := newBench(t)
		r := b.endpoint()
		b.opened(r)
		b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
		b.now = b.now.Add(firstProbe)
		claim := of[Claim](b.step(Tick{}))[0]
		probe := of[Send](b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}}}))[0].Job
		b.answer(probe, class)
		if closed := b.m.CircuitsOpen() == 0; closed != closes {
			t.Errorf("class %d: closed is %v, want %v", class, closed, closes)
		}
	}
}

// However many events are refused, the circuit stays closed and the endpoint active.
func TestRefusalsNeverOpenACircuit(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	for range 10 * breakAfter {
		_, effects := b.publish(r)
		if result, follows := b.answer(of[Send](effects)[0].Job, bellhop.ClassRefused); result.Vitals != nil && result.Vitals.Ill > 0 || len(ofKind(follows, "Disable")) > 0 {
			t.Fatalf("a refusal is held against the endpoint: %v", names(follows))
		}
		b.now = b.now.Add(time.Hour)
		b.m.lanes[r.ID].nextDue = dues{} // the retries are of no interest here
	}
	if s := b.m.State(r, b.now); s.Circuit != "closed" || s.ConsecutiveFailures != 0 || !s.FailingSince.IsZero() {
		t.Errorf("%+v", s)
	}
}

// What is noted while retries are claimed is not overtaken either.
func TestNothingOvertakesWhatIsNotedDuringAClaim(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	claim := b.noted(r, true)
	if !b.m.Reserve(r, 1, b.now) {
		t.Error("a claim of retries keeps first attempts out")
	}
	b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	if b.m.Reserve(r, 1, b.now) {
		t.Error("a first attempt overtakes another one, since retries are being claimed")
	}
	if claims := of[Claim](b.step(Claimed{Claim: claim})); len(claims) != 1 || claims[0].Retries {
		t.Errorf("claims: %+v", claims)
	}
}

// What was being committed as a pause began does not overtake, when it ends, what was
// held: that may be older.
func TestWhatIsCommittedAcrossAPauseGoesInTurn(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	w := b.work(r)
	b.m.Reserve(r, len(w.Event.Data), b.now)
	p := b.changed(r, paused)
	b.step(Configured{Changed: []*routes.Route{p}})
	r = b.changed(p, func(e *bellhop.Endpoint) { e.Status = bellhop.EndpointActive })
	claim := of[Claim](b.step(Configured{Changed: []*routes.Route{r}}))[0]
	b.want("committed", b.step(Admitted{w}), "Release")
	b.want("claimed", b.step(Claimed{Claim: claim}))
	b.want("given back", b.step(Released{r.ID}), "Claim")
}

// A probe that is being claimed when the endpoint is resumed does not go before what is
// older.
func TestAProbeThatIsNotNeededGoesInTurn(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	b.opened(r)
	b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}})
	b.now = b.now.Add(firstProbe)
	claim := of[Claim](b.step(Tick{}))[0]
	p := b.changed(r, paused)
	b.step(Configured{Changed: []*routes.Route{p}})
	b.step(Configured{Changed: []*routes.Route{b.changed(p, func(e *bellhop.Endpoint) { e.Status = bellhop.EndpointActive })}})
	b.want("claimed", b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r)}}}), "Release")
}
