package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// DeleteApp removes an app and what belongs to it alone. First it goes as such, so
// that nothing is published to it any more; then whatever names it, and its rows, in
// steps, so that the other callers' steps need not wait for all of them. Should that
// be interrupted, the next Wipe goes on; and so it does with what others had in hand
// meanwhile.
func (s *Store) DeleteApp(ctx context.Context, app string, audit *bellhop.AuditEntry) error {
	err := s.write(ctx, asked, "delete the app", func(t *txn) error {
		n, err := t.exec("DELETE FROM bellhop.apps WHERE id = $1", app)
		if err == nil && n == 0 {
			return bellhop.NotFound("app", app)
		}
		if err == nil {
			_, err = t.exec("DELETE FROM bellhop.notice_settings WHERE app = $1", app)
		}
		if err == nil {
			err = t.owe(owedApp, app, app)
		}
		return t.finish(err, audit, partRoutes, app, 0)
	})
	if err != nil {
		return err
	}
	if err := s.dropRows(ctx, app); err != nil {
		s.log.Warn("a deleted app has left rows behind; they are deleted later", "app", app, "error", err)
	}
	return nil
}

// nameChunk bounds the endpoints or keys that one step takes a deleted app off.
const nameChunk = 500

// These list what names an app: about, since they look for its name in the text.
const (
	endpointsNaming = "SELECT id FROM bellhop.endpoints WHERE strpos(apps, $1) > 0 AND id > $2 ORDER BY id LIMIT $3"
	keysNaming      = "SELECT id FROM bellhop.keys WHERE strpos(apps, $1) > 0 AND id > $2 ORDER BY id LIMIT $3"
)

