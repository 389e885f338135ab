package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

const selectNoticeSettings = "SELECT settings, revision FROM bellhop.notice_settings"

// scanNoticeSettings reads selectNoticeSettings. unread says that they cannot be read.
func scanNoticeSettings(r row) (n bellhop.NoticeSettings, unread, err error) {
	var text string
	var revision int64
	if err := r.Scan(&text, &revision); err != nil {
		return n, nil, err
	}
	unread = fromJSON(&text, &n)
	n.Revision = revision
	return n, unread, nil
}

// NoticeSettings gives the settings of an app.
func (s *Store) NoticeSettings(ctx context.Context, app string) (n bellhop.NoticeSettings, err error) {
	err = s.read(ctx, "read the notice settings", func(q *reading) error {
		n = bellhop.NoticeSettings{}
		var unread error
		_, err := q.one(func(r row) (err error) { n, unread, err = scanNoticeSettings(r); return err }, selectNoticeSettings+" WHERE app = $1", app)
		if err == nil {
			err = unread
		}
		return err
	})
	return n, err
}

// AllNoticeSettings gives all that were saved. One that cannot be read is left out.
func (s *Store) AllNoticeSettings(ctx context.Context) (all []bellhop.NoticeSettings, err error) {
	err = s.readFor(ctx, forUpkeep, "read the notice settings", func(q *reading) error {
		all = nil
		return q.each(func(r row) error {
			n, unread, err := scanNoticeSettings(r)
			switch {
			case err != nil:
				return err
			case unread != nil:
				s.log.Error("notice settings cannot be read: nobody is told by them", "error", unread)
			default:
				all = append(all, n)
			}
			return nil
		}, selectNoticeSettings+" ORDER BY app")
	})
	return all, err
}

const (
	createNoticeSettings  = "INSERT INTO bellhop.notice_settings (app, revision, settings) VALUES ($1, $2::bigint + 1, $3) ON CONFLICT (app) DO NOTHING"
	replaceNoticeSettings = "UPDATE bellhop.notice_settings SET revision = revision + 1, settings = $3 WHERE app = $1 AND revision = $2"
)

// SaveNoticeSettings creates or replaces the settings of an app. The app is not deleted
// meanwhile.
func (s *Store) SaveNoticeSettings(ctx context.Context, n bellhop.NoticeSettings, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "save the notice settings", func(t *txn) error {
		if n.App != bellhop.AllApps {
			found, err := t.one(func(row) error { return nil }, "SELECT 1 FROM bellhop.apps WHERE id = $1 FOR SHARE", n.App)
			if err == nil && !found {
				err = bellhop.NotFound("app", n.App)
			}
			if err != nil {
				return err
			}
		}
		err := t.save(n.Revision, createNoticeSettings, replaceNoticeSettings, n.App, n.Revision, toJSON(n))
		if err == nil {
			err = t.addAudit(audit)
		}
		return err
	})
}

// Told gives what audiences were told of.
func (s *Store) Told(ctx context.Context) (all []bellhop.Told, err error) {
	err = s.readFor(ctx, forUpkeep, "read who was told of what", func(q *reading) error {
		all, err = list(q, func(r row) (t bellhop.Told, err error) {
			var since, at, digest int64
			err = r.Scan(&t.Audience, &t.About, &t.State, &since, &at, &digest, &t.Count, &t.Version)
			t.Since, t.At, t.Digest = moment(since), moment(at), moment(digest)
			return t, err
		}, "SELECT audience, about, state, since, at, digest, count, version FROM bellhop.told ORDER BY audience, about")
		return err
	})
	return all, err
}

const (
	createOwn  = "INSERT INTO bellhop.told (audience, about, state, since, at, digest, count, version) VALUES ($1, '', $3, $4, $5, $6, $7, $2::bigint + 1) ON CONFLICT (audience, about) DO NOTHING"
	replaceOwn = "UPDATE bellhop.told SET version = version + 1, state = $3, since = $4, at = $5, digest = $6, count = $7 WHERE audience = $1 AND about = '' AND version = $2"
	putTold    = `INSERT INTO bellhop.told (audience, about, state, since, at, digest, count, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (audience, about) DO UPDATE SET state = excluded.state, since = excluded.since, at = excluded.at, digest = excluded.digest,
			count = excluded.count, version = excluded.version`
	addNotice = `INSERT INTO bellhop.notices (id, audience, recipient, content, tries, due) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`
)

// Tell notes what an audience was told. Its own row keeps others from telling it
// something at the same time.
func (s *Store) Tell(ctx context.Context, given bellhop.Telling) error {
	return s.write(ctx, upkeep, "note who is told of what", func(t *txn) error {
		own := given.Own
		if given.Gone {
			return t.forgetAudience(own)
		}
		err := t.save(own.Version, createOwn, replaceOwn, own.Audience, own.Version, own.State, micros(own.Since), micros(own.At), micros(own.Digest), own.Count)
		if err == nil && len(given.End) > 0 {
			_, err = t.exec("DELETE FROM bellhop.told WHERE audience = $1 AND about = ANY($2)", own.Audience, given.End)
		}
		for i := 0; err == nil && i < len(given.Set); i++ {
			err = t.putTold(given.Set[i])
		}
		for i := 0; err == nil && i < len(given.Notices); i++ {
			n := &given.Notices[i]
			_, err = t.exec(addNotice, n.ID, n.Audience, n.To, append([]byte{}, n.Content...), n.Tries, micros(n.Due))
		}
		return err
	})
}

