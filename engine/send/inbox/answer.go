package inbox

import (
	"context"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/bellhop/bellhop"
)

// Answer is how an inbox answers what arrives. It ends with the inbox.
type Answer struct {
	Status int
	// Body is its text; "" stands for a sentence that counts the requests.
	Body string
	// Headers are fields of its own: Content-Type, Retry-After and X-….
	Headers map[string]string
	// Delay is how long it takes.
	Delay bellhop.Duration
	// FailFirst was how many requests were to be answered with FailStatus before the
	// others, and FailLeft is how many of them have not come yet.
	FailFirst, FailLeft int
	FailStatus          int
}

// AnswerChange is what to change of an Answer. What is set to nothing gets its default.
type AnswerChange struct {
	Status     bellhop.Field[int]
	Body       bellhop.Field[string]
	Headers    bellhop.Field[map[string]string]
	Delay      bellhop.Field[bellhop.Duration]
	FailFirst  bellhop.Field[int]
	FailStatus bellhop.Field[int]
}

// The bounds of answers. A request whose answer takes its time is kept waiting, and so
// is whoever made it: there may be so many of them, and the next ones are told to come
// later (503) at once. Whatever other apps' inboxes keep, one of each app may wait.
const (
	maxDelay         = bellhop.Duration(30 * time.Second)
	maxAnswerBody    = 16 << 10
	maxAnswerHeaders = 10
	maxAnswerValue   = 1 << 10
	maxFailFirst     = 1000

	maxWaiting              = 256
	maxWaitingPerApp        = maxWaiting / 8 // an endpoint's usual concurrency
	maxWaitingOutside       = 32
	maxWaitingOutsidePerApp = maxWaitingOutside / 4
)

func usualAnswer() Answer {
	return Answer{Status: http.StatusOK, FailStatus: http.StatusInternalServerError}
}

