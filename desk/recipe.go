package desk

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/suggest"
	"github.com/bellhop/bellhop/recipe"
)

// Recipes lists the recipes, the built-in ones first.
func (d *Desk) Recipes(_ context.Context, p bellhop.Principal) ([]recipe.Definition, error) {
	if err := Permits(p, "listRecipes"); err != nil {
		return nil, err
	}
	var list []recipe.Definition
	for _, x := range d.e.Routes().Recipes() {
		list = append(list, x.Definition())
	}
	return list, nil
}

// Recipe gives a recipe, or a CodeNotFound error.
func (d *Desk) Recipe(_ context.Context, p bellhop.Principal, name string) (recipe.Definition, error) {
	if err := Permits(p, "getRecipe"); err != nil {
		return recipe.Definition{}, err
	}
	x := d.e.Routes().Recipe(name)
	if x == nil {
		return recipe.Definition{}, bellhop.NotFound("recipe", name)
	}
	return x.Definition(), nil
}

// applyRecipe sets what an endpoint's recipe knows by itself, as far as c leaves it
// out, and says what is wrong. old is how requests were made before.
func (d *Desk) applyRecipe(e *bellhop.Endpoint, c *bellhop.EndpointChange, old *bellhop.Making) (fields []bellhop.FieldError) {
	wrong := func(field, code, format string, a ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, a...)})
	}
	changed := e.Recipe != old.Recipe
	if changed && !c.RecipeFields.Set {
		e.RecipeFields = nil // they were the other recipe's
	}
	if e.Recipe == "" {
		if len(e.RecipeFields) > 0 && c.RecipeFields.Set {
			wrong("recipe_fields", "without", "are a recipe's: give recipe as well, or leave them out")
		}
		return fields
	}
	x := d.e.Routes().Recipe(e.Recipe)
	if x == nil {
		if c.Recipe.Set {
			wrong("recipe", "unknown_recipe", "there is no recipe %q%s: GET /v1/recipes lists them", bellhop.Clip(e.Recipe), d.recipeLike(e.Recipe))
		}
		return fields
	}
	if changed || c.RecipeFields.Set {
		for _, w := range x.CheckFields(e.RecipeFields) {
			wrong("recipe_fields."+bellhop.Clip(w.Field), w.Code, "%s", w.Detail)
		}
	}
	if len(fields) == 0 {
		d.defaultURL(e, c, x, old)
	}
	if e.URL != "" && (c.URL.Set || changed) {
		fields = append(fields, d.checkRecipeURL(e, x)...)
	}
	def := x.Definition()
	if changed {
		defaultEvents(e, c, def.Events, d.fitting(old.Recipe))
	}
	if changed && !c.RateLimit.Set && def.RateLimit != nil {
		limit := bellhop.RateLimit(*def.RateLimit)
		e.RateLimit = &limit
	}
	if changed && !c.Concurrency.Set && def.Concurrency > 0 {
		e.Concurrency, e.ExactConcurrency = def.Concurrency, true
	}
	if changed || c.Auth.Set {
		fields = append(fields, checkRecipeAuth(e, &def)...)
	}
	return fields
}

// fitting gives the patterns of the events that a recipe fits; none means all.
func (d *Desk) fitting(name string) []string {
	if x := d.e.Routes().Recipe(name); x != nil {
		return x.Definition().Events
	}
	return nil
}

// defaultEvents has an endpoint hear of the events that its new recipe fits, unless some
// are given, or others were chosen than its former recipe fits.
func defaultEvents(e *bellhop.Endpoint, c *bellhop.EndpointChange, fits, fitted []string) {
	if len(fits) == 0 || c.Events.Set && c.Events.Value != nil {
		return
	}
	if len(e.Events) == 0 || slices.Equal(e.Events, fitted) {
		e.Events = slices.Clone(fits)
	}
}

// defaultURL sets the address that the recipe makes of the fields, where none is given
// and none was chosen before.
func (d *Desk) defaultURL(e *bellhop.Endpoint, c *bellhop.EndpointChange, x *recipe.Recipe, old *bellhop.Making) {
	if c.URL.Set {
		return
	}
	usual, err := x.DefaultURL(e.RecipeFields)
	if err != nil || usual == "" {
		return
	}
	was := ""
	if before := d.e.Routes().Recipe(old.Recipe); before != nil {
		was, _ = before.DefaultURL(old.RecipeFields)
	}
	if (e.URL == "" || e.URL == was) && e.URL != usual {
		c.URL, e.URL = bellhop.Of(usual), usual
	}
}

