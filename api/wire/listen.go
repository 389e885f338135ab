package wire

import (
	"net/http"

	"github.com/bellhop/bellhop"
)

// ListenRequest is a request that whoever listens at an endpoint is to make.
type ListenRequest struct {
	ID        string             `json:"id" doc:"Names the request. One that comes again is the same, and its answer was lost: answer as before."`
	Event     bellhop.EventID    `json:"event,omitzero" doc:"Absent where it is no delivery, such as a verification."`
	Delivery  bellhop.DeliveryID `json:"delivery,omitzero" doc:"Absent where it is none."`
	App       string             `json:"app"`
	Type      string             `json:"type"`
	Trigger   bellhop.Trigger    `json:"trigger,omitempty"`
	Number    int                `json:"number,omitempty" doc:"Counts the delivery's attempts from 1."`
	Method    string             `json:"method" doc:"The HTTP method."`
	URL       string             `json:"url" doc:"Where it is meant: the endpoint's url without listen+, or what a recipe made of that." example:"http://localhost:3000/hook"`
	Headers   []HeaderField      `json:"headers" nullable:"false" doc:"In order, as they are to be sent."`
	Body      []byte             `json:"body" doc:"Byte for byte, in base64."`
	TimeoutMS int64              `json:"timeout_ms" doc:"How long the program may take."`
}

// HeaderField is one field of a request's header.
type HeaderField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ListenAnswer is what came of such a request.
type ListenAnswer struct {
	Session    string      `json:"session" doc:"That which was given the request." example:"f3a1c0d29be84b6a"`
	ID         string      `json:"id" doc:"The request's." example:"dlv_01HZX3K2Q9F7A.1"`
	Status     int         `json:"status,omitempty" doc:"The HTTP status that the program answered; left out if it did not." example:"200"`
	Headers    http.Header `json:"headers,omitempty" doc:"Those of the answer."`
	Body       string      `json:"body,omitempty" doc:"The beginning of the answer's body, in base64."`
	Truncated  bool        `json:"truncated,omitempty" doc:"True if the body goes on."`
	DurationMS int         `json:"duration_ms,omitempty" minimum:"0" doc:"How long the program took."`
	Reason     string      `json:"reason,omitempty" doc:"Why there was no answer: timeout, dns, connect, tls, reset or protocol."`
	Detail     string      `json:"detail,omitempty" doc:"The same as a sentence, for the log."`
}
