package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testport"
)

// fromJSON reads what the program printed with --json: one object.
func fromJSON[T any](t testing.TB, printed string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(printed), &v); err != nil {
		t.Fatalf("not one JSON value: %v\n%s", err, printed)
	}
	return v
}

// jsonLines reads a list that was printed with --json: one object a line.
func jsonLines[T any](t testing.TB, printed string) []T {
	t.Helper()
	var list []T
	for line := range strings.Lines(printed) {
		list = append(list, fromJSON[T](t, line))
	}
	return list
}

// The way of an event, from a shell.
func TestCommandLine(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	r := newReceiver(t, answers(http.StatusOK))
	s.cli("apps", "create", "acme", "--name", "Acme Events")
	if apps := jsonLines[bellhop.App](t, s.cli("apps", "list", "--json")); len(apps) != 1 || apps[0].Name != "Acme Events" {
		t.Errorf("apps %+v", apps)
	}
	e := fromJSON[client.NewEndpoint](t, s.cli("endpoints", "create", r.URL+"/hooks", "--app", "acme", "--events", "ticket.*,invoice.*", "--retry", "none", "--json"))
	if e.Secret == "" || len(e.Retry.Schedule()) != 0 {
		t.Errorf("endpoint %+v", e)
	}

	// Data from a file and from standard input arrive byte for byte.
	data := sample(t, "allthings-ticket-created")
	file := filepath.Join(s.dir, "ticket.json")
	write(t, file, []byte(data+"\n"))
	first := fromJSON[client.Receipt](t, s.cli("publish", "acme", "ticket.created", "--data", "@"+file, "--subject", "ticket:damage-report:42", "--id", "t-1", "--json"))
	if again := s.cli("publish", "acme", "ticket.created", "--data", "@"+file, "--subject", "ticket:damage-report:42", "--id", "t-1"); !strings.Contains(again, first.ID.String()) || !strings.Contains(again, "published before") {
		t.Errorf("published again: %s", again)
	}
	if piped := s.run(data, "publish", "acme", "ticket.created"); piped.code != 0 {
		t.Errorf("%+v", piped)
	}
	requests := r.wait(t, 2)
	for _, q := range requests {
		q.verify(t, "standard", e.Secret)
		q.carries(t, `"data":`+data+`}`)
	}
	if got := s.cli("events", "get", first.ID.String(), "--data"); got != data {
		t.Errorf("the event reads back as\n%s", got)
	}
	got := fromJSON[struct{ Data json.RawMessage }](t, s.cli("events", "get", first.ID.String(), "--json"))
	if string(got.Data) != data {
		t.Errorf("in JSON the event reads back as\n%s", got.Data)
	}
	batch := ""
	for i := range 3 {
		batch += fmt.Sprintf(`{"app":"acme","type":"booking.accepted","id":"b-%d","data":%s}`+"\n", i, sample(t, "allthings-booking-accepted"))
	}
	if out := s.run(batch, "publish", "--batch", "-", "--json"); out.code != 0 || len(jsonLines[client.Receipt](t, out.stdout)) != 3 {
		t.Errorf("%+v", out)
	}
	s.waitDone(e.ID)

	if list := jsonLines[client.Event](t, s.cli("events", "list", "--app", "acme", "--json")); len(list) != 5 {
		t.Errorf("%d events", len(list))
	}
	attempts := jsonLines[client.Attempt](t, s.cli("logs", "--event", first.ID.String(), "--json"))
	if len(attempts) != 1 || attempts[0].Status != bellhop.AttemptSucceeded || attempts[0].ResponseStatus != 200 {
		t.Fatalf("attempts %+v", attempts)
	}
	if text := s.cli("logs", attempts[0].ID.String()); !strings.Contains(text, "POST "+r.URL+"/hooks") || !strings.Contains(strings.ToLower(text), "webhook-signature") {
		t.Errorf("an attempt in full:\n%s", text)
	}
	if text := s.cli("logs"); !strings.Contains(text, "ticket.created") || !strings.Contains(text, "ATTEMPT") {
		t.Errorf("the log:\n%s", text)
	}
	if x := jsonLines[bellhop.Explanation](t, s.cli("events", "explain", first.ID.String(), "--json")); len(x) != 1 || x[0].Outcome != bellhop.FateSucceeded {
		t.Errorf("explanation %+v", x)
	}
	if text := s.cli("events", "explain", first.ID.String()); !strings.Contains(text, "succeeded") || !strings.Contains(text, "the receiver answered 200") {
		t.Errorf("explanation %s", text)
	}

	s.cli("resend", first.ID.String(), "--endpoint", e.ID.String())
	again := r.wait(t, 3)[2]
	again.carries(t, data)
	if again.header.Get("webhook-id") != first.ID.String() {
		t.Error("the resent event has another id")
	}
	s.cli("endpoints", "update", e.ID.String(), "--events", "booking.*")
	if res := fromJSON[client.ReplayResult](t, s.cli("replay", e.ID.String(), "--since", "1h", "--status", "missing", "--dry-run", "--json")); res.Matched != 3 || res.Enqueued != 0 {
		t.Errorf("dry run: %+v", res)
	}
	if asked := s.run("", "replay", e.ID.String(), "--since", "1h", "--status", "missing"); asked.code != 2 || !strings.Contains(asked.stderr, "--yes") {
		t.Errorf("a replay without a terminal and without --yes: %+v", asked)
	}
	if n := r.count(); n != 3 {
		t.Errorf("a dry run sent %d", n-3)
	}
	if res := fromJSON[client.ReplayResult](t, s.cli("replay", e.ID.String(), "--since", "1h", "--status", "missing", "--yes", "--json")); res.Enqueued != 3 || !res.Done {
		t.Errorf("replay: %+v", res)
	}
	r.wait(t, 6)

	s.cli("endpoints", "pause", e.ID.String())
	s.cli("endpoints", "resume", e.ID.String())
	if secrets := s.cli("endpoints", "secret", e.ID.String()); !strings.Contains(secrets, e.Secret) {
		t.Errorf("secrets: %s", secrets)
	}
	if a := fromJSON[client.Attempt](t, s.cli("endpoints", "test", e.ID.String(), "--json")); a.Status != bellhop.AttemptSucceeded || a.Trigger != bellhop.TriggerTest {
		t.Errorf("test: %+v", a)
	}

	k := fromJSON[client.NewKey](t, s.cli("keys", "create", "--role", "viewer", "--app", "acme", "--json"))
	if denied := s.run("{}", "publish", "acme", "ticket.created", "--key", k.Token); denied.code != 1 || !strings.Contains(denied.stderr, "publisher") {
		t.Errorf("a viewer publishes: %+v", denied)
	}
	if list := s.cli("apps", "list", "--key", k.Token); !strings.Contains(list, "acme") {
		t.Errorf("a viewer's apps: %s", list)
	}
	s.cli("keys", "delete", k.ID.String())
	if gone := s.run("", "apps", "list", "--key", k.Token); gone.code != 1 || !strings.Contains(gone.stderr, "does not know this key") {
		t.Errorf("a deleted key: %+v", gone)
	}
	s.cli("events", "erase", first.ID.String(), "--yes")
	if text := s.cli("events", "get", first.ID.String()); !strings.Contains(text, "erased") || strings.Contains(text, "Heizung") {
		t.Errorf("an erased event: %s", text)
	}
}

