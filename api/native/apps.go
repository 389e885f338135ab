package native

import (
	"net/http"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

type appID struct {
	ID string `path:"id" noun:"app" doc:"The app's id." example:"acme"`
}

type listAppsInput struct {
	api.Paging
	UID string `query:"uid" doc:"Only the app that has this uid." example:"tenant.42"`
}

func (n *native) listApps(c *api.Call, in listAppsInput) (wire.Page[bellhop.App], error) {
	after, err := cursorApps.Text(in.Cursor)
	if err != nil {
		return wire.Page[bellhop.App]{}, err
	}
	if in.UID != "" {
		return n.appOfUID(c, in)
	}
	apps, err := n.desk.Apps(c.Context(), c.Principal(), after, in.More())
	if err != nil {
		return wire.Page[bellhop.App]{}, err
	}
	position := func(app bellhop.App) string { return cursorApps.AtText(app.ID) }
	return counted(in.Paging, page(in.Paging, apps, position, same), func() (int, error) { return n.desk.CountApps(c.Context(), c.Principal()) })
}

// appOfUID is a list of one app or none.
func (n *native) appOfUID(c *api.Call, in listAppsInput) (wire.Page[bellhop.App], error) {
	app, err := n.desk.AppOfUID(c.Context(), c.Principal(), in.UID)
	found := []bellhop.App{app}
	if bellhop.IsNotFound(err) {
		found, err = nil, nil
	}
	if err != nil {
		return wire.Page[bellhop.App]{}, err
	}
	position := func(app bellhop.App) string { return cursorApps.AtText(app.ID) }
	return counted(in.Paging, page(in.Paging, found, position, same), func() (int, error) { return len(found), nil })
}

func (n *native) getApp(c *api.Call, in appID) (bellhop.App, error) {
	return n.desk.App(c.Context(), c.Principal(), in.ID)
}

type createAppInput struct {
	Body *wire.AppInput
}

func (n *native) createApp(c *api.Call, in createAppInput) (bellhop.App, error) {
	app := wire.AppInput{}
	if in.Body != nil {
		app = *in.Body
	}
	change := appChange(wire.AppPut{
		Name: app.Name, Metadata: app.Metadata, MaxEndpoints: &app.MaxEndpoints,
		Dialects: app.Dialects, DialectOptions: app.DialectOptions, UID: &app.UID, RateLimit: app.RateLimit,
	})
	change.Imported = bellhop.Of(app.Imported)
	return n.desk.CreateApp(c.Context(), c.Principal(), app.ID, change)
}

type putAppInput struct {
	appID
	Body wire.AppPut
}

func (n *native) putApp(c *api.Call, in putAppInput) (bellhop.App, error) {
	saved, created, err := n.desk.PutApp(c.Context(), c.Principal(), in.ID, appChange(in.Body))
	if created {
		c.Answer(http.StatusCreated)
	}
	return saved, err
}

// appChange sets what is given; what is zero has its default.
func appChange(p wire.AppPut) desk.AppChange {
	c := desk.AppChange{
		Name: bellhop.Of(p.Name), Metadata: bellhop.Of(p.Metadata),
		Dialects: bellhop.Of(p.Dialects), DialectOptions: bellhop.Of(p.DialectOptions), RateLimit: bellhop.Of(p.RateLimit),
	}
	if p.UID != nil {
		c.UID = bellhop.Of(*p.UID)
	}
	if p.MaxEndpoints != nil {
		c.MaxEndpoints = bellhop.Of(*p.MaxEndpoints)
	}
	return c
}

type patchAppInput struct {
	appID
	Body wire.AppPatch
}

func (n *native) patchApp(c *api.Call, in patchAppInput) (bellhop.App, error) {
	return n.desk.PatchApp(c.Context(), c.Principal(), in.ID, desk.AppChange(in.Body))
}

func (n *native) deleteApp(c *api.Call, in appID) (api.None, error) {
	return api.None{}, n.desk.DeleteApp(c.Context(), c.Principal(), in.ID)
}
