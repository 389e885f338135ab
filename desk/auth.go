package desk

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Bounds of credentials, in bytes or items.
const (
	maxSecret   = 8 << 10
	maxUsername = 256
	maxClientID = 512
	maxPrefix   = 64
	maxScopes   = 50
	maxParams   = 20
	maxParam    = 1000
)

// partsOf are the fields of auth that each type has besides type, as the API names them:
// those that it needs, and those that may be left out.
var partsOf = map[bellhop.AuthType]struct{ needs, may []string }{
	bellhop.AuthBasic:             {[]string{"username", "password"}, nil},
	bellhop.AuthBearer:            {[]string{"token"}, nil},
	bellhop.AuthHeader:            {[]string{"name", "value"}, []string{"prefix"}},
	bellhop.AuthQuery:             {[]string{"name", "value"}, nil},
	bellhop.AuthClientCredentials: {[]string{"token_url", "client_id", "client_secret"}, []string{"scopes", "client_auth", "params"}},
	bellhop.AuthRefreshToken:      {[]string{"token_url", "client_id", "refresh_token"}, []string{"client_secret", "scopes", "client_auth", "params"}},
}

// applyAuth sets how requests authenticate. A secret that is not given stays, if it is
// for the same purpose as before: one that was meant for a server is not sent to another.
func (d *Desk) applyAuth(e *bellhop.Endpoint, c *bellhop.AuthChange) {
	old := e.Auth
	if c == nil {
		e.Auth = nil
		d.reseal(e, "auth.", false, nil)
		return
	}
	auth := c.Auth
	e.Auth = &auth
	keep := old != nil && old.Type == auth.Type && old.TokenURL == auth.TokenURL && old.ClientID == auth.ClientID
	d.reseal(e, "auth.", keep, authSecrets(c))
}

// authSecrets are the secrets of a change by the names that they are sealed under.
func authSecrets(c *bellhop.AuthChange) map[string]string {
	return map[string]string{
		bellhop.SealedPassword: c.Password, bellhop.SealedToken: c.Token, bellhop.SealedValue: c.Value,
		bellhop.SealedClientSecret: c.ClientSecret, bellhop.SealedRefreshToken: c.RefreshToken,
	}
}

// reseal replaces an endpoint's credentials that begin with a prefix by those that are
// given; the others of the prefix stay if keep is set.
func (d *Desk) reseal(e *bellhop.Endpoint, prefix string, keep bool, given map[string]string) {
	sealed := maps.Clone(e.Sealed)
	if sealed == nil {
		sealed = bellhop.SealedValues{}
	}
	if !keep {
		maps.DeleteFunc(sealed, func(name string, _ []byte) bool { return strings.HasPrefix(name, prefix) })
	}
	for name, plain := range given {
		if plain != "" {
			sealed[name] = d.e.Config().Sealer.Seal([]byte(plain), bellhop.SealedContext(e.ID, name))
		}
	}
	if len(sealed) == 0 {
		sealed = nil
	}
	e.Sealed = sealed
}

// leaveHost drops the credentials that an endpoint had for the host of its former URL,
// or for its former token server: whoever changes the one cannot read them, so he may not
// have them sent to a host of his own either. It says which are to be given again.
func leaveHost(e, old *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	from := ""
	switch {
	case len(old.Sealed) == 0:
		return nil
	case safehttp.Origin(e.URL) != safehttp.Origin(old.URL):
		from = safehttp.Origin(old.URL)
	case e.Auth != nil && old.Auth != nil && safehttp.Origin(e.Auth.TokenURL) != safehttp.Origin(old.Auth.TokenURL):
		from = safehttp.Origin(old.Auth.TokenURL)
	default:
		return nil
	}
	given := map[string]bool{}
	if a := c.Auth.Value; a != nil {
		for name, plain := range authSecrets(a) {
			given[name] = plain != ""
		}
	}
	if t := c.TLS.Value; t != nil {
		given[bellhop.SealedTLSKey] = t.Key != ""
	}
	needed := routes.SealedOf(&e.Making)
	e.Sealed = maps.Clone(e.Sealed)
	for _, name := range slices.Sorted(maps.Keys(e.Sealed)) {
		if given[name] {
			continue
		}
		delete(e.Sealed, name)
		if slices.Contains(needed, name) || name == bellhop.SealedClientSecret {
			fields = append(fields, bellhop.FieldError{
				Field: name, Code: "required",
				Detail: "must be given again: it was for " + from + ", and the host has changed",
			})
		}
	}
	return fields
}

