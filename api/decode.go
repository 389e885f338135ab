package api

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// parts are fields whose contents are looked at in another way.
func (m *Manner) parts() strictjson.Parts {
	all := strictjson.Bodies
	return strictjson.Parts{Carried: slices.Concat(all.Carried, m.Carried), Large: slices.Concat(all.Large, m.Large)}
}

// maxList is how many elements a list in a body may have.
const maxList = 10_000

// decodeBody reads a JSON object into the struct v, strictly: unknown and
// repeated members are errors. It adds every field at fault to wrong, by its path, and
// never repeats a value, which could be a secret. encoding/json does none of
// this: it stops at the first error and drops the path of most.
func decodeBody(body []byte, parts strictjson.Parts, v reflect.Value, wrong *Faults) error {
	if err := strictjson.Check(body, parts); err != nil {
		return Malformed(err)
	}
	d := decoder{wrong}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	d.object("", body, v)
	return nil
}

// Malformed is the problem of a body that is not JSON as it must be.
func Malformed(err error) error {
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return err
	}
	if e.Code == strictjson.CodeWrongType {
		return Invalid(bellhop.FieldError{Field: "body", Code: "type", Detail: e.Detail})
	}
	p := &bellhop.Error{
		Code:   bellhop.Code(e.Code),
		Detail: fmt.Sprintf("Line %d, column %d: %s", e.Line, e.Column, e.Detail),
	}
	if e.Key != "" {
		p.Fields = []bellhop.FieldError{{Field: bellhop.Clip(e.Key), Code: e.Code, Detail: "is there twice: send it once"}}
	}
	return p
}

// decoder collects what is wrong while it walks a body that is known to be JSON.
type decoder struct{ wrong *Faults }

func (d *decoder) fail(path, code, detail string) {
	if path == "" {
		path = "body"
	}
	d.wrong.Add(bellhop.FieldError{Field: path, Code: code, Detail: detail})
}

// fieldsOf lists a struct's JSON fields.
func fieldsOf(t reflect.Type) (fields []reflect.StructField, names []string) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields, names = append(fields, f), append(names, name)
		}
	}
	return fields, names
}

func required(f reflect.StructField) bool {
	tag := f.Tag.Get("json")
	return !strings.Contains(tag, ",omitempty") && !strings.Contains(tag, ",omitzero")
}

// IsEmpty is said of a field whose empty string would be taken for none.
const IsEmpty = "is empty: give it a value, or leave it out"

// isMissing is said of a required field.
const isMissing = "is missing: give it"

func (d *decoder) object(path string, raw []byte, v reflect.Value) {
	members, err := strictjson.Members(raw)
	if err != nil {
		d.fail(path, "type", "must be an object, not "+KindOf(raw))
		return
	}
	fields, names := fieldsOf(v.Type())
	given := map[string]bool{}
	for _, m := range members {
		i := slices.Index(names, m.Key)
		if i < 0 && d.wrong.Count() {
			continue
		}
		if i < 0 {
			wrong := UnknownField(m.Key, "There is no such field", names)
			wrong.Field = JoinPath(path, wrong.Field)
			d.wrong.Add(wrong)
			continue
		}
		field := v.FieldByIndex(fields[i].Index)
		if string(m.Value) == "null" && !isField(field.Type()) {
			continue // as if it were not there
		}
		given[m.Key] = true
		d.value(JoinPath(path, m.Key), m.Value, field, fields[i].Tag)
	}
	for i, f := range fields {
		if required(f) && !given[names[i]] {
			d.fail(JoinPath(path, names[i]), "required", isMissing)
		}
	}
}

