package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

const (
	typeOfEvent      = "(SELECT e.type FROM bellhop.events e WHERE e.id = p.event AND e.app = p.app)"
	statusOfEndpoint = "(SELECT x.status FROM bellhop.endpoints x WHERE x.id = p.endpoint)"

	// Those of a row in pending, and those of a fresh delivery, each with its endpoint's
	// status.
	unfinishedColumns = "p.id, p.event, p.endpoint, p.app, " + typeOfEvent + `, p.trigger, p.owner, p.due, p.attempts, p.last_attempt,
		p.order_key, p.order_pos, p.held, p.holds, p.released, p.settled, ` + statusOfEndpoint
	freshColumns = `p.id, p.event, p.endpoint, p.app, p.type, p.trigger, p.owner, greatest((p.id >> 21) * 1000, p.deliver_at), 0, 0::bigint,
		NULL::text, CASE p.trigger WHEN 'test' THEN p.id ELSE p.event END, false, 0, 0::bigint, 0::bigint, ` + statusOfEndpoint
)

// scanUnfinished reads unfinishedColumns or freshColumns.
func scanUnfinished(r row) (d bellhop.Delivery, err error) {
	var typ, key, status *string
	var owner, due *int64
	var released int64
	err = r.Scan((*int64)(&d.ID), (*int64)(&d.Event), (*int64)(&d.Endpoint), &d.App, &typ, (*string)(&d.Trigger), &owner, &due, &d.Attempts,
		(*int64)(&d.LastAttempt), &key, (*int64)(&d.OrderPos), &d.Held, &d.Uncounted, &released, (*int64)(&d.Settled), &status)
	d.Type, d.OrderKey, d.ReleasedAt = text(typ), text(key), moment(released)
	if owner != nil {
		d.Owner = bellhop.NodeID(*owner)
	}
	if due != nil {
		d.Due = moment(*due)
	}
	d.Status = bellhop.Unfinished(bellhop.EndpointStatus(text(status)), d.Held)
	return d, err
}

const endedColumns = "a.id, a.delivery, a.event, a.endpoint, a.app, a.type, a.trigger, a.number, a.status, a.reason"

// scanEnded reads endedColumns of a final attempt.
func scanEnded(r row) (bellhop.Delivery, error) {
	var a bellhop.Attempt
	var status int
	err := r.Scan((*int64)(&a.ID), (*int64)(&a.Delivery), (*int64)(&a.Event), (*int64)(&a.Endpoint), &a.App, &a.Type, (*string)(&a.Trigger),
		&a.Number, &status, &a.Reason)
	a.Status = column.StatusOf(status)
	return a.Ended(), err
}

func deliveryPosition(d *bellhop.Delivery) int64 { return int64(d.ID) }

// attemptsOf finds the attempts a of a delivery ($1): the prompt one, and the others.
var attemptsOf = [...]string{
	"a.prompt AND a.delivery = $1 AND a.id >= ($1::bigint >> 21) << 21 AND a.id < (($1::bigint >> 21) + 1000) << 21",
	"NOT a.prompt AND a.delivery = $1",
}

// finalAttempt is a query for columns of the attempt a that ended a delivery.
func finalAttempt(columns, delivery string) string {
	of := func(conditions ...string) string {
		return selectFrom(columns, "bellhop.attempts a", &where{sql: conditions})
	}
	return strings.ReplaceAll(of(attemptsOf[0])+" UNION ALL "+of("a.final", attemptsOf[1])+" LIMIT 1", "$1", delivery)
}

const (
	oneUnfinished = "SELECT " + unfinishedColumns + " FROM bellhop.pending p WHERE p.id = $1 /* all apps */"
	oneFresh      = "SELECT " + freshColumns + " FROM bellhop.fresh p WHERE p.id = $1 /* all apps */"
)

var oneEnded = finalAttempt(endedColumns, "$1") + " /* all apps */"

// Delivery gives one delivery: what is unfinished, or else what its final attempt says.
func (s *Store) Delivery(ctx context.Context, id bellhop.DeliveryID) (d bellhop.Delivery, err error) {
	err = s.read(ctx, "read a delivery", func(q *reading) error {
		for _, from := range []struct {
			sql  string
			scan func(row) (bellhop.Delivery, error)
		}{{oneUnfinished, scanUnfinished}, {oneEnded, scanEnded}, {oneFresh, scanUnfinished}} {
			found, err := q.one(func(r row) (err error) { d, err = from.scan(r); return err }, from.sql, int64(id))
			if err != nil || found {
				return err
			}
		}
		return bellhop.NotFound("delivery", id.String())
	})
	return d, err
}

