package svix

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/internal/match"
	"github.com/bellhop/bellhop/internal/strictjson"
)

type eventTypeIn struct {
	Name string `json:"name" example:"invoice.paid"`
	eventTypePut
}

type eventTypePut struct {
	Description  string       `json:"description"`
	Archived     bool         `json:"archived,omitempty"`
	Deprecated   bool         `json:"deprecated,omitempty"`
	Schemas      bellhop.JSON `json:"schemas,omitempty"`
	FeatureFlag  *string      `json:"featureFlag,omitempty"`
	FeatureFlags []string     `json:"featureFlags,omitempty"`
	GroupName    *string      `json:"groupName,omitempty"`
}

type eventTypePatch struct {
	Description  bellhop.Field[*string]      `json:"description,omitempty" nullable:"false"`
	Archived     bellhop.Field[*bool]        `json:"archived,omitempty" nullable:"false"`
	Deprecated   bellhop.Field[*bool]        `json:"deprecated,omitempty" nullable:"false"`
	Schemas      bellhop.Field[bellhop.JSON] `json:"schemas,omitempty"`
	FeatureFlag  bellhop.Field[*string]      `json:"featureFlag,omitempty"`
	FeatureFlags bellhop.Field[[]string]     `json:"featureFlags,omitempty"`
	GroupName    bellhop.Field[string]       `json:"groupName,omitempty"`
}

type eventTypeOut struct {
	Name         string                  `json:"name" example:"invoice.paid"`
	Description  string                  `json:"description"`
	Archived     bool                    `json:"archived"`
	Deprecated   bool                    `json:"deprecated"`
	Schemas      map[string]bellhop.JSON `json:"schemas" nullable:"true" example:"{\"1\":{\"type\":\"object\"}}"`
	CreatedAt    time.Time               `json:"createdAt"`
	UpdatedAt    time.Time               `json:"updatedAt"`
	GroupName    *string                 `json:"groupName,omitempty"`
	FeatureFlags []string                `json:"featureFlags,omitempty"`
	FeatureFlag  *string                 `json:"featureFlag,omitempty"`
}

// showEventType shows an event type, with its schemas or without.
func showEventType(t *bellhop.EventType, schemas bool) eventTypeOut {
	out := eventTypeOut{
		Name: t.Name, Description: t.Description, Archived: t.Archived, Deprecated: t.Deprecated,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, FeatureFlags: t.FeatureFlags,
	}
	if t.Group != "" {
		out.GroupName = &t.Group
	}
	if len(t.FeatureFlags) > 0 {
		out.FeatureFlag = &t.FeatureFlags[0]
	}
	if schemas && len(t.Schema)+len(t.EarlierSchemas) > 0 {
		out.Schemas = maps.Clone(t.EarlierSchemas)
		if out.Schemas == nil {
			out.Schemas = map[string]bellhop.JSON{}
		}
		if len(t.Schema) > 0 {
			out.Schemas[cmp.Or(t.SchemaVersion, "1")] = t.Schema
		}
	}
	return out
}

// setSchemas takes schemas by their versions: the highest is the one that counts.
func setSchemas(t *bellhop.EventType, raw bellhop.JSON) error {
	t.Schema, t.SchemaVersion, t.EarlierSchemas = nil, "", nil
	if len(raw) == 0 {
		t.Validate = false
		return nil
	}
	members, err := strictjson.Members(raw)
	if err != nil {
		return wrong("schemas", "type", "must be an object of schemas by their versions, not "+api.KindOf(raw))
	}
	slices.SortFunc(members, func(x, y strictjson.Member) int { return match.CompareVersions(x.Key, y.Key) })
	for i, m := range members {
		if !versionForm.MatchString(m.Key) {
			return wrong("schemas."+bellhop.Clip(m.Key), "version", "must be a version, such as 1 or v2: up to 32 letters, digits, and - _ .")
		}
		if kind := m.Value[0]; kind != '{' && kind != 't' && kind != 'f' {
			return wrong("schemas."+m.Key, "type", "must be a JSON Schema: an object, not "+api.KindOf(m.Value))
		}
		schema := bellhop.JSON(slices.Clone(m.Value))
		if i == len(members)-1 {
			t.Schema, t.SchemaVersion = schema, m.Key
			break
		}
		if t.EarlierSchemas == nil {
			t.EarlierSchemas = map[string]bellhop.JSON{}
		}
		t.EarlierSchemas[m.Key] = schema
	}
	if len(t.Schema) == 0 {
		t.Validate = false
	}
	return nil
}

// versionForm is what a version of a schema may look like.
var versionForm = regexp.MustCompile(`^[a-zA-Z0-9\-_.]{1,32}$`)

// put makes of a type what was asked for. What is not spoken of here stays: its example,
// and whether data is checked against its schema.
func (in *eventTypePut) put(t bellhop.EventType) (bellhop.EventType, error) {
	t.Description, t.Archived, t.Deprecated = in.Description, in.Archived, in.Deprecated
	t.FeatureFlags, t.Group = in.FeatureFlags, ""
	switch {
	case in.FeatureFlag == nil:
	case in.FeatureFlags == nil:
		t.FeatureFlags = []string{*in.FeatureFlag}
	case !slices.Contains(in.FeatureFlags, *in.FeatureFlag):
		return t, differ("featureFlags", "featureFlag")
	}
	if in.GroupName != nil {
		t.Group = *in.GroupName
	}
	return t, setSchemas(&t, in.Schemas)
}

type eventTypeName struct {
	Name string `path:"event_type_name" noun:"event type" doc:"The name of an event type." example:"invoice.paid"`
}

