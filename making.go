package bellhop

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Making says how requests to an endpoint are made, where its dialect alone does not.
type Making struct {
	// Recipe names the recipe that makes its requests; "" if its dialect does.
	Recipe string `json:"recipe,omitempty"`
	// RecipeFields are the values of the recipe's fields, none of which is a secret.
	RecipeFields map[string]string `json:"recipe_fields,omitempty"`
	// Transform makes the body, and more, by a script; nil if none does.
	Transform *Transform `json:"transform,omitempty"`
	// Auth is how requests authenticate, besides their signature; nil if they do not.
	Auth *Auth `json:"auth,omitempty"`
	// TLS has what connections to it need beyond the usual; nil if nothing.
	TLS *ClientTLS `json:"tls,omitempty"`
	// Capture are values to take out of its 2xx answers, if they are JSON: a JSON
	// pointer (RFC 6901) by name.
	Capture map[string]string `json:"capture,omitempty"`
}

// Transform is a script that makes the requests of an endpoint.
type Transform struct {
	// Code is JavaScript that defines the function.
	Code string `json:"code"`
	// Function is the one that it defines; "" is FunctionTransform.
	Function TransformFunction `json:"function,omitempty"`
	// Disabled keeps the code, and has requests made without it.
	Disabled bool `json:"disabled,omitempty"`
	// OnError says what becomes of an event that it fails on; "" is OnErrorHold.
	OnError OnError `json:"on_error,omitempty"`
}

// Runs tells whether requests are made by it, which may be nil.
func (t *Transform) Runs() bool { return t != nil && !t.Disabled }

// TransformFunction is the function by which a script makes requests.
type TransformFunction string

// The functions that a script can define.
const (
	// FunctionTransform is transform(event), which returns a request.
	FunctionTransform TransformFunction = "transform"
	// FunctionHandler is handler(webhook), which changes one and returns it, as Svix has
	// it.
	FunctionHandler TransformFunction = "handler"
)

// OnError says what becomes of a delivery whose request cannot be made.
type OnError string

// What can become of it.
const (
	// OnErrorHold keeps it until the endpoint is changed, and then tries again.
	OnErrorHold OnError = "hold"
	// OnErrorFail ends it at once.
	OnErrorFail OnError = "fail"
)

// Auth is how requests to an endpoint authenticate, besides their signature. Its
// secrets are sealed apart, in Endpoint.Sealed.
type Auth struct {
	Type AuthType `json:"type"`
	// Username is that of AuthBasic, whose password is sealed as SealedPassword.
	Username string `json:"username,omitempty"`
	// Name is the header's (AuthHeader) or the query parameter's (AuthQuery), whose
	// value is sealed as SealedValue; Prefix stands before the value in the header.
	Name   string `json:"name,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// TokenURL is where OAuth2 tokens come from (RFC 6749 §3.2).
	TokenURL string   `json:"token_url,omitempty"`
	ClientID string   `json:"client_id,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`
	// ClientAuth is how the client authenticates there: "basic" (the default) or
	// "body" (RFC 6749 §2.3.1).
	ClientAuth string `json:"client_auth,omitempty"`
	// Params are sent with each token request, such as an audience.
	Params map[string]string `json:"params,omitempty"`
}

// AuthType is a way to authenticate.
type AuthType string

// The ways to authenticate.
const (
	AuthBasic             AuthType = "basic"                     // RFC 7617; by mail, AUTH (RFC 4954)
	AuthBearer            AuthType = "bearer"                    // RFC 6750, a token sealed as SealedToken
	AuthHeader            AuthType = "header"                    // a header of any name
	AuthQuery             AuthType = "query"                     // a query parameter
	AuthClientCredentials AuthType = "oauth2_client_credentials" // RFC 6749 §4.4
	AuthRefreshToken      AuthType = "oauth2_refresh_token"      // RFC 6749 §6
)

// OAuth2 tells whether the type asks a server for tokens.
func (t AuthType) OAuth2() bool { return t == AuthClientCredentials || t == AuthRefreshToken }

// ClientTLS has what connections to an endpoint need beyond the usual, in PEM. The key
// of the certificate is sealed as SealedTLSKey.
type ClientTLS struct {
	// Certificate, with its chain, is shown to the receiver that asks for one.
	Certificate string `json:"certificate,omitempty"`
	// CA are certificates trusted besides the system's.
	CA string `json:"ca,omitempty"`
}

