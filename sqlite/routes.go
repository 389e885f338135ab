package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// part is a part of the configuration that has a version and a feed of its own.
type part int

const (
	partRoutes part = iota
	partCatalogue
	partAccess
	parts
)

// The names are in the file: they cannot change.
var partNames = [parts]string{"routes", "catalogue", "access"}

// maxFeed bounds a feed; who is further behind loads everything.
const maxFeed = 1000

// changed moves a part's version on and notes what it was for: the name of an app or
// event type, or the id of an endpoint or key.
func (w *writer) changed(p part, name string, id int64) error {
	w.state.versions[p]++
	v := w.state.versions[p]
	err := exec(w.conn, "INSERT OR REPLACE INTO versions (part, version) VALUES (?, ?)", partNames[p], v)
	if err == nil {
		err = exec(w.conn, "INSERT INTO feed (part, version, name, id) VALUES (?, ?, ?, ?)", partNames[p], v, name, id)
	}
	if err == nil {
		err = exec(w.conn, "DELETE FROM feed WHERE part = ? AND version <= ?", partNames[p], v-maxFeed)
	}
	return err
}

// everything moves a part's version on and has whoever asks load everything.
func (w *writer) everything(p part) error {
	if err := w.changed(p, "", 0); err != nil {
		return err
	}
	return exec(w.conn, "DELETE FROM feed WHERE part = ?", partNames[p])
}

func (w *writer) readVersions() error {
	for p := range parts {
		var err error
		if w.state.versions[p], err = versionOf(w.conn, p); err != nil {
			return err
		}
	}
	return nil
}

func versionOf(c *sqlite.Conn, p part) (version int64, err error) {
	_, err = one(c, func(st *sqlite.Stmt) { version = st.ColumnInt64(0) }, "SELECT version FROM versions WHERE part = ?", partNames[p])
	return version, err
}

// object is one line of a feed.
type object struct {
	name string
	id   int64
}

// changesOf gives a part's version and what changed after another one, each object
// once. It answers full if that is not known.
func changesOf(c *sqlite.Conn, p part, since int64) (version int64, list []object, full bool, err error) {
	if version, err = versionOf(c, p); err != nil {
		return 0, nil, false, err
	}
	oldest := version + 1
	err = each(c, func(st *sqlite.Stmt) {
		if !st.ColumnIsNull(0) {
			oldest = st.ColumnInt64(0)
		}
	}, "SELECT min(version) FROM feed WHERE part = ?", partNames[p])
	if err != nil || since <= 0 || since > version || since < oldest-1 {
		return version, nil, true, err
	}
	err = each(c, func(st *sqlite.Stmt) { list = append(list, object{st.ColumnText(0), st.ColumnInt64(1)}) },
		"SELECT name, id FROM feed WHERE part = ? AND version > ? GROUP BY name, id ORDER BY min(version)", partNames[p], since)
	return version, list, false, err
}

