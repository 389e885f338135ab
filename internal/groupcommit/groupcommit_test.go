package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/bellhop/bellhop/internal/groupcommit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs c's writer; the returned function ends it and waits for the drain.
func start[T any](c *groupcommit.Committer[T]) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

func TestCallersOfOneCommitShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches [][]int
		c := groupcommit.New(3, nil, func(items []int) error {
			batches = append(batches, append([]int(nil), items...))
			time.Sleep(time.Second)
			return nil
		})
		var callers sync.WaitGroup
		for i := range 7 { // one after the other, so that the order is known
			callers.Go(func() {
				if err := c.Do(t.Context(), i); err != nil {
					t.Errorf("Do(%d) = %v", i, err)
				}
			})
			synctest.Wait()
		}
		stop := start(c)
		callers.Wait()
		stop()
		want := [][]int{{0, 1, 2}, {3, 4, 5}, {6}}
		if diff := cmp.Diff(want, batches); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestWeightBoundsABatchAndAHeavyItemGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches [][]int
		c := groupcommit.New(10, func(n int) int { return n }, func(items []int) error {
			batches = append(batches, append([]int(nil), items...))
			return nil
		})
		var callers sync.WaitGroup
		for _, n := range []int{4, 6, 1, 50, 9, 1, 0, 1} {
			callers.Go(func() { _ = c.Do(t.Context(), n) })
			synctest.Wait()
		}
		stop := start(c)
		callers.Wait()
		stop()
		want := [][]int{{4, 6}, {1}, {50}, {9, 1, 0}, {1}}
		if diff := cmp.Diff(want, batches); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestErrorReachesEveryCallerOfTheBatchOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		diskFull := errors.New("disk full")
		c := groupcommit.New(2, nil, func(items []int) error {
			if items[0] == 0 {
				return diskFull
			}
			return nil
		})
		errs := make([]error, 4)
		var callers sync.WaitGroup
		for i := range errs {
			callers.Go(func() { errs[i] = c.Do(t.Context(), i) })
			synctest.Wait()
		}
		stop := start(c)
		callers.Wait()
		stop()
		for i, want := range []error{diskFull, diskFull, nil, nil} {
			if !errors.Is(errs[i], want) {
				t.Errorf("Do(%d) = %v, want %v", i, errs[i], want)
			}
		}
	})
}

func TestWithdrawnWhileQueuedButNotOnceTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var committed []string
		c := groupcommit.New(100, nil, func(items []string) error {
			time.Sleep(time.Minute)
			committed = append(committed, items...)
			return nil
		})
		stop := start(c)
		var callers sync.WaitGroup
		do := func(item string, timeout time.Duration, want error) {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				if err := c.Do(ctx, item); !errors.Is(err, want) {
					t.Errorf("Do(%s) = %v, want %v", item, err, want)
				}
			})
			synctest.Wait()
		}
		do("taken", time.Second, nil) // its context ends during the commit
		do("waits", time.Hour, nil)
		do("withdrawn 1", time.Second, context.DeadlineExceeded)
		do("withdrawn 2", time.Second, context.DeadlineExceeded)
		do("waits too", time.Hour, nil)
		do("withdrawn 3", 2*time.Second, context.DeadlineExceeded)
		callers.Wait()
		stop()
		if diff := cmp.Diff([]string{"taken", "waits", "waits too"}, committed); diff != "" {
			t.Errorf("committed (-want +got):\n%s", diff)
		}
	})
}

func TestEndedContextQueuesNothing(t *testing.T) {
	c := groupcommit.New(1, nil, func([]int) error { t.Error("committed"); return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Do(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want context.Canceled", err)
	}
	start(c)()
}

func TestDrainFinishesTheQueueAndRefusesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var committed []int
		c := groupcommit.New(1, nil, func(items []int) error {
			time.Sleep(time.Second)
			committed = append(committed, items...)
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx)
		var callers sync.WaitGroup
		for i := range 5 {
			callers.Go(func() {
				if err := c.Do(t.Context(), i); err != nil {
					t.Errorf("Do(%d) = %v", i, err)
				}
			})
			synctest.Wait()
		}
		cancel()
		time.Sleep(1500 * time.Millisecond) // the second of five commits is running
		if err := c.Do(t.Context(), 9); !errors.Is(err, groupcommit.ErrClosed) {
			t.Errorf("Do while draining = %v, want ErrClosed", err)
		}
		callers.Wait()
		if err := c.Do(t.Context(), 9); !errors.Is(err, groupcommit.ErrClosed) {
			t.Errorf("Do after the drain = %v, want ErrClosed", err)
		}
		if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, committed); diff != "" {
			t.Errorf("committed (-want +got):\n%s", diff)
		}
	})
}

