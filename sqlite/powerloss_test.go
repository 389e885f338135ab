//go:build unix

package sqlite

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testmemory"
)

// disk notes what becomes of the files of a store, in order, so that a power cut can be
// played at any moment. It is conservative: it does not know of what Bellhop flushes of the
// database beside SQLite.
type disk struct {
	mu sync.Mutex
	// began is what the files hold at first; the first is the database, the second its log.
	began [2][]byte
	ops   []diskOp
}

type diskOp struct {
	kind byte // 'w' written, 't' truncated, 's' flushed, 'a' somebody was told
	file int
	at   int64 // or the new size
	data []byte
	// begun is how many operations had ended when a flush began: it is for those alone.
	begun int
	told  fact
}

// fact is what the store has told somebody.
type fact struct {
	events   []bellhop.EventID
	attempts []bellhop.AttemptID
}

func (d *disk) add(op diskOp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops = append(d.ops, op)
}

func (d *disk) tell(f fact) { d.add(diskOp{kind: 'a', told: f}) }

func (d *disk) flushed(file int, flush func() error) error {
	d.mu.Lock()
	begun := len(d.ops)
	d.mu.Unlock()
	err := flush()
	if err == nil {
		d.add(diskOp{kind: 's', file: file, begun: begun})
	}
	return err
}

// noted is a file of the disk.
type noted struct {
	*systemFile
	disk *disk
	file int
}

func (n *noted) write(tls *libc.TLS, p []byte, at int64) int32 {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	n.disk.ops = append(n.disk.ops, diskOp{kind: 'w', file: n.file, at: at, data: bytes.Clone(p)})
	return n.systemFile.write(tls, p, at)
}

func (n *noted) truncate(tls *libc.TLS, size int64) int32 {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	n.disk.ops = append(n.disk.ops, diskOp{kind: 't', file: n.file, at: size})
	return n.systemFile.truncate(tls, size)
}

func (n *noted) sync(*libc.TLS, int32) int32 {
	if n.disk.flushed(n.file, func() error { return nil }) != nil {
		return lib.SQLITE_IOERR_FSYNC
	}
	return lib.SQLITE_OK
}

// cut gives the files as a power cut may leave them after so many operations: what was
// flushed, and of the rest as much as keep says, sector by sector.
func (d *disk) cut(after int, keep func() bool) (files [2][]byte) {
	ops := d.ops[:after]
	var durable [2]int
	for _, op := range ops {
		if op.kind == 's' {
			durable[op.file] = max(durable[op.file], op.begun)
		}
	}
	files = [2][]byte{bytes.Clone(d.began[0]), bytes.Clone(d.began[1])}
	for i, op := range ops {
		f := &files[op.file]
		sure := i < durable[op.file]
		switch op.kind {
		case 'w':
			for at := op.at; at < op.at+int64(len(op.data)); {
				next := min((at/sector+1)*sector, op.at+int64(len(op.data)))
				if sure || keep() {
					if grow := int(next) - len(*f); grow > 0 {
						*f = append(*f, make([]byte, grow)...)
					}
					copy((*f)[at:next], op.data[at-op.at:])
				}
				at = next
			}
		case 't':
			if sure || keep() {
				*f = append(*f, make([]byte, max(0, int(op.at)-len(*f)))...)[:op.at]
			}
		}
	}
	return files
}

const sector = 512

var cuts = flag.Int("power-loss", 5, "after how many operations TestPowerLoss cuts the power once more; 1 is after each, and fails each in every way in TestWhatFailedIsNotThere")

