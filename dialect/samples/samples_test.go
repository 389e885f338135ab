package samples_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"go/format"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/dialect/samples"
	"github.com/bellhop/bellhop/internal/testport"
)

// odd are dialects that use what the built-in ones leave alone.
func odd() []dialect.Definition {
	return []dialect.Definition{
		{
			Name: "odd-header",
			Headers: []dialect.HeaderTemplate{
				{Name: "X-Type", Value: "${type}"}, {Name: "X-Subject", Value: "${subject}"}, {Name: "X-Time", Value: "${time_ms}"},
			},
			Signature: dialect.Signature{
				Algorithm: "hmac-sha512", Secret: "hex", SecretPrefix: `k$'"\_`,
				Content:  `a"b'c\d{e}#{f}$g$${h}` + "`" + `${ts}.${type}.${subject}.${time_ms}.${body}.end`,
				Encoding: "base64url", Header: "X-Odd-$ignature",
				Value: `ts=${ts};u/"'#=${uuid};sig=[${signatures}]`, Each: `<"${signature}'>`, Join: "|",
				MaxAge: "90s", MaxAhead: "1500ms",
			},
		},
		{
			Name:    "odd-body",
			Body:    `{"meta":{"sent":${ms},"tags":[1,{"sent":2},"\"]}"]},"data":${data}}`,
			Headers: []dialect.HeaderTemplate{{Name: "X-Sent", Value: "${ms}"}},
			Signature: dialect.Signature{
				Algorithm: "hmac-sha1", Secret: "base64", Content: `${body.data.n}:${body.data.größe}:${body.data.ok}:${body.data.big}`,
				Encoding: "base64", Header: "x-signature", BodyTime: "meta.sent", MaxAge: "2m", MaxAhead: "1m",
			},
		},
		{
			Name:    "odd-key",
			Headers: []dialect.HeaderTemplate{{Name: "x-stamp", Value: "${ts}"}},
			Signature: dialect.Signature{
				Algorithm: "ed25519", Content: "${ts}${body}", Encoding: "hex", Header: "x-signature",
				Each: `sig="${signature}"`, Join: ", ",
			},
			Verification: dialect.Verification{Required: true, Unsigned: true, Status: 202},
		},
		{
			Name: "odd-single",
			Signature: dialect.Signature{
				Algorithm: "ed25519", Encoding: "base64url", Header: "x-signature", Value: "v=${signatures}; t=${ms}",
			},
		},
	}
}