// With is the answer after a change. It fails with a CodeInvalid error that names what
// cannot be answered.
func (a Answer) With(c AnswerChange) (Answer, error) {
	var fields []bellhop.FieldError
	wrong := func(field, code, format string, args ...any) {
		fields = append(fields, bellhop.FieldError{Field: field, Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	usual := usualAnswer()
	setOr(c.Status, &a.Status, usual.Status)
	setOr(c.Body, &a.Body, "")
	if c.Headers.Set {
		a.Headers = c.Headers.Value
	}
	setOr(c.Delay, &a.Delay, 0)
	setOr(c.FailStatus, &a.FailStatus, usual.FailStatus)
	if c.FailFirst.Set {
		a.FailFirst, a.FailLeft = c.FailFirst.Value, c.FailFirst.Value
	}
	if a.Status < 200 || a.Status > 599 {
		wrong("answer_status", "range", "must be an HTTP status from 200 to 599")
	}
	if a.FailStatus < 300 || a.FailStatus > 599 {
		wrong("fail_status", "range", "must be an HTTP status that fails a delivery, from 300 to 599")
	}
	if a.FailFirst < 0 || a.FailFirst > maxFailFirst {
		wrong("fail_first", "range", "must be between 0 and %d", maxFailFirst)
	}
	if a.Delay < 0 || a.Delay > maxDelay {
		wrong("answer_delay", "range", "must be between 0s and %s", maxDelay)
	}
	if len(a.Body) > maxAnswerBody {
		wrong("answer_body", "length", "has %d bytes; at most %d are allowed", len(a.Body), maxAnswerBody)
	} else if !utf8.ValidString(a.Body) {
		wrong("answer_body", "text", "is not text in UTF-8")
	}
	fields = append(fields, checkAnswerHeaders(a.Headers)...)
	if len(fields) > 0 {
		return Answer{}, bellhop.Invalid("The answer is not valid", fields...)
	}
	a.Headers = maps.Clone(a.Headers)
	return a, nil
}

func setOr[T comparable](f bellhop.Field[T], to *T, usual T) {
	var nothing T
	switch {
	case !f.Set:
	case f.Value == nothing:
		*to = usual
	default:
		*to = f.Value
	}
}

// checkAnswerHeaders allows what cannot harm those who look at an inbox's URL with a
// browser: it is below the dashboard's own address.
func checkAnswerHeaders(headers map[string]string) (fields []bellhop.FieldError) {
	if len(headers) > maxAnswerHeaders {
		return []bellhop.FieldError{{Field: "answer_headers", Code: "length", Detail: fmt.Sprintf("has %d headers; at most %d are allowed", len(headers), maxAnswerHeaders)}}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		wrong := func(detail string) {
			fields = append(fields, bellhop.FieldError{Field: "answer_headers." + bellhop.Clip(name), Code: "header", Detail: detail})
		}
		kind, _, err := mime.ParseMediaType(value)
		switch canonical := textproto.CanonicalMIMEHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name) || len(name) > 128:
			wrong("is not a header name: use letters, digits and hyphens")
		case canonical == "X-Content-Type-Options", canonical == "X-Frame-Options",
			canonical != "Content-Type" && canonical != "Retry-After" && !strings.HasPrefix(canonical, "X-"):
			wrong("cannot be chosen: an inbox answers with Content-Type, Retry-After and headers that begin with X-")
		case len(value) > maxAnswerValue || !httpguts.ValidHeaderFieldValue(value):
			wrong(fmt.Sprintf("has a value that is not allowed: at most %d bytes, no line breaks", maxAnswerValue))
		case canonical == "Content-Type" && (err != nil || kind != "text/plain" && kind != "application/json"):
			wrong("must be text/plain or application/json")
		}
	}
	return fields
}

// Reply is what one request is answered with. Wait must be called once.
type Reply struct {
	Status int
	Text   string
	Header http.Header
	Delay  time.Duration
	// done gives the place among those that wait back.
	done func()
}

// Wait waits as long as the answer is to take, and at most for so long. It answers
// false where the caller's time, or ctx, ended first.
func (r *Reply) Wait(ctx context.Context, most time.Duration) bool {
	if r.done == nil {
		return true
	}
	defer r.done()
	timer := time.NewTimer(min(r.Delay, most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return r.Delay < most
	case <-ctx.Done():
		return false
	}
}

// giveUp is for who does not wait.
func (r *Reply) giveUp() {
	if r.done != nil {
		r.done()
	}
}

// reply decides how a request is answered that need not fail, and takes a place for it if
// that takes time. Where there is none it is turned away.
func (s *Registry) reply(in *Inbox, outside bool) (_ Reply, turnedAway bool) {
	a := &in.Answer
	r := Reply{Status: a.Status, Text: a.Body, Delay: time.Duration(a.Delay), Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}}
	if a.Delay > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		if full := s.full(in.App, outside); full != "" {
			r.Status, r.Delay, r.Text = http.StatusServiceUnavailable, 0, full+" Try again in a moment.\n"
			return r, true
		}
		r.done = s.waits(in.App, outside)
	}
	for name, value := range a.Headers {
		r.Header.Set(name, value)
	}
	return r, false
}

// crowd counts requests whose answer takes its time.
type crowd struct{ all, outside int }

// full says why an app's inboxes can have no further request wait; "" where one can.
func (s *Registry) full(app string, outside bool) string {
	own := s.waiting[app]
	switch {
	case own.all >= maxWaitingPerApp:
		return fmt.Sprintf("%d requests wait for their answer at the inboxes of this app, which is the most.", own.all)
	case outside && own.outside >= maxWaitingOutsidePerApp:
		return fmt.Sprintf("%d requests from outside wait for their answer at the inboxes of this app, which is the most.", own.outside)
	case own.all > 0 && s.waitingInAll.all >= maxWaiting, outside && own.outside > 0 && s.waitingInAll.outside >= maxWaitingOutside:
		return "Too many requests wait for their answer at all inboxes together."
	}
	return ""
}

// waits counts a request that waits, until what it answers is called.
func (s *Registry) waits(app string, outside bool) (done func()) {
	add := func(n int) {
		c := crowd{all: n}
		if outside {
			c.outside = n
		}
		s.waitingInAll = s.waitingInAll.plus(c)
		if s.waiting[app] = s.waiting[app].plus(c); s.waiting[app] == (crowd{}) {
			delete(s.waiting, app)
		}
	}
	add(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		add(-1)
	}
}

func (c crowd) plus(d crowd) crowd { return crowd{c.all + d.all, c.outside + d.outside} }

// contentless tells whether answers of a status have no content: RFC 9110, section 15.
func contentless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}
