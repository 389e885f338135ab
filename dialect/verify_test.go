package dialect

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// codeOf returns the code of a VerifyError, or what else err is.
func codeOf(err error) string {
	var refused *VerifyError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Code
	}
	return err.Error()
}

func TestVerifyAcceptsAndRejects(t *testing.T) {
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		newest, old := secretsOf(d)
		foreign := d.secretFrom([32]byte{9})
		now := at.Add(time.Second)
		req := func() Received { return render(t, d, sample(), newest, old).received() }

		if err := d.Verify(req(), []string{newest}, now, 0); err != nil {
			t.Errorf("good request: %v", err)
		}
		if err := d.Verify(req(), []string{foreign, newest}, now, 0); err != nil {
			t.Errorf("good request, two secrets: %v", err)
		}

		changed := req()
		changed.Body = bytes.Replace(changed.Body, []byte("evt_01"), []byte("evt_02"), 1)
		changed.Body = bytes.Replace(changed.Body, []byte("1.0"), []byte("2.0"), 1)
		if got := codeOf(d.Verify(changed, []string{newest}, now, 0)); got != CodeSignatureMismatch {
			t.Errorf("changed body: %s", got)
		}
		if got := codeOf(d.Verify(req(), []string{foreign}, now, 0)); got != CodeSignatureMismatch {
			t.Errorf("foreign secret: %s", got)
		}
		if got := codeOf(d.Verify(req(), nil, now, 0)); got != CodeBadSecret {
			t.Errorf("no secret: %s", got)
		}
		unsigned := req()
		unsigned.Header.Del(d.rules.header)
		if got := codeOf(d.Verify(unsigned, []string{newest}, now, 0)); got != CodeMissingHeader {
			t.Errorf("unsigned: %s", got)
		}
		garbled := req()
		garbled.Header.Set(d.rules.header, "!")
		if got := codeOf(d.Verify(garbled, []string{newest}, now, 0)); got != CodeMalformedHeader {
			t.Errorf("garbled signature: %s", got)
		}
		twice := req()
		twice.Header.Add(d.rules.header, twice.Header.Get(d.rules.header))
		if got := codeOf(d.Verify(twice, []string{newest}, now, 0)); got != CodeMalformedHeader {
			t.Errorf("signature twice: %s", got)
		}

		if !d.rules.clocked {
			return
		}
		stamped := at.Add(-d.rules.backdate)
		if d.rules.clock == valueTS {
			stamped = stamped.Truncate(time.Second)
		}
		for _, test := range []struct {
			after     time.Duration
			tolerance time.Duration
			want      string
		}{
			{d.rules.maxAge - time.Millisecond, 0, ""},
			{d.rules.maxAge, 0, CodeStaleTime},
			{-d.rules.maxAhead + time.Millisecond, 0, ""},
			{-d.rules.maxAhead + time.Millisecond - time.Nanosecond, 0, CodeFutureTime}, // the same millisecond
			{-d.rules.maxAhead, 0, CodeFutureTime},
			{-d.rules.maxAhead - 2*time.Second, 0, CodeFutureTime},
			{time.Minute, 30 * time.Second, CodeStaleTime},
			{-time.Minute, 2 * time.Minute, ""},
			{time.Hour, 2 * time.Hour, ""},
			{10000 * time.Hour, -1, ""},
		} {
			if got := codeOf(d.Verify(req(), []string{newest}, stamped.Add(test.after), test.tolerance)); got != test.want {
				t.Errorf("%v after its time with tolerance %v: %q, want %q", test.after, test.tolerance, got, test.want)
			}
		}
		// The difference of times this far apart does not fit in a time.Duration.
		distant := sample()
		distant.Timestamp = at.AddDate(600, 0, 0)
		if got := codeOf(d.Verify(render(t, d, distant, newest).received(), []string{newest}, at, 0)); got != CodeFutureTime {
			t.Errorf("in 600 years: %q", got)
		}
		// A wrong signature matters more than a stale time.
		if got := codeOf(d.Verify(changed, []string{newest}, at.Add(time.Hour), 0)); got != CodeSignatureMismatch {
			t.Errorf("changed body and stale time: %s", got)
		}

		moved := req()
		name := d.rules.clockHeader()
		sent := fmt.Sprint(stamped.Unix())
		later, _ := strconv.Atoi(sent)
		moved.Header.Set(name, strings.Replace(moved.Header.Get(name), sent, fmt.Sprint(later+1), 1))
		want := CodeSignatureMismatch
		if d.rules.bodyTime != nil {
			want = CodeChangedHeader // the signed body gives it away
		}
		if got := codeOf(d.Verify(moved, []string{newest}, now, 0)); got != want {
			t.Errorf("changed time: %s, want %s", got, want)
		}
		for _, text := range []string{"", "x", "-1", "+5", " 1", "1e3", "99999999999999999999", "1234567890123456"} {
			garbled := req()
			garbled.Header.Set(name, strings.Replace(garbled.Header.Get(name), sent, text, 1))
			if got := codeOf(d.Verify(garbled, []string{newest}, now, 0)); got == "" {
				t.Errorf("time %q is accepted", text)
			}
		}
	})
}

