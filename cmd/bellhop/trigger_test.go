package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/bellhop/bellhop/dialect"
)

// echo is a local program that notes what it gets.
type echo struct {
	*httptest.Server
	mu  sync.Mutex
	got []dialect.Received
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.got = append(e.got, dialect.Received{Header: r.Header, Body: body})
		e.mu.Unlock()
		if strings.HasSuffix(r.URL.Path, "/fails") {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, `{"short":true}`)
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *echo) last(t *testing.T) dialect.Received {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.got) == 0 {
		t.Fatal("the program got nothing")
	}
	return e.got[len(e.got)-1]
}

var eventID = regexp.MustCompile(`evt_\w+`)

// TestTriggerAndReplayLocal: an event from the catalogue's example, and the same one
// again at a program on this machine, in each of the dialects byte for byte.
func TestTriggerAndReplayLocal(t *testing.T) {
	s := startService(t, t.TempDir(), "BELLHOP_KEY")
	defer s.end(t)
	environ := []string{"BELLHOP_SERVER=" + s.base, "BELLHOP_KEY=" + s.key}
	bellhop := func(code int, parts []string, args ...string) *run {
		t.Helper()
		return (&run{args: args, environ: environ}).do(t).want(t, code, parts...)
	}
	receiver, program := newEcho(t), newEcho(t)
	bellhop(0, nil, "apps", "create", "acme")
	bellhop(0, nil, "event-types", "put", "invoice.paid", "--example", `{"total":"99.00","items":[{"n":1}]}`)
	bellhop(0, nil, "event-types", "put", "invoice.void")

	for args, want := range map[string]string{
		"trigger":                                               "needs TYPE",
		"trigger invoice.pain":                                  "did you mean invoice.paid?",
		"trigger invoice.void":                                  "has no example of invoice.void: add one with",
		"trigger invoice.paid --set data.total":                 "is not PATH=VALUE",
		"trigger invoice.paid --set total=1":                    "write data.total",
		"trigger invoice.paid --set data.items[2]=1":            "data.items has 1 elements: [1] would add one",
		"trigger invoice.paid --set data.total.net=1":           "data.total is a string, and only an object has members",
		"trigger invoice.paid --file none.json":                 "none.json",
		"trigger invoice.paid --data {":                         "--data is not valid JSON",
		"trigger invoice.paid --data {} --file x":               "none of the others can be",
		"trigger invoice.paid --app nobody":                     "nobody",
		"replay-local evt_1 --to 3000":                          "evt_1",
		"replay-local evt_0000000000001":                        "needs --to",
		"replay-local evt_0000000000001 --to ftp://localhost/":  "is not where a program can be reached",
		"replay-local evt_0000000000001 --to http://a:b@local/": "must not hold credentials",
		"replay-local evt_0000000000001 --to 3000":              "evt_0000000000001",
		"replay-local evt_0000000000001 --to 3000 --secret x":   "are for --sign",
		"listen":                                    "needs --forward",
		"listen --forward ftp://x":                  "is not where a program can be reached",
		"listen --forward 3000 --app nobody":        "nobody",
		"listen --forward 3000 --concurrency 0":     "is less than 1",
		"listen --forward 3000 --filter {":          "--filter is not valid JSON",
		"inboxes answer aaaa":                       "say what to change",
		"inboxes answer aaaa --status 500":          "aaaa",
		"inboxes create acme --delay 1h":            "answer_delay",
		"inboxes create acme --header Set-Cookie:a": "answer_headers.Set-Cookie",
		"inboxes create acme --header X-Mine=1":     "X-Mine",
		"listen --forward 70000":                    "ports are 1 to 65535",
		"inboxes create nobody":                     "nobody",
	} {
		r := (&run{args: strings.Fields(args), environ: environ}).do(t)
		if r.code == 0 || !strings.Contains(r.errors, want) {
			t.Errorf("%s: exit code %d\n%s\nwant %q", args, r.code, r.errors, want)
		}
	}

	bellhop(0, []string{"bound for 0 endpoints", "events explain"}, "trigger", "invoice.paid")
	for _, d := range dialect.Builtin() {
		bellhop(0, nil, "endpoints", "create", receiver.URL+"/"+d.Name, "--app", "acme", "--dialect", d.Name, "--events", d.Name+".*", "--name", d.Name)
		r := bellhop(0, []string{"bound for 1 endpoint", "→ ep_", d.Name}, "trigger", d.Name+".paid", "--data", `{"total" : "99.00"}`, "--set", `data["tax.rate"]=0.50`, "--set", "data.paid=yes")
		event := eventID.FindString(r.out)
		for range 1000 {
			if logs := (&run{args: []string{"logs", "--event", event}, environ: environ}).do(t); strings.Contains(logs.out, "✓") {
				break
			}
		}
		sent := receiver.last(t)
		if !strings.Contains(string(sent.Body), `{"total":"99.00","tax.rate":0.50,"paid":"yes"}`) {
			t.Errorf("%s: sent %s", d.Name, sent.Body)
		}
		bellhop(0, []string{"Original headers, of attempt att_", "200 OK", `"short": true`}, "replay-local", event, "--to", program.URL)
		got := program.last(t)
		if string(got.Body) != string(sent.Body) {
			t.Errorf("%s: again\n%s\nwas\n%s", d.Name, got.Body, sent.Body)
		}
		for name := range sent.Header {
			if name != "Accept-Encoding" && got.Header.Get(name) != sent.Header.Get(name) {
				t.Errorf("%s: %s is %q, was %q", d.Name, name, got.Header.Get(name), sent.Header.Get(name))
			}
		}
	}
	event := eventID.FindString(bellhop(0, nil, "trigger", "standard.paid", "--data", `{}`).out)
	signed := bellhop(0, []string{"Signed anew, in the dialect standard, with the secret whsec_"}, "replay-local", event, "--to", program.URL, "--sign")
	secret := regexp.MustCompile(`whsec_[^\s.]+`).FindString(signed.errors)
	if got := program.last(t); dialect.Verify("standard", got.Header, got.Body, secret) != nil || got.Header.Get("User-Agent") != "Bellhop" {
		t.Errorf("what was signed anew does not verify with %s", secret)
	}
	bellhop(1, []string{"418"}, "replay-local", event, "--to", program.URL+"/fails", "--sign", "--secret", secret)
	program.Close()
	bellhop(1, []string{"start your program"}, "replay-local", event, "--to", program.URL, "--sign")

	bellhop(0, []string{"invoice.paid", "invoice.void"}, "__complete", "trigger", "inv")
	bellhop(0, []string{"acme"}, "__complete", "trigger", "invoice.paid", "--app", "")
}

