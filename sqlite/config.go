package sqlite

import (
	"context"
	"errors"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
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
	}
}

func (s *Store) saveApp(ctx context.Context, a bellhop.App, audit *bellhop.AuditEntry) error {
	return s.inTurn(ctx, turnOf([]string{a.ID}), "save the app", rowWeight, func(w *writer) error {
		leaving, err := w.leaving(a.ID)
		if err != nil {
			return err
		}
		if leaving {
			return errLeaving
		}
		if err := w.atRevision(a.Revision, "SELECT iif(created_at = ?, revision, -1) FROM apps WHERE id = ?", micros(a.CreatedAt), a.ID); err != nil {
			return err
		}
		if err := w.freeAppNames(&a); err != nil {
			return err
		}
		err = exec(w.conn, `INSERT INTO apps (id, name, metadata, created_at, updated_at, revision, max_endpoints, dialects, dialect_options, uid, rate_limit, imported)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, metadata = excluded.metadata,
				created_at = excluded.created_at, updated_at = excluded.updated_at, revision = excluded.revision, max_endpoints = excluded.max_endpoints,
				dialects = excluded.dialects, dialect_options = excluded.dialect_options, uid = excluded.uid, rate_limit = excluded.rate_limit, imported = excluded.imported`,
			a.ID, a.Name, toJSON(a.Metadata), micros(a.CreatedAt), micros(a.UpdatedAt), a.Revision+1, a.MaxEndpoints,
			toJSON(a.Dialects), toJSON(a.DialectOptions), a.UID, toJSON(a.RateLimit), a.Imported)
		return w.finish(err, audit, partRoutes, a.ID, 0)
	})
}

// freeAppNames refuses an app whose uid, or whose id if it is new, is the id or the uid of
// another one.
func (w *writer) freeAppNames(a *bellhop.App) error {
	free := func(field, name, sql string) error {
		taken, err := one(w.conn, func(*sqlite.Stmt) {}, sql, name, a.ID)
		if err == nil && taken {
			err = bellhop.AppNameTaken(field, name)
		}
		return err
	}
	const ofUID, ofID = "SELECT 1 FROM apps WHERE uid = ? AND id <> ?", "SELECT 1 FROM apps WHERE id = ? AND id <> ?"
	var err error
	if a.UID != "" {
		if err = free("uid", a.UID, ofUID); err == nil {
			err = free("uid", a.UID, ofID)
		}
	}
	if err == nil && a.Revision == 0 {
		err = free("id", a.ID, ofUID)
	}
	return err
}

// atRevision fails with ErrRevision unless the row that a query finds is at the
// revision; at 0, unless there is none.
func (w *writer) atRevision(revision int64, sql string, args ...any) error {
	stored := int64(0)
	_, err := one(w.conn, func(st *sqlite.Stmt) { stored = st.ColumnInt64(0) }, sql, args...)
	if err == nil && stored != revision {
		err = bellhop.ErrRevision
	}
	return err
}

