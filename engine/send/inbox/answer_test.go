package inbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
)

func (h *room) answers(token string, c AnswerChange) {
	h.t.Helper()
	if _, err := h.Answer(ctx, token, c); err != nil {
		h.t.Fatal(err)
	}
}

func (h *room) receive(token string) Reply {
	h.t.Helper()
	r, err := h.Receive(ctx, token, Request{Method: "POST", Path: "/in/" + token, Header: http.Header{}},
		func() ([]byte, bool, error) { return nil, false, nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func TestProgrammedAnswers(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	h.answers(in.Token, AnswerChange{
		Status: bellhop.Of(201), Body: bellhop.Of(`{"pin":"4711"}`), FailFirst: bellhop.Of(2), FailStatus: bellhop.Of(503),
		Headers: bellhop.Of(map[string]string{"content-type": "application/json", "Retry-After": "3", "X-Mine": "1"}),
	})
	for i, want := range []int{503, 503, 201, 201} {
		got := h.receive(in.Token)
		if got.Status != want || h.arrived(in.Token)[0].Answered != want {
			t.Errorf("request %d: %+v", i+1, got)
		}
		if want == 201 && (got.Text != `{"pin":"4711"}` || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Retry-After") != "3" || got.Header.Get("X-Mine") != "1") {
			t.Errorf("request %d: %+v", i+1, got)
		}
		if want == 503 && (!strings.HasPrefix(got.Text, "Request ") || got.Header.Get("Content-Type") != "text/plain; charset=utf-8") {
			t.Errorf("request %d, which fails: %+v", i+1, got)
		}
	}
	if in, _ := h.Find(ctx, in.Token); in.Answer.FailFirst != 2 || in.Answer.FailLeft != 0 {
		t.Errorf("%+v", in.Answer)
	}
	// What is set to nothing is as it was in the beginning, and the rest stays.
	h.answers(in.Token, AnswerChange{Status: bellhop.Of(0), Headers: bellhop.Of(map[string]string(nil)), FailStatus: bellhop.Of(0)})
	if in, _ := h.Find(ctx, in.Token); in.Answer.Status != 200 || in.Answer.FailStatus != 500 || in.Answer.Headers != nil || in.Answer.Body != `{"pin":"4711"}` {
		t.Errorf("%+v", in.Answer)
	}
	h.answers(in.Token, AnswerChange{Status: bellhop.Of(204)})
	if got := h.receive(in.Token); got.Text != "" {
		t.Errorf("204 with content: %+v", got)
	}
}

func TestWhatCannotBeAnswered(t *testing.T) {
	h := open(t)
	in := h.inbox("acme", 0)
	header := func(name, value string) AnswerChange {
		return AnswerChange{Headers: bellhop.Of(map[string]string{name: value})}
	}
	many := map[string]string{}
	for i := range 11 {
		many["X-"+strings.Repeat("a", i+1)] = "1"
	}
	for name, tt := range map[string]struct {
		change AnswerChange
		field  string
	}{
		"a status of none":       {AnswerChange{Status: bellhop.Of(199)}, "answer_status"},
		"a failure that is none": {AnswerChange{FailStatus: bellhop.Of(204)}, "fail_status"},
		"too many failures":      {AnswerChange{FailFirst: bellhop.Of(1001)}, "fail_first"},
		"less than none":         {AnswerChange{FailFirst: bellhop.Of(-1)}, "fail_first"},
		"too late":               {AnswerChange{Delay: bellhop.Of(bellhop.Duration(31 * time.Second))}, "answer_delay"},
		"too early":              {AnswerChange{Delay: bellhop.Of(bellhop.Duration(-1))}, "answer_delay"},
		"too long":               {AnswerChange{Body: bellhop.Of(strings.Repeat("x", 16<<10+1))}, "answer_body"},
		"no text":                {AnswerChange{Body: bellhop.Of("\xff")}, "answer_body"},
		"too many headers":       {AnswerChange{Headers: bellhop.Of(many)}, "answer_headers"},
		"no header":              {header("X Mine", "1"), "answer_headers.X Mine"},
		"a line break":           {header("X-Mine", "1\r\nSet-Cookie: a=b"), "answer_headers.X-Mine"},
		"a cookie":               {header("Set-Cookie", "a=b"), "answer_headers.Set-Cookie"},
		"a redirect":             {header("Location", "https://evil.example"), "answer_headers.Location"},
		"the framing":            {header("Content-Length", "5"), "answer_headers.Content-Length"},
		"a page":                 {header("Content-Type", "text/html"), "answer_headers.Content-Type"},
		"a guess":                {header("X-Content-Type-Options", ""), "answer_headers.X-Content-Type-Options"},
	} {
		_, err := h.Answer(ctx, in.Token, tt.change)
		e, ok := err.(*bellhop.Error)
		if !ok || e.Code != bellhop.CodeInvalid || len(e.Fields) != 1 || e.Fields[0].Field != tt.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, _ := h.Find(ctx, in.Token); now.Answer.Status != 200 || now.Answer.Headers != nil || now.Answer.Delay != 0 {
		t.Errorf("changed all the same: %+v", now.Answer)
	}
}

// TestSlowAnswers: what waits is bounded, costs nobody else anything, and gives its
// place back, whoever had enough of it first.
func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t)
		h.Registry.o.Now = time.Now
		slow, other := h.inbox("acme", 0), h.inbox("acme", 0)
		e := h.endpoint(slow.URL, "a secret of mine", "acme")
		h.answers(slow.Token, AnswerChange{Delay: bellhop.Of(bellhop.Duration(20 * time.Second))})
		deliver := func() Reply {
			return h.Deliver(ctx, slow.Token, Request{App: "acme", Header: http.Header{}}, h.event("acme"), e)
		}
		began := time.Now()
		answer := deliver()
		if !answer.Wait(t.Context(), 30*time.Second) || time.Since(began) != 20*time.Second || answer.Status != 200 {
			t.Errorf("%+v after %s", answer, time.Since(began))
		}
		began = time.Now()
		answer = deliver()
		if answer.Wait(t.Context(), 15*time.Second) || time.Since(began) != 15*time.Second {
			t.Errorf("an endpoint with less patience: after %s", time.Since(began))
		}
		var waiting []Reply
		for range maxWaitingPerApp {
			waiting = append(waiting, deliver())
		}
		if full := deliver(); full.Status != 503 || full.Delay != 0 || !full.Wait(t.Context(), time.Second) {
			t.Errorf("one too many: %+v", full)
		}
		if got := h.receive(other.Token); got.Status != 200 {
			t.Errorf("another inbox: %+v", got)
		}
		for _, r := range waiting {
			r.Wait(t.Context(), time.Millisecond)
		}
		if len(h.waiting) != 0 || h.waitingInAll != (crowd{}) {
			t.Errorf("%v wait, %v in all", h.waiting, h.waitingInAll)
		}
		if again := deliver(); again.Status != 200 || again.Wait(t.Context(), time.Millisecond) {
			t.Errorf("afterwards: %+v", again)
		}
	})
}

