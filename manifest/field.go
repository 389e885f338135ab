package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// normal writes a field as the API gives it back: durations, for example, have several
// forms. The error says what is wrong with the value.
func normal(kind Kind, field string, value bellhop.JSON) (bellhop.JSON, error) {
	object, err := encode(map[string]bellhop.JSON{field: value})
	if err != nil {
		return nil, err
	}
	var typed any
	switch kind {
	case Apps:
		typed = &client.AppPatch{}
	case EventTypes:
		typed = &client.EventTypePut{}
	case Endpoints:
		typed = &client.EndpointInput{}
	default:
		typed = &keyFields{}
	}
	if err := json.Unmarshal(object, typed); err != nil {
		return nil, plain(err)
	}
	if object, err = encode(typed); err != nil {
		return nil, err
	}
	var fields map[string]bellhop.JSON
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	if v := fields[field]; len(v) > 0 {
		return v, nil
	}
	return value, nil // an id, or a zero value, which nothing needs to be done about
}

// plain is an error of encoding/json without its own name.
func plain(err error) error {
	return textError(strings.TrimPrefix(err.Error(), "json: "))
}

type textError string

func (e textError) Error() string { return string(e) }

// sets are the fields that are lists without an order.
var sets = []string{"apps", "events", "subjects", "channels", "notify", "feature_flags"}

// free are the fields whose members are anybody's, and say something whatever their values are.
var free = []string{"filter", "schema", "earlier_schemas", "example", "metadata", "headers"}

// canonical is a value with which others can be compared: objects without order and white
// space, lists that have no order sorted. Nothing, and what stands for it, is "".
func canonical(field string, value bellhop.JSON) string {
	v := decoded(value)
	if field == "ordering" && v == string(bellhop.OrderingNone) {
		return ""
	}
	if o, ok := v.(map[string]any); ok {
		// What these say by default.
		drop := func(of, member, usual string) {
			if field == of && o[member] == usual {
				delete(o, member)
			}
		}
		drop("transform", "on_error", string(bellhop.OnErrorHold))
		drop("auth", "client_auth", "basic")
		for _, secret := range secretMembers[field] {
			delete(o, secret)
		}
		for member, x := range o {
			if nothing(x) && !slices.Contains(free, field) {
				delete(o, member)
			}
		}
	}
	if nothing(v) && (v == nil || field != "schema" && field != "example") { // of which {} and false say something
		return ""
	}
	text := func(v any) string {
		b, _ := encode(v) // decoded from JSON
		return string(b)
	}
	if list, ok := v.([]any); ok && slices.Contains(sets, field) {
		slices.SortFunc(list, func(x, y any) int { return cmp.Compare(text(x), text(y)) })
		v = slices.CompactFunc(list, func(x, y any) bool { return text(x) == text(y) })
	}
	return text(v)
}

func decoded(value bellhop.JSON) (v any) {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	_ = dec.Decode(&v) // nothing, of no value
	return v
}

// nothing tells whether a value stands for none.
func nothing(v any) bool {
	if v == nil {
		return true
	}
	if n, ok := v.(json.Number); ok {
		return n == "0"
	}
	r := reflect.ValueOf(v)
	return r.IsZero() || (r.Kind() == reflect.Slice || r.Kind() == reflect.Map) && r.Len() == 0
}

// secretMembers are members of fields that the API takes and never gives, and the names by
// which it says that there is one.
var secretMembers = map[string][]string{
	"auth": {"password", "token", "value", "client_secret", "refresh_token"},
	"tls":  {"key"},
}

// credentials are the names of the credentials that an endpoint's fields give.
func credentials(fields map[string]bellhop.JSON) (names []string) {
	for field, members := range secretMembers {
		o, _ := decoded(fields[field]).(map[string]any)
		for _, member := range members {
			if !nothing(o[member]) {
				names = append(names, field+"."+member)
			}
		}
	}
	slices.Sort(names)
	return names
}

// shown is how a field's value is shown to people: no secret is.
func shown(field string, value bellhop.JSON) string {
	switch field {
	case "secret", "secrets", "token_sha256":
		return bellhop.Hidden
	}
	v := decoded(value)
	if v == nil {
		return ""
	}
	if o, ok := v.(map[string]any); ok {
		for _, secret := range secretMembers[field] {
			if !nothing(o[secret]) {
				o[secret] = bellhop.Hidden
			}
		}
		if field == "headers" { // which may well be credentials
			for name := range o {
				o[name] = bellhop.Hidden
			}
		}
		b, _ := encode(o)
		value = b
	}
	if s, ok := v.(string); ok {
		return clip(s, 80)
	}
	return clip(string(value), 120)
}