func (d *decoder) value(path string, raw []byte, v reflect.Value, tag reflect.StructTag) {
	if isField(v.Type()) {
		v.FieldByName("Set").SetBool(true)
		if string(raw) != "null" {
			d.value(path, raw, v.FieldByName("Value"), tag)
		}
		return
	}
	switch target := v.Addr().Interface().(type) {
	case *bellhop.JSON:
		_ = target.UnmarshalJSON(raw)
		return
	case *bellhop.RetryPolicy:
		d.retry(path, raw, target)
		return
	case *bellhop.AppTerms:
		if raw[0] == '"' {
			target.App, _ = d.text(path, raw)
			return
		}
		if raw[0] != '{' {
			d.fail(path, "type", "must be the name of an app or an object, not "+KindOf(raw))
			return
		}
	case encoding.TextUnmarshaler:
		// Empty text would be read as no id, and so as any.
		if s, ok := d.text(path, raw); ok && (s == "" || readText(target, s) != nil) {
			code, detail := Remedy(v.Type())
			d.fail(path, code, detail)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if string(raw) == "null" {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.value(path, raw, v.Elem(), tag)
	case reflect.Struct:
		d.object(path, raw, v)
	case reflect.Slice:
		elements, more, err := strictjson.ElementsUpTo(raw, maxList)
		if err != nil {
			d.fail(path, "type", "must be a list, not "+KindOf(raw))
			return
		}
		if more {
			d.fail(path, "length", fmt.Sprintf("has more than %d elements: give fewer", maxList))
			return
		}
		if len(elements) == 0 && tag.Get("minItems") != "" {
			d.fail(path, "length", IsEmpty)
		}
		v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
		for i, e := range elements {
			d.value(fmt.Sprintf("%s[%d]", path, i), e, v.Index(i), "")
		}
	case reflect.Map:
		members, err := strictjson.Members(raw)
		if err != nil {
			d.fail(path, "type", "must be an object, not "+KindOf(raw))
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(members)))
		for _, m := range members {
			if err := strictjson.CheckText(m.Key); err != nil {
				d.fail(JoinPath(path, bellhop.Clip(m.Key)), CodeText, "has a name that "+err.Error())
				continue
			}
			value := reflect.New(v.Type().Elem()).Elem()
			d.value(JoinPath(path, bellhop.Clip(m.Key)), m.Value, value, "")
			v.SetMapIndex(reflect.ValueOf(m.Key), value)
		}
	case reflect.String:
		s, ok := d.text(path, raw)
		if !ok {
			return
		}
		if enum := tag.Get("enum"); enum != "" && !oneOf(enum, s) {
			d.fail(path, "enum", "must be "+alternatives(enum))
		}
		if s == "" && tag.Get("minLength") != "" {
			d.fail(path, "length", IsEmpty)
		}
		v.SetString(s)
	case reflect.Bool:
		if json.Unmarshal(raw, v.Addr().Interface()) != nil {
			d.fail(path, "type", "must be true or false, not "+KindOf(raw))
		}
	case reflect.Int, reflect.Float64:
		what := "a number"
		if v.Kind() == reflect.Int {
			what = "a whole number"
		}
		if kind := KindOf(raw); kind != "a number" {
			d.fail(path, "type", "must be "+what+", not "+kind)
		} else if json.Unmarshal(raw, v.Addr().Interface()) != nil { // a fraction, or too large
			d.fail(path, "range", "must be "+what+" "+rangeOf(tag))
		} else if n := v.Convert(reflect.TypeFor[float64]()).Float(); !within(tag, n) {
			d.fail(path, "range", "must be "+what+" "+rangeOf(tag))
		}
	default:
		panic("a body has a type that cannot be read: " + v.Type().String())
	}
}

// readText reads a value that is written as text.
func readText(target encoding.TextUnmarshaler, s string) (err error) {
	if t, ok := target.(*time.Time); ok {
		*t, err = bellhop.ParseTime(s)
		return err
	}
	return target.UnmarshalText([]byte(s))
}

// retry reads a policy, whose own decoder knows no paths: the shape is checked
// here first.
func (d *decoder) retry(path string, raw []byte, p *bellhop.RetryPolicy) {
	before := len(d.wrong.list) + d.wrong.more
	switch raw[0] {
	case '[':
		var delays []bellhop.Duration
		d.value(path, raw, reflect.ValueOf(&delays).Elem(), "")
	case '{':
		var object struct {
			Initial bellhop.Duration `json:"initial"`
			Factor  float64          `json:"factor,omitempty"`
			Max     bellhop.Duration `json:"max,omitempty"`
			Until   bellhop.Duration `json:"until,omitempty"`
		}
		d.object(path, raw, reflect.ValueOf(&object).Elem())
	}
	if len(d.wrong.list)+d.wrong.more == before && p.UnmarshalJSON(raw) != nil {
		d.fail(path, "retry", `must be a list of delays, such as ["5s","2m"], or an object such as {"initial":"5s","factor":2,"max":"1h","until":"7d"}`)
	}
}

// CodeText is the code of a field whose string cannot be kept as text.
const CodeText = "text"

// text reads a string.
func (d *decoder) text(path string, raw []byte) (string, bool) {
	if raw[0] != '"' {
		d.fail(path, "type", "must be a string, not "+KindOf(raw))
		return "", false
	}
	s, err := strictjson.Text(raw)
	if err != nil {
		d.fail(path, CodeText, err.Error())
		return "", false
	}
	return s, true
}

// isField tells whether a type is a bellhop.Field.
func isField(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Field[") && t.PkgPath() == reflect.TypeFor[bellhop.Event]().PkgPath()
}

// valueOf is the type of the value of a bellhop.Field.
func valueOf(t reflect.Type) reflect.Type {
	f, _ := t.FieldByName("Value")
	return f.Type
}

// JoinPath is the path of a field within another one, or ("") within the body.
func JoinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// KindOf says what kind of JSON value raw is, without saying which.
func KindOf(raw []byte) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}