func (t *txn) putTold(of bellhop.Told) error {
	_, err := t.exec(putTold, of.Audience, of.About, of.State, micros(of.Since), micros(of.At), micros(of.Digest), of.Count, of.Version)
	return err
}

// forgetAudience removes an audience, if it is at the version.
func (t *txn) forgetAudience(own bellhop.Told) error {
	stored := int64(0)
	_, err := t.one(func(r row) error { return r.Scan(&stored) },
		"SELECT version FROM bellhop.told WHERE audience = $1 AND about = '' FOR UPDATE", own.Audience)
	if err == nil && stored != own.Version {
		err = bellhop.ErrRevision
	}
	if err == nil {
		_, err = t.exec("DELETE FROM bellhop.told WHERE audience = $1", own.Audience)
	}
	return err
}

const (
	someDue = "SELECT 1 FROM bellhop.notices WHERE due <= $1 LIMIT 1"
	// claimNotices moves the due of what it gives on, so that no other node gets it: one
	// that has waited for the row sees that it is not due any more.
	claimNotices = `UPDATE bellhop.notices n SET due = $3
		FROM (SELECT id, due FROM bellhop.notices WHERE due <= $1 ORDER BY due, id LIMIT $2 FOR UPDATE) AS c
		WHERE n.id = c.id RETURNING n.id, audience, recipient, content, tries, c.due`
)

// ClaimNotices gives notices that are due.
func (s *Store) ClaimNotices(ctx context.Context, now, until time.Time, limit int) (claimed []bellhop.Notice, err error) {
	// Most of the time there is none, which costs no transaction that writes.
	some := false
	err = s.readFor(ctx, forUpkeep, "look for notices", func(q *reading) error {
		some, err = q.one(func(row) error { return nil }, someDue, micros(now))
		return err
	})
	if err != nil || !some {
		return nil, err
	}
	err = s.write(ctx, upkeep, "claim notices", func(t *txn) error {
		claimed, err = list(&t.reading, func(r row) (n bellhop.Notice, err error) {
			var due int64
			err = r.Scan(&n.ID, &n.Audience, &n.To, (*[]byte)(&n.Content), &n.Tries, &due)
			n.Due, n.Content = moment(due), orNone(n.Content)
			return n, err
		}, claimNotices, micros(now), limit, micros(until))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(claimed, func(a, b bellhop.Notice) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return claimed, nil
}

// PutOffNotice notes that a notice was tried in vain.
func (s *Store) PutOffNotice(ctx context.Context, n bellhop.NoticeID, tries int, due time.Time) error {
	return s.write(ctx, upkeep, "put a notice off", func(t *txn) error {
		_, err := t.exec("UPDATE bellhop.notices SET tries = $2, due = $3 WHERE id = $1", n, tries, micros(due))
		return err
	})
}

// EndNotices takes notices away.
func (s *Store) EndNotices(ctx context.Context, ids []bellhop.NoticeID) error {
	if len(ids) == 0 {
		return nil
	}
	return s.write(ctx, upkeep, "end notices", func(t *txn) error {
		_, err := t.exec("DELETE FROM bellhop.notices WHERE id = ANY($1)", ids)
		return err
	})
}

// WaitingNotices counts what is still to be sent.
func (s *Store) WaitingNotices(ctx context.Context) (count int, oldest bellhop.NoticeID, err error) {
	err = s.readFor(ctx, forUpkeep, "count notices", func(q *reading) error {
		_, err := q.one(func(r row) error { return r.Scan(&count, &oldest) }, "SELECT count(*), coalesce(min(id), 0) FROM bellhop.notices")
		return err
	})
	return count, oldest, err
}

// Unsubscribed gives the audiences that want to be told no more.
func (s *Store) Unsubscribed(ctx context.Context) (all []bellhop.Unsubscription, err error) {
	err = s.readFor(ctx, forUpkeep, "read who unsubscribed", func(q *reading) error {
		all, err = list(q, func(r row) (u bellhop.Unsubscription, err error) {
			var at int64
			err = r.Scan(&u.Audience, &at)
			u.At = moment(at)
			return u, err
		}, "SELECT audience, at FROM bellhop.unsubscribed ORDER BY audience")
		return err
	})
	return all, err
}

// Unsubscribe notes that an audience wants to be told no more, or does again.
func (s *Store) Unsubscribe(ctx context.Context, u bellhop.Unsubscription, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "unsubscribe", func(t *txn) (err error) {
		if u.At.IsZero() {
			_, err = t.exec("DELETE FROM bellhop.unsubscribed WHERE audience = $1", u.Audience)
		} else {
			_, err = t.exec("INSERT INTO bellhop.unsubscribed (audience, at) VALUES ($1, $2) ON CONFLICT (audience) DO UPDATE SET at = excluded.at", u.Audience, micros(u.At))
		}
		if err == nil {
			err = t.addAudit(audit)
		}
		return err
	})
}
