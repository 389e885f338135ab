package dialect

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

var update = flag.Bool("update", false, "rewrite testdata/wire")

// at is the time of all attempts in tests, and happened the time of the event.
var (
	at       = time.UnixMilli(1800000000123)
	happened = time.UnixMilli(1799999990456)
)

func sample() Message {
	return Message{
		ID:        "evt_01k2ex8m4v",
		App:       "acme",
		Type:      "invoice.purchase",
		Subject:   "ticket:damage-report:42",
		Time:      happened,
		Data:      []byte(`{ "n": 1.0, "big": 12345678901234567890, "name": "Zoë <b>" }`),
		Timestamp: at,
	}
}

// secretsOf returns two secrets that are the same in each run.
func secretsOf(d *Dialect) (newest, old string) {
	return d.secretFrom([32]byte{1}), d.secretFrom([32]byte{2})
}

func render(tb testing.TB, d *Dialect, m Message, secrets ...string) Request {
	tb.Helper()
	signer, err := d.NewSigner(secrets)
	if err != nil {
		tb.Fatal(err)
	}
	req, err := signer.Render(m)
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

// eachBuiltin runs a test for every built-in dialect.
func eachBuiltin(t *testing.T, test func(t *testing.T, d *Dialect)) {
	for _, def := range Builtin() {
		t.Run(def.Name, func(t *testing.T) {
			d, err := Compile(def)
			if err != nil {
				t.Fatal(err)
			}
			test(t, d)
		})
	}
}

func TestBuiltinOrder(t *testing.T) {
	var names []string
	for _, def := range Builtin() {
		names = append(names, def.Name)
	}
	want := "standard cloudevents cloudevents-binary allthings showpass github stripe shopify slack svix svix-operational convoy convoy-simple raw"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWire compares whole requests with files that were checked by eye against
// the wire formats.
func TestWire(t *testing.T) {
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		newest, old := secretsOf(d)
		req := render(t, d, sample(), newest, old)
		var got bytes.Buffer
		for _, h := range req.Headers {
			fmt.Fprintf(&got, "%s: %s\n", h.Name, h.Value)
		}
		fmt.Fprintf(&got, "\n%s\n", req.Body)

		file := filepath.Join("testdata", "wire", d.Name()+".txt")
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestReceivers plays each provider's receiver as its documentation describes
// it, without this package.
func TestReceivers(t *testing.T) {
	mac := func(secret, content string) []byte {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(content))
		return h.Sum(nil)
	}
	standard := func(prefix string) func(http.Header, string, string) string {
		return func(h http.Header, body, secret string) string {
			key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
			content := h.Get(prefix+"id") + "." + h.Get(prefix+"timestamp") + "." + body
			return "v1," + base64.StdEncoding.EncodeToString(mac(string(key), content))
		}
	}
	receivers := map[string]struct {
		header string
		want   func(h http.Header, body, secret string) string
	}{
		"standard":           {"webhook-signature", standard("webhook-")},
		"cloudevents":        {"webhook-signature", standard("webhook-")},
		"cloudevents-binary": {"webhook-signature", standard("webhook-")},
		"raw":                {"webhook-signature", standard("webhook-")},
		"svix":               {"svix-signature", standard("svix-")},
		"svix-operational":   {"svix-signature", standard("svix-")},
		"github": {"X-Hub-Signature-256", func(_ http.Header, body, secret string) string {
			return "sha256=" + hex.EncodeToString(mac(secret, body))
		}},
		"stripe": {"Stripe-Signature", func(h http.Header, body, secret string) string {
			t := strings.TrimPrefix(strings.Split(h.Get("Stripe-Signature"), ",")[0], "t=")
			return "t=" + t + ",v1=" + hex.EncodeToString(mac(secret, t+"."+body))
		}},
		"shopify": {"X-Shopify-Hmac-Sha256", func(_ http.Header, body, secret string) string {
			return base64.StdEncoding.EncodeToString(mac(secret, body))
		}},
		"slack": {"X-Slack-Signature", func(h http.Header, body, secret string) string {
			return "v0=" + hex.EncodeToString(mac(secret, "v0:"+h.Get("X-Slack-Request-Timestamp")+":"+body))
		}},
		"convoy": {"X-Convoy-Signature", func(h http.Header, body, secret string) string {
			t := strings.TrimPrefix(strings.Split(h.Get("X-Convoy-Signature"), ",")[0], "t=")
			return "t=" + t + ",v1=" + hex.EncodeToString(mac(secret, t+","+body))
		}},
		"convoy-simple": {"X-Convoy-Signature", func(_ http.Header, body, secret string) string {
			return hex.EncodeToString(mac(secret, body))
		}},
		"allthings": {"x-allthings-signature", func(_ http.Header, body, secret string) string {
			return hex.EncodeToString(mac(secret, body))
		}},
		"showpass": {"X-SHOWPASS-SIGNATURE", func(_ http.Header, body, secret string) string {
			var doc struct{ ID string }
			_ = json.Unmarshal([]byte(body), &doc)
			h := hmac.New(sha1.New, []byte(secret))
			h.Write([]byte(doc.ID))
			return hex.EncodeToString(h.Sum(nil))
		}},
	}
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		secret, _ := secretsOf(d)
		req := render(t, d, sample(), secret)
		receiver := receivers[d.Name()]
		header := req.received().Header
		if got, want := header.Get(receiver.header), receiver.want(header, string(req.Body), secret); got != want {
			t.Errorf("%s is %q, the receiver expects %q", receiver.header, got, want)
		}
	})
}

