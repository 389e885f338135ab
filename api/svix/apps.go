package svix

import (
	"encoding/base64"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine/routes"
)

type appIn struct {
	Name         string                 `json:"name" minLength:"1"`
	UID          bellhop.Field[*string] `json:"uid,omitempty"`
	ThrottleRate *int                   `json:"throttleRate,omitempty" minimum:"1" maximum:"65535"`
	RateLimit    *int                   `json:"rateLimit,omitempty" minimum:"1" maximum:"65535"`
	Metadata     map[string]string      `json:"metadata,omitempty"`
}

type appPatch struct {
	Name         bellhop.Field[*string]            `json:"name,omitempty" nullable:"false"`
	UID          bellhop.Field[*string]            `json:"uid,omitempty"`
	ThrottleRate bellhop.Field[*int]               `json:"throttleRate,omitempty" minimum:"1" maximum:"65535"`
	RateLimit    bellhop.Field[*int]               `json:"rateLimit,omitempty" minimum:"1" maximum:"65535"`
	Metadata     bellhop.Field[*map[string]string] `json:"metadata,omitempty" nullable:"false"`
}

type appOut struct {
	UID          string            `json:"uid,omitempty"`
	Name         string            `json:"name"`
	ThrottleRate *int              `json:"throttleRate,omitempty"`
	RateLimit    *int              `json:"rateLimit,omitempty"`
	ID           string            `json:"id" example:"app_38G04Y6NR0400"`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
	Metadata     map[string]string `json:"metadata" example:"{}"`
}

func showApp(app *bellhop.App) (appOut, error) {
	rate := throttleOf(app.RateLimit)
	return appOut{
		UID: app.UID, Name: app.Name, ThrottleRate: rate, RateLimit: rate, ID: app.ID,
		CreatedAt: app.CreatedAt, UpdatedAt: app.UpdatedAt, Metadata: orEmpty(app.Metadata),
	}, nil
}

// orEmpty is a map that is shown as an object, and never as null.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// mostThrottle is the highest throttleRate.
const mostThrottle = math.MaxUint16

// throttleOf shows a limit in whole messages a second, and none for none.
func throttleOf(l *bellhop.RateLimit) *int {
	if l == nil {
		return nil
	}
	n := min(max(1, int(math.Round(l.PerSecond))), mostThrottle)
	return &n
}

// leaveLimit has a change leave a limit as it is that it gives as it is shown here: natively
// it may be a fraction, and have bursts of its own.
func leaveLimit(to *bellhop.Field[*bellhop.RateLimit], has *bellhop.RateLimit) {
	if to.Set && to.Value != nil && has != nil && *throttleOf(to.Value) == *throttleOf(has) {
		to.Set = false
	}
}

// limitOf is the limit of so many messages a second, in bursts of as many.
func limitOf(perSecond *int) *bellhop.RateLimit {
	if perSecond == nil {
		return nil
	}
	return &bellhop.RateLimit{PerSecond: float64(*perSecond), Burst: *perSecond}
}

// either is a field that has two names, by the one that is given. Two that differ are refused:
// one of them would be dropped.
func either[T any](name, other string, x, y *T) (*T, error) {
	switch {
	case x == nil:
		return y, nil
	case y != nil && !reflect.DeepEqual(*x, *y):
		return nil, differ(name, other)
	}
	return x, nil
}

// differ is the error of two names of one field that do not say the same.
func differ(name, other string) error {
	return wrong(other, "twice", "and "+name+" are two names of one field, and differ: give one of them")
}

// uidForm is what a uid may look like.
var uidForm = regexp.MustCompile(`^[a-zA-Z0-9\-_.]{1,256}$`)

// checkUID refuses a uid that could be taken for one of Bellhop's ids.
func checkUID(field, uid string, prefixes ...string) error {
	if !uidForm.MatchString(uid) {
		return wrong(field, "uid", "must be 1 to 256 letters, digits, and - _ .")
	}
	for _, p := range prefixes {
		if strings.HasPrefix(uid, p) {
			return wrong(field, "uid", "must not begin with "+p+", since ids do")
		}
	}
	return nil
}

const appPrefix = "app_"

