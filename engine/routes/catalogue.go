package routes

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/bellhop/bellhop"
)

// Catalogue is the event types of one version. It never changes, and what it gives
// must not be changed either.
type Catalogue struct {
	version int64
	types   layered[string, *Type]
}

// Type is an event type made ready for use.
type Type struct {
	bellhop.EventType
	schema Schema // none unless data is to be validated
}

// Version is that of the store.
func (c *Catalogue) Version() int64 { return c.version }

// Type gives an event type.
func (c *Catalogue) Type(name string) (*Type, bool) { return c.types.get(name) }

// Types lists the event types in the order of their names, after the given one
// ("": from the first): as many as limit, or with 0 all.
func (c *Catalogue) Types(after string, limit int) []bellhop.EventType {
	list := first(func(yield func(*Type) bool) {
		for t := range c.types.all() {
			if t.Name > after && !yield(t) {
				return
			}
		}
	}, limit, func(x, y *Type) int { return cmp.Compare(x.Name, y.Name) })
	types := make([]bellhop.EventType, len(list))
	for i, t := range list {
		types[i] = t.EventType
	}
	return types
}

// Violations lists each place where data breaks the type's schema, as
// [Schema.Violations] does; none if data of the type is not validated.
func (t *Type) Violations(data bellhop.JSON, field string) []bellhop.FieldError {
	return t.schema.Violations(data, field)
}

// with gives the catalogue after a change.
func (c *Catalogue) with(ch *bellhop.CatalogueChanges, compiled []*Type) *Catalogue {
	from := c
	if ch.Full {
		from = &Catalogue{}
	}
	types := from.types.edit()
	for _, name := range ch.DeletedEventTypes {
		types.remove(name)
	}
	for _, t := range compiled {
		types.set(t.Name, t)
	}
	return &Catalogue{version: ch.Version, types: types.done()}
}

// compileType makes an event type ready. A schema that old has already is taken
// from there, since to compile one costs more than all the rest.
func (t *Table) compileType(et bellhop.EventType, old *Catalogue) *Type {
	c := &Type{EventType: et}
	if !et.Validate || len(et.Schema) == 0 {
		return c
	}
	if known, ok := old.Type(et.Name); ok && known.schema.compiled != nil && bytes.Equal(known.EventType.Schema, et.Schema) {
		c.schema = known.schema
		return c
	}
	var err error
	if c.schema, err = CompileSchema(et.Schema); err != nil {
		// It compiled when it was saved, by an older version.
		t.log.Error("data of an event type is not validated", "type", et.Name, "why", "its schema "+err.Error())
	}
	return c
}

// Schema is a compiled JSON Schema. The zero Schema accepts everything.
type Schema struct{ compiled *jsonschema.Schema }

// noLoader refuses to load schemas from anywhere: a $ref to a URL would let
// whoever writes schemas make requests from inside.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("the reference to %s is refused: a schema can refer to parts of itself only", bellhop.Clip(url))
}

// CompileSchema compiles a JSON Schema (2020-12, unless it names another draft).
// The error reads on from the name of the field, such as "schema is not valid JSON".
func CompileSchema(schema bellhop.JSON) (Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return Schema{}, errors.New("is not valid JSON")
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	const self = "bellhop:schema"
	if err := c.AddResource(self, doc); err != nil {
		return Schema{}, fmt.Errorf("is not a JSON Schema: %w", err)
	}
	s, err := c.Compile(self)
	if err != nil {
		return Schema{}, fmt.Errorf("is not a valid JSON Schema (2020-12): %s", strings.ReplaceAll(err.Error(), self, ""))
	}
	return Schema{s}, nil
}

// maxViolations is how many violations of a schema one answer names.
const maxViolations = 50

// Violations lists each place where data breaks the schema, as a JSON pointer
// (RFC 6901) under field, at most 50 of them. It is empty only for data that fits.
func (s Schema) Violations(data bellhop.JSON, field string) []bellhop.FieldError {
	if s.compiled == nil {
		return nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return []bellhop.FieldError{{Field: field, Code: "json", Detail: "is not valid JSON"}}
	}
	if err = s.compiled.Validate(doc); err == nil {
		return nil
	}
	broken, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []bellhop.FieldError{{Field: field, Code: "schema", Detail: "cannot be checked against the schema: " + err.Error()}}
	}
	var fields []bellhop.FieldError
	english := message.NewPrinter(language.English)
	var walk func(*jsonschema.ValidationError)
	walk = func(v *jsonschema.ValidationError) {
		for _, cause := range v.Causes {
			walk(cause)
		}
		if len(v.Causes) == 0 {
			fields = append(fields, bellhop.FieldError{
				Field: field + pointer(v.InstanceLocation), Code: "schema", Detail: v.ErrorKind.LocalizedString(english),
			})
		}
	}
	walk(broken)
	// The validator walks maps: unsorted, the same data would be answered
	// differently each time.
	slices.SortFunc(fields, func(x, y bellhop.FieldError) int {
		return cmp.Or(cmp.Compare(x.Field, y.Field), cmp.Compare(x.Detail, y.Detail))
	})
	return fields[:min(len(fields), maxViolations)]
}

// pointer is a JSON pointer (RFC 6901).
func pointer(path []string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		b.WriteString(escapes.Replace(p))
	}
	return b.String()
}

// escapes is made once, since to make it costs more than to use it.
var escapes = strings.NewReplacer("~", "~0", "/", "~1")
