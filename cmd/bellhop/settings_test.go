package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/api/wire"
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
		args: []string{"serve", "--print-config", "--listen", "127.0.0.1:3", "--key-streams", "5"},
		environ: []string{
			"BELLHOP_CONFIG=" + file, "BELLHOP_LISTEN=127.0.0.1:2", "BELLHOP_DATABASE=env.db",
			"BELLHOP_DEV=true", "BELLHOP_MAX_TRIALS=7", "BELLHOP_USER_AGENT=", "BELLHOP_SECRET=s", "OTHER=1",
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
		"max_trials: 7 # BELLHOP_MAX_TRIALS\n",
		"max_endpoints: 1000 # default\n",
		"default_retry: \"\" # default\n",
		"key_rate: 50000 # default\n",
		"key_streams: 5 # flag\n",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("lacks %q:\n%s", want, r.out)
		}
	}
	// Inboxes are part of development, unless said otherwise.
	if !strings.Contains(r.out, "inbox: true # default\n") {
		t.Errorf("no inboxes with --dev:\n%s", r.out)
	}
	(&run{args: []string{"serve", "--print-config"}}).do(t).want(t, exitOK, "inbox: false # default")
	(&run{args: []string{"serve", "--print-config", "--dev", "--inbox=false"}}).do(t).want(t, exitOK, "inbox: false # flag")
	(&run{args: []string{"serve", "--print-config"}, environ: []string{"BELLHOP_INBOX=true"}}).do(t).want(t, exitOK, "inbox: true # BELLHOP_INBOX")
	// What is printed is a configuration file.
	again := writeFile(t, "again.yaml", r.out)
	(&run{args: []string{"serve", "--print-config", "--config", again}}).do(t).want(t, exitOK, "database: env.db # "+again)
	// A list is replaced by a better source, not added to.
	(&run{args: []string{"serve", "--print-config", "--config", file}, environ: []string{"BELLHOP_ALLOW_CIDR=10.1.0.0/16, 10.2.0.0/16"}}).do(t).
		want(t, exitOK, "allow_cidr: [10.1.0.0/16, 10.2.0.0/16] # BELLHOP_ALLOW_CIDR")
	(&run{args: []string{"serve", "--print-config", "--config", file, "--allow-cidr", "10.3.0.1", "--allow-cidr", "10.4.0.0/16"}}).do(t).
		want(t, exitOK, "allow_cidr: [10.3.0.1/32, 10.4.0.0/16] # flag")
}

// TestBoundsThatWork: what is refused says what works, and that does.
func TestBoundsThatWork(t *testing.T) {
	for _, tc := range []struct {
		flags, least string
	}{
		{"--queue-memory 4095KiB", "queue-memory: must be at least 4 MiB"},
		{"--queue-memory 64MiB --max-data 40MiB", "queue-memory: must be at least 80 MiB"},
		{"--max-data 65MiB --max-memory 1024MiB", "queue-memory: must be at least 130 MiB"},
	} {
		(&run{args: append([]string{"serve", "--print-config"}, strings.Fields(tc.flags)...)}).do(t).want(t, exitUsage, tc.least)
	}
	for _, works := range []string{
		"--queue-memory 4MiB", "--queue-memory 80MiB --max-data 40MiB", "--max-data 63MiB", "--max-in-flight 4", "--max-connections 16", "--max-memory 64MiB",
	} {
		(&run{args: append([]string{"serve", "--print-config"}, strings.Fields(works)...)}).do(t).want(t, exitOK, "")
	}
}

// TestNoBound: a bound that the configuration file sets can be taken back.
func TestNoBound(t *testing.T) {
	file := writeFile(t, "bellhop.yaml", "max_pending_publish: 500\n")
	for _, c := range []struct {
		args []string
		want int
		said string
	}{
		{nil, 0, "none"},
		{[]string{"--config", file}, 500, "500"},
		{[]string{"--config", file, "--max-pending-publish", "none"}, 0, "none"},
		{[]string{"--config", writeFile(t, "bellhop.yaml", "max_pending_publish: none\n")}, 0, "none"},
	} {
		s := newSettings()
		if err := s.flags.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if err := s.load(nil); err != nil || s.maxPendingPublish != c.want || s.inForce("max-pending-publish") != c.said {
			t.Errorf("%v: %d, %q, %v", c.args, s.maxPendingPublish, s.inForce("max-pending-publish"), err)
		}
	}
	(&run{args: []string{"serve", "--print-config", "--max-pending-publish", "0"}}).do(t).want(t, exitUsage, "0 is less than 1; for no bound, write none")
}

