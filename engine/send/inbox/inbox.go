// Package inbox has the temporary receivers inside Bellhop: an endpoint whose URL is
// that of an inbox has its requests kept in the store, to be looked at, whichever node
// they came to. It ends after a while; from then on requests to it are answered 410.
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
	ID int64 `json:"-"`
	// App is that of the event where the request is a delivery, and that of the
	// inbox where it came from outside.
	App    string    `json:"-"`
	At     time.Time `json:"-"`
	Method string
	// Path is the request's target, query included.
	Path   string
	Header http.Header
	// Body is its beginning, if Truncated.
	Body      []byte
	Truncated bool
	// Answered is the HTTP status that it was answered with.
	Answered int `json:"-"`
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

// The bounds of inboxes: whoever has a token can send some.
const (
	DefaultExpiry = bellhop.Duration(time.Hour)
	minExpiry     = bellhop.Duration(time.Second)
	maxExpiry     = bellhop.Duration(24 * time.Hour)

	maxRequests      = 100       // kept in each
	maxKeptBody      = 256 << 10 // kept of each body
	perSecond, burst = 20, 100   // requests from outside, per inbox; endpoints have their own limits
	maxUnderWay      = 4         // requests from outside at once, per inbox

	// maxSigners bounds how many endpoints' secrets a request from outside is
	// checked by: each takes to hash the whole body.
	maxSigners = 3

	// MaxBody is how much of a body from outside is looked at, in bytes: its
	// signature can be checked up to that length.
	MaxBody = 1 << 20
)

// bounds are how many inboxes there may be, and what each keeps: as much as one look into
// it may have to show.
var bounds = bellhop.InboxBounds{PerApp: 20, All: 500, Requests: maxRequests, Bytes: 4 << 20}
