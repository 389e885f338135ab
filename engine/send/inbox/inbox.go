// Package inbox has the temporary receivers inside Bellhop: an endpoint whose URL is
// that of an inbox has its requests kept here, to be looked at. They live in memory
// and end with the process, or earlier; from then on requests to them are answered
// 410.
//
// The package keeps, finds and forgets, and nothing else: who may have an inbox, and
// for which app, is the desk's to decide.
package inbox

import (
	"net/http"
	"time"

	"github.com/bellhop/bellhop"
)

// Inbox is a temporary receiver.
type Inbox struct {
	// Token names it and cannot be guessed: whoever has it can send to it.
	Token string
	URL   string
	App   string
	// Answer is how it answers.
	Answer    Answer
	CreatedAt time.Time
	ExpiresAt time.Time
	// Capacity is how many requests it keeps; older ones make room.
	Capacity int
	// Received counts the requests that came, those that made room included.
	Received int64
}

// Request is a request that an inbox received.
type Request struct {
	// ID counts the inbox's requests from 1.
	ID int64
	// App is that of the event where the request is a delivery, and that of the
	// inbox where it came from outside.
	App    string
	At     time.Time
	Method string
	// Path is the request's target, query included.
	Path   string
	Header http.Header
	// Body is its beginning, if Truncated.
	Body      []byte
	Truncated bool
	// Answered is the HTTP status that it was answered with.
	Answered int
	// Signature is nil if no endpoint has the inbox as its URL.
	Signature *Signature

	event bellhop.EventID // 0 for requests from outside and for verifications
}

// Signature is what a check of a request's signature said.
type Signature struct {
	Verified bool
	// Endpoint is whose dialect and secrets the request was checked by.
	Endpoint bellhop.EndpointID
	Dialect  string
	// Detail is a sentence that says what was found.
	Detail string
}

// The bounds of inboxes. Their requests are in memory, and whoever has a token can
// send some.
const (
	DefaultExpiry = bellhop.Duration(time.Hour)
	minExpiry     = bellhop.Duration(time.Second)
	maxExpiry     = bellhop.Duration(24 * time.Hour)

	maxInboxes       = 100
	maxPerApp        = 20
	maxRequests      = 100       // kept in each
	maxBytes         = 4 << 20   // kept in each: what one look into it may have to show
	maxAllBytes      = 32 << 20  // kept in all together
	maxKeptBody      = 256 << 10 // kept of each body
	requestOverhead  = 512       // what a request takes besides its texts, roughly
	perSecond, burst = 20, 100   // requests from outside, per inbox; endpoints have their own limits
	maxUnderWay      = 4         // requests from outside at once, per inbox

	// maxSigners bounds how many endpoints' secrets a request from outside is
	// checked by: each takes to hash the whole body.
	maxSigners = 3

	// MaxBody is how much of a body from outside is looked at, in bytes: its
	// signature can be checked up to that length.
	MaxBody = 1 << 20
)

// size is what the request takes of memory, roughly.
func (r *Request) size() int {
	n := requestOverhead + len(r.Path) + len(r.Body)
	for name, values := range r.Header {
		n += len(name) + 64
		for _, v := range values {
			n += len(v) + 16
		}
	}
	return n
}
