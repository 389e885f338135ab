package svix

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
)

// Messages of one batch have ids of one millisecond: a walk back finds its way among them.
func TestWalkOfBatches(t *testing.T) {
	testlong.Only(t)
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
	testlong.Only(t)
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

// Lists that a filter makes thin are walked back from every page, also from those that found
// nothing and from the end, and no row is lost or comes twice.
func TestWalkOfThinLists(t *testing.T) {
	now := time.Now()
	first := id.First[id.Event](now.Add(-24 * time.Hour))
	all := make([]bellhop.EventID, 12_000)
	for i := range all {
		all[i] = first + bellhop.EventID(i)
	}
	for _, kept := range [][]int{nil, {0}, {11_999}, {0, 5999, 6000, 6001, 11_999}, {3000, 3001}, {6999, 7000}, {1, 2, 3, 11_000}} {
		var want []bellhop.EventID // newest first
		for _, i := range slices.Backward(kept) {
			want = append(want, all[i])
		}
		l := log[id.Event, bellhop.EventID]{
			read: func(_ span, before, after bellhop.EventID, limit int) (list []bellhop.EventID, _ error) {
				if after != 0 {
					i, found := slices.BinarySearch(all, after)
					if found {
						i++
					}
					return all[i:min(i+limit, len(all))], nil
				}
				i := len(all)
				if before != 0 {
					i, _ = slices.BinarySearch(all, before)
				}
				list = slices.Clone(all[max(i-limit, 0):i])
				slices.Reverse(list)
				return list, nil
			},
			id:   func(e *bellhop.EventID) bellhop.EventID { return *e },
			keep: func(e *bellhop.EventID) (bool, error) { return slices.Contains(want, *e), nil },
		}
		ask := func(iterator string, limit int) page[bellhop.EventID] {
			t.Helper()
			s := paging{Limit: limit, Iterator: iterator}.step()
			at, err := position[id.Event](s.at)
			if err != nil {
				t.Fatal(err)
			}
			w, err := l.walk(span{now.Add(-logsLast), now}, at, s.back, s.limit)
			if err != nil {
				t.Fatal(err)
			}
			p, err := logPage(s, w, l.id, func(e *bellhop.EventID) (bellhop.EventID, error) { return *e, nil })
			if err != nil || p.Iterator == nil || p.PrevIterator == nil {
				t.Fatalf("%v by %d: there is no way on from %q: %+v, %v", kept, limit, iterator, p, err)
			}
			return p
		}
		// onward gives what comes behind a page, and backward what comes before it.
		onward := func(p page[bellhop.EventID], limit int) (rows []bellhop.EventID) {
			for pages := 0; !p.Done; pages++ {
				if p = ask(*p.Iterator, limit); pages > 20_000 {
					t.Fatal("it does not end")
				}
				rows = append(rows, p.Data...)
			}
			return rows
		}
		backward := func(p page[bellhop.EventID], limit int) (rows []bellhop.EventID) {
			for pages := 0; ; pages++ {
				if p = ask(*p.PrevIterator, limit); pages > 20_000 {
					t.Fatal("it does not end")
				}
				if rows = append(slices.Clone(p.Data), rows...); p.Done {
					return rows
				}
			}
		}
		for _, limit := range []int{1, 2, 250} {
			p := ask("", limit)
			seen := slices.Clone(p.Data)
			for {
				before, behind := backward(p, limit), onward(p, limit)
				if got := slices.Concat(before, p.Data, behind); !slices.Equal(got, want) {
					t.Errorf("%v by %d: around a page of %v are %v and %v", kept, limit, p.Data, before, behind)
				}
				// Back and on again gives the same as to stay.
				q := ask(*p.PrevIterator, limit)
				if again := ask(*q.Iterator, limit); len(p.Data) > 0 && len(again.Data) > 0 && again.Data[0] != p.Data[0] {
					t.Errorf("%v by %d: back from %v and on again is %v", kept, limit, p.Data, again.Data)
				}
				if p.Done {
					break
				}
				p = ask(*p.Iterator, limit)
				seen = append(seen, p.Data...)
			}
			if !slices.Equal(seen, want) {
				t.Errorf("%v by %d: %v", kept, limit, seen)
			}
			// Behind the end, too: what is older than the oldest row.
			end := ask(first.String(), limit)
			if got := backward(end, limit); len(end.Data) > 0 || !slices.Equal(got, want) {
				t.Errorf("%v by %d: back from behind the end: %v", kept, limit, got)
			}
			// And before the beginning, as one who looks for what is new.
			top := ask("-"+all[len(all)-1].String(), limit)
			rest := ask(*top.Iterator, limit)
			if got := append(slices.Clone(rest.Data), onward(rest, limit)...); len(top.Data) > 0 || !slices.Equal(got, want) {
				t.Errorf("%v by %d: on from before the beginning: %v", kept, limit, got)
			}
		}
	}
}

// The messages of an endpoint are found again on the way back from the end, though few have
// a label.
func TestWalkBackFromTheEnd(t *testing.T) {
	testlong.Only(t)
	s := open(t)
	app := s.app("")
	door := s.endpoint(app, "")
	var want []string
	for i := range 3 * engine.MaxBatch / 100 {
		batch := make([]engine.Publication, 100)
		for j := range batch {
			batch[j] = engine.Publication{App: app, Type: "a.b", Data: bellhop.JSON(`{}`)}
		}
		if i%8 == 3 {
			batch[50].Tags = []string{"rare"}
		}
		receipts, err := s.desk.PublishBatch(t.Context(), bellhop.Owner(), batch)
		if err != nil {
			t.Fatal(err)
		}
		if i%8 == 3 {
			want = append(want, receipts[50].Event.String())
		}
	}
	slices.Reverse(want)
	s.eventually("all has arrived", func() bool {
		r := s.do(200, "GET", "/app/"+app+"/endpoint/"+door+"/stats", "")
		return r.has("success") == float64(3*engine.MaxBatch)
	})
	for _, path := range []string{"/app/" + app + "/endpoint/" + door + "/msg?tag=rare", "/app/" + app + "/msg?tag=rare", "/app/" + app + "/attempt/endpoint/" + door + "?tag=rare&with_msg=true"} {
		idsOf := func(r reply) (list []string) {
			rows, _ := r.has("data").([]any)
			for i := range rows {
				if id := r.text(fmt.Sprintf("data.%d.msgId", i)); id != "" {
					list = append(list, id)
				} else {
					list = append(list, r.text(fmt.Sprintf("data.%d.id", i)))
				}
			}
			return list
		}
		var there, back []string
		r := s.do(200, "GET", path+"&limit=2", "")
		for there = idsOf(r); r.has("done") != true; there = append(there, idsOf(r)...) {
			r = s.do(200, "GET", path+"&limit=2&iterator="+r.text("iterator"), "")
		}
		last := idsOf(r)
		for done := false; !done; done = r.has("done") == true {
			r = s.do(200, "GET", path+"&limit=2&iterator="+r.text("prevIterator"), "")
			back = append(idsOf(r), back...)
		}
		if back = append(back, last...); !slices.Equal(there, want) || !slices.Equal(back, want) {
			t.Errorf("%s: %v there, %v back, want %v", path, there, back, want)
		}
	}
}