func TestVerifyDuringRotation(t *testing.T) {
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		newest, old := secretsOf(d)
		req := render(t, d, sample(), newest, old).received()
		if err := d.Verify(req, []string{newest}, at, 0); err != nil {
			t.Errorf("newest secret: %v", err)
		}
		if err := d.Verify(req, []string{old}, at, 0); (err == nil) != d.ManySignatures() {
			t.Errorf("old secret: %v, but ManySignatures is %v", err, d.ManySignatures())
		}
	})
}

func TestRotationFromHMACToEd25519(t *testing.T) {
	const private = "whsk_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwfqSmxj4pxSCr71UHsTLsX5lUd2rr6+e5JCHuppFEbSLA=="
	public, _ := PublicKey(private)
	for _, name := range []string{"standard", "svix", "cloudevents"} {
		d := lookup(t, name)
		old, foreign := secretsOf(d)
		req := render(t, d, sample(), private, old).received()
		if got := req.Header.Get(d.rules.header); !strings.HasPrefix(got, "v1a,") || !strings.Contains(got, " v1,") {
			t.Errorf("signature is %q", got)
		}
		for _, secret := range []string{private, public, old} {
			if err := d.Verify(req, []string{secret}, at, 0); err != nil {
				t.Errorf("%.5s: %v", secret, err)
			}
		}
		if err := d.Verify(req, []string{foreign}, at, 0); err == nil {
			t.Error("a foreign secret is accepted")
		}
		req.Body = append(req.Body, ' ')
		if err := d.Verify(req, []string{public}, at, 0); err == nil {
			t.Error("a changed body is accepted")
		}
	}
}

