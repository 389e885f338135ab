package desk

import (
	"context"
	"errors"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	ids "github.com/bellhop/bellhop/internal/id"
)

// AppChange is what a caller asks an app to be: in a creation or replacement, fields
// that are not set get their defaults; in a change, they stay as they are.
type AppChange struct {
	Name     bellhop.Field[string]
	Metadata bellhop.Field[map[string]string]
	// Dialects are those that the app's people may choose, their default first;
	// none means all, and the installation's default. Endpoints that have another
	// one already keep it.
	Dialects bellhop.Field[[]string]
	// DialectOptions are values of dialects' options, by dialect and option.
	DialectOptions bellhop.Field[map[string]map[string]string]
	// MaxEndpoints is how many endpoints may listen to the app; 0 is the
	// installation's default. It is the operator's to set: an admin who is
	// limited to apps could else give itself as many as it likes.
	MaxEndpoints bellhop.Field[int]
	// UID is another id by which the platform knows it; "" is none. It is the operator's
	// to set: an admin who is limited to apps could else have one app pass for another.
	UID bellhop.Field[string]
	// RateLimit bounds how fast each endpoint of the app is sent to; nil is no bound.
	RateLimit bellhop.Field[*bellhop.RateLimit]
	// Imported is what an import notes of the app; a PUT that does not set it leaves it.
	Imported bellhop.Field[string]
}

// App gives an app, or a CodeNotFound error.
func (d *Desk) App(_ context.Context, p bellhop.Principal, id string) (bellhop.App, error) {
	if err := Permits(p, "getApp"); err != nil {
		return bellhop.App{}, err
	}
	return d.app(p, id)
}

func (d *Desk) app(p bellhop.Principal, id string) (bellhop.App, error) {
	if p.Scope.Sees(id) {
		if a, ok := d.routes().App(id); ok {
			return a, nil
		}
	}
	return bellhop.App{}, bellhop.NotFound("app", id)
}

// AppNamed gives the app of an id or, where there is none, of a uid; or a CodeNotFound
// error.
func (d *Desk) AppNamed(_ context.Context, p bellhop.Principal, name string) (bellhop.App, error) {
	if err := Permits(p, "getApp"); err != nil {
		return bellhop.App{}, err
	}
	if a, ok := d.routes().AppNamed(name); ok && p.Scope.Sees(a.ID) {
		return a, nil
	}
	return bellhop.App{}, bellhop.NotFound("app", name)
}

// AppOfUID gives the app that has a uid, or a CodeNotFound error.
func (d *Desk) AppOfUID(_ context.Context, p bellhop.Principal, uid string) (bellhop.App, error) {
	if err := Permits(p, "listApps"); err != nil {
		return bellhop.App{}, err
	}
	if a, ok := d.routes().AppOfUID(uid); ok && p.Scope.Sees(a.ID) {
		return a, nil
	}
	return bellhop.App{}, bellhop.NotFound("app of the uid", uid)
}

// Apps lists apps in the order of their ids, after the given id.
func (d *Desk) Apps(_ context.Context, p bellhop.Principal, after string, limit int) ([]bellhop.App, error) {
	if err := Permits(p, "listApps"); err != nil {
		return nil, err
	}
	return d.routes().Apps(p.Scope, after, limit), nil
}

// CountApps is how many Apps lists in all.
func (d *Desk) CountApps(_ context.Context, p bellhop.Principal) (int, error) {
	if err := Permits(p, "listApps"); err != nil {
		return 0, err
	}
	return len(d.routes().Apps(p.Scope, "", 0)), nil
}

// CreateApp adds an app, with a generated id if none is given. It fails with a
// CodeConflict error if there is one of this id, or of the uid: which App and AppNamed
// find from then on.
func (d *Desk) CreateApp(ctx context.Context, p bellhop.Principal, id string, c AppChange) (bellhop.App, error) {
	if err := Permits(p, "createApp"); err != nil {
		return bellhop.App{}, err
	}
	if id == "" {
		id = ids.Next[ids.App](d.e.IDs(), d.now()).String()
	}
	taken := &bellhop.Error{
		Code:   bellhop.CodeConflict,
		Detail: "There is an app of this id already: change it with PATCH or PUT /v1/apps/" + bellhop.Clip(id),
	}
	if _, ok := d.routes().App(id); ok {
		return bellhop.App{}, taken
	}
	saved, err := d.saveApp(ctx, p, bellhop.App{ID: id}, c)
	switch { // somebody was faster: who looks again finds what that one made
	case errors.Is(err, bellhop.ErrRevision):
		d.e.RefreshRoutes(ctx)
		return bellhop.App{}, taken
	case bellhop.CodeOf(err) == bellhop.CodeConflict:
		if unseen := d.e.Routes().LoadRoutes(ctx); unseen != nil {
			return bellhop.App{}, unseen
		}
	}
	return saved, err
}

