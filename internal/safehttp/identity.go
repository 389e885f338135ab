package safehttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// Identity is what connections prove about us, and demand of receivers, beyond what
// holds for all: a client certificate, and authorities to trust. A connection made with
// one serves no request with another, nor does a TLS session that could be resumed.
type Identity struct{ config *tls.Config }

// NewIdentity makes an Identity of a certificate (or nil) and of PEM with authorities
// that are trusted besides the usual ones (or nothing).
func (c *Client) NewIdentity(certificate *tls.Certificate, authorities []byte) (*Identity, error) {
	config := c.tls.Clone()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	if certificate != nil {
		// Not Certificates: of those, one whose authority the receiver does not name is
		// left out in silence, and its "certificate required" would be our fault.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	if len(authorities) > 0 {
		roots := config.RootCAs
		if roots == nil {
			var err error
			if roots, err = x509.SystemCertPool(); err != nil {
				return nil, fmt.Errorf("read the system's authorities: %w", err)
			}
		} else {
			roots = roots.Clone()
		}
		if !roots.AppendCertsFromPEM(authorities) {
			return nil, errors.New("the authorities hold no certificate")
		}
		config.RootCAs = roots
	}
	return &Identity{config}, nil
}

// tlsFor is the configuration for an exchange's connection: that of its identity or,
// without one, that of all.
func (c *Client) tlsFor(x *exchange) *tls.Config {
	config := c.tls
	if i := x.target.identity; i != nil {
		config = i.config
	}
	config = config.Clone()
	certificate := config.GetClientCertificate
	config.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		x.mu.Lock()
		defer x.mu.Unlock()
		if certificate == nil {
			x.asked = askedInVain
			return new(tls.Certificate), nil
		}
		x.asked = askedAndGot
		return certificate(r)
	}
	return config
}
