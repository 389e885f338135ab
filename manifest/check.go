package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/engine/routes"
)

// refusal is why a step cannot be made, as far as it is known before it is tried.
type refusal struct{ error }

// Check asks what can be known of the steps without making them: the server checks the
// settings of endpoints as if it were to make a request, schemas are compiled here, and apps
// must be there. What is wrong with a step is its Refused from then on. Bounds of apps and
// keys, how many endpoints an app may have, and rights to single objects are not asked for:
// of these only Apply tells.
func (p *Plan) Check(ctx context.Context, c *client.Client) error {
	k := checker{c: c, apps: map[string]bool{bellhop.AllApps: true}, coming: map[string]bool{}}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.kind == Apps && s.Action == Create {
			k.coming[s.want.Text("id")] = true
		}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.refusal == nil && s.Action != Delete {
			err := k.step(ctx, s)
			if r, ok := errors.AsType[refusal](err); ok {
				s.refusal = r
			} else if err != nil {
				return fmt.Errorf("check the %s %s: %w", s.Kind, s.Name, err)
			}
		}
	}
	return nil
}

// Refused is why the step cannot be made, if that is known; nil if it is not.
func (s *Step) Refused() error { return s.refusal }

type checker struct {
	c *client.Client
	// apps are those that were asked for, with whether they are there; coming are those that
	// the plan makes.
	apps, coming map[string]bool
}

func (k *checker) step(ctx context.Context, s *Step) error {
	switch s.kind {
	case EventTypes:
		return checkSchemas(s.want)
	case Endpoints:
		return k.endpoint(ctx, s)
	}
	return nil
}

// checkSchemas refuses schemas of an event type that are none.
func checkSchemas(o *Object) error {
	schemas := map[string]bellhop.JSON{}
	_ = json.Unmarshal(o.Fields["earlier_schemas"], &schemas) // none, or checked when it was read
	named := map[string]bellhop.JSON{"schema": o.Fields["schema"]}
	for version, schema := range schemas {
		named["earlier_schemas."+version] = schema
	}
	for _, field := range slices.Sorted(maps.Keys(named)) {
		if canonical(field, named[field]) == "" {
			continue
		}
		_, err := routes.CompileSchema(named[field])
		if e, ok := errors.AsType[*routes.SchemaError](err); ok {
			return refusal{fmt.Errorf("%s%s %s", field, e.Pointer, e.Detail)}
		} else if err != nil {
			return err
		}
	}
	return nil
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
	apps := s.want.Apps()
	for _, app := range apps {
		there, err := k.app(ctx, app)
		if err != nil {
			return err
		}
		if !there {
			return refusal{fmt.Errorf("apps: there is no app %q, and the document makes none", clip(app, 80))}
		}
	}
	if len(apps) == 0 || slices.ContainsFunc(apps, func(app string) bool { return !k.apps[app] }) {
		delete(fields, "apps") // the server has them only once the steps are made
	}
	var secrets []Secret
	_ = json.Unmarshal(fields["secrets"], &secrets) // none, or checked when it was read
	for _, r := range s.rotations {
		secrets = []Secret{{Secret: r.secret}}
	}
	for _, field := range []string{"id", "secrets"} {
		delete(fields, field)
	}
	in, err := as[client.EndpointInput](fields)
	if err != nil {
		return refusal{err}
	}
	if len(secrets) > 0 {
		in.Secret = bellhop.Of(secrets[0].Secret)
	}
	err = again(ctx, func() error {
		_, err := k.c.PreviewEndpoint(ctx, client.PreviewInput{Endpoint: in})
		return err
	})
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok || !refused(err) {
		return err
	}
	if problem.Status == http.StatusForbidden {
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

// app tells whether an app is there, or will be.
func (k *checker) app(ctx context.Context, app string) (bool, error) {
	if k.coming[app] {
		return true, nil
	}
	if there, asked := k.apps[app]; asked {
		return there, nil
	}
	err := again(ctx, func() error {
		_, err := k.c.App(ctx, app)
		return err
	})
	if problem, ok := errors.AsType[*client.Problem](err); ok && (problem.Status == http.StatusNotFound || problem.Status == http.StatusUnprocessableEntity) {
		k.apps[app] = false
		return false, nil
	}
	k.apps[app] = err == nil
	return err == nil, err
}
