package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// authFlags say how requests to an endpoint authenticate. Secrets come from files, so
// that none is in a shell's history or a list of processes.
type authFlags struct {
	kind, username, header, query, prefix            string
	tokenURL, clientID, clientAuth                   string
	scopes, params                                   []string
	password, token, value, clientSecret, refreshTok string // files
	certificate, key, ca                             string // files
}

// authNames and tlsNames are the flags that make a change of the one and of the other.
var (
	authNames = []string{
		"auth-type", "auth-username", "auth-password-file", "auth-token-file", "auth-header", "auth-query", "auth-prefix", "auth-value-file",
		"oauth-token-url", "oauth-client-id", "oauth-client-secret-file", "oauth-refresh-token-file", "oauth-scope", "oauth-client-auth", "oauth-param",
	}
	tlsNames = []string{"tls-cert", "tls-key", "tls-ca"}
)

func (a *authFlags) register(f *pflag.FlagSet) {
	f.StringVar(&a.kind, "auth-type", "", "how requests authenticate: basic, bearer, header, query, oauth2_client_credentials, oauth2_refresh_token, or none (default what the other flags say)")
	f.StringVar(&a.username, "auth-username", "", "`name` for basic authentication, and for a mail server")
	f.StringVar(&a.password, "auth-password-file", "", "`FILE` with its password, or - for standard input")
	f.StringVar(&a.token, "auth-token-file", "", "`FILE` with a bearer token, or -")
	f.StringVar(&a.header, "auth-header", "", "`NAME` of a header for an API key")
	f.StringVar(&a.query, "auth-query", "", "`NAME` of a query parameter for an API key")
	f.StringVar(&a.prefix, "auth-prefix", "", "`text` before the API key in its header")
	f.StringVar(&a.value, "auth-value-file", "", "`FILE` with the API key, or -")
	f.StringVar(&a.tokenURL, "oauth-token-url", "", "`URL` that OAuth2 tokens come from")
	f.StringVar(&a.clientID, "oauth-client-id", "", "`ID` of the OAuth2 client")
	f.StringVar(&a.clientSecret, "oauth-client-secret-file", "", "`FILE` with the client's secret, or -")
	f.StringVar(&a.refreshTok, "oauth-refresh-token-file", "", "`FILE` with a refresh token, or -; without one, the client's own credentials are used")
	f.StringArrayVar(&a.scopes, "oauth-scope", nil, "`scope` to ask for; may be repeated")
	f.StringVar(&a.clientAuth, "oauth-client-auth", "", "basic or body: how the client names itself to the token server (default basic)")
	f.StringArrayVar(&a.params, "oauth-param", nil, "sent with each token request, as `NAME=VALUE`, such as audience=…; may be repeated")
	f.StringVar(&a.certificate, "tls-cert", "", "`FILE` with a client certificate and its chain, in PEM")
	f.StringVar(&a.key, "tls-key", "", "`FILE` with its private key, in PEM, or -")
	f.StringVar(&a.ca, "tls-ca", "", "`FILE` with authorities to trust besides the system's, in PEM")
}

func anyOf(given func(string) bool, names []string) bool { return slices.ContainsFunc(names, given) }

// inferred is the type of auth that the flags speak of, or "".
func (a *authFlags) inferred(given func(string) bool) bellhop.AuthType {
	switch {
	case a.kind != "":
		return bellhop.AuthType(a.kind)
	case given("oauth-refresh-token-file"):
		return bellhop.AuthRefreshToken
	case given("oauth-client-secret-file") && given("oauth-token-url"):
		return bellhop.AuthClientCredentials
	case given("auth-header"):
		return bellhop.AuthHeader
	case given("auth-query"):
		return bellhop.AuthQuery
	case given("auth-token-file"):
		return bellhop.AuthBearer
	case given("auth-username"), given("auth-password-file"):
		return bellhop.AuthBasic
	}
	return ""
}

// change makes what the flags say a part of a change. Old is how requests authenticated
// before, or as the endpoint's recipe proposes: what is not given stays, as far as it
// belongs to the same type.
func (a *authFlags) change(p *program, given func(string) bool, old bellhop.Making, c *bellhop.EndpointChange) error {
	if anyOf(given, authNames) {
		if err := a.changeAuth(p, given, old.Auth, c); err != nil {
			return err
		}
	}
	if anyOf(given, tlsNames) {
		return a.changeTLS(p, given, old.TLS, c)
	}
	return nil
}

