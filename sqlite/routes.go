package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// The kinds of objects in the feed of changes.
const (
	kindApp       = "app"
	kindEventType = "event_type"
	kindEndpoint  = "endpoint"
	kindKey       = "key"
)

// maxFeed bounds the feed; who is further behind loads everything.
const maxFeed = 1000

// changed moves the routes version on and notes what it was for.
func (w *writer) changed(kind, name string, id int64) error {
	w.state.version++
	v := w.state.version
	if err := exec(w.conn, "INSERT INTO changes (version, kind, name, id) VALUES (?, ?, ?, ?)", v, kind, name, id); err != nil {
		return err
	}
	return exec(w.conn, "DELETE FROM changes WHERE version <= ?", v-maxFeed)
}

// Routes gives the configuration, or what has changed of it.
func (s *Store) Routes(ctx context.Context, since int64) (bellhop.RouteChanges, error) {
	var r bellhop.RouteChanges
	err := s.read(ctx, "read the routes", func(c *sqlite.Conn) error {
		r = bellhop.RouteChanges{}
		var oldest int64
		err := each(c, func(st *sqlite.Stmt) { r.Version, oldest = st.ColumnInt64(0), st.ColumnInt64(1) },
			"SELECT coalesce(max(version), 0), coalesce(min(version), 0) FROM changes")
		if err != nil {
			return err
		}
		if since <= 0 || since > r.Version || since < oldest-1 {
			return allRoutes(c, &r)
		}
		return changedRoutes(c, &r, since)
	})
	return r, err
}

func allRoutes(c *sqlite.Conn, r *bellhop.RouteChanges) error {
	r.Full = true
	if err := each(c, func(st *sqlite.Stmt) { r.Apps = append(r.Apps, scanApp(st)) }, selectApps+" ORDER BY id"); err != nil {
		return err
	}
	if err := each(c, func(st *sqlite.Stmt) { r.EventTypes = append(r.EventTypes, scanEventType(st)) }, selectEventTypes+" ORDER BY name"); err != nil {
		return err
	}
	if err := each(c, func(st *sqlite.Stmt) { r.Endpoints = append(r.Endpoints, scanEndpoint(st)) }, selectEndpoints+" ORDER BY id"); err != nil {
		return err
	}
	return each(c, func(st *sqlite.Stmt) { r.Keys = append(r.Keys, scanKey(st)) }, selectKeys+" ORDER BY id")
}

func changedRoutes(c *sqlite.Conn, r *bellhop.RouteChanges, since int64) error {
	type object struct {
		kind, name string
		id         int64
	}
	var objects []object
	err := each(c, func(st *sqlite.Stmt) {
		objects = append(objects, object{st.ColumnText(0), st.ColumnText(1), st.ColumnInt64(2)})
	}, "SELECT kind, name, id FROM changes WHERE version > ? GROUP BY kind, name, id ORDER BY min(version)", since)
	if err != nil {
		return err
	}
	for _, o := range objects {
		found := false
		switch o.kind {
		case kindApp:
			found, err = one(c, func(st *sqlite.Stmt) { r.Apps = append(r.Apps, scanApp(st)) }, selectApps+" WHERE id = ?", o.name)
			if !found {
				r.DeletedApps = append(r.DeletedApps, o.name)
			}
		case kindEventType:
			found, err = one(c, func(st *sqlite.Stmt) { r.EventTypes = append(r.EventTypes, scanEventType(st)) }, selectEventTypes+" WHERE name = ?", o.name)
			if !found {
				r.DeletedEventTypes = append(r.DeletedEventTypes, o.name)
			}
		case kindEndpoint:
			found, err = one(c, func(st *sqlite.Stmt) { r.Endpoints = append(r.Endpoints, scanEndpoint(st)) }, selectEndpoints+" WHERE id = ?", o.id)
			if !found {
				r.DeletedEndpoints = append(r.DeletedEndpoints, bellhop.EndpointID(o.id))
			}
		case kindKey:
			found, err = one(c, func(st *sqlite.Stmt) { r.Keys = append(r.Keys, scanKey(st)) }, selectKeys+" WHERE id = ?", o.id)
			if !found {
				r.DeletedKeys = append(r.DeletedKeys, bellhop.KeyID(o.id))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const selectApps = "SELECT id, name, metadata, created_at, updated_at FROM apps"

func scanApp(st *sqlite.Stmt) bellhop.App {
	a := bellhop.App{
		ID: st.ColumnText(0), Name: st.ColumnText(1),
		CreatedAt: moment(st.ColumnInt64(3)), UpdatedAt: moment(st.ColumnInt64(4)),
	}
	fromJSON(st, 2, &a.Metadata)
	return a
}

const selectEventTypes = "SELECT name, description, schema, example, validate, archived, created_at, updated_at FROM event_types"

func scanEventType(st *sqlite.Stmt) bellhop.EventType {
	return bellhop.EventType{
		Name: st.ColumnText(0), Description: st.ColumnText(1), Schema: blob(st, 2), Example: blob(st, 3),
		Validate: st.ColumnBool(4), Archived: st.ColumnBool(5),
		CreatedAt: moment(st.ColumnInt64(6)), UpdatedAt: moment(st.ColumnInt64(7)),
	}
}

const selectEndpoints = `SELECT id, revision, status, ordering, failing_since, apps, url, name, events, subjects, filter,
	dialect, headers, disabled_reason, timeout, retry, rate_limit, concurrency, metadata, created_at, updated_at, secrets
	FROM endpoints`

func scanEndpoint(st *sqlite.Stmt) bellhop.Endpoint {
	e := bellhop.Endpoint{
		ID: bellhop.EndpointID(st.ColumnInt64(0)), Revision: st.ColumnInt64(1),
		Status: bellhop.EndpointStatus(st.ColumnText(2)), Ordering: bellhop.Ordering(st.ColumnText(3)),
		FailingSince: moment(st.ColumnInt64(4)), URL: st.ColumnText(6), Name: st.ColumnText(7), Filter: blob(st, 10),
		Dialect: st.ColumnText(11), DisabledReason: st.ColumnText(13), Timeout: bellhop.Duration(st.ColumnInt64(14)),
		Concurrency: st.ColumnInt(17), CreatedAt: moment(st.ColumnInt64(19)), UpdatedAt: moment(st.ColumnInt64(20)),
	}
	fromJSON(st, 5, &e.Apps)
	fromJSON(st, 8, &e.Events)
	fromJSON(st, 9, &e.Subjects)
	fromJSON(st, 12, &e.Headers)
	fromJSON(st, 15, &e.Retry)
	fromJSON(st, 16, &e.RateLimit)
	fromJSON(st, 18, &e.Metadata)
	fromJSON(st, 21, &e.Secrets)
	return e
}

const selectKeys = "SELECT id, name, role, apps, portal, created_at, expires_at, hash, session FROM keys"

func scanKey(st *sqlite.Stmt) bellhop.Key {
	k := bellhop.Key{
		ID: bellhop.KeyID(st.ColumnInt64(0)), Name: st.ColumnText(1), Role: bellhop.Role(st.ColumnText(2)),
		Portal: st.ColumnBool(4), CreatedAt: moment(st.ColumnInt64(5)), ExpiresAt: moment(st.ColumnInt64(6)),
		Session: bellhop.KeyID(st.ColumnInt64(8)),
	}
	fromJSON(st, 3, &k.Apps)
	st.ColumnBytes(7, k.Hash[:])
	return k
}