func TestVariables(t *testing.T) {
	for _, tc := range []struct{ variable, want string }{
		{"BELLHOP_DEFAULT_RETRY=soon", "default-retry"},
		{"BELLHOP_DEFAULT_RETRY=60d", "retry[0] is 60d"},
		{`BELLHOP_DEFAULT_RETRY={"factor":2}`, "retry.initial is missing"},
		{"BELLHOP_LISTN=x", "the variable BELLHOP_LISTN is set, but there is no such setting: did you mean BELLHOP_LISTEN?"},
		{"BELLHOP_XYZZY=", "there is no such setting"},
		{"BELLHOP_DEV=maybe", `BELLHOP_DEV: "maybe" is neither true nor false`},
		{"BELLHOP_RETENTION=0s", "longer than 0s"},
		{"BELLHOP_MAX_DATA=lots", "is not a size"},
		{"BELLHOP_MAX_IN_FLIGHT=-1", "BELLHOP_MAX_IN_FLIGHT: -1 is less than 1"},
		{"BELLHOP_MAX_IN_FLIGHT=0", "less than 1"},
		{"BELLHOP_MAX_IN_FLIGHT=many", `"many" is not a whole number`},
		{"BELLHOP_MAX_IN_FLIGHT=99999999999999999999", "more than 1000000"},
		{"BELLHOP_MAX_IN_FLIGHT=3", "max-in-flight: must be at least 4"},
		{"BELLHOP_MAX_CONNECTIONS=15", "max-connections: must be at least 16"},
		{"BELLHOP_QUEUE_MEMORY=1", "queue-memory: must be at least 4 MiB"},
		{"BELLHOP_MAX_MEMORY=1", "max-memory: must be at least 64 MiB"},
		{"BELLHOP_MAX_TRIALS=0", "less than 1"},
		{"BELLHOP_MAX_ENDPOINTS=100001", "more than 100000"},
		{"BELLHOP_KEY_RATE=1.5", `"1.5" is not a whole number`},
		{"BELLHOP_KEY_RATE=0", "less than 1"},
		{"BELLHOP_KEY_STREAMS=-99999999999999999999", "less than 1"},
		{"BELLHOP_LOG_LEVEL=loud", "not one of info, debug, warn, error"},
		{"BELLHOP_ALLOW_CIDR=10.0.0.1/8", "did you mean 10.0.0.0/8?"},
		{"BELLHOP_ALLOW_CIDR=here", "is not a network"},
		{"BELLHOP_PUBLIC_URL=hooks.example.com", "is not a URL"},
		{"BELLHOP_LISTEN=8420", "is not host:port"},
		{"BELLHOP_DNS=9.9.9.9", "is not host:port"},
		{"BELLHOP_PUBLIC_URL=https://me:secret@hooks.example.com", "leave out user"},
		{"BELLHOP_PUBLIC_URL=https://hooks.example.com/?a=b", "leave out user"},
		{"BELLHOP_TRUST_PROXY=perhaps", "neither true nor false"},
		{"BELLHOP_PORTAL_COLOR=teal", `BELLHOP_PORTAL_COLOR: "teal" is not a colour: write it like #0b7285`},
		{"BELLHOP_PORTAL_COLOR=#fff", "is not a colour"},
		{"BELLHOP_PORTAL_ORIGIN=*", "every page that it stands for"},
		{"BELLHOP_PORTAL_ORIGIN=https://*.acme.com", "has a wildcard"},
		{"BELLHOP_PORTAL_ORIGIN=https://app.acme.com/", "did you mean https://app.acme.com?"},
		{"BELLHOP_PORTAL_ORIGIN=https://app.acme.com/portal?x", "did you mean https://app.acme.com?"},
		{"BELLHOP_PORTAL_ORIGIN=https://me@app.acme.com", "did you mean https://app.acme.com?"},
		{"BELLHOP_PORTAL_ORIGIN=app.acme.com", "is not an origin"},
		{"BELLHOP_PORTAL_ORIGIN=null", "is not an origin"},
		{"BELLHOP_PORTAL_ORIGIN=ftp://app.acme.com", "is not an origin"},
		{"BELLHOP_PORTAL_ORIGIN=https://app.acme.com;script-src", "is not an origin"},
		{"BELLHOP_PORTAL_ORIGIN=https://app.acme.com 'self'", "is not an origin"},
		{"BELLHOP_PORTAL_ORIGIN=https://app.acme.com,http://app.acme.com", "is not https"},
	} {
		(&run{args: []string{"serve", "--print-config"}, environ: []string{tc.variable}}).do(t).want(t, exitUsage, tc.want)
	}
	for _, args := range [][]string{
		{"--portal-origin", "http://localhost:3000", "--portal-origin", "http://127.0.0.1"}, {"--portal-origin", "http://app.acme.com", "--dev"},
	} {
		(&run{args: append([]string{"serve", "--print-config"}, args...)}).do(t).want(t, exitOK, "portal_origin: ['http")
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

const erp = `
recipes:
  - name: erp
    title: ERP
    address: {default: "https://${field.tenant}.erp.example.com", hosts: ["*.erp.example.com"]}
    fields: [{name: tenant, required: true}]
    auth: {type: header, name: X-Api-Key}
    url: "${url}/orders"
    body: '{"ref": ${data.id}, "items": [${each data.items as i}${i.name},${/}]}'
    answers: [{status: [200], json: {ok: true}, means: taken}]
    sample: {type: a.b, data: '{"id": "1"}', fields: {tenant: acme}}
`

func TestConfigurationFile(t *testing.T) {
	for _, tc := range []struct{ content, want string }{
		{"listn: x", `line 1: there is no setting "listn": did you mean listen?`},
		{"\nallow-cidr: []", `line 2: there is no setting "allow-cidr": did you mean allow_cidr?`},
		{"config: x", "there is no setting"},
		{"dev: true\ndev: false", "line 2: dev is there twice"},
		{"dev: [true]", "line 1: dev must be a single value"},
		{"retention: soon", `line 1: retention: "soon" is not a duration`},
		{"\nkey_rate: 0", "line 2: key_rate: 0 is less than 1"},
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
		{"recipes: erp", "recipes must be a list"},
		{strings.Replace(erp, "body:", "boddy:", 1), `line 9: a recipe has no field "boddy": did you mean body?`},
		{strings.Replace(erp, "hosts:", "host:", 1), `line 5: a recipe's address has no field "host": did you mean hosts?`},
		{strings.Replace(erp, "means:", "mean:", 1), `line 10: a recipe's answers has no field "mean": did you mean means?`},
		{strings.Replace(erp, "${/}", "", 1), `line 3: recipe "erp": body has ${each data.items as i}: has no end`},
		{strings.Replace(erp, "${data.id}", "${data.ref}", 1), "needs data.ref, which is not there"},
		{strings.Replace(erp, "name: erp", "name: slack", 1), `the recipe name "slack" is taken`},
	} {
		(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "bellhop.yaml", tc.content)}}).do(t).want(t, exitUsage, tc.want)
	}
	for _, content := range []string{"", "# nothing\n", "dialects:\n"} {
		(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "bellhop.yaml", content)}}).do(t).want(t, exitOK)
	}
	(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "bellhop.yaml", acme)}}).do(t).
		want(t, exitOK, "- name: acme", "header: X-Acme-Signature")
	own := (&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "bellhop.yaml", erp)}}).do(t).want(t, exitOK, "- name: erp")
	(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "again.yaml", own.out)}}).do(t).want(t, exitOK, "- name: erp")
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "recipes", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	(&run{args: []string{"serve", "--print-config", "--config", writeFile(t, "documented.yaml", example)}}).do(t).want(t, exitOK, "- name: erp-work-order")
	(&run{args: []string{"serve", "--config", "none.yaml"}}).do(t).want(t, exitUsage, "none.yaml")
}

