package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/internal/testport"
)

// save writes a certificate and its key as a person who renews them would: one file after
// the other.
func save(t *testing.T, cert tls.Certificate, certFile, keyFile string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct{ path, kind, text string }{{certFile, "CERTIFICATE", string(cert.Certificate[0])}, {keyFile, "PRIVATE KEY", string(der)}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: []byte(f.text)}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// trust makes the server one that is asked over https, with a certificate of the authority.
func (s *server) trust(ca *authority) {
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	s.url = "https://" + s.listen
	s.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}, Timeout: patience}
	s.env = append(s.env, "SSL_CERT_FILE="+ca.file)
	s.t.Cleanup(s.http.CloseIdleConnections)
}

// TestTLS: with certificate files, Bellhop itself speaks https, of no old version and with
// HTTP/2; the files are followed without a restart, and broken ones change nothing.
// /metrics is on its own address alone.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	save(t, ca.certify(t, time.Now().Add(time.Hour), "127.0.0.1", "localhost"), certFile, keyFile)

	metrics := testport.Reserve(t)
	s := newServer(t, "--dev", "--tls-cert", certFile, "--tls-key", keyFile, "--metrics-listen", metrics)
	if text := s.failsToStart("--tls-key", certFile); !strings.Contains(text, "tls-key") || !strings.Contains(text, "its private key") {
		t.Error(text)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	plain := s.http
	s.trust(ca)
	s.start()

	if out := s.cli("apps", "create", "acme"); !strings.Contains(out, "acme") {
		t.Error(out)
	}
	resp, err := s.http.Post(s.url+"/v1/session", "application/json", strings.NewReader(`{"key":"`+s.key+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if cookie := resp.Header.Get("Set-Cookie"); resp.ProtoMajor != 2 || !strings.HasPrefix(cookie, "__Host-bellhop_session=") || !strings.Contains(cookie, "; Secure") {
		t.Errorf("%s %s: %s", resp.Proto, resp.Status, cookie)
	}
	old, err := tls.Dial("tcp", s.listen, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		_ = old.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if resp, err := plain.Get("http://" + s.listen + "/healthz"); err != nil || resp.StatusCode != 400 {
		t.Errorf("plain http: %v %v", resp, err)
	} else {
		body, _ := io.ReadAll(resp.Body)
		if _ = resp.Body.Close(); !strings.Contains(string(body), "https") {
			t.Errorf("plain http was answered %s", body)
		}
	}

	if status := s.probe("/metrics"); status != 404 {
		t.Errorf("/metrics on the main address: %d", status)
	}
	if resp, err = plain.Get("http://" + metrics + "/metrics"); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	if _ = resp.Body.Close(); !strings.Contains(string(text), "bellhop_tls_certificate_expires_timestamp_seconds 1") || !strings.Contains(string(text), "bellhop_deliveries_pending ") {
		t.Errorf("%s:\n%s", resp.Status, text)
	}
	if resp, err = plain.Get("http://" + metrics + "/v1/apps"); err != nil || resp.StatusCode != 404 {
		t.Errorf("the API on the address of the metrics: %v %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}

	shown := func() string {
		c, err := tls.Dial("tcp", s.listen, &tls.Config{RootCAs: roots})
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := shown()
	if err := os.WriteFile(certFile, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log tells of the broken file", func() bool { return strings.Contains(s.output.String(), "the new TLS certificate is not used") })
	if now := shown(); now != first {
		t.Errorf("with a broken file, %s is shown instead of %s", now, first)
	}
	next := ca.certify(t, time.Now().Add(time.Hour), "127.0.0.1")
	save(t, next, certFile, keyFile)
	eventually(t, "the new certificate is shown", func() bool { return shown() == serial(t, next) })
	s.stop()
}

func serial(t *testing.T, c tls.Certificate) string {
	t.Helper()
	parsed, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return parsed.SerialNumber.String()
}
