package sqlite

import (
	"context"
	"errors"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// outboxPoll is how often the outbox is looked at, in which other processes write.
const outboxPoll = 50 * time.Millisecond

// AwaitOutbox looks at the outbox until there is something in it.
func (s *Store) AwaitOutbox(ctx context.Context) error {
	tick := time.NewTicker(outboxPoll)
	defer tick.Stop()
	for {
		some := false
		err := s.readFor(ctx, forFlow, "look at the outbox", func(c *sqlite.Conn) (err error) {
			some, err = one(c, func(*sqlite.Stmt) {}, "SELECT 1 FROM outbox LIMIT 1")
			return err
		})
		if err != nil || some {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const (
	nextInOutbox = "SELECT app FROM outbox INDEXED BY outbox_app WHERE app > ? ORDER BY app LIMIT 1"
	outboxOfApp  = `SELECT id, type, subject, external_id, deliver_at, at, octet_length(data),
			CASE WHEN octet_length(data) <= ?2 THEN data END, channels, tags, retain
		FROM outbox INDEXED BY outbox_app WHERE app = ?1 ORDER BY id LIMIT ?3 + 0`
)

// ReadOutbox gives entries of one app after the other. One transaction writes at a time,
// so that none commits behind an id that was seen.
func (s *Store) ReadOutbox(ctx context.Context, r bellhop.OutboxRequest) (bellhop.OutboxBatch, error) {
	var b bellhop.OutboxBatch
	err := s.readFor(ctx, forFlow, "read the outbox", func(c *sqlite.Conn) error {
		b = bellhop.OutboxBatch{}
		if r.Only != "" {
			_, err := readOutboxOf(c, &r, r.Only, &b, 0)
			return err
		}
		bytes, around := 0, false
		for app := r.After; len(b.Entries) < r.Limit && bytes < r.MaxBytes; {
			found, err := one(c, func(st *sqlite.Stmt) { app = st.ColumnText(0) }, nextInOutbox, app)
			if err != nil || !found && around {
				return err
			}
			if !found {
				app, around = "", true
				continue
			}
			if around && app > r.After {
				return nil
			}
			if slices.Contains(r.Without, app) {
				continue
			}
			if bytes, err = readOutboxOf(c, &r, app, &b, bytes); err != nil {
				return err
			}
		}
		return nil
	})
	return b, err
}

func readOutboxOf(c *sqlite.Conn, r *bellhop.OutboxRequest, app string, b *bellhop.OutboxBatch, bytes int) (int, error) {
	st, err := prepare(c, outboxOfApp, app, r.MaxData, min(r.Each, r.Limit-len(b.Entries)))
	if err != nil {
		return bytes, err
	}
	for {
		row, err := st.Step()
		if err != nil || !row {
			return bytes, errors.Join(err, st.Reset())
		}
		e := bellhop.OutboxEntry{
			ID: st.ColumnInt64(0), App: app, Type: st.ColumnText(1), Subject: st.ColumnText(2), ExternalID: st.ColumnText(3),
			DeliverAt: moment(st.ColumnInt64(4)), At: moment(st.ColumnInt64(5)), Size: st.ColumnInt64(6), Data: blob(st, 7),
			Channels: column.LabelsGiven(st.ColumnText(8)), Tags: column.LabelsGiven(st.ColumnText(9)), Retain: column.Span(st.ColumnInt64(10)),
		}
		if bytes > 0 && bytes+len(e.Data) > r.MaxBytes {
			return r.MaxBytes, st.Reset()
		}
		bytes += len(e.Data)
		b.Entries = append(b.Entries, e)
	}
}

// TakeOutbox stores what was made of entries, and takes them out.
func (s *Store) TakeOutbox(ctx context.Context, l bellhop.Lease, routes int64, t bellhop.OutboxTaking, now time.Time) ([]bellhop.Receipt, error) {
	lists, weight := weigh(t.Events)
	weight += rowWeight * len(t.Entries)
	for i := range t.Refused {
		weight += rowWeight + len(t.Refused[i].Data)
	}
	var receipts []bellhop.Receipt
	turn := groupcommit.Turn{Rank: asked, Of: "outbox"}
	err := s.inTurn(ctx, turn, "take from the outbox", weight, func(w *writer) (err error) {
		if err := w.holds(l); err != nil {
			return err
		}
		if err := w.inOutbox(t); err != nil {
			return err
		}
		if len(t.Events) > 0 {
			if receipts, err = w.enqueue(l, routes, t.Events, lists, l.Node, now); err != nil {
				return err
			}
		}
		for i := range t.Entries {
			if err := exec(w.conn, "DELETE FROM outbox WHERE id = ?", t.Entries[i].ID); err != nil {
				return err
			}
		}
		for _, id := range t.Mended {
			if err := exec(w.conn, "DELETE FROM outbox_refused WHERE id = ?", id); err != nil {
				return err
			}
		}
		return w.refuse(t.Refused)
	})
	return receipts, err
}

// inOutbox fails unless the entries that are to be taken are still there.
func (w *writer) inOutbox(t bellhop.OutboxTaking) error {
	there := func(sql string, id int64) error {
		found, err := one(w.conn, func(*sqlite.Stmt) {}, sql, id)
		if err == nil && !found {
			err = bellhop.ErrOutboxMoved
		}
		return err
	}
	for i := range t.Entries {
		if err := there("SELECT 1 FROM outbox WHERE id = ?", t.Entries[i].ID); err != nil {
			return err
		}
	}
	for _, id := range t.Mended {
		if err := there("SELECT 1 FROM outbox_refused WHERE id = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// tooManyRefused are those beyond what is kept of one app, or of none.
const tooManyRefused = `DELETE FROM outbox_refused WHERE of = ?1 AND id <= (SELECT max(id) FROM (
	SELECT id, row_number() OVER newest AS n, sum(coalesce(length(data), 0)) OVER newest AS bytes
		FROM outbox_refused INDEXED BY outbox_refused_of WHERE of = ?1 WINDOW newest AS (ORDER BY id DESC)
	) WHERE n > ?2 OR bytes > ?3)`

// refuse keeps refused entries, and lets go of the oldest where there are too many.
func (w *writer) refuse(refused []bellhop.RefusedEntry) error {
	of := map[string]bool{}
	for i := range refused {
		e := &refused[i]
		app := ""
		if _, err := one(w.conn, func(*sqlite.Stmt) { app = e.App }, "SELECT 1 FROM apps WHERE id = ?", e.App); err != nil {
			return err
		}
		of[app] = true
		err := exec(w.conn, `INSERT OR REPLACE INTO outbox_refused
				(id, of, app, type, data, size, subject, external_id, deliver_at, at, refused_at, code, detail, fields, channels, tags, retain)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, app, e.App, e.Type, []byte(e.Data), e.Size, e.Subject, e.ExternalID, micros(e.DeliverAt), micros(e.At), micros(e.RefusedAt),
			string(e.Code), e.Detail, toJSON(e.Fields), column.Labels(e.Channels), column.Labels(e.Tags), e.Retain.Microseconds())
		if err != nil {
			return err
		}
	}
	for app := range of {
		if err := exec(w.conn, tooManyRefused, app, bellhop.MaxRefused, bellhop.MaxRefusedBytes); err != nil {
			return err
		}
	}
	return nil
}

const refusedColumns = "id, app, type, subject, external_id, deliver_at, at, size, refused_at, code, detail, fields, channels, tags, retain"

func scanRefused(st *sqlite.Stmt) bellhop.RefusedEntry {
	e := bellhop.RefusedEntry{
		OutboxEntry: bellhop.OutboxEntry{
			ID: st.ColumnInt64(0), App: st.ColumnText(1), Type: st.ColumnText(2), Subject: st.ColumnText(3), ExternalID: st.ColumnText(4),
			DeliverAt: moment(st.ColumnInt64(5)), At: moment(st.ColumnInt64(6)), Size: st.ColumnInt64(7),
			Channels: column.LabelsOf(st.ColumnText(12)), Tags: column.LabelsOf(st.ColumnText(13)), Retain: column.Span(st.ColumnInt64(14)),
		},
		RefusedAt: moment(st.ColumnInt64(8)), Code: bellhop.Code(st.ColumnText(9)), Detail: st.ColumnText(10),
	}
	_ = fromJSON(st, 11, &e.Fields)
	return e
}

// Refused lists what was refused.
func (s *Store) Refused(ctx context.Context, f bellhop.RefusedFilter) ([]bellhop.RefusedEntry, error) {
	var list []bellhop.RefusedEntry
	var w where
	if f.App != "" {
		w.add("app = ?", f.App)
	}
	if f.Before != 0 {
		w.add("id < ?", f.Before)
	}
	err := s.read(ctx, "list what was refused", func(c *sqlite.Conn) error {
		list = nil
		return each(c, func(st *sqlite.Stmt) { list = append(list, scanRefused(st)) },
			"SELECT "+refusedColumns+" FROM outbox_refused"+w.String()+" ORDER BY id DESC LIMIT ? + 0", append(w.args, f.Limit)...)
	})
	return list, err
}

// RefusedEntry gives one with its data.
func (s *Store) RefusedEntry(ctx context.Context, id int64) (bellhop.RefusedEntry, error) {
	var e bellhop.RefusedEntry
	err := s.read(ctx, "read a refused entry", func(c *sqlite.Conn) error {
		found, err := one(c, func(st *sqlite.Stmt) {
			e = scanRefused(st)
			e.Data = blob(st, 15)
		}, "SELECT "+refusedColumns+", data FROM outbox_refused WHERE id = ?", id)
		if err == nil && !found {
			err = bellhop.NoRefusedEntry(id)
		}
		return err
	})
	return e, err
}

// ForgetRefused removes what was refused.
func (s *Store) ForgetRefused(ctx context.Context, id int64, app string, limit int, audit *bellhop.AuditEntry) (int, error) {
	n := 0
	err := s.tidy(ctx, "forget what was refused", rowWeight*limit, func(w *writer) (err error) {
		switch {
		case id != 0:
			n, err = w.forgetRefused("id = ?", 1, id)
		case app != "":
			n, err = w.forgetRefused("app = ?", limit, app)
		default:
			n, err = w.forgetRefused("true", limit)
		}
		if err == nil && n > 0 {
			err = w.addAudit(audit)
		}
		return err
	})
	return n, err
}

// forgetRefused removes the oldest that are selected.
func (w *writer) forgetRefused(selected string, limit int, args ...any) (int, error) {
	err := exec(w.conn, "DELETE FROM outbox_refused WHERE id IN (SELECT id FROM outbox_refused WHERE "+selected+" ORDER BY id LIMIT ? + 0)", append(args, limit)...)
	return w.conn.Changes(), err
}

// eraseRefused removes what was refused of a subject: no event was made of it.
func (w *writer) eraseRefused(sel bellhop.EraseSelector) error {
	if sel.Event != 0 || sel.App == "" || sel.Subject == "" {
		return nil
	}
	err := exec(w.conn, "DELETE FROM outbox_refused INDEXED BY outbox_refused_app WHERE app = ? AND subject = ?", sel.App, sel.Subject)
	if err == nil && w.conn.Changes() > 0 {
		err = w.owe("wipe", "")
	}
	return err
}

// expireRefused removes what was refused long ago.
func (w *writer) expireRefused(before time.Time, limit int, deleted *int) error {
	err := exec(w.conn, "DELETE FROM outbox_refused WHERE id IN (SELECT id FROM outbox_refused WHERE refused_at < ? LIMIT ? + 0)", micros(before), limit)
	*deleted += w.conn.Changes()
	return err
}