// change is what the app is to be as a whole, and its uid, "" for none.
func (in *appIn) change() (c desk.AppChange, uid string, err error) {
	if uid, err = newUID(in.UID, appPrefix); err != nil {
		return c, "", err
	}
	rate, err := either("throttleRate", "rateLimit", in.ThrottleRate, in.RateLimit)
	return desk.AppChange{
		Name: bellhop.Of(in.Name), Metadata: bellhop.Of(in.Metadata), UID: bellhop.Of(uid), RateLimit: bellhop.Of(limitOf(rate)),
	}, uid, err
}

// newUID is a uid that is to be set, "" for none.
func newUID(f bellhop.Field[*string], prefixes ...string) (string, error) {
	if f.Value == nil {
		return "", nil
	}
	return *f.Value, checkUID("uid", *f.Value, prefixes...)
}

// keepsUID tells whether a replacement leaves an object's uid as it is: it does not speak of
// it, and found the object by it, or to repeat it would make another object. One that found
// the object by its id takes the uid away, as at Svix.
func keepsUID(f bellhop.Field[*string], path, uid string) bool { return !f.Set && path == uid }

type appID struct {
	App string `path:"app_id" noun:"app" doc:"The id of an application, or its uid." example:"acme"`
}

type listAppsIn struct {
	paging
	ordering
	NoEndpoints bool `query:"exclude_apps_with_no_endpoints" doc:"Leaves out those without endpoints."`
	Disabled    bool `query:"exclude_apps_with_disabled_endpoints" doc:"Leaves out those that have endpoints, all of them disabled."`
	Play        bool `query:"exclude_apps_with_svix_play_endpoints" doc:"Leaves out those that have endpoints, all of them at Svix Play."`
}

// keeps tells whether an app is listed.
func (in *listAppsIn) keeps(_ *bellhop.App, endpoints []*routes.Route) bool {
	all := func(is func(*routes.Route) bool) bool {
		for _, r := range endpoints {
			if !is(r) {
				return false
			}
		}
		return len(endpoints) > 0
	}
	return (!in.NoEndpoints || len(endpoints) > 0) &&
		(!in.Disabled || !all(func(r *routes.Route) bool { return r.Status == bellhop.EndpointDisabled })) &&
		(!in.Play || !all(func(r *routes.Route) bool {
			u, err := url.Parse(r.URL)
			return err == nil && u.Hostname() == "play.svix.com"
		}))
}

func (a *API) listApps(c *api.Call, in listAppsIn) (page[appOut], error) {
	s := in.step()
	behind, err := appPlace(s.at)
	if err != nil {
		return page[appOut]{}, err
	}
	apps, err := a.desk.AppsByAge(c.Context(), c.Principal(), behind, in.newest(s, "ascending"), s.limit+1, in.keeps)
	if err != nil {
		return page[appOut]{}, err
	}
	return pageOf(s, apps, func(app *bellhop.App) string { return placeText(routes.PlaceOf(app)) }, showApp)
}

// placeText is the iterator of an app: its place stays where it is when it is deleted.
func placeText(p desk.AppPlace) string {
	return base64.RawURLEncoding.EncodeToString([]byte("a" + strconv.FormatInt(p.CreatedAt.UnixMicro(), 10) + " " + p.ID))
}

// appPlace reads what placeText wrote; "" is the beginning.
func appPlace(text string) (*desk.AppPlace, error) {
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	at, id, ok := strings.Cut(strings.TrimPrefix(string(b), "a"), " ")
	micros, bad := strconv.ParseInt(at, 10, 64)
	if err != nil || !ok || bad != nil || !strings.HasPrefix(string(b), "a") || len(id) > 64 || !validText(id) {
		return nil, errIterator()
	}
	return &desk.AppPlace{CreatedAt: time.UnixMicro(micros).UTC(), ID: id}, nil
}

type createAppIn struct {
	GetIfExists bool `query:"get_if_exists" doc:"Answers the application that has the uid already, if there is one, with 200."`
	Body        appIn
}

func (a *API) createApp(c *api.Call, in createAppIn) (appOut, error) {
	change, uid, err := in.Body.change()
	if err != nil {
		return appOut{}, err
	}
	var app bellhop.App
	made := true
	if in.GetIfExists && uid != "" {
		app, made, err = a.appOrNew(c, uid, change)
	} else {
		app, err = a.desk.CreateApp(c.Context(), c.Principal(), "", change)
	}
	if err != nil {
		return appOut{}, err
	}
	if !made {
		c.Answer(http.StatusOK)
	}
	return showApp(&app)
}