func TestStandardWebhooksLibraryAgrees(t *testing.T) {
	d := lookup(t, "standard")
	newest, old := secretsOf(d)
	m := sample()
	m.Timestamp = time.Now()
	good := render(t, d, m, newest, old)

	m.Timestamp = time.Now().Add(-time.Hour)
	stale := render(t, d, m, newest, old)
	changed := good.received()
	changed.Body = append([]byte(" "), changed.Body...)
	moved := good.received()
	moved.Header.Set("webhook-timestamp", fmt.Sprint(time.Now().Unix()-1))

	for _, test := range []struct {
		name   string
		secret string
		req    Received
		ok     bool
	}{
		{"newest secret", newest, good.received(), true},
		{"old secret", old, good.received(), true},
		{"foreign secret", d.secretFrom([32]byte{3}), good.received(), false},
		{"changed body", newest, changed, false},
		{"changed time", newest, moved, false},
		{"stale time", newest, stale.received(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			theirs, err := standardwebhooks.NewWebhook(test.secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := theirs.Verify(test.req.Body, test.req.Header); (err == nil) != test.ok {
				t.Errorf("the library says %v", err)
			}
			if err := Verify("standard", test.req.Header, test.req.Body, test.secret); (err == nil) != test.ok {
				t.Errorf("we say %v", err)
			}
		})
	}
}

// TestDataIsCarriedByteForByte renders the providers' sample payloads.
func TestDataIsCarriedByteForByte(t *testing.T) {
	files, err := filepath.Glob("testdata/[as][lh]*-*.json")
	if err != nil || len(files) != 5 {
		t.Fatalf("found %q, %v", files, err)
	}
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		for _, file := range files {
			m := sample()
			if m.Data, err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			req := render(t, d, m)
			if !bytes.Contains(req.Body, m.Data) {
				t.Errorf("%s is not in the body: %s", file, req.Body)
			}
			if !json.Valid(req.Body) {
				t.Errorf("%s: body is not JSON: %s", file, req.Body)
			}
		}
	})
}

func TestShowpassIDIsTheTransaction(t *testing.T) {
	d := lookup(t, "showpass")
	for data, want := range map[string]string{
		`{"transaction_id":"c4-88d1"}`:          "c4-88d1",
		`{"transaction_id":771}`:                "771",
		`{"transaction_id":"a\"\u00e9"}`:        `a"é`,
		`{"transaction_id":null}`:               "evt_01k2ex8m4v",
		`{"transaction_id":{"a":1}}`:            "evt_01k2ex8m4v",
		`{"transaction_id":""}`:                 "evt_01k2ex8m4v",
		`{"sale":{"transaction_id":"c4"}}`:      "evt_01k2ex8m4v",
		`["transaction_id"]`:                    "evt_01k2ex8m4v",
		`null`:                                  "evt_01k2ex8m4v",
		`{"id":"x","transaction_id":"c\u0000"}`: "c\x00",
	} {
		m := sample()
		m.Data = []byte(data)
		req := render(t, d, m, "sp_secret_1")
		var body struct{ ID string }
		if err := json.Unmarshal(req.Body, &body); err != nil || body.ID != want {
			t.Errorf("%s: id is %q, %v; want %q", data, body.ID, err, want)
		}
		if err := d.Verify(req.received(), []string{"sp_secret_1"}, at, 0); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestWithoutSecretsNothingIsSigned(t *testing.T) {
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		req := render(t, d, sample())
		if got := req.received().Header.Get(d.rules.header); got != "" {
			t.Errorf("%s is %q", d.rules.header, got)
		}
		if len(req.Body) == 0 || req.Headers[0].Name != "Content-Type" {
			t.Errorf("got %+v", req)
		}
	})
}

