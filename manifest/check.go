package manifest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
)

// refusal is why a step cannot be made, as far as it is known before it is tried.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// wrong is a refusal for what is wrong with fields, in the words of the API; nil if nothing is.
func wrong(detail string, fields []bellhop.FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return refusal{bellhop.Invalid(detail, fields...)}
}

// Check asks what can be known of the steps without making them: apps, event types and keys
// are checked here by the server's own rules, the server checks the settings of endpoints as if it
// were to make a request, apps must be there, and have room for the endpoints. What is wrong with a
// step is its Refused from then on, or, of objects that are Partial, among its Without. Rights to
// single objects are not asked for: of these only Apply tells.
func (p *Plan) Check(ctx context.Context, c *client.Client) error {
	k := checker{c: c, apps: map[string]*bellhop.App{}, named: map[string]string{}, members: map[string]int{}}
	for i := range p.have[Apps] {
		o := &p.have[Apps][i]
		for _, field := range []string{"id", "uid"} {
			k.named[o.Text(field)] = o.Text("id")
		}
	}
	for i := range p.have[Endpoints] {
		for _, app := range p.have[Endpoints][i].Apps() {
			k.members[app]++
		}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		p.progress("steps checked", i+1)
		if s.refusal != nil || s.Action == Delete {
			continue
		}
		err := k.step(ctx, s)
		for s.goWithout(err) {
			err = k.step(ctx, s)
		}
		if r, ok := errors.AsType[refusal](err); ok {
			s.refusal = r
		} else if err != nil {
			return fmt.Errorf("check the %s %s: %w", s.Kind, s.Name, err)
		}
	}
	return nil
}

// Refused is why the step cannot be made, if that is known; nil if it is not.
func (s *Step) Refused() error { return s.refusal }

type checker struct {
	c *client.Client
	// apps are those that were asked for, or that the plan makes; nil are those that are not there.
	apps map[string]*bellhop.App
	// named are the ids of apps by their ids and uids, where the plan speaks of apps.
	named map[string]string
	// members counts the endpoints of apps.
	members map[string]int
	// usual is how many endpoints an app may have that does not say; 0 if that was not asked for.
	usual    int
	dialects map[string]*dialect.Dialect
}

func (k *checker) step(ctx context.Context, s *Step) error {
	if s.Nothing() && !s.noted() {
		return nil
	}
	if err := s.fits(); err != nil {
		return err
	}
	switch s.kind {
	case Apps:
		return k.checkApp(ctx, s)
	case EventTypes:
		return k.checkEventType(ctx, s)
	case Keys:
		return k.checkKey(ctx, s)
	}
	return k.endpoint(ctx, s)
}

// checkApp checks an app as it would be.
func (k *checker) checkApp(ctx context.Context, s *Step) error {
	fields := given(s.want.Fields)
	if s.have != nil {
		fields = maps.Clone(s.have.Fields)
		maps.Copy(fields, s.changed())
	}
	app, err := as[bellhop.App](fields)
	if err != nil {
		return refusal{err}
	}
	wrongs := app.Check()
	if len(app.Dialects)+len(app.DialectOptions) > 0 {
		if err := k.learnDialects(ctx); err != nil {
			return err
		}
		given := s.changed()
		if s.have == nil {
			given = s.want.Fields
		}
		var names []string
		var options map[string]map[string]string
		_, _ = json.Unmarshal(given["dialects"], &names), json.Unmarshal(given["dialect_options"], &options) // decoded above
		wrongs = append(wrongs, routes.CheckAppDialects(names, options, func(name string) *dialect.Dialect { return k.dialects[name] })...)
	}
	if err := wrong("The app is not valid", wrongs); err != nil {
		return err
	}
	if s.have != nil {
		app.CreatedAt = time.Now() // it is there already
		if was := s.have.Text("uid"); k.named[was] == app.ID && was != app.ID {
			delete(k.named, was)
		}
	}
	for _, field := range []string{"id", "uid"} {
		name := app.ID
		if field == "uid" {
			name = app.UID
		}
		if of := k.named[name]; name != "" && of != "" && of != app.ID {
			return refusal{bellhop.AppNameTaken(field, name)}
		}
	}
	k.named[app.ID], k.apps[app.ID] = app.ID, &app
	if app.UID != "" {
		k.named[app.UID] = app.ID
	}
	return nil
}

