package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// TestErasedBytesAreGone looks for the payload in the files themselves, after the
// rows were moved about by inserts in no order; small rows, of which a page holds
// many, and large ones that take several pages.
func TestErasedBytesAreGone(t *testing.T) {
	for name, most := range map[string]int{"small": 60, "large": 900} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var commits atomic.Int64
			s, dir, events := withSecrets(t, most, sqlite.Options{OnCommit: func(int, time.Duration) { commits.Add(1) }})
			src := newSource()
			if n := eraseGuest(t, s, src); n != len(events)/3 {
				t.Errorf("erased %d events, want %d", n, len(events)/3)
			}
			must(t, s.Wipe(t.Context()))
			gone(t, dir)
			if grep(t, dir, "PAYLOAD") == 0 {
				t.Error("other payloads are gone as well")
			}
			// Backup reads its copy through: the file is sound after the wiping.
			must(t, sqlite.Backup(t.Context(), filepath.Join(dir, "bellhop.db"), filepath.Join(t.TempDir(), "copy.db"), nil))
			for i := range events {
				if e, err := s.Event(t.Context(), events[i].Event.ID); err != nil || e.Subject == "other" && !bytes.Equal(e.Data, events[i].Event.Data) {
					t.Errorf("event %d is not as it was: %v", i, err)
				}
			}
			// Nothing more is owed: neither by that, nor by erasing nothing.
			if n := eraseGuest(t, s, src); n != 0 {
				t.Errorf("%d events were erased twice", n)
			}
			before := commits.Load()
			must(t, s.Wipe(t.Context()))
			if n := commits.Load() - before; n != 0 {
				t.Errorf("the second Wipe made %d commits", n)
			}
		})
	}
}

func TestADeletedAppsBytesAreGone(t *testing.T) {
	t.Parallel()
	s, dir, _ := withSecrets(t, 300, sqlite.Options{})
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	must(t, s.DeleteApp(t.Context(), "acme", nil))
	must(t, s.Wipe(t.Context()))
	gone(t, dir)
	if n := grep(t, dir, "PAYLOAD"); n != 0 {
		t.Errorf("the app's other payloads are still found %d times", n)
	}
}

// TestAWipeIsOwedUntilItSucceeds interrupts one, half-way, and then the process.
func TestAWipeIsOwedUntilItSucceeds(t *testing.T) {
	t.Parallel()
	var atCommit atomic.Pointer[func()]
	s, dir, _ := withSecrets(t, 60, sqlite.Options{OnCommit: atNext(&atCommit)})
	eraseGuest(t, s, newSource())
	ctx, cancel := context.WithCancel(t.Context())
	stop := func() { cancel() }
	atCommit.Store(&stop) // the first commit is that of the first pages scrubbed
	if err := s.Wipe(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Wipe = %v, want context.Canceled", err)
	}
	must(t, s.Close())

	var commits atomic.Int64
	s = openAt(t, filepath.Join(dir, "bellhop.db"), sqlite.Options{OnCommit: func(int, time.Duration) { commits.Add(1) }})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if err := s.Wipe(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	gone(t, dir)
	// What was left of the scrubbing is one chunk of pages, and the end.
	if n := commits.Load(); n < 1 || n > 2 {
		t.Errorf("4 callers made %d commits, want those of one Wipe", n)
	}
}

// atNext runs, once, what is stored in f, at the end of a commit.
func atNext(f *atomic.Pointer[func()]) func(int, time.Duration) {
	return func(int, time.Duration) {
		if f := f.Swap(nil); f != nil {
			(*f)()
		}
	}
}

// TestADeletionThatWasInterruptedGoesOn deletes an app of several chunks, and stops
// when the app itself is gone.
func TestADeletionThatWasInterruptedGoesOn(t *testing.T) {
	for name, goOn := range map[string]func(*testing.T, *sqlite.Store) error{
		"Wipe": func(t *testing.T, s *sqlite.Store) error { return s.Wipe(t.Context()) },
		// A new app of the same id must not inherit anything, nor lose its own.
		"SaveApp": func(t *testing.T, s *sqlite.Store) error { return s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "bellhop.db")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var atCommit atomic.Pointer[func()]
			s := openAt(t, path, sqlite.Options{OnCommit: atNext(&atCommit)})
			node := join(t, s)
			src := newSource()
			var events []bellhop.NewEvent
			var results []bellhop.Result
			for i := range 1100 {
				n := src.event(100, 1, node.Lease.Node)
				n.Event.ExternalID = fmt.Sprint("ext-", i)
				events = append(events, n)
				if i%2 == 0 {
					results = append(results, bellhop.Result{Attempt: src.attempt(&n), Lease: node.Lease})
				}
			}
			enqueue(t, s, events...)
			must(t, s.Record(t.Context(), node.Lease, results, now))
			must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
			stop := func() { cancel() }
			atCommit.Store(&stop) // the first commit is that of the app itself
			must(t, s.DeleteApp(ctx, "acme", nil))
			if n, _, err := s.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n == 0 {
				t.Fatalf("the deletion was not interrupted: %d are pending, %v", n, err)
			}
			must(t, s.Close())

			s = openAt(t, path, sqlite.Options{})
			must(t, goOn(t, s))
			left, err := s.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 10})
			must(t, err)
			attempts, err := s.Attempts(t.Context(), bellhop.AttemptFilter{Scope: bellhop.Everything(), Limit: 10})
			must(t, err)
			pending, _, err := s.Pending(t.Context(), bellhop.Everything(), 0)
			must(t, err)
			if len(left)+len(attempts)+int(pending) != 0 {
				t.Errorf("left: %v, %v, %d pending", left, attempts, pending)
			}
			r, err := s.Routes(t.Context(), 0)
			must(t, err)
			if len(r.Apps) == 0 {
				must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
				r.Version++
			}
			again := src.event(100, 1, 0)
			again.Event.ExternalID, again.Digest = "ext-0", [32]byte{1}
			receipts, err := s.Enqueue(t.Context(), lease(t, s), r.Version, []bellhop.NewEvent{again}, now)
			must(t, err)
			must(t, s.Wipe(t.Context()))
			if _, err := s.Event(t.Context(), again.Event.ID); err != nil || receipts[0].Duplicate {
				t.Errorf("the new app's event: %v, %v", receipts, err)
			}
		})
	}
}

