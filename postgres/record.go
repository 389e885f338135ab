package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// Record logs attempts and moves their deliveries on.
func (s *Store) Record(ctx context.Context, l bellhop.Lease, results []bellhop.Result, now time.Time) error {
	if len(results) == 0 {
		return nil
	}
	shard, err := s.shardOf(ctx, len(results), func(i int) string { return results[i].Attempt.App })
	if err != nil {
		return s.writeError(ctx, "record", err)
	}
	turn := groupcommit.Turn{Rank: rankHappened, Of: results[0].Attempt.App}
	return s.do(ctx, "record", &step{turn: turn, weight: column.Weigh(results, rowWeight), shard: shard, lease: l, now: now, record: results})
}

// moving is a result on its way.
type moving struct {
	bellhop.Result
	step *step
	// fresh is its delivery, if that is; done says that it is not fresh any more then.
	fresh *freshDelivery
	done  bool
	owned bool
}

// own tells whether the delivery may be owned under the caller's lease.
func (m *moving) own() bool { return m.Result.Lease == m.step.lease }

// simple tells whether there is nothing to do but to write the attempt down.
func (m *moving) simple() bool {
	return m.fresh != nil && m.Attempt.Final && !m.Reacts() && !m.Settles()
}

// holdFresh finds those deliveries of the group that are fresh, and keeps them from being
// spilled.
func (g *group) holdFresh() {
	seen := map[bellhop.DeliveryID]bool{}
	for _, st := range g.steps {
		for i := range st.record {
			m := &moving{Result: st.record[i], step: st}
			if d := m.Attempt.Delivery; m.own() && !seen[d] {
				seen[d] = true
				m.fresh = g.store.fresh.hold(st.lease, d)
			}
			g.moves = append(g.moves, m)
		}
	}
}

// ended says of the group's fresh deliveries what became of them.
func (g *group) ended(err error) {
	f, unknown := &g.store.fresh, isUnknown(err)
	for _, a := range g.accepted {
		switch {
		case err == nil:
			f.stored(a.lease, a.fresh)
		case unknown:
			g.store.doubts.addEvent(a)
		default:
			f.notStored(a.lease, a.fresh)
		}
	}
	for _, m := range g.moves {
		switch {
		case m.fresh == nil:
		case err == nil && m.done:
			f.left(m.step.lease, []*freshDelivery{m.fresh})
		default:
			f.letGo(m.fresh, unknown)
		}
	}
}

const marksOfEvents = `SELECT what, app, name FROM bellhop.owed
	WHERE app = ANY($1) AND (what IN ('app', 'late') OR what = 'event' AND name = ANY($2))`

// readMarks reads which of the events were erased, or have gone with their app.
func (g *group) readMarks(p *pipeline) {
	var apps, events []string
	for _, m := range g.moves {
		apps, events = append(apps, m.Attempt.App), append(events, name(m.Attempt.Event))
	}
	slices.Sort(apps)
	g.marks = marks{}
	p.each(g.marks.scan(), marksOfEvents, slices.Compact(apps), events)
}

