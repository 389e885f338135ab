package api

import (
	"encoding"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// plan is how a route's input struct is filled, worked out once.
type plan struct {
	input       reflect.Type
	path, query []param
	// body is the index of the field Body; nil if the route takes no body.
	body     []int
	bodyType reflect.Type
	optional bool
}

// param is one path or query parameter: a struct field with a tag "path" or
// "query". The tags enum, minimum, maximum, default, doc and example mean what
// they mean in the OpenAPI document.
type param struct {
	name     string
	field    reflect.StructField
	fallback string
}

// planOf reads the tags of an input struct. A body that is a pointer may be left
// out.
func planOf(in reflect.Type, method string) *plan {
	p := &plan{input: in}
	for _, f := range reflect.VisibleFields(in) {
		switch {
		case f.Tag.Get("path") != "":
			p.path = append(p.path, param{name: f.Tag.Get("path"), field: f})
		case f.Tag.Get("query") != "":
			p.query = append(p.query, param{name: f.Tag.Get("query"), field: f, fallback: f.Tag.Get("default")})
		case f.Name == "Body" && method != http.MethodGet && method != http.MethodDelete:
			p.body, p.bodyType = f.Index, f.Type
			if f.Type.Kind() == reflect.Pointer {
				p.optional, p.bodyType = true, f.Type.Elem()
			}
			if raw, ok := reflect.New(f.Type).Interface().(rawTarget); ok {
				p.bodyType = raw.contents()
			}
		}
	}
	return p
}

// names tells whether the path parameter can be the given word.
func (p *plan) names(parameter, word string) bool {
	for _, param := range p.path {
		if param.name == parameter {
			in := reflect.New(p.input).Elem()
			return param.set(in, word) == nil
		}
	}
	return true
}

func (p *plan) parameter(name string) *param {
	for i := range p.query {
		if p.query[i].name == name {
			return &p.query[i]
		}
	}
	return nil
}

func (p *plan) queryNames() []string {
	names := make([]string, len(p.query))
	for i, q := range p.query {
		names[i] = q.name
	}
	return names
}

// repeats tells whether it may be given several times.
func (p *param) repeats() bool { return p.field.Type.Kind() == reflect.Slice }

// filled tells whether it must not be given empty: what would then be as if it were left out
// is more than was asked for.
func (p *param) filled() bool {
	return p.field.Tag.Get("minLength") != "" || p.field.Tag.Get("minItems") != ""
}

// noun is what a path parameter names, for "There is no … …".
func (p *param) noun() string { return p.field.Tag.Get("noun") }

// set parses s into the parameter's field of in.
func (p *param) set(in reflect.Value, s string) *bellhop.FieldError {
	wrong := func(code, detail string) *bellhop.FieldError {
		return &bellhop.FieldError{Field: p.name, Code: code, Detail: detail}
	}
	if err := strictjson.CheckText(s); err != nil {
		return wrong(CodeText, err.Error())
	}
	v := in.FieldByIndex(p.field.Index)
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if readText(t, s) != nil {
			return wrong(Remedy(v.Type()))
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Slice: // of texts: each time that it is given adds one
		if s != "" {
			v.Set(reflect.Append(v, reflect.ValueOf(s)))
		}
	case reflect.String:
		if enum := p.field.Tag.Get("enum"); enum != "" && !oneOf(enum, s) {
			return wrong("enum", "must be "+alternatives(enum))
		}
		v.SetString(s)
	case reflect.Int:
		n, err := strconv.Atoi(s)
		if err != nil || !within(p.field.Tag, float64(n)) {
			return wrong("range", "must be a whole number "+rangeOf(p.field.Tag))
		}
		v.SetInt(int64(n))
	case reflect.Bool:
		if s != "true" && s != "false" {
			return wrong("type", "must be true or false")
		}
		v.SetBool(s == "true")
	default:
		panic(fmt.Sprintf("parameter %s has a type that cannot be read: %s", p.name, v.Type()))
	}
	return nil
}

func oneOf(enum, s string) bool {
	for e := range strings.SplitSeq(enum, ",") {
		if e == s {
			return true
		}
	}
	return false
}

// alternatives prints "a,b,c" as "a, b or c".
func alternatives(enum string) string {
	words := strings.Split(enum, ",")
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// within tells whether n is in the range that the tags minimum and maximum set.
func within(tag reflect.StructTag, n float64) bool {
	low, err := strconv.ParseFloat(tag.Get("minimum"), 64)
	if err == nil && n < low {
		return false
	}
	high, err := strconv.ParseFloat(tag.Get("maximum"), 64)
	return err != nil || n <= high
}

func rangeOf(tag reflect.StructTag) string {
	low, high := tag.Get("minimum"), tag.Get("maximum")
	switch {
	case low != "" && high != "":
		return "from " + low + " to " + high
	case low != "":
		return "of at least " + low
	}
	return "in range"
}

// Remedy says how to write a value that is read from text; it does not repeat
// what was sent.
func Remedy(t reflect.Type) (code, detail string) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "time", "must be an RFC 3339 time, such as 2027-06-11T02:00:00Z"
	case reflect.TypeFor[bellhop.StatusRange]():
		return "status_range", "must be a status, such as 503, a class, such as 5xx, or none"
	case reflect.TypeFor[bellhop.Duration]():
		return "duration", `must be a duration, such as "15s", "2m30s", "12h" or "7d"`
	}
	return "id", "must be an id of the right kind, such as " + sampleID(t)
}

// sampleID is an id of the given type, for error messages and the document.
func sampleID(t reflect.Type) string {
	v := reflect.New(t).Elem()
	v.SetInt(3549127518650003456)
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	return ""
}

// ByteSize prints a limit.
func ByteSize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
