package bellhop

import (
	"crypto/sha256"
	"net/http"
	"time"
)

// Attempt is one HTTP request made for a delivery, with its response: a line of
// an append-only log. A delivery that is canceled, or becomes too old while it waits,
// gets a last line without a request, so that the log always says how it ended.
type Attempt struct {
	ID       AttemptID  `json:"id"`
	Delivery DeliveryID `json:"delivery"`
	Event    EventID    `json:"event"`
	Endpoint EndpointID `json:"endpoint"`
	App      string     `json:"app"`
	Type     string     `json:"type"`
	Trigger  Trigger    `json:"trigger"`
	// Number counts the attempts of its delivery from 1.
	Number int           `json:"number"`
	Status AttemptStatus `json:"status"`
	// Final says that it ended its delivery.
	Final bool `json:"final"`
	// NextAt is when the delivery is tried again; zero if Final.
	NextAt time.Time `json:"next_at,omitzero"`

	// URL is where the request went.
	URL string `json:"url,omitempty"`
	// Method is that of the request; empty where it was POST, and MAIL for a mail.
	Method string `json:"method,omitempty"`
	// Duration is the length of the whole exchange.
	Duration Duration `json:"duration"`
	// Reason is empty for a success and a stable word for everything else:
	// "status" (an answer other than 2xx), "timeout", "dns", "address_refused",
	// "connect", "tls", "reset", "protocol", "render", "canceled" and so on. "expired",
	// "skipped", "recipe" and those that begin with "transform" say that no request was
	// made.
	Reason string `json:"reason,omitempty"`
	// Detail is a sentence that explains Reason or, without one, says what was odd
	// about the answer.
	Detail string `json:"detail,omitempty"`

	RequestHeader http.Header `json:"request_headers,omitempty"`
	// RequestBody is the beginning (64 KiB) of what was sent, where a recipe, a
	// transformation or a mail made it; it is not kept where the event's data and its
	// dialect say as much.
	RequestBody      []byte `json:"-"`
	RequestTruncated bool   `json:"request_truncated,omitempty"`
	// Dialect is the one in which the request was made, or signed; "" if none was made.
	Dialect string `json:"dialect,omitempty"`
	// Proof is of the whole body, kept or not.
	Proof BodyProof `json:"-"`
	// ResponseStatus is the HTTP status, 0 if no answer came.
	ResponseStatus int         `json:"response_status,omitempty"`
	ResponseHeader http.Header `json:"response_headers,omitempty"`
	// ResponseBody is the beginning of the response's body (16 KiB unless
	// configured otherwise).
	ResponseBody      []byte `json:"-"`
	ResponseTruncated bool   `json:"response_truncated,omitempty"`
	// Captured are values that were taken out of the answer, by the names that the
	// endpoint gives them.
	Captured map[string]string `json:"captured,omitempty"`
}

// BodyProof tells whether a body is the one that was sent, and what it was made with
// besides the event. The zero value proves nothing.
type BodyProof struct {
	SHA256 [sha256.Size]byte
	// Time is the attempt's time as the request tells it, to the millisecond.
	Time time.Time
}

// ProofOf is the proof of a body that is sent at a time.
func ProofOf(body []byte, at time.Time) BodyProof {
	return BodyProof{SHA256: sha256.Sum256(body), Time: at.UTC().Truncate(time.Millisecond)}
}

// IsZero tells whether there is no proof.
func (p *BodyProof) IsZero() bool { return p.SHA256 == [sha256.Size]byte{} }

// Proves tells whether a body is the one that was sent.
func (p *BodyProof) Proves(body []byte) bool { return !p.IsZero() && sha256.Sum256(body) == p.SHA256 }

// StartedAt is when the attempt began, to the millisecond.
func (a *Attempt) StartedAt() time.Time { return a.ID.Time() }

// AttemptStatus is how one attempt ended.
type AttemptStatus string

// How an attempt can end.
const (
	AttemptSucceeded AttemptStatus = "succeeded"
	AttemptFailed    AttemptStatus = "failed"
	// AttemptCanceled marks the line that a cancellation leaves: no request
	// was made.
	AttemptCanceled AttemptStatus = "canceled"
)
