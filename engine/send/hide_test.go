package send

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
)

// TestHide: a secret is found however it is written, and nothing else is.
func TestHide(t *testing.T) {
	const s = `sek/ret+"<t&k>" é😀`
	asJSON := func(s string) string { b, _ := json.Marshal(s); return strings.Trim(string(b), `"`) }
	ascii := strings.NewReplacer("é", `\u00e9`, "😀", `\ud83d\ude00`, "+", `\u002B`)
	for name, text := range map[string]string{
		"plain": s, "Go's JSON": asJSON(s), "PHP's JSON": strings.ReplaceAll(asJSON(s), "/", `\/`), "ASCII JSON": ascii.Replace(asJSON(s)),
		"JSON in JSON": asJSON(strings.ReplaceAll(asJSON(s), "/", `\/`)), "URL": url.PathEscape(s), "HTML": html.EscapeString(s),
		"URL in JSON": asJSON(url.PathEscape(s)), "HTML in JSON": asJSON(html.EscapeString(s)), "numbers": strings.ReplaceAll(html.EscapeString(s), "+", "&#x2b;"),
	} {
		got := string(hide([]byte("a "+text+" z "+text), []string{s, "abc"}))
		if got != "a "+bellhop.Hidden+" z "+bellhop.Hidden {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
	for _, text := range []string{"", `a \/ %2F &amp; b`, `\`, `\u`, `\u00e`, `%`, `%4`, `&`, `&;`, "sek/re", `\ud83d`} {
		if got := string(hide([]byte(text), []string{s, "abc", "abcd"})); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	// What stands in the secret as an escape is found as it is.
	if got := string(hide([]byte(`x 50%25\/off`), []string{`50%25/off`})); got != "x "+bellhop.Hidden {
		t.Error(got)
	}
}

// TestNoSecretAtTheEdge: wherever the answer is cut, no part of a secret is left.
func TestNoSecretAtTheEdge(t *testing.T) {
	const secret = "TOP/SECRETabcdefghijklmnop"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s Bearer %s and more", strings.Repeat("x", len(body)), strings.ReplaceAll(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "/", `\/`))
	}))
	t.Cleanup(s.Close)
	h := open(t, nil, func(o *Options) { o.MaxBody = 200 })
	r := h.endpoint(s.URL, h.with(bellhop.Auth{Type: bellhop.AuthBearer}, map[string]string{bellhop.SealedToken: secret}))
	for n := 120; n < 200; n++ {
		o, _ := h.Send(t.Context(), r, work(`"`+strings.Repeat("y", n)+`"`))
		body := string(o.Exchange.ResponseBody)
		if o.Class != bellhop.ClassTaken || len(body) > 200 || strings.Contains(body, "TOP") {
			t.Fatalf("at %d: %+v: %s", n, o.Class, body)
		}
	}
}
