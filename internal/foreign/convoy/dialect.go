package convoy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
)

// dialectOf is the server's dialect that signs as a project does, as JSON; where there is
// none, what is missing is noted.
func (r *reader) dialectOf(p *project, advanced bool) (bellhop.JSON, error) {
	algorithm, err := p.algorithm()
	if err != nil {
		return nil, err
	}
	newest := p.versions[len(p.versions)-1]
	want := dialect.Signature{Algorithm: algorithm, Secret: "raw", Content: "${body}", Encoding: newest.Encoding, Header: p.header}
	name := "convoy-" + strings.ToLower(newest.Hash) + "-" + newest.Encoding
	if !strings.EqualFold(p.header, defaultHeader) {
		name += "-" + slug(p.header)
	}
	if advanced {
		want.Content, want.Value, want.Join = "${ts},${body}", "t=${ts},${signatures}", ","
		want.Each = fmt.Sprintf("v%d=${signature}", len(p.versions))
		if len(p.versions) > 1 {
			name += fmt.Sprintf("-v%d", len(p.versions))
		}
	} else {
		name += "-simple"
	}
	for i := range r.Dialects {
		if d := &r.Dialects[i]; (d.Body == "" || d.Body == "${data}") && (d.ContentType == "" || d.ContentType == "application/json") && sameSignature(&d.Signature, &want) {
			return json.Marshal(d.Name)
		}
	}
	r.missing[definition(name, &want)] = true
	return json.Marshal(name)
}

// algorithm is how a project signs, by its newest version.
func (p *project) algorithm() (string, error) {
	newest := p.versions[len(p.versions)-1]
	algorithm := map[string]string{"SHA256": "hmac-sha256", "SHA512": "hmac-sha512"}[newest.Hash]
	if algorithm == "" || newest.Encoding != "hex" && newest.Encoding != "base64" {
		return "", fmt.Errorf("it signs with %q in %q, which is not known", bellhop.Clip(newest.Hash), bellhop.Clip(newest.Encoding))
	}
	return algorithm, nil
}

const defaultHeader = "X-Convoy-Signature"

// sameSignature tells whether receivers can check both alike.
func sameSignature(x, y *dialect.Signature) bool {
	return x.Algorithm == y.Algorithm && x.Secret == y.Secret && x.Encoding == y.Encoding && strings.EqualFold(x.Header, y.Header) && x.Join == y.Join &&
		orDefault(x.Content, "${body}") == orDefault(y.Content, "${body}") && orDefault(x.Value, "${signatures}") == orDefault(y.Value, "${signatures}") &&
		orDefault(x.Each, "${signature}") == orDefault(y.Each, "${signature}") && x.Backdate == ""
}

func orDefault(s, usual string) string {
	if s == "" {
		return usual
	}
	return s
}

// definition is a dialect as the configuration file has it.
func definition(name string, s *dialect.Signature) string {
	text := fmt.Sprintf("  - name: %s\n    headers:\n      - {name: X-Convoy-Idempotency-Key, value: \"${id}\"}\n    signature:\n      algorithm: %s\n      secret: raw\n      content: %q\n      encoding: %s\n      header: %s\n",
		name, s.Algorithm, s.Content, s.Encoding, s.Header)
	if s.Value != "" {
		text += fmt.Sprintf("      value: %q\n      each: %q\n      join: %q\n", s.Value, s.Each, s.Join)
	}
	return text
}

// slug makes a part of a dialect's name of a header's.
func slug(s string) string {
	s = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(s))
	return strings.Trim(s[:min(len(s), 30)], "-")
}

// rest says what is not read at all.
func (r *reader) rest(context.Context) error {
	for _, p := range r.order {
		if len(p.versions) > 1 {
			r.out.Lose("project %s: signatures of its versions before the newest, v%d: receivers that check an earlier one alone would refuse requests", p.id, len(p.versions))
		}
	}
	r.out.Lose("users, organisations, API keys and portal links: make keys ('bellhop keys create') and portal links of your own")
	r.out.Lose("events and attempts: what was accepted by Convoy is Convoy's to deliver, so let it run until it has")
	return nil
}
