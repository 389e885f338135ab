package bellhop

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/bellhop/bellhop/internal/match"
)

// catalogueEntry is an event type made ready for use.
type catalogueEntry struct {
	EventType
	schema *jsonschema.Schema // nil unless data is to be validated
}

// The bounds of an app's and an event type's texts.
const (
	maxName        = 256
	maxDescription = 4096
	maxSchema      = 256 << 10
	maxMetadata    = 50
)

// App gives an app, or a CodeNotFound error.
func (b *Bellhop) App(id string) (App, error) {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	a, ok := b.routes.apps[id]
	if !ok {
		return App{}, notFound("app", clip(id))
	}
	return a, nil
}

// Apps lists apps in the order of their ids, after the given id; of those named,
// or (nil) of all.
func (b *Bellhop) Apps(only []string, after string, limit int) []App {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	return page(b.routes.apps, limit, func(a App) bool {
		return a.ID > after && (only == nil || slices.Contains(only, a.ID))
	}, func(x, y App) int { return cmp.Compare(x.ID, y.ID) })
}

// page picks, sorts and cuts a list out of a map.
func page[K comparable, V any](m map[K]V, limit int, want func(V) bool, order func(x, y V) int) []V {
	var list []V
	for _, v := range m {
		if want(v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, order)
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return list
}

// SaveApp creates an app or replaces it. An empty ID is generated.
func (b *Bellhop) SaveApp(ctx context.Context, actor string, a App) (saved App, created bool, err error) {
	if a.ID == "" {
		a.ID = "app_" + strings.ToLower(rand.Text()[:16])
	}
	var fields []FieldError
	if !validAppID(a.ID) {
		fields = append(fields, FieldError{"id", "app_id", "must be 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit"})
	}
	fields = append(fields, checkText("name", a.Name, maxName)...)
	fields = append(fields, checkMetadata(a.Metadata)...)
	if len(fields) > 0 {
		return App{}, false, &Error{Code: CodeInvalid, Detail: "The app is not valid", Fields: fields}
	}
	a.UpdatedAt = b.cfg.Now().UTC().Truncate(time.Millisecond)
	a.CreatedAt = a.UpdatedAt
	action := "app.create"
	old, err := b.App(a.ID)
	if created = err != nil; !created {
		a.CreatedAt, action = old.CreatedAt, "app.update"
	}
	entry := b.auditEntry(actor, action, a.ID, []string{a.ID}, map[string]any{"name": a.Name})
	if err := b.wrote("save an app", b.store.SaveApp(ctx, a, entry)); err != nil {
		return App{}, false, err
	}
	b.refresh(ctx)
	return a, created, nil
}

func validAppID(s string) bool {
	for i, c := range []byte(s) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

func checkText(field, text string, most int) []FieldError {
	switch {
	case len(text) > most:
		return []FieldError{{field, "length", fmt.Sprintf("is %d bytes; at most %d are allowed", len(text), most)}}
	case !utf8.ValidString(text):
		return []FieldError{{field, "utf8", "is not valid UTF-8"}}
	}
	return nil
}

func checkMetadata(m map[string]string) (fields []FieldError) {
	if len(m) > maxMetadata {
		fields = append(fields, FieldError{"metadata", "length", fmt.Sprintf("has %d entries; at most %d are allowed", len(m), maxMetadata)})
	}
	for k, v := range m {
		if k == "" || len(k) > 128 || len(v) > 1024 || !utf8.ValidString(k) || !utf8.ValidString(v) {
			fields = append(fields, FieldError{"metadata." + clip(k), "length", "keys are 1 to 128 bytes and values at most 1024 bytes of UTF-8"})
		}
	}
	return fields
}

// DeleteApp removes an app with its events, logs and pending deliveries, and the
// endpoints and keys that are its alone.
func (b *Bellhop) DeleteApp(ctx context.Context, actor, id string) error {
	if _, err := b.App(id); err != nil {
		return err
	}
	entry := b.auditEntry(actor, "app.delete", id, []string{id}, nil)
	if err := b.wrote("delete an app", b.store.DeleteApp(ctx, id, entry)); err != nil {
		return err
	}
	b.lanes.forget(func(w *Work) bool { return w.Event.App == id })
	b.inboxes.forgetApp(id)
	b.refresh(ctx)
	if err := b.wipe(ctx); err != nil {
		b.log.Warn("the app is gone, but remains of its data are left in the files until the next hour's maintenance", "app", id, "err", err)
	}
	return nil
}

// EventType gives an entry of the catalogue, or a CodeNotFound error.
func (b *Bellhop) EventType(name string) (EventType, error) {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	t := b.routes.types[name]
	if t == nil {
		return EventType{}, notFound("event type", clip(name))
	}
	return t.EventType, nil
}

// EventTypes lists the catalogue in the order of names, after the given one.
func (b *Bellhop) EventTypes(after string, limit int) []EventType {
	b.routes.mu.RLock()
	defer b.routes.mu.RUnlock()
	entries := page(b.routes.types, limit, func(t *catalogueEntry) bool { return t.Name > after },
		func(x, y *catalogueEntry) int { return cmp.Compare(x.Name, y.Name) })
	list := make([]EventType, len(entries))
	for i, t := range entries {
		list[i] = t.EventType
	}
	return list
}

// SaveEventType creates an entry of the catalogue or replaces it.
func (b *Bellhop) SaveEventType(ctx context.Context, actor string, t EventType) (saved EventType, created bool, err error) {
	if err := checkEventType(t); err != nil {
		return EventType{}, false, err
	}
	t.UpdatedAt = b.cfg.Now().UTC().Truncate(time.Millisecond)
	t.CreatedAt = t.UpdatedAt
	action := "event_type.create"
	old, err := b.EventType(t.Name)
	if created = err != nil; !created {
		t.CreatedAt, action = old.CreatedAt, "event_type.update"
	}
	entry := b.auditEntry(actor, action, t.Name, nil, map[string]any{"validate": t.Validate, "archived": t.Archived})
	if err := b.wrote("save an event type", b.store.SaveEventType(ctx, t, entry)); err != nil {
		return EventType{}, false, err
	}
	b.refresh(ctx)
	return t, created, nil
}

func checkEventType(t EventType) error {
	var fields []FieldError
	if err := match.CheckType(t.Name); err != nil {
		fields = append(fields, FieldError{"name", "type", err.Error()})
	} else if strings.HasPrefix(t.Name, ownTypes) {
		fields = append(fields, FieldError{"name", "reserved", `types that begin with "bellhop." are Bellhop's own; choose another name`})
	}
	fields = append(fields, checkText("description", t.Description, maxDescription)...)
	if len(t.Schema) > maxSchema || len(t.Example) > maxSchema {
		fields = append(fields, FieldError{"schema", "length", fmt.Sprintf("schema and example are at most %d bytes each", maxSchema)})
	}
	if t.Validate && len(t.Schema) == 0 {
		fields = append(fields, FieldError{"validate", "schema", "needs a schema to validate against: give one, or leave validate out"})
	}
	if len(t.Schema) > 0 {
		schema, err := compileSchema(t.Schema)
		if err != nil {
			fields = append(fields, FieldError{"schema", "schema", err.Error()})
		} else if len(t.Example) > 0 {
			for _, f := range violations(schema, t.Example, "example") {
				f.Detail = "breaks the schema: " + f.Detail
				fields = append(fields, f)
			}
		}
	}
	if len(fields) > 0 {
		return &Error{Code: CodeInvalid, Detail: "The event type is not valid", Fields: fields}
	}
	return nil
}

// DeleteEventType removes an entry of the catalogue. Events of the type stay.
func (b *Bellhop) DeleteEventType(ctx context.Context, actor, name string) error {
	if _, err := b.EventType(name); err != nil {
		return err
	}
	entry := b.auditEntry(actor, "event_type.delete", name, nil, nil)
	if err := b.wrote("delete an event type", b.store.DeleteEventType(ctx, name, entry)); err != nil {
		return err
	}
	b.refresh(ctx)
	return nil
}

// noLoader refuses to load schemas from anywhere: a $ref to a URL would let
// whoever writes schemas make requests from inside.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("the reference to %s is refused: a schema can refer to parts of itself only", clip(url))
}

func compileSchema(schema JSON) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, errors.New("is not valid JSON")
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	const self = "bellhop:schema"
	if err := c.AddResource(self, doc); err != nil {
		return nil, fmt.Errorf("is not a JSON Schema: %w", err)
	}
	s, err := c.Compile(self)
	if err != nil {
		return nil, fmt.Errorf("is not a valid JSON Schema (2020-12): %s", strings.ReplaceAll(err.Error(), self, ""))
	}
	return s, nil
}

