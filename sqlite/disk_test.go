package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/sqlite"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// source makes events with one delivery each.
type source struct{ ids *id.Generator }

func newSource() source { return source{id.NewGenerator(0, 0)} }

func (s source) event(size int, endpoint bellhop.EndpointID, owner bellhop.NodeID) bellhop.NewEvent {
	return s.eventAt(now, size, endpoint, owner)
}

func (s source) eventAt(now time.Time, size int, endpoint bellhop.EndpointID, owner bellhop.NodeID) bellhop.NewEvent {
	e := bellhop.Event{
		ID: id.Next[id.Event](s.ids, now), App: "acme", Type: "invoice.paid", Subject: "invoice:1",
		Data: bytes.Repeat([]byte("x"), size), Deliveries: 1,
	}
	d := bellhop.Delivery{ID: id.Next[id.Delivery](s.ids, now), Endpoint: endpoint, Trigger: bellhop.TriggerPublish, Due: now, Owner: owner, OrderPos: bellhop.DeliveryID(e.ID)}
	return bellhop.NewEvent{Event: e, Deliveries: []bellhop.Delivery{d}}
}

func (s source) attempt(n *bellhop.NewEvent) bellhop.Attempt { return s.attemptAt(now, n) }

func (s source) attemptAt(now time.Time, n *bellhop.NewEvent) bellhop.Attempt {
	d := &n.Deliveries[0]
	return bellhop.Attempt{
		ID: id.Next[id.Attempt](s.ids, now), Delivery: d.ID, Event: n.Event.ID, Endpoint: d.Endpoint, App: n.Event.App, Type: n.Event.Type,
		Trigger: d.Trigger, Number: 1, Status: bellhop.AttemptSucceeded, Final: true, ResponseStatus: 200,
		URL: "https://example.com/hook", Duration: bellhop.Duration(20 * time.Millisecond),
		ResponseHeader: map[string][]string{"Content-Type": {"text/plain"}}, ResponseBody: []byte("ok"),
	}
}

func enqueue(t testing.TB, s *sqlite.Store, events ...bellhop.NewEvent) {
	t.Helper()
	r, err := s.Routes(t.Context(), 0)
	must(t, err)
	_, err = s.Enqueue(t.Context(), lease(t, s), r.Version, events, now)
	must(t, err)
}

// leases are those that tests have joined with.
var leases sync.Map

func join(t testing.TB, s *sqlite.Store) bellhop.Node {
	t.Helper()
	n, err := s.Join(t.Context(), bellhop.NodeAbout{Started: now}, time.Hour, now)
	must(t, err)
	leases.Store(s, n.Lease)
	t.Cleanup(func() { leases.Delete(s) })
	return n
}

// lease is that of the last join, or of a new one.
func lease(t testing.TB, s *sqlite.Store) bellhop.Lease {
	t.Helper()
	if l, ok := leases.Load(s); ok {
		return l.(bellhop.Lease)
	}
	return join(t, s).Lease
}

func TestReopenReleasesWhatADeadProcessOwned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	node := join(t, s)
	n := newSource().event(100, 1, node.Lease.Node)
	enqueue(t, s, n)
	must(t, s.Close()) // without Leave, as after a crash

	s = openAt(t, path, sqlite.Options{})
	got, err := s.Event(t.Context(), n.Event.ID)
	must(t, err)
	if !bytes.Equal(got.Data, n.Event.Data) {
		t.Error("the event's data has changed")
	}
	list, err := s.Overdue(t.Context(), nil, time.Time{})
	must(t, err)
	if len(list) != 1 {
		t.Errorf("backlog: %v", list)
	}
	again, err := s.Join(t.Context(), bellhop.NodeAbout{Started: now}, time.Hour, now)
	must(t, err)
	if again.Floor < int64(n.Deliveries[0].ID) {
		t.Errorf("floor %d is below delivery %d", again.Floor, n.Deliveries[0].ID)
	}
}

// TestACrashLosesNothingAcknowledged opens a copy of the files taken while the
// store was open, which is what a killed process leaves behind.
func TestACrashLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "bellhop.db"), sqlite.Options{})
	src := newSource()
	for range 50 {
		enqueue(t, s, src.event(1000, 1, 0))
	}
	copied := t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, "bellhop.db"+suffix))
		must(t, err)
		write(t, filepath.Join(copied, "bellhop.db"+suffix), b)
	}
	s = openAt(t, filepath.Join(copied, "bellhop.db"), sqlite.Options{})
	list, err := s.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 100})
	must(t, err)
	if len(list) != 50 {
		t.Errorf("%d events survived, want 50", len(list))
	}
}

