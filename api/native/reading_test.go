package native

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	zombie "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/sqlite"
)

// manyEvents is a store of one app with very many events, of a hundred types.
func manyEvents(t *testing.T, count int) bellhop.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "many.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := open().Close(); err != nil {
		t.Fatal(err)
	}
	c, err := zombie.OpenConn(path, zombie.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	first := int64(id.First[id.Event](time.Now().Add(-time.Hour)))
	fill := fmt.Sprintf(`INSERT INTO events (id, app, type, subject, deliver_at, deliveries, erased, test, data)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		SELECT %d + i, 'acme', 'type.t' || (i %% 100), '', 0, 0, 0, 0, '{}' FROM n`, count, first)
	if err := sqlitex.ExecuteScript(c, fill, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return open()
}

// TestReadingHasReserves: forty who look through a large log at once, for what is not
// there, slow down neither another's list nor a change of the configuration nor a
// publish. They wait for each other, which is the measure here.
func TestReadingHasReserves(t *testing.T) {
	many := manyEvents(t, 60_000)
	s := open(t, setup{store: func(old bellhop.Store) bellhop.Store { _ = old.Close(); return many }},
		setup{options: func(o *Options) { o.ReadLimit = time.Minute }})
	_, viewer, err := s.desk.CreateKey(t.Context(), bellhop.Owner(), bellhop.KeyRequest{Role: bellhop.RoleViewer, Apps: []string{"acme"}, Portal: true})
	if err != nil {
		t.Fatal(err)
	}
	neighbour := s.key(bellhop.RoleViewer, "globex")
	e := s.endpoint("globex").ID.String()

	var mu sync.Mutex
	var slow []time.Duration
	var attackers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for range 40 {
		attackers.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				r := s.ask(ctx, viewer, "GET", "/v1/events?subject=zz*", "")
				if r.status == http.StatusTooManyRequests {
					time.Sleep(20 * time.Millisecond)
					continue
				}
				mu.Lock() // one that was cut off would have taken longer
				slow = append(slow, time.Since(began))
				mu.Unlock()
			}
		})
	}
	defer attackers.Wait()
	defer stop()
	var quick []time.Duration
	measure := func(token, method, path, body string) {
		t.Helper()
		began := time.Now()
		if r := s.do(token, method, path, body); r.status/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, path, r.status, r.body)
		}
		quick = append(quick, time.Since(began))
	}
	for i := range 15 {
		measure(neighbour, "GET", "/v1/events", "")
		measure(neighbour, "GET", "/v1/deliveries", "")
		measure(s.admin, "PATCH", "/v1/endpoints/"+e, fmt.Sprintf(`{"name":"n%d"}`, i))
		measure(s.admin, "POST", "/v1/events", `{"app":"globex","type":"a.b","data":1}`)
	}
	stop()
	attackers.Wait()
	slices.Sort(quick)
	slices.Sort(slow)
	p99, theirs := quick[len(quick)*99/100], slow[len(slow)*3/4]
	t.Logf("the neighbour's p99 is %s; of those who ask for much, a quarter waits longer than %s", p99, theirs)
	if p99 > theirs/2 {
		t.Errorf("the neighbour's p99 is %s beside reads that take %s", p99, theirs)
	}
}

// TestTooBroadAQuestion: what takes too long ends, and says what would help. By type,
// an app's events are found however many there are.
func TestTooBroadAQuestion(t *testing.T) {
	many := manyEvents(t, 40_000)
	s := open(t, setup{store: func(old bellhop.Store) bellhop.Store { _ = old.Close(); return many }},
		setup{options: func(o *Options) { o.ReadLimit = time.Millisecond }})
	viewer := s.key(bellhop.RoleViewer, "acme")
	p := s.do(viewer, "GET", "/v1/events?subject=zz*", "").problem(t)
	if p.Status != 422 || p.Code != bellhop.CodeTooBroad || !strings.Contains(p.Detail, "app, or type, or since") || strings.Contains(p.Detail, "subject") {
		t.Errorf("%+v", p)
	}
	// It holds no connection: there are eight.
	for range 10 {
		if p := s.do(viewer, "GET", "/v1/events?subject=zz*&app=acme&type=type.*&since=2020-01-01T00:00:00Z", "").problem(t); p.Code != bellhop.CodeTooBroad || !strings.Contains(p.Detail, "range of time") {
			t.Fatalf("%+v", p)
		}
	}
}
