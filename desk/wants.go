package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/match"
)

// Bounds of what an endpoint may want. It is compiled at every change, and kept in
// memory.
const (
	maxPatterns     = 200 // in one list
	maxEndpointApps = 100
	maxChannels     = 100
	// Of all apps together, where each has its own:
	maxAllPatterns = 1000
	maxAllFilters  = 64 << 10 // bytes
)

// namedApps lets the apps of a new endpoint be left out where all of its subjects are
// URNs, for those name the apps.
func (d *Desk) namedApps(p bellhop.Principal, c *bellhop.EndpointChange) error {
	if len(c.Apps.Value) > 0 || len(c.Subjects.Value) == 0 {
		return nil
	}
	var apps []string
	for i, s := range c.Subjects.Value {
		app, _, ok := match.CutURN(s)
		if !ok {
			return nil
		}
		if err := d.knownApp(p, fmt.Sprintf("subjects[%d]", i), app); err != nil {
			return err
		}
		apps = append(apps, app)
	}
	c.Apps = bellhop.Of(apps)
	return nil
}

// applyApps sets apps and terms, and says what is wrong with their list.
func applyApps(e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	if !c.Apps.Set {
		return nil
	}
	if len(c.Terms.Value) > 0 {
		for i, app := range c.Apps.Value {
			if slices.Contains(c.Apps.Value[:i], app) {
				fields = append(fields, bellhop.FieldError{
					Field: fmt.Sprintf("apps[%d]", i), Code: "twice", Detail: "names an app that is there already: give all that it wants of an app in one object",
				})
			}
		}
	}
	given := bellhop.Endpoint{Apps: c.Apps.Value, Terms: c.Terms.Value}
	e.Apps, e.Terms = bellhop.SplitTerms(given.AppsWithTerms())
	if len(e.Apps) == 0 || len(e.Apps) > maxEndpointApps {
		fields = append(fields, bellhop.FieldError{
			Field: "apps", Code: "length",
			Detail: fmt.Sprintf("names %d apps; an endpoint listens to 1 to %d", len(e.Apps), maxEndpointApps),
		})
	}
	return fields
}

// checkWants says what is wrong with what an endpoint wants to hear. What was given is
// refused as well if it can never match: whoever asks for that would wait in vain.
func checkWants(e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	own := bellhop.AppTerms{Events: e.Events, Subjects: e.Subjects}
	if c.Filter.Set {
		own.Filter = e.Filter
	}
	fields = checkTerms("", own)
	fields = append(fields, checkChannels(e.Channels, c)...)
	patterns, filters := len(e.Events)+len(e.Subjects), len(e.Filter)
	for _, t := range e.Terms {
		patterns, filters = patterns+len(t.Events)+len(t.Subjects), filters+len(t.Filter)
		if c.Apps.Set {
			fields = append(fields, checkTerms(placeOf(t.App, c)+".", t)...)
		}
	}
	if !c.Apps.Set && !c.Subjects.Set && !c.Events.Set && !c.Filter.Set {
		return fields
	}
	if patterns > maxAllPatterns || filters > maxAllFilters {
		fields = append(fields, bellhop.FieldError{Field: "apps", Code: "length", Detail: fmt.Sprintf(
			"have %d patterns and %d bytes of filters, the endpoint's own included; at most %d and %d are allowed: split them over several endpoints",
			patterns, filters, maxAllPatterns, maxAllFilters)})
	}
	if len(fields) > 0 {
		return fields
	}
	if c.Events.Set {
		fields = append(fields, checkOwnTypes("events", e.Events)...)
	}
	if slices.Contains(e.Apps, bellhop.AllApps) {
		fields = append(fields, checkOnlyOwn(e)...)
	}
	for _, t := range e.Terms {
		if c.Apps.Set {
			fields = append(fields, checkOwnTypes(placeOf(t.App, c)+".events", t.Events)...)
		}
	}
	if len(e.Apps) > 0 && (c.Subjects.Set || c.Apps.Set) {
		fields = append(fields, checkURNs(e, c)...)
	}
	return fields
}

// placeOf is the path of an app's terms in the request.
func placeOf(app string, c *bellhop.EndpointChange) string {
	return fmt.Sprintf("apps[%d]", slices.Index(c.Apps.Value, app))
}

// checkChannels names them by their places in the request.
func checkChannels(channels []string, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	if c.Channels.Set {
		channels = c.Channels.Value
	}
	if len(channels) > maxChannels {
		return []bellhop.FieldError{{
			Field: "channels", Code: "length",
			Detail: fmt.Sprintf("has %d channels; at most %d are allowed: split them over several endpoints", len(channels), maxChannels),
		}}
	}
	for i, channel := range channels {
		if err := match.CheckLabel("channel", channel); err != nil {
			fields = append(fields, bellhop.FieldError{Field: fmt.Sprintf("channels[%d]", i), Code: "label", Detail: err.Error()})
		}
	}
	return fields
}

