package desk

import (
	"cmp"
	"context"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/samples"
	"github.com/bellhop/bellhop/engine/routes"
)

// EventType gives an entry of the catalogue, or a CodeNotFound error.
func (d *Desk) EventType(_ context.Context, p bellhop.Principal, name string) (bellhop.EventType, error) {
	if err := Permits(p, "getEventType"); err != nil {
		return bellhop.EventType{}, err
	}
	return d.visibleType(p, name)
}

// visibleType is eventType for somebody who may not see every type.
func (d *Desk) visibleType(p bellhop.Principal, name string) (bellhop.EventType, error) {
	t, err := d.eventType(name)
	if err == nil && !p.SeesType(&t) {
		return bellhop.EventType{}, bellhop.NotFound("event type", name)
	}
	return t, err
}

func (d *Desk) eventType(name string) (bellhop.EventType, error) {
	t, ok := d.e.Routes().Catalogue().Type(name)
	if !ok {
		return bellhop.EventType{}, bellhop.NotFound("event type", name)
	}
	return t.EventType, nil
}

// EventTypes lists the catalogue in the order of names, after the given one.
func (d *Desk) EventTypes(_ context.Context, p bellhop.Principal, after string, limit int) ([]bellhop.EventType, error) {
	if err := Permits(p, "listEventTypes"); err != nil {
		return nil, err
	}
	return d.e.Routes().Catalogue().Types(p, after, limit), nil
}

// CountEventTypes is how many EventTypes lists in all.
func (d *Desk) CountEventTypes(_ context.Context, p bellhop.Principal) (int, error) {
	if err := Permits(p, "listEventTypes"); err != nil {
		return 0, err
	}
	return len(d.e.Routes().Catalogue().Types(p, "", 0)), nil
}

// PutEventType creates an entry of the catalogue or replaces it as a whole, but for what an import
// noted of it: that stays unless something else is given.
func (d *Desk) PutEventType(ctx context.Context, p bellhop.Principal, t bellhop.EventType) (saved bellhop.EventType, created bool, err error) {
	return d.ChangeEventType(ctx, p, t.Name, func(bellhop.EventType, bool) (bellhop.EventType, error) { return t, nil })
}

// ChangeEventType is PutEventType for what is made of the entry as it is now, if there is one.
// Change says what: it is called again whenever somebody else's change was saved first, so that
// what is made of something that is there is never made of something old.
func (d *Desk) ChangeEventType(ctx context.Context, p bellhop.Principal, name string, change func(now bellhop.EventType, exists bool) (bellhop.EventType, error)) (saved bellhop.EventType, created bool, err error) {
	if err := Permits(p, "putEventType"); err != nil {
		return bellhop.EventType{}, false, err
	}
	err = d.persist(ctx, "event type", d.e.Routes().LoadCatalogue, func() error {
		old, missing := d.eventType(name)
		created = missing != nil
		if saved, err = change(old, !created); err != nil {
			return err
		}
		saved.Name = name
		fields, err := routes.CheckEventType(ctx, &saved)
		if err != nil {
			return err
		}
		if len(fields) > 0 {
			return bellhop.Invalid("The event type is not valid", fields...)
		}
		saved.Revision = old.Revision
		saved.Imported = cmp.Or(saved.Imported, old.Imported)
		saved.UpdatedAt = d.now()
		saved.CreatedAt = old.CreatedAt
		action := "event_type.update"
		if created {
			action, saved.CreatedAt = "event_type.create", saved.UpdatedAt
		}
		entry := d.e.AuditEntry(p.Actor, action, name, nil, typeDetail(&saved))
		ours := func() bool {
			now, err := d.eventType(name)
			return err == nil && now.UpdatedAt.Equal(saved.UpdatedAt) && now.Description == saved.Description
		}
		return d.save(ctx, "save an event type", d.e.Routes().LoadCatalogue, ours, func() error { return d.store.SaveEventType(ctx, saved, entry) })
	})
	if err != nil {
		return bellhop.EventType{}, false, err
	}
	d.e.RefreshCatalogue(ctx)
	return saved, created, nil
}

// typeDetail is what the audit log says of a type.
func typeDetail(t *bellhop.EventType) map[string]any {
	detail := map[string]any{"validate": t.Validate, "archived": t.Archived}
	if t.Deprecated {
		detail["deprecated"] = true
	}
	if len(t.FeatureFlags) > 0 {
		detail["feature_flags"] = t.FeatureFlags
	}
	return detail
}

// DeleteEventType removes an entry of the catalogue. Events of the type stay.
func (d *Desk) DeleteEventType(ctx context.Context, p bellhop.Principal, name string) error {
	if err := Permits(p, "deleteEventType"); err != nil {
		return err
	}
	if _, err := d.eventType(name); err != nil {
		return err
	}
	entry := d.e.AuditEntry(p.Actor, "event_type.delete", name, nil, nil)
	if err := d.remove(ctx, "delete an event type", func() error { return d.store.DeleteEventType(ctx, name, entry) }); err != nil {
		return err
	}
	d.e.RefreshCatalogue(ctx)
	return nil
}

// Dialects lists the dialects, the built-in ones first.
func (d *Desk) Dialects(_ context.Context, p bellhop.Principal) ([]dialect.Definition, error) {
	if err := Permits(p, "listDialects"); err != nil {
		return nil, err
	}
	var list []dialect.Definition
	for _, x := range d.e.Routes().Dialects() {
		list = append(list, x.Definition())
	}
	return list, nil
}

// Dialect gives a dialect, or a CodeNotFound error.
func (d *Desk) Dialect(_ context.Context, p bellhop.Principal, name string) (dialect.Definition, error) {
	if err := Permits(p, "getDialect"); err != nil {
		return dialect.Definition{}, err
	}
	x := d.e.Routes().Dialect(name)
	if x == nil {
		return dialect.Definition{}, bellhop.NotFound("dialect", name)
	}
	return x.Definition(), nil
}

// VerificationCode gives a receiver's code, in several languages, that verifies
// requests of a dialect.
func (d *Desk) VerificationCode(_ context.Context, p bellhop.Principal, name string) ([]samples.Sample, error) {
	if err := Permits(p, "getVerificationCode"); err != nil {
		return nil, err
	}
	x := d.e.Routes().Dialect(name)
	if x == nil {
		return nil, bellhop.NotFound("dialect", name)
	}
	return samples.Code(x)
}
