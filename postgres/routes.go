package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

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

// The names are in the database: they cannot change.
var partNames = [parts]string{"routes", "catalogue", "access"}

// maxFeed bounds a feed; who is further behind loads everything.
const maxFeed = 1000

// object is one line of a feed.
type object struct {
	name string
	id   int64
}

// changed moves a part's version on and notes what it was for: the name of an app or
// event type, or the id of an endpoint or key. That is done when the transaction is
// committed: a version's row is locked last, and shortly, since every change of the part
// waits for it.
func (t *txn) changed(p part, name string, id int64) error {
	t.changes[p] = append(t.changes[p], object{name, id})
	return nil
}

// everything moves a part's version on and has whoever asks load everything.
func (t *txn) everything(p part) { t.all[p] = true }

// noteErasure moves on how often events were erased, as changed does a part's version.
func (t *txn) noteErasure() { t.erased = true }

const countErasure = `INSERT INTO bellhop.versions (part, version) VALUES ('erasures', 1)
	ON CONFLICT (part) DO UPDATE SET version = bellhop.versions.version + 1`

// moveVersion writes a version and its feed in one statement.
const moveVersion = `WITH v AS (UPDATE bellhop.versions SET version = version + $2 WHERE part = $1 RETURNING version),
	added AS (INSERT INTO bellhop.feed (part, version, name, id)
		SELECT $1, v.version - $2 + o.n, o.name, o.id FROM v, unnest($3::text[], $4::bigint[]) WITH ORDINALITY AS o (name, id, n))
	DELETE FROM bellhop.feed f USING v WHERE f.part = $1 AND f.version <= v.version - $5`

// noteChanges writes what changed has noted. The parts come in one order, so that no two
// transactions wait for each other.
func (t *txn) noteChanges() error {
	for p, list := range t.changes {
		if t.all[p] {
			if _, err := t.exec("UPDATE bellhop.versions SET version = version + $2 WHERE part = $1", partNames[p], int64(len(list)+1)); err != nil {
				return err
			}
			// Another statement: it sees what those have added that were waited for.
			if _, err := t.exec("DELETE FROM bellhop.feed WHERE part = $1", partNames[p]); err != nil {
				return err
			}
			continue
		}
		if len(list) == 0 {
			continue
		}
		names, ids := make([]string, len(list)), make([]int64, len(list))
		for i, o := range list {
			names[i], ids[i] = o.name, o.id
		}
		if _, err := t.exec(moveVersion, partNames[p], int64(len(list)), names, ids, int64(maxFeed)); err != nil {
			return err
		}
	}
	if t.erased {
		if _, err := t.exec(countErasure); err != nil {
			return err
		}
	}
	t.changes, t.all, t.erased = [parts][]object{}, [parts]bool{}, false
	return nil
}

func (q *reading) versionOf(p part) (version int64, err error) {
	_, err = q.one(func(r row) error { return r.Scan(&version) }, "SELECT version FROM bellhop.versions WHERE part = $1", partNames[p])
	return version, err
}

// changesOf gives a part's version and what changed after another one, each object once,
// in the order of the changes. It answers full if that is not known.
func (q *reading) changesOf(p part, since int64) (version int64, objects []object, full bool, err error) {
	if version, err = q.versionOf(p); err != nil {
		return 0, nil, false, err
	}
	oldest := version + 1
	_, err = q.one(func(r row) error { return r.Scan(&oldest) }, "SELECT coalesce(min(version), $2) FROM bellhop.feed WHERE part = $1", partNames[p], oldest)
	if err != nil || since <= 0 || since > version || since < oldest-1 {
		return version, nil, true, err
	}
	objects, err = list(q, func(r row) (o object, err error) { return o, r.Scan(&o.name, &o.id) },
		"SELECT name, id FROM bellhop.feed WHERE part = $1 AND version > $2 GROUP BY name, id ORDER BY min(version)", partNames[p], since)
	return version, objects, false, err
}

// namesOf and idsOf are those of objects that have one.
func namesOf(objects []object) []string {
	names := []string{}
	for _, o := range objects {
		if o.id == 0 {
			names = append(names, o.name)
		}
	}
	return names
}

func idsOf(objects []object) []int64 {
	ids := []int64{}
	for _, o := range objects {
		if o.id != 0 {
			ids = append(ids, o.id)
		}
	}
	return ids
}