func checkTerms(place string, t bellhop.AppTerms) (fields []bellhop.FieldError) {
	fields = append(fields, checkPatterns(place+"events", t.Events, match.CheckTypePattern)...)
	fields = append(fields, checkPatterns(place+"subjects", t.Subjects, match.CheckSubjectPattern)...)
	if len(t.Filter) > 0 {
		if err := match.CheckFilter(t.Filter); err != nil {
			field, detail := place+"filter", err.Error()
			if fe, ok := errors.AsType[*match.FilterError](err); ok {
				field, detail = field+fe.Pointer, fe.Detail
			}
			fields = append(fields, bellhop.FieldError{Field: field, Code: "filter", Detail: detail})
		}
	}
	return fields
}

func checkPatterns(field string, patterns []string, check func(string) error) (fields []bellhop.FieldError) {
	if len(patterns) > maxPatterns {
		return []bellhop.FieldError{{
			Field: field, Code: "length",
			Detail: fmt.Sprintf("has %d patterns; at most %d are allowed: use a trailing * to cover several", len(patterns), maxPatterns),
		}}
	}
	for i, p := range patterns {
		if err := check(p); err != nil {
			fields = append(fields, bellhop.FieldError{Field: fmt.Sprintf("%s[%d]", field, i), Code: "pattern", Detail: err.Error()})
		}
	}
	return fields
}

// checkOwnTypes refuses patterns below the prefix of Bellhop's own types that are the
// name of none.
func checkOwnTypes(field string, patterns []string) (fields []bellhop.FieldError) {
	own := engine.OwnEventTypes()
	for i, p := range patterns {
		if strings.HasPrefix(p, routes.OwnTypes) && !slices.ContainsFunc(own, func(t string) bool { return bellhop.MatchName(p, t) }) {
			fields = append(fields, bellhop.FieldError{
				Field: fmt.Sprintf("%s[%d]", field, i), Code: "never",
				Detail: fmt.Sprintf("matches no event: types that begin with %s are Bellhop's own, which are: %s", routes.OwnTypes, strings.Join(own, ", ")),
			})
		}
	}
	return fields
}

// checkOnlyOwn refuses what an endpoint of all apps would wait for in vain.
func checkOnlyOwn(e *bellhop.Endpoint) (fields []bellhop.FieldError) {
	own := engine.OwnEventTypes()
	for i, p := range e.Events {
		if !strings.HasPrefix(p, routes.OwnTypes) && !slices.ContainsFunc(own, func(t string) bool { return bellhop.MatchName(p, t) }) {
			fields = append(fields, bellhop.FieldError{
				Field: fmt.Sprintf("events[%d]", i), Code: "never",
				Detail: fmt.Sprintf("matches no event: an endpoint of all apps gets what Bellhop itself tells, which is: %s", strings.Join(own, ", ")),
			})
		}
	}
	if len(e.Terms) > 0 {
		fields = append(fields, bellhop.FieldError{Field: "apps[0]", Code: "all_apps", Detail: `"*" has no terms of its own: give events, subjects and filter of the endpoint`})
	}
	return fields
}

// checkURNs refuses URNs that no event can match, and apps for which none of the
// subjects is meant.
func checkURNs(e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	never := func(field, format string, a ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: "never", Detail: fmt.Sprintf(format, a...)})
	}
	check := func(place string, subjects []string, wrong func(app string) string) {
		for i, s := range subjects {
			field := fmt.Sprintf("%s[%d]", place, i)
			if err := match.CheckURN(s); err != nil {
				fields = append(fields, bellhop.FieldError{Field: field, Code: "pattern", Detail: err.Error()})
			} else if app, _, ok := match.CutURN(s); ok {
				if why := wrong(app); why != "" {
					never(field, "%s", why)
				}
			}
		}
	}
	asOwn := map[string]bool{}
	for _, t := range e.Terms {
		asOwn[t.App] = t.Subjects != nil
		if c.Apps.Set {
			check(placeOf(t.App, c)+".subjects", t.Subjects, func(app string) string {
				if app != t.App {
					return fmt.Sprintf("matches no event: it names the app %s, and stands among the subjects of %s", bellhop.Clip(app), t.App)
				}
				return ""
			})
		}
	}
	check("subjects", e.Subjects, func(app string) string {
		switch {
		case !slices.Contains(e.Apps, app):
			return fmt.Sprintf("matches no event: it names the app %s, which the endpoint does not listen to: add that to apps", bellhop.Clip(app))
		case asOwn[app]:
			return fmt.Sprintf("matches no event: the app %s has subjects of its own in apps: put it there", app)
		}
		return ""
	})
	for _, app := range e.Apps {
		subjects := e.TermsOf(app).Subjects
		if len(subjects) > 0 && len(match.SubjectsOf(app, subjects)) == 0 && !asOwn[app] {
			never("subjects", "match no event of the app %s: all of them are URNs of other apps; add urn:allthings:app:%s:* or leave the app out", app, app)
		}
	}
	return fields
}