func TestPortalSettings(t *testing.T) {
	file := writeFile(t, "bellhop.yaml", "portal_name: Acme\nportal_color: '#0B7285'\nportal_origin: [https://App.acme.com, https://b.acme.com:8443]\n")
	r := (&run{args: []string{"serve", "--print-config", "--config", file}}).do(t).
		want(t, exitOK, "portal_name: Acme # ", "portal_color: '#0b7285' # ", "portal_origin: ['https://app.acme.com', 'https://b.acme.com:8443'] # ", "trust_proxy: false # default")
	again := writeFile(t, "again.yaml", r.out)
	(&run{args: []string{"serve", "--print-config", "--config", again}}).do(t).want(t, exitOK, "portal_color: '#0b7285'")
}

func TestReport(t *testing.T) {
	s := newSettings()
	if err := s.flags.Parse([]string{"--listen", "127.0.0.1:3", "--allow-cidr", "10.0.0.0/8", "--allow-cidr", "fd00::/8", "--key", "bh_secret", "--config", writeFile(t, "bellhop.yaml", "retention: 7d\n")}); err != nil {
		t.Fatal(err)
	}
	if err := s.load([]string{"BELLHOP_MAX_DATA=1MiB", "BELLHOP_KEY_FILE=private"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]wire.Setting{}
	for _, x := range s.report() {
		got[x.Name] = x
		if x.Description == "" || strings.Contains(x.Description, "`") || strings.Contains(x.Value+x.Source, "bh_secret") {
			t.Errorf("%+v", x)
		}
	}
	for name, want := range map[string]wire.Setting{
		"listen":          {Value: "127.0.0.1:3", Source: "--listen"},
		"allow_cidr":      {Value: "10.0.0.0/8,fd00::/8", Source: "--allow-cidr"},
		"retention":       {Value: "7d", Source: s.config + " line 1"},
		"max_data":        {Value: "1MiB", Source: "BELLHOP_MAX_DATA"},
		"key_rate":        {Value: "50000", Source: "default", Default: true},
		"dev":             {Value: "false", Source: "default", Default: true},
		"master_key_file": {Value: "bellhop.db.key", Source: "default", Default: true},
	} {
		want.Name, want.Description = name, got[name].Description
		if got[name] != want {
			t.Errorf("%+v, want %+v", got[name], want)
		}
	}
	if len(got) != len(serviceSettings()) || got["key"].Name != "" || got["max_in_flight"].Value == "0" {
		t.Errorf("%d settings: %+v", len(got), got)
	}
}

func TestLogo(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 20)
	for name, c := range map[string]struct{ content, want string }{
		"png": {png, "image/png"}, "jpg": {"\xff\xd8\xff\xe0", "image/jpeg"}, "webp": {"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"},
		"svg":  {`<?xml version="1.0"?><!-- ours --><svg xmlns="http://www.w3.org/2000/svg"></svg>`, "image/svg+xml"},
		"html": {"<html><svg></svg></html>", ""}, "gif": {"GIF89a", ""}, "empty": {"", ""},
		"large": {png + strings.Repeat("x", maxLogo), ""},
	} {
		content, contentType, err := readLogo(writeFile(t, "logo", c.content))
		if contentType != c.want || (err == nil) != (c.want != "") || err == nil && string(content) != c.content {
			t.Errorf("%s: %q, %v", name, contentType, err)
		}
	}
	for name, content := range map[string]string{
		"declared": `<?xml version="1.0" encoding="ISO-8859-1"?><!-- caf` + "\xe9" + ` --><svg></svg>`,
		"not":      "<svg><text>caf\xe9</text></svg>",
		"UTF-16":   "\xff\xfe<\x00s\x00v\x00g\x00/\x00>\x00",
	} {
		if _, _, err := readLogo(writeFile(t, "logo", content)); err == nil || !strings.Contains(err.Error(), "save it as UTF-8") {
			t.Errorf("an SVG in another encoding, %s: %v", name, err)
		}
	}
	for _, args := range [][]string{{"none.svg"}, {t.TempDir()}} {
		(&run{args: []string{"serve", "--listen", "127.0.0.1:0", "--database", "none/none.db", "--portal-logo", args[0]}}).do(t).want(t, exitUsage, "portal-logo: ")
	}
}

