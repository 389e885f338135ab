package svix

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
)

// Messages of one batch have ids of one millisecond: a walk back finds its way among them.
func TestWalkOfBatches(t *testing.T) {
	s := open(t)
	app := s.app("")
	var want []string
	for range 5 {
		batch := make([]engine.Publication, engine.MaxBatch)
		for i := range batch {
			batch[i] = engine.Publication{App: app, Type: "a.b", Data: bellhop.JSON(`{}`)}
		}
		receipts, err := s.desk.PublishBatch(t.Context(), bellhop.Owner(), batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range receipts {
			want = append(want, r.Event.String())
		}
	}
	slices.Sort(want)
	slices.Reverse(want)
	limits := []int{7, 250}
	if !testing.Short() {
		limits = append(limits, 1)
	}
	for _, limit := range limits {
		if got := s.walkBoth("/app/"+app+"/msg?with_content=false", limit); !slices.Equal(got, want) {
			t.Errorf("by %d: there are %d messages, want %d", limit, len(got), len(want))
		}
	}
	if got := s.walkBoth("/app/"+app+"/msg?with_content=false&event_types=a.b,c.d", 250); !slices.Equal(got, want) {
		t.Errorf("filtered: there are %d messages, want %d", len(got), len(want))
	}
}

// The deliveries that a replay makes at once are walked as others are.
func TestWalkOfReplayed(t *testing.T) {
	s := open(t)
	app := s.app("")
	batch := make([]engine.Publication, engine.MaxBatch)
	for i := range batch {
		batch[i] = engine.Publication{App: app, Type: "a.b", Data: bellhop.JSON(`{}`)}
	}
	if _, err := s.desk.PublishBatch(t.Context(), bellhop.Owner(), batch); err != nil {
		t.Fatal(err)
	}
	door := s.endpoint(app, "")
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	task := s.do(202, "POST", "/app/"+app+"/endpoint/"+door+"/replay-missing", `{"since":"`+since+`"}`).text("id")
	s.eventually("it is replayed", func() bool {
		return s.do(200, "GET", "/background-task/"+task, "").text("status") == "finished"
	})
	s.eventually("all has arrived", func() bool { return len(s.net.requests()) == len(batch) })
	for _, path := range []string{"/app/" + app + "/endpoint/" + door + "/msg?with_content=false", "/app/" + app + "/attempt/endpoint/" + door + "?with_content=false"} {
		s.eventually("it is written down", func() bool {
			return len(s.walk(path, 250)) == len(batch)
		})
		for _, limit := range []int{7, 250} {
			if got := s.walkBoth(path, limit); len(got) != len(batch) {
				t.Errorf("%s by %d: there are %d, want %d", path, limit, len(got), len(batch))
			}
		}
	}
}

// walk gives the ids of a list.
func (s *site) walk(path string, limit int) (list []string) {
	for at := ""; ; {
		r := s.do(200, "GET", fmt.Sprintf("%s&limit=%d&iterator=%s", path, limit, at), "")
		list = append(list, ids(r)...)
		if at = r.text("iterator"); r.has("done") == true {
			return list
		}
	}
}

// However rows lie in time, a walk back gives all of them in its order, and looks at few
// others for each page.
func TestWalkBack(t *testing.T) {
	const millisecond = int64(1) << 21
	now := time.Now()
	base := int64(id.First[id.Event](now.Add(-24 * time.Hour)))
	random := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func(i int) int64{
		"dense":             func(i int) int64 { return int64(i) },
		"even":              func(i int) int64 { return int64(i) * 10_000 * millisecond },
		"dense, far behind": func(i int) int64 { return min(int64(i), 1) * (3600_000*millisecond + int64(i)) },
		"batches":           func(i int) int64 { return int64(i/500)*7919*millisecond + int64(i%500) },
		"batches of nodes":  func(i int) int64 { return int64(i/600)*60_000*millisecond + int64(i%3)<<12 + int64(i%600) },
		"random":            func(int) int64 { return random.Int64N(3600_000 * millisecond) },
		"doubling":          func(i int) int64 { return int64(1)<<(i%46) + int64(i/46) },
	}
	for name, shape := range shapes {
		var all []bellhop.EventID
		for i := range 5000 {
			all = append(all, bellhop.EventID(base+shape(i)))
		}
		slices.Sort(all)
		all = slices.Compact(all)
		for _, kept := range []int64{1, 3, 4000} {
			reads, rows := 0, 0
			l := log[id.Event, bellhop.EventID]{
				read: func(s span, before bellhop.EventID, limit int) (list []bellhop.EventID, err error) {
					reads++
					low, high := id.First[id.Event](s.since), id.First[id.Event](s.until)
					if before != 0 {
						high = min(high, before)
					}
					i, _ := slices.BinarySearch(all, high)
					for i--; i >= 0 && all[i] >= low && len(list) < limit; i-- {
						list = append(list, all[i])
					}
					rows += len(list)
					return list, nil
				},
				id: func(e *bellhop.EventID) bellhop.EventID { return *e },
			}
			keeps := func(e *bellhop.EventID) (bool, error) { return int64(*e)%kept == 0, nil }
			if kept > 1 {
				l.keep = keeps
			}
			var want []bellhop.EventID
			for _, e := range all[1:] {
				if ok, _ := keeps(&e); ok {
					want = append(want, e)
				}
			}
			over := span{now.Add(-logsLast), now.Add(logsLast)}
			for _, limit := range []int{1, 7, 250} {
				var got []bellhop.EventID
				for at, more := all[0], true; more; {
					reads, rows = 0, 0
					w, err := l.walk(over, at, true, limit)
					if err != nil || w.more && w.last <= at {
						t.Fatalf("%s by %d: it does not go on: %v", name, limit, err)
					}
					got = append(got, w.rows...)
					at, more = w.last, w.more
					if reads > 2*mostReads || rows > 20*mostScanned {
						t.Fatalf("%s by %d: a page took %d reads of %d rows", name, limit, reads, rows)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s by %d, one of %d: %d rows, want %d", name, limit, kept, len(got), len(want))
				}
			}
		}
	}
}
