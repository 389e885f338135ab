package postgres

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

const (
	addRefused = `INSERT INTO bellhop.outbox_refused
			(id, of, app, type, data, size, subject, external_id, deliver_at, at, refused_at, code, detail, fields, channels, tags, retain)
		SELECT r.id, coalesce((SELECT a.id FROM bellhop.apps a WHERE a.id = r.app), ''), r.app, r.type, r.data, r.size, r.subject, r.external_id,
			r.deliver_at, r.at, r.refused_at, r.code, r.detail, r.fields, r.channels, r.tags, r.retain
		FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[],
			$11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bigint[])
			r (id, app, type, data, size, subject, external_id, deliver_at, at, refused_at, code, detail, fields, channels, tags, retain)
		ON CONFLICT (app, id) DO NOTHING /* all apps */`

	// tooManyRefused are those beyond what is kept of one app, or of none.
	tooManyRefused = `DELETE FROM bellhop.outbox_refused WHERE id IN (
		SELECT k.id FROM (
			SELECT r.id, row_number() OVER newest AS n, sum(coalesce(octet_length(r.data), 0)) OVER newest AS bytes
			FROM bellhop.outbox_refused r
			WHERE r.of IN (SELECT coalesce((SELECT a.id FROM bellhop.apps a WHERE a.id = x.app), '') FROM unnest($1::text[]) x (app))
			WINDOW newest AS (PARTITION BY r.of ORDER BY r.id DESC)
		) k WHERE k.n > $2 OR k.bytes > $3) /* all apps */`

	dropMended = `DELETE FROM bellhop.outbox_refused WHERE id = ANY($1) /* all apps */`
)

// refusals give the arguments of addRefused, and the apps.
func refusals(list []bellhop.RefusedEntry) (args []any, apps []string) {
	var ids, sizes, deliverAt, at, refusedAt, retain []int64
	var names, types, subjects, externalIDs, codes, details, channels, tags []string
	var fields []*string
	var data [][]byte
	for i := range list {
		e := &list[i]
		ids, sizes, deliverAt = append(ids, e.ID), append(sizes, e.Size), append(deliverAt, micros(e.DeliverAt))
		at, refusedAt = append(at, micros(e.At)), append(refusedAt, micros(e.RefusedAt))
		names, types, subjects, externalIDs = append(names, e.App), append(types, e.Type), append(subjects, e.Subject), append(externalIDs, e.ExternalID)
		codes, details, data = append(codes, string(e.Code)), append(details, e.Detail), append(data, e.Data)
		channels, tags, retain = append(channels, column.Labels(e.Channels)), append(tags, column.Labels(e.Tags)), append(retain, e.Retain.Microseconds())
		var text *string
		if s, ok := toJSON(e.Fields).(string); ok {
			s = storable(s)
			text = &s
		}
		fields = append(fields, text)
	}
	apps = slices.Compact(slices.Sorted(slices.Values(names)))
	return []any{ids, names, types, data, sizes, subjects, externalIDs, deliverAt, at, refusedAt, codes, details, fields, channels, tags, retain}, apps
}

const (
	refusedColumns = "id, app, type, subject, external_id, deliver_at, at, size, refused_at, code, detail, fields, channels, tags, retain"
	refusedOfAll   = "SELECT " + refusedColumns + " FROM bellhop.outbox_refused WHERE id < $1 ORDER BY id DESC LIMIT $2 /* all apps */"
	refusedOfApp   = "SELECT " + refusedColumns + " FROM bellhop.outbox_refused WHERE app = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
	refusedByID    = "SELECT " + refusedColumns + ", data FROM bellhop.outbox_refused WHERE id = $1 /* all apps */"
)

