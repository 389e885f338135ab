package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	file := writeFile(t, "bellhop.yaml", `
listen: 127.0.0.1:1
database: file.db
retention: 7d
max_data: 1MiB
allow_cidr:
  - 10.0.0.0/8
  - fd00::/8
drain_timeout:
`)
	r := (&run{
		args: []string{"serve", "--print-config", "--listen", "127.0.0.1:3"},
		environ: []string{
			"BELLHOP_CONFIG=" + file, "BELLHOP_LISTEN=127.0.0.1:2", "BELLHOP_DATABASE=env.db",
			"BELLHOP_DEV=true", "BELLHOP_USER_AGENT=", "BELLHOP_SECRET=s", "OTHER=1",
		},
	}).do(t).want(t, exitOK)
	for _, want := range []string{
		"listen: 127.0.0.1:3 # flag\n",
		"database: env.db # BELLHOP_DATABASE\n",
		"master_key_file: env.db.key # default\n",
		"dev: true # BELLHOP_DEV\n",
		"retention: 7d # " + file + " line 4\n",
		"max_data: 1MiB # " + file + " line 5\n",
		"allow_cidr: [10.0.0.0/8, 'fd00::/8'] # " + file + " line 6\n",
		"drain_timeout: 20s # default\n",
		"user_agent: Bellhop # default\n",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("lacks %q:\n%s", want, r.out)
		}
	}
	// What is printed is a configuration file.
	again := writeFile(t, "again.yaml", r.out)
	(&run{args: []string{"serve", "--print-config", "--config", again}}).do(t).want(t, exitOK, "database: env.db # "+again)
	// A list is replaced by a better source, not added to.
	(&run{args: []string{"serve", "--print-config", "--config", file}, environ: []string{"BELLHOP_ALLOW_CIDR=10.1.0.0/16, 10.2.0.0/16"}}).do(t).
		want(t, exitOK, "allow_cidr: [10.1.0.0/16, 10.2.0.0/16] # BELLHOP_ALLOW_CIDR")
	(&run{args: []string{"serve", "--print-config", "--config", file, "--allow-cidr", "10.3.0.1", "--allow-cidr", "10.4.0.0/16"}}).do(t).
		want(t, exitOK, "allow_cidr: [10.3.0.1/32, 10.4.0.0/16] # flag")
}

func TestVariables(t *testing.T) {
	for _, tc := range []struct{ variable, want string }{
		{"BELLHOP_LISTN=x", "the variable BELLHOP_LISTN is set, but there is no such setting: did you mean BELLHOP_LISTEN?"},
		{"BELLHOP_XYZZY=", "there is no such setting"},
		{"BELLHOP_DEV=maybe", `BELLHOP_DEV: "maybe" is neither true nor false`},
		{"BELLHOP_RETENTION=0s", "longer than 0s"},
		{"BELLHOP_MAX_DATA=lots", "is not a size"},
		{"BELLHOP_MAX_IN_FLIGHT=-1", "less than 1"},
		{"BELLHOP_LOG_LEVEL=loud", "not one of info, debug, warn, error"},
		{"BELLHOP_ALLOW_CIDR=10.0.0.1/8", "did you mean 10.0.0.0/8?"},
		{"BELLHOP_ALLOW_CIDR=here", "is not a network"},
		{"BELLHOP_PUBLIC_URL=hooks.example.com", "is not a URL"},
		{"BELLHOP_LISTEN=8420", "is not host:port"},
		{"BELLHOP_DNS=9.9.9.9", "is not host:port"},
	} {
		(&run{args: []string{"serve", "--print-config"}, environ: []string{tc.variable}}).do(t).want(t, exitUsage, tc.want)
	}
	// Kubernetes sets these for a Service named bellhop.
	(&run{args: []string{"serve", "--print-config"}, environ: []string{
		"BELLHOP_SERVICE_HOST=10.0.0.1", "BELLHOP_SERVICE_PORT=8420", "BELLHOP_SERVICE_PORT_HTTP=8420",
		"BELLHOP_PORT=tcp://10.0.0.1:8420", "BELLHOP_PORT_8420_TCP_ADDR=10.0.0.1",
	}}).do(t).want(t, exitOK)
}

const acme = `
dialects:
  - name: acme
    headers:
      - {name: X-Acme-Time, value: "${ts}"}
    signature: {algorithm: hmac-sha256, secret: raw, content: "${ts}.${body}", encoding: hex, header: X-Acme-Signature}
`

func TestConfigurationFile(t *testing.T) {
	for _, tc := range []struct{ content, want string }{
		{"listn: x", `line 1: there is no setting "listn": did you mean listen?`},
		{"\nallow-cidr: []", `line 2: there is no setting "allow-cidr": did you mean allow_cidr?`},
		{"config: x", "there is no setting"},
		{"dev: true\ndev: false", "line 2: dev is there twice"},
		{"dev: [true]", "line 1: dev must be a single value"},
		{"retention: soon", `line 1: retention: "soon" is not a duration`},
		{"- listen", "must hold settings"},
		{"listen: a\n---\ndev: true", "a second document begins here"},
		{"listen: [", "line 1"},
		{strings.Replace(acme, "headers", "heders", 1), `line 4: a dialect has no field "heders": did you mean headers?`},
		{strings.Replace(acme, "value:", "vlue:", 1), `line 5: a dialect's headers has no field "vlue": did you mean value?`},
		{strings.Replace(acme, "algorithm", "algo", 1), `line 6: a dialect's signature has no field "algo"`},
		{strings.Replace(acme, "hmac-sha256", "md5", 1), `line 3: dialect "acme"`},
		{strings.Replace(acme, "acme", "standard", 1), `line 3: the dialect name "standard" is taken`},
		{acme + strings.TrimPrefix(acme, "\ndialects:\n"), `the dialect name "acme" is taken`},
		{"dialects: acme", "dialects must be a list"},
	} {
		(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "bellhop.yaml", tc.content)}}).do(t).want(t, exitUsage, tc.want)
	}
	for _, content := range []string{"", "# nothing\n", "dialects:\n"} {
		(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "bellhop.yaml", content)}}).do(t).want(t, exitOK)
	}
	(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "bellhop.yaml", acme)}}).do(t).
		want(t, exitOK, "- name: acme", "header: X-Acme-Signature")
	(&run{args: []string{"serve", "--config", "none.yaml"}}).do(t).want(t, exitUsage, "none.yaml")
}

func TestInFlightFor(t *testing.T) {
	for files, want := range map[uint64]int{0: 16, 256: 28, 1024: 412, 8392: 4096, 1 << 63: 4096} {
		if got := inFlightFor(files); got != want {
			t.Errorf("inFlightFor(%d) = %d, want %d", files, got, want)
		}
	}
}
