package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/internal/testport"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

// certificate makes one for a name, and gives the files of it and of its key.
func certificate(t *testing.T, dir, file, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, file+".crt"), filepath.Join(dir, file+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestTLS: with sslmode=verify-full, a server is believed that has the certificate which it
// should, and no other one; a password comes from the password file.
func TestTLS(t *testing.T) {
	files, listen := t.TempDir(), testport.Reserve(t)
	cert, key := certificate(t, files, "server", "localhost")
	other, _ := certificate(t, files, "other", "localhost")
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		t.Fatal(err)
	}
	c := testpostgres.NewCluster(t, "listen_addresses = '127.0.0.1'", "port = "+port)
	data := filepath.Join(c.Dir(), "data")
	for from, to := range map[string]string{cert: "server.crt", key: "server.key"} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to = filepath.Join(data, to)
		run(t, c.URL("postgres"), fmt.Sprintf(`COPY (SELECT unnest(string_to_array($x$%s$x$, E'\n'))) TO '%s'`, strings.TrimSpace(string(b)), to))
		if err := os.Chmod(to, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{
		"CREATE ROLE app LOGIN PASSWORD 'hunter2'", "CREATE DATABASE hooks OWNER app TEMPLATE template0 ENCODING 'UTF8'",
		"COPY (SELECT unnest(ARRAY['local all postgres trust', 'hostssl all all 127.0.0.1/32 scram-sha-256'])) TO '" + filepath.Join(data, "pg_hba.conf") + "'",
		"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()",
	} {
		run(t, c.URL("postgres"), sql)
	}
	passwords := filepath.Join(files, "passwords")
	if err := os.WriteFile(passwords, []byte("localhost:"+port+":hooks:app:hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSFILE", passwords)
	at := func(host, root string) string {
		return "postgres://app@" + net.JoinHostPort(host, port) + "/hooks?sslmode=verify-full&sslrootcert=" + root
	}
	s, err := postgres.Open(t.Context(), at("localhost", cert), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if i, err := postgres.Peek(t.Context(), at("localhost", cert)); err != nil || !i.TLS {
		t.Errorf("%+v %v", i, err)
	}
	for what, tc := range map[string]struct {
		url  string
		kind error
	}{
		"another's certificate": {at("localhost", other), postgres.ErrTLS},
		"another name":          {at("127.0.0.1", cert), postgres.ErrTLS},
		"no such file":          {at("localhost", "/no/such.crt"), postgres.ErrAddress},
		"without TLS":           {"postgres://app@localhost:" + port + "/hooks?sslmode=disable", postgres.ErrPassword}, // so says pg_hba.conf
		"a wrong password":      {"postgres://app:wrong@localhost:" + port + "/hooks?sslmode=require", postgres.ErrPassword},
	} {
		if s, err := postgres.Open(t.Context(), tc.url, postgres.Options{}); !errors.Is(err, tc.kind) {
			t.Errorf("%s: %v", what, err)
			if err == nil {
				_ = s.Close()
			}
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is in %v", what, err)
		}
	}
}