// TestVerifyFindsTheAccident changes a good request as happens in practice.
func TestVerifyFindsTheAccident(t *testing.T) {
	const data = `{"name":"Zoë 🎫 <b>","url":"https://x.example/a","list":[1,{}],"nl":"a\nb"}`
	reencode := func(apply func(*json.Encoder)) func([]byte) []byte {
		return func(body []byte) []byte {
			var out bytes.Buffer
			e := json.NewEncoder(&out)
			apply(e)
			if err := e.Encode(json.RawMessage(body)); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	for _, test := range []struct {
		name   string
		data   string
		change func([]byte) []byte
		detail string
	}{
		{"line break added", data, func(b []byte) []byte { return concat(b, "\n") }, "line break was added"},
		{"CRLF added", data, func(b []byte) []byte { return concat(b, "\r\n") }, "line break was added"},
		{"two line breaks added", data, func(b []byte) []byte { return concat(b, "\n\n") }, "line breaks were added"},
		{"line break removed", data + "\n", bytes.TrimSpace, "line break at its end was removed"},
		{"LF to CRLF", "{\n\"a\":1\n}", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }, "from LF to CRLF"},
		{"CRLF to LF", "{\r\n\"a\":1\r\n}", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }, "from CRLF to LF"},
		{"BOM added", data, func(b []byte) []byte { return concat([]byte("\ufeff"), string(b)) }, "byte order mark"},
		{"compacted", "{ \"a\":\t1 }", compact, ""}, // odd layout is lost for good
		{"compacted from Python's layout", `{"a": [1, {}], "b": "x, y: \" z"}`, compact, "space after each comma"},
		{"compacted from two spaces", "{\n  \"a\": 1\n}", compact, "two spaces"},
		{"compacted from four spaces", "{\n    \"a\": 1\n}", compact, "four spaces"},
		{"compacted from tabs", "{\n\t\"a\": 1\n}", compact, "tabs"},
		{"indented", data, func(b []byte) []byte { return indented(b, "  ") }, "compact"},
		{"written again by Go", data, reencode(func(*json.Encoder) {}), "written again"},
		{"indented by Go", data, reencode(func(e *json.Encoder) { e.SetIndent("", " ") }), "written again"},
		{"written again by Python", data, func(b []byte) []byte { return escapeUnicode(spaced(b)) }, "written again"},
		{"written again by PHP", data, func(b []byte) []byte {
			return bytes.ReplaceAll(escapeUnicode(b), []byte("/"), []byte(`\/`))
		}, "written again"},
		{"unescaped from Go", `{"a":"\u003cb\u003e \u0026"}`, unescape, "<, > and &"},
		{"unescaped from Python", `{"a": "\ud83c\udfab \u00eb"}`, func(b []byte) []byte { return compact(unescape(b)) }, "non-ASCII"},
		{"unescaped from PHP", `{"a":"\u00eb https:\/\/x"}`, unescape, "slashes and non-ASCII"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := lookup(t, "raw")
			secret, _ := secretsOf(d)
			m := sample()
			m.Data = []byte(test.data)
			req := render(t, d, m, secret).received()
			req.Body = test.change(req.Body)
			var refused *VerifyError
			if err := d.Verify(req, []string{secret}, at, 0); !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if test.detail == "" {
				if refused.Code != CodeSignatureMismatch {
					t.Errorf("got %v", refused)
				}
				return
			}
			if refused.Code != CodeChangedBody || !strings.Contains(refused.Detail, test.detail) {
				t.Errorf("got %v, want %q", refused, test.detail)
			}
		})
	}
}

func TestVerifyFindsTheOtherFormOfASecret(t *testing.T) {
	standard, raw := lookup(t, "standard"), lookup(t, "github")
	const (
		whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		hex32 = "00112233445566778899aabbccddeeff"
	)
	// signedWith signs with a key that the dialect would not make of the secret.
	signedWith := func(d *Dialect, secret []byte) Received {
		req := render(t, d, sample()).received()
		content, _, err := d.rules.contentOf(&scope{message: sample(), body: req.Body}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text := string(appendEncoded(nil, d.rules.encoding, macOf(d, secret, content)))
		req.Header.Set(d.rules.header, d.rules.hmac.prefix+text)
		return req
	}
	whsecKey, _ := decodeBase64(whsec[len("whsec_"):])
	for _, test := range []struct {
		name   string
		d      *Dialect
		signed []byte
		secret string
		detail string
	}{
		{"signed with the text", standard, []byte(whsec), whsec, "not decoded"},
		{"signed with the text without prefix", standard, []byte(whsec[6:]), whsec, "without the prefix"},
		{"prefix lost", standard, whsecKey, whsec[6:], "decoded from it as base64"},
		{"line break after whsec", standard, whsecKey, whsec + "\n", "white space"},
		{"quotes around whsec", standard, whsecKey, `"` + whsec + `"`, "quotes"},
		{"line break after raw", raw, []byte("hush"), "hush\n", "white space"},
		{"signed with a line break", raw, []byte("hush\n"), "hush", "a line break"},
		{"signed with decoded hex", raw, []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"), hex32, "hex"},
		{"signed with decoded base64", raw, whsecKey, whsec, "base64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.d.Verify(signedWith(test.d, test.signed), []string{test.secret}, at, 0)
			var refused *VerifyError
			if !errors.As(err, &refused) || refused.Code != CodeWrongSecret {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(refused.Detail, "right text in the wrong form") || !strings.Contains(refused.Detail, test.detail) {
				t.Errorf("got %v, want %q", refused, test.detail)
			}
			if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), whsec[6:]) || strings.Contains(err.Error(), hex32) {
				t.Errorf("the secret is in the error: %v", err)
			}
		})
	}
}

