package routes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/match"
)

// CheckEventType says what is wrong with an event type. Its error says that it cannot be said.
func CheckEventType(ctx context.Context, t *bellhop.EventType) (fields []bellhop.FieldError, err error) {
	wrong := func(field, code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: detail})
	}
	if err := match.CheckType(t.Name); err != nil {
		wrong("name", "type", err.Error())
	} else if strings.HasPrefix(t.Name, OwnTypes) {
		wrong("name", "reserved", `types that begin with "bellhop." are Bellhop's own; choose another name`)
	}
	fields = append(fields, bellhop.CheckText("description", t.Description, bellhop.MaxDescription)...)
	if len(t.Schema) > maxSchema || len(t.Example) > maxSchema {
		wrong("schema", "length", fmt.Sprintf("schema and example are at most %d bytes each", maxSchema))
	}
	if t.Validate && len(t.Schema) == 0 {
		wrong("validate", "schema", "needs a schema to validate against: give one, or leave validate out")
	}
	fields = append(fields, bellhop.CheckText("group", t.Group, bellhop.MaxName)...)
	fields = append(fields, bellhop.CheckText("imported", t.Imported, bellhop.MaxImported)...)
	fields = append(fields, bellhop.CheckFlags(t.FeatureFlags)...)
	fields = append(fields, checkVersions(t)...)
	if len(t.Schema) > 0 {
		schema, err := CompileSchema(t.Schema)
		if e, ok := errors.AsType[*SchemaError](err); ok {
			wrong("schema"+e.Pointer, "schema", e.Detail)
		} else if len(t.Example) > 0 {
			breaches, err := schema.Violations(NewBudget(ctx), t.Example, "example")
			if err != nil {
				return nil, fmt.Errorf("check an example: %w", err)
			}
			for _, f := range breaches {
				if f.Code == "schema" {
					f.Detail = "breaks the schema: " + f.Detail
				}
				fields = append(fields, f)
			}
		}
	}
	return fields, nil
}

// The bounds of what an event type has besides.
const (
	maxSchema         = 256 << 10
	maxEarlier        = 50
	maxEarlierSchemas = 4 * maxSchema
	maxVersion        = 32
)

// checkVersions says what is wrong with a type's schemas of other versions, and with how
// they are named.
func checkVersions(t *bellhop.EventType) (fields []bellhop.FieldError) {
	wrong := func(field, code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: detail})
	}
	form := func(field, version string) {
		if !bellhop.IsLabel(version, maxVersion, "-_.") {
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
		_, err := CompileSchema(t.EarlierSchemas[version])
		if e, ok := errors.AsType[*SchemaError](err); ok {
			wrong(field+e.Pointer, "schema", e.Detail)
		}
	}
	return fields
}
