package bellhop

import (
	"maps"
	"slices"
	"time"
)

// AllApps stands in the apps of an endpoint, alone, for all of them: it gets what Bellhop
// itself has to tell, of every app and of the installation, and nothing that the apps
// publish. It is no app: those events are kept under it.
const AllApps = "*"

// App is one tenant of the platform: it owns events, and endpoints listen to it.
type App struct {
	// ID is chosen by the platform ("acme") or generated: 1 to 64 letters,
	// digits, dots, hyphens and underscores, beginning with a letter or digit.
	ID string `json:"id"`
	// UID is another id by which the platform knows it, and may change: 1 to 256 letters,
	// digits, hyphens, underscores and dots, not dots alone, and neither the UID nor the ID
	// of another app.
	UID      string            `json:"uid,omitempty"`
	Name     string            `json:"name,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	// MaxEndpoints is how many endpoints may listen to it; 0 means the
	// installation's default.
	MaxEndpoints int `json:"max_endpoints,omitempty"`
	// Dialects are those that its people may choose for endpoints, their default
	// first; none means all, and the installation's default.
	Dialects []string `json:"dialects,omitempty"`
	// DialectOptions are values of dialects' options for its events, by dialect
	// and option.
	DialectOptions map[string]map[string]string `json:"dialect_options,omitempty"`
	// RateLimit, if any, bounds how fast each of its endpoints is sent to, beside a limit of
	// the endpoint's own.
	RateLimit *RateLimit `json:"rate_limit,omitempty"`
	// Imported is what an import from another product noted of it: from where it was taken
	// over, and a fingerprint of what it was there, at most 256 bytes. Only admins set it.
	Imported string `json:"imported,omitempty"`

	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	// Revision counts changes: a save that was made from an older revision is
	// refused by the store. A new app has 0.
	Revision int64 `json:"-"`
}

// EventType is one entry of the catalogue of what can happen.
type EventType struct {
	// Name is dotted, such as "invoice.purchase".
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Schema is a JSON Schema (2020-12) of an event's data.
	Schema JSON `json:"schema,omitempty"`
	// SchemaVersion names Schema among the versions that there were, such as "2".
	SchemaVersion string `json:"schema_version,omitempty"`
	// EarlierSchemas are those of other versions, for readers: nothing is checked by them.
	EarlierSchemas map[string]JSON `json:"earlier_schemas,omitempty"`
	// Example is an event's data as a receiver might see it.
	Example JSON `json:"example,omitempty"`
	// Validate makes Publish refuse data that breaks Schema.
	Validate bool `json:"validate"`
	// Archived keeps the type readable but, where the catalogue is enforced,
	// takes no new events of it.
	Archived bool `json:"archived"`
	// Deprecated types go on as before, and are marked where people choose types.
	Deprecated bool `json:"deprecated"`
	// Group is a heading under which catalogues show it.
	Group string `json:"group,omitempty"`
	// FeatureFlags hide the type from portal links that have none of them, in lists and as a
	// choice; none hides it from nobody. They are no right: an endpoint gets what it asks for.
	FeatureFlags []string `json:"feature_flags,omitempty"`
	// Imported is what an import noted of it: see [App].
	Imported  string    `json:"imported,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	// Revision counts changes, as that of an App.
	Revision int64 `json:"-"`
}

// EncodeJSON gives the event type with its schemas and example byte for byte, which
// encoding/json would compact.
func (t EventType) EncodeJSON() ([]byte, error) {
	b, err := appendJSON(nil, struct {
		EventType
		Schema         struct{} `json:"schema,omitzero"`
		EarlierSchemas struct{} `json:"earlier_schemas,omitzero"`
		Example        struct{} `json:"example,omitzero"`
	}{EventType: t})
	if err == nil && len(t.Schema) > 0 {
		b = appendMember(b, "schema", t.Schema)
	}
	if err == nil && len(t.EarlierSchemas) > 0 {
		earlier := []byte{'{'}
		for i, version := range slices.Sorted(maps.Keys(t.EarlierSchemas)) {
			if i > 0 {
				earlier = append(earlier, ',')
			}
			if earlier, err = appendJSON(earlier, version); err != nil {
				return nil, err
			}
			earlier = append(append(earlier, ':'), t.EarlierSchemas[version]...)
		}
		b = appendMember(b, "earlier_schemas", append(earlier, '}'))
	}
	if err == nil && len(t.Example) > 0 {
		b = appendMember(b, "example", t.Example)
	}
	return b, err
}