// Exit codes are for scripts, the sentence on standard error for people.
func TestExitCodes(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	tests := []struct {
		name  string
		stdin string
		args  []string
		env   string
		code  int
		says  string
	}{
		{name: "help", args: []string{"--help"}, code: 0},
		{name: "version", args: []string{"version"}, code: 0},
		{name: "unknown verb", args: []string{"publsh"}, code: 2, says: "publish"},
		{name: "unknown flag", args: []string{"serve", "--databse", "x"}, code: 2, says: "--database"},
		{name: "unknown variable", args: []string{"serve"}, env: "BELLHOP_DATABSE=x", code: 2, says: "BELLHOP_DATABASE"},
		{name: "missing argument", args: []string{"resend"}, code: 2, says: "EVENT"},
		{name: "bad id", args: []string{"resend", "evt_!"}, code: 2},
		{name: "bad data", stdin: "{", args: []string{"publish", "acme", "x.y"}, code: 2, says: "JSON"},
		{name: "no such file", args: []string{"publish", "acme", "x.y", "--data", "@nothing.json"}, code: 2, says: "nothing.json"},
		{name: "refused", stdin: "{}", args: []string{"publish", "nobody", "x.y"}, code: 1, says: "nobody"},
		{name: "not found", args: []string{"apps", "get", "nobody"}, code: 1},
		{name: "no key", args: []string{"apps", "list"}, env: "BELLHOP_KEY=", code: 1, says: "BELLHOP_KEY"},
		{name: "an empty key", args: []string{"apps", "list", "--key", ""}, code: 2, says: "--key is empty"},
		{name: "nobody there", args: []string{"apps", "list", "--server", "http://" + testport.Reserve(t)}, code: 3, says: "bellhop serve"},
		{name: "backup of nothing", args: []string{"backup", "--database", "nothing.db", "copy.db"}, code: 1, says: "nothing.db"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := s.env
			defer func() { s.env = env }()
			if tt.env != "" {
				s.env = append(env[:len(env):len(env)], tt.env)
			}
			r := s.run(tt.stdin, tt.args...)
			if r.code != tt.code || !strings.Contains(r.stderr, tt.says) || tt.code != 0 && r.stdout != "" {
				t.Errorf("%+v; wanted code %d and %q", r, tt.code, tt.says)
			}
		})
	}
}

