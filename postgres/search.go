package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/idlist"
)

// Bounds of one search: it holds a connection that others wait for, and a state of the
// database that what is deleted meanwhile is kept for. Whoever searches on comes back.
const (
	searchRows  = 50_000   // of candidates, whether they are looked into or not
	searchBytes = 32 << 20 // of data
	searchTime  = 200 * time.Millisecond
	// searchPage is how many candidates are fetched at once, and searchPiece how many are
	// looked into.
	searchPage  = 500
	searchPiece = 50
)

// search is a SearchEvents at work.
type search struct {
	*bellhop.EventSearch
	q     *reading
	ends  time.Time
	rows  int // that may still be looked at
	bytes int
	found bellhop.EventPage
}

// SearchEvents lists events by their outcome, and by their data.
func (s *Store) SearchEvents(ctx context.Context, f bellhop.EventSearch) (found bellhop.EventPage, err error) {
	err = s.read(ctx, "search events", func(q *reading) error {
		w := search{EventSearch: &f, q: q, ends: time.Now().Add(searchTime), rows: searchRows, bytes: searchBytes}
		err := w.run()
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
		for len(candidates) > 0 {
			piece := candidates[:min(searchPiece, len(candidates))]
			candidates = candidates[len(piece):]
			looked, err := w.look(piece)
			if err != nil {
				return err
			}
			last := next == 0 && looked == len(piece) && len(candidates) == 0
			if full := len(w.found.Events) >= w.Limit; !last && (full || w.spent()) {
				w.found.Next = piece[looked-1].ID
				return nil
			}
			candidates = slices.Concat(piece[looked:], candidates)
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

// look keeps those of a piece that are searched for, and answers how many it has looked
// at: at least one, and not all if the page is full before.
func (w *search) look(piece []bellhop.Event) (looked int, err error) {
	wanted, err := w.wanted(piece)
	if err != nil {
		return 0, err
	}
	for i := range piece {
		if wanted[i] {
			w.found.Events = append(w.found.Events, piece[i])
		}
		if len(w.found.Events) >= w.Limit {
			return i + 1, nil
		}
	}
	return len(piece), nil
}

// candidates gives the next events that may be wanted, newest first, and where to go on
// after them; 0 if nowhere.
func (w *search) candidates(page *bellhop.EventFilter) (list []bellhop.Event, next bellhop.EventID, err error) {
	switch w.Outcome {
	case bellhop.EventFailed, bellhop.EventCanceled, bellhop.EventWaiting, bellhop.EventHeld:
		return w.known(page)
	}
	page.Limit = searchPage
	page.WithData = false
	if page.UUID != "" {
		list, err = eventOfUUID(w.q, page)
	} else {
		list, err = eventsIn(w.q, page)
	}
	w.rows -= len(list)
	if len(list) == searchPage {
		next = list[len(list)-1].ID
	}
	return list, next, err
}

const (
	// Candidates by what is known of their deliveries: $1 and $2 are a range of events.
	eventsOfStatus = `SELECT a.event, a.app FROM bellhop.attempts a WHERE a.final AND a.status <> 0 AND (a.status, a.event) >= ($4::integer, $1) AND (a.status, a.event) < ($4::integer, $2)
		ORDER BY a.status DESC, a.event DESC LIMIT $3::bigint /* all apps */`
	eventsPending = "SELECT p.event, p.app FROM bellhop.pending p WHERE p.event >= $1 AND p.event < $2 ORDER BY p.event DESC LIMIT $3::bigint /* all apps */"
	eventsFresh   = "SELECT p.event, p.app FROM bellhop.fresh p WHERE p.event >= $1 AND p.event < $2 ORDER BY p.event DESC LIMIT $3::bigint /* all apps */"
	eventsLater   = "SELECT f.event, f.app FROM bellhop.fanouts f WHERE f.event >= $1 AND f.event < $2 ORDER BY f.event DESC LIMIT $3::bigint /* all apps */"
)

// known gives events that an index has by their outcome, as far as the rest of the filter
// selects them.
func (w *search) known(page *bellhop.EventFilter) (list []bellhop.Event, next bellhop.EventID, err error) {
	if empty(page.Scope) {
		return nil, 0, nil
	}
	var queries []string
	var args []any
	switch w.Outcome {
	case bellhop.EventFailed, bellhop.EventCanceled:
		queries, args = []string{eventsOfStatus}, []any{column.Status(bellhop.AttemptStatus(w.Outcome))}
	case bellhop.EventWaiting:
		queries = []string{eventsPending, eventsFresh, eventsLater}
	default:
		queries = []string{eventsPending, eventsFresh}
	}
	// Each gives as many; what is older than the last one of a query that has more is left
	// for the next time.
	var all []bellhop.EventID
	var horizon bellhop.EventID
	s := spanOf(page.Since, page.Until, int64(page.Before), 0)
	for _, sql := range queries {
		limit := max(min(w.rows, 10*searchPage), 1)
		count, last := 0, bellhop.EventID(0)
		var event int64
		var app string
		err := w.q.each(scan(func() {
			count++
			if e := bellhop.EventID(event); e != last { // and not at another endpoint
				last = e
				if page.Scope.Sees(app) {
					all = append(all, e)
				}
			}
		}, &event, &app), sql, append([]any{s.low, s.high, limit}, args...)...)
		if err != nil {
			return nil, 0, err
		}
		w.rows -= count
		if count == limit {
			horizon = max(horizon, last)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	for len(all) > 0 {
		var piece []bellhop.EventID
		for len(all) > 0 && len(piece) < searchPage && all[0] >= horizon {
			piece, all = append(piece, all[0]), all[1:]
		}
		if len(piece) == 0 {
			break
		}
		some, err := eventsByID(w.q, piece, false)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, slices.DeleteFunc(some, func(e bellhop.Event) bool { return !page.Selects(&e) })...)
		if len(list) >= searchPage || w.spent() {
			horizon = max(horizon, piece[len(piece)-1])
			break
		}
	}
	return newest(list, len(list), eventPosition), horizon, nil
}

// wanted tells of each of some candidates whether it is searched for.
func (w *search) wanted(piece []bellhop.Event) ([]bool, error) {
	wanted := make([]bool, len(piece))
	var of []bellhop.EventID
	for i := range piece {
		e := &piece[i]
		// A test that failed is no delivery that did.
		if wanted[i] = w.Labelled(e) && !(w.Outcome == bellhop.EventNone && e.Deliveries > 0 || w.Outcome == bellhop.EventFailed && e.Test); wanted[i] {
			of = append(of, e.ID)
		}
	}
	if w.Outcome != "" && len(of) > 0 {
		outcomes, err := outcomesOf(w.q, of)
		if err != nil {
			return nil, err
		}
		of = of[:0]
		for i := range piece {
			if wanted[i] {
				if wanted[i] = outcomes[piece[i].ID].State == w.Outcome; wanted[i] {
					of = append(of, piece[i].ID)
				}
			}
		}
	}
	if w.Meets == nil && !w.WithData || len(of) == 0 {
		return wanted, nil
	}
	return wanted, w.readData(piece, wanted, of)
}

const dataOf = "SELECT e.id, e.data FROM unnest($1::bigint[]) AS x (id) JOIN bellhop.events e ON e.id = x.id /* all apps */"

// readData looks into the data of candidates that are wanted so far.
func (w *search) readData(piece []bellhop.Event, wanted []bool, of []bellhop.EventID) error {
	at := make(map[bellhop.EventID]int, len(piece))
	for i := range piece {
		at[piece[i].ID] = i
		if w.Meets != nil {
			wanted[i] = false // until its data is found
		}
	}
	return w.q.each(func(r row) error {
		var id int64
		var data []byte
		if err := r.Scan(&id, &data); err != nil {
			return err
		}
		i := at[bellhop.EventID(id)]
		w.bytes -= len(data)
		if w.Meets != nil {
			wanted[i] = data != nil && w.Meets(data)
		}
		if wanted[i] && w.WithData && data != nil {
			piece[i].Data = data
		}
		return nil
	}, dataOf, of)
}

// maxOutcome is how many deliveries of an event, and attempts of it, are looked at to say
// how it stands.
const maxOutcome = 2000

const (
	unfinishedOfEvents = `SELECT s.id, p.endpoint, p.id, p.held, (SELECT x.status FROM bellhop.endpoints x WHERE x.id = p.endpoint)
		FROM unnest($1::bigint[]) AS s (id) CROSS JOIN LATERAL (SELECT o.endpoint, o.id, o.held FROM bellhop.pending o WHERE o.event = s.id AND o.settled = 0 LIMIT $2::bigint) AS p /* all apps */`
	labelsOfEvents   = "SELECT e.id, e.channels, e.tags FROM unnest($1::bigint[]) AS s (id) CROSS JOIN LATERAL (SELECT * FROM bellhop.events o WHERE o.id = s.id) AS e /* all apps */"
	freshOfEvents    = "SELECT p.event, p.endpoint, p.id, false, " + statusOfEndpoint + " FROM bellhop.fresh p WHERE p.event = ANY($1) LIMIT $2::bigint /* all apps */"
	attemptsOfEvents = `SELECT s.id, a.endpoint, a.delivery, a.status, a.final
		FROM unnest($1::bigint[]) AS s (id) CROSS JOIN LATERAL (SELECT * FROM bellhop.attempts o WHERE o.event = s.id LIMIT $2::bigint) AS a /* all apps */`
	troubleOfEvents = `SELECT s.id, a.endpoint, a.delivery, a.status, a.final FROM unnest($1::bigint[]) AS s (id) CROSS JOIN LATERAL (
			(SELECT * FROM bellhop.attempts o WHERE o.final AND o.status <> 0 AND o.status = 1 AND o.event = s.id LIMIT $2::bigint) UNION ALL
			(SELECT * FROM bellhop.attempts o WHERE o.final AND o.status <> 0 AND o.status = 2 AND o.event = s.id LIMIT $2::bigint)) AS a /* all apps */`
	latersOf = "SELECT f.event, l.endpoints, f.done FROM bellhop.fanouts f JOIN bellhop.fanout_lists l ON l.app = f.app AND l.id = f.list WHERE f.event = ANY($1) /* all apps */"
)

// Labelled tells whether events have labels.
func (s *Store) Labelled(ctx context.Context, events []bellhop.EventID, f bellhop.LabelFilter) ([]bool, error) {
	list := make([]bool, len(events))
	err := s.read(ctx, "look for labels of events", func(q *reading) error {
		has := map[bellhop.EventID]bool{}
		var id bellhop.EventID
		var channels, tags *string
		err := q.each(scan(func() {
			has[id] = f.Labelled(&bellhop.Event{Channels: column.LabelsOf(text(channels)), Tags: column.LabelsOf(text(tags))})
		}, (*int64)(&id), &channels, &tags), labelsOfEvents, numbers(events))
		for i, e := range events {
			list[i] = has[e]
		}
		return err
	})
	return list, err
}

// Outcomes says how events stand.
func (s *Store) Outcomes(ctx context.Context, events []bellhop.EventID) ([]bellhop.EventOutcome, error) {
	list := make([]bellhop.EventOutcome, len(events))
	err := s.read(ctx, "look how events stand", func(q *reading) error {
		of, err := outcomesOf(q, events)
		for i, e := range events {
			list[i] = of[e]
		}
		return err
	})
	return list, err
}

func outcomesOf(q *reading, events []bellhop.EventID) (map[bellhop.EventID]bellhop.EventOutcome, error) {
	if len(events) == 0 {
		return nil, nil
	}
	ids := numbers(events)
	deliveries, rows := map[int64][]bellhop.Delivery{}, map[int64]int{}
	var event, endpoint, id int64
	var held bool
	var status *string
	unfinished := scan(func() {
		deliveries[event] = append(deliveries[event], bellhop.Delivery{
			Endpoint: bellhop.EndpointID(endpoint), ID: bellhop.DeliveryID(id), Status: bellhop.Unfinished(bellhop.EndpointStatus(text(status)), held),
		})
	}, &event, &endpoint, &id, &held, &status)
	err := q.each(unfinished, unfinishedOfEvents, ids, maxOutcome)
	if err == nil {
		err = q.each(unfinished, freshOfEvents, ids, maxOutcome*len(ids))
	}
	if err != nil {
		return nil, err
	}
	more := map[int64]bool{}
	for e, list := range deliveries {
		more[e] = len(list) >= maxOutcome
	}
	var number int
	var final bool
	ended := scan(func() {
		rows[event]++
		if final {
			a := bellhop.Attempt{Endpoint: bellhop.EndpointID(endpoint), Delivery: bellhop.DeliveryID(id), Status: column.StatusOf(number), Final: true}
			deliveries[event] = append(deliveries[event], a.Ended())
		}
	}, &event, &endpoint, &id, &number, &final)
	if err := q.each(ended, attemptsOfEvents, ids, maxOutcome); err != nil {
		return nil, err
	}
	var many []int64
	for e, n := range rows {
		if n == maxOutcome {
			more[e], many = true, append(many, e) // what is wrong is looked for, nevertheless
		}
	}
	if len(many) > 0 {
		if err := q.each(ended, troubleOfEvents, many, maxOutcome); err != nil {
			return nil, err
		}
	}
	later := map[int64]int{}
	var encoded []byte
	var done int64
	if err := q.each(scan(func() {
		all, _ := idlist.Decode[bellhop.EndpointID](encoded) // Spread tells of a damaged one
		for _, e := range all {
			if e > bellhop.EndpointID(done) {
				later[event]++
			}
		}
	}, &event, &encoded, &done), latersOf, ids); err != nil {
		return nil, err
	}
	of := make(map[bellhop.EventID]bellhop.EventOutcome, len(ids))
	for _, e := range ids {
		o := bellhop.OutcomeOf(deliveries[e], later[e])
		o.More = more[e]
		of[bellhop.EventID(e)] = o
	}
	return of, nil
}