// TestPowerLoss plays publishing, delivering, rolling up and checkpoints on a disk that keeps
// nothing but what was flushed to it, cuts the power after operations of it in turn, each answer among them, and
// looks for what anybody was told: by an answer to a step, or by a list. What was not told
// may be there, but then as a whole.
func TestPowerLoss(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	path := filepath.Join(dir, "bellhop.db")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), path, Options{})
	must(err)
	must(s.SaveApp(t.Context(), bellhop.App{ID: "acme"}, nil))
	must(s.Close())

	d := &disk{}
	d.began[0], err = os.ReadFile(path)
	must(err)
	must(registerVFS("power-loss", func(name string, flags int32, f *systemFile) vfsFile {
		switch {
		case flags&lib.SQLITE_OPEN_MAIN_DB != 0:
			return &noted{f, d, 0}
		case flags&lib.SQLITE_OPEN_WAL != 0:
			return &gatherer{vfsFile: &noted{f, d, 1}}
		}
		return nil
	}))
	s, err = Open(t.Context(), path, Options{
		vfs: "power-loss", checkpointAfter: 256 << 10, maxLog: 1 << 20,
		flush: func(*os.File) error { return d.flushed(1, func() error { runtime.Gosched(); return nil }) },
	})
	must(err)
	batches := playPowerLoss(t, s, d, now)
	d.mu.Lock()
	total := len(d.ops) // the end is not played
	d.mu.Unlock()
	must(s.Close())

	begun := slices.IndexFunc(d.ops, func(op diskOp) bool { return op.kind == 'a' })
	anew, copied := 0, 0
	for _, op := range d.ops[begun:total] {
		if op.kind == 'w' && op.file == 1 && op.at == 0 {
			anew++
		}
		if op.kind == 's' && op.file == 0 {
			copied++
		}
	}
	if anew < 3 || copied < 3 {
		t.Fatalf("the log began anew %d times, and was copied to its end %d times: too few to prove anything", anew, copied)
	}
	t.Logf("%d operations, %d of them answers; the log began anew %d times", total, countOps(d.ops[:total], 'a'), anew)
	kinds := map[string]int{}
	for after := begun; after <= total; after++ {
		// The moment after an answer is the one that matters most.
		answered := d.ops[after-1].kind == 'a'
		if !answered && after%*cuts != 0 {
			continue
		}
		random := rand.New(rand.NewPCG(uint64(after), 1))
		for how, keep := range map[string]func() bool{
			"nothing": func() bool { return false },
			"some":    func() bool { return random.IntN(2) == 0 },
			"most":    func() bool { return random.IntN(50) != 0 },
		} {
			if how != "nothing" && after%(2**cuts) != 0 {
				continue
			}
			kinds[how]++
			if wrong := checkPowerLoss(t, d, after, keep, batches); wrong != nil {
				t.Fatalf("after %d of %d operations, with %s of what was not flushed: %v", after, total, how, wrong)
			}
		}
	}
	t.Logf("cuts: %v", kinds)
}

func countOps(ops []diskOp, kind byte) (n int) {
	for _, op := range ops {
		if op.kind == kind {
			n++
		}
	}
	return n
}