// tail prints attempts as they happen, until it is interrupted, and finds back
// after a restart of the server.
func TestTail(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	before := s.publish("acme", "invoice.purchase", `{}`)
	s.attempts(before.ID, e.ID, 1)

	cmd := s.command("tail", "--json")
	out, errs := &output{}, &output{}
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	shows := func(event client.Receipt) {
		t.Helper()
		eventually(t, "tail shows "+event.ID.String(), func() bool { return strings.Contains(out.String(), event.ID.String()) })
	}
	shows(before)
	// The latest come first and the stream after them, so events are published
	// until one comes by the stream.
	var live client.Receipt
	eventually(t, "tail follows", func() bool {
		live = s.publish("acme", "invoice.purchase", `{}`)
		s.attempts(live.ID, e.ID, 1)
		return strings.Contains(out.String(), live.ID.String())
	})
	s.restart()
	eventually(t, "tail is connected again", func() bool { return strings.Contains(errs.String(), "made anew") })
	after := s.publish("acme", "invoice.purchase", `{}`)
	shows(after)
	for line := range strings.Lines(out.String()) {
		fromJSON[client.Attempt](t, line)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("tail did not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d after an interrupt: %s", code, errs)
	}
}

// verify says what is wrong with a captured request.
func TestVerify(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	s.app("acme")
	type verdict struct {
		OK                            bool
		Dialect, Code, Detail, Remedy string
	}
	for _, name := range []string{"standard", "showpass", "allthings", "github", "stripe"} {
		r := newReceiver(t, answers(http.StatusOK))
		e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
			c.Dialect = bellhop.Of(name)
			c.Events = bellhop.Of([]string{"verify." + name})
		})
		verified := r.count()
		s.publish("acme", "verify."+name, sample(t, "showpass-invoice-purchase"))
		q := r.wait(t, verified+1)[verified]
		capture := filepath.Join(s.dir, name+".txt")
		write(t, capture, []byte(q.dump()))
		check := func(secret, captured string, args ...string) (verdict, int) {
			t.Helper()
			write(t, capture, []byte(captured))
			run := s.run("", append([]string{"verify", capture, "--secret", secret, "--json"}, args...)...)
			return fromJSON[verdict](t, run.stdout), run.code
		}
		if v, code := check(e.Secret, q.dump()); code != 0 || !v.OK || v.Dialect != name {
			t.Errorf("%s: %d, %+v", name, code, v)
		}
		other := strings.Repeat("0", len(e.Secret))
		// Not at any "_": in random text it may come last, and what is left is the secret itself.
		if key, ok := strings.CutPrefix(e.Secret, "whsec_"); ok {
			other = "whsec_" + strings.Repeat("A", len(key))
		}
		if v, code := check(other, q.dump()); code != 1 || v.OK || v.Code != "wrong_secret" && v.Code != "signature_mismatch" || v.Detail == "" || v.Remedy == "" {
			t.Errorf("%s: a wrong secret: %d, %+v", name, code, v)
		}
		changed := strings.ReplaceAll(q.dump(), "c4-88d1", "c4-88d1-changed")
		if v, code := check(e.Secret, changed); code != 1 || v.Code != "changed_body" && v.Code != "signature_mismatch" {
			t.Errorf("%s: a changed body: %d, %+v", name, code, v)
		}
		changed = strings.ReplaceAll(q.dump(), "c4-88d1", "c4-88d2") // as long as before: nothing tells which it is
		if v, code := check(e.Secret, changed); code != 1 || v.OK || v.Code == "" {
			t.Errorf("%s: a changed body of the same length: %d, %+v", name, code, v)
		}
		if v, code := check(e.Secret, q.dump()+"\n"); name != "showpass" && (code != 1 || v.Code != "changed_body") {
			t.Errorf("%s: a line break at the end of the body: %d, %+v", name, code, v)
		}
		late := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		v, code := check(e.Secret, q.dump(), "--at", late)
		if timed := name == "standard" || name == "allthings" || name == "stripe"; timed && (code != 1 || v.Code != "stale_time") || !timed && code != 0 {
			t.Errorf("%s: an hour later: %d, %+v", name, code, v)
		}
	}
	if run := s.run("POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}", "verify", "--secret", "whsec_x"); run.code != 1 || !strings.Contains(run.stdout, "webhook-signature") {
		t.Errorf("without a signature: %+v", run)
	}
}