// SealedValues are an endpoint's credentials besides its signing secrets, by name
// (SealedPassword and so on), each encrypted with SealedContext. In JSON they are a list
// of their names.
type SealedValues map[string][]byte

// MarshalJSON gives the names.
func (s SealedValues) MarshalJSON() ([]byte, error) {
	return json.Marshal(slices.Sorted(maps.Keys(s)))
}

// UnmarshalJSON reads names; what they stand for is not known from them.
func (s *SealedValues) UnmarshalJSON(b []byte) error {
	var names []string
	err := json.Unmarshal(b, &names)
	*s = nil
	for _, name := range names {
		if *s == nil {
			*s = SealedValues{}
		}
		(*s)[name] = nil
	}
	return err
}

// Names of SealedValues.
const (
	SealedPassword     = "auth.password"
	SealedToken        = "auth.token"
	SealedValue        = "auth.value"
	SealedClientSecret = "auth.client_secret"
	SealedRefreshToken = "auth.refresh_token"
	SealedTLSKey       = "tls.key"
)

// Hidden stands for a value that may not be seen.
const Hidden = "(hidden)"

// SecretHeader tells whether the value of a header of this name is as a rule a password.
func SecretHeader(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "cookie", "x-auth-token", "x-api-key", "api-key", "x-token":
		return true
	}
	return false
}

// HarmlessHeader tells whether the value of a header of this name is known to be no password.
// Of all others it may be one: every product has names of its own for them.
func HarmlessHeader(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "accept-charset", "accept-language", "cache-control", "content-language", "content-type",
		"date", "expect", "from", "origin", "pragma", "prefer", "priority", "referer", "user-agent":
		return true
	}
	return false
}

// SealedContext is what one of an endpoint's Sealed values is sealed with.
func SealedContext(e EndpointID, name string) string { return e.String() + " " + name }

// IsZero tells whether requests are made by the dialect alone.
func (m *Making) IsZero() bool {
	return m.Recipe == "" && len(m.RecipeFields) == 0 && m.Transform == nil && m.Auth == nil && m.TLS == nil && len(m.Capture) == 0
}

// MadeByDialect tells whether the dialect alone makes the body of requests.
func (m *Making) MadeByDialect() bool { return m.Recipe == "" && !m.Transform.Runs() }

// Equal tells whether requests are made the same way.
func (m *Making) Equal(o *Making) bool {
	return m.Recipe == o.Recipe && maps.Equal(m.RecipeFields, o.RecipeFields) && maps.Equal(m.Capture, o.Capture) &&
		same(m.Transform, o.Transform) && same(m.TLS, o.TLS) && m.Auth.Equal(o.Auth)
}

func same[T comparable](x, y *T) bool { return x == y || x != nil && y != nil && *x == *y }

// Equal tells whether both, of which any may be nil, say the same.
func (a *Auth) Equal(o *Auth) bool {
	if a == nil || o == nil {
		return a == o
	}
	return a.Type == o.Type && a.Username == o.Username && a.Name == o.Name && a.Prefix == o.Prefix &&
		a.TokenURL == o.TokenURL && a.ClientID == o.ClientID && a.ClientAuth == o.ClientAuth &&
		slices.Equal(a.Scopes, o.Scopes) && maps.Equal(a.Params, o.Params)
}

// Clone gives a copy that shares nothing with m.
func (m *Making) Clone() Making {
	c := *m
	c.RecipeFields, c.Capture = maps.Clone(m.RecipeFields), maps.Clone(m.Capture)
	if m.Transform != nil {
		t := *m.Transform
		c.Transform = &t
	}
	if m.Auth != nil {
		a := *m.Auth
		a.Scopes, a.Params = slices.Clone(a.Scopes), maps.Clone(a.Params)
		c.Auth = &a
	}
	if m.TLS != nil {
		t := *m.TLS
		c.TLS = &t
	}
	return c
}

// MakesLike tells whether both endpoints make the same requests of an event: if not,
// what could not be made for one of them may be for the other.
func (e *Endpoint) MakesLike(o *Endpoint) bool {
	return e.URL == o.URL && e.Dialect == o.Dialect && maps.Equal(e.DialectOptions, o.DialectOptions) &&
		maps.Equal(e.Headers, o.Headers) && e.Making.Equal(&o.Making) &&
		maps.EqualFunc(e.Sealed, o.Sealed, slices.Equal)
}
