package routes

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// Schema is a compiled JSON Schema. The zero Schema accepts everything.
type Schema struct {
	compiled *jsonschema.Schema
	// anchors are the schemas that a $dynamicRef or $recursiveRef may lead to.
	anchors []*jsonschema.Schema
}

// SchemaError is the error of CompileSchema.
type SchemaError struct {
	Pointer string // where in the schema: a JSON pointer (RFC 6901), "" for the whole
	// Detail reads on from the name of the field, such as "is not valid JSON".
	Detail string
}

func (e *SchemaError) Error() string { return strings.TrimPrefix(e.Pointer+" "+e.Detail, " ") }

// noLoader refuses to load schemas from anywhere: a $ref to a URL would let
// whoever writes schemas make requests from inside.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("the reference to %s is refused: a schema can refer to parts of itself only", bellhop.Clip(url))
}

// self is the address of a schema for the compiler.
const self = "bellhop:schema"

// CompileSchema compiles a JSON Schema. One that names no draft is of 2020-12 or, where it is
// none there, of draft 7, which many are that were written before. The error is a
// *SchemaError.
func CompileSchema(schema bellhop.JSON) (s Schema, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = Schema{}, &SchemaError{Detail: fmt.Sprintf("cannot be compiled: %v", p)}
		}
	}()
	if err := strictjson.Characters(schema); err != nil {
		e, ok := errors.AsType[*strictjson.Error](err)
		if !ok || e.Code != strictjson.CodeSurrogate {
			return Schema{}, &SchemaError{Detail: "is not valid JSON"}
		}
		return Schema{}, &SchemaError{e.Pointer, e.Detail}
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return Schema{}, &SchemaError{Detail: "is not valid JSON"}
	}
	if wrong := strangeNumbers(doc); len(wrong) > 0 {
		return Schema{}, &SchemaError{wrong[0], tooLong}
	}
	if err := checkCounts(doc, ""); err != nil {
		return Schema{}, err
	}
	s, err = compile(doc, jsonschema.Draft2020)
	if object, ok := doc.(map[string]any); err != nil && ok && object["$schema"] == nil {
		if older, no := compile(doc, jsonschema.Draft7); no == nil {
			return older, nil
		}
	}
	return s, err
}

// compile compiles a schema, of a draft unless it names one.
func compile(doc any, draft *jsonschema.Draft) (Schema, error) {
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(compilePattern)
	c.DefaultDraft(draft)
	c.AssertFormat()
	if err := c.AddResource(self, doc); err != nil {
		return Schema{}, &SchemaError{Detail: "is not a JSON Schema: " + err.Error()}
	}
	compiled, err := c.Compile(self)
	if err != nil {
		return Schema{}, &SchemaError{Detail: "is not a valid JSON Schema (2020-12): " + strings.ReplaceAll(err.Error(), self, "")}
	}
	return Schema{compiled, weigh(append(anchored(c, doc, ""), compiled))}, nil
}

// The keywords whose values are counts.
var counts = map[string]bool{
	"minLength": true, "maxLength": true, "minItems": true, "maxItems": true, "minContains": true, "maxContains": true,
	"minProperties": true, "maxProperties": true,
}

// The keywords whose values are data, not schemas.
var quoted = map[string]bool{"const": true, "enum": true, "default": true, "examples": true}