// appOrNew gives the app of a uid, which is made if there is none.
func (a *API) appOrNew(c *api.Call, uid string, change desk.AppChange) (app bellhop.App, made bool, err error) {
	return upsert(
		func() (bellhop.App, error) { return a.desk.AppNamed(c.Context(), c.Principal(), uid) },
		func(error) (bellhop.App, bool, error) {
			app, err := a.desk.CreateApp(c.Context(), c.Principal(), "", change)
			return app, bellhop.CodeOf(err) == bellhop.CodeConflict, err
		})
}

func (a *API) getApp(c *api.Call, in appID) (appOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return appOut{}, err
	}
	return showApp(&app)
}

type putAppIn struct {
	appID
	Body appIn
}

// putApp replaces an app. One that there is not is made with the uid that was asked for:
// that of the body, or the one in the path.
func (a *API) putApp(c *api.Call, in putAppIn) (appOut, error) {
	change, uid, err := in.Body.change()
	if err != nil {
		return appOut{}, err
	}
	app, made, err := upsert(
		func() (bellhop.App, error) {
			app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
			if err != nil {
				return app, err
			}
			replaced := change
			replaced.UID.Set = !keepsUID(in.Body.UID, in.App, app.UID)
			leaveLimit(&replaced.RateLimit, app.RateLimit)
			return a.desk.PatchApp(c.Context(), c.Principal(), app.ID, replaced)
		},
		func(missing error) (bellhop.App, bool, error) {
			asked := change
			if uid == "" {
				if checkUID("app_id", in.App, appPrefix) != nil {
					return bellhop.App{}, false, missing
				}
				asked.UID = bellhop.Of(in.App)
			}
			app, err := a.desk.CreateApp(c.Context(), c.Principal(), "", asked)
			if bellhop.CodeOf(err) != bellhop.CodeConflict {
				return app, false, err
			}
			_, free := a.desk.AppNamed(c.Context(), c.Principal(), asked.UID.Value)
			return app, asked.UID.Value == in.App || bellhop.IsNotFound(free), err
		})
	if err != nil {
		return appOut{}, err
	}
	if made {
		c.Answer(http.StatusCreated)
	}
	return showApp(&app)
}

type patchAppIn struct {
	appID
	Body appPatch
}

func (a *API) patchApp(c *api.Call, in patchAppIn) (appOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return appOut{}, err
	}
	b := &in.Body
	var faults api.Faults
	change := desk.AppChange{Name: neverNull(&faults, "name", b.Name), Metadata: neverNull(&faults, "metadata", b.Metadata)}
	if change.Name.Set && change.Name.Value == "" {
		faults.Add(bellhop.FieldError{Field: "name", Code: "length", Detail: api.IsEmpty})
	}
	if err := faults.Err(); err != nil {
		return appOut{}, err
	}
	if b.UID.Set {
		uid, err := newUID(b.UID, appPrefix)
		if err != nil {
			return appOut{}, err
		}
		change.UID = bellhop.Of(uid)
	}
	rate, err := eitherSet("throttleRate", "rateLimit", b.ThrottleRate, b.RateLimit)
	if err != nil {
		return appOut{}, err
	}
	if rate.Set {
		change.RateLimit = bellhop.Of(limitOf(rate.Value))
		leaveLimit(&change.RateLimit, app.RateLimit)
	}
	if app, err = a.desk.PatchApp(c.Context(), c.Principal(), app.ID, change); err != nil {
		return appOut{}, err
	}
	return showApp(&app)
}

// neverNull is a field that can be set, and cannot be cleared.
func neverNull[T any](faults *api.Faults, name string, f bellhop.Field[*T]) (to bellhop.Field[T]) {
	switch {
	case f.Set && f.Value == nil:
		faults.Add(bellhop.FieldError{Field: name, Code: "null", Detail: "must not be null: give a value, or leave it out"})
	case f.Set:
		to = bellhop.Of(*f.Value)
	}
	return to
}

// eitherSet is either of fields that may be set to null.
func eitherSet[T any](name, other string, x, y bellhop.Field[T]) (bellhop.Field[T], error) {
	switch {
	case !x.Set:
		return y, nil
	case y.Set && !reflect.DeepEqual(x.Value, y.Value):
		return x, differ(name, other)
	}
	return x, nil
}

func (a *API) deleteApp(c *api.Call, in appID) (api.None, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.desk.DeleteApp(c.Context(), c.Principal(), app.ID)
}