func TestPanicWakesEveryoneAndIsNotSwallowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := groupcommit.New(2, nil, func([]int) error { panic("boom") })
		errs := make([]error, 5)
		var callers sync.WaitGroup
		for i := range errs {
			callers.Go(func() { errs[i] = c.Do(t.Context(), i) })
			synctest.Wait()
		}
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("Run panicked with %v, want boom", r)
				}
			}()
			c.Run(t.Context())
		}()
		callers.Wait()
		p, closed := groupcommit.ErrPanicked, groupcommit.ErrClosed
		for i, want := range []error{p, p, closed, closed, closed} {
			if !errors.Is(errs[i], want) {
				t.Errorf("Do(%d) = %v, want %v", i, errs[i], want)
			}
		}
		if err := c.Do(t.Context(), 9); !errors.Is(err, closed) {
			t.Errorf("Do after the panic = %v, want ErrClosed", err)
		}
	})
}

func TestSecondRunPanics(t *testing.T) {
	c := groupcommit.New(1, nil, func([]int) error { return nil })
	start(c)()
	defer func() {
		if recover() == nil {
			t.Error("a second Run did not panic")
		}
	}()
	c.Run(t.Context())
}

// TestExactlyOnce plays random crowds on a fake clock: whoever was told nil is
// committed once, whoever was told anything else never.
func TestExactlyOnce(t *testing.T) {
	type item struct{ caller, seq, weight int }
	rapid.Check(t, func(rt *rapid.T) {
		maxWeight := rapid.IntRange(1, 8).Draw(rt, "maxWeight")
		crowd := rapid.IntRange(1, 12).Draw(rt, "callers")
		slow := rapid.SliceOfN(rapid.IntRange(0, 20), 1, 5).Draw(rt, "commit ms")
		patience := rapid.SliceOfN(rapid.IntRange(1, 30), crowd, crowd).Draw(rt, "patience ms")
		weights := rapid.SliceOfN(rapid.IntRange(0, 10), crowd, crowd).Draw(rt, "weights")
		stopAfter := rapid.IntRange(0, 200).Draw(rt, "stop after ms")

		synctest.Test(t, func(t *testing.T) {
			committed := map[item]int{}
			lastSeq := make([]int, crowd)
			n := 0
			c := groupcommit.New(maxWeight, func(i item) int { return i.weight }, func(items []item) error {
				time.Sleep(time.Duration(slow[n%len(slow)]) * time.Millisecond)
				n++
				total := 0
				for _, i := range items {
					committed[i]++
					total += i.weight
					if i.seq <= lastSeq[i.caller] {
						t.Errorf("caller %d: %d came after %d", i.caller, i.seq, lastSeq[i.caller])
					}
					lastSeq[i.caller] = i.seq
				}
				if len(items) == 0 || (total > maxWeight && len(items) > 1) {
					t.Errorf("batch %v is empty or heavier than %d", items, maxWeight)
				}
				return nil
			})
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(stopAfter)*time.Millisecond)
			defer cancel()
			var told sync.Map
			var crew sync.WaitGroup
			for caller := range crowd {
				crew.Go(func() {
					for seq := 1; seq <= 5; seq++ {
						i := item{caller, seq, weights[caller]}
						ctx, cancel := context.WithTimeout(context.Background(), time.Duration(patience[caller])*time.Millisecond)
						told.Store(i, c.Do(ctx, i))
						cancel()
					}
				})
			}
			c.Run(ctx)
			crew.Wait()
			told.Range(func(k, v any) bool {
				want := 0
				if v == nil {
					want = 1
				}
				if got := committed[k.(item)]; got != want {
					t.Errorf("%+v was told %v and committed %d times", k, v, got)
				}
				return true
			})
		})
	})
}

