package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// save runs one of two statements that take the same arguments: create for what is new
// (revision 0), and replace for what is stored at that revision. It fails with ErrRevision
// if that changed nothing: somebody else was there before.
func (t *txn) save(revision int64, create, replace string, args ...any) error {
	sql := replace
	if revision == 0 {
		sql = create
	}
	n, err := t.exec(sql, args...)
	if err == nil && n == 0 {
		err = bellhop.ErrRevision
	}
	return err
}

const (
	createApp = `INSERT INTO bellhop.apps (id, revision, name, metadata, created_at, updated_at, max_endpoints, dialects, dialect_options,
			uid, rate_limit, imported)
		VALUES ($1, $2::bigint + 1, $3, $4, $5, $6, $7, $8, $9, nullif($10, ''), $11, $12) ON CONFLICT (id) DO NOTHING`
	replaceApp = `UPDATE bellhop.apps SET revision = revision + 1, name = $3, metadata = $4, updated_at = $6, max_endpoints = $7,
		dialects = $8, dialect_options = $9, uid = nullif($10, ''), rate_limit = $11, imported = $12 WHERE id = $1 AND revision = $2 AND created_at = $5`
)

// SaveApp creates or replaces an app. One of the same id that was deleted takes all
// its rows with it first.
func (s *Store) SaveApp(ctx context.Context, a bellhop.App, audit *bellhop.AuditEntry) error {
	for {
		err := s.saveApp(ctx, a, audit)
		if !errors.Is(err, errLeaving) {
			return err
		}
		if err := s.dropRows(ctx, a.ID); err != nil {
			return err
		}
		// What others have in hand of it is waited for.
		if err := sleep(ctx, leavingPause); err != nil {
			return err
		}
	}
}

func (s *Store) saveApp(ctx context.Context, a bellhop.App, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "save the app", func(t *txn) error {
		err := t.save(a.Revision, createApp, replaceApp, a.ID, a.Revision, a.Name, toJSON(a.Metadata), micros(a.CreatedAt), micros(a.UpdatedAt),
			a.MaxEndpoints, toJSON(a.Dialects), toJSON(a.DialectOptions), a.UID, toJSON(a.RateLimit), a.Imported)
		if violates(err, "apps_uid") {
			return bellhop.AppNameTaken("uid", a.UID)
		}
		if err != nil {
			return err
		}
		// Not before: that has waited for who was deleting the app.
		leaving, err := t.leaving(a.ID)
		if err == nil && leaving {
			err = errLeaving
		}
		if err = t.finish(err, audit, partRoutes, a.ID, 0); err != nil {
			return err
		}
		return t.freeAppNames(&a)
	})
}

// lockVersion keeps others from moving the version of a part on until the transaction ends.
// All that a transaction locks besides, it has locked before.
const lockVersion = "SELECT 1 FROM bellhop.versions WHERE part = $1 FOR UPDATE"

// freeAppNames refuses an app whose uid is the id of another one or whose id, if it is new,
// is the uid of another one. No index proves that: but who saves an app moves the version of
// the routes on, so whoever holds its row sees all that others have saved.
func (t *txn) freeAppNames(a *bellhop.App) error {
	if a.UID == "" && a.Revision > 0 {
		return nil
	}
	none := func(row) error { return nil }
	if _, err := t.one(none, lockVersion, partNames[partRoutes]); err != nil {
		return err
	}
	taken, err := t.one(none, "SELECT 1 FROM bellhop.apps WHERE id = $1 AND id <> $2", a.UID, a.ID)
	if err == nil && taken {
		err = bellhop.AppNameTaken("uid", a.UID)
	}
	if err != nil || a.Revision > 0 {
		return err
	}
	taken, err = t.one(none, "SELECT 1 FROM bellhop.apps WHERE uid = $1 AND id <> $1", a.ID)
	if err == nil && taken {
		err = bellhop.AppNameTaken("id", a.ID)
	}
	return err
}

