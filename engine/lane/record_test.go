package lane

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// A request that was answered makes room for the next one before what came of it is
// durable, but not without bound, and not where the order would suffer.
func TestAnswersMakeRoomBeforeTheyAreRecorded(t *testing.T) {
	b := newBench(t)
	answer := func(j *Job, body int) (next []Send) {
		o := bellhop.Outcome{Class: bellhop.ClassTaken}
		o.Exchange.ResponseBody = make([]byte, body)
		return of[Send](b.step(Sent{Job: j, Attempt: id.Next[id.Attempt](b.ids, b.now), Outcome: &o}))
	}
	for name, c := range map[string]struct {
		most  int // requests of all
		bears int // MaxConcurrency
		exact bool
		want  int
	}{
		"as many as may ever be in flight": {1000, 10, false, 10},
		"as many as all lanes may have":    {5, 100, false, 7}, // by then, two at once
		"one at a time, as somebody wants": {1000, 10, true, 1},
	} {
		b = newBench(t)
		b.m.MaxConcurrency, b.m.MaxInFlight = c.bears, c.most
		r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency, e.ExactConcurrency = 1, c.exact })
		var jobs []*Job
		send := func(sends []Send) {
			for _, s := range sends {
				jobs = append(jobs, s.Job)
			}
		}
		for range 200 {
			_, effects := b.publish(r)
			send(of[Send](effects))
		}
		for i := 0; i < len(jobs); i++ {
			send(answer(jobs[i], 10))
		}
		if len(jobs) != c.want {
			t.Errorf("%s: %d requests were made while nothing was recorded, want %d", name, len(jobs), c.want)
		}
		for i := 0; i < len(jobs); i++ {
			if i >= c.want {
				send(answer(jobs[i], 10))
			}
			send(of[Send](b.step(Recorded{Job: jobs[i]})))
		}
		if len(jobs) != 200 {
			t.Errorf("%s: %d of 200 were sent in the end", name, len(jobs))
		}
	}

	b = newBench(t)
	b.m.MaxConcurrency = 10
	r := b.endpoint(func(e *bellhop.Endpoint) { e.Concurrency = 1 })
	_, effects := b.publish(r)
	b.publish(r)
	if n := len(answer(of[Send](effects)[0].Job, int(b.m.QueueBytes))); n != 0 {
		t.Error("an answer that is larger than all that may be kept of them makes room")
	}

	b = newBench(t)
	r = b.endpoint(func(e *bellhop.Endpoint) { e.Ordering = bellhop.OrderingEndpoint })
	claim := of[Claim](b.step(Noted{bellhop.Backlog{Endpoint: r.ID, Due: b.now}}))[0]
	sent := of[Send](b.step(Claimed{Claim: claim, Answer: bellhop.Claimed{Work: []bellhop.Work{b.work(r), b.work(r)}}}))
	if len(sent) != 1 {
		t.Fatalf("%d of an order are sent at once", len(sent))
	}
	if n := len(answer(sent[0].Job, 10)); n != 0 {
		t.Error("the next of an order goes before the outcome of the one before is durable")
	}
}

// A pause, a deletion or another owner of the bucket waits for outcomes that are not
// durable yet, as for requests that are under way.
func TestWhatIsNotRecordedYetIsNotForgotten(t *testing.T) {
	b := newBench(t)
	r := b.endpoint(func(e *bellhop.Endpoint) { e.RateLimit = &bellhop.RateLimit{PerSecond: 10, Burst: 10} })
	_, effects := b.publish(r)
	job := of[Send](effects)[0].Job
	b.step(Sent{Job: job, Attempt: id.Next[id.Attempt](b.ids, b.now), Outcome: &bellhop.Outcome{Class: bellhop.ClassTaken}})
	if n := b.m.InFlight(); n != 0 {
		t.Fatalf("%d requests are under way", n)
	}
	if !b.m.Keeps(bellhop.BucketOf(r.ID)) {
		t.Error("nothing keeps the bucket of an endpoint with an outcome that is not durable")
	}
	l := b.m.lanes[r.ID]
	l.disown()
	disown := of[Disown](b.m.effects)
	if len(disown) != 1 || !slices.Equal(disown[0].Known, []bellhop.DeliveryID{job.Work.Delivery.ID}) {
		t.Errorf("%v is disowned but for %v", disown, job.Work.Delivery.ID)
	}
	b.step(Disowned{r.ID})
	b.step(Configured{Gone: []bellhop.EndpointID{r.ID}})
	if b.m.closed[r.ID] == nil {
		t.Error("a lane is forgotten that has an outcome to record")
	}
	b.step(Recorded{Job: job})
	if b.m.closed[r.ID] != nil || b.m.owed != 0 || b.m.owedBytes != 0 {
		t.Errorf("it is remembered: owed %d, %d bytes", b.m.owed, b.m.owedBytes)
	}
}

