package dialect

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// custom is a definition such as an operator writes: unlike all built-in ones.
func custom() Definition {
	return Definition{
		Name:        "old-shop",
		ContentType: "application/vnd.old-shop+json",
		Body:        `{"kind":${type|json},"ref":"order/${data.order.id ?? id | escape}"${?subject},"about":${subject|json}${/},"payload":${data}}`,
		Headers: []HeaderTemplate{
			{"X-Shop", `${app}`},
			{"X-Sent", `${ms}`},
			{"X-About", `${?subject}about ${subject|url}${/}`},
			{"X-Cost", `$5 $${free}`},
		},
		Signature: Signature{
			Algorithm: "hmac-sha512",
			Secret:    "hex",
			Content:   `${app}|${uuid}|${ms}|${body.ref}|${body}`,
			Encoding:  "base64url",
			Header:    "X-Shop-Signature",
			Value:     `id="${uuid}"; sig="${signatures}"`,
			Each:      `s1:${signature}`,
			Join:      ", ",
			MaxAge:    "1h",
		},
	}
}

func TestCustomDefinition(t *testing.T) {
	d, err := Compile(custom())
	if err != nil {
		t.Fatal(err)
	}
	newest, old := secretsOf(d)
	m := sample()
	m.Data = []byte(`{"order":{"id":42}}`)
	m.Subject = "a/b"
	req := render(t, d, m, newest, old)
	if got, want := string(req.Body), `{"kind":"invoice.purchase","ref":"order/42","about":"a/b","payload":{"order":{"id":42}}}`; got != want {
		t.Errorf("body is %s, want %s", got, want)
	}
	header := req.received().Header
	for name, want := range map[string]string{
		"Content-Type": "application/vnd.old-shop+json",
		"X-Shop":       "acme",
		"X-Sent":       "1800000000123",
		"X-About":      "about a%2Fb",
		"X-Cost":       "$5 ${free}",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, secret := range []string{newest, old} {
		if err := d.Verify(req.received(), []string{secret}, at, 0); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(custom(), d.Definition()); diff != "" {
		t.Error(diff)
	}
	d.Definition().Headers[0].Name = "changed"
	if d.Definition().Headers[0].Name != "X-Shop" {
		t.Error("Definition returns the dialect's own slice")
	}
}

func TestShortestDefinition(t *testing.T) {
	d, err := Compile(Definition{
		Name:      "short",
		Signature: Signature{Algorithm: "ed25519", Encoding: "base64", Header: "Signature"},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := d.NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	public, ok := PublicKey(secret)
	if !ok {
		t.Fatalf("NewSecret returned %.5s…", secret)
	}
	req := render(t, d, sample(), secret)
	if string(req.Body) != string(sample().Data) {
		t.Errorf("body is %s", req.Body)
	}
	if err := d.Verify(req.received(), []string{public}, at, 0); err != nil {
		t.Error(err)
	}
}

func TestCompileNamesFieldAndRemedy(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Definition)
		want   string
	}{
		{"no name", func(d *Definition) { d.Name = "" }, `name has 0 characters; give 1 to 63`},
		{"bad name", func(d *Definition) { d.Name = "Old Shop" }, `name has the character 'O'; use lower-case`},
		{"content type", func(d *Definition) { d.ContentType = "json" }, `content_type "json" is not a media type; write`},
		{"content type with CRLF", func(d *Definition) { d.ContentType = "a/b;\r\n c=d" }, `content_type`},
		{"open value", func(d *Definition) { d.Body = `{${data` }, `body has ${ without }; close it`},
		{"unknown value", func(d *Definition) { d.Body = `${dat}` }, `body has ${dat}: there is no value "dat"; see`},
		{"unknown filter", func(d *Definition) { d.Body = `${type|jsn}` }, `there is no filter "jsn"; use json`},
		{"member of text", func(d *Definition) { d.Body = `${type.x|json}` }, `type has no members; write ${type}`},
		{"empty member", func(d *Definition) { d.Body = `${data..x|json}` }, `a member's name is empty; write ${data.name}`},
		{"unescaped", func(d *Definition) { d.Body = `"${type}"` }, `body has ${type}, which would let a publisher break the JSON; write ${type|json}, or`},
		{"unescaped fallback", func(d *Definition) { d.Body = `${data ?? id}` }, `body has ${id}, which`},
		{"percent is not JSON", func(d *Definition) { d.Body = `"${type|percent}"` }, `body has ${type}, which`},
		{"not JSON", func(d *Definition) { d.Body = `{"a":${data},}` }, `body does not give JSON; check commas`},
		{"JSON only with subject", func(d *Definition) { d.Body = `{${?subject}"a":1,${/}}` }, `body does not give JSON`},
		{"section left open", func(d *Definition) { d.Body = `${?subject}${data}` }, `body has ${?subject} without an end; close it with ${/}`},
		{"section never opened", func(d *Definition) { d.Body = `${data}${/}` }, `body has ${/} without a section; open`},
		{"section with filter", func(d *Definition) { d.Body = `${?subject|json}${/}` }, `a section takes no filter; remove it`},
		{"signature in body", func(d *Definition) { d.Body = `${signature|json}` }, `body has ${signature}, which belongs`},
		{"long template", func(d *Definition) { d.Body = strings.Repeat("x", maxTemplate+1) }, `body is 65537 bytes long; shorten`},
		{"header name", func(d *Definition) { d.Headers[0].Name = "X Shop" }, `headers[0].name "X Shop" is not a header's name; use`},
		{"header twice", func(d *Definition) { d.Headers[1].Name = "x-shop" }, `headers[1].name "x-shop" occurs twice; remove one`},
		{"content type as header", func(d *Definition) { d.Headers[0].Name = "content-type" }, `set content_type instead`},
		{"HTTP's own header", func(d *Definition) { d.Headers[0].Name = "Content-Length" }, `belongs to HTTP itself; choose`},
		{"CRLF in header", func(d *Definition) { d.Headers[0].Value = "a\r\nX-Evil: 1" }, `headers[0].value has characters outside printable ASCII; remove`},
		{"space around header", func(d *Definition) { d.Headers[0].Value = " x" }, `headers[0].value has spaces around it`},
		{"data in header", func(d *Definition) { d.Headers[0].Value = "${data}" }, `headers[0].value has ${data}, which does not fit`},
		{"many headers", func(d *Definition) { d.Headers = make([]HeaderTemplate, 65) }, `headers are 65; keep at most 64`},
		{"algorithm", func(d *Definition) { d.Signature.Algorithm = "md5" }, `signature.algorithm "md5" is unknown; use hmac-sha1`},
		{"secret form", func(d *Definition) { d.Signature.Secret = "" }, `signature.secret "" is unknown; use raw`},
		{"whsec prefix", func(d *Definition) { d.Signature.Secret, d.Signature.SecretPrefix = "whsec", "x" }, `signature.secret_prefix is always whsec_`},
		{"prefix", func(d *Definition) { d.Signature.SecretPrefix = "a b" }, `signature.secret_prefix "a b" is not a prefix`},
		{"encoding", func(d *Definition) { d.Signature.Encoding = "b64" }, `signature.encoding "b64" is unknown; use hex`},
		{"signature header", func(d *Definition) { d.Signature.Header = "" }, `signature.header "" is not a header's name`},
		{"signature header twice", func(d *Definition) { d.Signature.Header = "X-SHOP" }, `signature.header "X-SHOP" is also in headers; remove`},
		{"test data", func(d *Definition) { d.Verification.Data = "{" }, `verification.data is not JSON; write`},
		{"option not declared", func(d *Definition) { d.Body = `{"v":${option.version|json}}` }, `body has ${option.version}, which options do not have; add it there`},
		{"option without name", func(d *Definition) { d.Body = `{"v":${option|json}}` }, `an option has a name; write ${option.name}`},
		{"option's name", func(d *Definition) { d.Options = []Option{{Name: "api-version"}} }, `options[0].name "api-version" is not a name; use`},
		{"option twice", func(d *Definition) { d.Options = []Option{{Name: "a"}, {Name: "a"}} }, `options[1].name "a" occurs twice; remove`},
		{"option's default", func(d *Definition) { d.Options = []Option{{Name: "a", Default: "${data.x}"}} }, `options[0].default has ${data.x}; use`},
		{"option unescaped", func(d *Definition) {
			d.Options, d.Body = []Option{{Name: "a"}}, `{"v":"${option.a}"}`
		}, `body has ${option.a}, which would let a publisher break the JSON; write ${option.a|json}`},
		{"option signed", func(d *Definition) {
			d.Options, d.Signature.Content = []Option{{Name: "a"}}, "${option.a}${body}"
		}, `signature.content has ${option.a}, which cannot be signed; use ${body}`},
		{"unknowable content", func(d *Definition) { d.Signature.Content = "${type}${body}" }, `signature.content has ${type}, which receivers could not know; add a header whose value is exactly ${type}`},
		{"data in content", func(d *Definition) { d.Signature.Content = "${data}" }, `signature.content has ${data}, which cannot be signed; use ${body}`},
		{"filter in content", func(d *Definition) { d.Signature.Content = "${body|json}" }, `signature.content has a section, filter or ??`},
		{"constant content", func(d *Definition) { d.Signature.Content = "x" }, `signature.content is the same for every event; sign`},
		{"no signatures", func(d *Definition) { d.Signature.Value = "t=${ts}" }, `signature.value has ${signatures} 0 times; write it once`},
		{"side by side", func(d *Definition) { d.Signature.Value = "${ts}${signatures}" }, `signature.value has two values side by side; put`},
		{"type in value", func(d *Definition) { d.Signature.Value = "${type},${signatures}" }, `signature.value has ${type}; only signatures, uuid`},
		{"no signature", func(d *Definition) { d.Signature.Each = "v1" }, `signature.each has ${signature} 0 times; write it once`},
		{"body in each", func(d *Definition) { d.Signature.Each = "${body}${signature}" }, `signature.each has ${body}; only`},
		{"same forms", func(d *Definition) { d.Signature.Ed25519 = d.Signature.Each }, `signature.ed25519 has the form of each; make`},
		{"join like hex", func(d *Definition) { d.Signature.Join = "a" }, `signature.join "a" could be part of a signature; use`},
		{"join in each", func(d *Definition) { d.Signature.Join = ":" }, `signature could not be verified by its receiver; check`},
		{"age", func(d *Definition) { d.Signature.MaxAge = "5" }, `signature.max_age "5" is not a length of time in whole milliseconds; write`},
		{"age in microseconds", func(d *Definition) { d.Signature.MaxAge = "5us" }, `signature.max_age "5us" is not a length of time in whole milliseconds; write`},
		{"no age", func(d *Definition) { d.Signature.MaxAge = "0s" }, `signature.max_age 0s refuses every request; give`},
		{"before now without backdate", func(d *Definition) { d.Signature.MaxAhead = "0s" }, `signature.max_ahead 0s refuses a request that arrives in the millisecond in which it was made; give backdate`},
		{"backdate", func(d *Definition) { d.Signature.Backdate = "x" }, `signature.backdate "x" is not a length of time`},
		{"backdate beyond age", func(d *Definition) { d.Signature.Backdate = "1h" }, `signature.backdate makes every request older than max_age allows; give`},
		{"ahead", func(d *Definition) { d.Signature.MaxAhead = "-1s" }, `signature.max_ahead "-1s" is not`},
		{"body time path", func(d *Definition) { d.Signature.BodyTime = "a..b" }, `signature.body_time "a..b" is not a path; write`},
		{"body time missing", func(d *Definition) { d.Signature.BodyTime = "sent" }, `signature could not be verified by its receiver`},
		{"body time without header", func(d *Definition) {
			d.Signature.BodyTime, d.Signature.Content = "sent", ""
			d.Headers = d.Headers[:1]
		}, `signature.body_time needs a header whose value is ${ts} or ${ms}; add it`},
		{"ed25519 with form", func(d *Definition) { d.Signature.Algorithm = "ed25519" }, `signature.secret and secret_prefix are fixed for ed25519`},
	} {
		t.Run(test.name, func(t *testing.T) {
			def := custom()
			test.change(&def)
			_, err := Compile(def)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestCompileListsAllProblems(t *testing.T) {
	def := custom()
	def.Body, def.Signature.Encoding, def.Signature.Algorithm = "${", "", ""
	_, err := Compile(def)
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v, want three lines", err)
	}
}

func TestReceiversUseTheSignedClock(t *testing.T) {
	def := custom()
	def.Headers = []HeaderTemplate{{"X-Other-Time", "${ms}"}, {"X-Time", "${ts}"}}
	def.Signature.Content = "${ts}.${body}"
	d, err := Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := secretsOf(d)
	req := render(t, d, sample(), secret).received()
	req.Header.Set("X-Other-Time", "1")
	if err := d.Verify(req, []string{secret}, at, 0); err != nil {
		t.Errorf("an unsigned time decides: %v", err)
	}
}

func TestDefinitionAsJSON(t *testing.T) {
	text, err := json.Marshal(custom())
	if err != nil {
		t.Fatal(err)
	}
	var back Definition
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(custom(), back); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(text), `"max_age":"1h"`) {
		t.Errorf("got %s", text)
	}
}
