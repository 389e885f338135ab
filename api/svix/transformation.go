package svix

import (
	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
)

// An endpoint's transformation is natively one whose script defines handler(webhook). Where
// the script was written natively, with a function transform(event), it is shown as it is,
// and can be switched off and on.

// transformationOut has no updatedAt: when the script was changed is in the audit log.
type transformationOut struct {
	Code    *string `json:"code" example:"function handler(webhook) { return webhook }"`
	Enabled bool    `json:"enabled"`
}

func (a *API) getTransformation(c *api.Call, in endpointID) (transformationOut, error) {
	e, err := a.endpoint(c, in)
	if err != nil || e.Transform == nil {
		return transformationOut{}, err
	}
	return transformationOut{&e.Transform.Code, e.Transform.Runs()}, nil
}

type transformationPatch struct {
	Code      bellhop.Field[*string] `json:"code,omitempty"`
	Enabled   *bool                  `json:"enabled,omitempty"`
	Variables map[string]string      `json:"variables,omitempty"`
}

type patchTransformationIn struct {
	endpointID
	Body transformationPatch
}

// patchTransformation sets the code, takes it off (null), or switches it on or off. A new one
// is off unless it is switched on.
func (a *API) patchTransformation(c *api.Call, in patchTransformationIn) (api.None, error) {
	e, err := a.ownEndpoint(c, in.endpointID)
	if err != nil {
		return api.None{}, err
	}
	b := &in.Body
	if len(b.Variables) > 0 {
		return api.None{}, wrong("variables", "not_supported", "are not there here: write what the code needs into it, and leave them out (or give {} or null)")
	}
	changed := e.Transform
	switch {
	case !b.Code.Set:
	case b.Code.Value == nil:
		changed = nil
	case changed == nil:
		changed = &bellhop.Transform{Code: *b.Code.Value, Function: bellhop.FunctionHandler, Disabled: true}
	case *b.Code.Value != changed.Code:
		changed = &bellhop.Transform{Code: *b.Code.Value, Function: bellhop.FunctionHandler, Disabled: changed.Disabled, OnError: changed.OnError}
	}
	switch {
	case b.Enabled == nil:
	case changed == nil && *b.Enabled:
		return api.None{}, wrong("code", "required", "is missing: there is nothing to enable without it")
	case changed != nil:
		t := *changed
		t.Disabled = !*b.Enabled
		changed = &t
	}
	_, err = a.desk.UpdateEndpoint(c.Context(), c.Principal(), e.ID, bellhop.EndpointChange{Transform: bellhop.Of(changed)})
	given := "code"
	if !b.Code.Set {
		given = "enabled"
	}
	return api.None{}, renamed(renamed(err, "transform.code", "code"), "transform", given)
}
