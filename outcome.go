package bellhop

import (
	"net/http"
	"time"
)

// Outcome is what came of sending one delivery. It is a value, whatever went wrong:
// a Go error would mean that Bellhop could not go on.
type Outcome struct {
	Class Class
	// After is how long the receiver asked to be left alone (Retry-After); 0 if it
	// did not ask.
	After time.Duration
	// Reason and Detail are those of Attempt. Where the event was taken, Reason is
	// empty, and Detail says what was odd about the answer, if anything was.
	Reason string
	Detail string
	// Exchange is the request that was made and its response, as far as it came.
	Exchange Exchange
	// Captured are the values that were taken out of the answer, by the names that the
	// endpoint gives them.
	Captured map[string]string
}

// Class says what an outcome means for the delivery and for its endpoint.
type Class uint8

// The classes of outcomes. The zero Class is that of Bellhop's own failures, so
// that what nobody classed is held against no receiver.
const (
	// ClassOurs: Bellhop broke. It says nothing about the receiver.
	ClassOurs Class = iota
	// ClassTaken: the receiver has the event (2xx).
	ClassTaken
	// ClassAgain: worth another try (no connection, timeout, 5xx, 3xx, 401, 403,
	// 404, 407, 408, 425).
	ClassAgain
	// ClassRefused: this event is not wanted (any other 4xx). It is tried again on
	// the schedule, but says nothing about the receiver's health.
	ClassRefused
	// ClassOverloaded: the receiver asks for less (429, 502, 503, 504).
	ClassOverloaded
	// ClassGone: the receiver wants no more events at all (410).
	ClassGone
	// ClassHeld: no request can be made of this event by the endpoint's present
	// settings. The delivery waits until they are changed.
	ClassHeld
	// ClassUnfit: as ClassHeld, but the endpoint's settings say that the delivery fails at
	// once (OnErrorFail).
	ClassUnfit
	// ClassSkipped: the endpoint's settings say that no request is to be made of this
	// event.
	ClassSkipped
)

// ClassOf is the class of a complete answer, by its status.
func ClassOf(status int) Class {
	switch {
	case status >= 200 && status <= 299:
		return ClassTaken
	case status == http.StatusGone:
		return ClassGone
	}
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ClassOverloaded
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusTooEarly:
		return ClassAgain
	}
	if status >= 400 && status <= 499 {
		return ClassRefused
	}
	return ClassAgain
}

// Ill tells whether the outcome speaks against the health of the receiver: only
// then it counts for the circuit and for disabling.
func (c Class) Ill() bool { return c == ClassAgain || c == ClassOverloaded || c == ClassGone }

// Silent tells whether the outcome says nothing of the receiver, whom it did not ask.
func (c Class) Silent() bool {
	return c == ClassOurs || c == ClassHeld || c == ClassUnfit || c == ClassSkipped
}

// Exchange is one request and what came back.
type Exchange struct {
	URL string
	// Method is empty where it is POST.
	Method string
	// Duration is the length of the whole exchange.
	Duration      time.Duration
	RequestHeader http.Header
	// RequestBody and RequestTruncated are those of Attempt.
	RequestBody      []byte
	RequestTruncated bool
	// Dialect and Proof are those of Attempt.
	Dialect        string
	Proof          BodyProof
	ResponseStatus int // 0 if no answer came
	ResponseHeader http.Header
	// ResponseBody is the kept beginning of the body.
	ResponseBody      []byte
	ResponseTruncated bool
}

// Reasons of attempts that do not come from the exchange itself; those of the
// exchange are the words of package internal/safehttp.
const (
	ReasonStatus = "status" // an answer other than 2xx
	ReasonRender = "render" // the dialect cannot express this event, or cannot sign
	ReasonPanic  = "panic"  // sending it broke Bellhop
	// ReasonResources: this machine had no descriptors, ports or memory for a
	// connection. Nothing was sent, and no attempt is made of it: it goes out soon.
	ReasonResources = "resources"
	// ReasonNoListener: nobody listens at the endpoint (see [ListenPrefix]). Nothing was
	// sent, and no attempt of a delivery is made of it: it waits.
	ReasonNoListener = "no_listener"

	// The endpoint's transformation could not make a request: it has an error, took too
	// long, took too much memory, or gave what is no request.
	ReasonTransform        = "transform"
	ReasonTransformTimeout = "transform_timeout"
	ReasonTransformMemory  = "transform_memory"
	ReasonTransformResult  = "transform_result"
	ReasonRecipe           = "recipe"  // the recipe misses a field of the event, or a credential
	ReasonAuth             = "auth"    // no token could be had
	ReasonAnswer           = "answer"  // 2xx, but the recipe says that this is no success
	ReasonSkipped          = "skipped" // canceled, since the endpoint's settings leave it out

	// ReasonSettled: canceled, since a later delivery of the same event has arrived.
	ReasonSettled = "settled"

	ReasonErased   = "erased" // canceled, since the event was erased
	ReasonDeleted  = "endpoint_deleted"
	ReasonExpired  = "expired"  // failed without a request, since it became too old
	ReasonCutShort = "canceled" // shutdown cut the request off
)