func scanRefused(e *bellhop.RefusedEntry, more ...any) func(row) error {
	return func(r row) error {
		var deliverAt, at, refusedAt, retain int64
		var code, channels, tags string
		var fields *string
		to := []any{&e.ID, &e.App, &e.Type, &e.Subject, &e.ExternalID, &deliverAt, &at, &e.Size, &refusedAt, &code, &e.Detail, &fields, &channels, &tags, &retain}
		if err := r.Scan(append(to, more...)...); err != nil {
			return err
		}
		e.DeliverAt, e.At, e.RefusedAt, e.Code, e.Fields = moment(deliverAt), moment(at), moment(refusedAt), bellhop.Code(code), nil
		e.Channels, e.Tags, e.Retain = column.LabelsOf(channels), column.LabelsOf(tags), column.Span(retain)
		_ = fromJSON(fields, &e.Fields)
		return nil
	}
}

// Refused lists what was refused.
func (s *Store) Refused(ctx context.Context, f bellhop.RefusedFilter) ([]bellhop.RefusedEntry, error) {
	var all []bellhop.RefusedEntry
	before := f.Before
	if before == 0 {
		before = math.MaxInt64
	}
	err := s.read(ctx, "list what was refused", func(q *reading) (err error) {
		scan := func(r row) (e bellhop.RefusedEntry, err error) {
			err = scanRefused(&e)(r)
			return e, err
		}
		if f.App == "" {
			all, err = list(q, scan, refusedOfAll, before, f.Limit)
		} else {
			all, err = list(q, scan, refusedOfApp, f.App, before, f.Limit)
		}
		return err
	})
	return all, err
}

// RefusedEntry gives one with its data.
func (s *Store) RefusedEntry(ctx context.Context, id int64) (bellhop.RefusedEntry, error) {
	var e bellhop.RefusedEntry
	err := s.read(ctx, "read a refused entry", func(q *reading) error {
		var data []byte
		found, err := q.one(scanRefused(&e, &data), refusedByID, id)
		if err == nil && !found {
			err = bellhop.NoRefusedEntry(id)
		}
		e.Data = data
		return err
	})
	return e, err
}

const (
	forgetOne   = "DELETE FROM bellhop.outbox_refused WHERE id = $1 /* all apps */"
	forgetOfApp = `DELETE FROM bellhop.outbox_refused WHERE app = $1 AND id IN (
		SELECT id FROM bellhop.outbox_refused WHERE app = $1 ORDER BY id LIMIT $2)`
	forgetAny       = "DELETE FROM bellhop.outbox_refused WHERE id IN (SELECT id FROM bellhop.outbox_refused ORDER BY id LIMIT $1) /* all apps */"
	forgetOfSubject = "DELETE FROM bellhop.outbox_refused WHERE app = $1 AND subject = $2"
	forgetOld       = "DELETE FROM bellhop.outbox_refused WHERE id IN (SELECT id FROM bellhop.outbox_refused WHERE refused_at < $1 LIMIT $2) /* all apps */"
)

// ForgetRefused removes what was refused.
func (s *Store) ForgetRefused(ctx context.Context, id int64, app string, limit int, audit *bellhop.AuditEntry) (int, error) {
	n := int64(0)
	err := s.write(ctx, upkeep, "forget what was refused", func(t *txn) (err error) {
		switch {
		case id != 0:
			n, err = t.exec(forgetOne, id)
		case app != "":
			n, err = t.exec(forgetOfApp, app, limit)
		default:
			n, err = t.exec(forgetAny, limit)
		}
		if err == nil && n > 0 {
			err = t.addAudit(audit)
		}
		return err
	})
	return int(n), err
}

// eraseRefused removes what was refused of a subject: no event was made of it.
func (t *txn) eraseRefused(sel bellhop.EraseSelector) error {
	if sel.Event != 0 || sel.App == "" || sel.Subject == "" {
		return nil
	}
	_, err := t.exec(forgetOfSubject, sel.App, sel.Subject)
	return err
}

// expireRefused removes what was refused long ago.
func (t *txn) expireRefused(before time.Time, limit int) (int, error) {
	n, err := t.exec(forgetOld, micros(before), limit)
	return int(n), err
}
