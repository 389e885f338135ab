package bellhop

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/bellhop/bellhop/internal/id"
)

// The identifiers of Bellhop's objects: integers that grow with time, printed as
// "evt_…", "ep_…", "dlv_…", "att_…", "key_…" and "aud_…".
type (
	EventID    = id.ID[id.Event]
	EndpointID = id.ID[id.Endpoint]
	DeliveryID = id.ID[id.Delivery]
	AttemptID  = id.ID[id.Attempt]
	KeyID      = id.ID[id.Key]
	AuditID    = id.ID[id.Audit]
	NoticeID   = id.ID[id.Notice]
)

// JSON is a JSON text that is kept byte for byte. Unlike json.RawMessage it is
// nil, and left out of an object with omitempty, when there is none.
type JSON []byte

// MarshalJSON gives the text itself, or null where there is none.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j) == 0 {
		return []byte("null"), nil
	}
	return j, nil
}

// UnmarshalJSON keeps a copy of the text; null is none.
func (j *JSON) UnmarshalJSON(b []byte) error {
	if j == nil {
		return errors.New("bellhop.JSON: UnmarshalJSON on nil pointer")
	}
	if string(b) == "null" {
		*j = nil
		return nil
	}
	*j = append((*j)[:0:0], b...)
	return nil
}

// Event is one thing that happened in an app. It never changes; only its data
// can be erased.
type Event struct {
	ID   EventID `json:"id"`
	App  string  `json:"app"`
	Type string  `json:"type"`
	// Subject is what in the app it happened to, such as
	// "ticket:damage-report:42"; it may be empty.
	Subject string `json:"subject,omitempty"`
	// Data is the payload, byte for byte as published; nil once erased.
	Data JSON `json:"data,omitempty"`
	// ExternalID is the publisher's own id of the event, if one was given:
	// publishing it again in the same app answers this event.
	ExternalID string `json:"external_id,omitempty"`
	// Channels narrow which endpoints get it: those that name one of them, and those that
	// name no channel at all.
	Channels []string `json:"channels,omitempty"`
	// Tags are labels to find it by.
	Tags []string `json:"tags,omitempty"`
	// DataExpiresAt is when its data is erased, if that is earlier than its end by age.
	DataExpiresAt *time.Time `json:"data_expires_at,omitempty"`
	// DeliverAt is when deliveries may begin, if that was asked for.
	DeliverAt *time.Time `json:"deliver_at,omitempty"`
	// Deliveries is how many endpoints the event was bound for when accepted.
	Deliveries int  `json:"deliveries"`
	Erased     bool `json:"erased,omitempty"`
	// Test marks an event that an endpoint's test made: it went to that
	// endpoint alone.
	Test bool `json:"test,omitempty"`
}

// uuidNamespace is that of package dialect: receivers remember these UUIDs.
const uuidNamespace = "\xe8\xd9\xfa\xe8\xa2\x60\x46\xaf\xad\x31\x99\x23\xbd\x40\xd6\xbd"

// UUIDOf is the UUID of an event (version 5, RFC 9562 section 5.5), made of its id:
// what dialects send to receivers whose idempotency key has to be a UUID.
func UUIDOf(e EventID) string {
	sum := sha1.Sum([]byte(uuidNamespace + e.String()))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// CreatedAt is when the event was accepted, to the millisecond.
func (e *Event) CreatedAt() time.Time { return e.ID.Time() }

// KeyedID begins the external ids of events whose publishers gave none: what follows stands
// for the Idempotency-Key of the request.
const KeyedID = "idempotency:"

// PublishersID is the publisher's own id of the event; "" if it gave none.
func (e *Event) PublishersID() string {
	if strings.HasPrefix(e.ExternalID, KeyedID) {
		return ""
	}
	return e.ExternalID
}
