package desk_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/send/smtp"
)

func authed(a bellhop.AuthChange) bellhop.EndpointChange {
	return bellhop.EndpointChange{Auth: bellhop.Of(&a)}
}

func basic(password string) bellhop.AuthChange {
	return bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBasic, Username: "anna"}, Password: password}
}

func oauth(tokenURL, secret string) bellhop.AuthChange {
	return bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthClientCredentials, TokenURL: tokenURL, ClientID: "c"}, ClientSecret: secret}
}

// TestAuthIsChecked: what is wrong is named by its field, and no secret is repeated.
func TestAuthIsChecked(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, func(c *engine.Config) { c.Mailer = smtp.Mailer{} })
		const hush = "9f3c-secret"
		mailed := func(c *bellhop.EndpointChange) {
			c.URL = bellhop.Of("smtp://mail.example.com")
			c.Recipe, c.RecipeFields = bellhop.Of("email"), bellhop.Of(map[string]string{"from": "a@example.com", "to": "b@example.com"})
		}
		for name, c := range map[string]struct {
			auth  bellhop.AuthChange
			other func(*bellhop.EndpointChange)
			field string
			want  string
		}{
			"type":            {bellhop.AuthChange{Auth: bellhop.Auth{Type: "digest"}}, nil, "auth.type", "must be"},
			"no password":     {basic(""), nil, "auth.password", "is missing"},
			"colon":           {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBasic, Username: "a:b"}, Password: hush}, nil, "auth.username", "colon"},
			"of another type": {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBearer}, Token: hush, Password: hush}, nil, "auth.password", "is not for auth of the type bearer"},
			"line break":      {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBearer}, Token: hush + "\n"}, nil, "auth.token", "line break"},
			"space":           {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBearer}, Token: "Bearer " + hush}, nil, "auth.token", "without the word Bearer"},
			"beyond ASCII":    {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthHeader, Name: "X-Key"}, Value: hush + "é"}, nil, "auth.value", "beyond ASCII"},
			"no header":       {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthHeader, Name: "Content-Length"}, Value: hush}, nil, "auth.name", "cannot be chosen"},
			"no name":         {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthQuery}, Value: hush}, nil, "auth.name", "is missing"},
			"twice in query": {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthQuery, Name: "key"}, Value: hush}, func(c *bellhop.EndpointChange) {
				c.URL = bellhop.Of("https://a.example/hook?key=1")
			}, "auth.name", "parameter of the endpoint's URL"},
			"twice in headers": {basic(hush), func(c *bellhop.EndpointChange) {
				c.Headers = bellhop.Of(map[string]string{"authorization": "x"})
			}, "headers.authorization", "is what auth sends"},
			"guarded":         {oauth("https://169.254.169.254/token", hush), nil, "auth.token_url", "not a public address"},
			"plain":           {oauth("http://login.example/token", hush), nil, "auth.token_url", "plain http"},
			"secret in a URL": {oauth("https://u:"+hush+"@login.example/token", hush), nil, "auth.token_url", "password"},
			"scope":           {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthClientCredentials, TokenURL: "https://l.example/", ClientID: "c", Scopes: []string{"a b"}}, ClientSecret: hush}, nil, "auth.scopes", "RFC 6749"},
			"reserved":        {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthClientCredentials, TokenURL: "https://l.example/", ClientID: "c", Params: map[string]string{"grant_type": "x"}}, ClientSecret: hush}, nil, "auth.params.grant_type", "by Bellhop itself"},
			"client auth":     {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthClientCredentials, TokenURL: "https://l.example/", ClientID: "c", ClientAuth: "jwt"}, ClientSecret: hush}, nil, "auth.client_auth", "must be"},
			"mail by key":     {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthQuery, Name: "k"}, Value: hush}, mailed, "auth.type", "must be basic"},
			"whose mailbox":   {oauth("https://login.example/token", hush), mailed, "auth.username", "is missing"},
			"no refresh":      {bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthRefreshToken, TokenURL: "https://l.example/", ClientID: "c"}}, nil, "auth.refresh_token", "is missing"},
		} {
			change := hook("a.example")
			change.Auth = bellhop.Of(&c.auth)
			if c.other != nil {
				c.other(&change)
			}
			_, _, err := h.CreateEndpoint(t.Context(), owner, change)
			code(t, name, err, bellhop.CodeInvalid, c.field)
			var e *bellhop.Error
			if errors.As(err, &e) && len(e.Fields) == 1 && !strings.Contains(e.Fields[0].Detail, c.want) {
				t.Errorf("%s: the detail is %q", name, e.Fields[0].Detail)
			}
			if all, _ := json.Marshal(err); strings.Contains(string(all), hush) {
				t.Errorf("%s: the error repeats the secret: %s", name, all)
			}
		}
	})
}