// missingCredentials names the secrets that an endpoint needs and does not have.
func missingCredentials(e *bellhop.Endpoint, said []bellhop.FieldError) (fields []bellhop.FieldError) {
	for _, name := range routes.SealedOf(&e.Making) {
		_, has := e.Sealed[name]
		known := slices.ContainsFunc(said, func(f bellhop.FieldError) bool { return f.Field == name })
		if has || known {
			continue
		}
		detail := "is missing: requests cannot authenticate without it"
		if name == bellhop.SealedTLSKey {
			detail = "is missing: give the private key of tls.certificate"
		}
		fields = append(fields, bellhop.FieldError{Field: name, Code: "required", Detail: detail})
	}
	return fields
}

// checkAuth says what is wrong with how requests authenticate. Whether the secrets are
// there is for missingCredentials to say: a preview does without.
func (d *Desk) checkAuth(e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	if e.Auth == nil || !c.Auth.Set && !c.Headers.Set && !c.URL.Set {
		return nil
	}
	a := e.Auth
	wrong := func(field, code, format string, v ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, v...)})
	}
	parts, known := partsOf[a.Type]
	if !known {
		wrong("auth.type", "enum", `must be "basic", "bearer", "header", "query", "oauth2_client_credentials" or "oauth2_refresh_token"`)
		return fields
	}
	mail := safehttp.IsMail(e.URL)
	if mail && a.Type.OAuth2() { // XOAUTH2 says whose mailbox it is
		parts.needs = append([]string{"username"}, parts.needs...)
	}
	if c.Auth.Set {
		fields = append(fields, checkParts(a, c.Auth.Value, parts.needs, parts.may)...)
		fields = append(fields, d.checkAuthValues(a)...)
	}
	if mail {
		switch {
		case a.Type != bellhop.AuthBasic && !a.Type.OAuth2():
			wrong("auth.type", "mail", "must be basic, with a username and a password, or one of oauth2 with a username: the endpoint's URL is that of a mail server")
		case strings.HasPrefix(e.URL, "smtp+plain:"):
			wrong("auth", "mail", "would send the password in the open: use smtp:// or smtps:// in the URL, or no auth")
		}
		return fields
	}
	header := ""
	switch a.Type {
	case bellhop.AuthHeader:
		header = a.Name
	case bellhop.AuthQuery:
		if u, err := url.Parse(e.URL); err == nil && u.Query().Has(a.Name) {
			wrong("auth.name", "twice", "is a parameter of the endpoint's URL as well: take it out there")
		}
		return fields
	default:
		header = "Authorization"
	}
	for name := range e.Headers {
		if strings.EqualFold(name, header) {
			wrong("headers."+bellhop.Clip(name), "twice", "is what auth sends: leave out one of them")
		}
	}
	return fields
}

// checkMail refuses a mail server for an endpoint whose events nothing makes a mail of,
// and what goes with HTTP alone. Whether a recipe makes mails is for checkRecipeURL to say.
func checkMail(e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	if !safehttp.IsMail(e.URL) {
		return nil
	}
	if e.Recipe == "" && (c.URL.Set || c.Recipe.Set) {
		fields = append(fields, bellhop.FieldError{
			Field: "recipe", Code: "required", Detail: "is missing: the URL is that of a mail server, so choose a recipe that makes a mail of an event, such as email",
		})
	}
	if len(e.Capture) > 0 && (c.URL.Set || c.Capture.Set) {
		fields = append(fields, bellhop.FieldError{
			Field: "capture", Code: "mail", Detail: "takes values out of JSON, which no mail server answers with: leave it out",
		})
	}
	if len(e.Headers) > 0 && (c.URL.Set || c.Headers.Set) {
		fields = append(fields, bellhop.FieldError{
			Field: "headers", Code: "mail", Detail: "are those of HTTP, and the URL is that of a mail server: leave them out",
		})
	}
	return fields
}

// checkParts refuses what is missing of a type of auth, and what belongs to another.
func checkParts(a *bellhop.Auth, c *bellhop.AuthChange, needs, may []string) (fields []bellhop.FieldError) {
	given := map[string]bool{
		"username": a.Username != "", "name": a.Name != "", "prefix": a.Prefix != "", "token_url": a.TokenURL != "", "client_id": a.ClientID != "",
		"scopes": len(a.Scopes) > 0, "client_auth": a.ClientAuth != "", "params": len(a.Params) > 0,
	}
	secrets := authSecrets(c)
	for name, plain := range secrets {
		given[strings.TrimPrefix(name, "auth.")] = plain != ""
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		_, secret := secrets["auth."+name]
		needed := slices.Contains(needs, name)
		switch {
		case given[name] && !needed && !slices.Contains(may, name):
			fields = append(fields, bellhop.FieldError{Field: "auth." + name, Code: "type", Detail: "is not for auth of the type " + string(a.Type) + ": leave it out"})
		case !given[name] && needed && !secret:
			fields = append(fields, bellhop.FieldError{Field: "auth." + name, Code: "required", Detail: "is missing: auth of the type " + string(a.Type) + " needs it"})
		case given[name] && secret:
			if why := checkSecretText(a.Type, secrets["auth."+name]); why != "" {
				fields = append(fields, bellhop.FieldError{Field: "auth." + name, Code: "secret", Detail: why})
			}
		}
	}
	return fields
}