// checkCounts refuses counts that the validator would take for other ones.
func checkCounts(v any, at string) error {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			here := at + "/" + escapes.Replace(name)
			if n, ok := value.(json.Number); ok && counts[name] {
				if f, err := n.Float64(); err != nil || f > math.MaxInt32 {
					return &SchemaError{here, "is too large: leave it out, or give at most 2147483647"}
				}
			}
			if quoted[name] {
				continue
			}
			if err := checkCounts(value, here); err != nil {
				return err
			}
		}
	case []any:
		for i, value := range v {
			if err := checkCounts(value, at+"/"+strconv.Itoa(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// anchored compiles the parts of a schema that a $dynamicRef or $recursiveRef may lead
// to: the compiler finds them by itself and does not tell.
func anchored(c *jsonschema.Compiler, v any, at string) (list []*jsonschema.Schema) {
	switch v := v.(type) {
	case map[string]any:
		_, dynamic := v["$dynamicAnchor"].(string)
		recursive, _ := v["$recursiveAnchor"].(bool)
		if dynamic || recursive {
			if s, err := c.Compile(self + "#" + at); err == nil { // else it is no schema, though it looks like one
				list = append(list, s)
			}
		}
		for name, value := range v {
			list = append(list, anchored(c, value, at+"/"+escapes.Replace(name))...)
		}
	case []any:
		for i, value := range v {
			list = append(list, anchored(c, value, at+"/"+strconv.Itoa(i))...)
		}
	}
	return list
}

// maxViolations is how many violations of a schema one answer names.
const maxViolations = 50

// Violations lists each place where data breaks the schema, as a JSON pointer
// (RFC 6901) under field, at most 50 of them. It is empty only for data that fits. An
// error is that of the budget's context, which ended.
//
// What data costs is found out before it is checked, since the validator cannot be
// stopped: data that would cost too much is refused, and so are numbers so long that to
// compute with them would.
func (s Schema) Violations(b *Budget, data bellhop.JSON, field string) (fields []bellhop.FieldError, err error) {
	if s.compiled == nil {
		return nil, nil
	}
	if err := b.ctx.Err(); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return []bellhop.FieldError{{Field: field, Code: "json", Detail: "is not valid JSON"}}, nil
	}
	if wrong := strangeNumbers(doc); len(wrong) > 0 {
		for _, place := range wrong {
			fields = append(fields, bellhop.FieldError{Field: field + place, Code: "number", Detail: tooLong})
		}
		return fields, nil
	}
	if ok, err := b.afford(s, doc); err != nil {
		return nil, err
	} else if !ok {
		return []bellhop.FieldError{{
			Field: field, Code: "cost",
			Detail: "takes too long to be checked against the schema: send less data, or fewer events at once, or have the schema of the event type simplified",
		}}, nil
	}
	defer func() {
		// No data should get there; if some does, it is its own event that is refused.
		if p := recover(); p != nil {
			fields, err = unchecked(field, fmt.Sprint(p)), nil
		}
	}()
	if err = s.compiled.Validate(doc); err == nil {
		return nil, nil
	}
	broken, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return unchecked(field, err.Error()), nil
	}
	return named(broken, field), nil
}

func unchecked(field, why string) []bellhop.FieldError {
	return []bellhop.FieldError{{Field: field, Code: "schema", Detail: "cannot be checked against the schema: " + short(why)}}
}

// named says what is broken. There may be as much of it as there is data: only what is
// answered is put into words.
func named(broken *jsonschema.ValidationError, field string) []bellhop.FieldError {
	type breach struct {
		*jsonschema.ValidationError
		at string
	}
	var all []breach
	var walk func(*jsonschema.ValidationError)
	walk = func(v *jsonschema.ValidationError) {
		for _, cause := range v.Causes {
			walk(cause)
		}
		if len(v.Causes) == 0 {
			all = append(all, breach{v, pointer(v.InstanceLocation)})
		}
	}
	walk(broken)
	// The validator walks maps: unsorted, the same data would be answered
	// differently each time.
	slices.SortFunc(all, func(x, y breach) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.SchemaURL, y.SchemaURL),
			slices.Compare(x.ErrorKind.KeywordPath(), y.ErrorKind.KeywordPath()))
	})
	english := message.NewPrinter(language.English)
	fields := make([]bellhop.FieldError, min(len(all), maxViolations))
	for i := range fields {
		if more, ok := all[i].ErrorKind.(*kind.AdditionalProperties); ok {
			slices.Sort(more.Properties)
		}
		fields[i] = bellhop.FieldError{Field: field + all[i].at, Code: "schema", Detail: short(all[i].ErrorKind.LocalizedString(english))}
	}
	return fields
}

// short cuts a sentence that quotes a schema or data.
func short(s string) string {
	const most = 500
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
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