func (b *Bellhop) compileType(t EventType) *catalogueEntry {
	e := &catalogueEntry{EventType: t}
	if t.Validate && len(t.Schema) > 0 {
		var err error
		if e.schema, err = compileSchema(t.Schema); err != nil {
			// It compiled when it was saved, by an older version.
			b.log.Error("data of an event type is not validated", "type", t.Name, "why", "its schema "+err.Error())
		}
	}
	return e
}

// violations lists each place where data breaks a schema, as a JSON pointer
// under field. It is empty only for data that fits.
func violations(s *jsonschema.Schema, data JSON, field string) []FieldError {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return []FieldError{{field, "json", "is not valid JSON"}}
	}
	if err = s.Validate(doc); err == nil {
		return nil
	}
	broken, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []FieldError{{field, "schema", "cannot be checked against the schema: " + err.Error()}}
	}
	var fields []FieldError
	english := message.NewPrinter(language.English)
	var walk func(*jsonschema.ValidationError)
	walk = func(v *jsonschema.ValidationError) {
		for _, cause := range v.Causes {
			walk(cause)
		}
		if len(v.Causes) == 0 {
			fields = append(fields, FieldError{field + pointer(v.InstanceLocation), "schema", v.ErrorKind.LocalizedString(english)})
		}
	}
	walk(broken)
	// The validator walks maps: unsorted, the same data would be answered
	// differently each time.
	slices.SortFunc(fields, func(x, y FieldError) int {
		return cmp.Or(cmp.Compare(x.Field, y.Field), cmp.Compare(x.Detail, y.Detail))
	})
	return fields[:min(len(fields), maxViolations)]
}

