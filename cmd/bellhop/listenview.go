package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// plainView shows what is forwarded as lines, or as JSON.
type plainView struct{ p *program }

func (v plainView) connected(again bool) {
	if again {
		v.p.note("%s", v.p.style.paint(faint, "(connected again)"))
	} else {
		v.p.note("%s", v.p.style.paint(faint, "Listening (ends with Ctrl-C)."))
	}
}

func (v plainView) lost(err error, in time.Duration) {
	v.p.note("%s", v.p.style.paint(faint, fmt.Sprintf("(the connection is lost: %s; again in %s)", cleanText(err.Error()), in.Round(100*time.Millisecond))))
}

func (v plainView) retitled(title []string) {
	for _, line := range title {
		v.p.note("%s", line)
	}
}

func (v plainView) began(*forwarded) {}

func (v plainView) repeated(x *forwarded) {
	v.p.note("%s", v.p.style.paint(faint, "(the server asked again for "+x.request.ID+": answered from memory)"))
}

func (v plainView) unheard(x *forwarded, err error) {
	v.p.note("%s", v.p.style.paint(bad, "(the answer to "+x.request.ID+" did not reach the server, which makes the request again: "+cleanText(err.Error())+")"))
}

// forwardedJSON is a line of --json.
type forwardedJSON struct {
	At time.Time `json:"at"`
	client.ListenRequest
	Answer client.ListenAnswer `json:"answer"`
}

func (v plainView) ended(x *forwarded) {
	if v.p.json {
		_ = v.p.printJSON(forwardedJSON{x.at, x.request, x.answer}) // nobody reads any more
		return
	}
	t := table{minimum: []int{12, 1, 8, 7, 24}}
	t.add(append([]cell{v.p.when(x.at)}, forwardedCells(x)...)...)
	v.p.table(&t)
}

// forwardedCells are the columns that say what came of a request.
func forwardedCells(x *forwarded) []cell {
	what := x.request.Event.String()
	if x.request.Event == 0 {
		what = "(no event)"
	}
	if x.request.Number > 1 {
		what += fmt.Sprintf("  try %d", x.request.Number)
	}
	if x.request.Trigger != "" && x.request.Trigger != bellhop.TriggerPublish {
		what += "  " + string(x.request.Trigger)
	}
	if x.answer.Detail != "" {
		what += "  " + x.answer.Detail
	}
	a := cell{text: x.answer.Reason, style: bad}
	m := mark(bellhop.AttemptFailed)
	if x.answer.Status != 0 {
		a.text = fmt.Sprint(x.answer.Status)
	}
	if bellhop.ClassOf(x.answer.Status) == bellhop.ClassTaken {
		m, a.style = mark(bellhop.AttemptSucceeded), good
	}
	return []cell{m, a, took(int64(x.answer.DurationMS)), text(x.request.Type), text(what)}
}

// forwardedDetail shows a request and its answer, in lines.
func (p *program) forwardedDetail(x *forwarded) []string {
	r := x.request
	lines := []string{p.style.paint(strong, clean(r.Method+" "+r.App+" "+r.Type+" "+r.Event.String()))}
	for _, h := range r.Headers {
		lines = append(lines, p.headerLine(h.Name, h.Value))
	}
	lines = append(append(lines, ""), bodyLines(r.Body)...)
	return append(append(lines, ""), p.answerLines(x)...)
}

// answerLines shows what a program answered.
func (p *program) answerLines(x *forwarded) []string {
	a := x.answer
	if a.Status == 0 {
		return []string{p.style.paint(bad, a.Reason), clean(a.Detail)}
	}
	var lines []string
	lines = append(lines, p.style.paint(strong, strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))))+fmt.Sprintf("  %dms", a.DurationMS))
	for _, name := range sortedKeys(a.Headers) {
		for _, v := range a.Headers[name] {
			lines = append(lines, p.headerLine(name, v))
		}
	}
	lines = append(append(lines, ""), bodyLines(x.body)...)
	if a.Truncated {
		lines = append(lines, p.style.paint(faint, "(only the beginning of the body was read)"))
	}
	return lines
}

func (p *program) headerLine(name, value string) string {
	return p.style.paint(faint, clean(name)+":") + " " + clean(value)
}

// bodyLines shows a body, as JSON that can be read if it is some.
func bodyLines(body []byte) []string {
	switch {
	case len(body) == 0:
		return nil
	case !utf8.Valid(body):
		return []string{fmt.Sprintf("(%d bytes that are not text)", len(body))}
	}
	return strings.Split(cleanText(indented(body)), "\n")
}