// TestAllot: what the process and the database may take is kept for them, and what bounds
// the connections is what is left. With fewer files than that, there is no start.
func TestAllot(t *testing.T) {
	with := func(change func(*settings)) settings {
		s := settings{maxTrials: 32, database: "bellhop.db"}
		change(&s)
		return s
	}
	all := []settings{
		with(func(*settings) {}),
		with(func(s *settings) { s.metricsListen = "127.0.0.1:9420" }),
		with(func(s *settings) { s.database = "postgres://db/bellhop" }),
		with(func(s *settings) { s.maxConnections, s.maxInFlight = 20, 500 }),
		with(func(s *settings) { s.maxConnections, s.maxTrials = 3000, 1 }),
	}
	for _, s := range all {
		least := s.allot(0).least
		if err := s.checkFiles(uint64(least - 1)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("may have %d files and connections open, and Bellhop needs at least %d", least-1, least)) {
			t.Errorf("with %d files: %v", least-1, err)
		}
		for files := least; files < 40_000; files += 1 + files/50 {
			a := s.allot(uint64(files))
			taken := ownFiles + s.databaseFiles(a.readers) + a.scrapes + a.connections + a.receivers + min((perDial-1)*a.receivers, mostDialing)
			if err := s.checkFiles(uint64(files)); err != nil || taken > files {
				t.Errorf("of %d files, %d may be taken (%+v): %v", files, taken, a, err)
			}
			if a.connections < leastConnections || a.inFlight < leastInFlight || a.receivers <= a.inFlight || a.readers < leastReaders {
				t.Errorf("of %d files: %+v", files, a)
			}
			if s.maxInFlight > 0 && a.inFlight > s.maxInFlight || s.maxConnections > 0 && a.connections != s.maxConnections {
				t.Errorf("of %d files, more than was asked for: %+v", files, a)
			}
		}
	}
	for files, want := range map[uint64]allotment{
		64:      {readers: 2, connections: 16, receivers: 5, inFlight: 4},
		256:     {readers: 8, connections: 64, receivers: 71, inFlight: 48},
		1024:    {readers: 8, connections: 256, receivers: 359, inFlight: 311},
		4096:    {readers: 8, connections: 1024, receivers: 2510, inFlight: 2462},
		1 << 63: {readers: 8, connections: 4096, receivers: 4192, inFlight: 4096},
	} {
		got := all[0].allot(files)
		if got.least = 0; got != want {
			t.Errorf("of %d files, %+v", files, got)
		}
	}
}

// TestPlainBeyond: the warning of plain http is for those whom it helps.
func TestPlainBeyond(t *testing.T) {
	for _, tt := range []struct {
		address string
		s       settings
		want    bool
	}{
		{"127.0.0.1:8420", settings{}, false},
		{"[::1]:8420", settings{}, false},
		{"0.0.0.0:8420", settings{}, true},
		{"[::]:8420", settings{}, true},
		{"192.0.2.1:8420", settings{publicURL: "http://hooks.example.com"}, true},
		{"192.0.2.1:8420", settings{publicURL: "https://hooks.example.com"}, false},
		{"192.0.2.1:8420", settings{trustProxy: true}, false},
		{"192.0.2.1:8420", settings{tlsCert: "cert.pem"}, false},
	} {
		address := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(tt.address))
		if got := tt.s.plainBeyond(address); (got != "") != tt.want {
			t.Errorf("%s %+v: %q", tt.address, tt.s.publicURL, got)
		}
	}
}