// dropNames takes a deleted app off endpoints or keys.
func (s *Store) dropNames(ctx context.Context, app, naming string, drop func(t *txn, id int64, app string) error) error {
	for after, more := int64(0), true; more; {
		err := s.write(ctx, upkeep, "take the app off", func(t *txn) error {
			more = false
			left, err := t.leaving(app)
			if err != nil || !left {
				return err
			}
			var ids []int64
			var id int64
			quoted, _ := toJSON(app).(string)
			if err := t.each(scan(func() { ids = append(ids, id) }, &id), naming, quoted, after, nameChunk); err != nil {
				return err
			}
			for _, id := range ids {
				if err := drop(t, id, app); err != nil {
					return err
				}
			}
			if more = len(ids) == nameChunk; more {
				after = ids[len(ids)-1]
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func dropFromEndpoint(t *txn, id int64, app string) error {
	var e bellhop.Endpoint
	var unread error
	var apps, terms, subjects *string
	found, err := t.one(into(&apps, &terms, &subjects), "SELECT apps, terms, subjects FROM bellhop.endpoints WHERE id = $1 FOR UPDATE", id)
	if err != nil || !found {
		return err
	}
	_ = fromJSON(apps, &e.Apps)
	if e.Terms, unread = readTerms(terms); unread == nil {
		unread = fromJSON(subjects, &e.Subjects)
	}
	if !slices.Contains(e.Apps, app) {
		return nil
	}
	e.Leave(app)
	switch {
	case len(e.Apps) == 0:
		err = t.dropEndpoint(bellhop.EndpointID(id)) // other apps may still have deliveries to it
	case unread != nil: // it stays as it is, to be read as such
		_, err = t.exec("UPDATE bellhop.endpoints SET apps = $1, revision = revision + 1 WHERE id = $2", listJSON(e.Apps), id)
	default:
		_, err = t.exec("UPDATE bellhop.endpoints SET apps = $1, terms = $2, subjects = coalesce($3, 'null'), revision = revision + 1 WHERE id = $4",
			listJSON(e.Apps), column.Terms(e.Terms), toJSON(e.Subjects), id)
	}
	if err == nil {
		_, err = t.exec("DELETE FROM bellhop.endpoint_names WHERE endpoint = $1 AND app = $2", id, app)
	}
	if err == nil {
		err = t.changed(partRoutes, "", id)
	}
	return err
}

func dropFromKey(t *txn, id int64, app string) error {
	var apps []string
	var text *string
	found, err := t.one(into(&text), "SELECT apps FROM bellhop.keys WHERE id = $1 FOR UPDATE", id)
	if err != nil || !found {
		return err
	}
	_ = fromJSON(text, &apps)
	if !slices.Contains(apps, app) {
		return nil
	}
	if apps = slices.DeleteFunc(apps, func(a string) bool { return a == app }); len(apps) == 0 {
		_, err = t.exec("DELETE FROM bellhop.keys WHERE id = $1", id)
	} else {
		_, err = t.exec("UPDATE bellhop.keys SET apps = $1 WHERE id = $2", listJSON(apps), id)
	}
	if err == nil {
		err = t.changed(partAccess, "", id)
	}
	return err
}

// errLeaving says that a deleted app still has rows.
var errLeaving = errors.New("the app is still being deleted")

// leavingPause is how long to wait before it is looked again whether a deleted app has gone.
const leavingPause = 20 * time.Millisecond

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leaving tells whether a deleted app still has rows.
func (t *txn) leaving(app string) (bool, error) {
	var one int
	return t.one(into(&one), "SELECT 1 FROM bellhop.owed WHERE what = 'app' AND app = $1", app)
}

// dropChunk bounds the rows of one step of dropRows; maxBatch bounds their data.
const dropChunk = 1000

// dropRows deletes what is left of a deleted app. Any number of callers may do so
// at once. Something of it may still be committed by those who do not know of the
// deletion: until that cannot be any more, it stays owed.
func (s *Store) dropRows(ctx context.Context, app string) error {
	// First of all: what is committed later is by transactions that have begun by then.
	err := s.noteBeside(ctx, besideApp, app)
	if err == nil {
		err = s.dropNames(ctx, app, endpointsNaming, dropFromEndpoint)
	}
	if err == nil {
		err = s.dropNames(ctx, app, keysNaming, dropFromKey)
	}
	for done := false; err == nil && !done; {
		err = s.write(ctx, upkeep, "delete the app's rows", func(t *txn) error {
			quiet := false
			left, err := t.one(into(&quiet), lockApp, app)
			if done = !left; err != nil || done {
				return err
			}
			if done, err = t.dropSome(app); err != nil || !done {
				return err
			}
			if err = t.dropInboxes(app); err != nil || !quiet {
				return err
			}
			if _, err = t.exec(noteLate, app); err == nil {
				_, err = t.exec("DELETE FROM bellhop.owed WHERE what = 'app' AND app = $1", app)
			}
			return err
		})
	}
	return err
}

const (
	besideApp = besideOf + " AND o.what = 'app' AND o.app = $1"
	lockApp   = "SELECT coalesce(xid < pg_snapshot_xmin(pg_current_snapshot()), false) FROM bellhop.owed WHERE what = 'app' AND app = $1 FOR UPDATE"

	// Nodes may still have events in memory that were deleted with their app. All are of ids
	// up to the newest that was deleted; what comes of them is not logged.
	noteNewest = "UPDATE bellhop.owed SET upto = $2 WHERE what = 'app' AND app = $1 AND upto < $2"
	noteLate   = `INSERT INTO bellhop.owed (what, app, name, count, upto) SELECT 'late', app, '', 1, upto FROM bellhop.owed WHERE what = 'app' AND app = $1 AND upto > 0
		ON CONFLICT (what, app, name) DO UPDATE SET count = bellhop.owed.count + 1, upto = greatest(bellhop.owed.upto, excluded.upto)`
	// Below a node's mark there is nothing in its memory.
	endLate = `DELETE FROM bellhop.owed o WHERE o.what = 'late' AND NOT EXISTS (SELECT 1 FROM bellhop.nodes n WHERE n.held > 0 AND n.mark <= o.upto) /* all apps */`

	fanoutsOfApp  = "SELECT event, list FROM bellhop.fanouts WHERE app = $1 ORDER BY event LIMIT $2 FOR UPDATE"
	eventsOfApp   = "SELECT id, coalesce(octet_length(data), 0) FROM bellhop.events WHERE app = $1 ORDER BY id LIMIT $2"
	attemptsOfApp = "SELECT id, coalesce(octet_length(response_body), 0) + coalesce(octet_length(request_body), 0) FROM bellhop.attempts WHERE app = $1 ORDER BY id LIMIT $2"
	pendingOfApp  = "SELECT app, id, endpoint, coalesce(order_key, '') FROM bellhop.pending WHERE app = $1 ORDER BY id LIMIT $2"
	dropReactions = "DELETE FROM bellhop.reactions WHERE app = $1 AND attempt IN (SELECT attempt FROM bellhop.reactions WHERE app = $1 LIMIT $2)"
	dropExternal  = "DELETE FROM bellhop.external_ids WHERE app = $1 AND external_id IN (SELECT external_id FROM bellhop.external_ids WHERE app = $1 LIMIT $2)"
	dropEvents    = "DELETE FROM bellhop.events WHERE app = $1 AND id = ANY($2)"
	dropAttempts  = "DELETE FROM bellhop.attempts WHERE app = $1 AND id = ANY($2)"
	dropMarks     = "DELETE FROM bellhop.owed WHERE app = $1 AND what IN ('event', 'settled', 'blank') AND name IN (SELECT name FROM bellhop.owed WHERE app = $1 AND what IN ('event', 'settled', 'blank') LIMIT $2)"
)

// dropSome is one step; it answers whether nothing was left. What is pending or will be
// goes first, since it could be sent; it may be joined by a resend as long as there are
// events, and so may attempts.
func (t *txn) dropSome(app string) (done bool, err error) {
	for _, step := range []func(app string) (int, error){
		t.dropFanouts, t.dropPending,
		t.dropEventsOf,
		func(app string) (int, error) { return t.dropSomeOf(dropExternal, app) },
		func(app string) (int, error) { return t.dropSomeOf(expiringOfApp, app) },
		func(app string) (int, error) { return t.dropSomeOf(dropReactions, app) },
		t.dropAttemptsOf,
		func(app string) (int, error) { return t.dropSlicesOfApp(app, dropChunk) },
		func(app string) (int, error) { return t.dropSomeOf(forgetOfApp, app) },
		func(app string) (int, error) { return t.dropSomeOf(dropMarks, app) },
	} {
		if n, err := step(app); err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

func (t *txn) dropSomeOf(sql, app string) (int, error) {
	n, err := t.exec(sql, app, dropChunk)
	return int(n), err
}

func (t *txn) dropEventsOf(app string) (int, error) {
	ids, err := t.dropListed(app, "events", eventsOfApp, dropEvents)
	if err == nil && len(ids) > 0 {
		_, err = t.exec(noteNewest, app, ids[len(ids)-1])
	}
	return len(ids), err
}

func (t *txn) dropAttemptsOf(app string) (int, error) {
	ids, err := t.dropListed(app, "attempts", attemptsOfApp, dropAttempts)
	return len(ids), err
}

// dropListed deletes some rows of a table, as far as their data is not too much, and answers
// which, in their order.
func (t *txn) dropListed(app, table, list, drop string) (ids []int64, err error) {
	var id int64
	bytes, size := 0, 0
	err = t.each(scan(func() {
		if bytes < maxBatch {
			ids = append(ids, id)
			bytes += size
		}
	}, &id, &size), list, app, dropChunk)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	if _, err := t.exec(drop, app, ids); err != nil {
		return nil, err
	}
	return ids, t.oweWipe(table, ids)
}

func (t *txn) dropFanouts(app string) (int, error) {
	type fan struct{ event, list int64 }
	var fans []fan
	var f fan
	if err := t.each(scan(func() { fans = append(fans, f) }, &f.event, &f.list), fanoutsOfApp, app, dropChunk); err != nil {
		return 0, err
	}
	for _, f := range fans {
		if err := t.endFanout(app, bellhop.EventID(f.event), f.list); err != nil {
			return 0, err
		}
	}
	return len(fans), nil
}

func (t *txn) dropPending(app string) (int, error) {
	some, err := t.find(pendingOfApp, app, dropChunk)
	if err != nil || len(some.ids) == 0 {
		return 0, err
	}
	list, err := t.take(some, takeAny)
	if err != nil || len(list) == 0 {
		return len(some.ids), err // others have them
	}
	// Nobody told the time: whoever is next has been due since these came.
	return len(list), t.promoteAll(list, list[len(list)-1].ID.Time())
}