func TestAFullStoreRefusesAndRecovers(t *testing.T) {
	s := open(t, sqlite.Options{MaxSize: 1 << 20})
	fillUp(t, s)
}

// fillUp publishes until the store refuses, then makes room and publishes again.
func fillUp(t *testing.T, s *sqlite.Store) {
	t.Helper()
	src := newSource()
	for i := 0; ; i++ {
		a, b := src.event(20_000, 1, 0), src.event(20_000, 1, 0)
		_, err := s.Enqueue(t.Context(), lease(t, s), 0, []bellhop.NewEvent{a, b}, now)
		if err == nil {
			continue
		}
		if !errors.Is(err, bellhop.ErrUnavailable) || i == 0 {
			t.Fatalf("Enqueue %d = %v, want ErrUnavailable", i, err)
		}
		for _, n := range []bellhop.NewEvent{a, b} {
			if _, err := s.Event(t.Context(), n.Event.ID); !bellhop.IsNotFound(err) {
				t.Errorf("Event = %v, want not found", err)
			}
		}
		break
	}
	before, _, err := s.Pending(t.Context(), bellhop.Everything(), 0)
	must(t, err)
	_, err = s.Erase(t.Context(), bellhop.EraseSelector{App: "acme", Subject: "invoice:1"}, nil, now)
	must(t, err)
	enqueue(t, s, src.event(20_000, 1, 0))
	if before == 0 {
		t.Error("nothing was stored before it was full")
	}
}

func TestAnIDUsedTwiceFailsAlone(t *testing.T) {
	s := open(t, sqlite.Options{})
	src := newSource()
	twice := src.event(10, 1, 0)
	enqueue(t, s, twice)
	var callers sync.WaitGroup
	for range 64 {
		n := src.event(10, 1, 0)
		callers.Go(func() { enqueue(t, s, n) })
		callers.Go(func() {
			if _, err := s.Enqueue(t.Context(), lease(t, s), 0, []bellhop.NewEvent{twice}, now); err == nil || errors.Is(err, bellhop.ErrUnavailable) {
				t.Errorf("Enqueue = %v", err)
			}
		})
	}
	callers.Wait()
	if n, _, err := s.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n != 65 {
		t.Errorf("pending = %d, %v; want 65", n, err)
	}
}

func TestBackupWhileWriting(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "bellhop.db"), filepath.Join(dir, "copy.db")
	s := openAt(t, path, sqlite.Options{})
	src := newSource()
	for range 200 {
		enqueue(t, s, src.event(10_000, 1, 0))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for ctx.Err() == nil {
				enqueue(t, s, src.event(1000, 1, 0))
			}
		})
	}
	var done, total int64
	must(t, sqlite.Backup(t.Context(), path, copied, func(d, n int64) { done, total = d, n }))
	cancel()
	writers.Wait()
	if done != total || total < 200*10_000 {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	if err := sqlite.Backup(t.Context(), path, copied, nil); err == nil {
		t.Error("a backup overwrote a file")
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		if f.Name()[0] == '.' {
			t.Errorf("%s was left behind", f.Name())
		}
	}
	c := openAt(t, copied, sqlite.Options{})
	if n, _, err := c.Pending(t.Context(), bellhop.Everything(), 0); err != nil || n < 200 {
		t.Errorf("the copy has %d deliveries, %v", n, err)
	}
}

func TestBackupThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(dir, "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	src := newSource()
	for range 10 {
		enqueue(t, s, src.event(1<<20, 1, 0))
	}
	err := sqlite.Backup(ctx, path, filepath.Join(dir, "copy.db"), func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Backup = %v, want context.Canceled", err)
	}
	for _, pattern := range []string{"copy*", ".bellhop*"} {
		if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if err := sqlite.Backup(t.Context(), filepath.Join(dir, "none.db"), filepath.Join(dir, "copy.db"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Backup of nothing = %v", err)
	}
}

// TestTheLogDoesNotGrowForEver writes much more than the write-ahead log may hold,
// and then lets the store idle. Where the disk is slow, the log grows while it is copied:
// then more is written, for it to begin anew.
func TestTheLogDoesNotGrowForEver(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), filepath.Join(dir, "bellhop.db"), sqlite.Options{})
		must(t, err)
		src := newSource()
		const usual = 160 << 20
		var largest, written int64
		for round := range 300 {
			if round >= 60 && largest <= max(usual, written/3) {
				break
			}
			var callers sync.WaitGroup
			for range 4 {
				n := src.event(1<<20, 1, 0)
				callers.Go(func() { enqueue(t, s, n) })
			}
			callers.Wait()
			written += 4 << 20
			largest = max(largest, logSize(t, dir))
		}
		if largest > max(usual, written/3) {
			t.Errorf("the log grew to %d MB, while %d MB were written", largest>>20, written>>20)
		}
		time.Sleep(time.Minute) // on the bubble's clock
		if n := logSize(t, dir); n != 0 {
			t.Errorf("the log of an idle store has %d bytes", n)
		}
		must(t, s.Close())
	})
}