func macOf(d *Dialect, secret, content []byte) []byte {
	mac := hmac.New(d.rules.hmac.hash, secret)
	mac.Write(content)
	return mac.Sum(nil)
}

func TestVerifyTellsChangedBodyFromWrongSecretWhereItCan(t *testing.T) {
	d := lookup(t, "standard")
	secret, foreign := secretsOf(d)
	good := render(t, d, sample(), secret)
	length := strconv.Itoa(len(good.Body))
	for _, test := range []struct {
		name   string
		secret string
		change func(*Received)
		want   string
		detail string
	}{
		{"right length, wrong secret", foreign, func(r *Received) {
			r.Header.Set("Content-Length", length)
		}, CodeWrongSecret, "most likely"},
		{"wrong length", secret, func(r *Received) {
			r.Header.Set("Content-Length", length)
			r.Body = bytes.Replace(r.Body, []byte(`"big"`), []byte(`"bigger"`), 1)
		}, CodeChangedBody, "Content-Length"},
		{"cut off", secret, func(r *Received) { r.Body = r.Body[:len(r.Body)-5] }, CodeChangedBody, "not JSON"},
		{"parsed to nothing", secret, func(r *Received) { r.Body = nil }, CodeChangedBody, "not JSON"},
		{"neither", foreign, func(*Received) {}, CodeSignatureMismatch, "cannot be told"},
		{"seconds to milliseconds", secret, func(r *Received) {
			r.Header.Set("webhook-timestamp", r.Header.Get("webhook-timestamp")+"000")
		}, CodeChangedHeader, "converted"},
		{"bad secret", "whsec_%", func(*Received) {}, CodeBadSecret, "base64"},
		{"another dialect", secret, func(r *Received) {
			r.Header.Set("svix-signature", r.Header.Get("webhook-signature"))
			r.Header.Del("webhook-signature")
		}, CodeMissingHeader, "dialect svix"},
		{"many signatures", secret, func(r *Received) {
			r.Header.Set("webhook-signature", strings.Repeat("v1,AAAA ", 100))
		}, CodeMalformedHeader, "more than 32"},
		{"only future versions", secret, func(r *Received) {
			r.Header.Set("webhook-signature", "v2,AAAA")
		}, CodeMalformedHeader, "v1,"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := good.received()
			test.change(&req)
			var refused *VerifyError
			if err := d.Verify(req, []string{test.secret}, at, 0); !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if refused.Code != test.want || !strings.Contains(refused.Detail, test.detail) {
				t.Errorf("got %v, want %s with %q", refused, test.want, test.detail)
			}
		})
	}
}

func TestVerifyAllthingsTime(t *testing.T) {
	d := lookup(t, "allthings")
	req := render(t, d, sample(), "s3cr3t").received()
	req.Body = bytes.Replace(req.Body, []byte(`"timestamp":1799999999123`), []byte(`"timestamp":1799999999124`), 1)
	var refused *VerifyError
	if err := d.Verify(req, []string{"s3cr3t"}, at, 0); !errors.As(err, &refused) ||
		refused.Code != CodeChangedBody || !strings.Contains(refused.Detail, "time in the body") {
		t.Errorf("got %v", err)
	}
}

