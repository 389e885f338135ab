// Package listen is the way to a program on a developer's machine: an endpoint whose URL
// is a local one with "listen+" before it is not sent to from here. Whoever listens at it
// ('bellhop listen') is given each request, makes it where the URL is meant, and brings
// the answer back. While nobody listens, nothing is sent.
//
// The package passes on and forgets: who may listen at which endpoint is the desk's to
// decide. Requests on their way are in memory, and end with the process; the delivery
// that one belongs to is made again.
package listen

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
)

// Prefix begins the URLs of endpoints that somebody listens at.
const Prefix = bellhop.ListenPrefix

// Local gives the URL that an endpoint's is on its listener's machine.
func Local(raw string) (local string, ok bool) { return strings.CutPrefix(raw, Prefix) }

// CheckURL says what is wrong with the URL of an endpoint that somebody shall listen at.
// Which host it names is the listener's affair: this process never connects to it.
func CheckURL(raw string) error {
	local, ok := Local(raw)
	u, err := url.Parse(local)
	switch {
	case !ok || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return errors.New("is not listen+ and an http or https URL, such as listen+http://localhost:3000/hook")
	case u.User != nil:
		return errors.New("must not contain credentials")
	case u.Fragment != "" || strings.Contains(local, "#"):
		return errors.New("must not contain a fragment (#…)")
	case len(raw) > 2048 || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("must not contain spaces or control characters, and at most 2048 bytes")
	}
	return nil
}

// Request is what a listener is asked to send: method, header and body, byte for byte.
type Request struct {
	// ID names the request. A listener that has seen it answers as it did then: it is
	// the same request, whose answer was lost on the way.
	ID       string
	Event    bellhop.EventID // 0 where it is no delivery
	Delivery bellhop.DeliveryID
	App      string
	Type     string
	Trigger  bellhop.Trigger
	Number   int // of the attempt
	Method   string
	// URL is where it is meant: the rest of the endpoint's, or what a recipe made of it.
	URL string
	// Header are the fields in the order in which they are sent, without those that are
	// the connection's own affair.
	Header  []safehttp.Field
	Body    []byte
	Timeout time.Duration
}

// size is what the request takes of memory, roughly.
func (r *Request) size() int {
	n := requestOverhead + len(r.URL) + len(r.Body)
	for _, f := range r.Header {
		n += len(f.Name) + len(f.Value) + 32
	}
	return n
}

// Answer is what came of a request at its listener.
type Answer struct {
	Status    int // 0 where no answer came
	Header    http.Header
	Body      []byte
	Truncated bool
	Duration  time.Duration
	// Reason and Detail say why no answer came.
	Reason safehttp.Reason
	Detail string
}

// Check says what is wrong with an answer.
func (a *Answer) Check() error {
	switch a.Reason {
	case "":
		if a.Status < 100 || a.Status > 999 {
			return bellhop.Wrong("status", "range", "must be the HTTP status that the program answered, or a reason why it did not")
		}
	case safehttp.ReasonTimeout, safehttp.ReasonDNS, safehttp.ReasonConnect, safehttp.ReasonTLS, safehttp.ReasonReset, safehttp.ReasonProtocol:
	default:
		return bellhop.Wrong("reason", "enum", `must be "timeout", "dns", "connect", "tls", "reset" or "protocol"`)
	}
	size := 0
	for name, values := range a.Header {
		size += len(name)
		for _, v := range values {
			size += len(v)
		}
	}
	if size > maxHeader {
		return bellhop.Wrong("headers", "length", fmt.Sprintf("are longer than %d bytes", maxHeader))
	}
	return nil
}

// tidy makes a text from outside fit for the log: printable, on one line, and short.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if runes := []rune(s); len(runes) > maxDetail {
		return string(runes[:maxDetail]) + "…"
	}
	return s
}

// The bounds of listening.
const (
	// maxPerApp and maxListeners are how many may listen at once: at the endpoints of an
	// app, and in all.
	maxPerApp    = 20
	maxListeners = 200
	// maxWaiting is how many requests may be on their way to one listener.
	maxWaiting = 64
	// What those requests may take of memory: of one listener (enough for an endpoint's
	// usual 32 at once with events as large as they usually may be), of an app's events,
	// and in all. What does not fit waits in the store.
	maxBytes        = 10 << 20
	maxBytesPerApp  = 32 << 20
	maxBytesInAll   = 128 << 20
	requestOverhead = 512 // what a request takes besides its texts, roughly

	maxHeader = 64 << 10
	maxDetail = 300 // characters
	// grace is how long a request waits for a listener whose connection broke.
	grace = 3 * time.Second
	// slack is how much longer than an endpoint's timeout its listener has to answer:
	// it keeps to that timeout itself, and can say more about what took so long.
	slack = 2 * time.Second
)