type listEventTypesIn struct {
	paging
	ordering
	IncludeArchived bool `query:"include_archived" doc:"Lists those that are archived, too."`
	WithContent     bool `query:"with_content" doc:"Whether event types have their schemas."`
}

func (a *API) listEventTypes(c *api.Call, in listEventTypesIn) (out page[eventTypeOut], err error) {
	s := in.step()
	behind, err := typePlace(s.at)
	if err != nil {
		return out, err
	}
	all, err := a.desk.EventTypes(c.Context(), c.Principal(), "", 0)
	if err != nil {
		return out, err
	}
	newest := in.newest(s, "ascending")
	if newest {
		slices.Reverse(all)
	}
	var rows []bellhop.EventType
	for _, t := range all {
		isBehind := behind == "" || (t.Name > behind) != newest && t.Name != behind
		if isBehind && (in.IncludeArchived || !t.Archived) {
			if rows = append(rows, t); len(rows) > s.limit {
				break
			}
		}
	}
	return pageOf(s, rows, func(t *bellhop.EventType) string { return typeText(t.Name) }, func(t *bellhop.EventType) (eventTypeOut, error) {
		return showEventType(t, in.WithContent), nil
	})
}

// typeText is the iterator of an event type: its place stays where it is when it is deleted.
func typeText(name string) string { return base64.RawURLEncoding.EncodeToString([]byte("t" + name)) }

// typePlace reads what typeText wrote; "" is the beginning.
func typePlace(text string) (name string, err error) {
	if text == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	name, is := strings.CutPrefix(string(b), "t")
	if err != nil || !is || match.CheckType(name) != nil {
		return "", errIterator()
	}
	return name, nil
}

type createEventTypeIn struct {
	Body eventTypeIn
}

// createEventType makes a type. One that is there is archived, or the call fails.
func (a *API) createEventType(c *api.Call, in createEventTypeIn) (eventTypeOut, error) {
	saved, _, err := a.desk.ChangeEventType(c.Context(), c.Principal(), in.Body.Name, func(t bellhop.EventType, exists bool) (bellhop.EventType, error) {
		if exists && !t.Archived {
			return t, &bellhop.Error{Code: codeEventTypeExists, Detail: fmt.Sprintf("There is an event type %q already", bellhop.Clip(in.Body.Name))}
		}
		return in.Body.put(t)
	})
	return showEventType(&saved, true), err
}

func (a *API) getEventType(c *api.Call, in eventTypeName) (eventTypeOut, error) {
	t, err := a.desk.EventType(c.Context(), c.Principal(), in.Name)
	return showEventType(&t, true), err
}

type putEventTypeIn struct {
	eventTypeName
	Body eventTypePut
}

func (a *API) putEventType(c *api.Call, in putEventTypeIn) (eventTypeOut, error) {
	saved, created, err := a.desk.ChangeEventType(c.Context(), c.Principal(), in.Name, func(t bellhop.EventType, _ bool) (bellhop.EventType, error) {
		return in.Body.put(t)
	})
	if err == nil && created {
		c.Answer(http.StatusCreated)
	}
	return showEventType(&saved, true), err
}

type patchEventTypeIn struct {
	eventTypeName
	Body eventTypePatch
}

func (a *API) patchEventType(c *api.Call, in patchEventTypeIn) (eventTypeOut, error) {
	saved, err := a.changeEventType(c, in.Name, in.Body.patch)
	return showEventType(&saved, true), err
}

// changeEventType changes a type that there is.
func (a *API) changeEventType(c *api.Call, name string, change func(bellhop.EventType) (bellhop.EventType, error)) (bellhop.EventType, error) {
	saved, _, err := a.desk.ChangeEventType(c.Context(), c.Principal(), name, func(t bellhop.EventType, exists bool) (bellhop.EventType, error) {
		if !exists {
			return t, bellhop.NotFound("event type", name)
		}
		return change(t)
	})
	return saved, err
}

// patch makes of a type what was asked for.
func (b *eventTypePatch) patch(t bellhop.EventType) (bellhop.EventType, error) {
	var nulls api.Faults
	set(neverNull(&nulls, "description", b.Description), &t.Description)
	set(neverNull(&nulls, "archived", b.Archived), &t.Archived)
	set(neverNull(&nulls, "deprecated", b.Deprecated), &t.Deprecated)
	if err := nulls.Err(); err != nil {
		return t, err
	}
	set(b.GroupName, &t.Group)
	if b.FeatureFlag.Set {
		first, of := b.FeatureFlag.Value, b.FeatureFlags
		if of.Set && (first == nil && len(of.Value) > 0 || first != nil && !slices.Contains(of.Value, *first)) {
			return t, differ("featureFlags", "featureFlag")
		}
		t.FeatureFlags = nil
		if b.FeatureFlag.Value != nil {
			t.FeatureFlags = []string{*b.FeatureFlag.Value}
		}
	}
	set(b.FeatureFlags, &t.FeatureFlags)
	if b.Schemas.Set {
		return t, setSchemas(&t, b.Schemas.Value)
	}
	return t, nil
}

func set[T any](f bellhop.Field[T], to *T) {
	if f.Set {
		*to = f.Value
	}
}

type deleteEventTypeIn struct {
	eventTypeName
	Expunge bool `query:"expunge" doc:"Removes it; otherwise it is archived."`
}

// deleteEventType archives a type, or removes it.
func (a *API) deleteEventType(c *api.Call, in deleteEventTypeIn) (api.None, error) {
	if in.Expunge {
		return api.None{}, a.desk.DeleteEventType(c.Context(), c.Principal(), in.Name)
	}
	_, err := a.changeEventType(c, in.Name, func(t bellhop.EventType) (bellhop.EventType, error) {
		t.Archived = true
		return t, nil
	})
	return api.None{}, err
}
