package routes

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
)

// Credentials is a name for what its requests are authenticated with, besides their
// signature: requests with different ones do not share a connection.
func (r *Route) Credentials() string { return r.credentials }

// Credential opens one of the endpoint's sealed values.
func (r *Route) Credential(name string) (string, error) {
	sealed, ok := r.Sealed[name]
	switch {
	case !ok:
		return "", fmt.Errorf("%s is missing: set it", name)
	case r.sealer == nil:
		return "", errNoSealer
	}
	plain, err := r.sealer.Open(sealed, bellhop.SealedContext(r.ID, name))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(plain), nil
}

// credentialsOf is a name for all by which the requests of an endpoint may be
// authenticated: its headers, any of which may be a token, those of its script, and its
// credentials.
func credentialsOf(e *bellhop.Endpoint) string {
	if len(e.Headers) == 0 && e.Auth == nil && e.TLS == nil && !e.Transform.Runs() {
		return ""
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		digest(h, name, e.Headers[name])
	}
	if e.Transform.Runs() { // which may set headers
		digest(h, "transform", e.Transform.Code)
	}
	if e.Auth != nil || e.TLS != nil {
		b, _ := json.Marshal(struct { // of strings alone, which always works
			Auth *bellhop.Auth
			TLS  *bellhop.ClientTLS
		}{e.Auth, e.TLS})
		digest(h, "making", string(b))
		for _, name := range slices.Sorted(maps.Keys(e.Sealed)) {
			digest(h, name, string(e.Sealed[name]))
		}
	}
	return string(h.Sum(nil)[:16])
}

func digest(h io.Writer, name, value string) {
	fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(value), value)
}

// SealedOf are the names of the sealed values that credentials need.
func SealedOf(m *bellhop.Making) []string {
	var names []string
	if a := m.Auth; a != nil {
		switch a.Type {
		case bellhop.AuthBasic:
			names = append(names, bellhop.SealedPassword)
		case bellhop.AuthBearer:
			names = append(names, bellhop.SealedToken)
		case bellhop.AuthHeader, bellhop.AuthQuery:
			names = append(names, bellhop.SealedValue)
		case bellhop.AuthClientCredentials:
			names = append(names, bellhop.SealedClientSecret)
		case bellhop.AuthRefreshToken: // the client may be a public one, without a secret
			names = append(names, bellhop.SealedRefreshToken)
		}
	}
	if m.TLS != nil && m.TLS.Certificate != "" {
		names = append(names, bellhop.SealedTLSKey)
	}
	return names
}

// CertificateEndsSoon tells whether it is time to replace the client certificate: a fifth
// of its time is left, and no more than three weeks.
func (r *Route) CertificateEndsSoon(now time.Time) bool {
	return !r.certificateEnds.IsZero() && !now.Before(r.certificateEnds.Add(-min(r.certificateLasts/5, 21*24*time.Hour)))
}

// CertificateEnds is when the endpoint's client certificate ends; zero if it has none.
func (r *Route) CertificateEnds() time.Time { return r.certificateEnds }

// compileTLS looks into its certificate.
func (r *Route) compileTLS() {
	if r.TLS == nil || r.TLS.Certificate == "" {
		return
	}
	block, _ := pem.Decode([]byte(strings.TrimSpace(r.TLS.Certificate)))
	err := errors.New("it is not PEM")
	if block != nil {
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			r.certificateEnds, r.certificateLasts = c.NotAfter, c.NotAfter.Sub(c.NotBefore)
			return
		}
	}
	if r.fault == "" {
		r.fault = "its client certificate cannot be read: " + err.Error()
	}
}

// unauthentic says why the endpoint's requests cannot be authenticated, or "".
func (r *Route) unauthentic(now time.Time) string {
	if r.Auth == nil && r.TLS == nil {
		return ""
	}
	if ends := r.certificateEnds; !ends.IsZero() && !now.Before(ends) {
		return "its client certificate ended on " + ends.UTC().Format("2 January 2006, 15:04 UTC") + ": give its tls a new certificate and key"
	}
	for _, name := range SealedOf(&r.Making) {
		if _, err := r.Credential(name); err != nil {
			return "its credentials cannot be used: " + err.Error()
		}
	}
	return ""
}
