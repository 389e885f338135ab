package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

const selectNoticeSettings = "SELECT settings, revision FROM notice_settings"

func scanNoticeSettings(st *sqlite.Stmt) (s bellhop.NoticeSettings, err error) {
	err = fromJSON(st, 0, &s)
	s.Revision = st.ColumnInt64(1)
	return s, err
}

// NoticeSettings gives the settings of an app.
func (s *Store) NoticeSettings(ctx context.Context, app string) (n bellhop.NoticeSettings, err error) {
	err = s.read(ctx, "read the notice settings", func(c *sqlite.Conn) error {
		n = bellhop.NoticeSettings{}
		var unread error
		_, err := one(c, func(st *sqlite.Stmt) { n, unread = scanNoticeSettings(st) }, selectNoticeSettings+" WHERE app = ?", app)
		if err == nil {
			err = unread
		}
		return err
	})
	return n, err
}

// AllNoticeSettings gives all that were saved. One that cannot be read is left out.
func (s *Store) AllNoticeSettings(ctx context.Context) (list []bellhop.NoticeSettings, err error) {
	err = s.readFor(ctx, forUpkeep, "read the notice settings", func(c *sqlite.Conn) error {
		list = nil
		return each(c, func(st *sqlite.Stmt) {
			n, err := scanNoticeSettings(st)
			if err != nil {
				s.log.Error("notice settings cannot be read: nobody is told by them", "error", err)
				return
			}
			list = append(list, n)
		}, selectNoticeSettings+" ORDER BY app")
	})
	return list, err
}

// SaveNoticeSettings creates or replaces the settings of an app.
func (s *Store) SaveNoticeSettings(ctx context.Context, n bellhop.NoticeSettings, audit *bellhop.AuditEntry) error {
	return s.inTurn(ctx, turnOf([]string{n.App}), "save the notice settings", rowWeight, func(w *writer) error {
		if n.App != bellhop.AllApps {
			found, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM apps WHERE id = ?", n.App)
			if err == nil && !found {
				err = bellhop.NotFound("app", n.App)
			}
			if err != nil {
				return err
			}
		}
		if err := w.atRevision(n.Revision, "SELECT revision FROM notice_settings WHERE app = ?", n.App); err != nil {
			return err
		}
		err := exec(w.conn, "INSERT OR REPLACE INTO notice_settings (app, revision, settings) VALUES (?, ?, ?)", n.App, n.Revision+1, toJSON(n))
		if err == nil {
			err = w.addAudit(audit)
		}
		return err
	})
}

// Told gives what audiences were told of.
func (s *Store) Told(ctx context.Context) (list []bellhop.Told, err error) {
	err = s.readFor(ctx, forUpkeep, "read who was told of what", func(c *sqlite.Conn) error {
		list = nil
		return each(c, func(st *sqlite.Stmt) {
			list = append(list, bellhop.Told{
				Audience: st.ColumnText(0), About: st.ColumnText(1), State: st.ColumnText(2),
				Since: moment(st.ColumnInt64(3)), At: moment(st.ColumnInt64(4)), Digest: moment(st.ColumnInt64(5)),
				Count: st.ColumnInt(6), Version: st.ColumnInt64(7),
			})
		}, "SELECT audience, about, state, since, at, digest, count, version FROM told ORDER BY audience, about")
	})
	return list, err
}

// Tell notes what an audience was told.
func (s *Store) Tell(ctx context.Context, t bellhop.Telling) error {
	weight := rowWeight * (1 + len(t.Set) + len(t.End))
	for i := range t.Notices {
		weight += rowWeight + len(t.Notices[i].Content)
	}
	return s.tidy(ctx, "note who is told of what", weight, func(w *writer) error {
		own, stored := t.Own, int64(0)
		_, err := one(w.conn, func(st *sqlite.Stmt) { stored = st.ColumnInt64(0) },
			"SELECT version FROM told WHERE audience = ? AND about = ''", own.Audience)
		if err == nil && stored != own.Version {
			err = bellhop.ErrRevision
		}
		if err == nil && t.Gone {
			return exec(w.conn, "DELETE FROM told WHERE audience = ?", own.Audience)
		}
		if err == nil {
			own.Version++
			err = w.putTold(own)
		}
		for i := 0; err == nil && i < len(t.End); i++ {
			err = exec(w.conn, "DELETE FROM told WHERE audience = ? AND about = ?", own.Audience, t.End[i])
		}
		for i := 0; err == nil && i < len(t.Set); i++ {
			err = w.putTold(t.Set[i])
		}
		for i := 0; err == nil && i < len(t.Notices); i++ {
			n := &t.Notices[i]
			err = exec(w.conn, "INSERT INTO notices (id, audience, recipient, content, tries, due) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
				int64(n.ID), n.Audience, n.To, append([]byte{}, n.Content...), n.Tries, micros(n.Due))
		}
		return err
	})
}