// moveOn moves the deliveries of results on.
func (g *group) moveOn() error {
	var moves []*moving
	left, err := g.ofAppsThatLeft()
	if err != nil {
		return err
	}
	for _, m := range g.moves {
		if m.step.err != nil {
			continue
		}
		if m.fresh != nil && (g.marks.leaving[m.Attempt.App] || left[m]) {
			m.done = true // it went with its app
			g.vitals(m)
			continue
		}
		if !g.careful && m.simple() {
			m.done = true
			g.log(m)
			continue
		}
		moves = append(moves, m)
	}
	if len(moves) == 0 {
		return nil
	}
	moves, err = g.leaveRecorded(moves)
	if err != nil || len(moves) == 0 {
		return err
	}
	rows, revisions, err := g.lockPending(moves)
	if err != nil {
		return err
	}
	var gone, freed []bellhop.Delivery
	var put []putOff
	var leaving []leaver
	var settles []*moving
	for _, m := range moves {
		a := &m.Attempt
		row, waits := rows[a.Delivery]
		if m.owned = m.fresh != nil || waits && m.own() && row.Owner == m.step.lease.Node; !m.owned {
			continue
		}
		delete(rows, a.Delivery) // another result of it comes too late
		held := !a.Final && m.CanHold(revisions[a.Endpoint])
		due := a.NextAt
		if due.IsZero() || m.Held {
			due = m.step.now
		}
		switch {
		case a.Final && m.fresh == nil:
			gone = append(gone, row)
			g.t.counted(waits1(&row, -1, 0))
		case a.Final:
		case m.fresh != nil:
			leaving = append(leaving, leaver{freshDelivery: m.fresh, due: due, attempt: a, held: held, heldNow: m.Held})
		default:
			put = append(put, putOff{app: row.App, delivery: a.Delivery, attempt: a, due: due, held: held, heldNow: m.Held})
			if held {
				g.t.counted(waits1(&row, 0, 1))
			}
		}
		if m.fresh == nil {
			freed = append(freed, row)
		}
		if m.Settles() {
			settles = append(settles, m)
		}
		m.done = true
	}
	if err := g.write(gone, put, leaving, settles); err != nil {
		return err
	}
	if err := g.t.promoteAll(freed, moves[0].step.now); err != nil {
		return err
	}
	return g.logAll(moves)
}

// ofAppsThatLeft finds the results of fresh deliveries whose events went with their app. Ids
// do not tell them from those of an app that was made anew under the name: nodes' clocks
// differ, and are set back.
func (g *group) ofAppsThatLeft() (map[*moving]bool, error) {
	if len(g.marks.left) == 0 {
		return nil, nil
	}
	var of []*moving
	for _, m := range g.moves {
		if m.fresh != nil && g.marks.left[m.Attempt.App] {
			of = append(of, m)
		}
	}
	events, err := g.eventsOf(of)
	left := map[*moving]bool{}
	for _, m := range of {
		if _, there := events[m.Attempt.Event]; !there {
			left[m] = true
		}
	}
	return left, err
}

// waits1 counts one row of pending.
func waits1(d *bellhop.Delivery, n, held int64) waits {
	if n < 0 && d.Held {
		held = -1
	}
	return waits{endpoint: d.Endpoint, app: d.App, again: d.Trigger.Again(), n: n, held: held}
}

const attemptsOfThese = "SELECT id FROM bellhop.attempts WHERE id = ANY($1) AND (app = ANY($2)) IS TRUE"

// leaveRecorded leaves out the results that were recorded before: their deliveries may have
// moved on since, and be owned again.
func (g *group) leaveRecorded(moves []*moving) ([]*moving, error) {
	var ids []int64
	var apps []string
	for _, m := range moves {
		ids, apps = append(ids, int64(m.Attempt.ID)), append(apps, m.Attempt.App)
	}
	slices.Sort(apps)
	recorded := map[int64]bool{}
	var id int64
	err := g.t.each(scan(func() { recorded[id] = true }, &id), attemptsOfThese, ids, slices.Compact(apps))
	kept := moves[:0:0]
	for _, m := range moves {
		id := int64(m.Attempt.ID)
		if recorded[id] {
			m.done = true
			continue
		}
		recorded[id] = true // a repetition may be in the same group
		kept = append(kept, m)
	}
	return kept, err
}

// lockPending reads the rows of the deliveries that have one and an owner, and keeps them
// as they are until the transaction ends.
func (g *group) lockPending(moves []*moving) (map[bellhop.DeliveryID]bellhop.Delivery, map[bellhop.EndpointID]int64, error) {
	var results []bellhop.Result
	var ids []int64
	var apps []string
	for _, m := range moves {
		results = append(results, m.Result)
		if m.fresh == nil && m.own() {
			ids, apps = append(ids, int64(m.Attempt.Delivery)), append(apps, m.Attempt.App)
		}
	}
	revisions, err := g.t.mayHold(results)
	if err != nil || len(ids) == 0 {
		return nil, revisions, err
	}
	rows := map[bellhop.DeliveryID]bellhop.Delivery{}
	slices.Sort(apps)
	list, err := g.t.owned(ownedOfThese, slices.Compact(apps), ids)
	for _, d := range list {
		rows[d.ID] = d
	}
	return rows, revisions, err
}