// TestDeletingAnAppLetsOthersWrite: it is done in several transactions.
func TestDeletingAnAppLetsOthersWrite(t *testing.T) {
	t.Parallel()
	var commits atomic.Int64
	s := open(t, sqlite.Options{OnCommit: func(int, time.Duration) { commits.Add(1) }})
	src := newSource()
	var events []bellhop.NewEvent
	for range 1100 {
		events = append(events, src.event(10, 1, 0))
	}
	for range 10 {
		events = append(events, src.event(1<<20, 1, 0))
	}
	enqueue(t, s, events...)
	must(t, s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	before := commits.Load()
	must(t, s.DeleteApp(t.Context(), "acme", nil))
	// The app; 2 chunks of deliveries; 4 of events, the last 3 of them of at most
	// 4 MB; one that finds no more rows, and one that finds nothing owed.
	if n := commits.Load() - before; n != 9 {
		t.Errorf("deleting took %d commits", n)
	}
	if n, _, err := s.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 0 {
		t.Errorf("pending: %d, %v", n, err)
	}
}

// withSecrets makes a store of 600 finished deliveries of app acme, every third of
// which is of "guest:7" and has TOP-SECRET in all that is erased; the others have
// PAYLOAD. A row repeats it up to most times.
func withSecrets(t *testing.T, most int, o sqlite.Options) (s *sqlite.Store, dir string, events []bellhop.NewEvent) {
	t.Helper()
	dir = t.TempDir()
	s = openAt(t, filepath.Join(dir, "bellhop.db"), o)
	node := join(t, s)
	src, random := newSource(), rand.New(rand.NewPCG(1, 2))
	for i := range 600 {
		n := src.event(0, 1, node.Lease.Node)
		n.Event.Data = bytes.Repeat([]byte(fmt.Sprintf("PAYLOAD%04d ", i)), 1+random.IntN(most))
		n.Event.Subject = "other"
		if i%3 == 0 {
			n.Event.Data = bytes.Repeat([]byte("TOP-SECRET "), 1+random.IntN(most))
			n.Event.Subject = "guest:7"
		}
		events = append(events, n)
	}
	random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for i := range events {
		n := &events[i]
		enqueue(t, s, *n)
		a := src.attempt(n)
		a.ID += bellhop.AttemptID(random.IntN(1 << 30)) // out of order, too
		if n.Event.Subject == "guest:7" {
			a.ResponseBody = bytes.Repeat([]byte("TOP-SECRET "), 1+random.IntN(most))
			a.ResponseHeader = map[string][]string{"X": {"TOP-SECRET"}}
			a.RequestHeader = a.ResponseHeader
			a.ResponseStatus, a.Detail = 302, "It redirects to https://example.com/TOP-SECRET"
		}
		must(t, s.Record(t.Context(), node.Lease, []bellhop.Result{{Attempt: a, Lease: node.Lease}}, now))
	}
	if grep(t, dir, "TOP-SECRET") == 0 {
		t.Fatal("the payload is nowhere to begin with")
	}
	return s, dir, events
}

func eraseGuest(t *testing.T, s *sqlite.Store, src source) int {
	t.Helper()
	erased, err := s.Erase(t.Context(), bellhop.EraseSelector{App: "acme", Subject: "guest:7"},
		nil, now)
	must(t, err)
	return len(erased)
}

// gone looks for the secret in all files of the store.
func gone(t *testing.T, dir string) {
	t.Helper()
	if n := grep(t, dir, "TOP-SECRET"); n != 0 {
		t.Errorf("the payload is still found %d times", n)
	}
}

func grep(t *testing.T, dir, what string) int {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	n := 0
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		must(t, err)
		n += bytes.Count(b, []byte(what))
	}
	return n
}
