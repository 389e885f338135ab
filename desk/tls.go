package desk

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
)

// maxPEM bounds certificates and keys, in bytes.
const maxPEM = 64 << 10

func (d *Desk) applyTLS(e *bellhop.Endpoint, c *bellhop.ClientTLSChange) {
	old := e.TLS
	if c == nil {
		e.TLS = nil
		d.reseal(e, "tls.", false, nil)
		return
	}
	tls := c.ClientTLS
	e.TLS = &tls
	keep := old != nil && tls.Certificate != "" && old.Certificate == tls.Certificate
	d.reseal(e, "tls.", keep, map[string]string{bellhop.SealedTLSKey: c.Key})
}

// checkTLS says what is wrong with an endpoint's certificate, key and authorities.
func (d *Desk) checkTLS(e *bellhop.Endpoint, c *bellhop.EndpointChange) (fields []bellhop.FieldError) {
	if e.TLS == nil || !c.TLS.Set && !c.URL.Set {
		return nil
	}
	wrong := func(field, code, detail string) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: detail})
	}
	if strings.HasPrefix(e.URL, "http:") || strings.HasPrefix(e.URL, "smtp+plain:") {
		wrong("tls", "scheme", "is of no use without TLS: use https:// in the URL, or leave tls out")
	}
	if !c.TLS.Set {
		return fields
	}
	key := c.TLS.Value.Key
	now := d.now()
	switch {
	case e.TLS.Certificate == "" && e.TLS.CA == "":
		wrong("tls", "required", "says nothing: give a certificate with its key, authorities to trust (ca), or null")
	case e.TLS.Certificate == "" && key != "":
		wrong("tls.certificate", "required", "is missing: a key goes with its certificate")
	}
	if e.TLS.Certificate != "" {
		list, why := certificates(e.TLS.Certificate, "give the private key as tls.key")
		if why == "" {
			why = checkClientCertificate(list[0], now)
		}
		if why != "" {
			wrong("tls.certificate", "certificate", why)
		} else if key != "" {
			if why := checkTLSKey(e.TLS.Certificate, key); why != "" {
				wrong("tls.key", "key", why)
			}
		}
	}
	if e.TLS.CA != "" {
		list, why := certificates(e.TLS.CA, "give certificates of authorities alone")
		if why == "" && !slices.ContainsFunc(list, func(c *x509.Certificate) bool { return now.Before(c.NotAfter) }) {
			why = "ended on " + day(list[0].NotAfter) + ": ask the receiver's owner for the new one"
		}
		if why != "" {
			wrong("tls.ca", "certificate", why)
		}
	}
	return fields
}

// certificates reads PEM with certificates and nothing else. It repeats nothing of it.
func certificates(text, instead string) (list []*x509.Certificate, why string) {
	if len(text) > maxPEM {
		return nil, "is longer than 64 KiB"
	}
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			if strings.Contains(block.Type, "PRIVATE KEY") {
				return nil, "holds a private key, which would be shown to everybody: " + instead
			}
			return nil, "holds something else than certificates: " + instead
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, "holds a certificate that cannot be read: export it again as PEM"
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, "is not PEM: it begins with -----BEGIN CERTIFICATE-----; convert others with openssl x509 -outform pem"
	}
	if strings.TrimSpace(string(rest)) != "" {
		return nil, "has something after its last certificate: take that out"
	}
	return list, ""
}

func checkClientCertificate(c *x509.Certificate, now time.Time) string {
	forClients := len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
	switch {
	case !now.Before(c.NotAfter):
		return "ended on " + day(c.NotAfter) + ": ask whoever issued it for a new one"
	case now.Before(c.NotBefore):
		return "begins on " + day(c.NotBefore) + " only: ask whoever issued it for one that is valid now"
	case !forClients:
		return "is not made for clients (its extended key usage lacks clientAuth), so receivers would refuse it: ask for a client certificate; the endpoint's own comes first, then its chain"
	}
	return ""
}

// checkTLSKey says what is wrong with a key, and repeats nothing of it.
func checkTLSKey(certificate, key string) string {
	if len(key) > maxPEM {
		return "is longer than 64 KiB"
	}
	block, _ := pem.Decode([]byte(key))
	switch {
	case block == nil:
		return "is not PEM: it begins with -----BEGIN PRIVATE KEY-----"
	case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
		return "is encrypted: take the passphrase off with openssl pkey -in key.pem; it is stored encrypted all the same"
	case !strings.Contains(block.Type, "PRIVATE KEY"):
		return fmt.Sprintf("is no private key, but %q: give the key", bellhop.Clip(block.Type))
	}
	if _, err := tls.X509KeyPair([]byte(certificate), []byte(key)); err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return "is not the key of tls.certificate: the endpoint's own certificate comes first, then its chain"
		}
		return "cannot be read: give an RSA, ECDSA or Ed25519 key"
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
