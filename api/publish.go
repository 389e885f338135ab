package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/internal/strictjson"
)

type publishInput struct {
	Body rawBody[wire.Publication]
}

type batchInput struct {
	Body rawBody[wire.Batch]
}

// publishEvent is the hot path: the envelope is taken apart, not decoded, and the
// data goes to the engine as the bytes that came.
func (a *api) publishEvent(c *call, in publishInput) (wire.Receipt, error) {
	p, wrong, err := publication(in.Body.bytes)
	if err != nil {
		return wire.Receipt{}, malformed(err)
	}
	if len(wrong) > 0 {
		return wire.Receipt{}, invalid(wrong...)
	}
	if !c.key.Sees(p.App) {
		return wire.Receipt{}, unknownApp("app", p.App)
	}
	r, err := a.b.Publish(c.ctx(), p)
	return receipt(r), err
}

func (a *api) publishBatch(c *call, in batchInput) (wire.List[wire.Receipt], error) {
	none := wire.List[wire.Receipt]{}
	ps, err := publications(in.Body.bytes)
	if err != nil {
		return none, err
	}
	for i, p := range ps {
		if !c.key.Sees(p.App) {
			return none, unknownApp(fmt.Sprintf("events[%d].app", i), p.App)
		}
	}
	receipts, err := a.b.PublishBatch(c.ctx(), ps)
	if err != nil {
		return none, err
	}
	out := wire.List[wire.Receipt]{Data: make([]wire.Receipt, len(receipts))}
	for i, r := range receipts {
		out.Data[i] = receipt(r)
	}
	return out, nil
}

func receipt(r bellhop.Receipt) wire.Receipt {
	return wire.Receipt{ID: r.Event, CreatedAt: r.Event.Time(), Deliveries: r.Deliveries, Duplicate: r.Duplicate}
}

// publications reads the envelope of a batch. Fields at fault are named with
// their place: "events[3].type".
func publications(body []byte) ([]bellhop.Publication, error) {
	members, err := strictjson.Members(body)
	if err != nil {
		return nil, malformed(err)
	}
	var list []byte
	var wrong []bellhop.FieldError
	for _, m := range members {
		if m.Key == "events" {
			list = m.Value
		} else {
			wrong = append(wrong, unknown(m.Key, "There is no such field", []string{"events"}))
		}
	}
	if list == nil {
		wrong = append(wrong, bellhop.FieldError{Field: "events", Code: "required", Detail: "is missing: give a list of events"})
	}
	if len(wrong) > 0 {
		return nil, invalid(wrong...)
	}
	elements, err := strictjson.Elements(list)
	if err != nil {
		return nil, invalid(bellhop.FieldError{Field: "events", Code: "type", Detail: "must be a list of events, not " + nameOf(list)})
	}
	if len(elements) == 0 || len(elements) > bellhop.MaxBatch {
		return nil, invalid(bellhop.FieldError{Field: "events", Code: "length", Detail: fmt.Sprintf("holds %d events; a batch holds 1 to %d", len(elements), bellhop.MaxBatch)})
	}
	ps := make([]bellhop.Publication, len(elements))
	for i, e := range elements {
		at := fmt.Sprintf("events[%d]", i)
		p, fields, err := publication(e)
		if err != nil {
			return nil, malformedElement(at, err)
		}
		for _, f := range fields {
			f.Field = join(at, f.Field)
			wrong = append(wrong, f)
		}
		ps[i] = p
	}
	if len(wrong) > 0 {
		return nil, invalid(wrong...)
	}
	return ps, nil
}

// malformedElement is malformed for one event of a batch, which is known to be
// JSON.
func malformedElement(at string, err error) error {
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return err
	}
	if e.Code == strictjson.CodeDuplicateKey {
		at = join(at, clip(e.Key))
	}
	if e.Code == strictjson.CodeWrongType {
		return invalid(bellhop.FieldError{Field: at, Code: "type", Detail: "must be an event: an object"})
	}
	return &bellhop.Error{
		Code: bellhop.Code(e.Code), Detail: "In " + at + ": " + e.Detail,
		Fields: []bellhop.FieldError{{Field: at, Code: e.Code, Detail: e.Detail}},
	}
}

// publication reads the envelope of one event. The error is a *strictjson.Error;
// the data is a part of body.
func publication(body []byte) (p bellhop.Publication, wrong []bellhop.FieldError, err error) {
	members, err := strictjson.Members(body)
	if err != nil {
		return p, nil, err
	}
	var app, kind bool
	for _, m := range members {
		if string(m.Value) == "null" && m.Key != "data" {
			continue // as if it were not there
		}
		var ok bool
		switch m.Key {
		case "app":
			app = true
			p.App, ok = text(m.Value)
		case "type":
			kind = true
			p.Type, ok = text(m.Value)
		case "subject":
			p.Subject, ok = text(m.Value)
		case "id":
			p.ExternalID, ok = text(m.Value)
		case "deliver_at":
			var s string
			if s, ok = text(m.Value); ok {
				if p.DeliverAt, err = time.Parse(time.RFC3339, s); err != nil || p.DeliverAt.IsZero() {
					wrong = append(wrong, bellhop.FieldError{Field: m.Key, Code: "time", Detail: "must be an RFC 3339 time, such as 2027-06-11T02:00:00Z"})
				}
			}
		case "data":
			p.Data, ok = m.Value, true
		default:
			wrong = append(wrong, unknown(m.Key, "There is no such field", envelopeFields()))
			ok = true
		}
		if !ok {
			wrong = append(wrong, bellhop.FieldError{Field: m.Key, Code: "type", Detail: "must be a string, not " + nameOf(m.Value)})
		}
	}
	missing := func(field, remedy string) {
		wrong = append(wrong, bellhop.FieldError{Field: field, Code: "required", Detail: "is missing: give " + remedy})
	}
	if !app {
		missing("app", "the id of the app that the event belongs to")
	}
	if !kind {
		missing("type", "the event type, such as invoice.purchase")
	}
	if p.Data == nil {
		missing("data", "the event's payload, any JSON")
	}
	return p, wrong, nil
}

func envelopeFields() []string {
	return []string{"app", "type", "data", "id", "subject", "deliver_at"}
}

// text reads a JSON string that was scanned before.
func text(raw []byte) (s string, ok bool) {
	if raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	return s, json.Unmarshal(raw, &s) == nil
}
