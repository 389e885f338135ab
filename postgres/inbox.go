package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

// addingInboxes has those who count the inboxes wait for each other.
const addingInboxes = "LOCK TABLE bellhop.inboxes IN SHARE ROW EXCLUSIVE MODE"

// AddInbox keeps a new inbox.
func (s *Store) AddInbox(ctx context.Context, in bellhop.StoredInbox, b bellhop.InboxBounds, now time.Time) error {
	return s.write(ctx, asked, "add an inbox", func(t *txn) error {
		if _, err := t.exec(addingInboxes); err != nil {
			return err
		}
		ofApp, all := 0, 0
		_, err := t.one(func(r row) error { return r.Scan(&ofApp, &all) },
			"SELECT count(*) FILTER (WHERE app = $1), count(*) FROM bellhop.inboxes WHERE expires_at > $2", in.App, micros(now))
		if err == nil {
			err = b.Full(ofApp, all)
		}
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO bellhop.inboxes (name, app, token, answer, fail_left, created_at, expires_at, received, bytes)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)`,
			in.Name[:], in.App, append([]byte{}, in.Sealed...), []byte(in.Answer), in.FailLeft, micros(in.CreatedAt), micros(in.ExpiresAt))
		return err
	})
}

const selectInboxes = "SELECT name, app, token, answer, fail_left, created_at, expires_at, received FROM bellhop.inboxes"

func scanInbox(r row) (in bellhop.StoredInbox, err error) {
	var name, answer []byte
	var created, expires int64
	err = r.Scan(&name, &in.App, &in.Sealed, &answer, &in.FailLeft, &created, &expires, &in.Received)
	copy(in.Name[:], name)
	in.Answer, in.CreatedAt, in.ExpiresAt = answer, moment(created), moment(expires)
	return in, err
}

const inboxNamed = selectInboxes + " WHERE name = $1 AND expires_at > $2"

func (q *reading) inbox(sql string, name bellhop.InboxName, now time.Time) (in bellhop.StoredInbox, err error) {
	found, err := q.one(func(r row) (err error) { in, err = scanInbox(r); return err }, sql, name[:], micros(now))
	if err == nil && !found {
		err = errNoInbox()
	}
	return in, err
}

func errNoInbox() error { return bellhop.NotFound("inbox", "of this name") }

// Inbox gives an inbox. Whoever sends to a URL below that of the inboxes asks for one, so
// it does not keep what publishing and delivering wait for.
func (s *Store) Inbox(ctx context.Context, name bellhop.InboxName, now time.Time) (in bellhop.StoredInbox, err error) {
	err = s.read(ctx, "read an inbox", func(q *reading) (err error) {
		in, err = q.inbox(inboxNamed, name, now)
		return err
	})
	return in, err
}

// Inboxes gives the inboxes of some apps.
func (s *Store) Inboxes(ctx context.Context, scope bellhop.Scope, now time.Time) (all []bellhop.StoredInbox, err error) {
	err = s.read(ctx, "list the inboxes", func(q *reading) (err error) {
		var w where
		w.scope("app", scope)
		w.add("expires_at > ?", micros(now))
		all, err = list(q, scanInbox, selectInboxes+w.String()+" ORDER BY created_at DESC, name", w.args...)
		return err
	})
	return all, err
}

// SetAnswer changes how an inbox answers.
func (s *Store) SetAnswer(ctx context.Context, name bellhop.InboxName, answer bellhop.JSON, failLeft int, now time.Time) error {
	return s.write(ctx, asked, "change an inbox", func(t *txn) error {
		n, err := t.exec("UPDATE bellhop.inboxes SET answer = $1, fail_left = $2 WHERE name = $3 AND expires_at > $4", []byte(answer), failLeft, name[:], micros(now))
		if err == nil && n == 0 {
			err = errNoInbox()
		}
		return err
	})
}

// DeleteInbox removes an inbox.
func (s *Store) DeleteInbox(ctx context.Context, name bellhop.InboxName) error {
	return s.write(ctx, asked, "delete an inbox", func(t *txn) error { return t.dropInboxesNamed([][]byte{name[:]}) })
}

// dropInboxesNamed removes inboxes, and then their requests: none can come any more.
func (t *txn) dropInboxesNamed(names [][]byte) error {
	_, err := t.exec("DELETE FROM bellhop.inboxes WHERE name IN (SELECT name FROM bellhop.inboxes WHERE name = ANY($1) ORDER BY name FOR UPDATE)", names)
	if err == nil {
		_, err = t.exec("DELETE FROM bellhop.inbox_requests WHERE inbox = ANY($1)", names)
	}
	return err
}

// Arrive counts a request, and keeps it. They come one after the other: anybody may send
// them, and others who ask for something have the connections that are left.
func (s *Store) Arrive(ctx context.Context, name bellhop.InboxName, r bellhop.InboxRequest, b bellhop.InboxBounds, now time.Time) (a bellhop.Arrived, err error) {
	select {
	case s.arriving <- struct{}{}:
		defer func() { <-s.arriving }()
	case <-ctx.Done():
		return a, s.writeError(ctx, "keep an inbox's request", ctx.Err())
	}
	err = s.write(ctx, asked, "keep an inbox's request", func(t *txn) error {
		a = bellhop.Arrived{}
		in, err := t.inbox(inboxNamed+" FOR UPDATE", name, now)
		if err != nil {
			return err
		}
		answered := r.Answered
		if r.FailStatus != 0 && in.FailLeft > 0 {
			a.Failed, answered = true, r.FailStatus
			in.FailLeft--
		}
		size, keep := int64(0), true
		if r.Event != 0 {
			keep, err = t.keepsEvent(r.App, r.Event)
		}
		if err == nil && keep {
			a.ID, size = in.Received+1, weighInboxRequest(len(r.Content))
			_, err = t.exec("INSERT INTO bellhop.inbox_requests (inbox, id, app, event, at, answered, content) VALUES ($1, $2, $3, $4, $5, $6, $7)",
				name[:], a.ID, r.App, r.Event, micros(r.At), answered, append([]byte{}, r.Content...))
		}
		if err == nil {
			_, err = t.exec("UPDATE bellhop.inboxes SET received = received + 1, fail_left = $1, bytes = bytes + $2 WHERE name = $3", in.FailLeft, size, name[:])
		}
		if err == nil && keep {
			err = t.makeRoom(name, b)
		}
		return err
	})
	return a, err
}

// keepsEvent tells whether an event is there and not erased, and keeps it so until the
// transaction has ended.
func (t *txn) keepsEvent(app string, e bellhop.EventID) (keeps bool, err error) {
	_, err = t.one(func(r row) error {
		var erased bool
		err := r.Scan(&erased)
		keeps = !erased
		return err
	}, "SELECT erased FROM bellhop.events WHERE app = $1 AND id = $2 FOR SHARE", app, e)
	return keeps, err
}

func weighInboxRequest(content int) int64 { return int64(content) + bellhop.InboxRequestShare }

// makeRoom drops an inbox's oldest requests, but not the newest one: of those that are to
// go, each has too many after it, or too many bytes.
func (t *txn) makeRoom(name bellhop.InboxName, b bellhop.InboxBounds) error {
	return t.dropRequests(`DELETE FROM bellhop.inbox_requests WHERE inbox = $1 AND id IN (
		SELECT id FROM (SELECT id, row_number() OVER newest AS place, sum(length(content) + $2::bigint) OVER newest AS bytes
			FROM bellhop.inbox_requests WHERE inbox = $1 WINDOW newest AS (ORDER BY id DESC)) AS r
		WHERE place > 1 AND (place > $3::bigint OR bytes > $4::bigint))`,
		name[:], bellhop.InboxRequestShare, b.Requests, b.Bytes)
}

const freed = " RETURNING inbox, length(content)"

// dropRequests takes requests out of inboxes, which have room again for others.
func (t *txn) dropRequests(sql string, args ...any) error {
	var names [][]byte
	var bytes []int64
	err := t.each(func(r row) error {
		var name []byte
		content := 0
		err := r.Scan(&name, &content)
		names, bytes = append(names, name), append(bytes, weighInboxRequest(content))
		return err
	}, sql+freed, args...)
	if err != nil || len(names) == 0 {
		return err
	}
	_, err = t.exec(`UPDATE bellhop.inboxes i SET bytes = i.bytes - f.bytes
		FROM (SELECT name, sum(bytes) AS bytes FROM unnest($1::bytea[], $2::bigint[]) AS x (name, bytes) GROUP BY name ORDER BY name) AS f
		WHERE i.name = f.name`, names, bytes)
	return err
}

// dropRequestsOf takes the requests of erased events out of inboxes.
func (t *txn) dropRequestsOf(events []bellhop.EventID) error {
	return t.dropRequests("DELETE FROM bellhop.inbox_requests WHERE event = ANY($1) AND event <> 0", events)
}

// dropInboxes takes a deleted app's inboxes away, and what its events left in those of
// other apps, to which an endpoint of both has brought them.
func (t *txn) dropInboxes(app string) error {
	var names [][]byte
	err := t.each(func(r row) error {
		var name []byte
		err := r.Scan(&name)
		names = append(names, name)
		return err
	}, "SELECT name FROM bellhop.inboxes WHERE app = $1", app)
	if err == nil && len(names) > 0 {
		err = t.dropInboxesNamed(names)
	}
	if err != nil {
		return err
	}
	return t.dropRequests("DELETE FROM bellhop.inbox_requests WHERE app = $1", app)
}

// InboxRequests gives the requests of an inbox.
func (s *Store) InboxRequests(ctx context.Context, name bellhop.InboxName, after int64) (all []bellhop.InboxRequest, err error) {
	err = s.read(ctx, "read an inbox's requests", func(q *reading) (err error) {
		all, err = list(q, func(r row) (x bellhop.InboxRequest, err error) {
			var at int64
			err = r.Scan(&x.ID, &x.App, (*int64)(&x.Event), &at, &x.Answered, &x.Content)
			x.At = moment(at)
			return x, err
		}, "SELECT id, app, event, at, answered, content FROM bellhop.inbox_requests WHERE inbox = $1 AND id > $2 ORDER BY id DESC", name[:], after)
		return err
	})
	return all, err
}

// ExpireInboxes removes inboxes that have ended.
func (s *Store) ExpireInboxes(ctx context.Context, now time.Time, limit int) (int, error) {
	var names [][]byte
	ended := func(q *reading) (err error) {
		names, err = list(q, func(r row) (name []byte, err error) { err = r.Scan(&name); return name, err },
			"SELECT name FROM bellhop.inboxes WHERE expires_at <= $1 LIMIT $2", micros(now), limit)
		return err
	}
	// Most of the time there is none, which costs no transaction that writes.
	if err := s.readFor(ctx, forUpkeep, "look for inboxes that have ended", ended); err != nil || len(names) == 0 {
		return 0, err
	}
	err := s.write(ctx, upkeep, "end inboxes", func(t *txn) error { return t.dropInboxesNamed(names) })
	if err != nil {
		return 0, err
	}
	return len(names), nil
}