// Deliveries lists deliveries, newest first or, after one, oldest first, whether they have
// ended or not.
func (s *Store) Deliveries(ctx context.Context, f bellhop.DeliveryFilter) (all []bellhop.Delivery, err error) {
	made := spanOf(f.Since, f.Until, int64(f.Before), int64(f.After))
	err = s.read(ctx, "list deliveries", func(q *reading) error {
		all = nil
		if empty(f.Scope) || f.Limit <= 0 {
			return nil
		}
		if f.Status == "" || f.Status == bellhop.DeliveryPending || f.Status == bellhop.DeliveryHeld {
			list, err := unfinishedIn(q, &f, made)
			if err != nil {
				return err
			}
			all = list
		}
		if f.Status == bellhop.DeliveryPending || f.Status == bellhop.DeliveryHeld {
			return nil
		}
		p := pages{columns: endedColumns, table: "bellhop.attempts a", limit: f.Limit, up: made.up}
		endedParts(&f, &p, made)
		list, err := rowsOf(q, &p, scanEnded)
		all = append(all, list...)
		if err == nil && f.Event == 0 && (f.Status == "" || f.Status == bellhop.DeliverySucceeded) {
			list, err = promptOnes(q, &f, made)
			all = append(all, list...)
		}
		return err
	})
	return merged(all, f.Limit, made.up, deliveryPosition), err
}

// endedParts adds the parts of a list of deliveries that have ended, in the order of the
// deliveries: of an event all; otherwise, if they may have succeeded, without the prompt
// ones.
func endedParts(f *bellhop.DeliveryFilter, p *pages, made span) {
	status := ""
	if f.Status != "" {
		status = fmt.Sprintf("%d", column.Ended(f.Status))
	}
	trouble := f.Status == bellhop.DeliveryFailed || f.Status == bellhop.DeliveryCanceled
	// by is in the order of some columns, of which the values are given, and the delivery.
	by := func(columns string, values ...string) func(w *where) {
		return func(w *where) {
			w.add("a.final")
			switch {
			case trouble:
				w.add("a.status <> 0")
				columns, values = columns+"a.status, ", append(values, status)
			case status != "":
				w.add("NOT a.prompt AND a.status = " + status)
			default:
				w.add("NOT a.prompt")
			}
			w.within(columns+"a.delivery", made, values...)
			w.named("a.type", f.Type)
		}
	}
	descending := func(columns string) string {
		if trouble {
			columns += "a.status DESC, "
		}
		return columns + "a.delivery DESC"
	}
	switch {
	case f.Event != 0:
		p.part("a.delivery + 0 DESC", func(w *where) {
			w.add("a.final AND a.event = ?", int64(f.Event))
			optional(w, "a.endpoint", int64(f.Endpoint))
			if status != "" {
				w.add("a.status = " + status)
			}
			w.scope("a.app", f.Scope)
			w.named("a.type", f.Type)
			w.add("a.delivery >= ? AND a.delivery < ?", made.low, made.high)
		})
	case f.Endpoint != 0:
		p.part(descending("a.endpoint DESC, "), func(w *where) {
			by("a.endpoint, ", w.arg(int64(f.Endpoint)))(w)
			w.ofApps("a.app", f.Scope)
		})
	case !f.Scope.All:
		p.partOf(f.Scope, descending("a.app DESC, "), by("a.app, ", "s.app"))
	default:
		p.part(descending(""), by(""))
	}
}

// prompt is for how long after its delivery's birth a final attempt may have begun that the
// column prompt is true of, in milliseconds.
const prompt = 1000