// TestMailNeedsARecipe: a mail server takes mails alone.
func TestMailNeedsARecipe(t *testing.T) {
	simulate(t, func(t *testing.T) {
		toMail := func(c *bellhop.EndpointChange) { c.URL = bellhop.Of("smtps://mail.example.com") }
		h := open(t, func(c *engine.Config) { c.Mailer = smtp.Mailer{} })
		_, _, err := h.CreateEndpoint(t.Context(), owner, hook("", toMail))
		code(t, "no recipe", err, bellhop.CodeInvalid, "recipe")
		// The preview is of a mail, which has no headers of HTTP.
		v, err := h.Preview(t.Context(), owner, desk.PreviewRequest{Endpoint: hook("", toMail, func(c *bellhop.EndpointChange) {
			c.Recipe, c.RecipeFields = bellhop.Of("email"), bellhop.Of(map[string]string{"from": "a@example.com", "to": "b@example.com"})
		})})
		if err != nil || v.Method != "MAIL" || v.URL != "smtps://mail.example.com" || len(v.Header) != 0 || !strings.Contains(string(v.Body), "Message-ID: <evt_") {
			t.Errorf("%+v, %v", v, err)
		}
		h = open(t)
		_, _, err = h.CreateEndpoint(t.Context(), owner, hook("", toMail, func(c *bellhop.EndpointChange) {
			c.Recipe, c.RecipeFields = bellhop.Of("email"), bellhop.Of(map[string]string{"from": "a@example.com", "to": "b@example.com"})
		}))
		code(t, "no mailer", err, bellhop.CodeInvalid, "url")
	})
}

// TestSecretsStayHome: a secret stays as long as it is for the same purpose, and has to be
// given again where it would go elsewhere.
func TestSecretsStayHome(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		change := func(e bellhop.EndpointID, c bellhop.EndpointChange) error {
			_, err := h.UpdateEndpoint(t.Context(), owner, e, c)
			return err
		}
		names := func(e bellhop.EndpointID) []string {
			t.Helper()
			got, err := h.Endpoint(t.Context(), owner, e)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for name := range got.Sealed {
				list = append(list, name)
			}
			return list
		}
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.Auth = authed(basic("9f3c-secret")).Auth })
		// It stays with the same type, and with another path.
		b := basic("")
		b.Username = "bert"
		h.set(e.ID, authed(b))
		h.set(e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://a.example/other")})
		if !slices.Equal(names(e.ID), []string{bellhop.SealedPassword}) {
			t.Errorf("it has %q", names(e.ID))
		}
		for _, url := range []string{"https://b.example/hook", "https://a.example:8443/other"} {
			err := change(e.ID, bellhop.EndpointChange{URL: bellhop.Of(url)})
			code(t, url, err, bellhop.CodeInvalid, "auth.password")
			if !strings.Contains(errText(err), "must be given again: it was for https://a.example:443") {
				t.Error(errText(err))
			}
		}
		again := authed(basic("9f3c-secret"))
		again.URL = bellhop.Of("https://b.example/hook")
		h.set(e.ID, again)
		// Another type has another secret.
		code(t, "another type", change(e.ID, authed(bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBearer}})), bellhop.CodeInvalid, "auth.token")
		h.set(e.ID, authed(oauth("https://login.example/token", "9f3c-client")))
		if !slices.Equal(names(e.ID), []string{bellhop.SealedClientSecret}) {
			t.Errorf("it has %q", names(e.ID))
		}
		code(t, "another token server", change(e.ID, authed(oauth("https://evil.example/token", ""))), bellhop.CodeInvalid, "auth.client_secret")
		h.set(e.ID, bellhop.EndpointChange{Auth: bellhop.Of[*bellhop.AuthChange](nil)})
		if len(names(e.ID)) != 0 {
			t.Errorf("it has %q", names(e.ID))
		}
		entries, err := h.Audit(t.Context(), owner, "", bellhop.AuditFilter{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		if all, _ := json.Marshal(entries); strings.Contains(string(all), "9f3c") || !strings.Contains(string(all), "auth.password") {
			t.Errorf("the audit log: %s", all)
		}
	})
}

func errText(err error) string {
	e, ok := errors.AsType[*bellhop.Error](err)
	if !ok || len(e.Fields) == 0 {
		return ""
	}
	return e.Fields[0].Detail
}

