package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// run is one run of the program: what goes in, and what came out.
type run struct {
	args    []string
	stdin   string
	environ []string
	now     time.Time
	ctx     context.Context
	// sleep, if it is not nil, happens wherever the program would wait.
	sleep func()
	// width, if not 0, is that of a terminal; system is the system's configuration file.
	width  int
	system string

	code        int
	out, errors string
	// slept are the waits that sleep stood for.
	slept []time.Duration
}

func (r *run) do(t *testing.T) *run {
	t.Helper()
	var out, errs bytes.Buffer
	if r.now.IsZero() {
		r.now = time.Now()
	}
	if r.ctx == nil {
		r.ctx = t.Context()
	}
	p := &program{in: strings.NewReader(r.stdin), out: &out, err: &errs, environ: r.environ, now: func() time.Time { return r.now }, systemFile: r.system}
	p.sleep = pause
	if r.sleep != nil {
		p.sleep = func(ctx context.Context, d time.Duration) bool {
			r.slept = append(r.slept, d)
			r.sleep()
			return ctx.Err() == nil
		}
	}
	if r.width > 0 {
		p.outTerminal, p.size = true, func() (int, int) { return r.width, 24 }
	}
	r.code = p.run(r.ctx, r.args)
	r.out, r.errors = out.String(), errs.String()
	return r
}

func (r *run) want(t *testing.T, code int, parts ...string) *run {
	t.Helper()
	if r.code != code {
		t.Errorf("%q: exit code %d, want %d\n%s%s", r.args, r.code, code, r.out, r.errors)
	}
	for _, part := range parts {
		if !strings.Contains(r.out+r.errors, part) {
			t.Errorf("%q says\n%s%s\nwhich lacks %q", r.args, r.out, r.errors, part)
		}
	}
	return r
}

// What 'deliveries try' tells to type can be typed.
func TestTryNamesAVerb(t *testing.T) {
	const delivery = "dlv_38G04Y6M60400"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/v1/deliveries/"+delivery+"/try":
			_, _ = io.WriteString(w, `{"id":"`+delivery+`","status":"pending"}`)
		case r.Method == http.MethodGet && r.URL.Path == "/v1/attempts" && r.URL.Query().Get("delivery") == delivery:
			_, _ = io.WriteString(w, `{"data":[]}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	environ := []string{"BELLHOP_SERVER=" + server.URL, "BELLHOP_KEY=bh_x"}
	said := (&run{args: []string{"deliveries", "try", delivery}, environ: environ}).do(t).want(t, exitOK)
	_, rest, _ := strings.Cut(said.out+said.errors, "'bellhop ")
	named, _, ok := strings.Cut(rest, "'")
	if !ok {
		t.Fatalf("it names no verb: %s%s", said.out, said.errors)
	}
	(&run{args: strings.Fields(named), environ: environ}).do(t).want(t, exitOK, "No attempt.")
}

func TestUsage(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitOK, "Start with:  bellhop serve --dev"},
		{[]string{"--help"}, exitOK, "Exit codes:"},
		{[]string{"version"}, exitOK, "bellhop "},
		{[]string{"version", "--json"}, exitOK, `"platform":`},
		{[]string{"version"}, exitOK, "schema    "},
		{[]string{"--version"}, exitOK, "schema    "},
		{[]string{"help", "keys", "list"}, exitOK, "--sessions"},
		{[]string{"help", "nosuch"}, exitUsage, "there is no verb \"bellhop nosuch\""},
		{[]string{"help", "keys", "lst"}, exitUsage, "did you mean list?"},
		{[]string{"man"}, exitUsage, "man needs DIR"},
		{[]string{"serve", "--smtp-url", "smtp://me:pw@mail.example.com", "--smtp-from", "a@b.example"}, exitUsage, "smtp-password-file"},
		{[]string{"serve", "--allow-cidr", "10.0.0.0"}, exitUsage, "did you mean the network 10.0.0.0/8? If it is that address alone, write 10.0.0.0/32"},
		{[]string{"serve", "--allow-cidr", "192.168.7.0"}, exitUsage, "192.168.7.0/24"},
		{[]string{"serve", "--allow-cidr", "fd12:3456::"}, exitUsage, "fd12:3456::/32"},
		{[]string{"version", "extra"}, exitUsage, `"extra" is one argument too many`},
		{[]string{"licenses", "extra"}, exitUsage, `"extra" is one argument too many`},
		{[]string{"completion", "bash"}, exitOK, "complete"},
		{[]string{"completion", "nosh"}, exitUsage, `there is no verb "bellhop completion nosh"`},
		{[]string{"completion", "bash", "extra"}, exitUsage, `"extra" is one argument too many`},
		{[]string{"endpoints", "update", "ep_38G04Y6M60400"}, exitUsage, "say what to change"},
		{[]string{"endpoints", "update", "ep_38G04Y6M60400", "--name", "", "--server", "http://127.0.0.1:1"}, exitUnreachable, "bellhop serve"},
		{[]string{"notices", "set", "--app", "acme"}, exitUsage, "say what to change: --email"},
		{[]string{"publish", "acme", "a.b", "--data", "[]", "--server", "http://127.0.0.1:1"}, exitUnreachable, "bellhop serve"},
		{[]string{"publish", "acme", "a.b", "--data", ""}, exitUsage, "--data is empty"},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--tls-cert", "main.go", "--tls-key", "nope.pem"}, exitUsage, "tls-key: open nope.pem"},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--tls-cert", "main.go", "--tls-key", "main.go"}, exitUsage, "its private key, both as PEM"},
		{[]string{"openapi"}, exitOK, `"operationId": "publishEvent"`},
		{[]string{"endpionts"}, exitUsage, "did you mean endpoints?"},
		{[]string{"endpoints"}, exitOK, "rotate"},
		{[]string{"endpoints", "rotat"}, exitUsage, "did you mean rotate?"},
		{[]string{"serve", "--retenton", "1d"}, exitUsage, "there is no flag --retenton: did you mean --retention?"},
		{[]string{"serve", "--retention", "1y"}, exitUsage, "is not a duration"},
		{[]string{"serve", "here"}, exitUsage, "one argument too many"},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--database", "postgres://u:p%zz@h/d"}, exitUsage, "not the address of a PostgreSQL database"},
		{[]string{"apps", "get"}, exitUsage, "get needs APP"},
		{[]string{"logs", "evt_1"}, exitUsage, "att_"},
		{[]string{"publish", "acme"}, exitUsage, "needs APP and TYPE"},
		{[]string{"publish", "acme", "a.b", "--data", "{"}, exitUsage, "not valid JSON"},
		{[]string{"publish", "acme", "a.b", "--data", "\ufeff{}"}, exitUsage, "a byte order mark (send none)"},
		{[]string{"publish", "acme", "a.b", "--data", "main.go"}, exitUsage, "write @main.go"},
		{[]string{"apps", "delete", "acme"}, exitUsage, "--yes"},
		{[]string{"apps", "list", "--server", "http://127.0.0.1:1"}, exitUnreachable, "Is 'bellhop serve' running there?"},
		{[]string{"apps", "list", "--server", "127.0.0.1"}, exitUsage, "is not a URL"},
		{[]string{"apps", "list", "--limit", "0"}, exitUsage, "less than 1"},
		{[]string{"backup", "--database", "none.db", "copy.db"}, exitFailed, "there is no database none.db"},
		{[]string{"keys", "recover", "--database", "none.db"}, exitFailed, "there is no database none.db"},
	} {
		(&run{args: tc.args}).do(t).want(t, tc.code, tc.want)
	}
}
