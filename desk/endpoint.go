package desk

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// Endpoint gives an endpoint that listens to an app of the scope, or a CodeNotFound
// error.
func (d *Desk) Endpoint(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID) (bellhop.Endpoint, error) {
	if err := Permits(p, "getEndpoint"); err != nil {
		return bellhop.Endpoint{}, err
	}
	r, err := d.endpoint(p, e)
	if err != nil {
		return bellhop.Endpoint{}, err
	}
	return d.withHealth(ctx, p, r.Endpoint)
}

// EndpointNamed gives the endpoint of an app that has a name there: its id, its UID or its
// FormerID. It fails with a CodeNotFound error if there is none.
func (d *Desk) EndpointNamed(ctx context.Context, p bellhop.Principal, app, name string) (bellhop.Endpoint, error) {
	if err := Permits(p, "getEndpoint"); err != nil {
		return bellhop.Endpoint{}, err
	}
	if err := d.knownApp(p, "app", app); err != nil {
		return bellhop.Endpoint{}, err
	}
	r := d.routes().EndpointNamed(app, name)
	if r == nil {
		return bellhop.Endpoint{}, bellhop.NotFound("endpoint", name)
	}
	return d.withHealth(ctx, p, r.Endpoint)
}

// withHealth shows an endpoint, and how it does.
func (d *Desk) withHealth(ctx context.Context, p bellhop.Principal, e bellhop.Endpoint) (bellhop.Endpoint, error) {
	e = shown(p, e)
	r := d.routes().Endpoint(e.ID)
	if r == nil {
		return e, nil // it has gone just now
	}
	health, err := d.e.Health(ctx, p.Scope, r)
	if err == nil {
		e.Health = &health[0]
	}
	return e, err
}

// Endpoints lists endpoints, newest first: those that listen to one app, or ("") to
// any in the scope.
func (d *Desk) Endpoints(ctx context.Context, p bellhop.Principal, app string, f bellhop.EndpointFilter) (list []bellhop.Endpoint, err error) {
	if err := Permits(p, "listEndpoints"); err != nil {
		return nil, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return nil, err
	}
	limit := f.Limit
	if f.Health != "" {
		f.Limit = 0 // any of them may be in that state
	}
	of := d.routes().Endpoints(f)
	health, err := d.e.Health(ctx, p.Scope, of...)
	if err != nil {
		return nil, err
	}
	for i, r := range of {
		if f.Health != "" && health[i].State != f.Health {
			continue
		}
		e := shown(p, r.Endpoint)
		e.Health = &health[i]
		if list = append(list, e); limit > 0 && len(list) == limit {
			break
		}
	}
	return list, nil
}

// CountEndpoints is how many Endpoints lists in all.
func (d *Desk) CountEndpoints(ctx context.Context, p bellhop.Principal, app string, f bellhop.EndpointFilter) (n int, err error) {
	if err := Permits(p, "listEndpoints"); err != nil {
		return 0, err
	}
	if f.Scope, err = d.narrow(p, app); err != nil {
		return 0, err
	}
	f.Before, f.Limit = 0, 0
	of := d.routes().Endpoints(f)
	if f.Health == "" {
		return len(of), nil
	}
	health, err := d.e.Health(ctx, p.Scope, of...)
	for i := range health {
		if health[i].State == f.Health {
			n++
		}
	}
	return n, err
}