func TestVerifyShowpass(t *testing.T) {
	d := lookup(t, "showpass")
	req := render(t, d, sample(), "sp_secret_1").received()
	// What the provider's scheme does not cover cannot be noticed.
	req.Body = bytes.Replace(req.Body, []byte("1.0"), []byte("9.9"), 1)
	if err := d.Verify(req, []string{"sp_secret_1"}, at, 0); err != nil {
		t.Error(err)
	}
	req.Body = []byte(`{"data":{}}`)
	if got := codeOf(d.Verify(req, []string{"sp_secret_1"}, at, 0)); got != CodeChangedBody {
		t.Errorf("without id: %s", got)
	}
	// A signature over nothing must not open the door to bodies without id.
	req.Header.Set(d.rules.header, string(appendEncoded(nil, "hex", macOf(d, []byte("sp_secret_1"), nil))))
	if got := codeOf(d.Verify(req, []string{"sp_secret_1"}, at, 0)); got != CodeChangedBody {
		t.Errorf("without id, empty signed: %q", got)
	}
}

func TestVerifyTakesHeadersInAnyCase(t *testing.T) {
	d := lookup(t, "standard")
	secret, _ := secretsOf(d)
	req := Received{Header: http.Header{}}
	rendered := render(t, d, sample(), secret)
	req.Body = rendered.Body
	for _, h := range rendered.Headers {
		req.Header[strings.ToUpper(h.Name)] = []string{h.Value}
	}
	if err := d.Verify(req, []string{secret}, at, 0); err != nil {
		t.Error(err)
	}
}

func TestVerifyUnknownDialect(t *testing.T) {
	err := Verify("nope", nil, nil, "x")
	if err == nil || !strings.Contains(err.Error(), "standard, cloudevents") {
		t.Errorf("got %v", err)
	}
}

// TestDiagnosisIsBounded guards against bodies made to keep a receiver busy.
func TestDiagnosisIsBounded(t *testing.T) {
	for _, body := range []string{
		strings.Repeat("[", 8000) + strings.Repeat("]", 8000),
		`{"a":"` + strings.Repeat(`\u0041/é<`, 1500) + `"}`,
		strings.Repeat("[", 16) + strings.Repeat("0,", 8000) + "0" + strings.Repeat("]", 16),
	} {
		tried := 0
		for _, signed := range signedBodies([]byte(body)) {
			tried += len(signed)
		}
		if tried > 16*maxTried {
			t.Errorf("%.20s…: %d bytes", body, tried)
		}
	}
	if got := depth([]byte(`{"[[[":[{"\"[":1},[]]}`)); got != 3 {
		t.Errorf("depth is %d, want 3", got)
	}

	// A body too large to search is still refused.
	d := lookup(t, "raw")
	secret, _ := secretsOf(d)
	m := sample()
	m.Data = []byte(`"` + strings.Repeat("x", maxDiagnosed) + `"`)
	req := render(t, d, m, secret).received()
	req.Body = concat(req.Body, "\n")
	if got := codeOf(d.Verify(req, []string{secret}, at, 0)); got != CodeSignatureMismatch {
		t.Errorf("got %s", got)
	}
}

// TestAHeaderThatIsNotSignedMayBeMissing: what a dialect sends beside the signature is not
// asked for, with a time in the request or without.
func TestAHeaderThatIsNotSignedMayBeMissing(t *testing.T) {
	for _, name := range []string{"convoy", "convoy-simple", "github", "shopify"} {
		d := lookup(t, name)
		m := sample()
		secret, _ := secretsOf(d)
		r := render(t, d, m, secret).received()
		for header := range r.Header {
			if header != http.CanonicalHeaderKey(d.rules.header) {
				delete(r.Header, header)
			}
		}
		if err := d.Verify(r, []string{secret}, m.Timestamp, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
