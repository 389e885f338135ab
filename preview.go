package bellhop

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// PreviewRequest asks what a request would look like.
type PreviewRequest struct {
	// Endpoint has the settings of an endpoint that need not exist. What is not
	// set has its default, or a sample.
	Endpoint EndpointChange
	// App is the event's where the endpoint names none. Default: a sample.
	App string
	// Type is the event's. Default: the first that the endpoint names in full, or
	// TypeTest.
	Type    string
	Subject string
	// Data is the event's. Default: the catalogue's example of the type, or a
	// sample.
	Data JSON
}

// Preview is a request as it would be sent.
type Preview struct {
	Method, URL string
	// Header is in the order in which it is sent.
	Header []HeaderField
	Body   []byte
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
// sends nothing, saves nothing, and uses no existing endpoint's secret.
func (b *Bellhop) Preview(p PreviewRequest) (Preview, error) {
	now := b.cfg.Now().UTC().Truncate(time.Millisecond)
	e, sample, err := b.previewEndpoint(p, now)
	if err != nil {
		return Preview{}, within("endpoint.", err)
	}
	event, err := b.previewEvent(p, e)
	if err != nil {
		return Preview{}, err
	}
	r := b.compileRoute(e)
	signer, err := r.sign(now)
	if err != nil {
		return Preview{}, fmt.Errorf("sign a preview: %w", err)
	}
	request, err := b.render(r, signer, dialect.Message{
		ID: id.Next[id.Event](b.node.Load().ids, now).String(), App: event.App, Type: event.Type, Subject: event.Subject,
		Time: now, Data: event.Data, Timestamp: now,
	})
	if err != nil {
		return Preview{}, &Error{Code: CodeInvalid, Detail: "The dialect " + e.Dialect + " cannot express this event", Fields: []FieldError{
			{"data", "render", err.Error()},
		}}
	}
	return b.previewOf(request, sample)
}

// previewEndpoint is the endpoint that a preview is for, and the sample secret if
// that is what it signs with.
func (b *Bellhop) previewEndpoint(p PreviewRequest, now time.Time) (e Endpoint, sample string, err error) {
	c := p.Endpoint
	if c.URL.Value == "" {
		c.URL = Of(sampleURL)
	}
	c.Apps.Set = len(c.Apps.Value) > 0
	e = Endpoint{ID: id.Next[id.Endpoint](b.node.Load().ids, now), CreatedAt: now, UpdatedAt: now}
	fields := b.apply(&e, c)
	secret := c.Secret.Value
	if d := b.dialect(e.Dialect); d != nil {
		if secret == "" {
			if sample, err = d.NewSecret(); err != nil {
				return e, "", fmt.Errorf("make a secret: %w", err)
			}
			secret = sample
		} else if err = d.CheckSecret(secret); err != nil {
			fields = append(fields, FieldError{"secret", "secret", err.Error()})
		}
	}
	if len(fields) > 0 {
		return e, "", endpointError(fields)
	}
	if err := b.checkApps(e.Apps); err != nil {
		return e, "", err
	}
	if len(e.Apps) == 0 {
		e.Apps = []string{cmp.Or(p.App, sampleApp)}
	}
	e.Secrets = []Secret{{Sealed: b.cfg.Sealer.Seal([]byte(secret), e.ID.String()), CreatedAt: now}}
	return e, sample, nil
}

// within names the fields at fault by their place in a larger request.
func within(place string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	placed := *e
	placed.Fields = slices.Clone(e.Fields)
	for i := range placed.Fields {
		placed.Fields[i].Field = place + placed.Fields[i].Field
	}
	return &placed
}

// previewEvent is the event that a preview shows.
func (b *Bellhop) previewEvent(p PreviewRequest, e Endpoint) (Publication, error) {
	event := Publication{App: e.Apps[0], Type: p.Type, Subject: p.Subject, Data: p.Data}
	if event.Type == "" {
		named := slices.IndexFunc(e.Events, func(t string) bool { return !strings.HasSuffix(t, "*") && !strings.HasPrefix(t, ownTypes) })
		event.Type = TypeTest
		if named >= 0 {
			event.Type = e.Events[named]
		}
	}
	if len(event.Data) == 0 {
		event.Data = b.testData(event.Type)
	}
	err := b.checkPublication(&event, "")
	switch code := CodeOf(err); {
	case code == CodeUnknownType, code == CodeArchivedType:
		return event, nil // it shows a form, which is none of the catalogue's business
	case code == CodeInvalidData && len(p.Data) == 0:
		return event, nil // the sample is ours
	}
	return event, err
}

func (b *Bellhop) previewOf(request safehttp.Request, sample string) (Preview, error) {
	fields, err := b.client.Fields(request)
	if err != nil {
		return Preview{}, fmt.Errorf("preview: %w", err)
	}
	v := Preview{Method: request.Method, URL: request.URL, Body: request.Body, Secret: sample}
	for _, f := range fields {
		v.Header = append(v.Header, HeaderField(f))
	}
	return v, nil
}
