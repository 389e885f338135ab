package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// AddInbox keeps a new inbox.
func (s *Store) AddInbox(ctx context.Context, in bellhop.StoredInbox, b bellhop.InboxBounds, now time.Time) error {
	return s.inTurn(ctx, turnOf([]string{in.App}), "add an inbox", rowWeight, func(w *writer) error {
		ofApp, all := 0, 0
		_, err := one(w.conn, func(st *sqlite.Stmt) { ofApp, all = st.ColumnInt(0), st.ColumnInt(1) },
			"SELECT count(*) FILTER (WHERE app = ?), count(*) FROM inboxes WHERE expires_at > ?", in.App, micros(now))
		if err == nil {
			err = b.Full(ofApp, all)
		}
		if err != nil {
			return err
		}
		return exec(w.conn, `INSERT INTO inboxes (name, app, token, answer, fail_left, created_at, expires_at, received, bytes)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)`,
			in.Name[:], in.App, append([]byte{}, in.Sealed...), string(in.Answer), in.FailLeft, micros(in.CreatedAt), micros(in.ExpiresAt))
	})
}

const selectInboxes = "SELECT name, app, token, answer, fail_left, created_at, expires_at, received FROM inboxes"

func scanInbox(st *sqlite.Stmt) (in bellhop.StoredInbox) {
	st.ColumnBytes(0, in.Name[:])
	in.App, in.Sealed, in.Answer = st.ColumnText(1), blob(st, 2), bellhop.JSON(st.ColumnText(3))
	in.FailLeft, in.CreatedAt, in.ExpiresAt, in.Received = st.ColumnInt(4), moment(st.ColumnInt64(5)), moment(st.ColumnInt64(6)), st.ColumnInt64(7)
	return in
}

func errNoInbox() error { return bellhop.NotFound("inbox", "of this name") }

func findInbox(c *sqlite.Conn, name bellhop.InboxName, now time.Time) (in bellhop.StoredInbox, err error) {
	found, err := one(c, func(st *sqlite.Stmt) { in = scanInbox(st) }, selectInboxes+" WHERE name = ? AND expires_at > ?", name[:], micros(now))
	if err == nil && !found {
		err = errNoInbox()
	}
	return in, err
}

// Inbox gives an inbox.
func (s *Store) Inbox(ctx context.Context, name bellhop.InboxName, now time.Time) (in bellhop.StoredInbox, err error) {
	err = s.readFor(ctx, forFlow, "read an inbox", func(c *sqlite.Conn) (err error) {
		in, err = findInbox(c, name, now)
		return err
	})
	return in, err
}

// Inboxes gives the inboxes of some apps. There are few.
func (s *Store) Inboxes(ctx context.Context, scope bellhop.Scope, now time.Time) (list []bellhop.StoredInbox, err error) {
	err = s.read(ctx, "list the inboxes", func(c *sqlite.Conn) error {
		list = nil
		return each(c, func(st *sqlite.Stmt) {
			if in := scanInbox(st); scope.Sees(in.App) {
				list = append(list, in)
			}
		}, selectInboxes+" WHERE expires_at > ? ORDER BY created_at DESC, name", micros(now))
	})
	return list, err
}

// SetAnswer changes how an inbox answers.
func (s *Store) SetAnswer(ctx context.Context, name bellhop.InboxName, answer bellhop.JSON, failLeft int, now time.Time) error {
	return s.write(ctx, "change an inbox", rowWeight, func(w *writer) error {
		err := exec(w.conn, "UPDATE inboxes SET answer = ?, fail_left = ? WHERE name = ? AND expires_at > ?", string(answer), failLeft, name[:], micros(now))
		if err == nil && w.conn.Changes() == 0 {
			err = errNoInbox()
		}
		return err
	})
}

// DeleteInbox removes an inbox.
func (s *Store) DeleteInbox(ctx context.Context, name bellhop.InboxName) error {
	return s.write(ctx, "delete an inbox", maxInboxWeight, func(w *writer) error { return w.dropInbox(name) })
}

// maxInboxWeight is what the step that removes an inbox weighs: it overwrites what was in it.
const maxInboxWeight = 1 << 20

func (w *writer) dropInbox(name bellhop.InboxName) error {
	err := exec(w.conn, "DELETE FROM inbox_requests WHERE inbox = ?", name[:])
	if err == nil {
		err = exec(w.conn, "DELETE FROM inboxes WHERE name = ?", name[:])
	}
	if err == nil {
		err = w.owe("wipe", "")
	}
	return err
}

// Arrive counts a request, and keeps it.
func (s *Store) Arrive(ctx context.Context, name bellhop.InboxName, r bellhop.InboxRequest, b bellhop.InboxBounds, now time.Time) (a bellhop.Arrived, err error) {
	turn := groupcommit.Turn{Rank: happened, Of: "inboxes of " + r.App}
	err = s.inTurn(ctx, turn, "keep an inbox's request", rowWeight+len(r.Content), func(w *writer) error {
		a = bellhop.Arrived{}
		in, err := findInbox(w.conn, name, now)
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
			keep = false
			_, err = one(w.conn, func(st *sqlite.Stmt) { keep = !st.ColumnBool(0) }, eventErased, int64(r.Event))
		}
		if err == nil && keep {
			a.ID, size = in.Received+1, weighInboxRequest(len(r.Content))
			err = exec(w.conn, "INSERT INTO inbox_requests (inbox, id, app, event, at, answered, content) VALUES (?, ?, ?, ?, ?, ?, ?)",
				name[:], a.ID, r.App, int64(r.Event), micros(r.At), answered, append([]byte{}, r.Content...))
		}
		if err == nil {
			err = exec(w.conn, "UPDATE inboxes SET received = received + 1, fail_left = ?, bytes = bytes + ? WHERE name = ?", in.FailLeft, size, name[:])
		}
		if err == nil && keep {
			err = w.makeRoom(name, b)
		}
		return err
	})
	return a, err
}