// pointer is a JSON pointer (RFC 6901).
func pointer(path []string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}

// maxViolations is how many violations of a schema one answer names.
const maxViolations = 50

// checkCatalogue checks a publication against its event type.
func (b *Bellhop) checkCatalogue(p *Publication, at string) error {
	b.routes.mu.RLock()
	t := b.routes.types[p.Type]
	b.routes.mu.RUnlock()
	if b.cfg.EnforceEventTypes {
		switch {
		case t == nil:
			return &Error{Code: CodeUnknownType, Detail: "The event type is not in the catalogue", Fields: []FieldError{
				{at + "type", "unknown_type", fmt.Sprintf("there is no event type %q: add it with PUT /v1/event-types/{name} first", clip(p.Type))},
			}}
		case t.Archived:
			return &Error{Code: CodeArchivedType, Detail: "The event type is archived", Fields: []FieldError{
				{at + "type", "archived_type", fmt.Sprintf("%q is archived and takes no new events: publish another type, or unarchive it", clip(p.Type))},
			}}
		}
	}
	if t != nil && t.schema != nil {
		if fields := violations(t.schema, p.Data, at+"data"); len(fields) > 0 {
			return &Error{Code: CodeInvalidData, Detail: "The event's data breaks the schema of " + p.Type, Fields: fields}
		}
	}
	return nil
}

// marshal encodes what cannot fail to encode.
func marshal(v any) JSON {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b
}