// learnDialects asks for the server's dialects, once.
func (k *checker) learnDialects(ctx context.Context) error {
	if k.dialects != nil {
		return nil
	}
	list, err := k.c.Dialects(ctx)
	if err != nil {
		return err
	}
	k.dialects = map[string]*dialect.Dialect{}
	for _, definition := range list {
		d, err := dialect.Compile(definition)
		if err != nil {
			return fmt.Errorf("the server's dialect %s: %w", definition.Name, err)
		}
		k.dialects[definition.Name] = d
	}
	return nil
}

func (k *checker) checkEventType(ctx context.Context, s *Step) error {
	fields := s.wholeEventType()
	t, err := as[bellhop.EventType](fields)
	if err != nil {
		return refusal{err}
	}
	t.Name = s.Name
	wrongs, err := routes.CheckEventType(ctx, &t)
	if err != nil {
		return err
	}
	return wrong("The event type is not valid", wrongs)
}

func (k *checker) checkKey(ctx context.Context, s *Step) error {
	in, err := s.keyInput()
	if err != nil {
		return refusal{err}
	}
	r := bellhop.KeyRequest{Name: in.Name, Role: in.Role, Apps: in.Apps, ExpiresIn: in.ExpiresIn, Hash: new([32]byte)}
	if n, err := hex.Decode(r.Hash[:], []byte(in.TokenSHA256)); err != nil || n != len(r.Hash) {
		return wrong("The key is not valid", []bellhop.FieldError{{Field: "token_sha256", Code: "format", Detail: "must be 64 hexadecimal digits"}})
	}
	if err := wrong("The key is not valid", r.Check()); err != nil {
		return err
	}
	return k.appsAreThere(ctx, in.Apps)
}

// appsAreThere refuses apps that are not there when a step is made.
func (k *checker) appsAreThere(ctx context.Context, apps []string) error {
	for i, app := range apps {
		if app == bellhop.AllApps {
			continue
		}
		a, err := k.app(ctx, app)
		if err != nil {
			return err
		}
		if a == nil {
			return refusal{bellhop.UnknownApp(fmt.Sprintf("apps[%d]", i), app)}
		}
	}
	return nil
}

// room refuses an endpoint that is one too many for an app.
func (k *checker) room(ctx context.Context, apps []string) error {
	for _, app := range apps {
		most := 0
		if a := k.apps[app]; a != nil {
			most = a.MaxEndpoints
		}
		if most == 0 {
			if err := k.learnUsual(ctx); err != nil {
				return err
			}
			most = k.usual
		}
		if n := k.members[app]; n >= most {
			return refusal{fmt.Errorf("apps: the app %s has %d endpoints by then, and may have %d: give it a higher max_endpoints", app, n, most)}
		}
	}
	return nil
}

// learnUsual asks how many endpoints an app may have that does not say, once. Who may not know
// is not told beforehand.
func (k *checker) learnUsual(ctx context.Context) error {
	if k.usual != 0 {
		return nil
	}
	k.usual = math.MaxInt
	list, err := k.c.Settings(ctx)
	if problem, ok := errors.AsType[*client.Problem](err); ok && problem.Status == http.StatusForbidden {
		return nil
	}
	for _, s := range list {
		if n, err := strconv.Atoi(s.Value); err == nil && s.Name == "max_endpoints" {
			k.usual = n
		}
	}
	return err
}

