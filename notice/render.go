package notice

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"

	"github.com/bellhop/bellhop/internal/mail"
)

// mailOf makes a mail of a message.
func mailOf(m *message, from, to, unsubscribe string) *mail.Message {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	section := func(title string, list []item, of int) {
		if of == 0 {
			return
		}
		line("%s\n", title)
		for _, i := range list {
			line("* %s%s\n  %s\n  %s\n", i.Name, i.ofApp(), i.Detail, i.Link)
		}
		if more := of - len(list); more > 0 {
			line("… and %d more.\n", more)
		}
	}
	line("%s.\n", m.Subject)
	section(m.brokenTitle(), m.Broken, m.BrokenOf)
	section("Works again:", m.Cured, m.CuredOf)
	if m.Kind == kindTest {
		line("%s\n", testText)
	}
	line("%s: %s\n", m.Button, m.Link)
	if unsubscribe != "" {
		line("--\nYou get this since your address is among those that are told. To be told no more:\n%s", unsubscribe)
	}
	var h strings.Builder
	err := mailTemplate.Execute(&h, map[string]any{
		"M": m, "BrokenTitle": m.brokenTitle(), "BrokenMore": m.BrokenOf - len(m.Broken), "CuredMore": m.CuredOf - len(m.Cured),
		"Unsubscribe": unsubscribe, "Test": m.Kind == kindTest, "TestText": testText,
	})
	if err != nil {
		panic("notice: " + err.Error()) // the template is ours
	}
	return &mail.Message{From: from, To: []string{to}, Subject: m.Subject, Text: b.String(), HTML: h.String(), Unsubscribe: unsubscribe}
}

const testText = "This is a test: nothing is broken. What breaks will be told here."

func (m *message) brokenTitle() string {
	if m.Kind == kindDigest {
		return "Still needs attention:"
	}
	return "Needs attention:"
}

func (i *item) ofApp() string {
	if i.App == "" {
		return ""
	}
	return " (" + i.App + ")"
}

var mailTemplate = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.M.Subject}}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif;color:#1a1b1e;background:#fff">
<div style="max-width:600px;margin:0 auto">
<h1 style="font-size:20px;margin:0 0 16px">{{.M.Subject}}</h1>
{{if .M.Broken}}<h2 style="font-size:16px;margin:16px 0 8px">{{.BrokenTitle}}</h2>
{{range .M.Broken}}<p style="margin:0 0 12px;padding-left:12px;border-left:4px solid #e03131"><a href="{{.Link}}" style="color:#1864ab;font-weight:600">{{.Name}}</a>{{with .App}} <span style="color:#5c5f66">({{.}})</span>{{end}}<br>{{.Detail}}</p>
{{end}}{{if gt .BrokenMore 0}}<p style="margin:0 0 12px">… and {{.BrokenMore}} more.</p>{{end}}{{end}}
{{if .M.Cured}}<h2 style="font-size:16px;margin:16px 0 8px">Works again:</h2>
{{range .M.Cured}}<p style="margin:0 0 12px;padding-left:12px;border-left:4px solid #2f9e44"><a href="{{.Link}}" style="color:#1864ab;font-weight:600">{{.Name}}</a>{{with .App}} <span style="color:#5c5f66">({{.}})</span>{{end}}<br>{{.Detail}}</p>
{{end}}{{if gt .CuredMore 0}}<p style="margin:0 0 12px">… and {{.CuredMore}} more.</p>{{end}}{{end}}
{{if .Test}}<p>{{.TestText}}</p>{{end}}
<p style="margin:24px 0"><a href="{{.M.Link}}" style="display:inline-block;padding:10px 18px;border-radius:6px;background:#1864ab;color:#fff;text-decoration:none;font-weight:600">{{.M.Button}}</a></p>
{{with .Unsubscribe}}<p style="font-size:13px;color:#5c5f66">You get this since your address is among those that are told. <a href="{{.}}" style="color:#5c5f66">Unsubscribe</a></p>{{end}}
</div></body></html>
`))

// chatLength bounds a text of a chat message, in characters: Slack takes 3000.
const chatLength = 2500

// slackOf makes a message of a channel of Slack. What strangers wrote stands in texts that
// Slack does not read markup in; the line for notifications is escaped.
func slackOf(m *message) []byte {
	text := func(s string) map[string]any {
		return map[string]any{"type": "plain_text", "text": clipped(s), "emoji": false}
	}
	title := []rune(m.Subject)
	if len(title) > 150 {
		title = append(title[:149], '…')
	}
	blocks := []any{map[string]any{"type": "header", "text": text(string(title))}}
	for _, s := range m.paragraphs() {
		blocks = append(blocks, map[string]any{"type": "section", "text": text(s)})
	}
	blocks = append(blocks, map[string]any{"type": "actions", "elements": []any{
		map[string]any{"type": "button", "text": text(m.Button), "url": m.Link, "style": "primary"},
	}})
	return encoded(map[string]any{"text": slackEscape.Replace(m.Subject), "blocks": blocks})
}

// slackEscape takes the meaning from what begins mentions, links and commands in mrkdwn.
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// teamsOf makes a message of a channel of Teams: an Adaptive Card, in whose TextRuns there
// is no markup.
func teamsOf(m *message) []byte {
	rich := func(s string, more map[string]any) map[string]any {
		run := map[string]any{"type": "TextRun", "text": clipped(s)}
		for k, v := range more {
			run[k] = v
		}
		return map[string]any{"type": "RichTextBlock", "inlines": []any{run}}
	}
	body := []any{rich(m.Subject, map[string]any{"weight": "Bolder", "size": "Medium"})}
	for _, s := range m.paragraphs() {
		body = append(body, rich(s, nil))
	}
	return encoded(map[string]any{"type": "message", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content": map[string]any{
			"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
			"fallbackText": clipped(m.Subject), "body": body,
			"actions": []any{map[string]any{"type": "Action.OpenUrl", "title": m.Button, "url": m.Link}},
		},
	}}})
}

// paragraphs are the texts of a message in a chat, without its subject.
func (m *message) paragraphs() (list []string) {
	section := func(title string, items []item, of int) {
		for _, i := range items {
			list = append(list, fmt.Sprintf("%s %s%s: %s", title, i.Name, i.ofApp(), i.Detail))
		}
		if more := of - len(items); more > 0 {
			list = append(list, fmt.Sprintf("… and %d more.", more))
		}
	}
	section("●", m.Broken, m.BrokenOf)
	section("✓", m.Cured, m.CuredOf)
	if m.Kind == kindTest {
		list = append(list, testText)
	}
	return list
}

func clipped(s string) string {
	if r := []rune(s); len(r) > chatLength {
		return string(r[:chatLength-1]) + "…"
	}
	return s
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("notice: " + err.Error()) // texts
	}
	return b
}
