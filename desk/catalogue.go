package desk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/samples"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/match"
)

// EventType gives an entry of the catalogue, or a CodeNotFound error.
func (d *Desk) EventType(_ context.Context, p bellhop.Principal, name string) (bellhop.EventType, error) {
	if err := Permits(p, "getEventType"); err != nil {
		return bellhop.EventType{}, err
	}
	return d.visibleType(p, name)
}

// visibleType is eventType for somebody who may not see every type.
func (d *Desk) visibleType(p bellhop.Principal, name string) (bellhop.EventType, error) {
	t, err := d.eventType(name)
	if err == nil && !p.SeesType(&t) {
		return bellhop.EventType{}, bellhop.NotFound("event type", name)
	}
	return t, err
}

func (d *Desk) eventType(name string) (bellhop.EventType, error) {
	t, ok := d.e.Routes().Catalogue().Type(name)
	if !ok {
		return bellhop.EventType{}, bellhop.NotFound("event type", name)
	}
	return t.EventType, nil
}

// EventTypes lists the catalogue in the order of names, after the given one.
func (d *Desk) EventTypes(_ context.Context, p bellhop.Principal, after string, limit int) ([]bellhop.EventType, error) {
	if err := Permits(p, "listEventTypes"); err != nil {
		return nil, err
	}
	return d.e.Routes().Catalogue().Types(p, after, limit), nil
}

// CountEventTypes is how many EventTypes lists in all.
func (d *Desk) CountEventTypes(_ context.Context, p bellhop.Principal) (int, error) {
	if err := Permits(p, "listEventTypes"); err != nil {
		return 0, err
	}
	return len(d.e.Routes().Catalogue().Types(p, "", 0)), nil
}

// PutEventType creates an entry of the catalogue or replaces it as a whole.
func (d *Desk) PutEventType(ctx context.Context, p bellhop.Principal, t bellhop.EventType) (saved bellhop.EventType, created bool, err error) {
	if err := Permits(p, "putEventType"); err != nil {
		return bellhop.EventType{}, false, err
	}
	if err := checkEventType(ctx, t); err != nil {
		return bellhop.EventType{}, false, err
	}
	err = d.persist(ctx, "event type", d.e.Routes().LoadCatalogue, func() error {
		old, err := d.eventType(t.Name)
		created = err != nil
		saved = t
		saved.Revision = old.Revision
		saved.UpdatedAt = d.now()
		saved.CreatedAt = old.CreatedAt
		action := "event_type.update"
		if created {
			action, saved.CreatedAt = "event_type.create", saved.UpdatedAt
		}
		entry := d.e.AuditEntry(p.Actor, action, t.Name, nil, typeDetail(&saved))
		ours := func() bool {
			now, err := d.eventType(t.Name)
			return err == nil && now.UpdatedAt.Equal(saved.UpdatedAt) && now.Description == t.Description
		}
		return d.save(ctx, "save an event type", d.e.Routes().LoadCatalogue, ours, func() error { return d.store.SaveEventType(ctx, saved, entry) })
	})
	if err != nil {
		return bellhop.EventType{}, false, err
	}
	d.e.RefreshCatalogue(ctx)
	return saved, created, nil
}

// typeDetail is what the audit log says of a type.
func typeDetail(t *bellhop.EventType) map[string]any {
	detail := map[string]any{"validate": t.Validate, "archived": t.Archived}
	if t.Deprecated {
		detail["deprecated"] = true
	}
	if len(t.FeatureFlags) > 0 {
		detail["feature_flags"] = t.FeatureFlags
	}
	return detail
}

func checkEventType(ctx context.Context, t bellhop.EventType) error {
	var fields []bellhop.FieldError
	wrong := func(field, code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: detail})
	}
	if err := match.CheckType(t.Name); err != nil {
		wrong("name", "type", err.Error())
	} else if strings.HasPrefix(t.Name, routes.OwnTypes) {
		wrong("name", "reserved", `types that begin with "bellhop." are Bellhop's own; choose another name`)
	}
	fields = append(fields, checkText("description", t.Description, maxDescription)...)
	if len(t.Schema) > maxSchema || len(t.Example) > maxSchema {
		wrong("schema", "length", fmt.Sprintf("schema and example are at most %d bytes each", maxSchema))
	}
	if t.Validate && len(t.Schema) == 0 {
		wrong("validate", "schema", "needs a schema to validate against: give one, or leave validate out")
	}
	fields = append(fields, checkText("group", t.Group, maxName)...)
	fields = append(fields, checkFlags(t.FeatureFlags)...)
	fields = append(fields, checkVersions(t)...)
	if len(t.Schema) > 0 {
		schema, err := routes.CompileSchema(t.Schema)
		if e, ok := errors.AsType[*routes.SchemaError](err); ok {
			wrong("schema"+e.Pointer, "schema", e.Detail)
		} else if len(t.Example) > 0 {
			breaches, err := schema.Violations(routes.NewBudget(ctx), t.Example, "example")
			if err != nil {
				return fmt.Errorf("check an example: %w", err)
			}
			for _, f := range breaches {
				if f.Code == "schema" {
					f.Detail = "breaks the schema: " + f.Detail
				}
				fields = append(fields, f)
			}
		}
	}
	if len(fields) > 0 {
		return bellhop.Invalid("The event type is not valid", fields...)
	}
	return nil
}