// TestInboxes by the command line.
func TestInboxesVerb(t *testing.T) {
	s := startService(t, t.TempDir(), "BELLHOP_KEY")
	defer s.end(t)
	environ := []string{"BELLHOP_SERVER=" + s.base, "BELLHOP_KEY=" + s.key}
	bellhop := func(parts []string, args ...string) *run {
		t.Helper()
		return (&run{args: args, environ: environ}).do(t).want(t, 0, parts...)
	}
	bellhop(nil, "apps", "create", "acme")
	url := strings.TrimSpace(bellhop(nil, "inboxes", "create", "acme", "--fail-first", "1", "--fail-status", "503", "--status", "201").out)
	post := func(want int) {
		t.Helper()
		resp, err := http.Post(url, "application/json", strings.NewReader(`{"n":1}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("answered %d, want %d", resp.StatusCode, want)
		}
	}
	bellhop([]string{"201 (503, the next 1 times)", url}, "inboxes", "list")
	post(503)
	post(201)
	bellhop([]string{"#1 POST", "answered 503", "#2 POST", `{"n":1}`}, "inboxes", "show", url)
	bellhop([]string{"418 after 1ms", "header.X-Mine"}, "inboxes", "answer", url, "--status", "418", "--delay", "1ms", "--header", "X-Mine: 1", "--body", "no")
	post(418)
	bellhop([]string{"answers   200"}, "inboxes", "answer", url, "--reset")
	post(200)
	bellhop([]string{"inbox deleted"}, "inboxes", "delete", url)
	(&run{args: []string{"inboxes", "watch", url}, environ: environ}).do(t).want(t, 1)
}
