package pace

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd enters and leaves without end, each caller staying for a time.
func crowd(ctx context.Context, p *Pacer, who string, callers int, stay time.Duration, inside *atomic.Int64) (wait func()) {
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				turn := p.Enter(ctx, who, 1)
				inside.Add(1)
				time.Sleep(stay)
				inside.Add(-1)
				turn.Leave()
			}
		})
	}
	return wg.Wait
}

func TestACrowdWaitsWhileProcessorsAreShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Bool
		p := New()
		p.wait = func() time.Duration {
			if busy.Load() {
				return 5 * time.Millisecond
			}
			return 0
		}
		ctx, cancel := context.WithCancel(t.Context())
		var inside atomic.Int64
		wait := crowd(ctx, p, "flood", 100, 5*time.Millisecond, &inside)
		time.Sleep(2 * time.Millisecond) // who is inside is counted while nobody comes or goes
		time.Sleep(time.Second)
		if n := inside.Load(); n < 2*least {
			t.Errorf("%d of 100 are inside although there are processors enough", n)
		}
		busy.Store(true)
		time.Sleep(time.Second)
		if n := inside.Load(); n > least {
			t.Errorf("%d are inside while processors are short, want %d", n, least)
		}
		// Who has nothing inside does not wait.
		began := time.Now()
		turn := p.Enter(ctx, "neighbour", 1000)
		for range least { // and who has little inside
			p.Enter(ctx, "other", 1).Leave()
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a neighbour waited for %s", waited)
		}
		turn.Leave()
		busy.Store(false)
		time.Sleep(2 * time.Second)
		if n := inside.Load(); n < 2*least {
			t.Errorf("%d of 100 are inside after that", n)
		}
		cancel()
		wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if p.looking || p.inside != 0 || len(p.of) != 0 || len(p.waiting) != 0 || len(p.turns) != 0 {
			t.Errorf("it is not idle: %+v", p)
		}
	})
}

func TestOneItemDoesNotWaitBehindMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		var idle atomic.Bool
		p.wait = func() time.Duration {
			if idle.Load() {
				return 0
			}
			return time.Second
		}
		ctx, cancel := context.WithCancel(t.Context())
		var batches sync.WaitGroup
		for range 8 {
			batches.Go(func() {
				for ctx.Err() == nil {
					inside := p.Enter(ctx, "flood", 100)
					time.Sleep(20 * time.Millisecond)
					inside.Leave()
				}
			})
		}
		time.Sleep(time.Second)
		for range 50 {
			began := time.Now()
			inside := p.Enter(ctx, "flood", 1)
			if waited := time.Since(began); waited != 0 {
				t.Errorf("a single item waited for %s behind batches of the same caller", waited)
			}
			time.Sleep(7 * time.Millisecond)
			inside.Leave()
		}
		cancel()
		batches.Wait()
		idle.Store(true)
		time.Sleep(time.Minute)
	})
}

func TestNobodyWaitsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var idle atomic.Bool
		p := New()
		p.wait = func() time.Duration {
			if idle.Load() {
				return 0
			}
			return time.Second
		}
		var entered []Inside
		for range least {
			entered = append(entered, p.Enter(t.Context(), "one", 1))
		}
		time.Sleep(time.Second)
		began := time.Now()
		entered = append(entered, p.Enter(t.Context(), "one", 1))
		if waited := time.Since(began); waited < 2*time.Second-every || waited > 2*time.Second+every {
			t.Errorf("waited for %s", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		began = time.Now()
		entered = append(entered, p.Enter(ctx, "one", 1))
		if waited := time.Since(began); waited != time.Millisecond {
			t.Errorf("who has gone waited for %s", waited)
		}
		for _, turn := range entered {
			turn.Leave()
		}
		idle.Store(true)
		time.Sleep(time.Minute)
	})
}

func TestWaitsForAProcessor(t *testing.T) {
	w := newWaits()
	w.next()
	var wg sync.WaitGroup
	for range 50 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for range 20 {
				for began := time.Now(); time.Since(began) < 200*time.Microsecond; {
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	if got := w.next(); got < time.Millisecond {
		t.Errorf("one in ten of a crowd waited for %s only", got)
	}
}