// CreateEndpoint adds an endpoint and answers it with its secret in the open: the
// only time that it is shown without being asked for.
func (d *Desk) CreateEndpoint(ctx context.Context, p bellhop.Principal, c bellhop.EndpointChange) (bellhop.Endpoint, string, error) {
	var none bellhop.Endpoint
	if err := Permits(p, "createEndpoint"); err != nil {
		return none, "", err
	}
	if err := d.namedApps(p, &c); err != nil {
		return none, "", err
	}
	if err := d.listens(p, c.Apps.Value); err != nil {
		return none, "", err
	}
	if err := mayLock(p, &none, &c); err != nil {
		return none, "", err
	}
	if err := mayComeFrom(p, &none, &c); err != nil {
		return none, "", err
	}
	if err := d.mayTransform(p, nil, c.Transform.Value); err != nil {
		return none, "", err
	}
	now := d.now()
	e := bellhop.Endpoint{
		ID: id.Next[id.Endpoint](d.e.IDs(), now), Status: bellhop.EndpointActive,
		Events: []string{}, Subjects: []string{}, CreatedAt: now, UpdatedAt: now,
	}
	fields := d.apply(ctx, &e, c)
	fields = append(fields, missingCredentials(&e, fields)...)
	fields = append(fields, d.checkChoice(p, &e, nil, fields)...)
	if !c.Apps.Set {
		fields = append(fields, bellhop.FieldError{Field: "apps", Code: "required", Detail: "is missing: name the apps to listen to"})
	}
	if !c.URL.Set && e.URL == "" {
		fields = append(fields, bellhop.FieldError{Field: "url", Code: "required", Detail: "is missing: give the address that events are sent to"})
	}
	secrets, secret, wrong, err := d.firstSecrets(&e, &c, now)
	if err != nil {
		return none, "", err
	}
	if fields = append(fields, wrong...); len(fields) > 0 {
		return none, "", endpointError(fields)
	}
	e.Secrets = secrets
	if err := d.notHeld(p, &e); err != nil {
		return none, "", err
	}
	// The URL of an endpoint that cannot be made is not called. Whether it can is asked
	// again once it may take its turn: to verify it takes a while.
	if err := d.fits(e.Apps); err != nil {
		return none, "", err
	}
	if err := d.verify(ctx, e, c.Verify); err != nil {
		return none, "", err
	}
	err = d.admit(ctx, e.Apps, func() error {
		entry := d.e.AuditEntry(p.Actor, "endpoint.create", e.ID.String(), e.Apps, auditView(e))
		return d.saveEndpoint(ctx, "create an endpoint", e, entry, now)
	})
	if bellhop.CodeOf(err) == bellhop.CodeUIDConflict { // who looks again finds the endpoint that was made first
		if unseen := d.e.Routes().LoadRoutes(ctx); unseen != nil {
			return none, "", unseen
		}
	}
	if err != nil {
		return none, "", err
	}
	d.tellChange(ctx, engine.TypeEndpointCreated, e, e.Revision+1, now)
	e, _ = d.withHealth(ctx, p, e) // it was made, whatever becomes of the look at it
	return e, secret, nil
}

// mayComeFrom refuses to let others than admins say where an endpoint comes from: the platform
// goes by its former id, and would take it for another one; imports go by the rest.
func mayComeFrom(p bellhop.Principal, e *bellhop.Endpoint, c *bellhop.EndpointChange) error {
	admin := p.Role == bellhop.RoleAdmin && p.Scope.SeesAll(c.Apps.Value)
	if c.Imported.Set && c.Imported.Value != e.Imported && !admin {
		return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: "Only a key with the role admin says what an import noted", Fields: []bellhop.FieldError{
			{Field: "imported", Code: "forbidden", Detail: "is for admins to set: leave it out"},
		}}
	}
	if e.Revision > 0 || c.FormerID.Value == "" || admin {
		return nil
	}
	return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: "Only a key with the role admin gives an endpoint a former id", Fields: []bellhop.FieldError{
		{Field: "former_id", Code: "forbidden", Detail: "is for admins to set: leave it out"},
	}}
}

func (d *Desk) saveEndpoint(ctx context.Context, doing string, e bellhop.Endpoint, entry *bellhop.AuditEntry, now time.Time) error {
	ours := func() bool {
		r := d.routes().Endpoint(e.ID)
		return r != nil && r.UpdatedAt.Equal(e.UpdatedAt) && slices.EqualFunc(r.Secrets, e.Secrets, func(x, y bellhop.Secret) bool {
			return bytes.Equal(x.Sealed, y.Sealed)
		})
	}
	err := d.save(ctx, doing, d.e.Routes().LoadRoutes, ours, func() error { return d.store.SaveEndpoint(ctx, e, entry, now) })
	if err != nil {
		return err
	}
	d.e.RefreshRoutes(ctx)
	return nil
}

