package desk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// offers gives the dialects that an app's people may choose, the default first; none
// if they may choose any.
func (d *Desk) offers(app string) []string {
	a, _ := d.routes().App(app)
	return a.Dialects
}

// inCommon gives the dialects that all of the apps offer of those which offer any, in
// the order of the first, and those apps; none and none if people may choose any.
func (d *Desk) inCommon(apps []string) (both, offering []string) {
	for _, app := range apps {
		switch offered := d.offers(app); {
		case len(offered) == 0:
			continue
		case len(offering) == 0:
			both = slices.Clone(offered)
		default:
			both = slices.DeleteFunc(both, func(name string) bool { return !slices.Contains(offered, name) })
		}
		offering = append(offering, app)
	}
	return both, offering
}

// chooseDialect gives an endpoint that names none the first that all of its apps offer,
// or the installation's if they offer none in particular.
func (d *Desk) chooseDialect(e *bellhop.Endpoint) []bellhop.FieldError {
	both, offering := d.inCommon(e.Apps)
	switch {
	case len(offering) == 0:
		e.Dialect = d.defaultDialect
	case len(both) == 0:
		e.Dialect = d.offers(offering[0])[0]
		return d.nothingInCommon(offering)
	default:
		e.Dialect = both[0]
	}
	return nil
}

// maxApart bounds how many apps an error names.
const maxApart = 3

// nothingInCommon says that no dialect is offered by all of the apps, and the remedy.
func (d *Desk) nothingInCommon(apps []string) []bellhop.FieldError {
	parts := make([]string, 0, maxApart+1)
	for i, app := range apps {
		if i == maxApart {
			parts = append(parts, fmt.Sprintf("and %d more", len(apps)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", app, strings.Join(d.offers(app), ", ")))
	}
	return []bellhop.FieldError{{
		Field: "dialect", Code: "none_in_common",
		Detail: "no dialect is offered by all of its apps, " + strings.Join(parts, ", ") + ": make an endpoint for each app, or have an admin name the dialect, or add one to the dialects of all",
	}}
}

// checkChoice says which app does not offer an endpoint's dialect. It holds those who
// may not change what the app offers, and only for what they change: old is the
// endpoint as it was, nil if it is new, and said what is known to be wrong.
func (d *Desk) checkChoice(p bellhop.Principal, e, old *bellhop.Endpoint, said []bellhop.FieldError) (fields []bellhop.FieldError) {
	if p.Role == bellhop.RoleAdmin || slices.ContainsFunc(said, func(f bellhop.FieldError) bool { return f.Field == "dialect" }) {
		return nil
	}
	both, offering := d.inCommon(e.Apps)
	for _, app := range e.Apps {
		if old != nil && e.Dialect == old.Dialect && slices.Contains(old.Apps, app) {
			continue
		}
		offered := d.offers(app)
		if len(offered) == 0 || slices.Contains(offered, e.Dialect) {
			continue
		}
		if len(both) == 0 {
			return d.nothingInCommon(offering)
		}
		fields = append(fields, bellhop.FieldError{
			Field: "dialect", Code: "dialect_not_offered",
			Detail: fmt.Sprintf("app %s does not offer %q: choose one of %s, or have an admin add it to the app's dialects", app, bellhop.Clip(e.Dialect), strings.Join(both, ", ")),
		})
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
		return routes.OptionErrors("dialect_options", x, e.DialectOptions)
	case was != "" && was != e.Dialect && len(e.DialectOptions) > 0:
		return []bellhop.FieldError{{
			Field: "dialect_options", Code: "dialect_option",
			Detail: fmt.Sprintf("are those of dialect %s: give those of %s as well, or null for its defaults", was, e.Dialect),
		}}
	}
	return nil
}

// DefaultDialect is the dialect of endpoints whose apps offer none in particular.
func (d *Desk) DefaultDialect() string { return d.defaultDialect }
