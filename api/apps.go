package api

import (
	"net/http"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

type appID struct {
	ID string `path:"id" noun:"app" doc:"The app's id." example:"acme"`
}

type listAppsInput struct{ paging }

func (a *api) listApps(c *call, in listAppsInput) (wire.Page[bellhop.App], error) {
	after, err := cursorApps.text(in.Cursor)
	if err != nil {
		return wire.Page[bellhop.App]{}, err
	}
	only, err := c.apps("")
	if err != nil {
		return wire.Page[bellhop.App]{}, err
	}
	apps := a.b.Apps(only, after, in.more())
	position := func(app bellhop.App) string { return encodeCursor(cursorApps, []byte(app.ID)) }
	return page(in.paging, apps, position, same), nil
}

func (a *api) getApp(c *call, in appID) (bellhop.App, error) { return c.app(in.ID) }

type createAppInput struct {
	Body *wire.AppInput
}

func (a *api) createApp(c *call, in createAppInput) (bellhop.App, error) {
	app := bellhop.App{}
	if in.Body != nil {
		app = bellhop.App{ID: in.Body.ID, Name: in.Body.Name, Metadata: in.Body.Metadata}
	}
	if _, err := a.b.App(app.ID); err == nil {
		return bellhop.App{}, problem(bellhop.CodeConflict, "There is an app of this id already: change it with PATCH or PUT /v1/apps/"+clip(app.ID))
	}
	saved, _, err := a.b.SaveApp(c.ctx(), c.actor(), app)
	return saved, err
}

type putAppInput struct {
	appID
	Body wire.AppPut
}

func (a *api) putApp(c *call, in putAppInput) (bellhop.App, error) {
	if !c.key.Sees(in.ID) {
		return bellhop.App{}, missing("app", in.ID)
	}
	saved, created, err := a.b.SaveApp(c.ctx(), c.actor(), bellhop.App{ID: in.ID, Name: in.Body.Name, Metadata: in.Body.Metadata})
	if created {
		c.status = http.StatusCreated
	}
	return saved, err
}

type patchAppInput struct {
	appID
	Body wire.AppPatch
}

func (a *api) patchApp(c *call, in patchAppInput) (bellhop.App, error) {
	app, err := c.app(in.ID)
	if err != nil {
		return app, err
	}
	if in.Body.Name.Set {
		app.Name = in.Body.Name.Value
	}
	if in.Body.Metadata.Set {
		app.Metadata = in.Body.Metadata.Value
	}
	saved, _, err := a.b.SaveApp(c.ctx(), c.actor(), app)
	return saved, err
}

func (a *api) deleteApp(c *call, in appID) (none, error) {
	if _, err := c.app(in.ID); err != nil {
		return none{}, err
	}
	return none{}, a.b.DeleteApp(c.ctx(), c.actor(), in.ID)
}

// same shows an object as it is.
func same[T any](v T) T { return v }