// TestStress does the same on real threads, for the race detector.
func TestStress(t *testing.T) {
	type item struct{ caller, seq int }
	committed := map[item]bool{}
	c := groupcommit.New(64, nil, func(items []item) error {
		for _, i := range items {
			if committed[i] {
				t.Errorf("%+v committed twice", i)
			}
			committed[i] = true
		}
		return nil
	})
	stop := start(c)
	var told sync.Map
	var callers sync.WaitGroup
	var closed atomic.Int64
	for caller := range 128 {
		callers.Go(func() {
			for seq := range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				if rand.IntN(4) == 0 {
					go cancel()
				}
				err := c.Do(ctx, item{caller, seq})
				cancel()
				told.Store(item{caller, seq}, err == nil)
				if errors.Is(err, groupcommit.ErrClosed) {
					closed.Add(1)
					return
				}
				if caller == 0 && seq == 150 {
					go stop() // while the others are at it
				}
			}
		})
	}
	callers.Wait()
	stop()
	told.Range(func(k, v any) bool {
		if committed[k.(item)] != v.(bool) {
			t.Errorf("%+v: told committed=%v, is %v", k, v, committed[k.(item)])
		}
		return true
	})
	t.Logf("%d committed, %d callers turned away at the end", len(committed), closed.Load())
}

func BenchmarkDo(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			batches := 0
			c := groupcommit.New(256, nil, func([]*int) error { batches++; return nil })
			stop := start(c)
			ctx, cancel := context.WithCancel(b.Context()) // as a request's context: it can end
			defer cancel()
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			var crew sync.WaitGroup
			for range callers {
				crew.Go(func() {
					var item int
					for left.Add(-1) >= 0 {
						if err := c.Do(ctx, &item); err != nil {
							b.Error(err)
						}
					}
				})
			}
			crew.Wait()
			stop()
			b.ReportMetric(float64(b.N)/float64(batches), "items/batch")
		})
	}
}

// ask is an item of somebody, with a rank.
type ask struct {
	of     string
	rank   int
	weight int
}

// turns is a committer whose items take turns, at most 10 a batch.
func turns(commit func([]ask) error, shares ...int) *groupcommit.Committer[ask] {
	c := groupcommit.New(10, func(a ask) int { return a.weight }, commit)
	c.InTurns(func(a ask) groupcommit.Turn { return groupcommit.Turn{Rank: a.rank, Of: a.of} }, shares...)
	return c
}

func TestACrowdHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches []string
		c := turns(func(items []ask) error {
			batch := ""
			for _, i := range items {
				batch += i.of
			}
			batches = append(batches, batch)
			return nil
		}, 4)
		var callers sync.WaitGroup
		for _, of := range "aaaaaaaaaabca" {
			callers.Go(func() { _ = c.Do(t.Context(), ask{of: string(of), weight: 1}) })
			synctest.Wait()
		}
		stop := start(c)
		callers.Wait()
		stop()
		if diff := cmp.Diff([]string{"abca", "aaaa", "aaaa", "a"}, batches); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestRanksHaveShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches [][]ask
		c := turns(func(items []ask) error {
			batches = append(batches, append([]ask(nil), items...))
			return nil
		}, 6, 3)
		var callers sync.WaitGroup
		do := func(a ask) {
			callers.Go(func() { _ = c.Do(t.Context(), a) })
			synctest.Wait()
		}
		for range 8 {
			do(ask{"a", 1, 1})
		}
		do(ask{"b", 1, 50}) // more than all
		for range 40 {
			do(ask{"a", 0, 1})
		}
		stop := start(c)
		callers.Wait()
		stop()
		for n, batch := range batches {
			weight := [2]int{}
			for _, a := range batch {
				weight[a.rank] += a.weight
			}
			if alone := len(batch) == 1 && weight[1] == 50; !alone && (weight[0] > 6 || weight[1] > 3) {
				t.Errorf("batch %d holds %v", n, batch)
			}
			if n == 0 && (weight[0] != 6 || weight[1] == 0) {
				t.Errorf("the first batch holds %v: some of each rank, the first most", batch)
			}
			if len(batch) == 1 && weight[1] == 50 && n > 10 {
				t.Errorf("what is heavier than all had to wait for %d batches", n)
			}
		}
		if len(batches) > 12 {
			t.Errorf("it took %d batches", len(batches))
		}
	})
}