const (
	createEventType = `INSERT INTO bellhop.event_types (name, revision, description, schema, example, validate, archived, created_at, updated_at,
			schema_version, earlier_schemas, deprecated, heading, feature_flags, imported)
		VALUES ($1, $2::bigint + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (name) DO NOTHING`
	replaceEventType = `UPDATE bellhop.event_types SET revision = revision + 1, description = $3, schema = $4, example = $5, validate = $6, archived = $7,
		updated_at = $9, schema_version = $10, earlier_schemas = $11, deprecated = $12, heading = $13, feature_flags = $14, imported = $15
		WHERE name = $1 AND revision = $2 AND created_at = $8`
)

// SaveEventType creates or replaces an entry of the catalogue.
func (s *Store) SaveEventType(ctx context.Context, e bellhop.EventType, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "save the event type", func(t *txn) error {
		err := t.save(e.Revision, createEventType, replaceEventType, e.Name, e.Revision, e.Description, []byte(e.Schema), []byte(e.Example),
			e.Validate, e.Archived, micros(e.CreatedAt), micros(e.UpdatedAt),
			e.SchemaVersion, column.Schemas(e.EarlierSchemas), e.Deprecated, e.Group, toJSON(e.FeatureFlags), e.Imported)
		return t.finish(err, audit, partCatalogue, e.Name, 0)
	})
}

// DeleteEventType removes an entry of the catalogue; its events stay.
func (s *Store) DeleteEventType(ctx context.Context, name string, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "delete the event type", func(t *txn) error {
		n, err := t.exec("DELETE FROM bellhop.event_types WHERE name = $1", name)
		if err == nil && n == 0 {
			return bellhop.NotFound("event type", name)
		}
		return t.finish(err, audit, partCatalogue, name, 0)
	})
}

const putKey = `INSERT INTO bellhop.keys (id, name, role, apps, portal, created_at, expires_at, hash, session, device, feature_flags)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
	ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, apps = excluded.apps, portal = excluded.portal, created_at = excluded.created_at,
		expires_at = excluded.expires_at, hash = excluded.hash, session = excluded.session, device = excluded.device,
		feature_flags = excluded.feature_flags`

// SaveKey creates or replaces a key.
func (s *Store) SaveKey(ctx context.Context, k bellhop.Key, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "save the key", func(t *txn) error {
		_, err := t.exec(putKey, k.ID, k.Name, k.Role, scopeJSON(k.Scope), k.Portal, micros(k.CreatedAt), micros(k.ExpiresAt), k.Hash[:], k.Session, k.Device, toJSON(k.FeatureFlags))
		if violates(err, "keys_hash") {
			err = bellhop.KeyTaken()
		}
		return t.finish(err, audit, partAccess, "", int64(k.ID))
	})
}

// DeleteKey removes a key and the sessions of it.
func (s *Store) DeleteKey(ctx context.Context, k bellhop.KeyID, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "delete the key", func(t *txn) error {
		n, err := t.dropKeys("SELECT id FROM bellhop.keys WHERE id = $1 FOR UPDATE", k)
		if err == nil && n == 0 {
			return bellhop.NotFound("key", k.String())
		}
		if err == nil {
			_, err = t.dropKeys("SELECT id FROM bellhop.keys WHERE session = $1 ORDER BY id FOR UPDATE", k)
		}
		if err == nil {
			err = t.addAudit(audit)
		}
		return err
	})
}

// ExpireKeys removes portal links and sessions that have expired.
func (s *Store) ExpireKeys(ctx context.Context, now time.Time, limit int) (int, error) {
	expired := 0
	err := s.write(ctx, upkeep, "expire keys", func(t *txn) (err error) {
		expired, err = t.dropKeys(`SELECT id FROM bellhop.keys WHERE (portal OR session <> 0)
			AND expires_at <> 0 AND expires_at <= $1 ORDER BY id LIMIT $2 FOR UPDATE`, micros(now), limit)
		return err
	})
	return expired, err
}

