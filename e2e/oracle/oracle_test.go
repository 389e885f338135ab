package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stripe/stripe-go/v82/webhook"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/testport"
)

// patience is how long anything may take on a slow machine.
const patience = 60 * time.Second

// awkward are payloads that a sender or a receiver may well spoil.
func awkward() map[string]string {
	return map[string]string{
		"unicode":     `{"name":"Zoë Ångström, 東京, עברית, नमस्ते","combining":"é"}`,
		"emoji":       `{"raw":"👩‍👩‍👧‍👦 🇨🇭","escaped":"\ud83d\ude00","key 🎫":1}`,
		"numbers":     `{"big":12345678901234567890,"huge":1.5e300,"tiny":5e-324,"cents":19.90,"zero":-0.0,"exp":1E+2}`,
		"nested":      strings.Repeat(`{"a":[`, 40) + `"deep"` + strings.Repeat(`]}`, 40),
		"empty":       `{}`,
		"slashes":     `{"url":"https:\/\/a.example\/b","quoted":"\"\\\b\f\n\r\t\u0000","html":"<script>&amp;</script>"}`,
		"duplicates":  `{"a":1,"a":2,"b":{"c":1,"c":[]}}`,
		"long":        `{"text":"` + strings.Repeat("ä\\n ", 40_000) + `"}`,
		"separators":  "{\"line\":\"a\u2028b\u2029c\",\"mark\":\"\ufeffx\",\"zero width\":\"a\u200bb\"}",
		"nulls":       `{"none":null,"list":[null,{"x":null}],"text":"","no":false}`,
		"white space": "{ \"a\" :\r\n\t[ 1 , 2 ] ,\n \"b\" : \"x\" }\n",
		"surrogate":   `{"half":"\ud800x"}`,
	}
}

// vendor is a library, and what it is sent.
type vendor struct {
	name      string // of the library's receiver, and of the app
	dialect   string
	eventType string
	kind      string   // of receivers.mjs
	take      takeFunc // or the receiver, if it is in Go
	wrap      string   // around the payload; %s is where it stands
	inside    string   // the member that the library gives
	untimed   bool     // the dialect signs no time
	clock     []string // the headers that tell the time
}

// takeFunc verifies a request with a library, and gives the data.
type takeFunc func(secret string, r *http.Request, body []byte) (any, error)

func vendors() []vendor {
	return []vendor{
		{name: "standard", dialect: "standard", kind: "standard", inside: "data", clock: []string{"webhook-timestamp"}},
		{name: "standard-go", dialect: "standard", take: takeStandard, inside: "data", clock: []string{"webhook-timestamp"}},
		{name: "raw", dialect: "raw", kind: "standard", clock: []string{"webhook-timestamp"}},
		{name: "svix", dialect: "svix", kind: "svix", clock: []string{"svix-timestamp"}},
		{name: "stripe", dialect: "stripe", kind: "stripe", clock: []string{"Stripe-Signature"}},
		{name: "stripe-go", dialect: "stripe", take: takeStripe, clock: []string{"Stripe-Signature"}},
		{name: "github", dialect: "github", kind: "github", eventType: "issues", wrap: `{"action":"opened","payload":%s}`, inside: "payload", untimed: true},
		{
			name: "slack", dialect: "slack", kind: "slack", inside: "payload", clock: []string{"X-Slack-Request-Timestamp"},
			wrap: `{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"app_mention","user":"U2","channel":"C1","ts":"1.1","payload":%s}}`,
		},
		{name: "shopify", dialect: "shopify", kind: "shopify", eventType: "orders.create", untimed: true},
		{name: "cloudevents", dialect: "cloudevents", kind: "cloudevents", clock: []string{"webhook-timestamp"}},
		{name: "cloudevents-go", dialect: "cloudevents", take: takeCloudEvent, clock: []string{"webhook-timestamp"}},
		{name: "cloudevents-binary", dialect: "cloudevents-binary", kind: "cloudevents", clock: []string{"webhook-timestamp"}},
		{name: "cloudevents-binary-go", dialect: "cloudevents-binary", take: takeCloudEvent, clock: []string{"webhook-timestamp"}},
	}
}

func takeStandard(secret string, r *http.Request, body []byte) (any, error) {
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(body), w.Verify(body, r.Header)
}