// TestTheLogOfAServerThatIdlesIsShort: its node renews its lease all the time. The log's file is
// cut when nothing else is written, once, and never while something is.
func TestTheLogOfAServerThatIdlesIsShort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), filepath.Join(dir, "bellhop.db"), sqlite.Options{})
		must(t, err)
		node, err := s.Join(t.Context(), bellhop.NodeAbout{Started: now}, time.Hour, now)
		must(t, err)
		leases.Store(s, node.Lease)
		defer leases.Delete(s)
		src := newSource()
		// live goes on for so many heartbeats with so much written at each. It gives how often the
		// file was cut, and how long it was at most.
		live := func(heartbeats, bytes int) (cuts int, longest int64) {
			last := logSize(t, dir)
			for n := range heartbeats {
				_, err := s.Renew(t.Context(), node.Lease, nil, time.Hour, now.Add(time.Duration(n)*time.Second))
				must(t, err)
				if bytes > 0 {
					enqueue(t, s, src.event(bytes, 1, 0))
				}
				time.Sleep(4 * time.Second) // on the bubble's clock
				size := logSize(t, dir)
				if size < last {
					cuts++
				}
				last, longest = size, max(longest, size)
			}
			return cuts, longest
		}
		if cuts, longest := live(30, 1<<20); cuts > 0 || longest < 8<<20 {
			t.Errorf("while 1 MiB was written at each heartbeat, the log was cut %d times, and had %d bytes at most", cuts, longest)
		}
		if cuts, _ := live(60, 150_000); cuts > 0 {
			t.Errorf("while 150 kB were written at each heartbeat, the log was cut %d times", cuts)
		}
		if cuts, _ := live(15, 0); cuts != 1 || logSize(t, dir) > 1<<20 {
			t.Errorf("after a minute of heartbeats the log was cut %d times, and has %d bytes", cuts, logSize(t, dir))
		}
		if cuts, longest := live(600, 0); cuts > 0 || longest > 2<<20 {
			t.Errorf("with nothing but heartbeats the log was cut %d times more, and had %d bytes at most", cuts, longest)
		}
		must(t, s.Close())
	})
}

func logSize(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "bellhop.db-wal"))
	must(t, err)
	return info.Size()
}

// TestTheLogBeginsAnewUnderLoad: commits follow each other without a pause, and reads
// overlap. Only a read that lasts makes the log grow, and makes no commit wait.
func TestTheLogBeginsAnewUnderLoad(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "bellhop.db")
	s := openAt(t, path, sqlite.Options{})
	src := newSource()
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				_, err := s.Events(ctx, bellhop.EventFilter{Scope: bellhop.Scope{All: true}, Limit: 5})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	// write adds so many events of 1 MiB, each in a transaction.
	write := func(n int) {
		for range n {
			enqueue(t, s, src.event(1<<20, 1, 0))
		}
	}
	write(150)
	size := logSize(t, dir)
	if size > 160<<20 {
		t.Fatalf("the log grew to %d MB", size>>20)
	}
	long, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	must(t, err)
	defer func() { must(t, long.Close()) }()
	must(t, sqlitex.ExecuteTransient(long, "BEGIN", nil))
	must(t, sqlitex.ExecuteTransient(long, "SELECT count(*) FROM events", nil))
	write(130)
	if size = logSize(t, dir); size < 125<<20 {
		t.Fatalf("the log has %d MB: what the long read sees may be gone", size>>20)
	}
	must(t, sqlitex.ExecuteTransient(long, "ROLLBACK", nil))
	write(200)
	if after := logSize(t, dir); after > size+150<<20 {
		t.Errorf("the log did not begin anew after the long read: it grew from %d to %d MB", size>>20, after>>20)
	}
}