// checkRecipeURL says what is wrong with an address for a recipe. In development any
// host will do, so that a recipe can be tried against something local; and so will an
// inbox.
func (d *Desk) checkRecipeURL(e *bellhop.Endpoint, x *recipe.Recipe) (fields []bellhop.FieldError) {
	wrong := func(code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: "url", Code: code, Detail: detail})
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil // checkURL says so
	}
	mail := strings.HasPrefix(u.Scheme, "smtp")
	_, inbox := d.e.Inboxes().Token(e.URL)
	switch {
	case mail != x.Mails() && mail:
		wrong("recipe_url", "is a mail server's, but the recipe "+x.Name()+" makes HTTP requests: give an address that begins with https://")
	case mail != x.Mails():
		wrong("recipe_url", "must be a mail server's for the recipe "+x.Name()+", such as smtp://mail.example.com:587")
	case !d.e.Config().Dev && !inbox && !e.Listened():
		if w := x.CheckURL(e.URL); w != "" {
			wrong("recipe_host", w)
		}
	}
	if w := x.CheckBase(e.URL); w != "" {
		wrong("recipe_url", w)
	}
	return fields
}

// presetAuth fills in what the recipe knows of how its requests authenticate.
func (d *Desk) presetAuth(e *bellhop.Endpoint, c *bellhop.EndpointChange) {
	x := d.e.Routes().Recipe(e.Recipe)
	if x == nil || !c.Auth.Set || c.Auth.Value == nil || x.Definition().Auth == nil {
		return
	}
	a, preset := *c.Auth.Value, x.Definition().Auth
	if a.Type == "" {
		a.Type = bellhop.AuthType(preset.Type)
	}
	if string(a.Type) != preset.Type {
		return
	}
	fill(&a.Username, preset.Username)
	fill(&a.Name, preset.Header)
	fill(&a.Prefix, preset.Prefix)
	fill(&a.TokenURL, preset.TokenURL)
	fill(&a.ClientAuth, preset.ClientAuth)
	if len(a.Scopes) == 0 {
		a.Scopes = slices.Clone(preset.Scopes)
	}
	if len(a.Params) == 0 {
		a.Params = maps.Clone(preset.Params)
	}
	c.Auth.Value = &a
}

func fill(to *string, preset string) {
	if *to == "" {
		*to = preset
	}
}

// checkRecipeAuth says where an endpoint authenticates in another way than its recipe's
// target asks for, and which credentials it lacks for that.
func checkRecipeAuth(e *bellhop.Endpoint, def *recipe.Definition) (fields []bellhop.FieldError) {
	a := def.Auth
	if a == nil || a.Optional && (e.Auth == nil || string(e.Auth.Type) != a.Type) {
		return nil
	}
	wrong := func(field, code, format string, v ...any) {
		detail := fmt.Sprintf(format+" (%s). %s", append(v, a.Title, a.Help)...)
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: strings.TrimSpace(detail)})
	}
	switch {
	case e.Auth == nil:
	case string(e.Auth.Type) != a.Type:
		wrong("auth.type", "recipe", "must be %q, or left out: the target of the recipe %s takes nothing else", a.Type, def.Name)
		return fields
	case !a.Optional && a.Header != "" && !strings.EqualFold(e.Auth.Name, a.Header):
		wrong("auth.name", "recipe", "must be %q, or left out: the target of the recipe %s takes nothing else", a.Header, def.Name)
	}
	for _, name := range a.Secrets() {
		if len(e.Sealed[name]) == 0 {
			wrong(name, "required", "is missing: the recipe %s needs it", def.Name)
		}
	}
	return fields
}

// recipeLike is a guess at the recipe that was meant.
func (d *Desk) recipeLike(name string) string {
	var names []string
	for _, x := range d.e.Routes().Recipes() {
		names = append(names, x.Name())
	}
	if near := suggest.Nearest(name, names); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}