// promptOnes lists deliveries whose final attempt was prompt, by the ids of these attempts:
// a delivery is at most as young as its attempt, and less than a second older. So what was
// read has its place in the list once all attempts are read that began after it was made,
// or, oldest first, all that began until a second after that.
func promptOnes(q *reading, f *bellhop.DeliveryFilter, made span) ([]bellhop.Delivery, error) {
	began := span{made.low >> milli << milli, endless, made.up}
	if last := (made.high-1)>>milli + prompt; made.high < endless && last < 1<<42 {
		began.high = last << milli
	}
	var all []bellhop.Delivery
	attempt := func(d *bellhop.Delivery) int64 { return int64(d.LastAttempt) }
	chunk := f.Limit + f.Limit/4 + 10
	for w := range began.windows() {
		for {
			p := pages{columns: endedColumns, table: "bellhop.attempts a", limit: chunk, up: made.up}
			promptParts(f, &p, w, made)
			list, err := rowsOf(q, &p, scanEnded)
			if err != nil {
				return nil, err
			}
			list = merged(list, chunk, made.up, attempt)
			all = append(all, list...)
			read := w.low
			if w.up {
				read = w.high
			}
			if len(list) == chunk {
				read = attempt(&list[chunk-1])
			}
			inPlace := 0
			for i := range all {
				switch at := int64(all[i].ID) >> milli; {
				case w.up && at+prompt <= read>>milli, !w.up && at > read>>milli:
					inPlace++
				}
			}
			if inPlace >= f.Limit {
				return all, nil
			}
			if len(list) < chunk {
				break
			}
			if w.up {
				w.low = read + 1
			} else {
				w.high = read
			}
			chunk *= 2
		}
	}
	return all, nil
}

// promptParts adds the parts of a list of prompt attempts.
func promptParts(f *bellhop.DeliveryFilter, p *pages, began, made span) {
	rest := func(w *where) {
		w.add("a.prompt AND a.delivery >= ? AND a.delivery < ?", made.low, made.high)
		if f.Status != "" {
			w.add(fmt.Sprintf("a.status = %d", column.Ended(f.Status)))
		}
		w.named("a.type", f.Type)
		w.add(began.partitions("a.id"))
	}
	switch {
	case f.Endpoint != 0:
		p.part("a.endpoint DESC, a.id DESC", func(w *where) {
			w.within("a.endpoint, a.id", began, w.arg(int64(f.Endpoint)))
			w.ofApps("a.app", f.Scope)
			rest(w)
		})
	case !f.Scope.All:
		p.partOf(f.Scope, "a.app DESC, a.id DESC", func(w *where) {
			w.within("a.app, a.id", began, "s.app")
			rest(w)
		})
	default:
		p.part("a.id DESC", func(w *where) {
			w.add("a.id >= ? AND a.id < ?", began.low, began.high)
			rest(w)
		})
	}
}

const (
	// endpointsOf gives the endpoints of an event, from the newest on: those that it was
	// tried at, and those that it waits for.
	nextEndpoint = `(SELECT greatest(
			(SELECT max(t.endpoint) FROM bellhop.attempts t WHERE t.event = $1 AND t.endpoint < %[1]s),
			(SELECT max(t.endpoint) FROM bellhop.pending t WHERE t.event = $1 AND t.endpoint < %[1]s)))`
	freshOf = "SELECT " + freshColumns + " FROM bellhop.fresh p WHERE p.event = $1 /* all apps */"

	// Of an event and each of some endpoints.
	newestUnfinished = "SELECT " + unfinishedColumns + ` FROM unnest($2::bigint[]) AS s (endpoint) CROSS JOIN LATERAL
		(SELECT * FROM bellhop.pending o WHERE o.event = $1 AND o.endpoint = s.endpoint ORDER BY o.id + 0 DESC LIMIT 1) AS p /* all apps */`
	newestEnded = "SELECT " + endedColumns + ` FROM unnest($2::bigint[]) AS s (endpoint) CROSS JOIN LATERAL
		(SELECT * FROM bellhop.attempts o WHERE o.event = $1 AND o.endpoint = s.endpoint AND o.final ORDER BY o.delivery + 0 DESC LIMIT 1) AS a /* all apps */`
	unfinishedAt = `SELECT s.endpoint, (SELECT count(*) FROM bellhop.pending p WHERE p.event = $1 AND p.endpoint = s.endpoint AND p.settled = 0)
		FROM unnest($2::bigint[]) AS s (endpoint) /* all apps */`
	settledAt = `SELECT s.endpoint, (SELECT count(*) FROM bellhop.attempts a WHERE a.event = $1 AND a.endpoint = s.endpoint AND a.final AND a.status = 2 AND a.reason = 'settled')
		FROM unnest($2::bigint[]) AS s (endpoint) /* all apps */`
	lastAttempts = "SELECT " + attemptColumns + noBodies + " FROM unnest($1::bigint[]) AS s (id) JOIN bellhop.attempts a ON a.id = s.id /* all apps */"
)