// SaveEventType creates or replaces an entry of the catalogue.
func (s *Store) SaveEventType(ctx context.Context, t bellhop.EventType, audit *bellhop.AuditEntry) error {
	return s.write(ctx, "save the event type", rowWeight, func(w *writer) error {
		if err := w.atRevision(t.Revision, "SELECT iif(created_at = ?, revision, -1) FROM event_types WHERE name = ?", micros(t.CreatedAt), t.Name); err != nil {
			return err
		}
		err := exec(w.conn, `INSERT OR REPLACE INTO event_types
				(name, description, schema, example, validate, archived, created_at, updated_at, revision, schema_version, earlier_schemas,
				deprecated, heading, feature_flags, imported)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.Name, t.Description, []byte(t.Schema), []byte(t.Example), t.Validate, t.Archived,
			micros(t.CreatedAt), micros(t.UpdatedAt), t.Revision+1, t.SchemaVersion, column.Schemas(t.EarlierSchemas),
			t.Deprecated, t.Group, toJSON(t.FeatureFlags), t.Imported)
		return w.finish(err, audit, partCatalogue, t.Name, 0)
	})
}

// DeleteEventType removes an entry of the catalogue; its events stay.
func (s *Store) DeleteEventType(ctx context.Context, name string, audit *bellhop.AuditEntry) error {
	return s.write(ctx, "delete the event type", rowWeight, func(w *writer) error {
		err := exec(w.conn, "DELETE FROM event_types WHERE name = ?", name)
		if err == nil && w.conn.Changes() == 0 {
			return bellhop.NotFound("event type", name)
		}
		return w.finish(err, audit, partCatalogue, name, 0)
	})
}

// hasHash is the condition of the index keys_hash.
const hasHash = "hash <> x'0000000000000000000000000000000000000000000000000000000000000000'"

// SaveKey creates or replaces a key.
func (s *Store) SaveKey(ctx context.Context, k bellhop.Key, audit *bellhop.AuditEntry) error {
	return s.inTurn(ctx, turnOf(k.Scope.Apps), "save the key", rowWeight, func(w *writer) error {
		taken, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM keys WHERE hash = ? AND id <> ? AND "+hasHash, k.Hash[:], int64(k.ID))
		if err == nil && taken {
			err = bellhop.KeyTaken()
		}
		if err != nil {
			return err
		}
		err = exec(w.conn, `INSERT OR REPLACE INTO keys (id, name, role, apps, portal, created_at, expires_at, hash, session, device, feature_flags)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			int64(k.ID), k.Name, string(k.Role), scopeJSON(k.Scope), k.Portal, micros(k.CreatedAt), micros(k.ExpiresAt), k.Hash[:], int64(k.Session), k.Device,
			toJSON(k.FeatureFlags))
		return w.finish(err, audit, partAccess, "", int64(k.ID))
	})
}

// DeleteKey removes a key and the sessions of it.
func (s *Store) DeleteKey(ctx context.Context, k bellhop.KeyID, audit *bellhop.AuditEntry) error {
	return s.write(ctx, "delete the key", rowWeight, func(w *writer) error {
		err := exec(w.conn, "DELETE FROM keys WHERE id = ?", int64(k))
		if err == nil && w.conn.Changes() == 0 {
			return bellhop.NotFound("key", k.String())
		}
		if err == nil {
			err = exec(w.conn, "DELETE FROM key_uses WHERE key = ?", int64(k))
		}
		if err == nil {
			_, err = w.dropKeys("SELECT id FROM keys WHERE session = ?", int64(k))
		}
		return w.finish(err, audit, partAccess, "", int64(k))
	})
}

// ExpireKeys removes portal links and sessions that have expired.
func (s *Store) ExpireKeys(ctx context.Context, now time.Time, limit int) (int, error) {
	expired := 0
	err := s.tidy(ctx, "expire keys", rowWeight*limit, func(w *writer) (err error) {
		expired, err = w.dropKeys(`SELECT id FROM keys WHERE (portal <> 0 OR session <> 0)
			AND expires_at <> 0 AND expires_at <= ? ORDER BY id LIMIT ? + 0`, micros(now), limit)
		return err
	})
	return expired, err
}

// dropKeys removes the keys whose ids a query gives.
func (w *writer) dropKeys(list string, args ...any) (int, error) {
	var ids []int64
	err := each(w.conn, func(st *sqlite.Stmt) { ids = append(ids, st.ColumnInt64(0)) }, list, args...)
	for i := 0; err == nil && i < len(ids); i++ {
		if err = exec(w.conn, "DELETE FROM keys WHERE id = ?", ids[i]); err == nil {
			err = exec(w.conn, "DELETE FROM key_uses WHERE key = ?", ids[i])
		}
		if err == nil {
			err = w.changed(partAccess, "", ids[i])
		}
	}
	return len(ids), err
}

