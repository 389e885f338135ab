package svix

import (
	"fmt"
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

// A page of a walk back is full if there are rows enough, and however few of them are kept,
// it looks at no more than it may.
func TestWalkBack(t *testing.T) {
	now := time.Now()
	first := id.First[id.Event](now.Add(-24 * time.Hour))
	all := make([]bellhop.EventID, 12_000)
	for i := range all {
		all[i] = first + bellhop.EventID(i)
	}
	for _, kept := range []int64{1, 3, 11_000} {
		reads, rows := 0, 0
		l := log[id.Event, bellhop.EventID]{
			read: func(_ span, before, after bellhop.EventID, limit int) ([]bellhop.EventID, error) {
				if before != 0 || after == 0 {
					t.Errorf("rows after %d and before %d are read", after, before)
				}
				i := int(after - first + 1)
				list := all[i:min(i+limit, len(all))]
				reads, rows = reads+1, rows+len(list)
				return list, nil
			},
			id: func(e *bellhop.EventID) bellhop.EventID { return *e },
		}
		keeps := func(e *bellhop.EventID) (bool, error) { return int64(*e-first)%kept == 0, nil }
		if kept > 1 {
			l.keep = keeps
		}
		var want []bellhop.EventID
		for _, e := range all[1:] {
			if ok, _ := keeps(&e); ok {
				want = append(want, e)
			}
		}
		for _, limit := range []int{1, 7, 250} {
			var got []bellhop.EventID
			for at, more := all[0], true; more; {
				reads, rows = 0, 0
				w, err := l.walk(span{now.Add(-logsLast), now}, at, true, limit)
				if err != nil || w.more && w.last <= at {
					t.Fatalf("one of %d by %d: it does not go on: %v", kept, limit, err)
				}
				if w.more && len(w.rows) < limit && rows < mostScanned || reads > mostScanned/chunk || rows > mostScanned {
					t.Fatalf("one of %d by %d: a page of %d took %d reads of %d rows", kept, limit, len(w.rows), reads, rows)
				}
				got = append(got, w.rows...)
				at, more = w.last, w.more
			}
			if !slices.Equal(got, want) {
				t.Errorf("one of %d by %d: %d rows, want %d", kept, limit, len(got), len(want))
			}
		}
	}
}