func TestWhoeverLeavesLeavesTheTurnsOfOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := map[string]int{}
		c := turns(func(items []ask) error {
			for _, i := range items {
				got[i.of]++
			}
			return nil
		}, 10)
		ctx, leave := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for _, of := range "abcabcabc" {
			ctx := ctx
			if of != 'b' {
				ctx = t.Context()
			}
			callers.Go(func() { _ = c.Do(ctx, ask{of: string(of), weight: 1}) })
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		stop := start(c)
		callers.Wait()
		stop()
		if diff := cmp.Diff(map[string]int{"a": 3, "c": 3}, got); diff != "" {
			t.Errorf("committed (-want +got):\n%s", diff)
		}
	})
}

func TestNobodyIsAnsweredBeforeTheFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var story []string
		tell := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			story = append(story, fmt.Sprintf(format, args...))
		}
		c := groupcommit.New(100, nil, func(items []string) error {
			tell("commit %v", items)
			if items[0] == "refused" {
				return errors.New("disk full")
			}
			return nil
		})
		broken := errors.New("the disk broke")
		flushes := 0
		c.FlushedBy(func() error {
			flushes++
			tell("flush")
			time.Sleep(time.Second)
			if flushes == 3 {
				return broken
			}
			return nil
		})
		stop := start(c)
		var callers sync.WaitGroup
		do := func(item string) {
			callers.Go(func() { tell("%s: %v", item, c.Do(t.Context(), item)) })
			synctest.Wait()
		}
		do("a") // is flushed
		do("b") // is committed meanwhile
		do("c") // too: it is as much as is being flushed
		do("refused")
		time.Sleep(time.Second)
		synctest.Wait() // b and c are flushed
		do("d")
		time.Sleep(time.Second)
		synctest.Wait() // d is
		stop()
		callers.Wait()
		want := []string{
			"commit [a]", "flush", "commit [b]", "commit [c]", "commit [refused]", "refused: disk full",
			"a: <nil>", "flush", "commit [d]",
			"b: <nil>", "c: <nil>", "flush", "d: the disk broke",
		}
		if diff := cmp.Diff(sorted(want), sorted(story)); diff != "" {
			t.Errorf("what happened (-want +got):\n%s", diff)
		}
		if at := slices.Index(story, "a: <nil>"); at < slices.Index(story, "commit [c]") || at > slices.Index(story, "b: <nil>") {
			t.Errorf("a was answered out of order: %q", story)
		}
	})
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// TestBatchesGrowDuringAFlush: a crowd is not committed one by one because the writer has
// nothing else to do.
func TestBatchesGrowDuringAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var batches []int
		c := groupcommit.New(1000, nil, func(items []int) error {
			batches = append(batches, len(items))
			return nil
		})
		c.FlushedBy(func() error { time.Sleep(time.Second); return nil })
		var callers sync.WaitGroup
		crowd := func(n int) {
			for i := range n {
				callers.Go(func() {
					if err := c.Do(t.Context(), i); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
		}
		crowd(40)
		stop := start(c)
		synctest.Wait() // 40 are being flushed
		crowd(45)       // 40 are worth a transaction, and 5 wait
		time.Sleep(time.Second)
		synctest.Wait() // the flush has ended
		callers.Wait()
		stop()
		if diff := cmp.Diff([]int{40, 40, 5}, batches); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

// TestDrainFlushes: what was committed last is answered, too.
func TestDrainFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := groupcommit.New(1, nil, func([]int) error { return nil })
		c.FlushedBy(func() error { time.Sleep(time.Second); return nil })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.Run(ctx) }()
		var callers sync.WaitGroup
		for i := range 9 {
			callers.Go(func() {
				if err := c.Do(t.Context(), i); err != nil {
					t.Errorf("Do(%d) = %v", i, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		callers.Wait()
		<-ended
	})
}