func takeStripe(secret string, r *http.Request, body []byte) (any, error) {
	event, err := webhook.ConstructEvent(body, r.Header.Get("Stripe-Signature"), secret)
	if err != nil {
		return nil, err
	}
	if event.Type == "" || event.Object != "event" || event.Created == 0 {
		return nil, fmt.Errorf("the event is %+v", event)
	}
	return event.Data.Raw, nil
}

func takeCloudEvent(secret string, r *http.Request, body []byte) (any, error) {
	if _, err := takeStandard(secret, r, body); err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	event, err := cloudevents.NewEventFromHTTPRequest(r)
	if err != nil {
		return nil, err
	}
	return json.RawMessage(event.Data()), event.Validate()
}

// counter is a receiver in front of a library's: it notes what was sent, asks the
// library, and notes what it made of it.
type counter struct {
	ask func(r *http.Request, body []byte) (status int, answer string, data any)

	mu     sync.Mutex
	sent   []request
	status []int
	answer []string
	data   []any
}

type request struct {
	header http.Header
	body   []byte
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	status, answer, data := c.ask(r, body)
	c.mu.Lock()
	c.sent, c.status = append(c.sent, request{r.Header.Clone(), body}), append(c.status, status)
	c.answer, c.data = append(c.answer, answer), append(c.data, data)
	c.mu.Unlock()
	w.WriteHeader(status)
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent)
}

func TestVendorsTakeWhatIsSent(t *testing.T) {
	b := startBellhop(t)
	secrets, kinds := map[string]string{}, map[string]map[string]string{}
	for _, v := range vendors() {
		d, err := dialect.Lookup(v.dialect)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{v.name, "foreign-" + v.name} {
			if secrets[name], err = d.NewSecret(); err != nil {
				t.Fatal(err)
			}
			if v.kind != "" {
				kinds[name] = map[string]string{"kind": v.kind, "secret": secrets[name]}
			}
		}
	}
	node := startNode(t, kinds)
	for _, v := range vendors() {
		t.Run(v.name, func(t *testing.T) {
			ask := func(name string) func(*http.Request, []byte) (int, string, any) {
				return func(r *http.Request, body []byte) (int, string, any) {
					if v.take == nil {
						return node.ask(t, name, r.Header, body)
					}
					data, err := v.take(secrets[name], r, body)
					if err != nil {
						return http.StatusBadRequest, err.Error(), nil
					}
					return http.StatusNoContent, "", data
				}
			}
			c := &counter{ask: ask(v.name)}
			receiver := httptest.NewServer(c)
			defer receiver.Close()

			// The library passes the check that creating its endpoint makes.
			if _, err := b.api.CreateApp(t.Context(), wire.AppInput{ID: v.name}); err != nil {
				t.Fatal(err)
			}
			_, err := b.api.CreateEndpoint(t.Context(), bellhop.EndpointChange{
				Apps: bellhop.Of([]string{v.name}), URL: bellhop.Of(receiver.URL), Dialect: bellhop.Of(v.dialect),
				Secret: bellhop.Of(secrets[v.name]), Verify: bellhop.Of(true),
			})
			if err != nil {
				t.Fatalf("%v; the library says %s", err, strings.Join(c.answer, " "))
			}
			payloads := awkward()
			for _, name := range slices.Sorted(maps.Keys(payloads)) {
				b.deliver(t, v, c, name, payloads[name])
			}
			refusals(t, v, c, ask)
		})
	}
}

