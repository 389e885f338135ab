package svix

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/internal/id"
)

type endpointIn struct {
	endpointPut
	Secret  *string           `json:"secret,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

type endpointPut struct {
	URL          string                 `json:"url"`
	Description  string                 `json:"description,omitempty"`
	UID          bellhop.Field[*string] `json:"uid,omitempty"`
	Disabled     bool                   `json:"disabled,omitempty"`
	EventTypes   *[]string              `json:"eventTypes,omitempty"`
	FilterTypes  *[]string              `json:"filterTypes,omitempty"`
	Channels     *[]string              `json:"channels,omitempty"`
	ThrottleRate *int                   `json:"throttleRate,omitempty" minimum:"1" maximum:"65535"`
	RateLimit    *int                   `json:"rateLimit,omitempty" minimum:"1" maximum:"65535"`
	Metadata     map[string]string      `json:"metadata,omitempty"`
	Version      *int                   `json:"version,omitempty" minimum:"1"`
}

type endpointPatch struct {
	URL          bellhop.Field[*string]            `json:"url,omitempty" nullable:"false"`
	Description  bellhop.Field[*string]            `json:"description,omitempty" nullable:"false"`
	UID          bellhop.Field[*string]            `json:"uid,omitempty"`
	Disabled     bellhop.Field[*bool]              `json:"disabled,omitempty" nullable:"false"`
	EventTypes   bellhop.Field[*[]string]          `json:"eventTypes,omitempty"`
	FilterTypes  bellhop.Field[*[]string]          `json:"filterTypes,omitempty"`
	Channels     bellhop.Field[*[]string]          `json:"channels,omitempty"`
	ThrottleRate bellhop.Field[*int]               `json:"throttleRate,omitempty" minimum:"1" maximum:"65535"`
	RateLimit    bellhop.Field[*int]               `json:"rateLimit,omitempty" minimum:"1" maximum:"65535"`
	Metadata     bellhop.Field[*map[string]string] `json:"metadata,omitempty" nullable:"false"`
	Version      *int                              `json:"version,omitempty" minimum:"1"`
	Secret       *string                           `json:"secret,omitempty"`
}

// endpointOut is an endpoint as its clients know it.
type endpointOut struct {
	ID string `json:"id" example:"ep_38G04Y6NR0400"`
	endpointFields
	Metadata map[string]string `json:"metadata" example:"{}"`
}

// endpointFields are what an endpoint shows of itself wherever it is shown.
type endpointFields struct {
	URL          string    `json:"url"`
	Description  string    `json:"description"`
	UID          string    `json:"uid,omitempty"`
	Disabled     bool      `json:"disabled"`
	EventTypes   []string  `json:"eventTypes" nullable:"true"`
	FilterTypes  []string  `json:"filterTypes" nullable:"true"`
	Channels     []string  `json:"channels" nullable:"true"`
	ThrottleRate *int      `json:"throttleRate,omitempty"`
	RateLimit    *int      `json:"rateLimit,omitempty"`
	Version      int       `json:"version"`
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
}

// endpointName is the id by which an endpoint is known here: the one that it had where it
// was imported from, so that what a platform has kept stays true.
func endpointName(e *bellhop.Endpoint) string {
	if e.FormerID != "" {
		return e.FormerID
	}
	return e.ID.String()
}

func fieldsOf(e *bellhop.Endpoint) endpointFields {
	rate := throttleOf(e.RateLimit)
	f := endpointFields{
		URL: e.URL, Description: e.Description, UID: e.UID, Disabled: e.Status == bellhop.EndpointDisabled,
		ThrottleRate: rate, RateLimit: rate, Version: 1, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
	// None means all, which is shown as null.
	if len(e.Events) > 0 {
		f.EventTypes, f.FilterTypes = e.Events, e.Events
	}
	if len(e.Channels) > 0 {
		f.Channels = e.Channels
	}
	return f
}

func showEndpoint(e *bellhop.Endpoint) (endpointOut, error) {
	return endpointOut{ID: endpointName(e), endpointFields: fieldsOf(e), Metadata: orEmpty(e.Metadata)}, nil
}

const endpointPrefix = "ep_"

// typesField is the name by which the event types of an endpoint are given.
func typesField(eventTypes bool) string {
	if eventTypes {
		return "eventTypes"
	}
	return "filterTypes"
}

// known are event types of the catalogue, given in a field, without repeats; nil for all. What an endpoint has
// already may be written back, though it has left the catalogue or never was in it: an
// import takes endpoints as they are.
func (a *API) known(c *api.Call, field string, types *[]string, has []string) ([]string, error) {
	if types == nil {
		return []string{}, nil
	}
	if len(*types) == 0 {
		return nil, wrong(field, "length", "is empty: name event types, or leave it out (or give null) for all")
	}
	var faults api.Faults
	for i, name := range *types {
		if strings.HasPrefix(name, ownTypes) || slices.Contains(has, name) {
			continue // those that Bellhop publishes are in no catalogue
		}
		if _, err := a.desk.EventType(c.Context(), c.Principal(), name); bellhop.IsNotFound(err) {
			faults.Add(bellhop.FieldError{Field: fmt.Sprintf("%s[%d]", field, i), Code: "unknown_type", Detail: fmt.Sprintf("there is no event type %q: create it first", bellhop.Clip(name))})
		} else if err != nil {
			return nil, err
		}
	}
	list := slices.Clone(*types)
	slices.Sort(list)
	return slices.Compact(list), faults.Err()
}

// ownTypes is how the names of Bellhop's own event types begin.
const ownTypes = "bellhop."

// chosen are channels, without repeats; nil for all.
func chosen(channels *[]string) ([]string, error) {
	if channels == nil {
		return []string{}, nil
	}
	if len(*channels) == 0 {
		return nil, wrong("channels", "length", "is empty: name channels, or leave it out (or give null) for all")
	}
	list := once(*channels)
	if len(list) > mostLabels {
		return nil, tooMany("channels", len(list))
	}
	return list, nil
}

// mostLabels is how many channels, or tags, there are at most.
const mostLabels = 10

func tooMany(field string, n int) error {
	return wrong(field, "length", fmt.Sprintf("names %d; at most %d are allowed", n, mostLabels))
}

// change is what an endpoint is to be as a whole; it has some event types already.
func (a *API) change(c *api.Call, in *endpointPut, has []string) (bellhop.EndpointChange, error) {
	given, err := either("eventTypes", "filterTypes", in.EventTypes, in.FilterTypes)
	if err != nil {
		return bellhop.EndpointChange{}, err
	}
	rate, err := either("throttleRate", "rateLimit", in.ThrottleRate, in.RateLimit)
	if err != nil {
		return bellhop.EndpointChange{}, err
	}
	types, err := a.known(c, typesField(in.EventTypes != nil), given, has)
	if err != nil {
		return bellhop.EndpointChange{}, err
	}
	channels, err := chosen(in.Channels)
	if err != nil {
		return bellhop.EndpointChange{}, err
	}
	uid, err := newUID(in.UID, endpointPrefix)
	if err != nil {
		return bellhop.EndpointChange{}, err
	}
	return bellhop.EndpointChange{
		URL: bellhop.Of(in.URL), Description: bellhop.Of(in.Description), UID: bellhop.Of(uid), Status: bellhop.Of(statusOf(in.Disabled)),
		Events: bellhop.Of(types), Channels: bellhop.Of(channels), Metadata: bellhop.Of(in.Metadata),
		RateLimit: bellhop.Of(limitOf(rate)),
	}, nil
}

func statusOf(disabled bool) bellhop.EndpointStatus {
	if disabled {
		return bellhop.EndpointDisabled
	}
	return bellhop.EndpointActive
}

type endpointID struct {
	appID
	Endpoint string `path:"endpoint_id" noun:"endpoint" doc:"The id of an endpoint, or its uid." example:"ep_38G04Y6NR0400"`
}

// endpoint finds an endpoint of an app that a path names.
func (a *API) endpoint(c *api.Call, in endpointID) (bellhop.Endpoint, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return bellhop.Endpoint{}, err
	}
	return a.desk.PlainEndpoint(c.Context(), c.Principal(), app.ID, in.Endpoint)
}

// ownEndpoint is endpoint for what changes it.
func (a *API) ownEndpoint(c *api.Call, in endpointID) (bellhop.Endpoint, error) {
	e, err := a.endpoint(c, in)
	if err == nil {
		err = unshared(&e)
	}
	return e, err
}

// changeEndpoint changes the endpoint that a path names, as it is when that is saved: ask may
// be called again. The endpoint is the app's alone.
func (a *API) changeEndpoint(c *api.Call, in endpointID, ask func(*bellhop.Endpoint) (bellhop.EndpointChange, error)) (bellhop.Endpoint, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return bellhop.Endpoint{}, err
	}
	return a.changeEndpointOf(c, app.ID, in.Endpoint, ask)
}

// changeEndpointOf is changeEndpoint by the id of the app, or bellhop.AllApps.
func (a *API) changeEndpointOf(c *api.Call, app, name string, ask func(*bellhop.Endpoint) (bellhop.EndpointChange, error)) (bellhop.Endpoint, error) {
	return a.desk.ChangeEndpoint(c.Context(), c.Principal(), app, name, func(e bellhop.Endpoint) (bellhop.EndpointChange, error) {
		if err := unshared(&e); err != nil {
			return bellhop.EndpointChange{}, err
		}
		return ask(&e)
	})
}

// unshared refuses to change an endpoint of several apps by the path of one of them, whose
// client knows of no other.
func unshared(e *bellhop.Endpoint) error {
	if len(e.Apps) < 2 {
		return nil
	}
	return &bellhop.Error{Code: bellhop.CodeConflict, Detail: fmt.Sprintf("The endpoint has other apps, too, for which this would change it: change it natively, with PATCH /v1/endpoints/%s, which also takes an app off it (apps)", e.ID)}
}

type listEndpointsIn struct {
	appID
	paging
	ordering
}

func (a *API) listEndpoints(c *api.Call, in listEndpointsIn) (page[endpointOut], error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return page[endpointOut]{}, err
	}
	return a.endpointsOf(c, app.ID, in.paging, in.ordering)
}

func (a *API) endpointsOf(c *api.Call, app string, p paging, o ordering) (out page[endpointOut], err error) {
	s := p.step()
	behind, err := position[id.Endpoint](s.at)
	if err != nil {
		return out, err
	}
	endpoints, err := a.desk.EndpointsByAge(c.Context(), c.Principal(), app, behind, o.newest(s, "descending"), s.limit+1)
	if err != nil {
		return out, err
	}
	return pageOf(s, endpoints, func(e *bellhop.Endpoint) string { return e.ID.String() }, showEndpoint)
}

// position reads an iterator that is an id; "" is 0, the beginning.
func position[K id.Kind](at string) (id.ID[K], error) {
	if at == "" {
		return 0, nil
	}
	i, err := id.Parse[K](at)
	if err != nil {
		return 0, errIterator()
	}
	return i, nil
}

type createEndpointIn struct {
	appID
	Body endpointIn
}

func (a *API) createEndpoint(c *api.Call, in createEndpointIn) (endpointOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return endpointOut{}, err
	}
	return a.newEndpoint(c, app, in.Body)
}

// timeout is that of requests to endpoints, which Svix's server has one of for all
// (worker_request_timeout).
const timeout = bellhop.Duration(30 * time.Second)

// newEndpoint makes an endpoint of an app, whose dialects are those that it may have.
func (a *API) newEndpoint(c *api.Call, app bellhop.App, in endpointIn) (endpointOut, error) {
	change, err := a.change(c, &in.endpointPut, nil)
	if err != nil {
		return endpointOut{}, err
	}
	change.Apps, change.Timeout = bellhop.Of([]string{app.ID}), bellhop.Of(timeout)
	switch {
	case app.ID == bellhop.AllApps:
		change.Dialect = bellhop.Of(operationalDialect)
	case len(app.Dialects) == 0:
		change.Dialect = bellhop.Of(a.o.Dialect)
	}
	if in.Secret != nil {
		if *in.Secret == "" {
			return endpointOut{}, wrong("secret", "length", api.IsEmpty)
		}
		change.Secret = bellhop.Of(prefixed(*in.Secret, change.Dialect.Value))
	}
	if len(in.Headers) > 0 {
		if err := checkHeaders(in.Headers); err != nil {
			return endpointOut{}, err
		}
		change.Headers = bellhop.Of(in.Headers)
	}
	e, _, err := a.desk.CreateEndpoint(c.Context(), c.Principal(), change)
	if err != nil {
		return endpointOut{}, err
	}
	return showEndpoint(&e)
}

// whitelabelDialect is Svix's with headers that begin with webhook-.
const whitelabelDialect = "raw"

// prefixed is a secret with its prefix, which may be left out where the dialect is Svix's or
// that of Standard Webhooks.
func prefixed(secret, dialect string) string {
	if secret == "" || strings.HasPrefix(secret, "whs") {
		return secret
	}
	switch dialect {
	case DefaultDialect, whitelabelDialect, operationalDialect, "standard":
		return "whsec_" + secret
	}
	return secret
}

func (a *API) getEndpoint(c *api.Call, in endpointID) (endpointOut, error) {
	e, err := a.endpoint(c, in)
	if err != nil {
		return endpointOut{}, err
	}
	return showEndpoint(&e)
}

type putEndpointIn struct {
	endpointID
	Body endpointIn
}

// putEndpoint replaces an endpoint, but for its secret and its headers. One that there is
// not is made with the uid that was asked for: that of the body, or the one in the path.
func (a *API) putEndpoint(c *api.Call, in putEndpointIn) (endpointOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return endpointOut{}, err
	}
	asked := in.Body
	if asked.UID.Value == nil {
		asked.UID = bellhop.Of(&in.Endpoint)
	}
	out, made, err := upsert(
		func() (endpointOut, error) { return a.replace(c, app.ID, in.Endpoint, in.Body) },
		func(missing error) (endpointOut, bool, error) {
			if in.Body.UID.Value == nil && checkUID("endpoint_id", in.Endpoint, endpointPrefix) != nil {
				return endpointOut{}, false, missing
			}
			out, err := a.newEndpoint(c, app, asked)
			if bellhop.CodeOf(err) != bellhop.CodeUIDConflict {
				return out, false, err
			}
			_, free := a.desk.PlainEndpoint(c.Context(), c.Principal(), app.ID, *asked.UID.Value)
			return out, *asked.UID.Value == in.Endpoint || bellhop.IsNotFound(free), err
		})
	if made {
		c.Answer(http.StatusCreated)
	}
	return out, err
}

// replace replaces the endpoint of an app that has the name path.
func (a *API) replace(c *api.Call, app, path string, in endpointIn) (endpointOut, error) {
	return a.update(c, app, path, func(e *bellhop.Endpoint) (change bellhop.EndpointChange, err error) {
		var faults api.Faults
		for field, given := range map[string]bool{"secret": in.Secret != nil, "headers": in.Headers != nil} {
			if given {
				faults.Add(bellhop.FieldError{Field: field, Code: "not_here", Detail: "can be given when an endpoint is made, and has a path of its own after that: leave it out"})
			}
		}
		if err := faults.Err(); err != nil {
			return change, err
		}
		change, err = a.change(c, &in.endpointPut, e.Events)
		if keepsUID(in.UID, path, e.UID) {
			change.UID.Set = false
		}
		return change, err
	})
}

// update changes the endpoint of an app that has a name. One that is paused natively is
// enabled here, and stays paused: to resume it is to say so. Event types that it has for its
// app in particular may be written back, and are not changed here.
func (a *API) update(c *api.Call, app, name string, ask func(*bellhop.Endpoint) (bellhop.EndpointChange, error)) (endpointOut, error) {
	changed, err := a.changeEndpointOf(c, app, name, func(e *bellhop.Endpoint) (bellhop.EndpointChange, error) {
		change, err := ask(e)
		if err != nil {
			return change, err
		}
		err = fitting(e, &change)
		return change, err
	})
	if err != nil {
		return endpointOut{}, err
	}
	changed.Events = changed.TermsOf(changed.Apps[0]).Events
	return showEndpoint(&changed)
}

// fitting takes from a change what stays as it is in an endpoint.
func fitting(e *bellhop.Endpoint, change *bellhop.EndpointChange) error {
	leaveLimit(&change.RateLimit, e.RateLimit)
	if change.Status.Value == bellhop.EndpointActive && e.Status != bellhop.EndpointDisabled {
		change.Status.Set = false
	}
	if len(e.Terms) > 0 && e.Terms[0].Events != nil {
		if change.Events.Set && !slices.Equal(change.Events.Value, once(e.Events)) {
			return &bellhop.Error{Code: bellhop.CodeConflict, Detail: fmt.Sprintf("The endpoint has event types for this app in particular, which are not changed here: change them natively, with PATCH /v1/endpoints/%s (apps)", e.ID)}
		}
		change.Events.Set = false
	}
	return nil
}

type patchEndpointIn struct {
	endpointID
	Body endpointPatch
}

func (a *API) patchEndpoint(c *api.Call, in patchEndpointIn) (endpointOut, error) {
	app, err := a.desk.AppNamed(c.Context(), c.Principal(), in.App)
	if err != nil {
		return endpointOut{}, err
	}
	return a.update(c, app.ID, in.Endpoint, func(e *bellhop.Endpoint) (bellhop.EndpointChange, error) {
		return a.patch(c, &in.Body, e.Events)
	})
}

// patch is what an endpoint, which has some event types already, is to be.
func (a *API) patch(c *api.Call, b *endpointPatch, has []string) (bellhop.EndpointChange, error) {
	var nulls api.Faults
	change := bellhop.EndpointChange{
		URL: neverNull(&nulls, "url", b.URL), Description: neverNull(&nulls, "description", b.Description), Metadata: neverNull(&nulls, "metadata", b.Metadata),
	}
	disabled := neverNull(&nulls, "disabled", b.Disabled)
	if err := nulls.Err(); err != nil {
		return change, err
	}
	if b.Secret != nil {
		return change, wrong("secret", "not_here", "is changed by rotation: POST …/secret/rotate")
	}
	if b.UID.Set {
		uid, err := newUID(b.UID, endpointPrefix)
		if err != nil {
			return change, err
		}
		change.UID = bellhop.Of(uid)
	}
	if disabled.Set {
		change.Status = bellhop.Of(statusOf(disabled.Value))
	}
	types, err := eitherSet("eventTypes", "filterTypes", b.EventTypes, b.FilterTypes)
	if err != nil {
		return change, err
	}
	if types.Set {
		known, err := a.known(c, typesField(b.EventTypes.Set), types.Value, has)
		if err != nil {
			return change, err
		}
		change.Events = bellhop.Of(known)
	}
	if b.Channels.Set {
		channels, err := chosen(b.Channels.Value)
		if err != nil {
			return change, err
		}
		change.Channels = bellhop.Of(channels)
	}
	rate, err := eitherSet("throttleRate", "rateLimit", b.ThrottleRate, b.RateLimit)
	if err != nil {
		return change, err
	}
	if rate.Set {
		change.RateLimit = bellhop.Of(limitOf(rate.Value))
	}
	return change, nil
}

func (a *API) deleteEndpoint(c *api.Call, in endpointID) (api.None, error) {
	e, err := a.ownEndpoint(c, in)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.desk.DeleteEndpoint(c.Context(), c.Principal(), e.ID)
}

type headersOut struct {
	Headers   map[string]string `json:"headers" example:"{\"X-Tenant\":\"7\"}"`
	Sensitive []string          `json:"sensitive"`
}

func (a *API) getHeaders(c *api.Call, in endpointID) (headersOut, error) {
	e, err := a.endpoint(c, in)
	return showHeaders(&e), err
}

// showHeaders shows the headers that carry no password, and names those that do.
func showHeaders(e *bellhop.Endpoint) headersOut {
	out := headersOut{Headers: map[string]string{}, Sensitive: []string{}}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		if value := e.Headers[name]; value == bellhop.Hidden || bellhop.SecretHeader(name) {
			out.Sensitive = append(out.Sensitive, name)
		} else {
			out.Headers[name] = value
		}
	}
	return out
}

type headersIn struct {
	Headers map[string]string `json:"headers" example:"{\"X-Tenant\":\"7\"}"`
}

type putHeadersIn struct {
	endpointID
	Body headersIn
}

func (a *API) putHeaders(c *api.Call, in putHeadersIn) (api.None, error) {
	_, err := a.changeEndpoint(c, in.endpointID, in.Body.put)
	return api.None{}, err
}

// put sets all headers.
func (in *headersIn) put(*bellhop.Endpoint) (bellhop.EndpointChange, error) {
	return headersChange(in.Headers)
}

// checkHeaders refuses headers that are not the platform's to set, beside those that Bellhop
// refuses everywhere.
func checkHeaders(headers map[string]string) error {
	var faults api.Faults
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lower := strings.ToLower(name)
		begins := func(prefix string) bool { return strings.HasPrefix(lower, prefix) }
		if lower == "user-agent" || begins("content-") || begins("svix-") || begins("x-svix-") || begins("webhook-") || begins("x-amz-") || begins("x-amzn-") {
			faults.Add(bellhop.FieldError{Field: "headers." + bellhop.Clip(name), Code: "reserved", Detail: "cannot be set: it is written by Bellhop, or by proxies"})
		}
	}
	return faults.Err()
}

func headersChange(headers map[string]string) (bellhop.EndpointChange, error) {
	return bellhop.EndpointChange{Headers: bellhop.Of(headers)}, checkHeaders(headers)
}

type headersPatch struct {
	Headers       map[string]*string `json:"headers" example:"{\"X-Tenant\":null}"`
	DeleteHeaders []string           `json:"deleteHeaders,omitempty"`
}

type patchHeadersIn struct {
	endpointID
	Body headersPatch
}

// patchHeaders sets some headers. Those that are null, or listed to be deleted, go.
func (a *API) patchHeaders(c *api.Call, in patchHeadersIn) (api.None, error) {
	_, err := a.changeEndpoint(c, in.endpointID, in.Body.patch)
	return api.None{}, err
}

func (in *headersPatch) patch(e *bellhop.Endpoint) (change bellhop.EndpointChange, err error) {
	headers := maps.Clone(e.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	drop := func(name string) {
		maps.DeleteFunc(headers, func(n, _ string) bool { return strings.EqualFold(n, name) })
	}
	for _, name := range in.DeleteHeaders {
		drop(name)
	}
	for name, value := range in.Headers {
		for i, other := range in.DeleteHeaders {
			if value != nil && strings.EqualFold(name, other) {
				return change, wrong(fmt.Sprintf("deleteHeaders[%d]", i), "twice", "is set in headers, too: give it in one of them")
			}
		}
		for other := range in.Headers {
			if name != other && strings.EqualFold(name, other) {
				return change, wrong("headers."+bellhop.Clip(max(name, other)), "twice", "is the same header as "+bellhop.Clip(min(name, other))+": give it once")
			}
		}
		drop(name)
		if value != nil {
			headers[name] = *value
		}
	}
	return headersChange(headers)
}

type secretOut struct {
	Key string `json:"key"`
}

func (a *API) getSecret(c *api.Call, in endpointID) (secretOut, error) {
	e, err := a.endpoint(c, in)
	if err != nil {
		return secretOut{}, err
	}
	return a.secretOf(c, e.ID)
}

// secretOf is the newest secret or, of a key pair, its public half.
func (a *API) secretOf(c *api.Call, e bellhop.EndpointID) (secretOut, error) {
	secrets, err := a.desk.Secrets(c.Context(), c.Principal(), e)
	if err != nil || len(secrets) == 0 {
		return secretOut{}, err
	}
	if public := secrets[0].PublicKey; public != "" {
		return secretOut{public}, nil
	}
	return secretOut{secrets[0].Secret}, nil
}

type rotateIn struct {
	Key                *string `json:"key,omitempty"`
	GracePeriodSeconds *int    `json:"gracePeriodSeconds,omitempty" minimum:"0" maximum:"604800"`
}

type rotateSecretIn struct {
	endpointID
	Body *rotateIn
}

func (a *API) rotateSecret(c *api.Call, in rotateSecretIn) (api.None, error) {
	e, err := a.ownEndpoint(c, in.endpointID)
	if err != nil {
		return api.None{}, err
	}
	return a.rotate(c, e, in.Body)
}

func (a *API) rotate(c *api.Call, e bellhop.Endpoint, in *rotateIn) (api.None, error) {
	if in == nil {
		in = &rotateIn{}
	}
	var grace *bellhop.Duration
	if in.GracePeriodSeconds != nil {
		d := bellhop.Duration(time.Duration(*in.GracePeriodSeconds) * time.Second)
		grace = &d
	}
	key := ""
	if in.Key != nil {
		if key = prefixed(*in.Key, e.Dialect); key == "" {
			return api.None{}, wrong("key", "length", api.IsEmpty)
		}
	}
	if key != "" {
		if back, err := a.desk.RotateBack(c.Context(), c.Principal(), e.ID, grace, key); back || err != nil {
			return api.None{}, err
		}
	}
	_, _, err := a.desk.RotateSecret(c.Context(), c.Principal(), e.ID, grace, key)
	return api.None{}, renamed(err, "secret", "key")
}
