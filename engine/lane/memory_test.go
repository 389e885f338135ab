package lane

import (
	"bytes"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// crowd is lanes that fetch large events, of which each has one in the store.
type crowd struct {
	*bench
	claims []Claim
	sent   []*Job
	most   int64 // that was ever held
}

const largeData = 16 << 10

func newCrowd(t *testing.T) *crowd {
	c := &crowd{bench: newBench(t)}
	c.m.MaxInFlight, c.m.slots.max = 1000, 1000
	c.m.memory.largest = int64(weigh(largeData))
	c.m.MaxData = largeData
	return c
}

// take does what is asked for, but for sending.
func (c *crowd) take(effects []Effect) {
	c.claims = append(c.claims, of[Claim](effects)...)
	for _, s := range of[Send](effects) {
		c.sent = append(c.sent, s.Job)
	}
	c.most = max(c.most, c.m.HeldBytes())
}

// noted has the store have an event for an endpoint.
func (c *crowd) noted(r *routes.Route) {
	c.take(c.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: c.now}}))
}

// fetch answers the claims with a large event each.
func (c *crowd) fetch() {
	for len(c.claims) > 0 {
		claim := c.claims[0]
		c.claims = c.claims[1:]
		w := c.work(c.m.lanes[claim.Endpoint].route)
		w.Event.Data = bytes.Repeat([]byte{'1'}, largeData)
		c.take(c.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{w}}}))
	}
}

// end ends a request.
func (c *crowd) end(job *Job, class bellhop.Class) {
	_, effects := c.answer(job, class)
	c.take(effects)
}

// A delivery is counted with the body of its request, until it is recorded.
func TestABodyCounts(t *testing.T) {
	b := newBench(t)
	r := b.endpoint()
	w := b.work(r)
	w.Event.Data = bytes.Repeat([]byte{'1'}, 1000)
	if !b.m.Reserve(r, 1000, b.now) {
		t.Fatal("there is no room")
	}
	job := of[Send](b.step(Admitted{w}))[0].Job
	if got := b.m.HeldBytes(); got < 2000 {
		t.Errorf("%d bytes are counted of a request with 1000 bytes of data", got)
	}
	b.answer(job, bellhop.ClassTaken)
	b.quiet()
}

// One large event for many endpoints that hang stays within the bound, and all of them get
// it in turn, as those before time out.
func TestAFanOutOfALargeEventIsBounded(t *testing.T) {
	const endpoints = 200
	c := newCrowd(t)
	tried := map[bellhop.EndpointID]bool{}
	for range endpoints {
		c.noted(c.endpoint(unknown))
	}
	c.fetch()
	if n := len(c.sent); n < 8 || n > int(c.m.QueueBytes)/largeData/2 {
		t.Errorf("%d requests of %d bytes are under way, with a bound of %d", n, largeData, c.m.QueueBytes)
	}
	for len(c.sent) > 0 {
		job := c.sent[0]
		c.sent = c.sent[1:]
		tried[job.Route.ID] = true
		c.now = c.now.Add(2 * time.Second)
		c.end(job, bellhop.ClassAgain)
		c.m.lanes[job.Route.ID].nextDue = dues{} // its retry is of no interest here
		c.fetch()
	}
	if c.most > c.m.QueueBytes {
		t.Errorf("lanes held %d bytes; the bound is %d", c.most, c.m.QueueBytes)
	}
	if len(tried) != endpoints {
		t.Errorf("%d of %d endpoints were tried", len(tried), endpoints)
	}
	c.quiet()
}

// unknown is an endpoint that took nothing yet.
func unknown(e *bellhop.Endpoint) { e.Vitals.Taken = false }

// Endpoints that hang leave memory to those that answer, also to those that did before the
// start.
func TestHangingEndpointsDoNotUseUpTheMemory(t *testing.T) {
	c := newCrowd(t)
	well := c.endpoint()
	for range 200 {
		c.noted(c.endpoint(unknown))
		c.fetch()
		c.now = c.now.Add(slowAfter / 10)
	}
	if len(c.claims) > 0 {
		t.Fatal("a claim is under way")
	}
	hanging := c.m.HeldBytes()
	if hanging < c.m.QueueBytes/4 || hanging > c.m.QueueBytes*3/4 {
		t.Errorf("endpoints that hang hold %d bytes of %d", hanging, c.m.QueueBytes)
	}
	for range 2 {
		if !c.m.Reserve(well, largeData, c.now) {
			t.Error("the memory has no room for an endpoint that is well")
		}
	}
	if newcomer := c.endpoint(unknown); !c.m.Reserve(newcomer, 100, c.now) {
		t.Error("a small event for a new endpoint has no room beside large ones for those that hang")
	} else if c.m.Reserve(newcomer, largeData, c.now) {
		t.Error("a large one has")
	}
	if c.m.memory.by[failing] == 0 {
		t.Error("nobody has looked which endpoints hang")
	}
}

// An app with many endpoints does not keep another one waiting.
func TestAppsTakeTurnsForMemory(t *testing.T) {
	c := newCrowd(t)
	for range 100 {
		c.noted(c.endpoint(unknown))
	}
	c.fetch()
	other := c.endpoint(unknown, func(e *bellhop.Endpoint) { e.Apps = []string{"other"} })
	c.noted(other)
	if n := len(c.sent); n == 0 || len(c.claims) > 0 {
		t.Fatalf("%d requests, and %d claims, though there is no memory left", n, len(c.claims))
	}
	for i := range 2 {
		c.end(c.sent[i], bellhop.ClassTaken)
		c.fetch()
	}
	if !c.m.lanes[other.ID].idle() {
		return
	}
	t.Error("an endpoint of another app waits for all that came before")
}

// Where there is memory for a few of the largest events only, they go all the same, one
// after the other.
func TestTheLargestEventAlwaysFits(t *testing.T) {
	c := newCrowd(t)
	c.m.memory.max = 2 * largeData
	c.m.QueueBytes = c.m.memory.max
	for range 20 {
		c.noted(c.endpoint(unknown))
	}
	c.fetch()
	tried := 0
	for ; len(c.sent) > 0; tried++ {
		job := c.sent[0]
		c.sent = c.sent[1:]
		c.end(job, bellhop.ClassTaken)
		c.fetch()
	}
	if tried != 20 || c.most > c.m.memory.most() {
		t.Errorf("%d of 20 were sent; lanes held %d bytes, and may hold %d", tried, c.most, c.m.memory.most())
	}
	c.quiet()
}
