// Package column says how columns hold what SQL has no type for, alike in all databases: so
// that what is moved from one to another means the same there.
package column

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/bellhop/bellhop"
)

// The numbers of statuses are in databases: they cannot change.
const (
	succeeded = 0
	failed    = 1
	canceled  = 2
)

// Status is the number of a status.
func Status(s bellhop.AttemptStatus) int {
	switch s {
	case bellhop.AttemptSucceeded:
		return succeeded
	case bellhop.AttemptCanceled:
		return canceled
	}
	return failed
}

// StatusOf is the status of a number.
func StatusOf(n int) bellhop.AttemptStatus {
	switch n {
	case succeeded:
		return bellhop.AttemptSucceeded
	case canceled:
		return bellhop.AttemptCanceled
	}
	return bellhop.AttemptFailed
}

// Statuses are the ones that a filter may find: what has a cause is looked for by the
// indexes of those that did not succeed, which have it.
func Statuses(f *bellhop.AttemptFilter) []bellhop.AttemptStatus {
	switch {
	case f.Status != "" || f.Reason == "" && f.Response == "":
		return []bellhop.AttemptStatus{f.Status}
	case f.Reason != "": // a success has none
		return []bellhop.AttemptStatus{bellhop.AttemptFailed, bellhop.AttemptCanceled}
	}
	return []bellhop.AttemptStatus{bellhop.AttemptSucceeded, bellhop.AttemptFailed, bellhop.AttemptCanceled}
}

// Ended is the number of the status that the last attempt of a delivery has.
func Ended(s bellhop.DeliveryStatus) int {
	switch s {
	case bellhop.DeliverySucceeded:
		return succeeded
	case bellhop.DeliveryCanceled:
		return canceled
	}
	return failed
}

// Header is the JSON of headers, of which every attempt has two: most need no escaping.
func Header(h http.Header) string {
	b := make([]byte, 0, 512)
	b = append(b, '{')
	for name, values := range h {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(appendJSON(b, name), ':', '[')
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, v)
		}
		b = append(b, ']')
	}
	return string(append(b, '}'))
}

// appendJSON adds s as a JSON string.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("column: " + err.Error()) // a string can always be encoded
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// Proof is that of an attempt: the hash and, if they differ, by how many milliseconds the
// time that the request tells is after the attempt's own.
func Proof(a *bellhop.Attempt) []byte {
	if a.Proof.IsZero() {
		return nil
	}
	b := append(make([]byte, 0, len(a.Proof.SHA256)+2), a.Proof.SHA256[:]...)
	if after := a.Proof.Time.Sub(a.StartedAt()).Milliseconds(); after != 0 {
		b = binary.AppendVarint(b, after)
	}
	return b
}

// ProofOf reads the proof of an attempt that started at a time.
func ProofOf(b []byte, at time.Time) (p bellhop.BodyProof) {
	if len(b) < len(p.SHA256) {
		return p
	}
	n := copy(p.SHA256[:], b)
	after, _ := binary.Varint(b[n:])
	p.Time = at.Add(time.Duration(after) * time.Millisecond)
	return p
}

// Schemas are those of an event type's other versions, each as a text, to keep its bytes;
// nil (NULL) for none.
func Schemas(schemas map[string]bellhop.JSON) any {
	if len(schemas) == 0 {
		return nil
	}
	texts := make(map[string]string, len(schemas))
	for version, schema := range schemas {
		texts[version] = string(schema)
	}
	text, err := json.Marshal(texts)
	if err != nil {
		panic("column: " + err.Error()) // texts can always be encoded
	}
	return string(text)
}

// SchemasOf reads them, where they are not NULL. They are for readers alone: what cannot be
// read is left out.
func SchemasOf(text string) map[string]bellhop.JSON {
	var texts map[string]string
	if json.Unmarshal([]byte(text), &texts) != nil || len(texts) == 0 {
		return nil
	}
	schemas := make(map[string]bellhop.JSON, len(texts))
	for version, schema := range texts {
		if json.Valid([]byte(schema)) {
			schemas[version] = bellhop.JSON(schema)
		}
	}
	return schemas
}

// storedTerms are terms in a list of JSON, with the filter as a text: encoding/json would
// compact it.
type storedTerms struct {
	App      string   `json:"app"`
	Events   []string `json:"events,omitzero"`
	Subjects []string `json:"subjects,omitzero"`
	Filter   string   `json:"filter,omitempty"`
}

// Terms are those of an endpoint; nil (NULL) for none.
func Terms(terms []bellhop.AppTerms) any {
	if len(terms) == 0 {
		return nil
	}
	list := make([]storedTerms, len(terms))
	for i, t := range terms {
		list[i] = storedTerms{t.App, t.Events, t.Subjects, string(t.Filter)}
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic("column: " + err.Error()) // texts can always be encoded
	}
	return string(text)
}

// TermsOf reads them, where they are not NULL.
func TermsOf(text string) (terms []bellhop.AppTerms, err error) {
	var list []storedTerms
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	for _, t := range list {
		if t.Filter != "" && !json.Valid([]byte(t.Filter)) {
			return nil, errors.New("a filter is not JSON")
		}
		terms = append(terms, bellhop.AppTerms{App: t.App, Events: t.Events, Subjects: t.Subjects, Filter: bellhop.JSON(t.Filter)})
	}
	return terms, nil
}

// Weigh is what results weigh in a transaction, with row for each row that is written.
// Receivers decide how long their headers are, as they do with bodies, and endpoints' owners
// what is sent with requests.
func Weigh(results []bellhop.Result, row int) (weight int) {
	for i := range results {
		a := &results[i].Attempt
		weight += 2*row + len(a.RequestBody) + len(a.ResponseBody)
		for name, v := range a.Captured {
			weight += len(name) + len(v)
		}
		for _, h := range []http.Header{a.RequestHeader, a.ResponseHeader} {
			for name, values := range h {
				for _, v := range values {
					weight += len(name) + len(v)
				}
			}
		}
	}
	return weight
}

// Labels is how a column has an event's channels or tags: a JSON list, or "" where there are
// none.
func Labels(list []string) string {
	if len(list) == 0 {
		return ""
	}
	b := []byte{'['}
	for i, l := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, l)
	}
	return string(append(b, ']'))
}

// LabelsOf reads what Labels has written. What cannot be read is as none: it is shown, and
// decides about nothing.
func LabelsOf(text string) (list []string) {
	if text == "" || json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	return list
}

// LabelsGiven reads what a program has given as labels: as Labels writes them, or else one of
// them as it is.
func LabelsGiven(text string) (list []string) {
	if text == "" {
		return nil
	}
	if json.Unmarshal([]byte(text), &list) != nil {
		return []string{text}
	}
	return list
}

// Span is a number of microseconds.
func Span(micros int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Microsecond)
	return time.Duration(min(max(micros, -most), most)) * time.Microsecond
}

// Label is the part of Labels that has one of them, and no other.
func Label(l string) string { return string(appendJSON(nil, l)) }