func (a *authFlags) changeAuth(p *program, given func(string) bool, old *bellhop.Auth, c *bellhop.EndpointChange) error {
	kind := a.inferred(given)
	if kind == "none" || kind == "" && given("auth-type") {
		c.Auth = bellhop.Of[*bellhop.AuthChange](nil)
		return nil
	}
	auth := &bellhop.AuthChange{}
	switch {
	case old != nil && (kind == "" || kind == old.Type):
		auth.Auth = *old
	case kind == "":
		return usage("--auth-type is missing: say how requests authenticate")
	default:
		auth.Type = kind
	}
	for name, to := range map[string]*string{
		"auth-username": &auth.Username, "auth-header": &auth.Name, "auth-query": &auth.Name, "auth-prefix": &auth.Prefix,
		"oauth-token-url": &auth.TokenURL, "oauth-client-id": &auth.ClientID, "oauth-client-auth": &auth.ClientAuth,
	} {
		if given(name) {
			*to = map[string]string{
				"auth-username": a.username, "auth-header": a.header, "auth-query": a.query, "auth-prefix": a.prefix,
				"oauth-token-url": a.tokenURL, "oauth-client-id": a.clientID, "oauth-client-auth": a.clientAuth,
			}[name]
		}
	}
	if given("oauth-scope") {
		auth.Scopes = without(a.scopes, "")
	}
	if given("oauth-param") {
		m, err := notes("oauth-param", without(a.params, ""))
		if err != nil {
			return err
		}
		auth.Params = m
	}
	for _, secret := range []struct {
		file string
		to   *string
	}{
		{a.password, &auth.Password},
		{a.token, &auth.Token},
		{a.value, &auth.Value},
		{a.clientSecret, &auth.ClientSecret},
		{a.refreshTok, &auth.RefreshToken},
	} {
		text, err := p.secretFile(secret.file)
		if err != nil {
			return err
		}
		*secret.to = text
	}
	c.Auth = bellhop.Of(auth)
	return nil
}

func (a *authFlags) changeTLS(p *program, given func(string) bool, old *bellhop.ClientTLS, c *bellhop.EndpointChange) error {
	t := &bellhop.ClientTLSChange{}
	if old != nil {
		t.ClientTLS = *old
	}
	for _, file := range []struct {
		flag, path string
		to         *string
	}{{"tls-cert", a.certificate, &t.Certificate}, {"tls-key", a.key, &t.Key}, {"tls-ca", a.ca, &t.CA}} {
		if !given(file.flag) {
			continue
		}
		text, err := p.secretFile(file.path)
		if err != nil {
			return err
		}
		*file.to = text
	}
	if t.Certificate == "" && t.CA == "" && t.Key == "" {
		t = nil
	}
	c.TLS = bellhop.Of(t)
	return nil
}

// secretFile reads a file that holds one secret; "" is none.
func (p *program) secretFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := p.readInput(path)
	if err != nil {
		return "", err
	}
	if err := unmarked(path, b); err != nil {
		return "", err
	}
	text := strings.TrimRight(string(b), "\r\n")
	if text == "" {
		return "", usage("%s is empty", path)
	}
	return text, nil
}

// proposed is how the requests of the recipe that was named authenticate.
func (e *endpointFlags) proposed(ctx context.Context, c *client.Client) (m bellhop.Making, err error) {
	if e.recipe.name == "" || !anyOf(e.flags.Changed, authNames) {
		return m, nil
	}
	d, err := c.Recipe(ctx, e.recipe.name)
	if a := d.Auth; err == nil && a != nil {
		m.Auth = &bellhop.Auth{
			Type: bellhop.AuthType(a.Type), Username: a.Username, Name: a.Header, Prefix: a.Prefix,
			TokenURL: a.TokenURL, Scopes: a.Scopes, ClientAuth: a.ClientAuth, Params: a.Params,
		}
	}
	return m, err
}

// asIs is how an endpoint's requests authenticate now, for flags that change a part of it.
func (e *endpointFlags) asIs(ctx context.Context, c *client.Client, id bellhop.EndpointID) (bellhop.Making, error) {
	given := e.flags.Changed
	if !anyOf(given, authNames) && !anyOf(given, tlsNames) {
		return bellhop.Making{}, nil
	}
	now, err := c.Endpoint(ctx, id)
	return now.Making, err
}

// authFields shows how requests authenticate. Of secrets, their names are all there is.
func authFields(t *table, e *bellhop.Endpoint) {
	if a := e.Auth; a != nil {
		t.field("auth", text(string(a.Type)))
		t.field("  username", text(a.Username))
		t.field("  name", text(a.Name))
		t.field("  prefix", text(a.Prefix))
		t.field("  token url", text(a.TokenURL))
		t.field("  client id", text(a.ClientID))
		t.field("  client auth", text(a.ClientAuth))
		t.field("  scopes", text(strings.Join(a.Scopes, " ")))
		t.notes("  params", a.Params)
	}
	if x := e.TLS; x != nil {
		t.field("client certificate", text(certificateText(x.Certificate)))
		if x.CA != "" {
			t.field("authorities", text(certificateText(x.CA)))
		}
	}
	t.field("secrets", text(strings.Join(slices.Sorted(maps.Keys(e.Sealed)), ", ")))
}

// certificateText is the first certificate of PEM in a few words.
func certificateText(s string) string {
	block, _ := pem.Decode([]byte(s))
	if block == nil {
		return ""
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "cannot be read"
	}
	return c.Subject.String() + ", until " + c.NotAfter.UTC().Format("2006-01-02 15:04 UTC")
}
