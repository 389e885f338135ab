package safehttp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// certify makes a certificate and its PEM; without an issuer it is an authority.
func certify(t *testing.T, name string, issuer *tls.Certificate) (*tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IsCA:        issuer == nil, BasicConstraintsValid: true,
	}
	parent, signer := template, any(key)
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// mutual is an https server that answers with the name of whoever calls, and whether a
// session was resumed.
func mutual(t *testing.T, server *tls.Certificate, clients []byte, max uint16) *httptest.Server {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(clients)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %t", r.TLS.PeerCertificates[0].Subject.CommonName, r.TLS.DidResume)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{*server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: max}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestIdentitiesShareNothing(t *testing.T) {
	authority, authorityPEM := certify(t, "authority", nil)
	server, serverPEM := certify(t, "server", nil)
	anna, _ := certify(t, "anna", authority)
	bert, _ := certify(t, "bert", authority)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := mutual(t, server, authorityPEM, version)
		url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		c := newClient(t, Options{Policy: Policy{Dev: true}})
		identity := func(cert *tls.Certificate) *Identity {
			i, err := c.NewIdentity(cert, serverPEM)
			if err != nil {
				t.Fatal(err)
			}
			return i
		}
		call := func(i *Identity) Response {
			return c.Do(context.Background(), Request{URL: url, App: "acme", Identity: i, Timeout: patience})
		}
		a, b := identity(anna), identity(bert)
		for _, want := range []struct {
			i      *Identity
			body   string
			reused bool
		}{{a, "anna false", false}, {b, "bert false", false}, {a, "anna false", true}, {b, "bert false", true}} {
			res := call(want.i)
			if res.Reason != "" || string(res.Body) != want.body || res.Reused != want.reused {
				t.Errorf("TLS %x: answered %s %q %q, reused %t; want %q, %t", version, res.Reason, res.Detail, res.Body, res.Reused, want.body, want.reused)
			}
		}
		c.Close() // what is idle; TLS sessions are left
		if res := call(a); string(res.Body) != "anna true" {
			t.Errorf("TLS %x: over a resumed session it answered %q, %q", version, res.Body, res.Detail)
		}
		byAddress, err := c.NewIdentity(anna, serverPEM)
		if err != nil {
			t.Fatal(err)
		}
		if res := c.Do(context.Background(), Request{URL: s.URL, Identity: byAddress, Timeout: patience}); res.Reason != ReasonTLS || !strings.Contains(res.Detail, "use a host name that the certificate is for") {
			t.Errorf("TLS %x: by its address, the outcome is %q: %s", version, res.Reason, res.Detail)
		}
		if res := call(identity(nil)); res.Reason != ReasonTLS || !strings.Contains(res.Detail, "asks for a client certificate") {
			t.Errorf("TLS %x: without a certificate, the outcome is %q: %s", version, res.Reason, res.Detail)
		}
		stranger, _ := certify(t, "stranger", nil)
		if res := call(identity(stranger)); res.Reason != ReasonTLS || !strings.Contains(res.Detail, "does not accept the certificate") {
			t.Errorf("TLS %x: with a stranger's certificate, the outcome is %q: %s", version, res.Reason, res.Detail)
		}
		if res := c.Do(context.Background(), Request{URL: url, App: "acme", Timeout: patience}); res.Reason != ReasonTLS || !strings.Contains(res.Detail, "as the endpoint's tls.ca") {
			t.Errorf("TLS %x: without the authority, the outcome is %q: %s", version, res.Reason, res.Detail)
		}
	}
}

func TestCheckMailURL(t *testing.T) {
	for raw, want := range map[string]MailTarget{
		"smtp://mail.example.com":     {Host: "mail.example.com", Addr: "mail.example.com:587"},
		"smtps://Mail.Example.com/":   {Host: "mail.example.com", Addr: "mail.example.com:465", Secure: true},
		"smtp://[2606:4700::1111]:25": {Host: "2606:4700::1111", Addr: "[2606:4700::1111]:25"},
		"smtp://mäil.example:2525":    {Host: "xn--mil-qla.example", Addr: "xn--mil-qla.example:2525"},
	} {
		if got, err := (Policy{}).CheckMailURL(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	if got, err := (Policy{Dev: true}).CheckMailURL("smtp+plain://127.0.0.1:2500"); err != nil || !got.Plain || got.Addr != "127.0.0.1:2500" {
		t.Errorf("%+v, %v", got, err)
	}
	for raw, code := range map[string]string{
		"https://mail.example.com": CodeScheme, "smtp+plain://mail.example.com": CodeScheme, "mail.example.com": CodeScheme,
		"smtp://u:p@mail.example.com": CodeCredentials, "smtp://127.0.0.1:587": CodeAddress, "smtp://localhost": CodeAddress,
		"smtp://10.0.0.1": CodeAddress, "smtp://mail.example.com/x": CodeInvalid, "smtp://mail.example.com?x": CodeInvalid,
		"smtp://mail.example.com:0": CodeInvalid, "smtp:mail.example.com": CodeInvalid, "smtp://": CodeInvalid, "smtp://mail.example.com#x": CodeFragment,
	} {
		_, err := Policy{}.CheckMailURL(raw)
		if e, ok := err.(*URLError); !ok || e.Code != code || strings.Contains(e.Detail, "u:p") {
			t.Errorf("%s: %v, want %s", raw, err, code)
		}
	}
}