func TestNoSubject(t *testing.T) {
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		m := sample()
		m.Subject = ""
		req := render(t, d, m)
		if bytes.Contains(req.Body, []byte(`"subject"`)) || bytes.Contains(req.Body, []byte(`:"urn:allthings:app:acme:"`)) {
			t.Errorf("body has an empty subject: %s", req.Body)
		}
		if _, ok := req.received().Header["Ce-Subject"]; ok {
			t.Error("ce-subject is sent empty")
		}
		if !json.Valid(req.Body) {
			t.Errorf("body is not JSON: %s", req.Body)
		}
	})
}

func TestHeadersCannotBeInjected(t *testing.T) {
	evil := "x\r\nX-Evil: 1\r\n\r\n\x00\x7f Zoë\"%\xff "
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		secret, _ := secretsOf(d)
		m := sample()
		m.ID, m.App, m.Type, m.Subject = "evt_"+evil, evil, evil, evil
		req := render(t, d, m, secret)
		for _, h := range req.Headers {
			if !isPrintable(h.Value) || strings.TrimSpace(h.Value) != h.Value || h.Value == "" {
				t.Errorf("%s: %q", h.Name, h.Value)
			}
		}
		if !json.Valid(req.Body) {
			t.Errorf("body is not JSON: %s", req.Body)
		}
		if err := d.Verify(req.received(), []string{secret}, at, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestCloudEventsHeadersArePercentEncoded(t *testing.T) {
	m := sample()
	m.App, m.Subject = "a b/c", "Zoë \"100%\""
	h := render(t, lookup(t, "cloudevents-binary"), m).received().Header
	if got, want := h.Get("ce-subject"), "Zo%C3%AB%20%22100%25%22"; got != want {
		t.Errorf("ce-subject is %s, want %s", got, want)
	}
	if got, want := h.Get("ce-source"), "/apps/a%2520b%252Fc"; got != want {
		t.Errorf("ce-source is %s, want %s", got, want)
	}
}

func TestRenderRefuses(t *testing.T) {
	signer, err := lookup(t, "standard").NewSigner(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := sample()
	m.ID = ""
	if _, err := signer.Render(m); err == nil || !strings.Contains(err.Error(), "ID") {
		t.Errorf("without ID: %v", err)
	}
	m = sample()
	m.Timestamp = time.Time{}
	if _, err := signer.Render(m); err == nil || !strings.Contains(err.Error(), "Timestamp") {
		t.Errorf("without Timestamp: %v", err)
	}
}

func TestSignerIsSafeForConcurrentUse(t *testing.T) {
	d := lookup(t, "standard")
	newest, old := secretsOf(d)
	signer, err := d.NewSigner([]string{newest, old})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				m := sample()
				m.ID = fmt.Sprintf("evt_%d_%d", i, j)
				req, err := signer.Render(m)
				if err != nil {
					t.Error(err)
					return
				}
				if err := d.Verify(req.received(), []string{old}, at, 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestEventUUID(t *testing.T) {
	// Computed with Python's uuid.uuid5.
	if got, want := eventUUID("evt_01k2ex8m4v"), "2ce56e14-7f13-56e6-94b4-a5655b2079e7"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func BenchmarkRenderStandard1KiB(b *testing.B) {
	d := lookup(b, "standard")
	secret, _ := secretsOf(d)
	signer, err := d.NewSigner([]string{secret})
	if err != nil {
		b.Fatal(err)
	}
	m := sample()
	m.Data = []byte(`{"text":"` + strings.Repeat("x", 1013) + `"}`)
	b.SetBytes(int64(len(m.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Render(m); err != nil {
			b.Fatal(err)
		}
	}
}
