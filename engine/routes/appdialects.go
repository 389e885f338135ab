package routes

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// maxDialects bounds an app's list of dialects.
const maxDialects = 50

// CheckAppDialects says what is wrong with what an app is told of dialects. known gives a dialect,
// or nil.
func CheckAppDialects(dialects []string, options map[string]map[string]string, known func(string) *dialect.Dialect) (fields []bellhop.FieldError) {
	unknown := func(field, name string) {
		fields = append(fields, bellhop.FieldError{
			Field: field, Code: "unknown_dialect",
			Detail: fmt.Sprintf("there is no dialect %q: GET /v1/dialects lists them", bellhop.Clip(name)),
		})
	}
	if n := len(dialects); n > maxDialects {
		return []bellhop.FieldError{{Field: "dialects", Code: "length", Detail: fmt.Sprintf("has %d names; at most %d are allowed", n, maxDialects)}}
	}
	for i, name := range dialects {
		field := fmt.Sprintf("dialects[%d]", i)
		switch {
		case known(name) == nil:
			unknown(field, name)
		case slices.Contains(dialects[:i], name):
			fields = append(fields, bellhop.FieldError{Field: field, Code: "duplicate", Detail: fmt.Sprintf("%q is there twice: remove one", name)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		field := "dialect_options." + bellhop.Clip(name)
		if x := known(name); x == nil {
			unknown(field, name)
		} else {
			fields = append(fields, OptionErrors(field, x, options[name])...)
		}
	}
	return fields
}

// OptionErrors says what is wrong with values of a dialect's options, in a field.
func OptionErrors(field string, x *dialect.Dialect, chosen map[string]string) (fields []bellhop.FieldError) {
	wrong := x.CheckOptions(chosen)
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		fields = append(fields, bellhop.FieldError{Field: field + "." + bellhop.Clip(name), Code: "dialect_option", Detail: wrong[name]})
	}
	return fields
}
