// Package chat is a sample receiver: a team chat with incoming webhooks as Slack's are.
// Like Slack, it takes no signature: whoever knows the webhook's URL may post. It answers
// "ok", and 429 with Retry-After to more than about one message a second.
package chat

import (
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/examples/page"
)

// Message is what was posted.
type Message struct {
	At     time.Time
	Text   string
	Blocks []Block
}

// Block is a part of a message, as far as the chat shows it.
type Block struct {
	Type     string    `json:"type"`
	Text     *Text     `json:"text"`
	Fields   []Text    `json:"fields"`
	Elements []Element `json:"elements"`
}

// Text is Slack's text object.
type Text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Element is a part of a context block, or a button.
type Element struct {
	Type string          `json:"type"`
	Text json.RawMessage `json:"text"` // a text, or a text object
}

// Channel is a channel with one incoming webhook. It is safe for concurrent use.
type Channel struct {
	// Path is the webhook's, which is secret: "/services/T…/B…/…".
	Path string
	now  func() time.Time

	mu       sync.Mutex
	messages []Message // newest last
	tokens   float64   // messages that may come at once
	filled   time.Time
	limited  int
	refused  int
}

const (
	maxMessages = 200
	maxBlocks   = 50
	burst       = 4 // a short burst is let through, as by Slack
)

// New opens a channel.
func New(now func() time.Time) *Channel {
	return &Channel{Path: "/services/T0HALL/B0BOX/" + rand.Text(), now: now, tokens: burst, filled: now()}
}

// ServeHTTP is the incoming webhook. Errors are the words that Slack answers.
func (c *Channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte(c.Path)) != 1 {
		c.refuse(w, http.StatusNotFound, "no_service")
		return
	}
	now := c.now()
	if c.tokens, c.filled = min(burst, c.tokens+now.Sub(c.filled).Seconds()), now; c.tokens < 1 {
		c.limited++
		w.Header().Set("Retry-After", "1")
		http.Error(w, "rate_limited", http.StatusTooManyRequests)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256<<10))
	var in struct {
		Text   *string
		Blocks []Block
	}
	switch {
	case err != nil, json.Unmarshal(body, &in) != nil:
		c.refuse(w, http.StatusBadRequest, "invalid_payload")
		return
	case (in.Text == nil || strings.TrimSpace(*in.Text) == "") && len(in.Blocks) == 0:
		c.refuse(w, http.StatusBadRequest, "no_text")
		return
	case in.Text != nil && len(*in.Text) > 40_000:
		c.refuse(w, http.StatusBadRequest, "msg_too_long")
		return
	case !valid(in.Blocks):
		c.refuse(w, http.StatusBadRequest, "invalid_blocks")
		return
	}
	c.tokens--
	m := Message{At: now, Blocks: in.Blocks}
	if in.Text != nil {
		m.Text = *in.Text
	}
	if c.messages = append(c.messages, m); len(c.messages) > maxMessages {
		c.messages = c.messages[1:]
	}
	_, _ = io.WriteString(w, "ok") // the sender has gone
}

func (c *Channel) refuse(w http.ResponseWriter, status int, word string) {
	c.refused++
	http.Error(w, word, status)
}

func valid(blocks []Block) bool {
	if len(blocks) > maxBlocks {
		return false
	}
	for _, b := range blocks {
		switch b.Type {
		case "section":
			if (b.Text == nil || b.Text.Text == "" || len(b.Text.Text) > 3000) && len(b.Fields) == 0 || len(b.Fields) > 10 {
				return false
			}
		case "header":
			if b.Text == nil || b.Text.Type != "plain_text" || len(b.Text.Text) > 150 {
				return false
			}
		case "context", "actions":
			if len(b.Elements) == 0 {
				return false
			}
		case "divider", "image":
		default:
			return false
		}
	}
	return true
}

// Messages are those in the channel, newest first.
func (c *Channel) Messages() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Message
	for i := len(c.messages) - 1; i >= 0; i-- {
		list = append(list, c.messages[i])
	}
	return list
}

// Part is a block as it is shown: lines, and fields beside each other.
type Part struct {
	Lines  []template.HTML
	Fields [][]template.HTML
}

// Parts gives the message as it is shown: its blocks or, without any, its text.
func (m Message) Parts() []Part {
	if len(m.Blocks) == 0 {
		return []Part{{Lines: lines(m.Text)}}
	}
	var parts []Part
	for _, b := range m.Blocks {
		var p Part
		if b.Text != nil {
			p.Lines = lines(b.Text.Text)
		}
		for _, f := range b.Fields {
			p.Fields = append(p.Fields, lines(f.Text))
		}
		for _, e := range b.Elements {
			var object Text
			var text string
			if json.Unmarshal(e.Text, &object) == nil {
				p.Lines = append(p.Lines, lines(object.Text)...)
			} else if json.Unmarshal(e.Text, &text) == nil {
				p.Lines = append(p.Lines, lines(text)...)
			}
		}
		parts = append(parts, p)
	}
	return parts
}

func lines(text string) []template.HTML {
	var list []template.HTML
	for line := range strings.Lines(strings.TrimSpace(text)) {
		list = append(list, Render(strings.TrimRight(line, "\n")))
	}
	return list
}

var (
	linked = regexp.MustCompile(`&lt;(https?://[^|&\s]+)(?:\|([^&]*))?&gt;`)
	dated  = regexp.MustCompile(`&lt;!date\^[0-9]+\^[^|&]*\|([^&]*)&gt;`)
	bold   = regexp.MustCompile(`(^|\s)\*([^*\n]+)\*`)
	italic = regexp.MustCompile(`(^|\s)_([^_\n]+)_`)
	code   = regexp.MustCompile("`([^`\n]+)`")
)

// Render makes HTML of a line of Slack's mrkdwn. What was posted is escaped first, but
// for what Slack asks its senders to escape.
func Render(line string) template.HTML {
	text := strings.NewReplacer("&amp;", "&", "&lt;", "\x01", "&gt;", "\x02").Replace(line)
	text = strings.NewReplacer("\x01", "&#60;", "\x02", "&#62;").Replace(template.HTMLEscapeString(text))
	text = linked.ReplaceAllStringFunc(text, func(s string) string {
		m := linked.FindStringSubmatch(s)
		if m[2] == "" {
			m[2] = m[1]
		}
		return `<a rel="noreferrer" href="` + m[1] + `">` + m[2] + `</a>`
	})
	text = dated.ReplaceAllString(text, "$1")
	text = bold.ReplaceAllString(text, "$1<b>$2</b>")
	text = italic.ReplaceAllString(text, "$1<i>$2</i>")
	text = code.ReplaceAllString(text, "<code>$1</code>")
	return template.HTML(text)
}

//go:embed page.html
var body string

// Handler serves the channel's page, and its webhook at Path.
func (c *Channel) Handler(nav func() page.Nav) http.Handler {
	t := page.Parse(body)
	mux := http.NewServeMux()
	mux.Handle("POST /services/", c)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		messages := c.Messages()
		c.mu.Lock()
		limited, refused := c.limited, c.refused
		c.mu.Unlock()
		page.Show(w, t, page.View{
			Title: "Chat", Kind: "Receiver", Nav: nav(),
			Intro: "A channel with an incoming webhook as Slack's: it checks what is posted, takes about one message a second, and shows what Slack would show. Sales come by the recipe for Slack, inquiries of the house by a script.",
			Body:  map[string]any{"Messages": messages[:min(25, len(messages))], "Posted": len(messages), "Limited": limited, "Refused": refused},
		})
	})
	return mux
}
