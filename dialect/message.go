package dialect

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Message is what a dialect puts on the wire.
type Message struct {
	ID        string    // event id, "evt_…"; the receiver's idempotency key, same on each attempt
	App       string    // the app that owns the event
	Type      string    // event type
	Subject   string    // what in the app it happened to; may be empty
	Time      time.Time // when the event happened (was accepted)
	Data      []byte    // exact published JSON, carried byte for byte
	Timestamp time.Time // of this attempt
	// Options are what was chosen for the app or the endpoint; see [Option].
	// Those that are not there, or empty, have their defaults.
	Options map[string]string
	// Body, if not nil, is sent and signed in place of what the dialect's template
	// makes of Data, which then need not be there.
	Body []byte
	// Into, if not nil, is memory for the body, if that fits: whoever gives it may use it
	// again once the request is over.
	Into []byte
}

// Header is one header of a rendered request. Name has the case that the
// dialect wants on the wire, which http.Header.Set would change.
type Header struct{ Name, Value string }

// Request is a rendered, signed request.
type Request struct {
	Headers []Header // Content-Type first, the signature last
	Body    []byte
}

// timeFormat is RFC 3339 with milliseconds, zeros included, so that all times
// are equally long and sort as text.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// appendTime adds a time in UTC, in that format. Without the milliseconds it is one that
// package time writes much faster.
func appendTime(b []byte, t time.Time) []byte {
	b = t.UTC().AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / 1e6
	return append(b[:len(b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// scope is where templates find their values: on the sender's side in a
// message, on the receiver's in what was received.
type scope struct {
	message  Message
	options  []option         // of the dialect
	received map[value]string // not nil on the receiver's side

	body       []byte // the request's body, once known
	signatures []byte // joined signatures, once made

	ts, ms, uuid string // computed on first use
}

// done leaves a scope to the next request, without what it was about.
func (s *scope) done() {
	*s = scope{}
	scopes.Put(s)
}

// text returns a value. A value that is absent is empty.
func (s *scope) text(src source) string {
	if src.value == valueOption {
		return s.optionText(src.path[0])
	}
	if src.path != nil {
		return member(s.bytes(src.value), src.path)
	}
	if src.value == valueData || src.value == valueBody || src.value == valueSignatures {
		return string(s.bytes(src.value))
	}
	if s.received != nil {
		return s.received[src.value]
	}
	m := &s.message
	switch src.value {
	case valueID:
		return m.ID
	case valueUUID:
		if s.uuid == "" {
			s.uuid = eventUUID(m.ID)
		}
		return s.uuid
	case valueApp:
		return m.App
	case valueType:
		return m.Type
	case valueSubject:
		return m.Subject
	case valueTime:
		return string(appendTime(nil, m.Time))
	case valueTimeS:
		return strconv.FormatInt(m.Time.Unix(), 10)
	case valueTimeMS:
		return strconv.FormatInt(m.Time.UnixMilli(), 10)
	case valueTS:
		if s.ts == "" {
			s.ts = strconv.FormatInt(m.Timestamp.Unix(), 10)
		}
		return s.ts
	case valueMS:
		if s.ms == "" {
			s.ms = strconv.FormatInt(m.Timestamp.UnixMilli(), 10)
		}
		return s.ms
	}
	return ""
}

// bytes returns a value that is kept as bytes, without copying it.
func (s *scope) bytes(v value) []byte {
	switch v {
	case valueData:
		return s.message.Data
	case valueBody:
		return s.body
	case valueSignatures:
		return s.signatures
	}
	return nil
}

// member returns the text of a member of a JSON document: a string's value, or
// a number or boolean as written. All else is empty. Of members that occur
// twice the last counts, as in most parsers.
func member(doc []byte, path []string) string {
	for _, name := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(doc, &object) != nil {
			return ""
		}
		doc = object[name]
	}
	switch {
	case len(doc) == 0, doc[0] == '{', doc[0] == '[', doc[0] == 'n':
		return ""
	case doc[0] == '"':
		var text string
		if json.Unmarshal(doc, &text) != nil {
			return ""
		}
		return text
	}
	return string(doc)
}

// uuidNamespace is e8d9fae8-a260-46af-ad31-9923bd40d6bd, made up once for the
// UUIDs of events. Receivers remember these UUIDs: it must never change.
const uuidNamespace = "\xe8\xd9\xfa\xe8\xa2\x60\x46\xaf\xad\x31\x99\x23\xbd\x40\xd6\xbd"

// eventUUID derives a UUID from an event id (version 5, RFC 9562 section 5.5),
// for receivers whose idempotency key has to be a UUID.
func eventUUID(id string) string {
	sum := sha1.Sum([]byte(uuidNamespace + id))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	text := hex.EncodeToString(sum[:16])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