// PutApp creates an app or replaces it as a whole, except for what the principal may
// not set: that stays.
func (d *Desk) PutApp(ctx context.Context, p bellhop.Principal, id string, c AppChange) (saved bellhop.App, created bool, err error) {
	if err := Permits(p, "putApp"); err != nil {
		return bellhop.App{}, false, err
	}
	if !p.Scope.Sees(id) {
		return bellhop.App{}, false, bellhop.NotFound("app", id)
	}
	c.Name.Set, c.Metadata.Set, c.Dialects.Set, c.DialectOptions.Set, c.RateLimit.Set = true, true, true, true, true
	c.MaxEndpoints.Set, c.UID.Set = c.MaxEndpoints.Set || p.Scope.All, c.UID.Set || p.Scope.All
	err = d.persist(ctx, "app", d.e.Routes().LoadRoutes, func() error {
		a, ok := d.routes().App(id)
		if created = !ok; created {
			if !p.Scope.All { // to create apps is for those who reach all
				return bellhop.NotFound("app", id)
			}
			a = bellhop.App{ID: id}
		}
		saved, err = d.saveApp(ctx, p, a, c)
		return err
	})
	return saved, created && err == nil, err
}

// PatchApp changes what is set in c.
func (d *Desk) PatchApp(ctx context.Context, p bellhop.Principal, id string, c AppChange) (saved bellhop.App, err error) {
	if err := Permits(p, "patchApp"); err != nil {
		return bellhop.App{}, err
	}
	err = d.persist(ctx, "app", d.e.Routes().LoadRoutes, func() error {
		a, err := d.app(p, id)
		if err != nil {
			return err
		}
		saved, err = d.saveApp(ctx, p, a, c)
		return err
	})
	return saved, err
}

// saveApp saves a with the change, as its revision says: 0 creates it. If somebody
// else was faster, it fails with ErrRevision.
func (d *Desk) saveApp(ctx context.Context, p bellhop.Principal, a bellhop.App, c AppChange) (bellhop.App, error) {
	if c.MaxEndpoints.Set && c.MaxEndpoints.Value != a.MaxEndpoints && !p.Scope.All {
		return bellhop.App{}, forbidden("To change max_endpoints takes an admin key that is not limited to apps")
	}
	if c.UID.Set && c.UID.Value != a.UID && !p.Scope.All {
		return bellhop.App{}, forbidden("To change uid takes an admin key that is not limited to apps")
	}
	set(c.Name, &a.Name)
	set(c.UID, &a.UID)
	set(c.RateLimit, &a.RateLimit)
	set(c.Imported, &a.Imported)
	set(c.Metadata, &a.Metadata)
	set(c.MaxEndpoints, &a.MaxEndpoints)
	set(c.Dialects, &a.Dialects)
	set(c.DialectOptions, &a.DialectOptions)
	if fields := append(a.Check(), routes.CheckAppDialects(c.Dialects.Value, c.DialectOptions.Value, d.e.Routes().Dialect)...); len(fields) > 0 {
		return bellhop.App{}, bellhop.Invalid("The app is not valid", fields...)
	}
	a.UpdatedAt = d.now()
	action := "app.update"
	if a.Revision == 0 {
		action, a.CreatedAt = "app.create", a.UpdatedAt
	}
	detail := map[string]any{"name": a.Name}
	if a.MaxEndpoints != 0 {
		detail["max_endpoints"] = a.MaxEndpoints
	}
	if a.UID != "" {
		detail["uid"] = a.UID
	}
	if c.RateLimit.Set {
		detail["rate_limit"] = a.RateLimit
	}
	if c.Dialects.Set {
		detail["dialects"] = a.Dialects
	}
	if c.DialectOptions.Set {
		detail["dialect_options"] = a.DialectOptions
	}
	entry := d.e.AuditEntry(p.Actor, action, a.ID, []string{a.ID}, detail)
	ours := func() bool {
		now, ok := d.routes().App(a.ID)
		return ok && now.UpdatedAt.Equal(a.UpdatedAt) && now.Name == a.Name
	}
	err := d.save(ctx, "save an app", d.e.Routes().LoadRoutes, ours, func() error { return d.store.SaveApp(ctx, a, entry) })
	if err != nil {
		return bellhop.App{}, err
	}
	d.e.RefreshRoutes(ctx)
	return a, nil
}

// DeleteApp removes an app with its events, logs and pending deliveries, and the
// endpoints and keys that are its alone.
func (d *Desk) DeleteApp(ctx context.Context, p bellhop.Principal, id string) error {
	if err := Permits(p, "deleteApp"); err != nil {
		return err
	}
	if _, err := d.app(p, id); err != nil {
		return err
	}
	entry := d.e.AuditEntry(p.Actor, "app.delete", id, []string{id}, nil)
	if err := d.remove(ctx, "delete an app", func() error { return d.store.DeleteApp(ctx, id, entry) }); err != nil {
		return err
	}
	d.e.Forget(nil, id)
	d.e.RefreshRoutes(ctx)
	d.e.RefreshAccess(ctx)
	d.e.LookForOverdue(ctx) // what waited for one of its deliveries, in its order, may go
	d.sweep(ctx)
	if err := d.e.Wipe(ctx); err != nil {
		d.log.Warn("the app is gone, but remains of its data are left in the files until the next hour's maintenance", "app", id, "err", err)
	}
	return nil
}