func dialects(t *testing.T) []*dialect.Dialect {
	var out []*dialect.Dialect
	for _, def := range append(dialect.Builtin(), odd()...) {
		d, err := dialect.Compile(def)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func code(t *testing.T, d *dialect.Dialect) []samples.Sample {
	out, err := samples.Code(d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestShape keeps samples fit for reading and pasting.
func TestShape(t *testing.T) {
	for _, d := range dialects(t) {
		var languages []string
		r := d.Recipe()
		for _, s := range code(t, d) {
			languages = append(languages, s.Language)
			complain := func(format string, args ...any) {
				t.Errorf("%s in %s: %s", d.Name(), s.Language, fmt.Sprintf(format, args...))
			}
			if !strings.HasSuffix(s.Code, "\n") || strings.HasSuffix(s.Code, "\n\n") {
				complain("does not end in one line break")
			}
			if strings.Contains(s.Code, "\n\n\n") && s.Language != "python" {
				complain("has empty lines in a row")
			}
			most := map[string]int{"go": 110, "java": 110, "csharp": 110}[s.Language]
			if most == 0 {
				most = 80
			}
			if strings.HasPrefix(d.Name(), "odd-") {
				most += 10
			}
			lines := strings.Split(strings.TrimSuffix(s.Code, "\n"), "\n")
			if len(lines) >= most {
				complain("has %d lines", len(lines))
			}
			for i, line := range lines {
				if len([]rune(line)) > 100 && !strings.HasPrefix(d.Name(), "odd-") {
					complain("line %d has %d columns: %s", i+1, len(line), line)
				}
				if strings.TrimRight(line, " \t") != line || strings.Contains(line, "\t") && s.Language != "go" {
					complain("line %d has white space where it should not: %q", i+1, line)
				}
			}
			if s.Language == "go" {
				if pretty, err := format.Source([]byte(s.Code)); err != nil || string(pretty) != s.Code {
					complain("is not formatted: %v", err)
				}
			}
			if times := strings.Contains(s.Code, "too old"); times != (r.Clock != "") {
				complain("looks at the time: %v", times)
			}
			// Not every language can be run everywhere, so this is looked for as well.
			if takes := strings.Contains(s.Code, "nobody vouches"); takes != r.Unsigned {
				complain("takes unsigned tests: %v", takes)
			}
			answer, name := strconv.Itoa(cmp.Or(r.Status, 204)), "StatusNoContent"
			if !strings.Contains(s.Code, answer) && !(answer == "204" && strings.Contains(s.Code, name)) {
				complain("does not answer %s", answer)
			}
			if !strings.Contains(s.Code, "more than once") || !strings.Contains(s.Code, "WEBHOOK_SECRET") {
				complain("says nothing about repetition or the secret")
			}
		}
		if want := []string{"node", "python", "go", "php", "ruby", "java", "csharp"}; !slices.Equal(languages, want) {
			t.Errorf("%s: languages %v", d.Name(), languages)
		}
	}
}

// TestEventID says how receivers of each dialect notice an event that comes again.
func TestEventID(t *testing.T) {
	want := map[string]string{
		"standard": "webhook-id", "cloudevents": "webhook-id", "cloudevents-binary": "webhook-id", "raw": "webhook-id",
		"svix": "svix-id", "svix-operational": "svix-id", "github": "X-GitHub-Delivery", "shopify": "X-Shopify-Webhook-Id", "stripe": "the body's id",
		"convoy": "X-Convoy-Idempotency-Key", "convoy-simple": "X-Convoy-Idempotency-Key",
		"allthings": "the body's event.id", "showpass": "the body's webhook_event_uuid", "slack": "an id of your data",
	}
	for _, d := range dialects(t) {
		for _, s := range code(t, d) {
			if w := want[d.Name()]; w != "" && !strings.Contains(s.Code, "remember "+w+" to notice") {
				t.Errorf("%s in %s does not say: remember %s", d.Name(), s.Language, w)
			}
		}
	}
}

// trial is a receiver of a dialect with one secret, and what it is sent.
type trial struct {
	name    string
	d       *dialect.Dialect
	secret  string // as the receiver has it
	signing string // as the sender has it
	forged  bool   // the secret is none, and requests are signed with an empty key
}

func trials(t *testing.T) []trial {
	var out []trial
	for _, d := range dialects(t) {
		secret, err := d.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		if d.Name() == "github" || d.Name() == "stripe" {
			secret = `p"a'ss\w$or{d} #{1+1} %50 ` + "`id` ü€😀"
		}
		public, ok := dialect.PublicKey(secret)
		if !ok {
			public = secret
		}
		out = append(out, trial{d.Name(), d, public, secret, false})
		switch d.Name() {
		case "standard":
			pair := ed25519Secret(t)
			public, _ := dialect.PublicKey(pair)
			out = append(out, trial{"standard with Ed25519", d, public, pair, false}, trial{"standard, forged", d, "whsec_", secret, true})
		case "github":
			out = append(out, trial{"github, forged", d, "", secret, true})
		}
	}
	return out
}

func ed25519Secret(t *testing.T) string {
	d, err := dialect.Compile(odd()[2])
	if err != nil {
		t.Fatal(err)
	}
	secret, err := d.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

type request struct {
	name string
	dialect.Received
}

// requests are all that a receiver is sent, good and bad.
func (tr trial) requests(t *testing.T) []request {
	d, now := tr.d, time.Now()
	other, err := d.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	message := dialect.Message{
		ID: "evt_01k2ex8m4v", App: "acme", Type: "invoice.purchase", Time: now.Add(-time.Hour), Timestamp: now,
		Data: []byte(`{ "id": "x", "n": 1.0, "größe": "Zoë \u003cb\u003e \"\\\/\n\ud83d\ude00", "ok": true, "big": 12345678901234567890, "sent": 1 }`),
	}
	render := func(m dialect.Message, secrets ...string) dialect.Received {
		signer, err := d.NewSigner(secrets)
		if err != nil {
			t.Fatal(err)
		}
		r, err := signer.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		for _, h := range r.Headers {
			header[h.Name] = []string{h.Value}
		}
		return dialect.Received{Header: header, Body: r.Body}
	}
	var out []request
	add := func(name string, r dialect.Received) { out = append(out, request{name, r}) }
	change := func(name, old, new string) {
		r := render(message, tr.signing)
		r.Body = bytes.Replace(r.Body, []byte(old), []byte(new), 1)
		add(name, r)
	}

	add("valid", render(message, tr.signing))
	// What creating an endpoint sends to its URL, to a receiver that has the secret.
	probe := message
	probe.Type, probe.Data = "webhook.test", []byte(`{"message":"This is a test event.","type":"webhook.test"}`)
	if d.Definition().Verification.Unsigned {
		add("probe", render(probe))
	} else if d.Name() != "odd-body" {
		add("probe", render(probe, tr.signing))
	}
	subject := message
	subject.Subject = "ticket: größe"
	add("valid, with a subject", render(subject, tr.signing))
	large := message
	large.Data = []byte(`{"n":-1.50e+3,"größe":"x","ok":false,"big":7,"text":"` + strings.Repeat(`\"ä\n`, 60000) + `"}`)
	add("valid, large", render(large, tr.signing))
	add("wrong secret", render(message, other))
	add("unsigned", render(message))
	if d.ManySignatures() {
		add("rotation, second of two", render(message, other, tr.signing))
		add("rotation, first of two", render(message, tr.signing, other))
		add("rotation, none of two", render(message, other, other))
	}
	change("changed body", "1.0", "2.0")
	change("body written anew", `{ "id"`, `{"id"`)
	change("changed text", "Zo", "Zu")
	change("member put before", "{", `{"id":"evil","meta":{"sent":1},"timestamp":1,`)
	change("member nested", `"id":`, `"a":{"id":"evil"},"id":`)
	r := render(message, tr.signing)
	r.Body = append(bytes.TrimSuffix(r.Body, []byte("}")), `,"id":"evil","data":{},"timestamp":[]}`...)
	add("member put after", r)
	r = render(message, tr.signing)
	r.Body = nil
	add("no body", r)

	valid := render(message, tr.signing)
	signature := d.Recipe().Header
	for name, values := range valid.Header {
		if name == "Content-Type" {
			continue
		}
		r := render(message, tr.signing)
		delete(r.Header, name)
		add("without "+name, r)
		r = render(message, tr.signing)
		r.Header[name] = []string{"!"}
		add("garbled "+name, r)
		r = render(message, tr.signing)
		r.Header[name] = []string{values[0] + "0"}
		add("longer "+name, r)
		for _, unit := range []string{fmt.Sprint(now.Unix()), fmt.Sprint(now.UnixMilli())} {
			r = render(message, tr.signing)
			r.Header[name] = []string{strings.Replace(values[0], unit, unit[:len(unit)-1]+string('0'+(unit[len(unit)-1]-'0'+1)%10), 1)}
			add("other time in "+name, r)
			r = render(message, tr.signing)
			r.Header[name] = []string{strings.Replace(values[0], unit, "1e9", 1)}
			add("no time in "+name, r)
		}
	}
	r = render(message, tr.signing)
	r.Header[signature] = []string{valid.Header[signature][0][:len(valid.Header[signature][0])/2]}
	add("half a signature", r)

	maxAge, maxAhead := d.Recipe().MaxAge, d.Recipe().MaxAhead
	for _, age := range []time.Duration{maxAge + 2*time.Second, maxAge - 40*time.Second, -maxAhead - 40*time.Second, -maxAhead + 500*time.Millisecond, 24 * time.Hour} {
		m := message
		m.Timestamp = now.Add(-age)
		add(fmt.Sprintf("%v old", age), render(m, tr.signing))
	}
	if tr.forged {
		mac := hmac.New(sha256.New, nil)
		r := render(message, tr.signing)
		if d.Name() == "github" {
			mac.Write(r.Body)
			r.Header[signature] = []string{"sha256=" + hex.EncodeToString(mac.Sum(nil))}
		} else {
			id, at := "webhook-id", "webhook-timestamp" // not canonical, as they are on the wire
			fmt.Fprintf(mac, "%s.%s.%s", r.Header[id][0], r.Header[at][0], r.Body)
			r.Header[signature] = []string{"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}
		}
		add("signed with an empty key", r)
	}
	return out
}

// toolchain runs the samples of a language.
type toolchain struct {
	language string
	needs    []string // programs
	// build makes ready what run starts; nil if nothing has to be.
	build func(t *testing.T, dir string, list []samples.Sample)
	run   func(dir string, i int, s samples.Sample, port string) []string
}

func toolchains() []toolchain {
	file := func(dir string, i int, s samples.Sample) string {
		return filepath.Join(dir, fmt.Sprint("r", i), s.Filename)
	}
	return []toolchain{
		{"node", []string{"node"}, nil, func(dir string, i int, s samples.Sample, _ string) []string {
			return []string{"node", file(dir, i, s)}
		}},
		{"python", []string{"python3"}, nil, func(dir string, i int, s samples.Sample, _ string) []string {
			return []string{"python3", file(dir, i, s)}
		}},
		{"go", []string{"go"}, buildGo, func(dir string, i int, _ samples.Sample, _ string) []string {
			return []string{filepath.Join(dir, "receivers"), fmt.Sprint(i)}
		}},
		{"php", []string{"php"}, nil, func(dir string, i int, s samples.Sample, port string) []string {
			return []string{"php", "-S", "127.0.0.1:" + port, file(dir, i, s)}
		}},
		{"ruby", []string{"ruby"}, nil, func(dir string, i int, s samples.Sample, _ string) []string {
			return []string{"ruby", file(dir, i, s)}
		}},
		{"java", []string{"java", "javac"}, buildJava, func(dir string, i int, s samples.Sample, _ string) []string {
			if i == 0 { // as its first lines say
				return []string{"java", file(dir, i, s)}
			}
			return []string{"java", "-XX:TieredStopAtLevel=1", "-cp", dir, fmt.Sprint("Webhook", i)}
		}},
		{"csharp", []string{"mcs", "mono"}, buildMono, func(dir string, i int, _ samples.Sample, _ string) []string {
			return []string{"mono", filepath.Join(dir, "receivers.exe"), fmt.Sprint("Webhook", i)}
		}},
	}
}

func command(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// buildGo links all samples into one program, which is much faster than one each.
func buildGo(t *testing.T, dir string, list []samples.Sample) {
	imports, calls := "", ""
	for i, s := range list {
		text := strings.Replace(s.Code, "package main", fmt.Sprint("package r", i), 1)
		write(t, filepath.Join(dir, fmt.Sprint("r", i), s.Filename), strings.Replace(text, "func main()", "func Main()", 1))
		imports += fmt.Sprintf("import \"receivers/r%d\"\n", i)
		calls += fmt.Sprintf("case \"%d\":\nr%d.Main()\n", i, i)
	}
	write(t, filepath.Join(dir, "main.go"), "package main\n\nimport \"os\"\n"+imports+"\nfunc main() {\nswitch os.Args[1] {\n"+calls+"}\n}\n")
	write(t, filepath.Join(dir, "go.mod"), "module receivers\n\ngo 1.26\n")
	command(t, dir, "go", "vet", "./...")
	command(t, dir, "go", "build", "-o", "receivers", ".")
}

// buildJava compiles all samples at once, under names of their own.
func buildJava(t *testing.T, dir string, list []samples.Sample) {
	args := []string{"javac", "-encoding", "UTF-8", "-d", dir}
	for i, s := range list {
		name := fmt.Sprint("Webhook", i)
		write(t, filepath.Join(dir, name+".java"), strings.Replace(s.Code, "public class Webhook", "public class "+name, 1))
		args = append(args, filepath.Join(dir, name+".java"))
	}
	command(t, dir, args...)
}

// buildMono compiles all samples at once, with what Mono lacks of .NET.
func buildMono(t *testing.T, dir string, list []samples.Sample) {
	lacks, err := os.ReadFile("testdata/dotnet.cs")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "dotnet.cs"), string(lacks))
	args := []string{"mcs", "-out:receivers.exe", "-main:Dispatch", "-r:System.Web.Extensions", "dotnet.cs"}
	for i, s := range list {
		if strings.Contains(s.Code, "using NSec") {
			continue // a package of somebody else's
		}
		name := fmt.Sprint("Webhook", i)
		text := strings.Replace(s.Code, "public static class Webhook", "public static class "+name, 1)
		text = strings.ReplaceAll(text, "Convert.FromHexString", "Shim.FromHexString")
		text = strings.ReplaceAll(text, "Convert.ToHexString", "Shim.ToHexString")
		write(t, filepath.Join(dir, name+".cs"), text)
		args = append(args, name+".cs")
	}
	command(t, dir, args...)
}

// TestReceivers runs every sample as its users would and sends it requests: it has
// to judge each as Verify does.
func TestReceivers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many programs")
	}
	all := trials(t)
	for n, tool := range toolchains() {
		t.Run(tool.language, func(t *testing.T) {
			for _, program := range tool.needs {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("%s is not installed, so the samples in %s are not run", program, tool.language)
				}
			}
			t.Parallel()
			dir := t.TempDir()
			var list []samples.Sample
			for i, tr := range all {
				s := code(t, tr.d)[n]
				write(t, filepath.Join(dir, fmt.Sprint("r", i), s.Filename), s.Code)
				list = append(list, s)
			}
			if tool.build != nil {
				tool.build(t, dir, list)
			}
			for i, tr := range all {
				t.Run(tr.name, func(t *testing.T) {
					if strings.HasPrefix(tr.secret, "whpk_") {
						ed25519Or(t, tool.language)
					}
					url := start(t, tr.secret, func(port string) []string { return tool.run(dir, i, list[i], port) })
					tr.judge(t, url)
				})
			}
		})
	}
}

// ed25519Or skips languages that have no Ed25519 here.
func ed25519Or(t *testing.T, language string) {
	switch language {
	case "csharp":
		t.Skip(".NET has no Ed25519 of its own")
	case "python":
		if err := exec.CommandContext(t.Context(), "python3", "-c", "import cryptography").Run(); err != nil {
			t.Skip("Python's package cryptography is not installed")
		}
	}
}

// judge compares the receiver's verdicts with Verify's.
func (tr trial) judge(t *testing.T, url string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	accepted := 0
	for _, r := range tr.requests(t) {
		want := http.StatusUnauthorized
		rule := tr.d.Definition().Verification
		taken := cmp.Or(rule.Status, http.StatusNoContent)
		if err := tr.d.Verify(r.Received, []string{tr.secret}, time.Now(), 0); err == nil {
			want = taken
			accepted++
		}
		if r.Header[tr.d.Recipe().Header] == nil && rule.Unsigned {
			want = taken // a test
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = r.Header
		resp, err := client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: answered %d, want %d; headers %v", r.name, resp.StatusCode, want, r.Header)
		}
	}
	if !tr.forged && accepted < 3 {
		t.Errorf("Verify accepted only %d requests", accepted)
	}
}

// start runs a receiver until the test ends, and returns its URL.
func start(t *testing.T, secret string, args func(port string) []string) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(testport.Reserve(t))
	ctx, cancel := context.WithCancel(context.Background())
	line := args(port)
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "PORT="+port, "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%.4000s", line[0], output.String())
		}
	})
	if !answers(t, port, ended) {
		t.Fatal("the receiver does not start")
	}
	return "http://127.0.0.1:" + port + "/"
}

// answers waits until the port takes connections. It is false if the program ends first.
func answers(t *testing.T, port string, ended <-chan struct{}) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-timeout:
			return false
		case <-tick.C:
		}
	}
}