// playPowerLoss uses the store as nodes and people do. It gives the events that were stored
// together.
func playPowerLoss(t *testing.T, s *Store, d *disk, now time.Time) (batches [][]bellhop.EventID) {
	ids := id.NewGenerator(1, 0)
	node, err := s.Join(t.Context(), bellhop.NodeAbout{Started: now}, time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := s.Routes(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // of ids and batches
	event := func(owner bellhop.NodeID) bellhop.NewEvent {
		mu.Lock()
		defer mu.Unlock()
		e := bellhop.Event{ID: id.Next[id.Event](ids, now), App: "acme", Type: "invoice.paid", Data: []byte(`{"paid":true}`), Deliveries: 1}
		return bellhop.NewEvent{Event: e, Deliveries: []bellhop.Delivery{{
			ID: id.Next[id.Delivery](ids, now), Endpoint: 1, Trigger: bellhop.TriggerPublish, Due: now, Owner: owner, OrderPos: bellhop.DeliveryID(e.ID),
		}}}
	}
	enqueue := func(list ...bellhop.NewEvent) {
		var told fact
		for _, n := range list {
			told.events = append(told.events, n.Event.ID)
		}
		mu.Lock()
		batches = append(batches, told.events)
		mu.Unlock()
		if _, err := s.Enqueue(t.Context(), node.Lease, routes.Version, list, now); err != nil {
			t.Error(err)
			return
		}
		d.tell(told)
	}
	record := func(event bellhop.EventID, delivery bellhop.DeliveryID) {
		mu.Lock()
		a := bellhop.Attempt{
			ID: id.Next[id.Attempt](ids, now), Delivery: delivery, Event: event, Endpoint: 1, App: "acme", Type: "invoice.paid",
			Trigger: bellhop.TriggerPublish, Number: 1, Status: bellhop.AttemptSucceeded, Final: true, ResponseStatus: 200, URL: "https://example.com/hook",
		}
		mu.Unlock()
		if err := s.Record(t.Context(), node.Lease, []bellhop.Result{{Attempt: a, Lease: node.Lease}}, now); err != nil {
			t.Error(err)
			return
		}
		d.tell(fact{attempts: []bellhop.AttemptID{a.ID}})
	}
	const rounds = 25
	var all sync.WaitGroup
	all.Go(func() { // a node's own
		for range rounds {
			list := []bellhop.NewEvent{event(node.Lease.Node), event(node.Lease.Node), event(node.Lease.Node)}
			enqueue(list...)
			record(list[0].Event.ID, list[0].Deliveries[0].ID)
		}
	})
	all.Go(func() { // a backlog
		for i := range rounds {
			enqueue(event(0))
			claimed, err := ClaimOf(t, s, bellhop.ClaimRequest{Lease: node.Lease, Endpoint: 1, Limit: 1, MaxBytes: 1 << 20}, now)
			if err != nil {
				t.Error(err)
			}
			for _, w := range claimed.Work {
				record(w.Event.ID, w.Delivery.ID)
			}
			if i%6 == 5 {
				if _, err := s.RollUp(t.Context(), now.Add(time.Hour)); err != nil {
					t.Error(err)
				}
			}
			if i%11 == 10 {
				if err := s.wipeLog(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	all.Go(func() { // somebody who looks
		for range rounds {
			list, err := s.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Scope{All: true}, Limit: 50})
			if err != nil {
				t.Error(err)
			}
			var told fact
			for _, e := range list {
				told.events = append(told.events, e.ID)
			}
			d.tell(told)
		}
	})
	all.Wait()
	return batches
}

// checkPowerLoss opens what the cut has left.
func checkPowerLoss(t *testing.T, d *disk, after int, keep func() bool, batches [][]bellhop.EventID) (wrong error) {
	t.Helper()
	dir, err := os.MkdirTemp(cmp.Or(testmemory.Dir(), t.TempDir()), "bellhop-power-loss-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bellhop.db")
	files := d.cut(after, keep)
	for i, suffix := range []string{"", "-wal"} {
		if err := os.WriteFile(path+suffix, files[i], 0o600); err != nil {
			return err
		}
	}
	s, err := Open(t.Context(), path, Options{Readers: 1})
	if err != nil {
		return err
	}
	defer func() { wrong = errors.Join(wrong, s.Close()) }()
	verdict := ""
	err = s.read(t.Context(), "check", func(c *sqlite.Conn) error {
		return each(c, func(st *sqlite.Stmt) { verdict += st.ColumnText(0) }, "PRAGMA integrity_check")
	})
	if err != nil || verdict != "ok" {
		return fmt.Errorf("integrity_check: %s, %v", verdict, err)
	}
	all := bellhop.Scope{All: true}
	events := map[bellhop.EventID]bool{}
	list, err := s.Events(t.Context(), bellhop.EventFilter{Scope: all, Limit: 1000})
	if err != nil {
		return err
	}
	for _, e := range list {
		events[e.ID] = true
	}
	attempts := map[bellhop.AttemptID]bool{}
	tried, err := s.Attempts(t.Context(), bellhop.AttemptFilter{Scope: all, Limit: 1000})
	if err != nil {
		return err
	}
	ended := map[bellhop.EventID]bool{}
	for _, a := range tried {
		attempts[a.ID], ended[a.Event] = true, true
		if !events[a.Event] {
			return fmt.Errorf("attempt %v is there without its event", a.ID)
		}
	}
	pending, err := s.Deliveries(t.Context(), bellhop.DeliveryFilter{Scope: all, Status: bellhop.DeliveryPending, Limit: 1000})
	if err != nil {
		return err
	}
	waits := map[bellhop.EventID]bool{}
	for _, p := range pending {
		waits[p.Event] = true
	}
	for e := range events {
		if waits[e] == ended[e] {
			return fmt.Errorf("the delivery of event %v is pending: %t, and has ended: %t", e, waits[e], ended[e])
		}
	}
	for _, batch := range batches {
		there := 0
		for _, e := range batch {
			if events[e] {
				there++
			}
		}
		if there != 0 && there != len(batch) {
			return fmt.Errorf("%d of %d events of one call are there", there, len(batch))
		}
	}
	var missing []string
	for i, op := range d.ops[:after] {
		for _, e := range op.told.events {
			if !events[e] {
				missing = append(missing, fmt.Sprintf("event %v, told of at %d", e, i))
			}
		}
		for _, a := range op.told.attempts {
			if !attempts[a] {
				missing = append(missing, fmt.Sprintf("attempt %v, told of at %d", a, i))
			}
		}
	}
	if len(missing) > 0 {
		return errors.New("missing: " + strings.Join(missing, "; "))
	}
	return nil
}
