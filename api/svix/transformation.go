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
	_, err := a.changeEndpoint(c, in.endpointID, func(e *bellhop.Endpoint) (bellhop.EndpointChange, error) {
		changed, err := in.Body.patch(e.Transform)
		return bellhop.EndpointChange{Transform: bellhop.Of(changed)}, err
	})
	given := "code"
	if !in.Body.Code.Set {
		given = "enabled"
	}
	return api.None{}, renamed(renamed(err, "transform.code", "code"), "transform", given)
}

// patch is what was asked for in place of a transformation, which may be nil.
func (b *transformationPatch) patch(now *bellhop.Transform) (*bellhop.Transform, error) {
	if len(b.Variables) > 0 {
		return nil, wrong("variables", "not_supported", "are not there here: write what the code needs into it, and leave them out (or give {} or null)")
	}
	changed := now
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
		return nil, wrong("code", "required", "is missing: there is nothing to enable without it")
	case changed != nil:
		t := *changed
		t.Disabled = !*b.Enabled
		changed = &t
	}
	return changed, nil
}