func weighInboxRequest(content int) int64 { return int64(content) + bellhop.InboxRequestShare }

// makeRoom drops an inbox's oldest requests, but not the newest one.
func (w *writer) makeRoom(name bellhop.InboxName, b bellhop.InboxBounds) error {
	for {
		count, bytes, oldest, content := 0, int64(0), int64(0), 0
		_, err := one(w.conn, func(st *sqlite.Stmt) { count, oldest = st.ColumnInt(0), st.ColumnInt64(1) },
			"SELECT count(*), min(id) FROM inbox_requests WHERE inbox = ?", name[:])
		if err == nil {
			_, err = one(w.conn, func(st *sqlite.Stmt) { bytes = st.ColumnInt64(0) }, "SELECT bytes FROM inboxes WHERE name = ?", name[:])
		}
		if err != nil || count < 2 || count <= b.Requests && bytes <= b.Bytes {
			return err
		}
		_, err = one(w.conn, func(st *sqlite.Stmt) { content = st.ColumnInt(0) },
			"DELETE FROM inbox_requests WHERE inbox = ? AND id = ? RETURNING length(content)", name[:], oldest)
		if err == nil {
			err = exec(w.conn, "UPDATE inboxes SET bytes = bytes - ? WHERE name = ?", weighInboxRequest(content), name[:])
		}
		if err != nil {
			return err
		}
	}
}

// InboxRequests gives the requests of an inbox.
func (s *Store) InboxRequests(ctx context.Context, name bellhop.InboxName, after int64) (list []bellhop.InboxRequest, err error) {
	err = s.read(ctx, "read an inbox's requests", func(c *sqlite.Conn) error {
		list = nil
		return each(c, func(st *sqlite.Stmt) {
			list = append(list, bellhop.InboxRequest{
				ID: st.ColumnInt64(0), App: st.ColumnText(1), Event: bellhop.EventID(st.ColumnInt64(2)),
				At: moment(st.ColumnInt64(3)), Answered: st.ColumnInt(4), Content: blob(st, 5),
			})
		}, "SELECT id, app, event, at, answered, content FROM inbox_requests WHERE inbox = ? AND id > ? ORDER BY id DESC", name[:], after)
	})
	return list, err
}

// ExpireInboxes removes inboxes that have ended.
func (s *Store) ExpireInboxes(ctx context.Context, now time.Time, limit int) (int, error) {
	var names []bellhop.InboxName
	err := s.readFor(ctx, forUpkeep, "look for inboxes that have ended", func(c *sqlite.Conn) error {
		names = nil
		return each(c, func(st *sqlite.Stmt) {
			var name bellhop.InboxName
			st.ColumnBytes(0, name[:])
			names = append(names, name)
		}, "SELECT name FROM inboxes WHERE expires_at <= ? LIMIT ? + 0", micros(now), limit)
	})
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if err := s.tidy(ctx, "end an inbox", maxInboxWeight, func(w *writer) error { return w.dropInbox(name) }); err != nil {
			return i, err
		}
	}
	return len(names), nil
}

// What erasing and deleting takes out of inboxes.
const (
	requestsOfEvent = "DELETE FROM inbox_requests WHERE event = ? AND event <> 0 RETURNING inbox, length(content)"
	requestsOfApp   = "DELETE FROM inbox_requests WHERE app = ? RETURNING inbox, length(content)"
)

// dropRequests takes requests out of inboxes, which have room again for others.
func (w *writer) dropRequests(sql string, arg any) error {
	freed := map[bellhop.InboxName]int64{}
	err := each(w.conn, func(st *sqlite.Stmt) {
		var name bellhop.InboxName
		st.ColumnBytes(0, name[:])
		freed[name] += weighInboxRequest(st.ColumnInt(1))
	}, sql, arg)
	for name, bytes := range freed {
		if err == nil {
			err = exec(w.conn, "UPDATE inboxes SET bytes = bytes - ? WHERE name = ?", bytes, name[:])
		}
	}
	return err
}

// dropInboxes takes a deleted app's inboxes away, and what its events left in those of
// other apps, to which an endpoint of both has brought them.
func (w *writer) dropInboxes(app string) error {
	var names []bellhop.InboxName
	err := each(w.conn, func(st *sqlite.Stmt) {
		var name bellhop.InboxName
		st.ColumnBytes(0, name[:])
		names = append(names, name)
	}, "SELECT name FROM inboxes WHERE app = ?", app)
	for i := 0; err == nil && i < len(names); i++ {
		err = w.dropInbox(names[i])
	}
	if err != nil {
		return err
	}
	return w.dropRequests(requestsOfApp, app)
}
