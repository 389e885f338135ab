package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/match"
)

// DataField is a field of events' data that a filter can be about.
type DataField struct {
	// Path is the names of members with dots between, as a filter nests them. Arrays on
	// the way are passed over, as filters do.
	Path string
	// Types are those of JSON: string, number, boolean, null.
	Types []string
	// Example is a value, as JSON; nil if none is known.
	Example bellhop.JSON
	Source  FieldSource
}

// FieldSource says from where a field is known.
type FieldSource string

// The sources of fields.
const (
	FieldFromSchema FieldSource = "schema" // of the catalogue
	FieldFromRecent FieldSource = "recent" // of recent events, or of an example
)

// Bounds of Fields: who makes a filter waits for it.
const (
	maxFields     = 300
	maxFieldDepth = match.MaxFilterDepth
	maxFieldTypes = 200 // of the catalogue
	fieldEvents   = 50
	fieldExample  = 200 // bytes
)

// Fields lists the fields that the data of events has, of the types that patterns select
// (none: all), by the catalogue's schemas and examples and by recent events of an app, or
// ("") of all in the scope; by path. They are a help, bounded in number, and no promise.
func (d *Desk) Fields(ctx context.Context, p bellhop.Principal, app string, events []string) ([]DataField, error) {
	if err := Permits(p, "listEventFields"); err != nil {
		return nil, err
	}
	scope, err := d.narrow(p, app)
	if err != nil {
		return nil, err
	}
	if fields := checkPatterns("events", events, match.CheckTypePattern); len(fields) > 0 {
		return nil, bellhop.Invalid("The patterns of event types are not valid", fields...)
	}
	types, err := match.CompileTypes(events)
	if err != nil {
		return nil, bellhop.Wrong("events", "pattern", err.Error())
	}
	found := fieldSet{}
	looked := 0
	for _, t := range d.e.Routes().Catalogue().Types(p, "", 0) {
		if !types.Match(t.Name) {
			continue
		}
		if looked++; looked > maxFieldTypes {
			break
		}
		found.schema(t.Schema)
		found.data(t.Example, FieldFromRecent)
	}
	recent, err := d.recentOf(ctx, scope, fieldEvents, func(e *bellhop.Event) bool { return types.Match(e.Type) })
	if err != nil {
		return nil, err
	}
	for i := range recent {
		found.data(recent[i].Data, FieldFromRecent)
	}
	list := make([]DataField, 0, len(found))
	for _, path := range slices.Sorted(maps.Keys(found)) {
		f := found[path]
		slices.Sort(f.Types)
		list = append(list, *f)
	}
	return list, nil
}

