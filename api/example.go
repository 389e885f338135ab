package api

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
)

// example makes an example of a Go type, from the example tags of its fields and
// those of the description.
func (w *writer) example(t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[bellhop.JSON]():
		return nil
	case reflect.TypeFor[bellhop.Duration]():
		return "15s"
	case reflect.TypeFor[bellhop.RetryPolicy]():
		return []string{"5s", "2m", "1h"}
	case reflect.TypeFor[time.Time]():
		return "2027-06-11T02:00:00.000Z"
	}
	switch {
	case isField(t):
		return w.example(valueOf(t))
	case t.Kind() == reflect.Int64 && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return sampleID(t)
	}
	switch t.Kind() {
	case reflect.Bool:
		return false
	case reflect.Int, reflect.Int64:
		return 1
	case reflect.Slice:
		if e := w.example(t.Elem()); e != nil {
			return []any{e}
		}
		return []any{}
	case reflect.Struct:
		object := map[string]any{}
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" || f.Tag.Get("hidden") != "" || object[name] != nil {
				continue
			}
			if e := w.exampleOf(f, name); e != nil {
				object[name] = e
			}
		}
		return object
	}
	return nil
}

// exampleOf is the example of a field, nil for one that is left out.
func (w *writer) exampleOf(f reflect.StructField, name string) any {
	if text, ok := f.Tag.Lookup("example"); ok {
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			return v
		}
		return text
	}
	if enum := f.Tag.Get("enum"); enum != "" {
		first, _, _ := strings.Cut(enum, ",")
		if n, err := strconv.Atoi(first); err == nil && f.Type.Kind() == reflect.Int {
			return n
		}
		return first
	}
	if !required(f) {
		return nil
	}
	if e, ok := w.Examples[f.Type.Name()]; ok {
		return e
	}
	if e, ok := w.Examples[name]; ok && (f.Type.Kind() == reflect.String || f.Type.Kind() == reflect.Slice) {
		return e
	}
	return w.example(f.Type)
}