// NoteKeyUses keeps when keys were last used.
func (s *Store) NoteKeyUses(ctx context.Context, uses []bellhop.KeyUse) error {
	return s.write(ctx, "note when keys were used", rowWeight*len(uses), func(w *writer) error {
		for _, u := range uses {
			err := exec(w.conn, "INSERT INTO key_uses (key, at) SELECT id, ? FROM keys WHERE id = ? ON CONFLICT (key) DO UPDATE SET at = max(at, excluded.at)", micros(u.At), int64(u.Key))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// KeyUses gives when the keys were last used.
func (s *Store) KeyUses(ctx context.Context) (uses []bellhop.KeyUse, err error) {
	err = s.read(ctx, "read when keys were used", func(c *sqlite.Conn) error {
		uses = nil
		return each(c, func(st *sqlite.Stmt) {
			uses = append(uses, bellhop.KeyUse{Key: bellhop.KeyID(st.ColumnInt64(0)), At: moment(st.ColumnInt64(1))})
		}, "SELECT key, at FROM key_uses ORDER BY key")
	})
	return uses, err
}

// finish ends a change that went well so far: feed, then audit log.
func (w *writer) finish(err error, audit *bellhop.AuditEntry, p part, name string, id int64) error {
	if err == nil {
		err = w.changed(p, name, id)
	}
	if err == nil {
		err = w.addAudit(audit)
	}
	return err
}

// SaveEndpoint creates or replaces an endpoint.
func (s *Store) SaveEndpoint(ctx context.Context, given bellhop.Endpoint, audit *bellhop.AuditEntry, now time.Time) error {
	return s.inTurn(ctx, turnOf(given.Apps), "save the endpoint", rowWeight, func(w *writer) error {
		e := given
		var old bellhop.Endpoint
		exists, err := one(w.conn, func(st *sqlite.Stmt) { old, _ = scanEndpoint(st) }, selectEndpoints+" WHERE id = ?", int64(e.ID))
		if err != nil {
			return err
		}
		if e.Revision != old.Revision { // a new one has 0
			return bellhop.ErrRevision
		}
		if err := w.freeNames(&e); err != nil {
			return err
		}
		e.Revision++
		e.Vitals = bellhop.Renew(&old, &e, now)
		holds, err := w.anyHeld(e.ID)
		if err != nil {
			return err
		}
		e.ResumedAt = bellhop.Resumed(&old, &e, holds, now)
		if err := w.putEndpoint(&e); err != nil {
			return err
		}
		if err := w.putNames(&old, &e); err != nil {
			return err
		}
		if e.Vitals.Revision == e.Revision {
			if err := w.renewVitals(e.ID, &e.Vitals); err != nil {
				return err
			}
		}
		if exists && e.Ordering != old.Ordering {
			err = w.beginReorder(&e, now)
		}
		if err == nil && exists && bellhop.Releases(&old, &e) {
			err = w.beginRelease(e.ID, now)
		}
		return w.finish(err, audit, partRoutes, "", int64(e.ID))
	})
}

// freeNames refuses an endpoint one of whose names belongs to another one of its apps.
func (w *writer) freeNames(e *bellhop.Endpoint) error {
	for _, app := range e.Apps {
		for _, name := range e.Names() {
			taken, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM endpoint_names WHERE app = ? AND name = ? AND endpoint <> ?", app, name, int64(e.ID))
			if err == nil && taken {
				err = bellhop.NameTaken(e, app, name)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// putNames replaces the names that an endpoint is known by.
func (w *writer) putNames(old, e *bellhop.Endpoint) error {
	if slices.Equal(old.Names(), e.Names()) && slices.Equal(old.Apps, e.Apps) {
		return nil
	}
	if len(old.Names()) > 0 {
		if err := exec(w.conn, "DELETE FROM endpoint_names WHERE endpoint = ?", int64(e.ID)); err != nil {
			return err
		}
	}
	for _, app := range e.Apps {
		for _, name := range e.Names() {
			if err := exec(w.conn, "INSERT INTO endpoint_names (app, name, endpoint) VALUES (?, ?, ?)", app, name, int64(e.ID)); err != nil {
				return err
			}
		}
	}
	return nil
}

// renewVitals has an endpoint's vitals begin anew.
func (w *writer) renewVitals(e bellhop.EndpointID, v *bellhop.Vitals) error {
	return exec(w.conn, "INSERT OR REPLACE INTO vitals (endpoint, revision, since) VALUES (?, ?, ?)", int64(e), v.Revision, micros(v.Since))
}

func (w *writer) putEndpoint(e *bellhop.Endpoint) error {
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
	return exec(w.conn, `INSERT OR REPLACE INTO endpoints
			(id, revision, status, ordering, apps, url, name, events, subjects, filter, dialect, headers,
			disabled_reason, timeout, retry, rate_limit, concurrency, metadata, created_at, updated_at, secrets,
			description, locked, locked_reason, terms, dialect_options, resumed_at, making, credentials, notify, exact_concurrency,
			uid, former_id, channels, imported)
			VALUES (?, ?, ?, ?, coalesce(?, '[]'), ?, ?, coalesce(?, 'null'), coalesce(?, 'null'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(e.ID), e.Revision, string(e.Status), string(e.Ordering), toJSON(e.Apps), e.URL, e.Name,
		toJSON(e.Events), toJSON(e.Subjects), []byte(e.Filter), e.Dialect, toJSON(e.Headers), e.DisabledReason,
		int64(e.Timeout), retry, rateLimit, e.Concurrency, toJSON(e.Metadata), micros(e.CreatedAt), micros(e.UpdatedAt),
		toJSON(e.Secrets), e.Description, e.Locked, e.LockedReason, column.Terms(e.Terms), toJSON(e.DialectOptions), micros(e.ResumedAt), making, toJSON(map[string][]byte(e.Sealed)), toJSON(e.Notify), e.ExactConcurrency,
		e.UID, e.FormerID, toJSON(e.Channels), e.Imported)
}

func scanTerms(st *sqlite.Stmt, at int) ([]bellhop.AppTerms, error) {
	if st.ColumnIsNull(at) {
		return nil, nil
	}
	return column.TermsOf(st.ColumnText(at))
}

// DeleteEndpoint removes an endpoint and leaves its pending deliveries to Sweep.
func (s *Store) DeleteEndpoint(ctx context.Context, e bellhop.EndpointID, audit *bellhop.AuditEntry, _ time.Time) error {
	return s.write(ctx, "delete the endpoint", rowWeight, func(w *writer) error {
		found, err := one(w.conn, func(*sqlite.Stmt) {}, "SELECT 1 FROM endpoints WHERE id = ?", int64(e))
		if err == nil && !found {
			return bellhop.NotFound("endpoint", e.String())
		}
		if err == nil {
			err = w.dropEndpoint(e)
		}
		return w.finish(err, audit, partRoutes, "", int64(e))
	})
}

// AddAudit writes an entry for what changes nothing else.
func (s *Store) AddAudit(ctx context.Context, audit *bellhop.AuditEntry) error {
	return s.write(ctx, "write to the audit log", rowWeight, func(w *writer) error { return w.addAudit(audit) })
}

func (w *writer) addAudit(a *bellhop.AuditEntry) error {
	if a == nil {
		return nil
	}
	// It is there already if its step is repeated.
	err := exec(w.conn, "INSERT INTO audit (id, actor, action, object, apps, detail) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
		int64(a.ID), a.Actor, a.Action, a.Object, toJSON(a.Apps), []byte(a.Detail))
	for _, app := range a.Apps {
		if err == nil {
			err = exec(w.conn, "INSERT OR IGNORE INTO audit_apps (app, audit) VALUES (?, ?)", app, int64(a.ID))
		}
	}
	return err
}
