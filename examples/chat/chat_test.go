package chat_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/examples/chat"
)

func TestWebhookIsAsStrictAsSlacks(t *testing.T) {
	now := time.Unix(0, 0)
	c := chat.New(func() time.Time { return now })
	post := func(path, body string) *httptest.ResponseRecorder {
		now = now.Add(time.Second) // never too fast
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		return w
	}
	for body, want := range map[string]string{
		`{"text":"hello"}`: "200 ok",
		`{"text":""}`:      "400 no_text",
		`{}`:               "400 no_text",
		`{"text":`:         "400 invalid_payload",
		`[]`:               "400 invalid_payload",
		`{"blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*hi*"}}]}`:                      "200 ok",
		`{"blocks":[{"type":"section"}]}`:                                                             "400 invalid_blocks",
		`{"blocks":[{"type":"poem"}]}`:                                                                "400 invalid_blocks",
		`{"text":"x","blocks":[` + strings.Repeat(`{"type":"divider"},`, 50) + `{"type":"divider"}]}`: "400 invalid_blocks",
		`{"text":"` + strings.Repeat("x", 40_001) + `"}`:                                              "400 msg_too_long",
	} {
		if w := post(c.Path, body); strings.TrimSpace(w.Result().Status[:3]+" "+w.Body.String()) != want {
			t.Errorf("%.60s: %d %s, want %s", body, w.Code, w.Body, want)
		}
	}
	if w := post("/services/T0/B0/guess", `{"text":"x"}`); w.Code != 404 {
		t.Errorf("a guessed address: %d", w.Code)
	}
	if n := len(c.Messages()); n != 2 {
		t.Errorf("%d messages", n)
	}
}

func TestOneMessageASecond(t *testing.T) {
	now := time.Unix(0, 0)
	c := chat.New(func() time.Time { return now })
	post := func() int {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, c.Path, strings.NewReader(`{"text":"x"}`)))
		if w.Code == 429 && w.Header().Get("Retry-After") != "1" {
			t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
		}
		return w.Code
	}
	taken := 0
	for range 10 {
		if post() == 200 {
			taken++
		}
	}
	if taken != 4 || post() != 429 {
		t.Errorf("%d of a burst of ten were taken", taken)
	}
	now = now.Add(time.Second)
	if post() != 200 || post() != 429 {
		t.Error("after a second there is room for one more")
	}
}

func TestRenderEscapes(t *testing.T) {
	for in, want := range map[string]string{
		`*Sold*: 2 × <script>alert(1)</script>`: `<b>Sold</b>: 2 × &lt;script&gt;alert(1)&lt;/script&gt;`,
		`Tom &amp; Ida &lt;x&gt;`:               `Tom &amp; Ida &#60;x&#62;`,
		"<https://example.com/a?b=1|the order>": `<a rel="noreferrer" href="https://example.com/a?b=1">the order</a>`,
		`&lt;https://example.com|no link&gt;`:   `&#60;https://example.com|no link&#62;`,
		`<javascript:alert(1)|x>`:               `&lt;javascript:alert(1)|x&gt;`,
		"<!date^1800000000^{time}|8 pm>, then":  "8 pm, then",
		`_quiet_ 3*4*5`:                         `<i>quiet</i> 3*4*5`,
	} {
		if got := string(chat.Render(in)); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestPartsOfAMessage(t *testing.T) {
	c := chat.New(time.Now)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, c.Path, strings.NewReader(`{"text":"fallback","blocks":[
		{"type":"section","text":{"type":"mrkdwn","text":"*A*\nb"},"fields":[{"type":"mrkdwn","text":"*C*\nd"}]},
		{"type":"context","elements":[{"type":"mrkdwn","text":"e"},{"type":"button","text":{"type":"plain_text","text":"f"}}]}]}`)))
	parts := c.Messages()[0].Parts()
	if got := fmt.Sprint(parts); w.Code != 200 || got != "[{[<b>A</b> b] [[<b>C</b> d]]} {[e f] []}]" {
		t.Errorf("%d %s", w.Code, got)
	}
}