// TestSlowAnswersOfManyApps: what waits at the inboxes of one app, or of all the others,
// leaves each app a place.
func TestSlowAnswersOfManyApps(t *testing.T) {
	h := open(t)
	slow := func(app string) Inbox {
		in := h.inbox(app, 0)
		in.Answer.Delay = bellhop.Duration(time.Second)
		return in
	}
	var waiting []Reply
	fill := func(in Inbox, outside bool) (n int, told string) {
		for ; ; n++ {
			r, _ := h.reply(&in, outside)
			if r.Status == http.StatusServiceUnavailable {
				return n, r.Text
			}
			waiting = append(waiting, r)
		}
	}
	evil, more, good := slow("evil"), slow("evil"), slow("good")
	if n, told := fill(evil, true); n != maxWaitingOutsidePerApp || !strings.Contains(told, "from outside") {
		t.Errorf("%d of an app wait from outside, then: %s", n, told)
	}
	if n, told := fill(evil, false); n != maxWaitingPerApp-maxWaitingOutsidePerApp || !strings.Contains(told, "of this app") {
		t.Errorf("%d of an app wait besides, then: %s", n, told)
	}
	if n, _ := fill(more, false); n != 0 {
		t.Errorf("%d wait at another inbox of that app", n)
	}
	if n, _ := fill(good, false); n != maxWaitingPerApp {
		t.Errorf("%d of another app wait", n)
	}
	for i := range 6 {
		in := slow(fmt.Sprint("app", i))
		fill(in, true)
		fill(in, false)
	}
	if len(waiting) != maxWaiting {
		t.Errorf("%d wait in all", len(waiting))
	}
	if n, told := fill(slow("last"), false); n != 1 || !strings.Contains(told, "at all inboxes") {
		t.Errorf("%d of the last app wait, then: %s", n, told)
	}
	late := slow("late")
	if n, told := fill(late, true); n != 1 || !strings.Contains(told, "at all inboxes") {
		t.Errorf("%d of the last app wait from outside, then: %s", n, told)
	}
	for _, r := range waiting {
		r.done()
	}
	if len(h.waiting) != 0 || h.waitingInAll != (crowd{}) {
		t.Errorf("%v wait, %v in all", h.waiting, h.waitingInAll)
	}
}
