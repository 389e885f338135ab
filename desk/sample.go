package desk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
)

// fittingEvents is how many recent events of the types that an endpoint listens to are
// tried, to find one that it would get.
const fittingEvents = 25

// fittingEvent is an event that an endpoint would get: the newest one of its apps or, if none
// of them is, an example of the catalogue as p sees it, or one that is made from a schema. It answers
// false if nothing is known that fits.
func (d *Desk) fittingEvent(ctx context.Context, p bellhop.Principal, scope bellhop.Scope, r *routes.Route) (engine.Publication, bool) {
	list, err := d.recentOf(ctx, scope, fittingEvents, func(e *bellhop.Event) bool { return r.Asks(e.App, e.Type) })
	if err == nil {
		for i := range list {
			if e := &list[i]; r.Verdict(e).OK {
				return engine.Publication{App: e.App, Type: e.Type, Subject: e.Subject, Data: e.Data}, true
			}
		}
	}
	app := r.Apps[0]
	var second engine.Publication // of a type that fits, but not by its data
	for _, t := range d.e.Routes().Catalogue().Types(p, "", 0) {
		if t.Archived || strings.HasPrefix(t.Name, routes.OwnTypes) || !r.Asks(app, t.Name) {
			continue
		}
		e := engine.Publication{App: app, Type: t.Name, Data: d.exampleOf(&t)}
		if len(e.Data) == 0 {
			continue
		}
		if r.Verdict(&bellhop.Event{App: app, Type: e.Type, Channels: r.Channels, Data: e.Data}).OK {
			return e, true
		}
		if second.Type == "" {
			second = e
		}
	}
	return second, second.Type != ""
}

// patternType is a type that the first of some patterns selects: its own name, or one
// below its prefix.
func patternType(patterns []string) string {
	for _, p := range patterns {
		if prefix, isPrefix := strings.CutSuffix(p, "*"); !isPrefix {
			return p
		} else if prefix != "" {
			return strings.TrimSuffix(prefix, ".") + ".example"
		}
	}
	return ""
}

// exampleOf is the catalogue's example of a type or, without one, what its schema
// describes; nil if it says nothing.
func (d *Desk) exampleOf(t *bellhop.EventType) bellhop.JSON {
	if len(t.Example) > 0 || len(t.Schema) == 0 {
		return t.Example
	}
	w := schemaWalk{fieldSet{}, t.Schema, maxSchemaSteps}
	if v, ok := w.sample(json.RawMessage(t.Schema), 0); ok {
		return marshal(v)
	}
	return nil
}

// sample is a value that a schema describes; false if it says nothing of it.
func (w *schemaWalk) sample(raw json.RawMessage, depth int) (any, bool) {
	if w.steps--; w.steps < 0 || depth > 2*maxFieldDepth {
		return nil, false
	}
	var x struct {
		jsonSchema
		Default any          `json:"default"`
		Format  string       `json:"format"`
		Minimum *json.Number `json:"minimum"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&x) != nil {
		return nil, false
	}
	switch {
	case x.Const != nil:
		return x.Const, true
	case len(x.Examples) > 0:
		return x.Examples[0], true
	case x.Default != nil:
		return x.Default, true
	case len(x.Enum) > 0:
		return x.Enum[0], true
	}
	if target := w.resolve(x.Ref); target != nil {
		return w.sample(target, depth+1)
	}
	object := map[string]any{}
	for _, part := range x.AllOf {
		if v, ok := w.sample(part, depth+1); ok {
			if members, isObject := v.(map[string]any); isObject {
				maps.Copy(object, members)
			}
		}
	}
	for _, list := range [][]json.RawMessage{x.OneOf, x.AnyOf} {
		if len(list) > 0 && len(object) == 0 && len(x.Properties) == 0 {
			return w.sample(list[0], depth+1)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(x.Properties)) {
		if v, ok := w.sample(x.Properties[name], depth+1); ok {
			object[name] = v
		}
	}
	kind, _ := x.Type.(string)
	if list, ok := x.Type.([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	switch {
	case len(object) > 0 || kind == "object":
		return object, true
	case kind == "array":
		list := []any{}
		if len(x.Items) > 0 {
			if v, ok := w.sample(x.Items, depth+1); ok {
				list = append(list, v)
			}
		}
		return list, true
	case kind == "integer", kind == "number":
		if x.Minimum != nil {
			return *x.Minimum, true
		}
		return 1, true
	case kind == "boolean":
		return true, true
	case kind == "null":
		return nil, true
	case kind == "string":
		return cmp.Or(formats[x.Format], "text"), true
	}
	return nil, false
}

// formats are texts of the formats of JSON Schema (2020-12, validation, section 7.3).
var formats = map[string]string{
	"date-time": "2027-06-11T10:00:00Z", "date": "2027-06-11", "time": "10:00:00Z", "duration": "PT1H",
	"email": "guest@example.com", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
	"uri": "https://example.com/", "uuid": "2ce56e14-7f13-56e6-94b4-a5655b2079e7",
}
