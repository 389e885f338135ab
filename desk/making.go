package desk

import (
	"maps"
	"strings"

	"github.com/bellhop/bellhop"
)

// applyMaking sets how an endpoint's requests are made, seals the secrets of it that
// are given, and says what is wrong.
func (d *Desk) applyMaking(e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	old := bellhop.Making{Recipe: e.Recipe, RecipeFields: e.RecipeFields}
	set(c.Recipe, &e.Recipe)
	set(c.RecipeFields, &e.RecipeFields)
	set(c.Transform, &e.Transform)
	set(c.Capture, &e.Capture)
	d.presetAuth(e, c)
	if c.Auth.Set {
		d.applyAuth(e, c.Auth.Value)
	}
	if c.TLS.Set {
		d.applyTLS(e, c.TLS.Value)
	}
	fields = append(fields, d.applyRecipe(e, c, &old)...)
	if e.Recipe != "" && e.Transform != nil {
		fields = append(fields, bellhop.FieldError{
			Field: "transform", Code: "exclusive", Detail: "cannot stand beside a recipe, which makes the requests itself: leave one of them out",
		})
	}
	return fields
}

// applyAuth sets how requests authenticate. A secret that is not given stays, if it is
// for the same purpose as before: one that was meant for a server is not sent to another.
func (d *Desk) applyAuth(e *bellhop.Endpoint, c *bellhop.AuthChange) {
	old := e.Auth
	if c == nil {
		e.Auth = nil
		d.reseal(e, "auth.", false, nil)
		return
	}
	auth := c.Auth
	e.Auth = &auth
	keep := old != nil && old.Type == auth.Type && old.TokenURL == auth.TokenURL && old.ClientID == auth.ClientID
	d.reseal(e, "auth.", keep, map[string]string{
		bellhop.SealedPassword: c.Password, bellhop.SealedToken: c.Token, bellhop.SealedValue: c.Value,
		bellhop.SealedClientSecret: c.ClientSecret, bellhop.SealedRefreshToken: c.RefreshToken,
	})
}

func (d *Desk) applyTLS(e *bellhop.Endpoint, c *bellhop.ClientTLSChange) {
	old := e.TLS
	if c == nil {
		e.TLS = nil
		d.reseal(e, "tls.", false, nil)
		return
	}
	tls := c.ClientTLS
	e.TLS = &tls
	keep := old != nil && tls.Certificate != "" && old.Certificate == tls.Certificate
	d.reseal(e, "tls.", keep, map[string]string{bellhop.SealedTLSKey: c.Key})
}

// reseal replaces an endpoint's credentials that begin with a prefix by those that are
// given; the others of the prefix stay if keep is set.
func (d *Desk) reseal(e *bellhop.Endpoint, prefix string, keep bool, given map[string]string) {
	sealed := maps.Clone(e.Sealed)
	if sealed == nil {
		sealed = bellhop.SealedValues{}
	}
	if !keep {
		maps.DeleteFunc(sealed, func(name string, _ []byte) bool { return strings.HasPrefix(name, prefix) })
	}
	for name, plain := range given {
		if plain != "" {
			sealed[name] = d.e.Config().Sealer.Seal([]byte(plain), bellhop.SealedContext(e.ID, name))
		}
	}
	if len(sealed) == 0 {
		sealed = nil
	}
	e.Sealed = sealed
}