// UpdateEndpoint changes what is set in c. Pausing holds deliveries; making a
// paused or disabled endpoint active sends what was held, oldest first.
func (d *Desk) UpdateEndpoint(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID, c bellhop.EndpointChange) (bellhop.Endpoint, error) {
	if err := Permits(p, "updateEndpoint"); err != nil {
		return bellhop.Endpoint{}, err
	}
	return d.updateEndpoint(ctx, p, e, c)
}

// ChangeEndpoint is UpdateEndpoint for the endpoint of an app that has a name there, as
// PlainEndpoint finds and shows it. Ask says what is asked of the endpoint as it is now: it is
// called again whenever somebody else's change was saved first, so that what is made of
// something that is there is never made of something old.
func (d *Desk) ChangeEndpoint(ctx context.Context, p bellhop.Principal, app, name string, ask func(now bellhop.Endpoint) (bellhop.EndpointChange, error)) (bellhop.Endpoint, error) {
	if err := Permits(p, "updateEndpoint"); err != nil {
		return bellhop.Endpoint{}, err
	}
	find := func() (*routes.Route, error) {
		if p.Scope.Sees(app) {
			if r := d.routes().EndpointNamed(app, name); r != nil {
				return d.changeable(p, r.ID)
			}
		}
		return nil, bellhop.NotFound("endpoint", name)
	}
	return d.update(ctx, p, find, func(e *bellhop.Endpoint) (bellhop.EndpointChange, error) { return ask(shownFor(p, app, *e)) })
}

