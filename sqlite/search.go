package sqlite

import (
	"context"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// Bounds of one search: it holds a reader that others wait for, and keeps the log from
// being checkpointed. Whoever searches on comes back.
const (
	searchRows  = 50_000   // of candidates, whether they are looked into or not
	searchBytes = 32 << 20 // of data
	searchTime  = 200 * time.Millisecond
	// searchPage is how many candidates are fetched at once.
	searchPage = 500
)

// search is a SearchEvents at work.
type search struct {
	*bellhop.EventSearch
	c     *sqlite.Conn
	fresh []bellhop.Delivery
	ends  time.Time
	rows  int // that may still be looked at
	bytes int
	data  []byte // of the event at hand
	found bellhop.EventPage
}

// SearchEvents lists events by their outcome, and by their data.
func (s *Store) SearchEvents(ctx context.Context, f bellhop.EventSearch) (bellhop.EventPage, error) {
	var found bellhop.EventPage
	err := s.read(ctx, "search events", func(c *sqlite.Conn) error {
		w := search{EventSearch: &f, c: c, ends: time.Now().Add(searchTime), rows: searchRows, bytes: searchBytes}
		err := error(nil)
		if f.Outcome != "" {
			w.fresh, err = s.writer.fresh.view(c, 0, func(d *freshDelivery) bool { return f.Scope.Sees(d.app) })
		}
		if err == nil {
			err = w.run()
		}
		found = w.found
		return err
	})
	return found, err
}

// run goes from candidate to candidate, newest first, until the page is full, nothing is
// left, or this search has had its share.
func (w *search) run() error {
	page := w.EventFilter
	for {
		candidates, next, err := w.candidates(&page)
		if err != nil {
			return err
		}
		for i := range candidates {
			e := &candidates[i]
			wanted, err := w.wants(e)
			if err != nil {
				return err
			}
			if wanted {
				w.found.Events = append(w.found.Events, *e)
			}
			last := next == 0 && i == len(candidates)-1
			if full := len(w.found.Events) >= w.Limit; !last && (full || w.spent()) {
				w.found.Next = e.ID
				return nil
			}
		}
		if w.found.Next = next; next == 0 || w.spent() {
			return nil
		}
		page.Before = next
	}
}

func (w *search) spent() bool {
	return w.rows <= 0 || w.bytes <= 0 || !time.Now().Before(w.ends)
}

// candidates gives the next events that may be wanted, newest first, and where to go on
// after them; 0 if nowhere.
func (w *search) candidates(page *bellhop.EventFilter) (list []bellhop.Event, next bellhop.EventID, err error) {
	switch w.Outcome {
	case bellhop.EventFailed, bellhop.EventCanceled:
		q := query{index: "attempts_event_trouble"}
		q.where.add("final = 1 AND status <> 0 AND status = ?", column.Status(bellhop.AttemptStatus(w.Outcome)))
		return w.known(page, []query{q}, "attempts")
	case bellhop.EventWaiting, bellhop.EventHeld:
		queries, tables := []query{{index: "pending_event"}}, []string{"pending"}
		if w.Outcome == bellhop.EventWaiting {
			queries, tables = append(queries, query{}), append(tables, "fanouts")
		}
		return w.known(page, queries, tables...)
	}
	page.Limit = searchPage
	page.WithData = false
	queries, err := eventQueriesIn(w.c, page)
	if err != nil {
		return nil, 0, err
	}
	if list, err = collect(w.c, queries, eventColumns+", NULL", "events", "id", searchPage, false, scanEvent); err != nil {
		return nil, 0, err
	}
	w.rows -= len(list)
	list = newest(list, searchPage, func(e *bellhop.Event) int64 { return int64(e.ID) })
	if len(list) == searchPage {
		next = list[len(list)-1].ID
	}
	return list, next, nil
}

// known gives events that an index has by their outcome, as far as the rest of the filter
// selects them.
func (w *search) known(page *bellhop.EventFilter, queries []query, tables ...string) (list []bellhop.Event, next bellhop.EventID, err error) {
	if empty(page.Scope) {
		return nil, 0, nil
	}
	type candidate struct {
		event bellhop.EventID
		app   string
	}
	// Each of the tables gives as many; what is older than the last one of a table that
	// has more is left for the next time.
	var all []candidate
	var horizon bellhop.EventID
	for i := range queries {
		q := &queries[i]
		q.where.span("event", page.Since, page.Until, int64(page.Before), 0)
		limit := max(min(w.rows, 10*searchPage), 1)
		count, last := 0, bellhop.EventID(0)
		sql := q.sql("event, app", tables[i]) + " ORDER BY event DESC LIMIT ? + 0"
		err := each(w.c, func(st *sqlite.Stmt) {
			count++
			e := bellhop.EventID(st.ColumnInt64(0))
			if e == last {
				return // at another endpoint
			}
			last = e
			all = append(all, candidate{e, st.ColumnText(1)})
		}, sql, append(q.where.args, limit)...)
		if err != nil {
			return nil, 0, err
		}
		w.rows -= count
		if count == limit {
			horizon = max(horizon, last)
		}
	}
	if w.Outcome == bellhop.EventWaiting || w.Outcome == bellhop.EventHeld {
		for i := range w.fresh {
			if e := w.fresh[i].Event; page.Before == 0 || e < page.Before {
				all = append(all, candidate{e, w.fresh[i].App})
			}
		}
	}
	all = newest(all, len(all), func(c *candidate) int64 { return int64(c.event) })
	last := bellhop.EventID(0)
	for _, c := range all {
		if c.event < horizon {
			break
		}
		if c.event == last || !page.Scope.Sees(c.app) {
			continue
		}
		last = c.event
		found, err := one(w.c, func(st *sqlite.Stmt) { list = append(list, scanEvent(st)) },
			"SELECT "+eventColumns+", NULL FROM events WHERE id = ?", int64(c.event))
		if err != nil {
			return nil, 0, err
		}
		if found && !page.Selects(&list[len(list)-1]) {
			list = list[:len(list)-1]
		}
		if len(list) == searchPage {
			return list, last, nil
		}
	}
	return list, horizon, nil
}

// wants tells whether a candidate is searched for.
func (w *search) wants(e *bellhop.Event) (bool, error) {
	if !w.Labelled(e) || w.Outcome == bellhop.EventNone && e.Deliveries > 0 || w.Outcome == bellhop.EventFailed && e.Test {
		return false, nil // a test that failed is no delivery that did
	}
	if w.Outcome != "" {
		o, err := outcomeOf(w.c, e.ID, w.fresh)
		if err != nil || o.State != w.Outcome {
			return false, err
		}
	}
	if w.Meets == nil && !w.WithData {
		return true, nil
	}
	w.data = w.data[:0]
	there := false
	if _, err := one(w.c, func(st *sqlite.Stmt) {
		if there = st.ColumnType(0) != sqlite.TypeNull; there {
			if n := st.ColumnLen(0); cap(w.data) < n {
				w.data = make([]byte, n)
			}
			w.data = w.data[:st.ColumnLen(0)]
			st.ColumnBytes(0, w.data)
		}
	}, "SELECT data FROM events WHERE id = ?", int64(e.ID)); err != nil {
		return false, err
	}
	w.bytes -= len(w.data)
	if w.Meets != nil && (!there || !w.Meets(w.data)) {
		return false, nil
	}
	if w.WithData && there {
		e.Data = append(bellhop.JSON{}, w.data...)
	}
	return true, nil
}

// maxOutcome is how many deliveries of an event, and attempts of it, are looked at to say
// how it stands.
const maxOutcome = 2000

const (
	unfinishedOfEvent = `SELECT p.endpoint, p.id, p.held, (SELECT status FROM endpoints WHERE endpoints.id = p.endpoint)
		FROM pending p INDEXED BY pending_event WHERE p.event = ? AND p.settled = 0 LIMIT ? + 0`
	attemptsOfEvent = "SELECT endpoint, delivery, status, final FROM attempts INDEXED BY attempts_event WHERE event = ? LIMIT ? + 0"
	troubleOfEvent  = "SELECT endpoint, delivery, status, final FROM attempts INDEXED BY attempts_event_trouble WHERE final = 1 AND status <> 0 AND event = ? LIMIT ? + 0"
)

// Labelled tells whether events have labels.
func (s *Store) Labelled(ctx context.Context, events []bellhop.EventID, f bellhop.LabelFilter) ([]bool, error) {
	list := make([]bool, len(events))
	err := s.read(ctx, "look for labels of events", func(c *sqlite.Conn) error {
		for i, id := range events {
			e, found, err := said(c, id)
			if err != nil {
				return err
			}
			list[i] = found && f.Labelled(&e)
		}
		return nil
	})
	return list, err
}

const saidOfEvent = "SELECT type, channels, tags FROM events WHERE id = ?"

// said gives the type and the labels of an event.
func said(c *sqlite.Conn, id bellhop.EventID) (e bellhop.Event, found bool, err error) {
	found, err = one(c, func(st *sqlite.Stmt) {
		e.Type, e.Channels, e.Tags = st.ColumnText(0), column.LabelsOf(st.ColumnText(1)), column.LabelsOf(st.ColumnText(2))
	}, saidOfEvent, int64(id))
	return e, found, err
}

// Outcomes says how events stand.
func (s *Store) Outcomes(ctx context.Context, events []bellhop.EventID) ([]bellhop.EventOutcome, error) {
	list := make([]bellhop.EventOutcome, len(events))
	err := s.read(ctx, "look how events stand", func(c *sqlite.Conn) (err error) {
		fresh, err := s.writer.fresh.view(c, 0, func(d *freshDelivery) bool { return slices.Contains(events, d.freshEvent.id) })
		if err != nil {
			return err
		}
		for i, e := range events {
			if list[i], err = outcomeOf(c, e, fresh); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// outcomeOf says how an event stands, of which these deliveries are fresh, among others.
func outcomeOf(c *sqlite.Conn, event bellhop.EventID, fresh []bellhop.Delivery) (bellhop.EventOutcome, error) {
	var list []bellhop.Delivery
	for _, d := range fresh {
		if d.Event != event {
			continue
		}
		var err error
		if d.Status, err = statusAt(c, &d); err != nil {
			return bellhop.EventOutcome{}, err
		}
		list = append(list, d)
	}
	err := each(c, func(st *sqlite.Stmt) {
		list = append(list, bellhop.Delivery{
			Endpoint: bellhop.EndpointID(st.ColumnInt64(0)), ID: bellhop.DeliveryID(st.ColumnInt64(1)),
			Status: bellhop.Unfinished(bellhop.EndpointStatus(st.ColumnText(3)), st.ColumnBool(2)),
		})
	}, unfinishedOfEvent, int64(event), maxOutcome)
	if err != nil {
		return bellhop.EventOutcome{}, err
	}
	more := len(list) >= maxOutcome
	rows := 0
	ended := func(st *sqlite.Stmt) {
		rows++
		if !st.ColumnBool(3) {
			return
		}
		a := bellhop.Attempt{
			Endpoint: bellhop.EndpointID(st.ColumnInt64(0)), Delivery: bellhop.DeliveryID(st.ColumnInt64(1)),
			Status: column.StatusOf(st.ColumnInt(2)), Final: true,
		}
		list = append(list, a.Ended())
	}
	err = each(c, ended, attemptsOfEvent, int64(event), maxOutcome)
	if err == nil && rows == maxOutcome {
		more = true // what is wrong is looked for, nevertheless
		err = each(c, ended, troubleOfEvent, int64(event), maxOutcome)
	}
	if err != nil {
		return bellhop.EventOutcome{}, err
	}
	left, err := later(c, event)
	o := bellhop.OutcomeOf(list, len(left))
	o.More = more
	return o, err
}
