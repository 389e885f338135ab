package native

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/stage"
	"github.com/bellhop/bellhop/internal/strictjson"
)

type publishInput struct {
	Body api.RawBody[wire.Publication]
}

type batchInput struct {
	Body api.RawBody[wire.Batch]
}

// publishEvent is the hot path: the envelope is taken apart, not decoded, and the
// data goes on as the bytes that came.
func (n *native) publishEvent(c *api.Call, in publishInput) (wire.Receipt, error) {
	var wrong api.Faults
	var p engine.Publication
	err := c.Decoding(in.Body.Bytes, func() (err error) {
		defer stage.Parse.Begin().End(1)
		if !readEvent(in.Body.Bytes, &p) {
			p, err = publication("", in.Body.Bytes, &wrong)
		}
		return err
	})
	if err != nil {
		return wire.Receipt{}, api.Malformed(err)
	}
	if err := wrong.Err(); err != nil {
		return wire.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), publishPatience)
	defer cancel()
	r, err := n.desk.Publish(ctx, c.Principal(), p)
	return receipt(r), tooLate(c, err)
}

func (n *native) publishBatch(c *api.Call, in batchInput) (wire.List[wire.Receipt], error) {
	var ps []engine.Publication
	err := c.Decoding(in.Body.Bytes, func() (err error) {
		piece, ok := stage.Parse.Begin(), false
		defer func() { piece.End(len(ps)) }()
		if ps, ok = readBatch(in.Body.Bytes, nil); !ok {
			ps, err = publications(c.Context(), in.Body.Bytes)
		}
		return err
	})
	if err != nil {
		return wire.List[wire.Receipt]{}, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), publishPatience)
	defer cancel()
	receipts, err := n.desk.PublishBatch(ctx, c.Principal(), ps)
	return whole(receipts, receipt), tooLate(c, err)
}

// publishPatience is how long a publisher waits for the store, and for what became of an
// answer of it that was lost.
const publishPatience = 10 * time.Second

// tooLate takes it for a store that cannot be used if it took publishPatience.
func tooLate(c *api.Call, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && c.Context().Err() == nil {
		err = fmt.Errorf("%w: %w", bellhop.ErrUnavailable, err)
	}
	return err
}

func receipt(r bellhop.Receipt) wire.Receipt {
	return wire.Receipt{ID: r.Event, CreatedAt: r.Event.Time(), Deliveries: r.Deliveries, Duplicate: r.Duplicate}
}

// publications reads the envelope of a batch. Fields at fault are named with
// their place: "events[3].type".
func publications(ctx context.Context, body []byte) ([]engine.Publication, error) {
	members, err := strictjson.Members(body)
	if err != nil {
		return nil, api.Malformed(err)
	}
	var list []byte
	var wrong api.Faults
	for _, m := range members {
		if m.Key == "events" {
			list = m.Value
		} else {
			wrong.Add(api.UnknownField(m.Key, "There is no such field", []string{"events"}))
		}
	}
	if list == nil {
		wrong.Add(bellhop.FieldError{Field: "events", Code: "required", Detail: "is missing: give a list of events"})
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	elements, more, err := strictjson.ElementsUpTo(list, engine.MaxBatch)
	if err != nil {
		return nil, api.Invalid(bellhop.FieldError{Field: "events", Code: "type", Detail: "must be a list of events, not " + api.KindOf(list)})
	}
	if len(elements) == 0 || more {
		holds := fmt.Sprintf("%d", len(elements))
		if more {
			holds = "more than " + holds
		}
		return nil, api.Invalid(bellhop.FieldError{Field: "events", Code: "length", Detail: fmt.Sprintf("holds %s events; a batch holds 1 to %d", holds, engine.MaxBatch)})
	}
	ps := make([]engine.Publication, len(elements))
	for i, e := range elements {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := fmt.Sprintf("events[%d]", i)
		if ps[i], err = publication(at, e, &wrong); err != nil {
			return nil, malformedElement(at, err)
		}
	}
	return ps, wrong.Err()
}

// malformedElement is api.Malformed for one event of a batch, which is known to be
// JSON.
func malformedElement(at string, err error) error {
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return err
	}
	if e.Code == strictjson.CodeDuplicateKey {
		at = api.JoinPath(at, bellhop.Clip(e.Key))
	}
	if e.Code == strictjson.CodeWrongType {
		return api.Invalid(bellhop.FieldError{Field: at, Code: "type", Detail: "must be an event: an object"})
	}
	return &bellhop.Error{
		Code: bellhop.Code(e.Code), Detail: "In " + at + ": " + e.Detail,
		Fields: []bellhop.FieldError{{Field: at, Code: e.Code, Detail: e.Detail}},
	}
}

