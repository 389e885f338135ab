package dialect

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Recipe says what a receiver has to do that verifies requests of a dialect
// without this package, in whatever language it is written.
type Recipe struct {
	// HMAC and Ed25519 are the forms of one signature; nil if there are none
	// of the kind.
	HMAC, Ed25519 *Form

	Hash      string // of the HMAC: sha1, sha256 or sha512
	Key       string // how an HMAC's secret becomes its key: raw, base64 or hex
	KeyPrefix string // cut off a secret before it is decoded; part of a raw one
	MinKey    int    // bytes of an HMAC's key

	Encoding string // of a signature: hex, base64 or base64url
	Header   string // that carries the signatures
	Value    []Part // of that header
	Join     string // between signatures; empty if there is one only

	// Content is what is signed.
	Content []Part

	// Clock is the value that holds the time of the request: ts (seconds) or
	// ms (milliseconds); empty if requests do not tell it.
	Clock            string
	MaxAge, MaxAhead time.Duration

	// BodyTime is the path of the body's member that must be equal to Clock;
	// empty if there is none.
	BodyTime []string

	// Received are the values to take out of headers other than Header.
	Received []Part

	// Unsigned says that requests without Header are tests, such as the one by
	// which an endpoint's URL is tried out: to be answered, and nothing more.
	Unsigned bool
	// Status is the answer by which events and tests are taken; 0 means any 2xx.
	Status int

	// EventID is where the request carries what is the same on each attempt: a
	// header, or a member of the body; the zero Part if nowhere.
	EventID Part
}

// Form is what stands around an encoded signature.
type Form struct{ Prefix, Suffix string }

// Part is a step of a template: literal text, or a value.
type Part struct {
	Literal  string   // if Value is empty
	Value    string   // its name in templates, such as id, ts, body or signatures
	Path     []string // of a member of the body
	Header   string   // that carries the value
	Optional bool     // the header is absent where the value is empty
}

// Recipe returns how to verify requests of the dialect.
func (d *Dialect) Recipe() Recipe {
	r := &d.rules
	out := Recipe{
		Key: r.form, KeyPrefix: r.prefix, MinKey: r.minKey,
		Encoding: r.encoding, Header: r.header, Value: r.parts(r.value), Join: r.join,
		Content: r.parts(r.content), BodyTime: slices.Clone(r.bodyTime),
		EventID:  d.eventID(),
		Unsigned: d.definition.Verification.Unsigned, Status: d.definition.Verification.Status,
	}
	if r.hmac != nil {
		out.HMAC = &Form{r.hmac.prefix, r.hmac.suffix}
		out.Hash, _ = strings.CutPrefix(d.definition.Signature.Algorithm, "hmac-")
	}
	if r.ed25519 != nil {
		out.Ed25519 = &Form{r.ed25519.prefix, r.ed25519.suffix}
	}
	if r.clocked {
		out.Clock, out.MaxAge, out.MaxAhead = r.clock.String(), r.maxAge, r.maxAhead
	}
	for v := range valueCount {
		if r.received[v] != "" && (r.signs(v) || r.clocked && v == r.clock) {
			out.Received = append(out.Received, r.part(source{value: v}))
		}
	}
	return out
}

func (r *rules) parts(t template) []Part {
	parts := make([]Part, 0, len(t))
	for _, seg := range t {
		if seg.sources == nil {
			parts = append(parts, Part{Literal: seg.literal})
		} else {
			parts = append(parts, r.part(seg.sources[0]))
		}
	}
	return parts
}

func (r *rules) part(src source) Part {
	return Part{
		Value: src.value.String(), Path: slices.Clone(src.path), Header: r.received[src.value],
		Optional: mayBeEmpty(src.value),
	}
}

// mayBeEmpty tells which values may be empty, so that a header of theirs is not
// sent.
func mayBeEmpty(v value) bool {
	return v == valueApp || v == valueType || v == valueSubject
}

// eventID finds the event's id or UUID in a request. A member of the body that
// falls back on it does not count: it need not be unique.
func (d *Dialect) eventID() Part {
	for _, v := range []value{valueID, valueUUID} {
		if d.rules.received[v] != "" {
			return d.rules.part(source{value: v})
		}
	}
	m := Message{ID: "evt_sample", Timestamp: time.Unix(1700000000, 0), Data: []byte(`null`)}
	sc := &scope{message: m, options: d.options}
	body := d.body.append(nil, sc)
	for _, v := range []value{valueUUID, valueID} {
		alone := slices.ContainsFunc(d.body, func(s segment) bool {
			return !s.section && len(s.sources) == 1 && s.sources[0].value == v
		})
		if path := find(body, sc.text(source{value: v})); alone && path != nil {
			return Part{Value: v.String(), Path: path}
		}
	}
	return Part{}
}

// find returns the path of the member of a JSON document that is that text.
func find(doc []byte, text string) []string {
	var object map[string]json.RawMessage
	if json.Unmarshal(doc, &object) != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if member(object[name], nil) == text {
			return []string{name}
		}
		if path := find(object[name], text); path != nil {
			return append([]string{name}, path...)
		}
	}
	return nil
}
