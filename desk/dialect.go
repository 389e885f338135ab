package desk

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// maxDialects bounds an app's list of dialects.
const maxDialects = 50

// offers gives the dialects that an app's people may choose, the default first; none
// if they may choose any.
func (d *Desk) offers(app string) []string {
	a, _ := d.routes().App(app)
	return a.Dialects
}

// usualDialect is the dialect of an endpoint that names none: the first of its first
// app that offers any which each other app offers as well, or the installation's.
func (d *Desk) usualDialect(apps []string) string {
	var usual []string
	for _, app := range apps {
		switch offered := d.offers(app); {
		case len(offered) == 0:
		case usual == nil:
			usual = slices.Clone(offered)
		default:
			if both := slices.DeleteFunc(slices.Clone(usual), func(name string) bool { return !slices.Contains(offered, name) }); len(both) > 0 {
				usual = both
			}
		}
	}
	if len(usual) > 0 {
		return usual[0]
	}
	return d.defaultDialect
}

// checkChoice says which app does not offer an endpoint's dialect. It holds those who
// may not change what the app offers, and only for what they change: old is the
// endpoint as it was, nil if it is new.
func (d *Desk) checkChoice(p bellhop.Principal, e, old *bellhop.Endpoint) (fields []bellhop.FieldError) {
	if p.Role == bellhop.RoleAdmin {
		return nil
	}
	for _, app := range e.Apps {
		if old != nil && e.Dialect == old.Dialect && slices.Contains(old.Apps, app) {
			continue
		}
		if offered := d.offers(app); len(offered) > 0 && !slices.Contains(offered, e.Dialect) {
			fields = append(fields, bellhop.FieldError{
				Field: "dialect", Code: "dialect_not_offered",
				Detail: fmt.Sprintf("app %s does not offer %q: choose one of %s, or have an admin add it to the app's dialects", app, bellhop.Clip(e.Dialect), strings.Join(offered, ", ")),
			})
		}
	}
	return fields
}

// checkDialectOptions says what is wrong with an endpoint's options. Those that stay
// must be the dialect's, too: the name may mean another thing in another dialect.
func (d *Desk) checkDialectOptions(e *bellhop.Endpoint, c bellhop.EndpointChange, was string) []bellhop.FieldError {
	x := d.e.Routes().Dialect(e.Dialect)
	switch {
	case x == nil:
		return nil // checkEndpoint says so
	case c.DialectOptions.Set:
		return optionErrors("dialect_options", x, e.DialectOptions)
	case was != "" && was != e.Dialect && len(e.DialectOptions) > 0:
		return []bellhop.FieldError{{
			Field: "dialect_options", Code: "dialect_option",
			Detail: fmt.Sprintf("are those of dialect %s: give those of %s as well, or null for its defaults", was, e.Dialect),
		}}
	}
	return nil
}

func optionErrors(field string, x *dialect.Dialect, chosen map[string]string) (fields []bellhop.FieldError) {
	wrong := x.CheckOptions(chosen)
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		fields = append(fields, bellhop.FieldError{Field: field + "." + bellhop.Clip(name), Code: "dialect_option", Detail: wrong[name]})
	}
	return fields
}

// checkAppDialects says what is wrong with what an app says of dialects, as far as it
// is given: a dialect may have left the configuration since.
func (d *Desk) checkAppDialects(c AppChange) (fields []bellhop.FieldError) {
	unknown := func(field, name string) {
		fields = append(fields, bellhop.FieldError{
			Field: field, Code: "unknown_dialect",
			Detail: fmt.Sprintf("there is no dialect %q: GET /v1/dialects lists them", bellhop.Clip(name)),
		})
	}
	if n := len(c.Dialects.Value); n > maxDialects {
		return []bellhop.FieldError{{Field: "dialects", Code: "length", Detail: fmt.Sprintf("has %d names; at most %d are allowed", n, maxDialects)}}
	}
	for i, name := range c.Dialects.Value {
		field := fmt.Sprintf("dialects[%d]", i)
		switch {
		case d.e.Routes().Dialect(name) == nil:
			unknown(field, name)
		case slices.Contains(c.Dialects.Value[:i], name):
			fields = append(fields, bellhop.FieldError{Field: field, Code: "duplicate", Detail: fmt.Sprintf("%q is there twice: remove one", name)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.DialectOptions.Value)) {
		field := "dialect_options." + bellhop.Clip(name)
		if x := d.e.Routes().Dialect(name); x == nil {
			unknown(field, name)
		} else {
			fields = append(fields, optionErrors(field, x, c.DialectOptions.Value[name])...)
		}
	}
	return fields
}

// DefaultDialect is the dialect of endpoints whose apps offer none in particular.
func (d *Desk) DefaultDialect() string { return d.defaultDialect }