// recentOf gives the newest events that are wanted, with their data: as many as can be
// looked at in a moment.
func (d *Desk) recentOf(ctx context.Context, scope bellhop.Scope, limit int, wanted func(*bellhop.Event) bool) (list []bellhop.Event, err error) {
	ctx, cancel := context.WithTimeout(ctx, recentTime)
	defer cancel()
	f := bellhop.EventFilter{Scope: scope, Limit: recentEvents}
	bytes := 0
	for range recentPages {
		page, err := d.store.Events(ctx, f)
		if err != nil {
			return list, orEnough(ctx, list, err)
		}
		for i := range page {
			e := &page[i]
			if e.Test || e.Erased || !wanted(e) {
				continue
			}
			full, err := d.store.Event(ctx, e.ID)
			if err != nil {
				return list, orEnough(ctx, list, err)
			}
			list = append(list, full)
			if bytes += len(full.Data); len(list) == limit || bytes > recentData {
				return list, nil
			}
		}
		if len(page) < recentEvents {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	return list, nil
}

// recentPages is how many times recentEvents are looked through for some of a type.
const recentPages = 8

// orEnough is err, unless the time was up and something was found.
func orEnough(ctx context.Context, found []bellhop.Event, err error) error {
	if ctx.Err() == context.DeadlineExceeded && len(found) > 0 || bellhop.IsNotFound(err) {
		return nil
	}
	return err
}

// fieldSet are fields by path.
type fieldSet map[string]*DataField

// add notes a field, and gives nil where there is no more room. What the schema says
// leads, since recent events are some of many.
func (s fieldSet) add(path string, source FieldSource) *DataField {
	f := s[path]
	if f == nil && len(s) < maxFields {
		f = &DataField{Path: path, Source: source}
		s[path] = f
	}
	return f
}

func (f *DataField) is(kind string) {
	if kind == "integer" {
		kind = "number"
	}
	if !slices.Contains(f.Types, kind) {
		f.Types = append(f.Types, kind)
	}
}

// below is the path of a member; "" if no filter can name it.
func below(path, name string) string {
	switch {
	case name == "" || strings.Contains(name, ".") || name == "$or":
		return ""
	case path == "":
		return name
	}
	return path + "." + name
}

// data notes the fields of an event's data.
func (s fieldSet) data(data bellhop.JSON, source FieldSource) {
	if len(data) == 0 {
		return
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var root any
	if dec.Decode(&root) == nil {
		s.value("", root, source, 0)
	}
}

func (s fieldSet) value(path string, v any, source FieldSource, depth int) {
	if depth > 2*maxFieldDepth {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if at := below(path, name); at != "" && strings.Count(at, ".") < maxFieldDepth {
				s.value(at, v[name], source, depth+1)
			}
		}
		return
	case []any:
		for _, e := range v[:min(len(v), 5)] {
			s.value(path, e, source, depth+1)
		}
		return
	}
	if path == "" {
		return
	}
	f := s.add(path, source)
	if f == nil {
		return
	}
	switch v.(type) {
	case string:
		f.is("string")
	case json.Number:
		f.is("number")
	case bool:
		f.is("boolean")
	case nil:
		f.is("null")
		return
	}
	if len(f.Example) == 0 {
		if example := marshal(v); len(example) <= fieldExample {
			f.Example = example
		}
	}
}

// jsonSchema is as much of a JSON Schema as says which fields there are.
type jsonSchema struct {
	Type       any                        `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	Items      json.RawMessage            `json:"items"`
	Ref        string                     `json:"$ref"`
	AllOf      []json.RawMessage          `json:"allOf"`
	AnyOf      []json.RawMessage          `json:"anyOf"`
	OneOf      []json.RawMessage          `json:"oneOf"`
	Enum       []any                      `json:"enum"`
	Const      any                        `json:"const"`
	Examples   []any                      `json:"examples"`
}

// schema notes the fields of a schema.
func (s fieldSet) schema(schema bellhop.JSON) {
	if len(schema) > 0 {
		w := schemaWalk{s, schema, maxSchemaSteps}
		w.walk("", json.RawMessage(schema), 0)
	}
}

// maxSchemaSteps bounds how many parts of a schema are looked at: references may lead to
// the same one again and again.
const maxSchemaSteps = 2000

type schemaWalk struct {
	fieldSet
	root  bellhop.JSON
	steps int
}

func (w *schemaWalk) walk(path string, raw json.RawMessage, depth int) {
	if w.steps--; w.steps < 0 || depth > 2*maxFieldDepth {
		return
	}
	var x jsonSchema
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&x) != nil {
		return // true, false, or of a form that is not known here
	}
	if target := w.resolve(x.Ref); target != nil {
		w.walk(path, target, depth+1)
	}
	for _, list := range [][]json.RawMessage{x.AllOf, x.AnyOf, x.OneOf} {
		for _, part := range list {
			w.walk(path, part, depth+1)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(x.Properties)) {
		if at := below(path, name); at != "" && strings.Count(at, ".") < maxFieldDepth {
			w.walk(at, x.Properties[name], depth+1)
		}
	}
	if len(x.Items) > 0 {
		w.walk(path, x.Items, depth+1)
	}
	if path != "" {
		w.leaf(path, &x)
	}
}

// leaf notes a field that holds a value of its own.
func (w *schemaWalk) leaf(path string, x *jsonSchema) {
	var types []string
	switch t := x.Type.(type) {
	case string:
		types = []string{t}
	case []any:
		for _, one := range t {
			if name, ok := one.(string); ok {
				types = append(types, name)
			}
		}
	}
	types = slices.DeleteFunc(types, func(t string) bool { return t == "object" || t == "array" })
	values := append(slices.Clone(x.Examples), x.Enum...)
	if x.Const != nil {
		values = append(values, x.Const)
	}
	if len(types) == 0 && len(values) == 0 {
		return
	}
	f := w.add(path, FieldFromSchema)
	if f == nil {
		return
	}
	for _, t := range types {
		f.is(t)
	}
	for _, v := range values {
		w.value(path, v, FieldFromSchema, 0)
	}
}

// resolve gives what a reference within the schema leads to, by JSON pointer; nil if it
// leads elsewhere.
func (w *schemaWalk) resolve(ref string) json.RawMessage {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	at := json.RawMessage(w.root)
	for part := range strings.SplitSeq(pointer, "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		var object map[string]json.RawMessage
		if json.Unmarshal(at, &object) != nil {
			return nil
		}
		at = object[part]
	}
	return at
}