func (w *writer) putTold(t bellhop.Told) error {
	return exec(w.conn, "INSERT OR REPLACE INTO told (audience, about, state, since, at, digest, count, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		t.Audience, t.About, t.State, micros(t.Since), micros(t.At), micros(t.Digest), t.Count, t.Version)
}

const dueNotices = "SELECT id, audience, recipient, content, tries, due FROM notices INDEXED BY notices_due WHERE due <= ? ORDER BY due, id LIMIT ? + 0"

// ClaimNotices gives notices that are due.
func (s *Store) ClaimNotices(ctx context.Context, now, until time.Time, limit int) (list []bellhop.Notice, err error) {
	// Most of the time there is none, which costs no transaction.
	some := false
	err = s.readFor(ctx, forUpkeep, "look for notices", func(c *sqlite.Conn) error {
		some, err = one(c, func(*sqlite.Stmt) {}, "SELECT 1 FROM notices INDEXED BY notices_due WHERE due <= ? LIMIT 1", micros(now))
		return err
	})
	if err != nil || !some {
		return nil, err
	}
	err = s.tidy(ctx, "claim notices", rowWeight*limit, func(w *writer) error {
		list = nil
		err := each(w.conn, func(st *sqlite.Stmt) {
			list = append(list, bellhop.Notice{
				ID: bellhop.NoticeID(st.ColumnInt64(0)), Audience: st.ColumnText(1), To: st.ColumnText(2),
				Content: blob(st, 3), Tries: st.ColumnInt(4), Due: moment(st.ColumnInt64(5)),
			})
		}, dueNotices, micros(now), limit)
		for i := 0; err == nil && i < len(list); i++ {
			err = exec(w.conn, "UPDATE notices SET due = ? WHERE id = ?", micros(until), int64(list[i].ID))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// PutOffNotice notes that a notice was tried in vain.
func (s *Store) PutOffNotice(ctx context.Context, n bellhop.NoticeID, tries int, due time.Time) error {
	return s.tidy(ctx, "put a notice off", rowWeight, func(w *writer) error {
		return exec(w.conn, "UPDATE notices SET tries = ?, due = ? WHERE id = ?", tries, micros(due), int64(n))
	})
}

// EndNotices takes notices away.
func (s *Store) EndNotices(ctx context.Context, ids []bellhop.NoticeID) error {
	return s.tidy(ctx, "end notices", rowWeight*len(ids), func(w *writer) error {
		for _, n := range ids {
			if err := exec(w.conn, "DELETE FROM notices WHERE id = ?", int64(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// WaitingNotices counts what is still to be sent.
func (s *Store) WaitingNotices(ctx context.Context) (count int, oldest bellhop.NoticeID, err error) {
	err = s.readFor(ctx, forUpkeep, "count notices", func(c *sqlite.Conn) error {
		_, err := one(c, func(st *sqlite.Stmt) { count, oldest = st.ColumnInt(0), bellhop.NoticeID(st.ColumnInt64(1)) },
			"SELECT count(*), coalesce(min(id), 0) FROM notices")
		return err
	})
	return count, oldest, err
}

// Unsubscribed gives the audiences that want to be told no more.
func (s *Store) Unsubscribed(ctx context.Context) (list []bellhop.Unsubscription, err error) {
	err = s.readFor(ctx, forUpkeep, "read who unsubscribed", func(c *sqlite.Conn) error {
		list = nil
		return each(c, func(st *sqlite.Stmt) {
			list = append(list, bellhop.Unsubscription{Audience: st.ColumnText(0), At: moment(st.ColumnInt64(1))})
		}, "SELECT audience, at FROM unsubscribed ORDER BY audience")
	})
	return list, err
}

// Unsubscribe notes that an audience wants to be told no more, or does again.
func (s *Store) Unsubscribe(ctx context.Context, u bellhop.Unsubscription, audit *bellhop.AuditEntry) error {
	return s.write(ctx, "unsubscribe", rowWeight, func(w *writer) (err error) {
		if u.At.IsZero() {
			err = exec(w.conn, "DELETE FROM unsubscribed WHERE audience = ?", u.Audience)
		} else {
			err = exec(w.conn, "INSERT OR REPLACE INTO unsubscribed (audience, at) VALUES (?, ?)", u.Audience, micros(u.At))
		}
		if err == nil {
			err = w.addAudit(audit)
		}
		return err
	})
}