// inOrder sorts what was found of what was looked for, and gives what was not found.
func inOrder[K comparable, T any](wanted []K, found []T, key func(*T) K) (sorted []T, missing []K) {
	at := make(map[K]int, len(found))
	for i := range found {
		at[key(&found[i])] = i
	}
	for _, k := range wanted {
		if i, ok := at[k]; ok {
			sorted = append(sorted, found[i])
		} else {
			missing = append(missing, k)
		}
	}
	return sorted, missing
}

// Routes gives apps and endpoints, or what has changed of them.
func (s *Store) Routes(ctx context.Context, since int64) (bellhop.RouteChanges, error) {
	var r bellhop.RouteChanges
	var bad []error
	err := s.readFor(ctx, forFlow, "read the routes", func(q *reading) error {
		r, bad = bellhop.RouteChanges{}, nil
		endpoint := func(r row) (bellhop.Endpoint, error) {
			e, wrong, err := scanEndpoint(r)
			if wrong != nil {
				bad = append(bad, wrong)
			}
			return e, err
		}
		var objects []object
		var err error
		if r.Version, objects, r.Full, err = q.changesOf(partRoutes, since); err != nil {
			return err
		}
		if r.Hold, err = q.hold("SELECT since, released_at FROM bellhop.hold"); err != nil {
			return err
		}
		if r.Full {
			if r.Apps, err = list(q, scanApp, selectApps+" ORDER BY id"); err == nil {
				r.Endpoints, err = list(q, endpoint, selectEndpoints+" ORDER BY id")
			}
			return err
		}
		if names := namesOf(objects); len(names) > 0 {
			apps, err := list(q, scanApp, selectApps+" WHERE id = ANY($1)", names)
			if err != nil {
				return err
			}
			r.Apps, r.DeletedApps = inOrder(names, apps, func(a *bellhop.App) string { return a.ID })
		}
		if ids := idsOf(objects); len(ids) > 0 {
			endpoints, err := list(q, endpoint, selectEndpoints+" WHERE id = ANY($1)", ids)
			if err != nil {
				return err
			}
			var gone []int64
			r.Endpoints, gone = inOrder(ids, endpoints, func(e *bellhop.Endpoint) int64 { return int64(e.ID) })
			for _, id := range gone {
				r.DeletedEndpoints = append(r.DeletedEndpoints, bellhop.EndpointID(id))
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
	err := s.readFor(ctx, forFlow, "read the catalogue", func(q *reading) error {
		r = bellhop.CatalogueChanges{}
		var objects []object
		var err error
		if r.Version, objects, r.Full, err = q.changesOf(partCatalogue, since); err != nil {
			return err
		}
		if r.Full {
			r.EventTypes, err = list(q, scanEventType, selectEventTypes+" ORDER BY name")
			return err
		}
		names := namesOf(objects)
		if len(names) == 0 {
			return nil
		}
		types, err := list(q, scanEventType, selectEventTypes+" WHERE name = ANY($1)", names)
		r.EventTypes, r.DeletedEventTypes = inOrder(names, types, func(t *bellhop.EventType) string { return t.Name })
		return err
	})
	return r, err
}

// Access gives the keys, or what has changed of them.
func (s *Store) Access(ctx context.Context, since int64) (bellhop.AccessChanges, error) {
	var r bellhop.AccessChanges
	var bad []error
	err := s.readFor(ctx, forFlow, "read the keys", func(q *reading) error {
		r, bad = bellhop.AccessChanges{}, nil
		key := func(r row) (bellhop.Key, error) {
			k, wrong, err := scanKey(r)
			if wrong != nil {
				bad = append(bad, wrong)
			}
			return k, err
		}
		var objects []object
		var err error
		if r.Version, objects, r.Full, err = q.changesOf(partAccess, since); err != nil {
			return err
		}
		if r.Full {
			r.Keys, err = list(q, key, selectKeys+" ORDER BY id")
			return err
		}
		ids := idsOf(objects)
		if len(ids) == 0 {
			return nil
		}
		keys, err := list(q, key, selectKeys+" WHERE id = ANY($1)", ids)
		var gone []int64
		r.Keys, gone = inOrder(ids, keys, func(k *bellhop.Key) int64 { return int64(k.ID) })
		for _, id := range gone {
			r.DeletedKeys = append(r.DeletedKeys, bellhop.KeyID(id))
		}
		return err
	})
	for _, err := range bad {
		s.log.Error("a key sees nothing, because its row cannot be read", "error", err)
	}
	return r, err
}

const selectApps = "SELECT id, name, metadata, created_at, updated_at, revision, max_endpoints, dialects, dialect_options, uid, rate_limit, imported FROM bellhop.apps"

func scanApp(r row) (bellhop.App, error) {
	var a bellhop.App
	var metadata, dialects, options, limit *string
	var created, updated int64
	err := r.Scan(&a.ID, &a.Name, &metadata, &created, &updated, &a.Revision, &a.MaxEndpoints, &dialects, &options, (*zeronull.Text)(&a.UID), &limit, &a.Imported)
	a.CreatedAt, a.UpdatedAt = moment(created), moment(updated)
	_ = fromJSON(metadata, &a.Metadata)
	_ = fromJSON(dialects, &a.Dialects)
	_ = fromJSON(options, &a.DialectOptions)
	_ = fromJSON(limit, &a.RateLimit)
	return a, err
}

const selectEventTypes = "SELECT name, description, schema, example, validate, archived, created_at, updated_at, revision, schema_version, earlier_schemas, deprecated, heading, feature_flags, imported FROM bellhop.event_types"

// scanEventType reads selectEventTypes. A type whose flags cannot be read is hidden from
// portal links: no link has the flag that it gets.
func scanEventType(r row) (bellhop.EventType, error) {
	var t bellhop.EventType
	var created, updated int64
	var earlier zeronull.Text
	var flags *string
	err := r.Scan(&t.Name, &t.Description, (*[]byte)(&t.Schema), (*[]byte)(&t.Example), &t.Validate, &t.Archived, &created, &updated, &t.Revision,
		&t.SchemaVersion, &earlier, &t.Deprecated, &t.Group, &flags, &t.Imported)
	t.CreatedAt, t.UpdatedAt = moment(created), moment(updated)
	t.Schema, t.Example = orNone(t.Schema), orNone(t.Example)
	t.EarlierSchemas = column.SchemasOf(string(earlier))
	if fromJSON(flags, &t.FeatureFlags) != nil {
		t.FeatureFlags = []string{unreadable}
	}
	return t, err
}

// orNone is nil where there are no bytes.
func orNone[B ~[]byte](b B) B {
	if len(b) == 0 {
		return nil
	}
	return b
}

const selectEndpoints = `SELECT id, e.revision, status, ordering, v.since, apps, url, name, events, subjects, filter,
	dialect, headers, disabled_reason, timeout, retry, rate_limit, concurrency, metadata, created_at, updated_at, secrets,
	description, locked, locked_reason, terms, dialect_options, resumed_at, making, credentials, notify,
	v.revision, taken, failures, ill, failed_since, failing_since, open_since, last, reason, response_status, exact_concurrency,
	uid, former_id, channels, imported
	FROM bellhop.endpoints AS e LEFT JOIN bellhop.vitals AS v ON v.endpoint = e.id`

// Vitals gives what is stored of the receivers of endpoints.
func (s *Store) Vitals(ctx context.Context, endpoints []bellhop.EndpointID) (map[bellhop.EndpointID]bellhop.Vitals, error) {
	vitals := map[bellhop.EndpointID]bellhop.Vitals{}
	if len(endpoints) == 0 {
		return vitals, nil
	}
	err := s.readFor(ctx, forFlow, "read how endpoints do", func(q *reading) error {
		clear(vitals)
		return q.each(func(r row) error {
			e, _, err := scanEndpoint(r)
			vitals[e.ID] = e.Vitals
			return err
		}, selectEndpoints+" WHERE id = ANY($1)", endpoints)
	})
	return vitals, err
}

// scanEndpoint reads selectEndpoints. Where a setting cannot be read, its zero value
// would often widen what the endpoint gets, or how: no list of types means all of
// them. Such an endpoint comes back disabled, and with lists that nothing matches, so
// that even who makes it active again must first say anew what it wants. wrong says
// what is wrong with the row.
func scanEndpoint(r row) (e bellhop.Endpoint, wrong, err error) {
	var apps, events, subjects string
	var headers, retry, rateLimit, metadata, secrets, terms, options, making, credentials, notify, channels *string
	var filter []byte
	var timeout, created, updated, resumed int64
	v := &e.Vitals
	var since, revision, failures, ill, failedSince, failingSince, openSince, last, status zeronull.Int8
	var taken *bool
	var reason zeronull.Text
	err = r.Scan(
		&e.ID, &e.Revision, &e.Status, &e.Ordering, &since, &apps, &e.URL, &e.Name, &events, &subjects, &filter,
		&e.Dialect, &headers, &e.DisabledReason, &timeout, &retry, &rateLimit, &e.Concurrency, &metadata, &created, &updated, &secrets,
		&e.Description, &e.Locked, &e.LockedReason, &terms, &options, &resumed, &making, &credentials, &notify,
		&revision, &taken, &failures, &ill, &failedSince, &failingSince, &openSince, &last, &reason, &status, &e.ExactConcurrency,
		&e.UID, &e.FormerID, &channels, &e.Imported,
	)
	if err != nil {
		return e, nil, err
	}
	v.Since, v.Revision, v.Taken, v.Failures, v.Ill = moment(int64(since)), int64(revision), taken != nil && *taken, int(failures), int(ill)
	v.FailedSince, v.FailingSince, v.OpenSince = moment(int64(failedSince)), moment(int64(failingSince)), moment(int64(openSince))
	v.Last, v.Reason, v.ResponseStatus = bellhop.AttemptID(last), string(reason), int(status)
	e.Filter, e.Timeout = orNone(bellhop.JSON(filter)), bellhop.Duration(timeout)
	e.CreatedAt, e.UpdatedAt, e.ResumedAt = moment(created), moment(updated), moment(resumed)

	var all []error
	check := func(column string, err error) {
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", column, err))
		}
	}
	check("apps", fromJSON(&apps, &e.Apps))
	check("events", fromJSON(&events, &e.Events))
	check("subjects", fromJSON(&subjects, &e.Subjects))
	check("channels", fromJSON(channels, &e.Channels))
	check("headers", fromJSON(headers, &e.Headers))
	check("retry", fromJSON(retry, &e.Retry))
	check("rate_limit", fromJSON(rateLimit, &e.RateLimit))
	check("secrets", fromJSON(secrets, &e.Secrets))
	e.Terms, err = readTerms(terms)
	check("terms", err)
	check("dialect_options", fromJSON(options, &e.DialectOptions))
	check("making", fromJSON(making, &e.Making))
	check("credentials", fromJSON(credentials, (*map[string][]byte)(&e.Sealed)))
	if e.Filter != nil && !json.Valid(e.Filter) {
		check("filter", errors.New("it is not JSON"))
		e.Filter = nil
	}
	_ = fromJSON(metadata, &e.Metadata)
	_ = fromJSON(notify, &e.Notify)
	if len(all) == 0 {
		return e, nil, nil
	}
	e.Status = bellhop.EndpointDisabled
	e.DisabledReason = "Its settings cannot be read from the database: set its event types, subjects, channels, filter, headers and secret anew."
	e.Events, e.Subjects, e.Channels, e.Terms = []string{unreadable}, []string{unreadable}, []string{unreadable}, nil
	return e, fmt.Errorf("endpoint %v: %w", e.ID, errors.Join(all...)), nil
}

// unreadable stands in lists that cannot be read. It is the name of nothing.
const unreadable = "unreadable.setting"

func readTerms(text *string) ([]bellhop.AppTerms, error) {
	if text == nil {
		return nil, nil
	}
	return column.TermsOf(*text)
}

const selectKeys = "SELECT id, name, role, apps, portal, created_at, expires_at, hash, session, device, feature_flags FROM bellhop.keys"

// scanKey reads selectKeys. No apps (NULL) means all of them; a list that is empty or
// cannot be read means none. wrong says what cannot be read.
func scanKey(r row) (k bellhop.Key, wrong, err error) {
	var apps, flags *string
	var created, expires int64
	var hash []byte
	err = r.Scan(&k.ID, &k.Name, &k.Role, &apps, &k.Portal, &created, &expires, &hash, &k.Session, &k.Device, &flags)
	if err != nil {
		return k, nil, err
	}
	k.CreatedAt, k.ExpiresAt = moment(created), moment(expires)
	copy(k.Hash[:], hash)
	_ = fromJSON(flags, &k.FeatureFlags) // without flags, it sees less
	if apps == nil {
		k.Scope = bellhop.Everything()
		return k, nil, nil
	}
	if err := fromJSON(apps, &k.Scope.Apps); err != nil {
		return k, fmt.Errorf("key %v: apps: %w", k.ID, err), nil
	}
	return k, nil, nil
}

// scopeJSON is what scanKey reads.
func scopeJSON(s bellhop.Scope) any {
	if s.All {
		return nil
	}
	return listJSON(s.Apps)
}
