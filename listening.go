package bellhop

import (
	"strings"
	"time"
)

// ListenPrefix begins the URL of an endpoint that Bellhop does not send to: it hands
// the requests to whoever listens there ('bellhop listen'), who makes them to the rest
// of the URL, such as http://localhost:3000/hook, on a machine of their own.
const ListenPrefix = "listen+"

// MetaListen is the metadata of such an endpoint that says what becomes of it when
// nobody listens any more: with ListenTemporary, maintenance deletes it after a while.
const (
	MetaListen      = "bellhop.listen"
	ListenTemporary = "temporary"
	ListenKept      = "kept"
)

// NobodyListens begins what such an endpoint's lane says it is held by, while nobody
// listens.
const NobodyListens = "nobody listens at it"

// TooManyPassed is that MaxPassed answers wait for an endpoint's node.
func TooManyPassed() error {
	return &Error{
		Code: CodeTooMany, RetryAfter: time.Second,
		Detail: "Too many answers wait for the node that this endpoint's requests come from: bring this one again in a moment",
	}
}

// Listened tells whether somebody has to listen at the endpoint for anything to be sent.
func (e *Endpoint) Listened() bool { return strings.HasPrefix(e.URL, ListenPrefix) }
