package recipe_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
)

// slackServer is an incoming webhook of Slack: it takes one message a second, refuses
// messages that break its bounds, and answers in plain text.
type slackServer struct {
	*target
	messages []string
	busy     bool
	gone     bool
}

func newSlack(t *testing.T) *slackServer {
	s := &slackServer{}
	s.target = serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var m struct {
			Text   string `json:"text"`
			Blocks []struct {
				Type   string            `json:"type"`
				Text   *slackText        `json:"text"`
				Fields []slackText       `json:"fields"`
				Other  []json.RawMessage `json:"elements"`
			} `json:"blocks"`
		}
		switch {
		case s.gone:
			answer(w, 404, "no_service")
		case s.busy:
			w.Header().Set("Retry-After", "30")
			answer(w, 429, "rate_limited")
		case r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || decoded(body, &m) != nil:
			answer(w, 400, "invalid_payload")
		case m.Text == "":
			answer(w, 400, "no_text")
		case len(m.Blocks) > 50:
			answer(w, 400, "invalid_blocks")
		default:
			for _, b := range m.Blocks {
				if b.Text != nil && !b.Text.valid(3000) || len(b.Fields) > 10 || b.Text == nil && len(b.Fields) == 0 {
					answer(w, 400, "invalid_blocks")
					return
				}
				for _, f := range b.Fields {
					if !f.valid(2000) {
						answer(w, 400, "invalid_blocks")
						return
					}
				}
			}
			s.messages = append(s.messages, string(body))
			answer(w, 200, "ok")
		}
	})
	return s
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func (t *slackText) valid(most int) bool {
	return t.Type == "mrkdwn" && t.Text != "" && utf8.RuneCountInString(t.Text) <= most
}

func TestSlack(t *testing.T) {
	h, s := open(t), newSlack(t)
	r := h.endpoint("slack", s.URL+"/services/T0/B0/XX", nil)
	h.sends(r, h.event("slack", 1), bellhop.ClassTaken, "")
	golden(t, "slack", s.last())

	for i, kind := range []string{"teams", "zapier", "discord", "n8n"} { // each of the events that it knows
		e := h.event(kind, 2+i)
		h.sends(r, e, bellhop.ClassTaken, "")
		golden(t, "slack."+e.Event.Type, s.last())
	}
	// Whatever it does not know: short, long, flat, deep, empty, hostile.
	for i, data := range []string{
		`{}`, `[]`, `null`, `1`, `"x"`, `{"a":{"b":[1,2]}}`, `{"a":"` + strings.Repeat("x", 100_000) + `"}`,
		`{"text":"<!channel> <https://evil.example|click> & \"quotes\"\u2028"}`, `{"title":"x"}`,
		`[` + strings.Repeat(`{"a":1},`, 1000) + `{}]`,
	} {
		for _, kind := range []string{"webhook.test", "ticket.created", "ticket.updated", "booking.accepted", "registration-code.created", "invoice.purchase"} {
			h.sends(r, h.event("slack", 10+i, func(e *bellhop.Event) { e.Type, e.Subject, e.Data = kind, "", bellhop.JSON(data) }), bellhop.ClassTaken, "")
			if strings.Contains(s.last(), "<!channel>") || strings.Contains(s.last(), "<https") {
				t.Errorf("an event mentions or links: %s", s.last())
			}
		}
	}
	own := h.endpoint("slack", s.URL, nil, func(e *bellhop.Endpoint) {
		e.RecipeFields = map[string]string{"text": "*<!here>* ${data.title} <${data.photos[0]}|photo>"}
	})
	h.sends(own, h.event("slack", 40, func(e *bellhop.Event) {
		e.Data = bellhop.JSON(`{"title":"a <!channel> & b","photos":["https://files.example.com/1.jpg"]}`)
	}), bellhop.ClassTaken, "")
	if want := `{"text":"*<!here>* a &lt;!channel&gt; &amp; b <https://files.example.com/1.jpg|photo>"}`; s.messages[len(s.messages)-1] != want {
		t.Errorf("own text: %s", s.messages[len(s.messages)-1])
	}

	s.busy = true
	if o := h.sends(r, h.event("slack", 50), bellhop.ClassOverloaded, "429"); o.After.Seconds() != 30 {
		t.Errorf("after %s", o.After)
	}
	s.busy, s.gone = false, true
	h.sends(r, h.event("slack", 51), bellhop.ClassAgain, "make a new one in Slack")
}

func TestSlackAnswersOKOrItIsNoSuccess(t *testing.T) {
	h := open(t)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) { answer(w, 200, "<html>Sign in</html>") })
	o := h.sends(h.endpoint("slack", s.URL, nil), h.event("slack", 1), bellhop.ClassAgain, "not what recipe slack takes for success")
	if o.Reason != bellhop.ReasonAnswer {
		t.Errorf("reason %s", o.Reason)
	}
}

