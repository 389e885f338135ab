package bellhop

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop/internal/match"
)

// The bounds of what people write, in bytes, and of what an app and a key have.
const (
	MaxName        = 256
	MaxImported    = 256
	MaxDescription = 4096
	maxMetadata    = 50
	maxFlags       = 50
	// mostEndpoints is the highest bound that an app can have.
	mostEndpoints   = 100_000
	maxPortal       = Duration(7 * 24 * time.Hour)
	maxKeyExpiresIn = Duration(3660 * 24 * time.Hour)
)

// Check says what is wrong with an app by itself: whether its names are free, and its dialects
// there, is not looked at.
func (a *App) Check() (fields []FieldError) {
	if !validAppID(a.ID) {
		fields = append(fields, FieldError{
			Field: "id", Code: "app_id",
			Detail: "must be 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
		})
	}
	if a.UID != "" {
		if err := match.CheckUID("uid", a.UID); err != nil {
			fields = append(fields, FieldError{Field: "uid", Code: "uid", Detail: err.Error()})
		}
	}
	fields = append(fields, CheckText("name", a.Name, MaxName)...)
	fields = append(fields, CheckMetadata(a.Metadata)...)
	fields = append(fields, a.RateLimit.Check()...)
	fields = append(fields, CheckText("imported", a.Imported, MaxImported)...)
	if a.MaxEndpoints < 0 || a.MaxEndpoints > mostEndpoints {
		fields = append(fields, FieldError{
			Field: "max_endpoints", Code: "range",
			Detail: fmt.Sprintf("must be between 1 and %d, or 0 for the default", mostEndpoints),
		})
	}
	return fields
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

// CheckText says what is wrong with a text of a field, of at most so many bytes.
func CheckText(field, text string, most int) []FieldError {
	switch {
	case len(text) > most:
		return []FieldError{{Field: field, Code: "length", Detail: fmt.Sprintf("is %d bytes; at most %d are allowed", len(text), most)}}
	case !utf8.ValidString(text):
		return []FieldError{{Field: field, Code: "utf8", Detail: "is not valid UTF-8"}}
	}
	return nil
}

// CheckMetadata says what is wrong with notes of the platform's.
func CheckMetadata(m map[string]string) (fields []FieldError) {
	if len(m) > maxMetadata {
		fields = append(fields, FieldError{
			Field: "metadata", Code: "length",
			Detail: fmt.Sprintf("has %d entries; at most %d are allowed", len(m), maxMetadata),
		})
	}
	for k, v := range m {
		if k == "" || len(k) > 128 || len(v) > 1024 || !utf8.ValidString(k) || !utf8.ValidString(v) {
			fields = append(fields, FieldError{
				Field: "metadata." + Clip(k), Code: "length",
				Detail: "keys are 1 to 128 bytes and values at most 1024 bytes of UTF-8",
			})
		}
	}
	return fields
}

// Check says what is wrong with a limit; of none, which is nil, nothing is.
func (l *RateLimit) Check() (fields []FieldError) {
	if l == nil {
		return nil
	}
	if !(l.PerSecond >= 0.001 && l.PerSecond <= 100_000) { // NaN, too
		fields = append(fields, FieldError{Field: "rate_limit.per_second", Code: "range", Detail: "must be between 0.001 and 100000"})
	}
	if l.Burst < 0 || l.Burst > 100_000 {
		fields = append(fields, FieldError{Field: "rate_limit.burst", Code: "range", Detail: "must be between 0 and 100000"})
	}
	return fields
}

// CheckFlags says what is wrong with the feature flags of an event type or a portal link.
func CheckFlags(flags []string) (fields []FieldError) {
	if len(flags) > maxFlags {
		return []FieldError{{Field: "feature_flags", Code: "length", Detail: fmt.Sprintf("has %d flags; at most %d are allowed", len(flags), maxFlags)}}
	}
	for i, flag := range flags {
		if !IsLabel(flag, MaxName, "-_.:") {
			fields = append(fields, FieldError{
				Field: fmt.Sprintf("feature_flags[%d]", i), Code: "format",
				Detail: fmt.Sprintf("a feature flag is 1 to %d letters, digits, hyphens, underscores, dots and colons", MaxName),
			})
		}
	}
	return fields
}

// IsLabel tells whether s is 1 to most letters and digits of ASCII, or others that are
// allowed.
func IsLabel(s string, most int, others string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= most
}

// Check says what is wrong with a key by itself: whether its apps are there, and whether whoever
// asks may have it made, is not looked at.
func (r *KeyRequest) Check() []FieldError {
	fields := CheckText("name", r.Name, MaxName)
	wrong := func(field, code, detail string) {
		fields = append(fields, FieldError{Field: field, Code: code, Detail: detail})
	}
	switch r.Role {
	case RoleAdmin, RolePublisher:
		if r.Portal {
			wrong("role", "enum", `must be "editor" or "viewer" for a portal link`)
		}
	case RoleEditor, RoleViewer:
	default:
		wrong("role", "enum", `must be "admin", "publisher", "editor" or "viewer"`)
	}
	fields = append(fields, CheckFlags(r.FeatureFlags)...)
	if len(r.FeatureFlags) > 0 && !r.Portal {
		wrong("feature_flags", "portal", "are for portal links: a key sees every event type")
	}
	if r.Hash != nil && r.Portal {
		wrong("token_sha256", "portal", "is for keys: the token of a portal link is made")
	}
	if r.Hash != nil && (*r.Hash == [32]byte{} || *r.Hash == sha256.Sum256(nil)) {
		wrong("token_sha256", "format", "is the hash of no token")
	}
	longest := maxKeyExpiresIn
	if r.Portal {
		longest = maxPortal
	}
	if r.ExpiresIn < 0 || r.ExpiresIn > longest {
		wrong("expires_in", "range", fmt.Sprintf("must be between 0s and %s", longest))
	}
	return fields
}
