package wire

import (
	"net/http"
	"time"

	"github.com/bellhop/bellhop"
)

// InboxInput asks for an inbox.
type InboxInput struct {
	App       string           `json:"app" doc:"The app that it is for: keys that reach the app can look into it." example:"acme"`
	ExpiresIn bellhop.Duration `json:"expires_in,omitempty" doc:"How long it lives; at most 24h. Default: 1h." example:"1h"`
}

// InboxPatch changes how an inbox answers.
type InboxPatch struct {
	Status     bellhop.Field[int]               `json:"answer_status,omitzero" minimum:"200" maximum:"599" doc:"The HTTP status that it answers with, to try out what a failing receiver does. Default: 200." example:"500"`
	Body       bellhop.Field[string]            `json:"answer_body,omitzero" doc:"The text of its answer, at most 16 KiB. Default: a sentence that counts the requests." example:"Thank you."`
	Headers    bellhop.Field[map[string]string] `json:"answer_headers,omitzero" doc:"Headers of its answer: Content-Type (text/plain or application/json), Retry-After, and those that begin with X-." example:"{\"Retry-After\":\"30\"}"`
	Delay      bellhop.Field[bellhop.Duration]  `json:"answer_delay,omitzero" doc:"How long its answer takes, at most 30s; an endpoint's timeout ends the waiting earlier. So many requests may wait at once, and more of them are answered 503 at once: 32 at the inboxes of an app, 256 in all, and one of each app in any case." example:"2s"`
	FailFirst  bellhop.Field[int]               `json:"fail_first,omitzero" minimum:"0" maximum:"1000" doc:"How many requests fail from now on, before the others are answered as said." example:"3"`
	FailStatus bellhop.Field[int]               `json:"fail_status,omitzero" minimum:"300" maximum:"599" doc:"The HTTP status that those are answered with. Default: 500." example:"503"`
}

// MarshalJSON gives the fields that are set.
func (p InboxPatch) MarshalJSON() ([]byte, error) { return marshalSet(p) }

// Inbox is a temporary receiver inside Bellhop.
type Inbox struct {
	Token         string            `json:"token" doc:"Names it; part of its URL."`
	URL           string            `json:"url" doc:"What an endpoint's url must be for its requests to arrive here." example:"https://hooks.example.com/in/3f9c…"`
	App           string            `json:"app"`
	AnswerStatus  int               `json:"answer_status" doc:"The HTTP status that it answers with."`
	AnswerBody    string            `json:"answer_body,omitempty" doc:"The text of its answer; without it, a sentence that counts the requests."`
	AnswerHeaders map[string]string `json:"answer_headers,omitempty" doc:"Headers of its answer."`
	AnswerDelay   bellhop.Duration  `json:"answer_delay,omitempty" doc:"How long its answer takes."`
	FailFirst     int               `json:"fail_first,omitempty" doc:"How many requests were to fail before the others."`
	FailLeft      int               `json:"fail_left,omitempty" doc:"How many of those have not come yet."`
	FailStatus    int               `json:"fail_status" doc:"The HTTP status that those are answered with."`
	CreatedAt     time.Time         `json:"created_at"`
	ExpiresAt     time.Time         `json:"expires_at"`
	Capacity      int               `json:"capacity" doc:"How many requests it keeps: older ones make room."`
	Received      int64             `json:"received" doc:"How many requests came, those that made room included."`
}

// InboxContent is an inbox with what it keeps.
type InboxContent struct {
	Inbox
	Requests []InboxRequest `json:"requests" nullable:"false" doc:"Newest first."`
}

// InboxRequest is a request that an inbox received.
type InboxRequest struct {
	ID         int64       `json:"id" doc:"Counts the inbox's requests from 1."`
	At         time.Time   `json:"at"`
	Method     string      `json:"method" doc:"The HTTP method."`
	Path       string      `json:"path" doc:"With the query."`
	Headers    http.Header `json:"headers" doc:"As they arrived. Viewers are shown the values of those that Bellhop and the dialects write; editors see all but cookies."`
	Body       string      `json:"body,omitempty" doc:"If it is UTF-8."`
	BodyBase64 []byte      `json:"body_base64,omitempty" doc:"If it is not."`
	Truncated  bool        `json:"truncated,omitempty" doc:"True if the body was longer than what is kept."`
	Answered   int         `json:"answered" doc:"The HTTP status that it was answered with."`
	// Signature is nil if no endpoint has this inbox as its URL.
	Signature *InboxSignature `json:"signature,omitempty" doc:"What a check of the signature said, by the dialect and secrets of the endpoint that has this inbox as its url; absent if there is none."`
}

// InboxSignature is what a check of a request's signature said.
type InboxSignature struct {
	Verified bool               `json:"verified" doc:"True if the endpoint signed the request as it arrived, and lately."`
	Endpoint bellhop.EndpointID `json:"endpoint" doc:"The endpoint whose dialect and secrets it was checked by."`
	Dialect  string             `json:"dialect" doc:"The dialect that it was checked by."`
	Detail   string             `json:"detail" doc:"A sentence that says what was found."`
}