// Routes gives apps and endpoints, or what has changed of them.
func (s *Store) Routes(ctx context.Context, since int64) (bellhop.RouteChanges, error) {
	var r bellhop.RouteChanges
	var bad []error
	err := s.readFor(ctx, forFlow, "read the routes", func(c *sqlite.Conn) error {
		r, bad = bellhop.RouteChanges{}, nil
		var list []object
		var err error
		if r.Version, list, r.Full, err = changesOf(c, partRoutes, since); err != nil {
			return err
		}
		if r.Hold, err = holdOf(c); err != nil {
			return err
		}
		app := func(st *sqlite.Stmt) { r.Apps = append(r.Apps, scanApp(st)) }
		endpoint := func(st *sqlite.Stmt) {
			e, err := scanEndpoint(st)
			if r.Endpoints = append(r.Endpoints, e); err != nil {
				bad = append(bad, err)
			}
		}
		if r.Full {
			if err := each(c, app, selectApps+" ORDER BY id"); err != nil {
				return err
			}
			return each(c, endpoint, selectEndpoints+" ORDER BY id")
		}
		for _, o := range list {
			found := false
			if o.id == 0 {
				if found, err = one(c, app, selectApps+" WHERE id = ?", o.name); !found {
					r.DeletedApps = append(r.DeletedApps, o.name)
				}
			} else if found, err = one(c, endpoint, selectEndpoints+" WHERE id = ?", o.id); !found {
				r.DeletedEndpoints = append(r.DeletedEndpoints, bellhop.EndpointID(o.id))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range bad {
		s.log.Error("an endpoint gets nothing, because its row cannot be read", "error", err)
	}
	return r, err
}

// Catalogue gives the event types, or what has changed of them.
func (s *Store) Catalogue(ctx context.Context, since int64) (bellhop.CatalogueChanges, error) {
	var r bellhop.CatalogueChanges
	err := s.readFor(ctx, forFlow, "read the catalogue", func(c *sqlite.Conn) error {
		r = bellhop.CatalogueChanges{}
		var list []object
		var err error
		if r.Version, list, r.Full, err = changesOf(c, partCatalogue, since); err != nil {
			return err
		}
		add := func(st *sqlite.Stmt) { r.EventTypes = append(r.EventTypes, scanEventType(st)) }
		if r.Full {
			return each(c, add, selectEventTypes+" ORDER BY name")
		}
		for _, o := range list {
			found, err := one(c, add, selectEventTypes+" WHERE name = ?", o.name)
			if err != nil {
				return err
			}
			if !found {
				r.DeletedEventTypes = append(r.DeletedEventTypes, o.name)
			}
		}
		return nil
	})
	return r, err
}

// Access gives the keys, or what has changed of them.
func (s *Store) Access(ctx context.Context, since int64) (bellhop.AccessChanges, error) {
	var r bellhop.AccessChanges
	var bad []error
	err := s.readFor(ctx, forFlow, "read the keys", func(c *sqlite.Conn) error {
		r, bad = bellhop.AccessChanges{}, nil
		var list []object
		var err error
		if r.Version, list, r.Full, err = changesOf(c, partAccess, since); err != nil {
			return err
		}
		add := func(st *sqlite.Stmt) {
			k, err := scanKey(st)
			if r.Keys = append(r.Keys, k); err != nil {
				bad = append(bad, err)
			}
		}
		if r.Full {
			return each(c, add, selectKeys+" ORDER BY id")
		}
		for _, o := range list {
			found, err := one(c, add, selectKeys+" WHERE id = ?", o.id)
			if err != nil {
				return err
			}
			if !found {
				r.DeletedKeys = append(r.DeletedKeys, bellhop.KeyID(o.id))
			}
		}
		return nil
	})
	for _, err := range bad {
		s.log.Error("a key sees nothing, because its row cannot be read", "error", err)
	}
	return r, err
}

const selectApps = "SELECT id, name, metadata, created_at, updated_at, revision, max_endpoints, dialects, dialect_options, uid, rate_limit, imported FROM apps"

func scanApp(st *sqlite.Stmt) bellhop.App {
	a := bellhop.App{
		ID: st.ColumnText(0), Name: st.ColumnText(1),
		CreatedAt: moment(st.ColumnInt64(3)), UpdatedAt: moment(st.ColumnInt64(4)),
		Revision: st.ColumnInt64(5), MaxEndpoints: st.ColumnInt(6), UID: st.ColumnText(9), Imported: st.ColumnText(11),
	}
	_ = fromJSON(st, 2, &a.Metadata)
	_ = fromJSON(st, 7, &a.Dialects)
	_ = fromJSON(st, 8, &a.DialectOptions)
	_ = fromJSON(st, 10, &a.RateLimit)
	return a
}

const selectEventTypes = "SELECT name, description, schema, example, validate, archived, created_at, updated_at, revision, schema_version, earlier_schemas, deprecated, heading, feature_flags, imported FROM event_types"

// scanEventType reads selectEventTypes. A type whose flags cannot be read is hidden from
// portal links: no link has the flag that it gets.
func scanEventType(st *sqlite.Stmt) bellhop.EventType {
	t := bellhop.EventType{
		Name: st.ColumnText(0), Description: st.ColumnText(1), Schema: blob(st, 2), Example: blob(st, 3),
		Validate: st.ColumnBool(4), Archived: st.ColumnBool(5),
		CreatedAt: moment(st.ColumnInt64(6)), UpdatedAt: moment(st.ColumnInt64(7)), Revision: st.ColumnInt64(8),
		SchemaVersion: st.ColumnText(9), EarlierSchemas: column.SchemasOf(st.ColumnText(10)), Deprecated: st.ColumnBool(11), Group: st.ColumnText(12), Imported: st.ColumnText(14),
	}
	if fromJSON(st, 13, &t.FeatureFlags) != nil {
		t.FeatureFlags = []string{unreadable}
	}
	return t
}

const selectEndpoints = `SELECT id, e.revision, status, ordering, v.since, apps, url, name, events, subjects, filter,
	dialect, headers, disabled_reason, timeout, retry, rate_limit, concurrency, metadata, created_at, updated_at, secrets,
	description, locked, locked_reason, terms, dialect_options, resumed_at, making, credentials, notify,
	v.revision, taken, failures, ill, failed_since, failing_since, open_since, last, reason, response_status,
	exact_concurrency, uid, former_id, channels, imported FROM endpoints AS e LEFT JOIN vitals AS v ON v.endpoint = e.id`

// scanVitals reads those of selectEndpoints.
func scanVitals(st *sqlite.Stmt) bellhop.Vitals {
	return bellhop.Vitals{
		Since: moment(st.ColumnInt64(4)), Revision: st.ColumnInt64(31), Taken: st.ColumnBool(32),
		Failures: st.ColumnInt(33), Ill: st.ColumnInt(34),
		FailedSince: moment(st.ColumnInt64(35)), FailingSince: moment(st.ColumnInt64(36)), OpenSince: moment(st.ColumnInt64(37)),
		Last: bellhop.AttemptID(st.ColumnInt64(38)), Reason: st.ColumnText(39), ResponseStatus: st.ColumnInt(40),
	}
}

// Vitals gives what is stored of the receivers of endpoints.
func (s *Store) Vitals(ctx context.Context, endpoints []bellhop.EndpointID) (map[bellhop.EndpointID]bellhop.Vitals, error) {
	vitals := map[bellhop.EndpointID]bellhop.Vitals{}
	err := s.readFor(ctx, forFlow, "read how endpoints do", func(c *sqlite.Conn) error {
		clear(vitals)
		for _, e := range endpoints {
			_, err := one(c, func(st *sqlite.Stmt) { vitals[e] = scanVitals(st) }, selectEndpoints+" WHERE id = ?", int64(e))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return vitals, err
}

// scanEndpoint reads selectEndpoints. Where a setting cannot be read, its zero value
// would often widen what the endpoint gets, or how: no list of types means all of
// them. Such an endpoint comes back disabled, and with lists that nothing matches, so
// that even who makes it active again must first say anew what it wants. The error
// says what is wrong with the row.
func scanEndpoint(st *sqlite.Stmt) (bellhop.Endpoint, error) {
	e := bellhop.Endpoint{
		ID: bellhop.EndpointID(st.ColumnInt64(0)), Revision: st.ColumnInt64(1),
		Status: bellhop.EndpointStatus(st.ColumnText(2)), Ordering: bellhop.Ordering(st.ColumnText(3)),
		Vitals: scanVitals(st), URL: st.ColumnText(6), Name: st.ColumnText(7), Filter: blob(st, 10),
		Dialect: st.ColumnText(11), DisabledReason: st.ColumnText(13), Timeout: bellhop.Duration(st.ColumnInt64(14)),
		Concurrency: st.ColumnInt(17), CreatedAt: moment(st.ColumnInt64(19)), UpdatedAt: moment(st.ColumnInt64(20)),
		Description: st.ColumnText(22), Locked: st.ColumnBool(23), LockedReason: st.ColumnText(24), ResumedAt: moment(st.ColumnInt64(27)),
		ExactConcurrency: st.ColumnBool(41), UID: st.ColumnText(42), FormerID: st.ColumnText(43), Imported: st.ColumnText(45),
	}
	var wrong []error
	check := func(column string, err error) {
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", column, err))
		}
	}
	check("apps", fromJSON(st, 5, &e.Apps))
	check("events", fromJSON(st, 8, &e.Events))
	check("subjects", fromJSON(st, 9, &e.Subjects))
	check("channels", fromJSON(st, 44, &e.Channels))
	check("headers", fromJSON(st, 12, &e.Headers))
	check("retry", fromJSON(st, 15, &e.Retry))
	check("rate_limit", fromJSON(st, 16, &e.RateLimit))
	check("secrets", fromJSON(st, 21, &e.Secrets))
	terms, err := scanTerms(st, 25)
	check("terms", err)
	e.Terms = terms
	check("dialect_options", fromJSON(st, 26, &e.DialectOptions))
	check("making", fromJSON(st, 28, &e.Making))
	check("credentials", fromJSON(st, 29, (*map[string][]byte)(&e.Sealed)))
	if e.Filter != nil && !json.Valid(e.Filter) {
		check("filter", errors.New("it is not JSON"))
		e.Filter = nil
	}
	_ = fromJSON(st, 18, &e.Metadata)
	_ = fromJSON(st, 30, &e.Notify)
	if len(wrong) == 0 {
		return e, nil
	}
	e.Status = bellhop.EndpointDisabled
	e.DisabledReason = "Its settings cannot be read from the database: set its event types, subjects, channels, filter, headers and secret anew."
	e.Events, e.Subjects, e.Channels, e.Terms = []string{unreadable}, []string{unreadable}, []string{unreadable}, nil
	return e, fmt.Errorf("endpoint %v: %w", e.ID, errors.Join(wrong...))
}

// unreadable stands in lists that cannot be read. It is the name of nothing.
const unreadable = "unreadable.setting"

const selectKeys = "SELECT id, name, role, apps, portal, created_at, expires_at, hash, session, device, feature_flags FROM keys"

// scanKey reads selectKeys. No apps (NULL) means all of them; a list that is empty or
// cannot be read means none.
func scanKey(st *sqlite.Stmt) (bellhop.Key, error) {
	k := bellhop.Key{
		ID: bellhop.KeyID(st.ColumnInt64(0)), Name: st.ColumnText(1), Role: bellhop.Role(st.ColumnText(2)),
		Portal: st.ColumnBool(4), CreatedAt: moment(st.ColumnInt64(5)), ExpiresAt: moment(st.ColumnInt64(6)),
		Session: bellhop.KeyID(st.ColumnInt64(8)), Device: st.ColumnText(9),
	}
	st.ColumnBytes(7, k.Hash[:])
	_ = fromJSON(st, 10, &k.FeatureFlags) // without flags, it sees less
	if st.ColumnIsNull(3) {
		k.Scope = bellhop.Everything()
		return k, nil
	}
	if err := fromJSON(st, 3, &k.Scope.Apps); err != nil {
		return k, fmt.Errorf("key %v: apps: %w", k.ID, err)
	}
	return k, nil
}

// scopeJSON is what scanKey reads.
func scopeJSON(s bellhop.Scope) any {
	if s.All {
		return nil
	}
	return listJSON(s.Apps)
}
