package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

// Transact begins a transaction of the caller's own in a store.
type Transact func(ctx context.Context, s bellhop.Store, f func(bellhop.Tx) error) error

// RunTx is Run for the transactions that a store's package gives beside the
// interface.
func RunTx(t *testing.T, open func(t *testing.T) bellhop.Store, transact Transact) {
	for _, tc := range txTests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(txFixture{newFixture(t, open(t)), transact})
		})
	}
}

type txFixture struct {
	*fixture
	transact Transact
}

// try runs a transaction, and answers whether its AfterCommit ran.
func (f txFixture) try(body func(bellhop.Tx) error) (committed bool, err error) {
	err = f.transact(f.Context(), f.s, func(tx bellhop.Tx) error {
		tx.AfterCommit(func() { committed = true })
		return body(tx)
	})
	return committed, err
}

var txTests = []struct {
	name string
	run  func(txFixture)
}{
	{"what is enqueued is there once it commits", func(f txFixture) {
		e := f.endpoint()
		n, again := external(f.event(e), "x"), external(f.event(e), "x")
		n.Deliveries[0].Owner = f.node // nobody knows of it yet
		n.Later = []bellhop.EndpointID{f.endpoint().ID}
		v := f.version()
		committed, err := f.try(func(tx bellhop.Tx) error {
			r, err := tx.Enqueue(f.lease, v, []bellhop.NewEvent{n}, f.now)
			same(f.fixture, "receipt", r, []bellhop.Receipt{{Event: n.Event.ID, Deliveries: 1}})
			if err == nil {
				r, err = tx.Enqueue(f.lease, v, []bellhop.NewEvent{again}, f.now)
				same(f.fixture, "receipt", r, []bellhop.Receipt{{Event: n.Event.ID, Deliveries: 1, Duplicate: true}})
			}
			return err
		})
		f.must(err)
		same(f.fixture, "committed", committed, true)
		same(f.fixture, "claimed", deliveryIDs(f.claim(e, 10)), ids(n))
		same(f.fixture, "spread", len(f.spread(10)), 1)
	}},
	{"AfterCommit may use the store", func(f txFixture) {
		n := f.event()
		v := f.version()
		found := false
		f.must(f.transact(f.Context(), f.s, func(tx bellhop.Tx) error {
			tx.AfterCommit(func() {
				_, err := f.s.Event(f.Context(), n.Event.ID)
				found = err == nil
				f.publish()
			})
			_, err := tx.Enqueue(f.lease, v, []bellhop.NewEvent{n}, f.now)
			return err
		}))
		same(f.fixture, "found", found, true)
	}},
	{"a function that fails leaves nothing", func(f txFixture) {
		e := f.endpoint()
		v := f.version()
		wrong := errors.New("the caller's own")
		for name, fail := range map[string]func() error{
			"error": func() error { return wrong },
			"panic": func() error { panic("at the caller's") },
		} {
			n := external(f.event(e), "x")
			n.Later = []bellhop.EndpointID{e.ID}
			committed, err := f.try(func(tx bellhop.Tx) error {
				if _, err := tx.Enqueue(f.lease, v, []bellhop.NewEvent{n}, f.now); err != nil {
					return err
				}
				return fail()
			})
			if err == nil || errors.Is(err, bellhop.ErrUnavailable) || errors.Is(err, bellhop.ErrUnknown) || (name == "error") != errors.Is(err, wrong) {
				f.Errorf("%s: %v", name, err)
			}
			same(f.fixture, "committed", committed, false)
			if _, err := f.s.Event(f.Context(), n.Event.ID); !bellhop.IsNotFound(err) {
				f.Errorf("%s: the event is stored: %v", name, err)
			}
			same(f.fixture, "pending", f.pending(0), 0)
			same(f.fixture, "later", f.later(n), nil)
		}
		n := external(f.event(e), "x")
		same(f.fixture, "the id is free", f.enqueue(n), []bellhop.Receipt{{Event: n.Event.ID, Deliveries: 1}})
	}},
	{"it refuses what Enqueue refuses, and can go on", func(f txFixture) {
		e := f.endpoint()
		v := f.version()
		f.enqueue(external(f.event(e), "x"))
		conflict, good := external(f.event(e), "x"), f.event(e)
		conflict.Digest = [32]byte{9}
		over := f.lease
		over.Epoch++
		_, err := f.try(func(tx bellhop.Tx) error {
			if _, err := tx.Enqueue(f.lease, v+1, []bellhop.NewEvent{good}, f.now); !errors.Is(err, bellhop.ErrStaleRoutes) {
				f.Errorf("Enqueue = %v, want ErrStaleRoutes", err)
			}
			if _, err := tx.Enqueue(over, v, []bellhop.NewEvent{good}, f.now); !errors.Is(err, bellhop.ErrLeaseLost) {
				f.Errorf("Enqueue = %v, want ErrLeaseLost", err)
			}
			if _, err := tx.Enqueue(f.lease, v, []bellhop.NewEvent{good, conflict}, f.now); bellhop.CodeOf(err) != bellhop.CodeIDConflict {
				f.Errorf("Enqueue = %v, want a conflict", err)
			}
			_, err := tx.Enqueue(f.lease, v, []bellhop.NewEvent{good}, f.now)
			return err
		})
		f.must(err)
		same(f.fixture, "pending", f.pending(0), 2)
		committed, err := f.try(func(tx bellhop.Tx) error {
			_, err := tx.Enqueue(f.lease, v+1, nil, f.now)
			return err
		})
		if committed || !errors.Is(err, bellhop.ErrStaleRoutes) {
			f.Errorf("committed: %v, %v; want ErrStaleRoutes", committed, err)
		}
	}},
	{"it is nothing for a caller who has gone", func(f txFixture) {
		ctx, cancel := context.WithCancel(f.Context())
		cancel()
		err := f.transact(ctx, f.s, func(bellhop.Tx) error {
			f.Error("it ran")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			f.Errorf("Transact = %v, want context.Canceled", err)
		}
	}},
	{"other callers go on beside it", func(f txFixture) {
		v := f.version()
		begun, others := make(chan struct{}), make(chan error, 1)
		go func() {
			<-begun
			_, err := f.s.Enqueue(f.Context(), f.lease, v, []bellhop.NewEvent{f.event()}, f.now)
			others <- err
		}()
		_, err := f.try(func(tx bellhop.Tx) error {
			close(begun)
			time.Sleep(5 * time.Millisecond) // for the other to queue up
			return errors.New("rolled back")
		})
		if err == nil {
			f.Error("it did not fail")
		}
		f.must(<-others)
	}},
}
