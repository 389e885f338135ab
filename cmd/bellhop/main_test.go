package main

import (
	"bytes"
	"context"
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

	code        int
	out, errors string
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
	p := &program{in: strings.NewReader(r.stdin), out: &out, err: &errs, environ: r.environ, now: func() time.Time { return r.now }}
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
		{[]string{"completion", "bash"}, exitOK, "complete"},
		{[]string{"openapi"}, exitOK, `"operationId": "publishEvent"`},
		{[]string{"endpionts"}, exitUsage, "did you mean endpoints?"},
		{[]string{"endpoints"}, exitOK, "rotate"},
		{[]string{"endpoints", "rotat"}, exitUsage, "did you mean rotate?"},
		{[]string{"serve", "--retenton", "1d"}, exitUsage, "there is no flag --retenton: did you mean --retention?"},
		{[]string{"serve", "--retention", "1y"}, exitUsage, "is not a duration"},
		{[]string{"serve", "here"}, exitUsage, "one argument too many"},
		{[]string{"serve", "--database", "postgres://u:p@h/d"}, exitUsage, "SQLite only"},
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