// deliver publishes a payload and compares it with what the library gives.
func (b *service) deliver(t *testing.T, v vendor, c *counter, name, payload string) {
	t.Helper()
	data, before := payload, c.count()
	if v.wrap != "" {
		data = fmt.Sprintf(v.wrap, payload)
	}
	eventType := v.eventType
	if eventType == "" {
		eventType = "ticket.created"
	}
	if _, err := b.api.Publish(t.Context(), client.Publication{App: v.name, Type: eventType, Subject: "größe:1", Data: bellhop.JSON(data)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the receiver got "+name, func() bool { return c.count() > before })
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.status[before]; s < 200 || s > 299 {
		t.Errorf("%s: refused with %d: %s\n%v\n%.300s", name, s, c.answer[before], c.sent[before].header, c.sent[before].body)
		return
	}
	got, want := plain(t, c.data[before]), plain(t, json.RawMessage(payload))
	if object, ok := got.(map[string]any); ok && v.inside != "" {
		got = object[v.inside]
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: the library understood\n%.300v\nwanted\n%.300v", name, got, want)
	}
}

// refusals sends the last request again, each time with one thing that is wrong.
func refusals(t *testing.T, v vendor, c *counter, ask func(string) func(*http.Request, []byte) (int, string, any)) {
	t.Helper()
	c.mu.Lock()
	last := c.sent[len(c.sent)-1]
	c.mu.Unlock()
	send := func(name string, change func(*request)) int {
		q := request{last.header.Clone(), bytes.Clone(last.body)}
		change(&q)
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(q.body))
		r.Header = q.header
		status, _, _ := ask(name)(r, q.body)
		return status
	}
	if status := send(v.name, func(*request) {}); status > 299 {
		t.Fatalf("the request as it was is refused with %d, so the others prove nothing", status)
	}
	wrong := map[string]int{
		"a changed body":   send(v.name, func(q *request) { q.body = append(q.body, ' ') }),
		"a foreign secret": send("foreign-"+v.name, func(*request) {}),
	}
	for _, header := range v.clock {
		seconds := regexp.MustCompile(`\b\d{10}\b`)
		wrong["a changed time"] = send(v.name, func(q *request) {
			q.header.Set(header, seconds.ReplaceAllStringFunc(q.header.Get(header), func(s string) string {
				n, _ := strconv.Atoi(s)
				return strconv.Itoa(n - 1)
			}))
		})
	}
	if _, timed := wrong["a changed time"]; timed == v.untimed {
		t.Error("whether the time is signed is not as the table says")
	}
	for what, status := range wrong {
		if status < 400 {
			t.Errorf("%s is answered %d", what, status)
		}
	}
}

// plain is JSON as any parser has it.
func plain(t *testing.T, v any) (out any) {
	t.Helper()
	text, err := json.Marshal(v)
	if raw, ok := v.(json.RawMessage); ok {
		text, err = raw, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
	return out
}

// process runs a program until the test ends. It gives the file with its output.
func process(t *testing.T, cmd *exec.Cmd) (output string) {
	t.Helper()
	output = filepath.Join(t.TempDir(), "output")
	file, err := os.Create(output)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if said, err := os.ReadFile(output); err == nil && t.Failed() {
			t.Logf("%s said:\n%.6000s", cmd.Args[0], said)
		}
	})
	return output
}

// service is Bellhop.
type service struct{ api *client.Client }

func startBellhop(t *testing.T) *service {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "bellhop")
	build := exec.Command("go", "build", "-C", filepath.Join("..", ".."), "-o", binary, "./cmd/bellhop")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the binary: %v\n%s", err, out)
	}
	address := testport.Reserve(t)
	cmd := exec.Command(binary, "serve", "--dev", "--listen", address, "--database", filepath.Join(dir, "bellhop.db"))
	output := process(t, cmd)
	key := regexp.MustCompile(`\bbh_[0-9A-Za-z_-]{16,}`)
	b := &service{}
	eventually(t, "Bellhop serves", func() bool {
		said, err := os.ReadFile(output)
		if err != nil || key.Find(said) == nil || !answers(address) {
			return false
		}
		b.api = client.New("http://"+address, string(key.Find(said)), nil)
		return true
	})
	return b
}

// nodeReceivers are those of receivers.mjs.
type nodeReceivers struct{ url string }

func startNode(t *testing.T, secrets map[string]map[string]string) nodeReceivers {
	t.Helper()
	text, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	address := testport.Reserve(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("node", "receivers.mjs")
	cmd.Env = append(os.Environ(), "PORT="+port, "ORACLE_SECRETS="+string(text))
	process(t, cmd)
	eventually(t, "the libraries are loaded (npm ci in e2e/oracle installs them)", func() bool { return answers(address) })
	return nodeReceivers{"http://" + address}
}

// ask has a library verify a request.
func (n nodeReceivers) ask(t *testing.T, name string, header http.Header, body []byte) (status int, answer string, data any) {
	do := func(method, path string, header http.Header, body []byte) (int, []byte) {
		req, err := http.NewRequestWithContext(context.Background(), method, n.url+path, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		req.Header = header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, text
	}
	status, said := do(http.MethodPost, "/"+name, header, body)
	_, understood := do(http.MethodGet, "/last/"+name, nil, nil)
	if err := json.Unmarshal(understood, &data); err != nil {
		t.Errorf("%v: %.200s", err, understood)
	}
	return status, string(said), data
}

func answers(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %s it is still not so that %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
