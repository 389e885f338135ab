// Package manifest keeps an installation's configuration as a document: its apps, event
// types, endpoints and, if wanted, keys, in YAML or JSON, in one file or a folder of them.
//
// [Read] takes documents, [Export] makes one of what a running Bellhop has, [MakePlan]
// says what would have to change there, and [Plan.Apply] changes it. All of it goes through
// the HTTP API, with the rights of the key that it is called with.
//
// Objects have the fields that the API gives them. An endpoint is found again by its id,
// its former id or else its uid; an app by its id, an event type by its name.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// Kind is a kind of object, as documents call a list of them.
type Kind string

// The kinds, in the order in which they are made.
const (
	EventTypes Kind = "event_types"
	Apps       Kind = "apps"
	Endpoints  Kind = "endpoints"
	Keys       Kind = "keys"
)

// kinds are all of them, in that order.
var kinds = []Kind{EventTypes, Apps, Endpoints, Keys}

// one is what a single object of the kind is called.
func (k Kind) one() string {
	return strings.ReplaceAll(strings.TrimSuffix(string(k), "s"), "_", " ")
}

// article is one with its article, to begin a sentence with.
func (k Kind) article() string {
	if k == Keys {
		return "a " + k.one()
	}
	return "an " + k.one()
}

// Document says what an installation has, or is to have.
type Document struct {
	// Objects are lists of objects by kind. A kind that is missing is not spoken of: a list
	// that is there and empty says that there are none.
	Objects map[Kind][]Object
}

// Add adds an object of a kind.
func (d *Document) Add(k Kind, o Object) {
	if d.Objects == nil {
		d.Objects = map[Kind][]Object{}
	}
	d.Objects[k] = append(d.Objects[k], o)
}

// Object is an app, an event type, an endpoint or a key.
type Object struct {
	// Fields are the fields that are given, as the API has them in JSON.
	Fields map[string]bellhop.JSON
	// Partial objects leave what they do not give as it is. Others say all: what they do
	// not give is none (see [Kept]).
	Partial bool
	// Source says where the object comes from, such as "apps.yaml line 12".
	Source string

	ours map[string]bool // see PutOurs
}

// Set sets a field to a value that encoding/json can write; zero values are left out.
func (o *Object) Set(field string, value any) {
	if v := reflect.ValueOf(value); !v.IsValid() || v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
		return
	}
	o.Put(field, value)
}

// Put sets a field to a value that encoding/json can write.
func (o *Object) Put(field string, value any) {
	if o.Fields == nil {
		o.Fields = map[string]bellhop.JSON{}
	}
	b, err := encode(value)
	if err != nil {
		panic(fmt.Sprintf("manifest: a value of %s that is no JSON: %v", field, err))
	}
	o.Fields[field] = b
}

// PutOurs sets a field of a partial object that an importer decides by what the server has: that is
// no part of what the object is at the other product, and is set whether it has changed there or not.
func (o *Object) PutOurs(field string, value any) {
	o.Put(field, value)
	if o.ours == nil {
		o.ours = map[string]bool{}
	}
	o.ours[field] = true
}

// Text is a field that is a string, or "".
func (o *Object) Text(field string) string {
	var s string
	_ = json.Unmarshal(o.Fields[field], &s) // absent or another kind of value: no text
	return s
}

// Apps are the names of the apps of an endpoint or a key.
func (o *Object) Apps() []string {
	var terms []bellhop.AppTerms
	_ = json.Unmarshal(o.Fields["apps"], &terms) // checked when it was read
	names := make([]string, len(terms))
	for i := range terms {
		names[i] = terms[i].App
	}
	return names
}

// Kept are the fields of an endpoint that stay as they are where a document does not give
// them: those whose default is the server's to say, those that are the operator's from day to
// day, and secrets.
var Kept = []string{"dialect", "timeout", "retry", "status", "locked", "locked_reason", "secrets"}

// Secret is one of an endpoint's signing secrets, in its field "secrets", newest first.
type Secret struct {
	Secret string `json:"secret"`
	// ExpiresAt is the end of a secret that was rotated away; zero for the newest.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// The objects as documents have them, for their fields and the types of these.
type (
	appFields struct {
		ID string `json:"id"`
		client.AppPatch
	}
	eventTypeFields struct {
		Name string `json:"name"`
		client.EventTypePut
	}
	endpointFields struct {
		ID string `json:"id"`
		client.EndpointInput
	}
	keyFields struct {
		Name        string       `json:"name"`
		Role        bellhop.Role `json:"role"`
		Apps        []string     `json:"apps"`
		ExpiresAt   time.Time    `json:"expires_at"`
		TokenSHA256 string       `json:"token_sha256"`
	}
)

// typeOf is the struct that has the fields of a kind.
func typeOf(k Kind) reflect.Type {
	switch k {
	case Apps:
		return reflect.TypeFor[appFields]()
	case EventTypes:
		return reflect.TypeFor[eventTypeFields]()
	case Endpoints:
		return reflect.TypeFor[endpointFields]()
	}
	return reflect.TypeFor[keyFields]()
}

// notState are fields of requests that ask for something once, and say nothing of how an
// object is.
var notState = []string{"verify"}

// fieldsOf are the fields of an object of the kind, in the order in which they are written.
func fieldsOf(k Kind) []string { return namesOf(typeOf(k)) }

func namesOf(t reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.Anonymous && name != "" && name != "-" && !slices.Contains(names, name) && !slices.Contains(notState, name) {
			names = append(names, name)
		}
	}
	return names
}

// name is how people are told of an object.
func name(k Kind, o *Object) string {
	switch k {
	case Apps:
		return o.Text("id")
	case EventTypes:
		return o.Text("name")
	case Keys:
		if n := o.Text("name"); n != "" {
			return n
		}
		return clip(o.Text("token_sha256"), 12)
	}
	var also []string
	for _, field := range []string{"uid", "former_id", "name"} {
		if v := o.Text(field); v != "" && v != o.Text("id") {
			also = append(also, v)
		}
	}
	switch id := o.Text("id"); {
	case id == "" && len(also) == 0:
		return o.Text("url")
	case id == "":
		return also[0]
	case len(also) > 0:
		return id + " (" + also[0] + ")"
	default:
		return id
	}
}

// encode is encoding/json without the escapes that only HTML needs.
func encode(v any) (bellhop.JSON, error) {
	if exact, ok := v.(interface{ EncodeJSON() ([]byte, error) }); ok {
		return exact.EncodeJSON()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// clip shortens a text to so many characters.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