// ReadPublication reads an event as POST /v1/events takes it, and names the fields that
// are wrong. The error is a *strictjson.Error; the data is a part of body.
func ReadPublication(body []byte) (p engine.Publication, wrong []bellhop.FieldError, err error) {
	var faults api.Faults
	p, err = publication("", body, &faults)
	return p, faults.List(), err
}

// publication is ReadPublication for an event at a place in the request.
func publication(at string, body []byte, wrong *api.Faults) (p engine.Publication, err error) {
	members, err := strictjson.Members(body)
	if err != nil {
		return p, err
	}
	fault := func(field, code, detail string) {
		wrong.Add(bellhop.FieldError{Field: api.JoinPath(at, field), Code: code, Detail: detail})
	}
	var app, kind bool
	for _, m := range members {
		if string(m.Value) == "null" && m.Key != "data" {
			continue // as if it were not there
		}
		text := func() (s string) {
			if m.Value[0] != '"' {
				fault(m.Key, "type", "must be a string, not "+api.KindOf(m.Value))
				return ""
			}
			s, err := strictjson.Text(m.Value)
			switch {
			case err != nil:
				fault(m.Key, api.CodeText, err.Error())
			case s == "":
				fault(m.Key, "length", api.IsEmpty)
			}
			return s
		}
		switch m.Key {
		case "app":
			app, p.App = true, text()
		case "type":
			kind, p.Type = true, text()
		case "subject":
			p.Subject = text()
		case "id":
			p.ExternalID = text()
		case "channels":
			p.Channels = labels(m.Key, m.Value, fault)
		case "tags":
			p.Tags = labels(m.Key, m.Value, fault)
		case "retain":
			s := text()
			if s == "" {
				break
			}
			retain, err := bellhop.ParseDuration(s)
			switch {
			case err != nil:
				code, detail := api.Remedy(reflect.TypeFor[bellhop.Duration]())
				fault(m.Key, code, detail)
			case retain <= 0:
				fault(m.Key, "range", "must be longer than nothing: give an hour or more, or leave it out")
			}
			p.Retain = time.Duration(retain)
		case "deliver_at":
			s := text()
			if s == "" {
				break
			}
			var err error
			if p.DeliverAt, err = bellhop.ParseTime(s); err != nil {
				code, detail := api.Remedy(reflect.TypeFor[time.Time]())
				fault(m.Key, code, detail)
			}
		case "data":
			p.Data = m.Value
		default:
			if !wrong.Count() {
				unknown := api.UnknownField(m.Key, "There is no such field", envelopeFields())
				fault(unknown.Field, unknown.Code, unknown.Detail)
			}
		}
	}
	missing := func(field, remedy string) {
		fault(field, "required", "is missing: give "+remedy)
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
	return p, nil
}

// labels reads a list of channels or tags.
func labels(field string, value []byte, fault func(field, code, detail string)) (list []string) {
	elements, more, err := strictjson.ElementsUpTo(value, engine.MaxLabels)
	switch {
	case err != nil:
		fault(field, "type", "must be a list of strings, not "+api.KindOf(value))
		return nil
	case more:
		fault(field, "length", fmt.Sprintf("has more than %d entries", engine.MaxLabels))
		return nil
	}
	for i, e := range elements {
		at := fmt.Sprintf("%s[%d]", field, i)
		if e[0] != '"' {
			fault(at, "type", "must be a string, not "+api.KindOf(e))
			continue
		}
		s, err := strictjson.Text(e)
		if err != nil {
			fault(at, api.CodeText, err.Error())
			continue
		}
		list = append(list, s)
	}
	return list
}

func envelopeFields() []string {
	return []string{"app", "type", "data", "id", "subject", "channels", "tags", "deliver_at", "retain"}
}
