package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/internal/script"
	"github.com/bellhop/bellhop/recipe"
)

// PreviewRequest asks what a request would look like.
type PreviewRequest struct {
	// Endpoint has the settings of an endpoint that need not exist. What is not
	// set has its default, or a sample.
	Endpoint bellhop.EndpointChange
	// App is the event's where the endpoint names none. Default: the first that
	// the principal is limited to, or a sample.
	App string
	// Type is the event's. Default: that of its recipe's sample, or else that of an event
	// that the endpoint would get: a recent one, or an example of the catalogue, or one of
	// its patterns' names.
	Type    string
	Subject string
	// Data is the event's. Default: that of the event that gave its type, or the
	// catalogue's example of the type, or what its schema describes, or a sample.
	Data bellhop.JSON
}

// Preview is a request as it would be sent.
type Preview struct {
	Method, URL string
	// Header is in the order in which it is sent.
	Header []HeaderField
	Body   []byte
	// Recent is how the settings would do with the newest events of the apps that
	// they name; nil if they name none, or it cannot be said.
	Recent *Recent
	// Secret is the sample that the request is signed with; empty if a secret was
	// given.
	Secret string
}

// HeaderField is one header field of a request.
type HeaderField struct{ Name, Value string }

// What a preview shows where nothing was chosen.
const (
	sampleURL = "https://example.com/hooks"
	sampleApp = "acme"
)

// Preview makes the request that an endpoint with these settings would be sent. It
// sends nothing, saves nothing, and uses no existing endpoint's secret. It takes one
// of the slots of tests, since to compile and sign whatever is asked for costs time:
// beyond them it fails with a CodeTooMany error.
func (d *Desk) Preview(ctx context.Context, p bellhop.Principal, ask PreviewRequest) (Preview, error) {
	if err := Permits(p, "previewEndpoint"); err != nil {
		return Preview{}, err
	}
	if err := d.mayTransform(p, nil, ask.Endpoint.Transform.Value); err != nil {
		return Preview{}, placed("endpoint.", err)
	}
	h, err := d.rehearse(ctx, p, ask, nil)
	if err != nil {
		return Preview{}, err
	}
	defer h.release()
	made, unmade := d.e.Sender().Make(script.ForPeople(ctx), h.route, h.signer, h.message)
	if unmade != nil {
		return Preview{}, bellhop.Invalid("No request can be made of this event",
			bellhop.FieldError{Field: "data", Code: unmade.Reason, Detail: unmade.Detail})
	}
	v, err := d.previewOf(made, h.sample)
	if err == nil && len(ask.Endpoint.Apps.Value) > 0 {
		if recent, err := d.recent(ctx, p, h.route); err == nil {
			v.Recent = &recent
		}
	}
	return v, err
}

// rehearsal is all that a request is made of which is not sent.
type rehearsal struct {
	route   *routes.Route
	signer  *dialect.Signer
	sample  string // the secret, if it is a sample
	message dialect.Message
	// release gives back the slot that it takes.
	release func()
}

// rehearse makes ready what is asked for: with an event that happened, or else with the
// one that is described.
func (d *Desk) rehearse(ctx context.Context, p bellhop.Principal, ask PreviewRequest, past *bellhop.Event) (h rehearsal, err error) {
	if err := d.namedApps(p, &ask.Endpoint); err != nil {
		return h, placed("endpoint.", err)
	}
	if err := d.listens(p, ask.Endpoint.Apps.Value); err != nil {
		return h, placed("endpoint.", err)
	}
	switch {
	case ask.App != "":
		if err := d.knownApp(p, "app", ask.App); err != nil {
			return h, err
		}
	case !p.Scope.All && len(p.Scope.Apps) > 0:
		ask.App = p.Scope.Apps[0]
	}
	now := d.now()
	i := id.Next[id.Endpoint](d.e.IDs(), now)
	apps := ask.Endpoint.Apps.Value
	if len(apps) == 0 {
		apps = []string{cmp.Or(ask.App, sampleApp)}
	}
	if h.release, err = d.e.TrialSlot(i, apps); err != nil {
		return h, err
	}
	defer func() {
		if err != nil {
			h.release()
		}
	}()
	e, sample, err := d.previewEndpoint(ctx, ask, i, now)
	if err != nil {
		return h, placed("endpoint.", err)
	}
	h.sample = sample
	if past != nil {
		h.message = dialect.Message{ID: past.ID.String(), App: past.App, Type: past.Type, Subject: past.Subject, Time: past.CreatedAt(), Data: past.Data, Timestamp: now}
	} else {
		event, err := d.previewEvent(ctx, p, bellhop.Only(p.Scope.Visible(ask.Endpoint.Apps.Value)...), ask, e)
		if err != nil {
			return h, err
		}
		h.message = dialect.Message{
			ID: id.Next[id.Event](d.e.IDs(), now).String(), App: event.App, Type: event.Type, Subject: event.Subject,
			Time: now, Data: event.Data, Timestamp: now,
		}
	}
	h.route = d.e.Routes().Compile(e)
	if h.signer, err = h.route.Signer(now); err != nil {
		return h, fmt.Errorf("sign a preview: %w", err)
	}
	return h, nil
}