// PauseEndpoint holds an endpoint's deliveries.
func (d *Desk) PauseEndpoint(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID) (bellhop.Endpoint, error) {
	if err := Permits(p, "pauseEndpoint"); err != nil {
		return bellhop.Endpoint{}, err
	}
	return d.updateEndpoint(ctx, p, e, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
}

// Resumed is an endpoint that was made active, and what becomes of what it held: how many
// deliveries go out now, and how many wait for a later time, from NextAt on.
type Resumed struct {
	bellhop.Endpoint
	DueNow, Later int64
	NextAt        time.Time
}

// ResumeEndpoint makes an endpoint active, also one that was disabled, and so sends
// what was held and is due, oldest first; what waits for a retry keeps its time. That goes
// for deliveries that are held by themselves, too, and if the endpoint has been active all
// along: which is not changed then, or what is under way would be made by other settings
// than those of today.
func (d *Desk) ResumeEndpoint(ctx context.Context, p bellhop.Principal, e bellhop.EndpointID) (out Resumed, err error) {
	if err := Permits(p, "resumeEndpoint"); err != nil {
		return out, err
	}
	d.e.RefreshRoutes(ctx)
	r, err := d.changeable(p, e)
	if err != nil {
		return out, err
	}
	resumed, active := r.Endpoint, r.Status == bellhop.EndpointActive
	if out.DueNow, out.Later, out.NextAt, err = d.store.WaitsAt(ctx, e, d.e.Now()); err != nil {
		return Resumed{}, err
	}
	held, err := d.store.Held(ctx, bellhop.Everything(), e)
	if err != nil {
		return Resumed{}, err
	}
	if active {
		out.DueNow = 0 // it goes out in any case
	} else {
		resumed, err = d.updateEndpoint(ctx, p, e, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		if err != nil {
			return Resumed{}, err
		}
		out.DueNow += held[e]
	}
	n, err := d.releaseHeld(ctx, e, nil)
	if n > 0 || !active {
		d.lookAgain(ctx)
	}
	if active {
		out.DueNow = int64(n)
	}
	if err == nil && n > 0 && active {
		err = d.audit(ctx, d.e.AuditEntry(p.Actor, "endpoint.update", e.String(), r.Apps, auditView(r.Endpoint)))
	}
	if err != nil {
		return Resumed{}, err
	}
	out.Endpoint, _ = d.withHealth(ctx, p, resumed)
	return out, nil
}

// lookAgain has lanes come for what was let go.
func (d *Desk) lookAgain(ctx context.Context) {
	d.e.RefreshRoutes(ctx)
	d.e.LookForOverdue(ctx)
}

// releaseHeld lets deliveries go that are held by themselves: some, or all of an
// endpoint. Lanes are told by lookAgain.
func (d *Desk) releaseHeld(ctx context.Context, e bellhop.EndpointID, only []bellhop.DeliveryID) (int, error) {
	held, err := d.store.Held(ctx, bellhop.Everything(), e)
	if err != nil || held[e] == 0 {
		return 0, err
	}
	n, err := d.store.ReleaseHeld(ctx, e, only, d.e.Now())
	if err := d.e.Wrote("release held deliveries", err); err != nil {
		return 0, err
	}
	return n, nil
}

func (d *Desk) updateEndpoint(ctx context.Context, p bellhop.Principal, i bellhop.EndpointID, c bellhop.EndpointChange) (bellhop.Endpoint, error) {
	return d.update(ctx, p, d.byID(p, i), func(*bellhop.Endpoint) (bellhop.EndpointChange, error) { return c, nil })
}

// update changes what is set in what is asked of the endpoint that is found.
func (d *Desk) update(ctx context.Context, p bellhop.Principal, find func() (*routes.Route, error), ask func(*bellhop.Endpoint) (bellhop.EndpointChange, error)) (bellhop.Endpoint, error) {
	e, err := d.changeEndpoint(ctx, p, "endpoint.update", find, func(e *bellhop.Endpoint) error {
		old := *e
		c, err := ask(e)
		if err != nil {
			return err
		}
		if err := d.listens(p, c.Apps.Value); err != nil {
			return err
		}
		if c.Secrets.Set {
			return bellhop.Wrong("secrets", "secret", "are for new endpoints: rotate with POST /v1/endpoints/{id}/secret/rotate")
		}
		if c.Secret.Set {
			return bellhop.Wrong("secret", "secret", "cannot be changed here: rotate it with POST /v1/endpoints/{id}/secret/rotate")
		}
		if err := mayLock(p, e, &c); err != nil {
			return err
		}
		if err := mayComeFrom(p, e, &c); err != nil {
			return err
		}
		if c.Transform.Set {
			if err := d.mayTransform(p, e.Transform, c.Transform.Value); err != nil {
				return err
			}
		}
		fields := d.apply(ctx, e, c)
		if c.Auth.Set || c.TLS.Set || c.URL.Set {
			fields = append(fields, missingCredentials(e, fields)...)
		}
		if fields = append(fields, d.checkChoice(p, e, &old, fields)...); len(fields) > 0 {
			return endpointError(fields)
		}
		if c.URL.Set || c.Apps.Set {
			if err := d.notHeld(p, e); err != nil {
				return err
			}
		}
		if e.Dialect != old.Dialect {
			if err := d.keepsSecrets(e); err != nil {
				return err
			}
		}
		if e.URL != old.URL || c.Verify.Value {
			return d.verify(ctx, *e, c.Verify)
		}
		return nil
	})
	if err != nil {
		return bellhop.Endpoint{}, err
	}
	e, _ = d.withHealth(ctx, p, e)
	return e, nil
}

// byID finds an endpoint that the principal may change.
func (d *Desk) byID(p bellhop.Principal, i bellhop.EndpointID) func() (*routes.Route, error) {
	return func() (*routes.Route, error) { return d.changeable(p, i) }
}

// changeEndpoint finds, changes and saves an endpoint, again if somebody else
// changed it in between: the right is decided each time, since the other may have
// added an app that is beyond the scope.
func (d *Desk) changeEndpoint(ctx context.Context, p bellhop.Principal, action string, find func() (*routes.Route, error), change func(*bellhop.Endpoint) error) (saved bellhop.Endpoint, err error) {
	err = d.persist(ctx, "endpoint", d.e.Routes().LoadRoutes, func() error {
		r, err := find()
		if err != nil {
			return err
		}
		e := r.Endpoint
		if err := change(&e); err != nil {
			return err
		}
		now := d.now()
		e.UpdatedAt = now
		action := action
		switch {
		case e.Locked && !r.Locked:
			action = "endpoint.lock"
		case !e.Locked && r.Locked:
			action = "endpoint.unlock"
		}
		entry := d.e.AuditEntry(p.Actor, action, e.ID.String(), e.Apps, auditView(e))
		save := func() error { return d.saveEndpoint(ctx, "change an endpoint", e, entry, now) }
		added := slices.DeleteFunc(slices.Clone(e.Apps), func(app string) bool { return slices.Contains(r.Apps, app) })
		if len(added) > 0 {
			err = d.admit(ctx, added, save)
		} else {
			err = save()
		}
		saved = e
		return err
	})
	if err != nil {
		return bellhop.Endpoint{}, err
	}
	d.tellChange(ctx, engine.TypeEndpointUpdated, saved, saved.Revision+1, saved.UpdatedAt)
	return saved, nil
}

// tellPatience is how long the telling of a change goes on for whoever made it.
const tellPatience = 5 * time.Second

// tellChange publishes to those who want to hear of it that an endpoint was created, changed
// or deleted, which is done: that it cannot be told is no failure of it.
func (d *Desk) tellChange(ctx context.Context, eventType string, e bellhop.Endpoint, revision int64, at time.Time) {
	if slices.Contains(e.Apps, bellhop.AllApps) {
		return // it is one of those who listen to the installation, and no app's
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellPatience)
	defer cancel()
	for _, app := range append([]string{bellhop.AllApps}, e.Apps...) {
		if !d.e.HearsOf(app, eventType) {
			continue
		}
		data := d.e.EndpointData(app, &e)
		data["at"] = at
		err := d.e.PublishOwn(ctx, app, engine.OwnEvent{Type: eventType, Endpoint: e.ID, Since: at, Revision: revision, Data: data})
		if err != nil {
			d.log.WarnContext(ctx, "who listens was not told of a change of an endpoint", "event_type", eventType, "app", app, "endpoint", e.ID.String(), "err", err)
		}
	}
}

// DeleteEndpoint removes an endpoint at once; its log stays. Its pending deliveries
// are canceled, each with a last line in the log: as a rule before DeleteEndpoint
// returns, but it does not wait for long where there are many.
func (d *Desk) DeleteEndpoint(ctx context.Context, p bellhop.Principal, i bellhop.EndpointID) error {
	if err := Permits(p, "deleteEndpoint"); err != nil {
		return err
	}
	r, err := d.changeable(p, i)
	if err != nil {
		return err
	}
	entry := d.e.AuditEntry(p.Actor, "endpoint.delete", i.String(), r.Apps, map[string]any{"url": r.URL, "name": r.Name})
	err = d.remove(ctx, "delete an endpoint", func() error { return d.store.DeleteEndpoint(ctx, i, entry, d.e.Now()) })
	if err != nil {
		return err
	}
	d.e.RefreshRoutes(ctx)
	d.tellChange(ctx, engine.TypeEndpointDeleted, r.Endpoint, 0, d.now())
	d.sweep(ctx)
	return nil
}

// sweepPatience is how long a caller waits for the last lines of what it canceled.
const sweepPatience = 2 * time.Second

// sweep ends the deliveries that can never be made, as many as can be ended while
// the caller waits: those that are left are maintenance's. Nothing is sent of them
// either way, so a failure is none of the caller's.
func (d *Desk) sweep(ctx context.Context) {
	patient, cancel := context.WithTimeout(ctx, sweepPatience)
	defer cancel()
	if err := d.e.SweepAll(patient); err != nil && patient.Err() == nil {
		d.log.WarnContext(ctx, "canceled deliveries have no last line in the log yet; maintenance goes on with it", "err", err)
	}
}

// auditView is an endpoint as the audit log shows it: headers without their values,
// since those may be the receiver's passwords.
func auditView(e bellhop.Endpoint) bellhop.Endpoint {
	hidden := make(map[string]string, len(e.Headers))
	for name := range e.Headers {
		hidden[name] = "…"
	}
	e.Headers = hidden
	e.Making = e.Making.Clone()
	if e.Auth != nil {
		for name := range e.Auth.Params {
			e.Auth.Params[name] = "…"
		}
	}
	if e.TLS != nil && e.TLS.Certificate != "" {
		e.TLS.Certificate = "…"
	}
	if e.TLS != nil && e.TLS.CA != "" {
		e.TLS.CA = "…"
	}
	return e
}

func endpointError(fields []bellhop.FieldError) error {
	return bellhop.Invalid("The endpoint is not valid", fields...)
}