// A copy that is made while events come in opens, and has what was acknowledged
// before it began.
func TestBackupWhilePublishing(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	s.endpoint("acme", r.URL, nil)
	stop := make(chan struct{})
	var (
		mu    sync.Mutex
		acked []bellhop.EventID
	)
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked)
	}
	var publishers sync.WaitGroup
	for range 2 {
		publishers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				receipt, err := s.api.Publish(t.Context(), client.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(sample(t, "showpass-invoice-purchase"))})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked = append(acked, receipt.ID)
				mu.Unlock()
			}
		})
	}
	end := sync.OnceFunc(func() { close(stop); publishers.Wait() })
	defer end()
	eventually(t, "events are published", func() bool { return count() > 100 })
	before := count()
	copied := filepath.Join(t.TempDir(), "copy.db")
	s.cli("backup", "--database", s.db, copied)
	if again := s.run("", "backup", "--database", s.db, copied); again.code == 0 || !strings.Contains(again.stderr, "copy.db") {
		t.Errorf("a backup over an existing file: %+v", again)
	}
	end()
	if count() == before {
		t.Error("nothing was published during the backup")
	}
	checkIntegrity(t, copied)

	second := newServer(t, "--dev")
	key, err := os.ReadFile(s.db + ".key")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	write(t, second.db, content)
	write(t, second.db+".key", key)
	second.key = s.key
	second.start()
	for _, id := range acked[:before] {
		if _, err := second.api.Event(t.Context(), id); err != nil {
			t.Fatalf("%s is not in the copy: %v", id, err)
		}
	}
	if r.count() == 0 {
		t.Error("nothing was delivered")
	}
}

// A lost admin key is replaced with the server stopped; what it replaces stays
// valid, and so do the endpoints' secrets.
func TestRecoverKey(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	e := s.endpoint("acme", "http://127.0.0.1:1", nil)
	if *storage == onSQLite {
		if r := s.run("", "keys", "recover", "--database", s.db); r.code == 0 || !strings.Contains(r.stderr, "in use") {
			t.Errorf("while the server runs: %+v", r)
		}
		s.stop()
	}
	old := s.key
	s.key = fromJSON[client.NewKey](t, s.cli("keys", "recover", "--database", s.db, "--json")).Token
	if s.key == old || s.key == "" {
		t.Fatalf("key %q", s.key)
	}
	if *storage == onSQLite {
		s.start()
	} else { // the server hears of it
		s.api = client.New(s.url, s.key, s.http)
	}
	if secrets, err := s.api.Secrets(t.Context(), e.ID); err != nil || len(secrets) != 1 || secrets[0].Secret != e.Secret {
		t.Errorf("%v, %v", secrets, err)
	}
	if out := s.cli("apps", "list", "--key", old); !strings.Contains(out, "acme") {
		t.Error("the old key is gone")
	}
}