// The bounds of what an event type has besides.
const (
	maxFlags          = 50
	maxEarlier        = 50
	maxEarlierSchemas = 4 * maxSchema
	maxVersion        = 32
)

// checkVersions says what is wrong with a type's schemas of other versions, and with how
// they are named.
func checkVersions(t bellhop.EventType) (fields []bellhop.FieldError) {
	wrong := func(field, code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: detail})
	}
	form := func(field, version string) {
		if !isLabel(version, maxVersion, "-_.") {
			wrong(field, "format", fmt.Sprintf("a version is 1 to %d letters, digits, hyphens, underscores and dots, such as 2", maxVersion))
		}
	}
	if t.SchemaVersion != "" {
		form("schema_version", t.SchemaVersion)
	}
	if t.SchemaVersion != "" && len(t.Schema) == 0 {
		wrong("schema_version", "schema", "names the version of schema: give that too, or leave this out")
	}
	if len(t.EarlierSchemas) == 0 {
		return fields
	}
	if t.SchemaVersion == "" {
		wrong("schema_version", "required", "is missing: beside earlier_schemas, say which version schema is")
	}
	size := 0
	for _, schema := range t.EarlierSchemas {
		size += len(schema)
	}
	if len(t.EarlierSchemas) > maxEarlier || size > maxEarlierSchemas {
		wrong("earlier_schemas", "length", fmt.Sprintf("has %d schemas of %d bytes in all; at most %d of %d bytes are allowed: leave out the oldest",
			len(t.EarlierSchemas), size, maxEarlier, maxEarlierSchemas))
		return fields
	}
	for _, version := range slices.Sorted(maps.Keys(t.EarlierSchemas)) {
		field := "earlier_schemas." + bellhop.Clip(version)
		form(field, version)
		if version == t.SchemaVersion {
			wrong(field, "version", "is the version of schema: give it there alone")
		}
		_, err := routes.CompileSchema(t.EarlierSchemas[version])
		if e, ok := errors.AsType[*routes.SchemaError](err); ok {
			wrong(field+e.Pointer, "schema", e.Detail)
		}
	}
	return fields
}

// checkFlags says what is wrong with the feature flags of an event type or a portal link.
func checkFlags(flags []string) (fields []bellhop.FieldError) {
	if len(flags) > maxFlags {
		return []bellhop.FieldError{{Field: "feature_flags", Code: "length", Detail: fmt.Sprintf("has %d flags; at most %d are allowed", len(flags), maxFlags)}}
	}
	for i, flag := range flags {
		if !isLabel(flag, maxName, "-_.:") {
			fields = append(fields, bellhop.FieldError{
				Field: fmt.Sprintf("feature_flags[%d]", i), Code: "format",
				Detail: fmt.Sprintf("a feature flag is 1 to %d letters, digits, hyphens, underscores, dots and colons", maxName),
			})
		}
	}
	return fields
}

// isLabel tells whether s is 1 to most letters and digits of ASCII, or others that are
// allowed.
func isLabel(s string, most int, others string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= most
}

// DeleteEventType removes an entry of the catalogue. Events of the type stay.
func (d *Desk) DeleteEventType(ctx context.Context, p bellhop.Principal, name string) error {
	if err := Permits(p, "deleteEventType"); err != nil {
		return err
	}
	if _, err := d.eventType(name); err != nil {
		return err
	}
	entry := d.e.AuditEntry(p.Actor, "event_type.delete", name, nil, nil)
	if err := d.remove(ctx, "delete an event type", func() error { return d.store.DeleteEventType(ctx, name, entry) }); err != nil {
		return err
	}
	d.e.RefreshCatalogue(ctx)
	return nil
}

// Dialects lists the dialects, the built-in ones first.
func (d *Desk) Dialects(_ context.Context, p bellhop.Principal) ([]dialect.Definition, error) {
	if err := Permits(p, "listDialects"); err != nil {
		return nil, err
	}
	var list []dialect.Definition
	for _, x := range d.e.Routes().Dialects() {
		list = append(list, x.Definition())
	}
	return list, nil
}

// Dialect gives a dialect, or a CodeNotFound error.
func (d *Desk) Dialect(_ context.Context, p bellhop.Principal, name string) (dialect.Definition, error) {
	if err := Permits(p, "getDialect"); err != nil {
		return dialect.Definition{}, err
	}
	x := d.e.Routes().Dialect(name)
	if x == nil {
		return dialect.Definition{}, bellhop.NotFound("dialect", name)
	}
	return x.Definition(), nil
}

// VerificationCode gives a receiver's code, in several languages, that verifies
// requests of a dialect.
func (d *Desk) VerificationCode(_ context.Context, p bellhop.Principal, name string) ([]samples.Sample, error) {
	if err := Permits(p, "getVerificationCode"); err != nil {
		return nil, err
	}
	x := d.e.Routes().Dialect(name)
	if x == nil {
		return nil, bellhop.NotFound("dialect", name)
	}
	return samples.Code(x)
}