// endpoint has the server check the settings of an endpoint by a preview of its requests.
func (k *checker) endpoint(ctx context.Context, s *Step) error {
	fields := given(s.want.Fields)
	if s.have != nil {
		// What stays is not checked again, but for what says how the rest is meant.
		fields = s.changed()
		for _, field := range []string{"dialect", "recipe", "recipe_fields", "locked"} {
			if v, ok := s.have.Fields[field]; ok && len(fields[field]) == 0 {
				fields[field] = v
			}
		}
	}
	if err := missingCredentials(fields, s.have); err != nil {
		return err
	}
	apps := s.want.Apps()
	if err := k.appsAreThere(ctx, apps); err != nil {
		return err
	}
	joins := apps
	if s.have != nil {
		was := s.have.Apps()
		joins = slices.DeleteFunc(slices.Clone(apps), func(app string) bool { return slices.Contains(was, app) })
	}
	if err := k.room(ctx, joins); err != nil {
		return err
	}
	if slices.ContainsFunc(apps, func(app string) bool { return k.apps[app] != nil && k.apps[app].CreatedAt.IsZero() }) {
		delete(fields, "apps") // the server has them only once the steps are made
	}
	delete(fields, "id")
	if secrets := fields["secrets"]; len(secrets) > 0 {
		fields["secrets"] = valid(secrets)
	}
	if len(s.rotations) > 0 {
		var secrets []Secret
		for _, r := range slices.Backward(s.rotations) {
			secrets = append(secrets, Secret{Secret: r.secret})
		}
		fields["secrets"], _ = encode(secrets) // of text
	}
	in, err := as[client.EndpointInput](fields)
	if err != nil {
		return refusal{err}
	}
	err = again(ctx, func() error {
		_, err := k.c.PreviewEndpoint(ctx, client.PreviewInput{Endpoint: in})
		return err
	})
	problem, ok := errors.AsType[*client.Problem](err)
	if err == nil {
		for _, app := range joins {
			k.members[app]++
		}
	}
	if !ok || !refused(err) {
		return err
	}
	if slices.Contains([]int{http.StatusForbidden, http.StatusBadRequest, http.StatusRequestEntityTooLarge}, problem.Status) {
		return refusal{err}
	}
	// What is wrong only with the sample event is none of the endpoint's business.
	told := *problem
	told.Errors = nil
	for _, f := range problem.Errors {
		var ours bool
		if f.Field, ours = strings.CutPrefix(f.Field, "endpoint."); ours {
			told.Errors = append(told.Errors, f)
		}
	}
	if len(told.Errors) == 0 {
		return nil
	}
	return refusal{&told}
}

// missingCredentials refuses an endpoint that would have no password where it needs one.
func missingCredentials(fields map[string]bellhop.JSON, have *Object) error {
	making, err := as[bellhop.Making](map[string]bellhop.JSON{"auth": fields["auth"], "tls": fields["tls"]})
	if err != nil {
		return refusal{err}
	}
	there := credentials(fields)
	if have != nil {
		var names []string
		_ = json.Unmarshal(have.Fields["credentials"], &names) // a list of the API's
		there = append(there, names...)
	}
	var missing []bellhop.FieldError
	for _, name := range routes.SealedOf(&making) {
		if !slices.Contains(there, name) {
			missing = append(missing, bellhop.FieldError{Field: name, Code: "required", Detail: "is missing: requests cannot authenticate without it"})
		}
	}
	return wrong("The endpoint is not valid", missing)
}

// app gives an app that is there, or will be; nil if none is.
func (k *checker) app(ctx context.Context, name string) (*bellhop.App, error) {
	if app, asked := k.apps[name]; asked {
		return app, nil
	}
	var app bellhop.App
	err := again(ctx, func() (err error) {
		app, err = k.c.App(ctx, name)
		return err
	})
	if problem, ok := errors.AsType[*client.Problem](err); ok && (problem.Status == http.StatusNotFound || problem.Status == http.StatusUnprocessableEntity) {
		k.apps[name] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k.apps[name] = &app
	return &app, nil
}
