package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	// agedEndpoints goes from endpoint to endpoint, instead of over all their rows.
	agedEndpoints = `WITH RECURSIVE idle (endpoint) AS (
			(SELECT endpoint FROM bellhop.pending WHERE owner IS NULL AND NOT held ORDER BY endpoint, born LIMIT 1)
			UNION ALL SELECT (SELECT p.endpoint FROM bellhop.pending p WHERE p.owner IS NULL AND NOT p.held AND p.endpoint > i.endpoint ORDER BY p.endpoint, p.born LIMIT 1)
			FROM idle i WHERE i.endpoint IS NOT NULL)
		SELECT i.endpoint, o.born FROM idle i CROSS JOIN LATERAL (SELECT p.born FROM bellhop.pending p
			WHERE p.owner IS NULL AND NOT p.held AND p.endpoint = i.endpoint ORDER BY p.born LIMIT 1) o WHERE o.born < $1 ORDER BY i.endpoint /* all apps */`

	oldOfEndpoint = `SELECT app, id, endpoint, coalesce(order_key, '') FROM bellhop.pending
		WHERE owner IS NULL AND NOT held AND endpoint = $1 AND born < $2 ORDER BY born, id LIMIT $3 /* all apps */`

	erasedOf = "SELECT id FROM bellhop.events WHERE (app = ANY($1)) IS TRUE AND id = ANY($2) AND erased"
)

// Oldest lists endpoints with unowned deliveries that are old.
func (s *Store) Oldest(ctx context.Context, before time.Time) ([]bellhop.Aged, error) {
	var list []bellhop.Aged
	err := s.readFor(ctx, forUpkeep, "look for what is old", func(q *reading) error {
		list = nil
		var e, born int64
		return q.each(scan(func() {
			list = append(list, bellhop.Aged{Endpoint: bellhop.EndpointID(e), Born: moment(born)})
		}, &e, &born), agedEndpoints, micros(before))
	})
	return list, err
}

// EndOld ends deliveries that have become too old.
func (s *Store) EndOld(ctx context.Context, o bellhop.EndOld, ids []bellhop.AttemptID, now time.Time) (int, error) {
	total := 0
	if err := haveDaysOf(ctx, s, ids); err != nil {
		return 0, err
	}
	for done := false; !done && total < len(ids); {
		chunk := ids[total:min(len(ids), total+sweepChunk)]
		ended := 0
		err := s.write(ctx, upkeep, "end old deliveries", func(t *txn) (err error) {
			ended, err = t.endOld(o, chunk, now)
			return err
		})
		if err != nil {
			return total, err
		}
		total += ended
		done = ended < len(chunk)
	}
	return total, nil
}

func (t *txn) endOld(o bellhop.EndOld, given []bellhop.AttemptID, now time.Time) (int, error) {
	ids, err := t.unused(given)
	if err != nil {
		return 0, err
	}
	// Whoever resumes the endpoint or changes it waits: nothing ends by what it was.
	var revision, resumed int64
	found, err := t.one(into(&revision, &resumed), "SELECT revision, resumed_at FROM bellhop.endpoints WHERE id = $1 FOR SHARE", int64(o.Endpoint))
	if err != nil || !found || revision != o.Revision || resumed > micros(o.Before) {
		return 0, err
	}
	old, err := t.find(oldOfEndpoint, int64(o.Endpoint), micros(o.Before), len(ids))
	if err != nil {
		return 0, err
	}
	list, err := t.take(old, takeOld, micros(o.Before))
	if err != nil {
		return 0, err
	}
	erased, err := t.erasedOf(list)
	if err != nil {
		return 0, err
	}
	lines := make([]bellhop.Attempt, len(list))
	for i := range list {
		d := &list[i]
		if lines[i] = bellhop.ExpiredLine(d, ids[i], o.Detail); erased[d.Event] {
			lines[i] = bellhop.LastLine(d, ids[i], bellhop.ReasonErased)
		}
	}
	if err := t.end(list, lines, o.Tells, now); err != nil {
		return 0, err
	}
	return len(list) + len(given) - len(ids), nil
}

// erasedOf tells which of the deliveries' events are erased.
func (t *txn) erasedOf(list []bellhop.Delivery) (erased map[bellhop.EventID]bool, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	var apps []string
	var events []int64
	for i := range list {
		apps, events = append(apps, list[i].App), append(events, int64(list[i].Event))
	}
	slices.Sort(apps)
	var id int64
	erased = map[bellhop.EventID]bool{}
	err = t.each(scan(func() { erased[bellhop.EventID(id)] = true }, &id), erasedOf, slices.Compact(apps), events)
	return erased, err
}

// end ends deliveries that were taken, each with a last line in the log, and lets the next
// of each one's order go.
func (t *txn) end(list []bellhop.Delivery, lines []bellhop.Attempt, tells bool, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	results := make([]bellhop.Result, len(lines))
	for i := range lines {
		results[i] = bellhop.Result{Attempt: lines[i], Tells: tells}
	}
	if err := t.addAttempts(results); err != nil {
		return err
	}
	if apps, ids := reactionsOf(results); len(ids) > 0 {
		if _, err := t.exec(addReactions, apps, ids); err != nil {
			return err
		}
	}
	return t.promoteAll(list, now)
}

// unused leaves out ids that have a line already, because the step is repeated.
func (t *txn) unused(given []bellhop.AttemptID) (ids []bellhop.AttemptID, err error) {
	used := map[int64]bool{}
	var id int64
	err = t.each(scan(func() { used[id] = true }, &id), "SELECT id FROM bellhop.attempts WHERE id = ANY($1) /* all apps */", numbers(given))
	for _, a := range given {
		if !used[int64(a)] {
			ids = append(ids, a)
		}
	}
	return ids, err
}