const (
	ownedColumns = "id, event, endpoint, app, trigger, owner, held, order_key"
	ownedOfThese = "SELECT " + ownedColumns + " FROM bellhop.pending WHERE (app = ANY($1)) IS TRUE AND id = ANY($2) AND owner IS NOT NULL ORDER BY id FOR UPDATE"
)

// owned reads ownedColumns of rows that have an owner.
func (t *txn) owned(sql string, args ...any) (list []bellhop.Delivery, err error) {
	var d bellhop.Delivery
	var trigger string
	err = t.each(scan(func() {
		d.Trigger = bellhop.Trigger(trigger)
		list = append(list, d)
	}, (*int64)(&d.ID), (*int64)(&d.Event), (*int64)(&d.Endpoint), &d.App, &trigger, (*int)(&d.Owner), &d.Held, (*zeronull.Text)(&d.OrderKey)), sql, args...)
	return list, err
}

// putOff is a row that stays, for another attempt.
type putOff struct {
	app           string
	delivery      bellhop.DeliveryID
	attempt       *bellhop.Attempt
	due           time.Time
	held, heldNow bool
}

const (
	dropPending = "DELETE FROM bellhop.pending WHERE (app = ANY($1)) IS TRUE AND id = ANY($2)"
	putOffThese = `UPDATE bellhop.pending p SET attempts = x.number, last_attempt = x.attempt, owner = NULL,
			due = CASE WHEN x.held THEN NULL ELSE x.due END, held = x.held, holds = p.holds + x.holds
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::bigint[]) x (app, id, number, attempt, due, held, holds)
		WHERE p.app = x.app AND p.id = x.id`
	// settleOlder has the older deliveries of an event to an endpoint be sent no more, since
	// a later one has arrived.
	settleOlder = `UPDATE bellhop.pending p SET settled = x.by
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) x (app, event, endpoint, by)
		WHERE p.app = x.app AND p.event = x.event AND p.endpoint = x.endpoint AND p.id < x.by AND p.settled = 0 AND p.trigger <> 'test'
		RETURNING p.app, p.event`
)

