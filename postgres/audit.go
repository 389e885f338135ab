package postgres

import (
	"context"

	"github.com/bellhop/bellhop"
)

// AddAudit writes an entry for what changes nothing else.
func (s *Store) AddAudit(ctx context.Context, audit *bellhop.AuditEntry) error {
	return s.write(ctx, asked, "write to the audit log", func(t *txn) error { return t.addAudit(audit) })
}

func (t *txn) addAudit(a *bellhop.AuditEntry) error {
	if a == nil {
		return nil
	}
	// It is there already if its step is repeated.
	_, err := t.exec("INSERT INTO bellhop.audit (id, actor, action, object, apps, detail) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
		a.ID, a.Actor, a.Action, a.Object, toJSON(a.Apps), a.Detail)
	if err == nil && len(a.Apps) > 0 {
		_, err = t.exec("INSERT INTO bellhop.audit_apps (app, audit) SELECT unnest($1::text[]), $2 ON CONFLICT DO NOTHING", a.Apps, a.ID)
	}
	return err
}

// finish ends a change that went well so far: feed, then audit log.
func (t *txn) finish(err error, audit *bellhop.AuditEntry, p part, name string, id int64) error {
	if err == nil {
		err = t.changed(p, name, id)
	}
	if err == nil {
		err = t.addAudit(audit)
	}
	return err
}
