package api

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
)

// reads follows who is reading.
type reads struct {
	*gate
	t     *testing.T
	order []account
	free  map[account][]func()
	fails map[account]int
}

func newReads(t *testing.T) *reads {
	return &reads{gate: newReading(), t: t, free: map[account][]func(){}, fails: map[account]int{}}
}

// ask has n more of an account wait for their turn. In a bubble, only one goroutine
// runs at a time between two waits that matters here: what is noted is in order.
func (r *reads) ask(ctx context.Context, a account, n int) {
	for range n {
		go func() {
			done, err := r.begin(ctx, a)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil {
				r.fails[a]++
				return
			}
			r.order = append(r.order, a)
			r.free[a] = append(r.free[a], done)
		}()
		synctest.Wait()
	}
}

// end ends a read of an account, and lets the next begin.
func (r *reads) end(a account) {
	r.mu.Lock()
	done := r.free[a][0]
	r.free[a] = r.free[a][1:]
	r.mu.Unlock()
	done()
	synctest.Wait()
}

func (r *reads) running(a account) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.free[a])
}

// TestReadsTakeTurns: whoever asks for much waits for himself.
func TestReadsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReads(t)
		greedy, modest, portal := account{key: 1}, account{key: 2}, account{app: "acme"}
		r.ask(t.Context(), greedy, 30)
		if n := r.running(greedy); n != readsAtOnce/2 {
			t.Fatalf("%d of one account run at once", n)
		}
		r.ask(t.Context(), modest, 1)
		r.ask(t.Context(), portal, 5)
		if r.running(modest) != 1 || r.running(portal) != 1 {
			t.Fatalf("the others wait for one that asks for much: %+v", r.free)
		}
		r.ask(t.Context(), modest, 3)
		r.order = nil
		for range 6 { // whoever ends, the next turn is another's
			for _, a := range []account{greedy, portal, modest} {
				if r.running(a) > 0 {
					r.end(a)
				}
			}
		}
		if i := slices.Index(r.order, modest); i < 0 || i > 2 || len(r.order) < 8 {
			t.Errorf("turns: %v", r.order)
		}
		for _, a := range []account{greedy, portal, modest} {
			for r.running(a) > 0 {
				r.end(a)
			}
		}
		if len(r.of) != 0 || len(r.turns) != 0 || r.gate.running != 0 {
			t.Errorf("left in memory: %+v, %v, %d", r.of, r.turns, r.gate.running)
		}
	})
}

// TestReadsThatWait: too many are refused, and whoever goes away, or has waited for
// long, gives his place back, also when his turn has come at that very moment.
func TestReadsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReads(t)
		a, b := account{key: 1}, account{key: 2}
		r.ask(t.Context(), a, readsAtOnce/2)
		leaving, leave := context.WithCancel(t.Context())
		r.ask(leaving, a, readsWaiting)
		_, err := r.begin(t.Context(), a)
		if e, ok := errors.AsType[*bellhop.Error](err); !ok || e.Code != bellhop.CodeTooMany || e.RetryAfter == 0 {
			t.Errorf("one more: %v", err)
		}
		leave()
		synctest.Wait()
		if r.fails[a] != readsWaiting {
			t.Errorf("%d of %d that went away have ended", r.fails[a], readsWaiting)
		}
		r.ask(t.Context(), b, readsAtOnce/2+1)
		time.Sleep(maxReadWait)
		synctest.Wait()
		if r.fails[b] != 1 {
			t.Errorf("%d have lost their patience", r.fails[b])
		}
		for _, x := range []account{a, b} {
			for r.running(x) > 0 {
				r.end(x)
			}
		}
		if len(r.of) != 0 || r.gate.running != 0 {
			t.Errorf("left in memory: %+v, %d", r.of, r.gate.running)
		}
	})
}
