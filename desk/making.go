package desk

import (
	"context"

	"github.com/bellhop/bellhop"
)

// applyMaking sets how an endpoint's requests are made, seals the secrets of it that
// are given, and says what is wrong.
func (d *Desk) applyMaking(ctx context.Context, e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	old := bellhop.Making{Recipe: e.Recipe, RecipeFields: e.RecipeFields}
	set(c.Recipe, &e.Recipe)
	set(c.RecipeFields, &e.RecipeFields)
	set(c.Transform, &e.Transform)
	set(c.Capture, &e.Capture)
	if c.Capture.Set {
		fields = append(fields, checkCapture(e.Capture)...)
	}
	d.presetAuth(e, c)
	if c.Auth.Set {
		d.applyAuth(e, c.Auth.Value)
	}
	if c.TLS.Set {
		d.applyTLS(e, c.TLS.Value)
	}
	fields = append(fields, d.applyRecipe(e, c, &old)...)
	if c.Transform.Set || c.URL.Set {
		fields = append(fields, d.checkTransform(ctx, e)...)
	}
	if e.Recipe != "" && e.Transform != nil {
		fields = append(fields, bellhop.FieldError{
			Field: "transform", Code: "exclusive", Detail: "cannot stand beside a recipe, which makes the requests itself: leave one of them out",
		})
	}
	return fields
}