// certificate makes one for a client that is its own authority.
func certificate(t *testing.T, ends time.Time, use x509.ExtKeyUsage) (string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: ends.Add(-100 * time.Hour), NotAfter: ends,
		ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestTLSIsChecked(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		in := func(d time.Duration) time.Time { return h.e.Now().Add(d) }
		cert, key := certificate(t, in(24*time.Hour), x509.ExtKeyUsageClientAuth)
		old, oldKey := certificate(t, in(-time.Hour), x509.ExtKeyUsageClientAuth)
		future, futureKey := certificate(t, in(2000*time.Hour), x509.ExtKeyUsageClientAuth)
		server, serverKey := certificate(t, in(24*time.Hour), x509.ExtKeyUsageServerAuth)
		locked := strings.ReplaceAll(key, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
		for name, c := range map[string]struct {
			cert, key, ca string
			field, want   string
		}{
			"nothing":           {"", "", "", "tls", "says nothing"},
			"no key":            {cert, "", "", "tls.key", "is missing"},
			"key alone":         {"", key, server, "tls.certificate", "is missing"},
			"no PEM":            {"MIIB", key, "", "tls.certificate", "is not PEM"},
			"key in the open":   {cert + key, key, "", "tls.certificate", "give the private key as tls.key"},
			"of another":        {cert, oldKey, "", "tls.key", "is not the key of tls.certificate"},
			"encrypted":         {cert, locked, "", "tls.key", "take the passphrase off"},
			"certificate twice": {cert, cert, "", "tls.key", "is no private key"},
			"over":              {old, oldKey, "", "tls.certificate", "ended on"},
			"not yet":           {future, futureKey, "", "tls.certificate", "begins on"},
			"server's":          {server, serverKey, "", "tls.certificate", "not made for clients"},
			"authority over":    {"", "", old, "tls.ca", "ended on"},
			"authority is key":  {"", "", key, "tls.ca", "holds a private key"},
			"garbage after":     {cert + "x", key, "", "tls.certificate", "after its last certificate"},
		} {
			change := hook("a.example")
			change.TLS = bellhop.Of(&bellhop.ClientTLSChange{ClientTLS: bellhop.ClientTLS{Certificate: c.cert, CA: c.ca}, Key: c.key})
			_, _, err := h.CreateEndpoint(t.Context(), owner, change)
			code(t, name, err, bellhop.CodeInvalid, c.field)
			if !strings.Contains(errText(err), c.want) || strings.Contains(errText(err), "MIG") {
				t.Errorf("%s: %q", name, errText(err))
			}
		}
		both := bellhop.Of(&bellhop.ClientTLSChange{ClientTLS: bellhop.ClientTLS{Certificate: cert, CA: server}, Key: key})
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.TLS = both })
		both.Value.Key = "" // it stays with its certificate
		h.set(e.ID, bellhop.EndpointChange{TLS: both})
		_, err := h.UpdateEndpoint(t.Context(), owner, e.ID, bellhop.EndpointChange{URL: bellhop.Of("https://b.example/")})
		code(t, "another host", err, bellhop.CodeInvalid, "tls.key")
	})
}

// TestCertificateEnds: that a certificate will end is told before, and when it has, what is
// for its endpoint waits for a new one.
func TestCertificateEnds(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t, seldom)
		cert, key := certificate(t, h.e.Now().Add(30*time.Hour), x509.ExtKeyUsageClientAuth)
		with := func(cert, key string) bellhop.Field[*bellhop.ClientTLSChange] {
			return bellhop.Of(&bellhop.ClientTLSChange{ClientTLS: bellhop.ClientTLS{Certificate: cert}, Key: key})
		}
		e := h.endpoint("a.example", func(c *bellhop.EndpointChange) { c.TLS = with(cert, key) })
		trouble := func() string {
			t.Helper()
			list, err := h.Troubled(t.Context(), owner, "", 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				return ""
			}
			return list[0].Reason + ": " + list[0].Detail
		}
		if got := trouble(); got != "" {
			t.Errorf("with thirty hours of a hundred left: %s", got)
		}
		wait(12 * time.Hour)
		if got := trouble(); !strings.HasPrefix(got, desk.TroubleCertificate+": Its client certificate ends on") {
			t.Errorf("with eighteen hours left: %q", got)
		}
		wait(19 * time.Hour)
		if got := trouble(); !strings.HasPrefix(got, desk.TroubleMisconfigured+": Nothing can be sent to it: its client certificate ended on") {
			t.Errorf("once it has ended: %q", got)
		}
		h.publish(`{}`)
		wait(time.Minute)
		if n := len(h.net.at("a.example")); n != 0 {
			t.Errorf("%d requests were made", n)
		}
		h.set(e.ID, bellhop.EndpointChange{TLS: with(certificate(t, h.e.Now().Add(90*time.Hour), x509.ExtKeyUsageClientAuth))})
		wait(time.Minute)
		if n := len(h.net.at("a.example")); n != 1 || trouble() != "" {
			t.Errorf("with a new one, %d requests were made, and in trouble is %q", n, trouble())
		}
	})
}
