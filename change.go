package bellhop

import (
	"encoding/json"
	"time"
)

// Field is a setting that may or may not be given. In JSON a field that is absent
// is not Set; null sets the zero value, which stands for the default.
type Field[T any] struct {
	Set   bool
	Value T
}

// Of is a Field that is set to v.
func Of[T any](v T) Field[T] { return Field[T]{Set: true, Value: v} }

// UnmarshalJSON sets the field; null sets the zero value.
func (f *Field[T]) UnmarshalJSON(b []byte) error {
	*f = Field[T]{Set: true}
	if string(b) == "null" {
		return nil
	}
	return json.Unmarshal(b, &f.Value)
}

// EndpointChange is what a caller asks an endpoint to be: in a creation, fields
// that are not set get their defaults; in an update, they stay as they are.
type EndpointChange struct {
	Apps Field[[]string]
	// Terms are those of Apps, and count with them only: where Apps are set, an app
	// that has none here has none of its own from then on.
	Terms Field[[]AppTerms]
	UID   Field[string]
	// FormerID is for new endpoints.
	FormerID Field[string]
	// Imported is for imports to set.
	Imported    Field[string]
	Channels    Field[[]string]
	URL         Field[string]
	Name        Field[string]
	Description Field[string]
	Events      Field[[]string]
	Subjects    Field[[]string]
	Filter      Field[JSON]
	Dialect     Field[string]
	// DialectOptions are replaced as a whole.
	DialectOptions Field[map[string]string]
	Headers        Field[map[string]string]
	Recipe         Field[string]
	// RecipeFields are replaced as a whole.
	RecipeFields Field[map[string]string]
	Transform    Field[*Transform]
	Auth         Field[*AuthChange]
	TLS          Field[*ClientTLSChange]
	// Capture is replaced as a whole.
	Capture Field[map[string]string]
	Status  Field[EndpointStatus]
	// Locked and LockedReason are for admins to set.
	Locked       Field[bool]
	LockedReason Field[string]
	Timeout      Field[Duration]
	Retry        Field[RetryPolicy]
	RateLimit    Field[*RateLimit]
	Concurrency  Field[int]
	Ordering     Field[Ordering]
	Metadata     Field[map[string]string]
	// Notify is replaced as a whole.
	Notify Field[[]string]
	// Secret is the signing secret of a new endpoint; without it one is made.
	// Existing endpoints change theirs by rotation.
	Secret Field[string]
	// Secrets are, instead of Secret, all that are valid of an endpoint that comes from
	// elsewhere, newest first.
	Secrets Field[[]GivenSecret]
	// Verify makes the change fail unless the URL answers a test event with
	// 2xx. Dialects may ask for it by themselves.
	Verify Field[bool]
}

// GivenSecret is a signing secret in the open, with the end of its overlap with a newer one.
type GivenSecret struct {
	Secret    string
	ExpiresAt time.Time
}

// AuthChange is an Auth with its secrets in the open. Those that are left out stay as
// they are, as long as they are for the same purpose.
type AuthChange struct {
	Auth
	Password     string `json:"password,omitempty"`
	Token        string `json:"token,omitempty"`
	Value        string `json:"value,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// ClientTLSChange is a ClientTLS with its secret in the open, which stays as it is
// where it is left out and the certificate stays.
type ClientTLSChange struct {
	ClientTLS
	Key string `json:"key,omitempty"`
}
