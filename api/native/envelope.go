package native

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// readEvent reads an event that is alone in body as publication does, in one pass. It
// answers false if something about it is not as it is as a rule: then publication looks
// again, and says what is wrong if something is.
func readEvent(body []byte, p *engine.Publication) bool {
	r := strictjson.NewReader(body)
	return envelope(&r, p, &engine.Publication{}) && r.End()
}

// readBatch is readEvent for the body of a batch, and publications. The events are
// appended to ps.
func readBatch(body []byte, ps []engine.Publication) ([]engine.Publication, bool) {
	r := strictjson.NewReader(body)
	if !r.Open('{') || string(r.Key()) != "events" || !r.Open('[') {
		return nil, false
	}
	before := &engine.Publication{}
	for more := true; more; more = r.More(']') {
		if len(ps) == engine.MaxBatch {
			return nil, false
		}
		ps = append(ps, engine.Publication{})
		p := &ps[len(ps)-1]
		if !envelope(&r, p, before) {
			return nil, false
		}
		if len(ps) == 1 { // the others are about as large
			ps = slices.Grow(ps, min(engine.MaxBatch-1, len(body)/len(p.Data)))
		}
		before = p
	}
	return ps, !r.More('}') && r.End()
}

// envelope reads the next event. Most events of a batch have the app and the type of the
// one before, and share its strings.
func envelope(r *strictjson.Reader, p, before *engine.Publication) bool {
	if !r.Open('{') {
		return false
	}
	var data strictjson.Value
	for more := true; more; more = r.More('}') {
		key := r.Key()
		value := r.Value()
		var ok bool
		switch string(key) {
		case "app":
			ok = take(&p.App, value, before.App)
		case "type":
			ok = take(&p.Type, value, before.Type)
		case "subject":
			ok = take(&p.Subject, value, "")
		case "id":
			ok = take(&p.ExternalID, value, "")
		case "channels":
			ok = takeList(&p.Channels, value)
		case "tags":
			ok = takeList(&p.Tags, value)
		case "retain":
			var text string
			if ok = p.Retain == 0 && take(&text, value, ""); ok {
				retain, err := bellhop.ParseDuration(text)
				p.Retain, ok = time.Duration(retain), err == nil && retain > 0
			}
		case "deliver_at":
			var at string
			if ok = p.DeliverAt.IsZero() && take(&at, value, ""); ok {
				var err error
				p.DeliverAt, err = bellhop.ParseTime(at)
				ok = err == nil && !p.DeliverAt.IsZero()
			}
		case "data":
			ok = len(data.Bytes()) == 0 && len(value.Bytes()) > 0
			data = value
		}
		if !ok {
			return false
		}
	}
	p.Carry(data)
	return p.App != "" && p.Type != "" && p.Data != nil
}

// takeList sets a field that has no value yet to a list of texts.
func takeList(field *[]string, v strictjson.Value) bool {
	var list []string // rather than the field: its event would escape to the heap
	ok := *field == nil && json.Unmarshal(v.Bytes(), &list) == nil && list != nil && !slices.Contains(list, "")
	*field = list
	return ok
}

// take sets a field that has no value yet to a text. Shared is a string that it may be.
func take(field *string, v strictjson.Value, shared string) bool {
	raw := v.Bytes()
	if *field != "" || len(raw) < 3 || raw[0] != '"' {
		return false
	}
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		var err error
		*field, err = strictjson.Text(raw)
		return err == nil && *field != ""
	}
	if string(text) == shared {
		*field = shared
	} else {
		*field = string(text)
	}
	return true
}