// Settings come from flags, variables and a file, in that order; wrong ones are
// errors that name the line.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	file := filepath.Join(s.dir, "bellhop.yaml")
	write(t, file, []byte("database: "+s.db+"\ndev: true\nretention: 5d\nlog_format: json\ndialects:\n"+
		"  - name: house\n    headers:\n      - {name: X-House-Id, value: \"${id}\"}\n      - {name: X-House-Time, value: \"${ts}\"}\n"+
		"    signature: {algorithm: hmac-sha256, secret: raw, content: \"${ts}.${body}\", encoding: hex, header: X-House-Signature}\n"))
	s.flags = []string{"--config", file}
	s.env = []string{"BELLHOP_RETENTION=6d", "BELLHOP_USER_AGENT=Concierge"}
	s.start()
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("house") })
	s.publish("acme", "ticket.created", sample(t, "allthings-ticket-created"))
	q := r.wait(t, 1)[0]
	if q.header.Get("User-Agent") != "Concierge" || string(q.body) != sample(t, "allthings-ticket-created") {
		t.Errorf("%v\n%s", q.header, q.body)
	}
	run := s.run(q.dump(), "verify", "--config", file, "--secret", e.Secret)
	if run.code != 0 || !strings.Contains(run.stdout, "house") {
		t.Errorf("verify with the dialect of the file: %+v", run)
	}
	s.stop()
	config := s.cli("serve", "--config", file, "--print-config", "--retention", "7d")
	for _, line := range []string{"retention: 7d # flag", "user_agent: Concierge # BELLHOP_USER_AGENT", "log_format: json # " + file + " line 4"} {
		if !strings.Contains(config, line) {
			t.Errorf("there is no %q in\n%s", line, config)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, bytes.Replace(b, []byte("retention"), []byte("retenton"), 1))
	if r := s.run("", "serve", "--config", file); r.code != 2 || !strings.Contains(r.stderr, "line 3") || !strings.Contains(r.stderr, "retention") {
		t.Errorf("a misspelt key: %+v", r)
	}
}

// Every verb that shows something shows it to people and, with --json, to
// programs; and shells can complete it.
func TestEveryVerbShowsJSON(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	s.cli("event-types", "put", "invoice.purchase", "--description", "An invoice was paid.")
	event := s.publish("acme", "invoice.purchase", sample(t, "showpass-invoice-purchase"))
	s.waitDone(e.ID)
	attempt := s.attempts(event.ID, e.ID, 1)[0]
	for _, verb := range []string{
		"apps list", "apps get acme", "apps update acme --name Acme", "audit", "deliveries list", "deliveries get " + attempt.Delivery.String(),
		"dialects list", "dialects get showpass", "recipes list", "recipes get slack", "endpoints list", "endpoints get " + e.ID.String(), "endpoints secret " + e.ID.String(),
		"endpoints stats " + e.ID.String(), "endpoints update " + e.ID.String() + " --name Door", "endpoints pause " + e.ID.String(),
		"endpoints resume " + e.ID.String(), "endpoints test " + e.ID.String(), "endpoints rotate " + e.ID.String(), "event-types list",
		"event-types get invoice.purchase", "events list", "events get " + event.ID.String(), "events explain " + event.ID.String(),
		"keys list", "logs", "logs " + attempt.ID.String(), "portal-links create acme --role viewer", "resend " + event.ID.String(),
		"replay " + e.ID.String() + " --since 1h --status all --dry-run", "stats", "version",
	} {
		args := strings.Fields(verb)
		text := s.cli(args...)
		if strings.TrimSpace(text) == "" || strings.HasPrefix(text, "{") || strings.Contains(text, "\x1b") {
			t.Errorf("bellhop %s, for people: %s", verb, text)
		}
		objects := jsonLines[map[string]any](t, s.cli(append(args, "--json")...))
		if len(objects) == 0 || len(objects[0]) == 0 {
			t.Errorf("bellhop %s --json gives nothing", verb)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if script := s.cli("completion", shell); !strings.Contains(script, "bellhop") {
			t.Errorf("completion for %s: %.200s", shell, script)
		}
	}
	if words := s.cli("__complete", "endpoints", "pa"); !strings.Contains(words, "pause") {
		t.Errorf("completion of \"endpoints pa\": %s", words)
	}
}
