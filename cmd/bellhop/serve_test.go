package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop/sqlite"
)

// service is a run of serve.
type service struct {
	base, key string
	stop      context.CancelFunc
	code      chan int
	log       *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startService runs serve in dir and waits until it has said where it is, and
// then until it has said a certain text.
func startService(t *testing.T, dir, until string, flags ...string) *service {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	s := &service{stop: stop, code: make(chan int, 1), log: &lockedBuffer{}}
	p := &program{in: strings.NewReader(""), out: in, err: s.log, now: time.Now}
	args := []string{"serve", "--dev", "--listen", "127.0.0.1:0", "--database", filepath.Join(dir, "bellhop.db")}
	args = append(args, flags...)
	go func() {
		code := p.run(ctx, args)
		_ = in.Close()
		s.code <- code
	}()
	lines := bufio.NewScanner(out)
	for said := ""; lines.Scan() && !strings.Contains(said, until); {
		said = lines.Text()
		if address, ok := strings.CutPrefix(strings.TrimSpace(said), "Listening"); ok {
			s.base = "http://" + strings.TrimSpace(address)
		}
		if _, key, ok := strings.Cut(said, "export BELLHOP_KEY="); ok {
			s.key = key
		}
	}
	if s.base == "" {
		stop()
		t.Fatalf("serve ended with %d:\n%s", <-s.code, s.log)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	t.Cleanup(stop)
	return s
}

func (s *service) end(t *testing.T) {
	t.Helper()
	s.stop()
	if code := <-s.code; code != exitOK {
		t.Fatalf("serve ended with %d:\n%s", code, s.log)
	}
}

// TestServe starts the service, uses it through the other verbs, and ends it.
func TestServe(t *testing.T) {
	var received lockedBuffer
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = received.Write(append(body, '\n'))
		if r.URL.Path == "/bad" {
			http.Error(w, "no\x1b[2J", http.StatusTeapot)
		}
	}))
	defer receiver.Close()

	dir := t.TempDir()
	s := startService(t, dir, "export BELLHOP_KEY=")
	if !strings.HasPrefix(s.key, "bh_") || strings.Contains(s.log.String(), s.key[3:]) {
		t.Fatalf("the admin key is %q, the log %s", s.key, s.log)
	}
	environ := []string{"BELLHOP_SERVER=" + s.base, "BELLHOP_KEY=" + s.key}
	do := func(code int, want string, args ...string) string {
		t.Helper()
		r := (&run{args: args, environ: environ}).do(t).want(t, code, want)
		return r.out
	}
	field := func(out, name string) string {
		t.Helper()
		var object map[string]any
		if err := json.Unmarshal([]byte(out), &object); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		value, _ := object[name].(string)
		return value
	}

	do(exitOK, "There are no apps yet", "apps", "list")
	do(exitOK, "app acme created", "apps", "create", "acme", "--name", "Acme", "--metadata", "plan=gold")
	do(exitOK, "metadata.plan  gold", "apps", "get", "acme")
	do(exitOK, "Acme Inc", "apps", "update", "acme", "--name", "Acme Inc")
	do(exitOK, "max endpoints  3", "apps", "update", "acme", "--max-endpoints", "3")
	do(exitFailed, "max_endpoints", "apps", "update", "acme", "--max-endpoints", "-1")
	do(exitOK, "rate limit     20 a second, burst 5, for each endpoint", "apps", "update", "acme", "--uid", "tenant.42", "--rate-limit", "20", "--rate-burst", "5")
	do(exitOK, "tenant.42", "apps", "get", "acme")
	do(exitFailed, "tenant.42", "apps", "create", "other", "--uid", "tenant.42")
	do(exitOK, "earlier schemas  1", "event-types", "put", "invoice.preview", "--schema", `{"type":"object"}`, "--schema-version", "2", "--earlier-schema", `1={"type":"array"}`, "--deprecated", "--group", "Invoices", "--feature-flag", "beta")
	do(exitOK, "created", "keys", "create", "--role", "viewer", "--token-sha256", strings.Repeat("ab", 32))
	do(exitFailed, "nope", "apps", "get", "nope")

	created := do(exitOK, "whsec_", "endpoints", "create", receiver.URL+"/good", "--app", "acme", "--events", "invoice.*", "--filter", `{"total":[1]}`, "--rate-limit", "50", "--json")
	good, secret := field(created, "id"), field(created, "secret")
	bad := field(do(exitOK, "", "endpoints", "create", receiver.URL+"/bad", "--app", "acme", "--events", "none", "--retry", "none", "--dialect", "stripe", "--header", "X-A: b", "--json"), "id")
	do(exitOK, "rate limit   50 a second", "endpoints", "get", good)
	do(exitOK, "X-A: b", "endpoints", "get", bad)
	do(exitOK, "retry        5s, 1m", "endpoints", "update", bad, "--retry", "5s,1m", "--name", "Bad")
	do(exitOK, "timeout      20s", "endpoints", "update", good, "--filter", "", "--timeout", "20s")
	do(exitFailed, "apps[0]", "endpoints", "create", receiver.URL, "--app", "nope")
	do(exitFailed, "  url: ", "endpoints", "create", "ftp://x", "--app", "acme", "--timeout", "9h")
	do(exitOK, "is paused", "endpoints", "pause", bad)
	do(exitOK, "paused  acme  none", "endpoints", "list", "--status", "paused")
	do(exitOK, "is active", "endpoints", "resume", bad)
	do(exitOK, secret, "endpoints", "secret", good)
	do(exitOK, "Requests carry the signatures of both", "endpoints", "rotate", good, "--grace", "1h")
	do(exitOK, "status    succeeded", "endpoints", "test", good)
	attempt := field(do(exitFailed, "", "endpoints", "test", bad, "--json"), "id")
	do(exitOK, "418 I'm a teapot", "logs", attempt)
	if out := do(exitOK, "a test", "logs", "--endpoint", bad); strings.Contains(out, "given up") {
		t.Errorf("a test is shown as a delivery that was given up:\n%s", out)
	}
	if out := do(exitOK, "no␛[2J", "logs", attempt); strings.Contains(out, "\x1b") {
		t.Errorf("the receiver's bytes reach the terminal: %q", out)
	}

	do(exitOK, "erased", "events", "erase", field(do(exitOK, "", "logs", attempt, "--json"), "event"), "--yes")
	if r := (&run{args: []string{"logs", "show", attempt, "--curl"}, environ: environ}).do(t).want(t, exitFailed); strings.Contains(r.errors, "--help") {
		t.Errorf("the command line was right: %s", r.errors)
	}

	data := `{"total": 1.0,  "note":"<Zoë>"}`
	event := field(do(exitOK, "", "publish", "acme", "invoice.purchase", "--data", data, "--id", "o1", "--subject", "invoice:1", "--json"), "id")
	do(exitOK, "published before", "publish", "acme", "invoice.purchase", "--data", data, "--id", "o1", "--subject", "invoice:1")
	if got := do(exitOK, "", "events", "get", event, "--data"); got != data {
		t.Errorf("the data is %q, want %q", got, data)
	}
	do(exitOK, `"data":`+data, "events", "get", event, "--json")
	do(exitOK, "subject    invoice:1", "events", "get", event)
	do(exitOK, event, "events", "list", "--subject", "invoice:*")
	do(exitOK, "not_sent", "events", "explain", event)
	do(exitOK, event, "deliveries", "list", "--event", event)
	do(exitOK, good, "resend", event, "--endpoint", good)
	do(exitFailed, "nope", "publish", "nope", "a.b", "--data", "1")

	batch := `{"app":"acme","type":"invoice.refund","data":{"n": 1},"id":"r1"}` + "\n\n" + `{"app":"acme","type":"ticket.created","data":[1, 2],"id":"r2"}`
	(&run{args: []string{"publish", "--batch", "-"}, stdin: batch, environ: environ}).do(t).want(t, exitOK, "2 events published")
	(&run{args: []string{"publish", "--batch", "-"}, stdin: batch, environ: environ}).do(t).want(t, exitOK, "2 of them published before")
	(&run{args: []string{"publish", "--batch", "-"}, stdin: `{"app":"acme","tipe":"x"}`, environ: environ}).do(t).want(t, exitUsage, "line 1 of -", `"tipe"`)
	for line, want := range map[string]string{
		`{"app":"acme","type":"a.b","data":1,"id":"\ud800"}`:          `\ud800`,
		`{"app":"acme","type":"a.b","data":1,"id":"a","id":"b"}`:      "twice",
		`{"app":"acme","type":"a.b","data":1,"ID":"a"}`:               `"ID"`,
		`{"app":"acme","type":"a.b","data":1,"id":""}`:                `"id": is empty`,
		`{"app":"acme","type":"a.b","data":1,"deliver_at":"at noon"}`: "deliver_at",
	} {
		(&run{args: []string{"publish", "--batch", "-"}, stdin: line, environ: environ}).do(t).want(t, exitUsage, "line 1 of -", want)
	}
	for _, flag := range [][]string{
		{"publish", "acme", "a.b", "--data", "1", "--id", ""},
		{"publish", "acme", "a.b", "--data", "1", "--subject="},
		{"publish", "acme", "a.b", "--data", ""},
		{"keys", "create", "--role", "viewer", "--app", ""},
		{"keys", "create", "--role", "viewer", "--expires-in", ""},
		{"endpoints", "rotate", good, "--secret", ""},
		{"events", "list", "--app", ""},
	} {
		(&run{args: flag, environ: environ}).do(t).want(t, exitUsage, "is empty")
	}
	do(exitFailed, "subject is not UTF-8", "publish", "acme", "a.b", "--data", "1", "--subject", "caf\xe9")
	do(exitFailed, "not UTF-8", "apps", "update", "acme", "--metadata", "a=\xff")

	do(exitOK, "stats", "endpoints", "stats", "--help")
	do(exitOK, "circuit", "endpoints", "stats", good)
	do(exitOK, "SUCCEEDED", "stats")
	do(exitOK, "validated", "event-types", "put", "invoice.void", "--schema", `{"type":"object"}`, "--validate", "--description", "An invoice was voided")
	do(exitFailed, "data", "publish", "acme", "invoice.void", "--data", "1")
	do(exitOK, "invoice.void", "event-types", "list")
	do(exitOK, "Schema:", "event-types", "get", "invoice.void")
	do(exitOK, "deleted", "event-types", "delete", "invoice.void")
	do(exitOK, "showpass", "dialects", "list")
	do(exitOK, "- name: github", "dialects", "get", "github")
	do(exitOK, "mailchimp-member", "recipes", "list")
	do(exitOK, "Server prefix", "recipes", "get", "mailchimp-member")
	do(exitOK, "- name: slack", "recipes", "get", "slack", "--yaml")
	do(exitUsage, "give the URL", "endpoints", "create", "--app", "acme")
	do(exitFailed, "recipe_fields.server", "endpoints", "create", "--app", "acme", "--recipe", "mailchimp-member", "--field", "list=a1b2c3")
	do(exitOK, "us21.api.mailchimp.com", "endpoints", "create", "--app", "acme", "--recipe", "mailchimp-member",
		"--field", "list=a1b2c3", "--field", "server=us21", "--auth-password-file", writeFile(t, "key", "key-us21"), "--status", "paused")
	do(exitUsage, "--role", "keys", "create")
	viewer := strings.TrimSpace(do(exitOK, "bh_", "keys", "create", "--role", "viewer", "--app", "acme"))
	(&run{args: []string{"apps", "create", "x", "--key", viewer}, environ: environ}).do(t).want(t, exitFailed, "role")
	do(exitFailed, "does not know this key", "apps", "list", "--key", "bh_wrong")
	(&run{args: []string{"apps", "list"}, environ: environ[:1]}).do(t).want(t, exitFailed, "set BELLHOP_KEY")
	(&run{args: []string{"apps", "list", "--key-file", writeFile(t, "key", s.key+"\n")}, environ: environ[:1]}).do(t).want(t, exitOK, "acme")
	do(exitOK, "first admin key", "keys", "list")
	link := do(exitOK, "For app acme, as viewer", "portal-links", "create", "acme", "--role", "viewer", "--expires-in", "2h", "--theme", "dark")
	if !strings.HasPrefix(link, s.base+"/portal#token=bh_") || !strings.HasSuffix(link, "&theme=dark\n") || strings.Count(link, "\n") != 1 {
		t.Errorf("portal-links create says %q", link)
	}
	do(exitFailed, "theme", "portal-links", "create", "acme", "--theme", "red")
	do(exitOK, "portal link  viewer  acme", "keys", "list")
	if out := do(exitOK, "portal link", "keys", "list", "--kind", "portal"); strings.Contains(out, "admin") {
		t.Errorf("keys list --kind portal says %s", out)
	}
	do(exitOK, "No key.", "keys", "list", "--kind", "session")
	do(exitOK, "endpoint.create", "audit", "--all")
	do(exitOK, "would be sent again", "replay", good, "--since", "1h", "--status", "all", "--dry-run")
	do(exitUsage, "--yes", "replay", good, "--since", "1h", "--status", "all")
	do(exitOK, "on the way to "+good, "replay", good, "--since", "1h", "--status", "all", "--yes")
	do(exitOK, "erased", "events", "erase", event, "--yes")
	do(exitOK, "event", "events", "erase", "--app", "acme", "--subject", "invoice:1", "--yes")

	// A second Bellhop is refused, whichever it meets first.
	address := strings.TrimPrefix(s.base, "http://")
	(&run{args: []string{"serve", "--listen", address}}).do(t).want(t, exitFailed, "is in use", "--listen")
	database := filepath.Join(dir, "bellhop.db")
	(&run{args: []string{"serve", "--listen", "127.0.0.1:0", "--database", database}}).do(t).want(t, exitFailed, "in use by another Bellhop")
	(&run{args: []string{"keys", "recover", "--database", database}}).do(t).want(t, exitFailed, "in use by another Bellhop")
	(&run{args: []string{"backup", "--database", database, filepath.Join(dir, "copy.db"), "--json"}}).do(t).want(t, exitOK, `"bytes":`)
	if at, err := sqlite.LastBackup(database); err != nil || time.Since(at) > time.Minute {
		t.Errorf("the last backup was at %v: %v", at, err)
	}

	// tail ends with 0 when it is interrupted, and serve ends although tail
	// would go on.
	tailing, interrupt := context.WithCancel(t.Context())
	tail := make(chan int, 1)
	var tailed lockedBuffer
	first, once := make(chan struct{}), sync.Once{}
	p := &program{in: strings.NewReader(""), err: io.Discard, environ: environ, now: time.Now, out: writerFunc(func(b []byte) (int, error) {
		once.Do(func() { close(first) })
		return tailed.Write(b)
	})}
	go func() { tail <- p.run(tailing, []string{"tail"}) }()
	<-first
	s.end(t)
	interrupt()
	if code := <-tail; code != exitOK {
		t.Errorf("tail ended with %d", code)
	}
	if !strings.Contains(tailed.String(), good) {
		t.Errorf("tail said %s", &tailed)
	}
	(&run{args: []string{"apps", "list"}, environ: environ}).do(t).want(t, exitUnreachable, s.base)

	// Without its key file the database is not touched, and no new key is made.
	keyFile := database + ".key"
	if err := os.Rename(keyFile, keyFile+".away"); err != nil {
		t.Fatal(err)
	}
	(&run{args: []string{"serve", "--listen", "127.0.0.1:0", "--database", database}}).do(t).want(t, exitFailed, "is missing", "3 endpoints")
	if _, err := os.Stat(keyFile); err == nil {
		t.Error("a new master key was made beside an old database")
	}
	wrong := writeFile(t, "wrong.key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	(&run{args: []string{"serve", "--listen", "127.0.0.1:0", "--database", database, "--master-key-file", wrong}}).do(t).want(t, exitFailed, "is not the one of")
	if err := os.Rename(keyFile+".away", keyFile); err != nil {
		t.Fatal(err)
	}

	recovered := (&run{args: []string{"keys", "recover", "--database", database}}).do(t).want(t, exitOK, "export BELLHOP_KEY=bh_")
	_, key, _ := strings.Cut(recovered.out, "export BELLHOP_KEY=")
	key, _, _ = strings.Cut(key, "\n")
	recovered.want(t, exitOK, "http://127.0.0.1:8420/sign-in#key="+key)
	s = startService(t, dir, "Development mode")
	if s.key != "" {
		t.Error("the second start printed a key")
	}
	environ = []string{"BELLHOP_SERVER=" + s.base, "BELLHOP_KEY=" + strings.TrimSpace(key)}
	do(exitOK, "recovered admin key", "keys", "list")
	do(exitOK, "deleted", "endpoints", "delete", bad, "--yes")
	do(exitOK, "deleted", "apps", "delete", "acme", "--yes")
	s.end(t)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
