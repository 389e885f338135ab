package wire

import "github.com/bellhop/bellhop"

// TransformTest asks what a transformation makes of an event.
type TransformTest struct {
	Code     string                    `json:"code" minLength:"1" doc:"JavaScript that defines the function." example:"function transform(event) { return { body: { text: event.type } } }"`
	Function bellhop.TransformFunction `json:"function,omitempty" enum:"transform,handler" doc:"The function that it defines; see an endpoint's transform." example:"transform"`
	App      string                    `json:"app,omitempty" doc:"The event's app, where neither the endpoint nor event_id names one." example:"acme"`
	Endpoint EndpointInput             `json:"endpoint,omitempty" doc:"The other settings of the endpoint, which need not exist; those left out have their defaults."`
	EventID  bellhop.EventID           `json:"event_id,omitempty" doc:"An event that happened."`
	Event    *TransformEvent           `json:"event,omitempty" doc:"An event that is made up, where event_id names none. Default: one as in a preview."`
}

// TransformEvent is an event that is made up.
type TransformEvent struct {
	Type    string       `json:"type,omitempty" doc:"Default: that of its recipe's sample, or the first that the endpoint listens to by name, or webhook.test." example:"invoice.purchase"`
	Subject string       `json:"subject,omitempty" doc:"What in the app it happened to." example:"invoice:118"`
	Data    bellhop.JSON `json:"data,omitempty" doc:"Default: the example of the type in the catalogue, or a sample."`
}

// TransformTested is what a transformation makes of an event: a request, or the reason
// for none.
type TransformTested struct {
	Request    *TransformRequest `json:"request,omitempty" doc:"The request that would be sent; absent where there is none."`
	Skipped    bool              `json:"skipped,omitempty" doc:"The script wants no request for this event."`
	SkipReason string            `json:"skip_reason,omitempty" doc:"Why, if it says so."`
	Error      *TransformError   `json:"error,omitempty" doc:"What is wrong with the script, or with what it returned."`
	Logs       []string          `json:"logs" nullable:"false" doc:"The lines that it printed with console.log."`
	DurationMS float64           `json:"duration_ms" doc:"How long it ran, in milliseconds of this server." example:"0.21"`
	Used       float64           `json:"used" doc:"Which part of the deadline it has used up, from 0 to 1. It is counted in work, so that it does not depend on how busy the server is." example:"0.002"`
	Original   string            `json:"original" doc:"The body that would be sent without it, to compare."`
}

// TransformRequest is a request that a transformation made.
type TransformRequest struct {
	Method  string   `json:"method" doc:"The HTTP method." example:"POST"`
	URL     string   `json:"url" doc:"Where it would go."`
	Headers []Header `json:"headers" nullable:"false" doc:"In the order in which they are sent."`
	Body    string   `json:"body" doc:"Byte for byte."`
}

// TransformError is what is wrong with a transformation.
type TransformError struct {
	Reason  string `json:"reason" enum:"transform,transform_timeout,transform_memory,transform_result" doc:"As attempts say it."`
	Message string `json:"message" doc:"What is wrong, in a sentence." example:"TypeError: cannot read property 'name' of undefined"`
	Line    int    `json:"line,omitempty" doc:"Where in the code, from 1; absent if that is not known." example:"2"`
	Column  int    `json:"column,omitempty" doc:"Where in the line, from 1."`
}