// dropKeys removes the keys whose ids a query gives.
func (t *txn) dropKeys(query string, args ...any) (int, error) {
	ids, err := list(&t.reading, func(r row) (id int64, err error) { return id, r.Scan(&id) }, query, args...)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := t.exec("DELETE FROM bellhop.keys WHERE id = ANY($1)", ids); err != nil {
		return 0, err
	}
	if _, err := t.exec("DELETE FROM bellhop.key_uses WHERE key = ANY($1)", ids); err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := t.changed(partAccess, "", id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

const (
	createEndpoint = `INSERT INTO bellhop.endpoints
			(id, revision, status, ordering, apps, url, name, events, subjects, filter, dialect, headers, disabled_reason, timeout, retry,
			rate_limit, concurrency, metadata, created_at, updated_at, secrets, description, locked, locked_reason, terms, dialect_options,
			resumed_at, making, credentials, notify, exact_concurrency, uid, former_id, channels, imported)
		VALUES ($1, $2::bigint + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
			$16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
		ON CONFLICT (id) DO NOTHING`
	replaceEndpoint = `UPDATE bellhop.endpoints SET revision = revision + 1, status = $3, ordering = $4, apps = $5, url = $6, name = $7, events = $8,
			subjects = $9, filter = $10, dialect = $11, headers = $12, disabled_reason = $13, timeout = $14, retry = $15, rate_limit = $16,
			concurrency = $17, metadata = $18, created_at = $19, updated_at = $20, secrets = $21, description = $22, locked = $23,
			locked_reason = $24, terms = $25, dialect_options = $26, resumed_at = $27, making = $28, credentials = $29, notify = $30, exact_concurrency = $31,
			uid = $32, former_id = $33, channels = $34, imported = $35
		WHERE id = $1 AND revision = $2`
)

// endpointForUpdate keeps others from changing an endpoint. It is taken before the rows
// of what is pending at the endpoint, by everybody who needs both.
const endpointForUpdate = "SELECT 1 FROM bellhop.endpoints WHERE id = $1 FOR UPDATE"

// SaveEndpoint creates or replaces an endpoint.
func (s *Store) SaveEndpoint(ctx context.Context, given bellhop.Endpoint, audit *bellhop.AuditEntry, now time.Time) error {
	reordered := false
	err := s.write(ctx, asked, "save the endpoint", func(t *txn) error {
		e := given
		// A statement of its own: what another one has changed until it let go is seen by
		// the next.
		exists, err := t.one(func(row) error { return nil }, endpointForUpdate, e.ID)
		var old bellhop.Endpoint
		if err == nil && exists {
			_, err = t.one(func(r row) (err error) { old, _, err = scanEndpoint(r); return err }, selectEndpoints+" WHERE id = $1", e.ID)
		}
		if err != nil {
			return err
		}
		if e.Revision != old.Revision { // a new one has 0
			return bellhop.ErrRevision
		}
		e.Revision++
		e.Vitals = bellhop.Renew(&old, &e, now)
		holds, err := t.anyHeld(e.ID)
		if err != nil {
			return err
		}
		e.ResumedAt = bellhop.Resumed(&old, &e, holds, now)
		if err := t.putEndpoint(&e, old.Revision); err != nil {
			return err
		}
		if err := t.putNames(&old, &e); err != nil {
			return err
		}
		if e.Vitals.Revision == e.Revision {
			if err := t.renewVitals(e.ID, &e.Vitals); err != nil {
				return err
			}
		}
		if reordered = exists && e.Ordering != old.Ordering; reordered {
			err = t.beginReorder(&e, now)
		}
		if err == nil && exists && bellhop.Releases(&old, &e) {
			err = t.beginRelease(e.ID, now)
		}
		return t.finish(err, audit, partRoutes, "", int64(e.ID))
	})
	if err == nil && reordered {
		s.spillAt(ctx, given.ID)
	}
	return err
}

const (
	dropNames = "DELETE FROM bellhop.endpoint_names WHERE endpoint = $1 /* all apps */"
	addName   = "INSERT INTO bellhop.endpoint_names (app, name, endpoint) VALUES ($1, $2, $3) ON CONFLICT (app, name) DO NOTHING"
)

// putNames replaces the names that an endpoint is known by, unless one of them belongs to
// another one of its apps. Apps come in one order, so that no two transactions wait for each
// other.
func (t *txn) putNames(old, e *bellhop.Endpoint) error {
	if slices.Equal(old.Names(), e.Names()) && slices.Equal(old.Apps, e.Apps) {
		return nil
	}
	if len(old.Names()) > 0 {
		if _, err := t.exec(dropNames, e.ID); err != nil {
			return err
		}
	}
	for _, app := range slices.Sorted(slices.Values(e.Apps)) {
		for _, name := range slices.Sorted(slices.Values(e.Names())) {
			n, err := t.exec(addName, app, name, e.ID)
			if err == nil && n == 0 {
				err = bellhop.NameTaken(e, app, name)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// renewVitals has an endpoint's vitals begin anew.
func (t *txn) renewVitals(e bellhop.EndpointID, v *bellhop.Vitals) error {
	_, err := t.exec(`INSERT INTO bellhop.vitals (endpoint, revision, since) VALUES ($1, $2, $3)
		ON CONFLICT (endpoint) DO UPDATE SET revision = excluded.revision, since = excluded.since, taken = DEFAULT, failures = DEFAULT, ill = DEFAULT,
			failed_since = DEFAULT, failing_since = DEFAULT, open_since = DEFAULT, last = DEFAULT, reason = DEFAULT, response_status = DEFAULT`,
		e, v.Revision, micros(v.Since))
	return err
}

// putEndpoint replaces the endpoint of a revision (0: none).
func (t *txn) putEndpoint(e *bellhop.Endpoint, revision int64) error {
	var retry, rateLimit, making any
	if !e.Retry.IsDefault() {
		retry = toJSON(e.Retry)
	}
	if e.RateLimit != nil {
		rateLimit = toJSON(e.RateLimit)
	}
	if !e.Making.IsZero() {
		making = toJSON(e.Making)
	}
	return t.save(revision, createEndpoint, replaceEndpoint,
		e.ID, revision, e.Status, e.Ordering, listJSON(e.Apps), e.URL, e.Name, nullJSON(e.Events), nullJSON(e.Subjects), []byte(e.Filter),
		e.Dialect, toJSON(e.Headers), e.DisabledReason, int64(e.Timeout), retry, rateLimit, e.Concurrency, toJSON(e.Metadata),
		micros(e.CreatedAt), micros(e.UpdatedAt), toJSON(e.Secrets), e.Description, e.Locked, e.LockedReason, column.Terms(e.Terms),
		toJSON(e.DialectOptions), micros(e.ResumedAt), making, toJSON(map[string][]byte(e.Sealed)), toJSON(e.Notify), e.ExactConcurrency,
		e.UID, e.FormerID, toJSON(e.Channels), e.Imported)
}

// nullJSON is toJSON for a list whose column is never NULL: none is a null of JSON's.
func nullJSON(list []string) any {
	if list == nil {
		return "null"
	}
	return toJSON(list)
}

// DeleteEndpoint removes an endpoint and leaves its pending deliveries to Sweep.
func (s *Store) DeleteEndpoint(ctx context.Context, e bellhop.EndpointID, audit *bellhop.AuditEntry, _ time.Time) error {
	return s.write(ctx, asked, "delete the endpoint", func(t *txn) error {
		found, err := t.one(func(row) error { return nil }, endpointForUpdate, e)
		if err == nil && !found {
			return bellhop.NotFound("endpoint", e.String())
		}
		if err == nil {
			err = t.dropEndpoint(e)
		}
		return t.finish(err, audit, partRoutes, "", int64(e))
	})
}