var endpointsOf = "WITH RECURSIVE at (endpoint) AS (SELECT " + fmt.Sprintf(nextEndpoint, "$2") +
	" UNION ALL SELECT " + fmt.Sprintf(nextEndpoint, "at.endpoint") + " FROM at WHERE at.endpoint IS NOT NULL)" +
	" SELECT endpoint FROM at WHERE endpoint IS NOT NULL LIMIT $3::bigint /* all apps */"

// Standings goes from endpoint to endpoint, over what an index has of the event.
func (s *Store) Standings(ctx context.Context, f bellhop.StandingFilter) (all []bellhop.Standing, err error) {
	err = s.read(ctx, "look how an event stands", func(q *reading) error {
		all = nil
		fresh, err := list(q, scanUnfinished, freshOf, int64(f.Event))
		if err != nil {
			return err
		}
		before := int64(f.Before)
		if before == 0 {
			before = math.MaxInt64
		}
		for len(all) < f.Limit {
			// One more piece, since some endpoints may have no delivery.
			endpoints, err := endpointsBefore(q, f.Event, fresh, before, f.Limit-len(all))
			if err != nil || len(endpoints) == 0 {
				return err
			}
			before = endpoints[len(endpoints)-1]
			some, err := standingsAt(q, int64(f.Event), endpoints, fresh)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return nil
	})
	return all, err
}

// endpointsBefore are the newest endpoints of an event before one.
func endpointsBefore(q *reading, event bellhop.EventID, fresh []bellhop.Delivery, before int64, limit int) ([]int64, error) {
	all, err := list(q, func(r row) (e int64, err error) { return e, r.Scan(&e) }, endpointsOf, int64(event), before, limit)
	for i := range fresh {
		if e := int64(fresh[i].Endpoint); e < before {
			all = append(all, e)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all[:min(len(all), limit)], err
}

// standingsAt is how an event stands at some endpoints. One is left out if there is no
// delivery to it, but attempts of one that has been taken over or has expired.
func standingsAt(q *reading, event int64, endpoints []int64, fresh []bellhop.Delivery) ([]bellhop.Standing, error) {
	at := map[bellhop.EndpointID][]bellhop.Delivery{}
	unfinished, settled := map[bellhop.EndpointID]int{}, map[bellhop.EndpointID]int{}
	for _, d := range fresh {
		at[d.Endpoint] = append(at[d.Endpoint], d)
		unfinished[d.Endpoint]++
	}
	for _, of := range []struct {
		sql  string
		scan func(row) (bellhop.Delivery, error)
	}{{newestUnfinished, scanUnfinished}, {newestEnded, scanEnded}} {
		found, err := list(q, of.scan, of.sql, event, endpoints)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			at[d.Endpoint] = append(at[d.Endpoint], d)
		}
	}
	count := func(counts map[bellhop.EndpointID]int) func(row) error {
		return func(r row) error {
			var e int64
			var n int
			err := r.Scan(&e, &n)
			counts[bellhop.EndpointID(e)] += n
			return err
		}
	}
	if err := q.each(count(unfinished), unfinishedAt, event, endpoints); err != nil {
		return nil, err
	}
	var all []bellhop.Standing
	var last, sentAgain []int64
	for _, e := range endpoints {
		of := at[bellhop.EndpointID(e)]
		if len(of) == 0 {
			continue
		}
		s := bellhop.Standing{Delivery: bellhop.Latest(of...), Unfinished: unfinished[bellhop.EndpointID(e)]}
		if s.Delivery.LastAttempt != 0 {
			last = append(last, int64(s.Delivery.LastAttempt))
		}
		if s.Delivery.Status == bellhop.DeliverySucceeded && s.Delivery.Trigger.Again() {
			sentAgain = append(sentAgain, e)
		}
		all = append(all, s)
	}
	attempts, err := list(q, scanAttempt, lastAttempts, last)
	if err == nil && len(sentAgain) > 0 {
		err = q.each(count(settled), settledAt, event, sentAgain)
	}
	for i := range all {
		s := &all[i]
		s.Settled = settled[s.Delivery.Endpoint]
		if j := slices.IndexFunc(attempts, func(a bellhop.Attempt) bool { return a.ID == s.Delivery.LastAttempt }); j >= 0 {
			s.Last = attempts[j]
		}
	}
	return all, err
}