// previewEndpoint is the endpoint that a preview is for, and the sample secret if
// that is what it signs with.
func (d *Desk) previewEndpoint(ctx context.Context, ask PreviewRequest, i bellhop.EndpointID, now time.Time) (e bellhop.Endpoint, sample string, err error) {
	c := ask.Endpoint
	if c.URL.Value == "" && c.Recipe.Value == "" {
		c.URL = bellhop.Of(sampleURL)
	}
	c.Apps.Set = len(c.Apps.Value) > 0
	if x := d.e.Routes().Recipe(c.Recipe.Value); x != nil {
		d.previewRecipe(&c, x.Definition())
	}
	e = bellhop.Endpoint{ID: i, CreatedAt: now, UpdatedAt: now}
	fields := slices.DeleteFunc(d.apply(ctx, &e, c), isCredential) // a request shows where they go without them
	secrets, newest, wrong, err := d.firstSecrets(&e, &c, now)
	if err != nil {
		return e, "", err
	}
	if c.Secret.Value == "" && len(c.Secrets.Value) == 0 {
		sample = newest
	}
	fields = append(fields, wrong...)
	if len(fields) > 0 {
		return e, "", endpointError(fields)
	}
	if len(e.Apps) == 0 {
		e.Apps = []string{cmp.Or(ask.App, sampleApp)}
	}
	e.Secrets = secrets
	return e, sample, nil
}

// previewRecipe fills in what an endpoint that follows a recipe has in the end.
func (d *Desk) previewRecipe(c *bellhop.EndpointChange, def recipe.Definition) {
	if c.URL.Value == "" {
		c.URL = bellhop.Field[string]{}
		if def.Address.Default == "" {
			c.URL = bellhop.Of(def.Address.Placeholder)
		}
	}
	if def.Auth != nil && !def.Auth.Optional && !c.Auth.Set {
		c.Auth = bellhop.Of(&bellhop.AuthChange{})
	}
}

// isCredential tells whether something is wrong only for want of a credential.
func isCredential(f bellhop.FieldError) bool {
	return f.Code == "required" && strings.HasPrefix(f.Field, "auth.")
}

// previewEvent is the event that a preview shows.
func (d *Desk) previewEvent(ctx context.Context, p bellhop.Principal, scope bellhop.Scope, ask PreviewRequest, e bellhop.Endpoint) (engine.Publication, error) {
	event := engine.Publication{App: e.Apps[0], Type: ask.Type, Subject: ask.Subject, Data: ask.Data}
	if event.Type == "" && e.Recipe == "" {
		fits, ok := d.fittingEvent(ctx, p, scope, d.e.Routes().Compile(e))
		switch {
		case ok && len(ask.Data) == 0:
			event = fits
			event.Subject = cmp.Or(ask.Subject, fits.Subject)
		case ok:
			event.Type = fits.Type
		default:
			event.Type = patternType(e.TermsOf(event.App).Events)
		}
	}
	if event.Type == "" {
		events := e.TermsOf(event.App).Events
		named := slices.IndexFunc(events, func(t string) bool { return !strings.HasSuffix(t, "*") && !strings.HasPrefix(t, routes.OwnTypes) })
		var subject string
		event.Type, subject = d.testType(&e)
		if wants, err := match.CompileTypes(events); named >= 0 && (err != nil || !wants.Match(event.Type)) {
			event.Type = events[named]
		} else {
			event.Subject = cmp.Or(ask.Subject, subject)
		}
	}
	if len(event.Data) == 0 {
		if t, err := d.visibleType(p, event.Type); err == nil {
			event.Data = d.exampleOf(&t)
		}
	}
	if len(event.Data) == 0 {
		event.Data = d.testData(p, event.Type, &e)
	}
	err := d.e.CheckPublication(ctx, &event)
	switch code := bellhop.CodeOf(err); {
	case code == bellhop.CodeUnknownType, code == bellhop.CodeArchivedType:
		return event, nil // it shows a form, which is none of the catalogue's business
	case code == bellhop.CodeInvalidData && len(ask.Data) == 0:
		return event, nil // the sample is ours
	}
	return event, err
}

func (d *Desk) previewOf(made send.Made, sample string) (Preview, error) {
	request := made.Request
	if made.Mail != nil { // it has the headers of a mail, which are in its body
		return Preview{Method: request.Method, URL: made.ShownURL, Header: []HeaderField{}, Body: request.Body, Secret: sample}, nil
	}
	request.Header = made.ShownHeader
	fields, err := d.e.Sender().Fields(request)
	if err != nil {
		return Preview{}, fmt.Errorf("preview: %w", err)
	}
	v := Preview{Method: request.Method, URL: made.ShownURL, Body: request.Body, Secret: sample}
	for _, f := range fields {
		v.Header = append(v.Header, HeaderField(f))
	}
	return v, nil
}

// placed names the fields at fault by their place in a larger request.
func placed(place string, err error) error {
	e, ok := errors.AsType[*bellhop.Error](err)
	if !ok {
		return err
	}
	moved := *e
	moved.Fields = slices.Clone(e.Fields)
	for i := range moved.Fields {
		moved.Fields[i].Field = place + moved.Fields[i].Field
	}
	return &moved
}