func (g *group) write(gone []bellhop.Delivery, put []putOff, leaving []leaver, settles []*moving) error {
	if len(gone) > 0 {
		g.t.wrote = true
		apps, ids := appsAndIDs(gone)
		if _, err := g.t.exec(dropPending, apps, ids); err != nil {
			return err
		}
	}
	if len(put) > 0 {
		g.t.wrote = true
		var apps []string
		var ids, numbers, attempts, dues, holds []int64
		var held []bool
		for i := range put {
			x := &put[i]
			apps, ids, numbers = append(apps, x.app), append(ids, int64(x.delivery)), append(numbers, int64(x.attempt.Number))
			attempts, dues = append(attempts, int64(x.attempt.ID)), append(dues, micros(x.due))
			held, holds = append(held, x.held), append(holds, oneIf(x.heldNow))
		}
		if _, err := g.t.exec(putOffThese, apps, ids, numbers, attempts, dues, held, holds); err != nil {
			return err
		}
	}
	if err := g.t.leaveFastLane(leaving); err != nil {
		return err
	}
	if len(settles) == 0 {
		return nil
	}
	var apps []string
	var events, endpoints, by []int64
	for _, m := range settles {
		a := &m.Attempt
		apps, events = append(apps, a.App), append(events, int64(a.Event))
		endpoints, by = append(endpoints, int64(a.Endpoint)), append(by, int64(a.Delivery))
	}
	var d bellhop.Delivery
	var settled []bellhop.Delivery
	if err := g.t.each(scan(func() { settled = append(settled, d) }, &d.App, (*int64)(&d.Event)), settleOlder, apps, events, endpoints, by); err != nil {
		return err
	}
	return g.t.oweSettled(settled)
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// appsAndIDs are columns of deliveries; each app is named once.
func appsAndIDs(list []bellhop.Delivery) (apps []string, ids []int64) {
	for i := range list {
		apps, ids = append(apps, list[i].App), append(ids, int64(list[i].ID))
	}
	slices.Sort(apps)
	return slices.Compact(apps), ids
}

// logAll writes attempts down: those of deliveries that nobody owns any more are late.
func (g *group) logAll(moves []*moving) error {
	var late []*moving
	for _, m := range moves {
		if m.owned {
			g.log(m)
			if m.Reacts() {
				g.rows.reactions = append(g.rows.reactions, m.Result)
			}
		} else {
			late = append(late, m)
		}
	}
	erased, err := g.eventsOf(late)
	for _, m := range late {
		is, there := erased[m.Attempt.Event]
		if !there {
			g.vitals(m)
			continue
		}
		m.Attempt.MakeLate()
		if is {
			m.Attempt.Forget()
		}
		g.log(m)
	}
	return err
}

// eventsOf gives the events of results that there are, and whether they are erased.
func (g *group) eventsOf(list []*moving) (map[bellhop.EventID]bool, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var apps []string
	var events []int64
	for _, m := range list {
		apps, events = append(apps, m.Attempt.App), append(events, int64(m.Attempt.Event))
	}
	slices.Sort(apps)
	erased := map[bellhop.EventID]bool{}
	var id int64
	var is bool
	err := g.t.each(scan(func() { erased[bellhop.EventID(id)] = is }, &id, &is), eventsErased, slices.Compact(apps), events)
	return erased, err
}

// eventsErased keeps the events as they are: who erases one blanks this attempt, too.
const eventsErased = "SELECT id, erased FROM bellhop.events WHERE (app = ANY($1)) IS TRUE AND id = ANY($2) FOR SHARE"

// log adds an attempt, and what it says of its endpoint's receiver.
func (g *group) log(m *moving) {
	if m.owned || m.fresh != nil {
		if g.marks.isErased(m.Attempt.Event) {
			m.Attempt.Forget()
		}
	}
	g.rows.attempts = append(g.rows.attempts, m.Result)
	g.vitals(m)
}

func (g *group) vitals(m *moving) {
	if m.Vitals != nil {
		if g.rows.vitals == nil {
			g.rows.vitals = map[bellhop.EndpointID]*bellhop.Vitals{}
		}
		g.rows.vitals[m.Attempt.Endpoint] = m.Vitals
	}
}

// setVitals replaces endpoints' vitals, unless they have begun anew or the endpoint is gone.
const setVitals = `WITH x AS (
		SELECT v.endpoint, n.* FROM bellhop.vitals v
		JOIN unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[])
			n (of, revision, taken, failures, ill, failed_since, failing_since, open_since, last, reason, response_status)
			ON n.of = v.endpoint AND n.revision = v.revision
		ORDER BY v.endpoint FOR UPDATE OF v)
	UPDATE bellhop.vitals v SET taken = x.taken, failures = x.failures, ill = x.ill, failed_since = x.failed_since, failing_since = x.failing_since,
		open_since = x.open_since, last = x.last, reason = x.reason, response_status = x.response_status
	FROM x WHERE v.endpoint = x.endpoint AND v.revision = x.revision`

func vitalsColumns(of map[bellhop.EndpointID]*bellhop.Vitals) []any {
	var endpoints, revisions, failures, ill, failed, failing, open, last, status []int64
	var taken []bool
	var reasons []string
	for e, v := range of {
		endpoints, revisions, taken = append(endpoints, int64(e)), append(revisions, v.Revision), append(taken, v.Taken)
		failures, ill = append(failures, int64(v.Failures)), append(ill, int64(v.Ill))
		failed, failing, open = append(failed, micros(v.FailedSince)), append(failing, micros(v.FailingSince)), append(open, micros(v.OpenSince))
		last, reasons, status = append(last, int64(v.Last)), append(reasons, v.Reason), append(status, int64(v.ResponseStatus))
	}
	return []any{endpoints, revisions, taken, failures, ill, failed, failing, open, last, reasons, status}
}