// newTeams is a workflow that is started by a webhook: it answers 202 and posts what is
// an adaptive card of at most 28 KB, four a second.
func newTeams(t *testing.T, cards *[]string) *target {
	return serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var m struct {
			Type        string `json:"type"`
			Attachments []struct {
				ContentType string `json:"contentType"`
				ContentURL  *bool  `json:"contentUrl"`
				Content     struct {
					Schema  string `json:"$schema"`
					Type    string `json:"type"`
					Version string `json:"version"`
					Body    []struct {
						Type  string                          `json:"type"`
						Text  string                          `json:"text"`
						Facts []struct{ Title, Value string } `json:"facts"`
						Style map[string]string               `json:"-"`
						Size  string                          `json:"size"`
						Bold  string                          `json:"weight"`
						Wrap  bool                            `json:"wrap"`
					} `json:"body"`
				} `json:"content"`
			} `json:"attachments"`
		}
		switch {
		case r.URL.Query().Get("sig") != "XXXX":
			answer(w, 401, `{"error":{"code":"DirectApiAuthorizationRequired"}}`)
		case decoded(body, &m) != nil || m.Type != "message" || len(m.Attachments) != 1 || len(m.Attachments[0].Content.Body) == 0:
			answer(w, 400, `{"error":{"code":"TriggerInputSchemaMismatch"}}`)
		case len(body) > 28<<10:
			answer(w, 413, `{"error":{"code":"RequestEntityTooLarge"}}`)
		default:
			*cards = append(*cards, string(body))
			w.WriteHeader(202)
		}
	})
}

func TestTeams(t *testing.T) {
	var cards []string
	h, s := open(t), newTeams(t, &cards)
	r := h.endpoint("teams", s.URL+"/workflows/1/triggers/manual/paths/invoke?api-version=2016-06-01&sig=XXXX", nil)
	h.sends(r, h.event("teams", 1), bellhop.ClassTaken, "")
	golden(t, "teams", s.last())
	for _, kind := range []string{"slack", "zapier", "discord", "n8n"} {
		h.sends(r, h.event(kind, 2), bellhop.ClassTaken, "")
	}
	h.sends(r, h.event("teams", 3, func(e *bellhop.Event) {
		e.Type, e.Data = "other", bellhop.JSON(`{"a":"[x](https://evil.example) *b*","long":"`+strings.Repeat("é", 50_000)+`"}`)
	}), bellhop.ClassTaken, "")
	if strings.Contains(cards[len(cards)-1], "[x](") {
		t.Errorf("an event makes a link: %s", cards[len(cards)-1])
	}
	h.sends(h.endpoint("teams", s.URL, nil), h.event("teams", 4), bellhop.ClassAgain, "anyone may start it")
}

// newDiscord is a webhook of Discord with its bounds, and its limit of five in two
// seconds.
func newDiscord(t *testing.T, window *int) *target {
	return serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		var m struct {
			Content  string                    `json:"content"`
			Mentions *struct{ Parse []string } `json:"allowed_mentions"`
			Embeds   []struct {
				Title, Description, Timestamp string
				Fields                        []struct {
					Name, Value string
					Inline      bool
				}
				Footer struct{ Text string }
			} `json:"embeds"`
		}
		if *window++; *window > 5 {
			w.Header().Set("Retry-After", "2")
			answer(w, 429, `{"message":"You are being rate limited.","retry_after":1.3,"global":false}`)
			return
		}
		bad := decoded(body, &m) != nil || m.Mentions == nil || len(m.Mentions.Parse) > 0 || m.Content == "" && len(m.Embeds) == 0 || utf8.RuneCountInString(m.Content) > 2000
		for _, e := range m.Embeds {
			total := utf8.RuneCountInString(e.Title + e.Description + e.Footer.Text)
			bad = bad || len(e.Fields) > 25 || utf8.RuneCountInString(e.Title) > 256 || utf8.RuneCountInString(e.Description) > 4096
			for _, f := range e.Fields {
				n, v := utf8.RuneCountInString(f.Name), utf8.RuneCountInString(f.Value)
				bad = bad || n == 0 || n > 256 || v == 0 || v > 1024
				total += n + v
			}
			bad = bad || total > 6000
		}
		if bad {
			answer(w, 400, `{"message":"Cannot send an empty message","code":50006}`)
			return
		}
		w.WriteHeader(204)
	})
}

func TestDiscord(t *testing.T) {
	window := 0
	h, s := open(t), newDiscord(t, &window)
	r := h.endpoint("discord", s.URL+"/api/webhooks/1/XX", nil)
	h.sends(r, h.event("discord", 1), bellhop.ClassTaken, "")
	golden(t, "discord", s.last())
	for _, kind := range []string{"slack", "teams", "zapier", "n8n"} {
		h.sends(r, h.event(kind, 2), bellhop.ClassTaken, "")
	}
	if o := h.sends(r, h.event("discord", 3), bellhop.ClassOverloaded, "429"); o.After.Seconds() != 2 {
		t.Errorf("after %s", o.After)
	}
	window = 0
	h.sends(r, h.event("discord", 4, func(e *bellhop.Event) {
		e.Type, e.Data = "other", bellhop.JSON(`{"a":"@everyone","b":"`+strings.Repeat("x", 50_000)+`"}`)
	}), bellhop.ClassTaken, "")
}
