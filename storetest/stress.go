package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// stress has publishers, claimers and readers work at once. Each delivery must
// be claimed by one claimer at a time, and finished once.
func stress(f *fixture) {
	const publishers, claimers, perPublisher = 4, 4, 40
	endpoints := []bellhop.Endpoint{f.endpoint(), f.endpoint(), f.endpoint()}
	v := f.version()

	var crew, readers sync.WaitGroup
	for p := range publishers {
		crew.Go(func() {
			for i := range perPublisher {
				n := f.event(endpoints...)
				n.Event.ExternalID = fmt.Sprint(p, "-", i)
				if _, err := f.s.Enqueue(f.Context(), f.lease, v, []bellhop.NewEvent{n}, f.now); err != nil {
					f.Error(err)
				}
			}
		})
	}
	ledger := ledger{held: map[bellhop.DeliveryID]bool{}, done: map[bellhop.DeliveryID]bool{}}
	const total = publishers * perPublisher * 3
	for c := range claimers {
		lease := f.lease // whoever claims owns the bucket
		crew.Go(func() {
			for i := 0; ledger.finished() < total && !f.Failed(); i++ {
				f.work(&ledger, lease, endpoints[(c+i)%len(endpoints)].ID)
			}
		})
	}
	stop := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := f.s.Deliveries(f.Context(), bellhop.DeliveryFilter{Scope: anyApp, Limit: 50}); err != nil {
				f.Error(err)
			}
			if _, err := f.s.Overdue(f.Context(), nil, time.Time{}); err != nil {
				f.Error(err)
			}
		}
	})
	crew.Wait()
	close(stop)
	readers.Wait()
	same(f, "pending", f.pending(0), 0)
	list, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Status: bellhop.AttemptSucceeded, Limit: 10_000})
	f.must(err)
	same(f, "succeeded", len(list), total)
}

// work claims some deliveries, gives one back, lets one fail and ends the rest.
func (f *fixture) work(l *ledger, lease bellhop.Lease, e bellhop.EndpointID) {
	c, err := f.claimAs(bellhop.ClaimRequest{Lease: lease, Endpoint: e, Limit: 7})
	if err == nil && len(c.Work) == 0 {
		c, err = f.claimAs(bellhop.ClaimRequest{Lease: lease, Endpoint: e, Retries: true, Limit: 7})
	}
	if err != nil {
		f.Error(err)
		return
	}
	var results []bellhop.Result
	var release []bellhop.DeliveryID
	for i, w := range c.Work {
		if !l.hold(w.Delivery.ID) {
			f.Errorf("delivery %v was claimed twice", w.Delivery.ID)
		}
		a := f.attempt(w.Delivery, bellhop.AttemptSucceeded)
		switch {
		case i == 6:
			release = append(release, w.Delivery.ID)
		case i == 5 && w.Delivery.Attempts == 0:
			results = append(results, bellhop.Result{Attempt: f.retry(w.Delivery, 0), Lease: w.Lease})
		default:
			results = append(results, bellhop.Result{Attempt: a, Lease: w.Lease})
		}
	}
	l.settle(results, release)
	if err := f.s.Record(f.Context(), lease, results, f.now); err != nil {
		f.Error(err)
	}
	if err := f.s.Release(f.Context(), lease, release, f.now); err != nil {
		f.Error(err)
	}
}

// ledger is what the claimers know of each other.
type ledger struct {
	mu         sync.Mutex
	held, done map[bellhop.DeliveryID]bool
}

func (l *ledger) finished() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done)
}

func (l *ledger) hold(d bellhop.DeliveryID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[d] || l.done[d] {
		return false
	}
	l.held[d] = true
	return true
}

// settle is called before the store is told, or another claimer could be faster.
func (l *ledger) settle(results []bellhop.Result, release []bellhop.DeliveryID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range release {
		delete(l.held, d)
	}
	for i := range results {
		a := &results[i].Attempt
		delete(l.held, a.Delivery)
		if a.Final {
			l.done[a.Delivery] = true
		}
	}
}