// log is a store that takes its time, and does not take everything.
type log struct {
	Flow
	mu       sync.Mutex
	refuses  bellhop.DeliveryID
	blocks   []int
	attempts map[bellhop.DeliveryID]int
}

func (l *log) Record(_ context.Context, _ bellhop.Lease, results []bellhop.Result, _ time.Time) error {
	time.Sleep(10 * time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocks = append(l.blocks, len(results))
	for i := range results {
		if results[i].Attempt.Delivery == l.refuses {
			return errors.New("this one cannot be stored")
		}
	}
	for i := range results {
		l.attempts[results[i].Attempt.Delivery]++
	}
	return nil
}

// taker is a receiver that takes everything at once.
type taker struct{}

func (taker) Deliver(_ context.Context, _ *routes.Route, _ *bellhop.Work, o *bellhop.Outcome) bool {
	o.Class = bellhop.ClassTaken
	return true
}

func TestAttemptsAreRecordedInBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		store := &log{attempts: map[bellhop.DeliveryID]int{}}
		ctx, abort := context.WithCancel(context.Background())
		defer abort()
		d := NewDispatcher(Options{
			Settings: Settings{MaxInFlight: 1000, MaxConcurrency: 1000, QueueBytes: 64 << 20}, Flow: store, Sender: taker{}, Logger: slog.New(slog.DiscardHandler),
			Now: time.Now, Unseen: func(time.Time) time.Duration { return 0 }, Random: func() float64 { return 0.5 },
			Lease: func() bellhop.Lease { return b.lease }, IDs: func() *id.Generator { return b.ids },
			Wrote: func(_ string, err error) error { return err }, Recorded: func(*bellhop.Attempt, *bellhop.Work) {}, GaveUp: func() {},
			Verdict: func(Verdict) {}, Drained: func(bellhop.Bucket, int64) {}, BucketLost: func() {}, Tell: func(bellhop.Bucket) {},
		})
		d.Start(ctx)
		taken := make([]bellhop.BucketOwner, bellhop.Buckets)
		for i := range taken {
			taken[i] = bellhop.BucketOwner{Bucket: bellhop.Bucket(i), Lease: b.lease, Epoch: b.lease.Epoch}
		}
		d.Took(BucketsTaken{Taken: taken})
		r, other := b.route(), b.route(func(e *bellhop.Endpoint) { e.Apps = []string{"other"} })
		d.Configure([]*routes.Route{r, other}, nil)

		publish := func(r *routes.Route) bellhop.DeliveryID {
			w := b.work(r)
			if !d.Reserve(r, len(w.Event.Data)) {
				t.Fatal("there is no room")
			}
			d.Admit(w)
			return w.Delivery.ID
		}
		var all []bellhop.DeliveryID
		for i := range 900 {
			if all = append(all, publish(r)); i == 500 {
				store.mu.Lock()
				store.refuses = all[i]
				store.mu.Unlock()
			}
		}
		all = append(all, publish(other))
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		store.mu.Lock()
		// The rest of a block in which one is at fault is recorded one by one.
		if n := len(store.blocks); n > 900/recordItems+recordItems+20 {
			t.Errorf("900 attempts took %d writes", n)
		}
		for _, delivery := range all {
			if n := store.attempts[delivery]; n != 1 && delivery != store.refuses {
				t.Errorf("an attempt was recorded %d times", n)
			}
		}
		store.refuses = 0
		store.mu.Unlock()
		time.Sleep(10 * time.Second)
		if cut := d.Drain(time.Second, abort); cut != 0 {
			t.Errorf("%d were cut off", cut)
		}
		if store.attempts[all[500]] != 1 {
			t.Error("the attempt that was not taken is not recorded once it is")
		}
	})
}
