package svix

import (
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
)

// Operational webhooks are endpoints of the operator, to which is told what happens to
// those of all apps: natively, endpoints of bellhop.AllApps.

// operationalDialect is that of the operator's endpoints that are made here: it tells in
// Svix's words what Bellhop tells of itself.
const operationalDialect = "svix-operational"

// operational are the event types of Svix by Bellhop's own, as that dialect has them.
var operational = map[string]string{
	"bellhop.endpoint.created":   "endpoint.created",
	"bellhop.endpoint.updated":   "endpoint.updated",
	"bellhop.endpoint.deleted":   "endpoint.deleted",
	"bellhop.endpoint.disabled":  "endpoint.disabled",
	"bellhop.delivery.failing":   "message.attempt.failing",
	"bellhop.delivery.exhausted": "message.attempt.exhausted",
	"bellhop.delivery.recovered": "message.attempt.recovered",
}

// allOperational are the types that an endpoint hears of for which none are chosen: those
// that Svix has.
func allOperational() []string { return slices.Sorted(maps.Keys(operational)) }

type operatorIn struct {
	URL          string                 `json:"url"`
	Description  string                 `json:"description,omitempty"`
	UID          bellhop.Field[*string] `json:"uid,omitempty"`
	Disabled     bool                   `json:"disabled,omitempty"`
	EventTypes   *[]string              `json:"eventTypes,omitempty"`
	FilterTypes  *[]string              `json:"filterTypes,omitempty"`
	ThrottleRate *int                   `json:"throttleRate,omitempty" minimum:"1" maximum:"65535"`
	RateLimit    *int                   `json:"rateLimit,omitempty" minimum:"1" maximum:"65535"`
	Metadata     map[string]string      `json:"metadata,omitempty"`
	Secret       *string                `json:"secret,omitempty"`
	Headers      map[string]string      `json:"headers,omitempty"`
}

// endpoint is the same as of an app, with Bellhop's types.
func (in *operatorIn) endpoint() (endpointIn, error) {
	types, err := either("eventTypes", "filterTypes", in.EventTypes, in.FilterTypes)
	if err != nil {
		return endpointIn{}, err
	}
	rate, err := either("throttleRate", "rateLimit", in.ThrottleRate, in.RateLimit)
	if err != nil {
		return endpointIn{}, err
	}
	field := typesField(in.EventTypes != nil)
	if types == nil {
		types = ptr(allOperational())
	} else {
		own, err := ownTypesOf(field, *types)
		if err != nil {
			return endpointIn{}, err
		}
		types = &own
	}
	out := endpointIn{Secret: in.Secret, Headers: in.Headers, endpointPut: endpointPut{
		URL: in.URL, Description: in.Description, UID: in.UID, Disabled: in.Disabled, ThrottleRate: rate, Metadata: in.Metadata,
	}}
	if out.EventTypes = types; field == "filterTypes" {
		out.EventTypes, out.FilterTypes = nil, types
	}
	return out, nil
}

// ownTypesOf are Bellhop's types, given in a field by their own names or by those of Svix.
func ownTypesOf(field string, names []string) (own []string, err error) {
	for i, name := range names {
		for here, there := range operational {
			if name == there {
				name = here
			}
		}
		if !strings.HasPrefix(name, ownTypes) {
			return nil, wrong(field, "unknown_type", "holds "+bellhop.Clip(names[i])+", which nobody tells of: name operational event types alone")
		}
		own = append(own, name)
	}
	return own, nil
}

// showOperator shows an endpoint of the operator, with types as Svix names them.
func showOperator(out endpointOut, err error) (endpointOut, error) {
	out.Channels = nil
	if slices.Equal(out.EventTypes, []string{ownTypes + "*"}) || slices.Equal(slices.Sorted(slices.Values(out.EventTypes)), allOperational()) {
		out.EventTypes, out.FilterTypes = nil, nil
	}
	types := slices.Clone(out.EventTypes)
	for i, name := range types {
		if there := operational[name]; there != "" {
			types[i] = there
		}
	}
	out.EventTypes, out.FilterTypes = types, types
	return out, err
}

type operatorID struct {
	Endpoint string `path:"endpoint_id" noun:"endpoint" doc:"The id of an endpoint, or its uid." example:"ep_38G04Y6NR0400"`
}

func (a *API) operatorEndpoint(c *api.Call, name string) (bellhop.Endpoint, error) {
	return a.desk.PlainEndpoint(c.Context(), c.Principal(), bellhop.AllApps, name)
}

type listOperatorIn struct {
	paging
	ordering
}

func (a *API) listOperator(c *api.Call, in listOperatorIn) (page[endpointOut], error) {
	out, err := a.endpointsOf(c, bellhop.AllApps, in.paging, in.ordering)
	for i := range out.Data {
		out.Data[i], _ = showOperator(out.Data[i], nil)
	}
	return out, err
}

type createOperatorIn struct {
	Body operatorIn
}

// everything stands for the app of the operator's endpoints.
func everything() bellhop.App {
	return bellhop.App{ID: bellhop.AllApps}
}

func (a *API) createOperator(c *api.Call, in createOperatorIn) (endpointOut, error) {
	e, err := in.Body.endpoint()
	if err != nil {
		return endpointOut{}, err
	}
	return showOperator(a.newEndpoint(c, everything(), e))
}

func (a *API) getOperator(c *api.Call, in operatorID) (endpointOut, error) {
	e, err := a.operatorEndpoint(c, in.Endpoint)
	if err != nil {
		return endpointOut{}, err
	}
	return showOperator(showEndpoint(&e))
}

type putOperatorIn struct {
	operatorID
	Body operatorIn
}

func (a *API) putOperator(c *api.Call, in putOperatorIn) (endpointOut, error) {
	asked, err := in.Body.endpoint()
	if err != nil {
		return endpointOut{}, err
	}
	return showOperator(a.replace(c, bellhop.AllApps, in.Endpoint, asked))
}

func (a *API) deleteOperator(c *api.Call, in operatorID) (api.None, error) {
	e, err := a.operatorEndpoint(c, in.Endpoint)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, a.desk.DeleteEndpoint(c.Context(), c.Principal(), e.ID)
}

func (a *API) getOperatorHeaders(c *api.Call, in operatorID) (headersOut, error) {
	e, err := a.operatorEndpoint(c, in.Endpoint)
	return showHeaders(&e), err
}

type putOperatorHeadersIn struct {
	operatorID
	Body headersIn
}

func (a *API) putOperatorHeaders(c *api.Call, in putOperatorHeadersIn) (api.None, error) {
	_, err := a.changeEndpointOf(c, bellhop.AllApps, in.Endpoint, in.Body.put)
	return api.None{}, err
}

func (a *API) getOperatorSecret(c *api.Call, in operatorID) (secretOut, error) {
	e, err := a.operatorEndpoint(c, in.Endpoint)
	if err != nil {
		return secretOut{}, err
	}
	return a.secretOf(c, e.ID)
}

type rotateOperatorIn struct {
	operatorID
	Body *rotateIn
}

func (a *API) rotateOperatorSecret(c *api.Call, in rotateOperatorIn) (api.None, error) {
	e, err := a.operatorEndpoint(c, in.Endpoint)
	if err != nil {
		return api.None{}, err
	}
	return a.rotate(c, e, in.Body)
}