// checkSecretText says what is wrong with a secret, and repeats nothing of it.
func checkSecretText(t bellhop.AuthType, s string) string {
	inHeader := t == bellhop.AuthBearer || t == bellhop.AuthHeader
	switch {
	case len(s) > maxSecret:
		return "is longer than 8 KiB"
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "has a line break or another control character: copy it again, without what is around it"
	case s != strings.TrimSpace(s):
		return "begins or ends with a space: copy it again, without what is around it"
	case inHeader && !isASCII(s):
		return "has characters beyond ASCII, which no header carries: copy it again"
	case t == bellhop.AuthBearer && strings.ContainsAny(s, " "):
		return "has a space inside, which no token has: give the token alone, without the word Bearer"
	}
	return ""
}

// checkAuthValues checks what is no secret.
func (d *Desk) checkAuthValues(a *bellhop.Auth) (fields []bellhop.FieldError) {
	wrong := func(field, code, format string, v ...any) {
		fields = append(fields, bellhop.FieldError{Field: "auth." + field, Code: code, Detail: fmt.Sprintf(format, v...)})
	}
	if len(a.Username) > maxUsername || !printable(a.Username) {
		wrong("username", "length", "must be at most %d bytes without control characters", maxUsername)
	}
	if strings.Contains(a.Username, ":") {
		wrong("username", "format", "has a colon, which separates it from the password (RFC 7617): take it out")
	}
	if a.Type == bellhop.AuthHeader && a.Name != "" {
		if f := d.checkAuthHeader(a.Name); f != "" {
			wrong("name", "header", "%s", f)
		}
	}
	if a.Type == bellhop.AuthQuery && (len(a.Name) > 128 || !printable(a.Name)) {
		wrong("name", "length", "must be at most 128 bytes without control characters")
	}
	if len(a.Prefix) > maxPrefix || !isASCII(a.Prefix) || !httpguts.ValidHeaderFieldValue(a.Prefix) {
		wrong("prefix", "format", "must be at most %d ASCII characters", maxPrefix)
	}
	if a.TokenURL != "" {
		if err := d.e.Sender().CheckHTTP(a.TokenURL); err != nil {
			f := urlError("auth.token_url", err)
			fields = append(fields, *f)
		}
	}
	if len(a.ClientID) > maxClientID || !printable(a.ClientID) {
		wrong("client_id", "length", "must be at most %d bytes without control characters", maxClientID)
	}
	if a.ClientAuth != "" && a.ClientAuth != "basic" && a.ClientAuth != "body" {
		wrong("client_auth", "enum", `must be "basic" or "body"`)
	}
	if len(a.Scopes) > maxScopes {
		wrong("scopes", "length", "has %d scopes; at most %d are allowed", len(a.Scopes), maxScopes)
	}
	for _, s := range a.Scopes {
		if s == "" || len(s) > maxParam || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
			wrong("scopes", "format", "has one that is none (RFC 6749 §3.3): each is a word without spaces, quotes and backslashes")
			break
		}
	}
	if len(a.Params) > maxParams {
		wrong("params", "length", "has %d parameters; at most %d are allowed", len(a.Params), maxParams)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Params)) {
		switch {
		case slices.Contains([]string{"grant_type", "client_id", "client_secret", "refresh_token", "scope"}, name):
			wrong("params."+name, "reserved", "is sent by Bellhop itself: take it out of params")
		case name == "" || len(name) > 128 || len(a.Params[name]) > maxParam || !printable(name) || !printable(a.Params[name]):
			wrong("params."+bellhop.Clip(name), "length", "must be at most %d bytes without control characters", maxParam)
		}
	}
	return fields
}

// checkAuthHeader says what is wrong with the name of a header for an API key.
func (d *Desk) checkAuthHeader(name string) string {
	if http.CanonicalHeaderKey(name) == "Authorization" {
		return ""
	}
	if f := checkHeaders(map[string]string{name: "x"}, d.e.Routes().Dialects(), true); len(f) > 0 {
		return f[0].Detail
	}
	return ""
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
