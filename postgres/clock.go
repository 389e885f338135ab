package postgres

import (
	"context"

	"github.com/bellhop/bellhop"
)

// Clock gives what was noted last of the time.
func (s *Store) Clock(ctx context.Context) (bellhop.ClockMark, error) {
	var m bellhop.ClockMark
	err := s.read(ctx, "read what the clock showed", func(q *reading) error {
		m = bellhop.ClockMark{}
		var at int64
		var doubts, turned *string
		found, err := q.one(into(&at, &doubts, &turned), "SELECT at, doubts, turned FROM bellhop.clock_mark")
		if err == nil && !found {
			_, err = q.one(into(&at), "SELECT coalesce(max(lease_until), 0) FROM bellhop.nodes")
		}
		m.At = moment(at)
		if err == nil {
			err = fromJSON(doubts, &m.Doubts)
		}
		if err == nil {
			err = fromJSON(turned, &m.Turned)
		}
		return err
	})
	return m, err
}

// NoteClock notes the time.
func (s *Store) NoteClock(ctx context.Context, m bellhop.ClockMark) error {
	var doubts, turned any
	if len(m.Doubts) > 0 {
		doubts = toJSON(m.Doubts)
	}
	if m.Turned != nil {
		turned = toJSON(m.Turned)
	}
	return s.write(ctx, asked, "note the time", func(t *txn) error {
		_, err := t.exec(`INSERT INTO bellhop.clock_mark (id, at, doubts, turned) VALUES (1, $1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET at = excluded.at, doubts = excluded.doubts, turned = excluded.turned`, micros(m.At), doubts, turned)
		return err
	})
}

const (
	toReplan = `SELECT ` + pendingRowColumns + `, coalesce((SELECT e.deliver_at FROM bellhop.events e WHERE e.app = p.app AND e.id = p.event), 0)
		FROM bellhop.pending p WHERE p.id > $1 ORDER BY p.id LIMIT $2 FOR UPDATE OF p /* all apps */`
	replan = `UPDATE bellhop.pending p SET due = r.due, order_pos = r.pos
		FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) r (app, id, due, pos) WHERE p.app = r.app AND p.id = r.id`
)

// Replan makes good what a step back of the clock has done.
func (s *Store) Replan(ctx context.Context, turn bellhop.Turn, after bellhop.DeliveryID, limit int) (next bellhop.DeliveryID, changed int, err error) {
	err = s.write(ctx, upkeep, "plan anew", func(t *txn) error {
		next, changed = 0, 0
		var apps []string
		var ids, pos []int64
		var dues []*int64
		var p pendingRow
		var deliverAt int64
		looked, last := 0, bellhop.DeliveryID(0)
		err := t.each(scan(func() {
			if looked++; looked > limit {
				return
			}
			d, at := p.delivery(), moment(deliverAt)
			if last = d.ID; !turn.Replanned(&d, &at) {
				return
			}
			var due *int64
			if !d.Due.IsZero() {
				v := micros(d.Due)
				due = &v
			}
			apps, ids, dues, pos = append(apps, d.App), append(ids, int64(d.ID)), append(dues, due), append(pos, int64(d.OrderPos))
		}, append(p.into(), &deliverAt)...), toReplan, int64(after), limit+1)
		if err != nil {
			return err
		}
		if looked > limit {
			next = last
		}
		if changed = len(ids); changed > 0 {
			_, err = t.exec(replan, apps, ids, dues, pos)
		}
		return err
	})
	return next, changed, err
}
