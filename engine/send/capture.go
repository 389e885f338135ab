package send

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// MaxCaptured bounds a value that is taken out of an answer, in bytes.
const MaxCaptured = 1 << 10

// capture takes values out of the answer to a delivery, by a JSON pointer each, if the
// event was taken: they come to those that a recipe has captured. What cannot be had is said in the outcome's detail: the event was
// taken all the same. Answers to Bellhop's own events are never looked at, so that what
// is published of an answer leads to nothing that is published of an answer.
func capture(r *routes.Route, eventType string, o *bellhop.Outcome) {
	if o.Class != bellhop.ClassTaken || strings.HasPrefix(eventType, routes.OwnTypes) {
		o.Captured = nil
		return
	}
	if len(r.Capture) == 0 {
		return
	}
	body := bytes.TrimSpace(o.Exchange.ResponseBody)
	switch {
	case o.Exchange.ResponseTruncated:
		remark(o, fmt.Sprintf("nothing was captured: only the first %d bytes of the answer are kept", len(o.Exchange.ResponseBody)))
		return
	case len(body) == 0:
		remark(o, "nothing was captured: the answer has no body")
		return
	case !json.Valid(body):
		remark(o, "nothing was captured: the answer is not JSON")
		return
	}
	var missed []string
	for _, name := range slices.Sorted(maps.Keys(r.Capture)) {
		value, why := valueAt(body, r.Capture[name])
		if why != "" {
			missed = append(missed, name+" was not captured: "+why)
			continue
		}
		if o.Captured == nil {
			o.Captured = map[string]string{}
		}
		o.Captured[name] = value
	}
	if len(missed) > 0 {
		remark(o, strings.Join(missed, "; "))
	}
}

// remark says what was odd about an answer by which an event was taken.
func remark(o *bellhop.Outcome, what string) {
	if o.Detail == "" {
		o.Detail = answered(o.Exchange.ResponseStatus) + ", so the event was taken; but " + what + "."
		return
	}
	o.Detail += " And " + what + "."
}

// valueAt gives a value within a JSON document: a string as it is, any other as JSON.
func valueAt(doc []byte, pointer string) (value, why string) {
	at := json.RawMessage(doc)
	for i, token := range strings.Split(pointer, "/") {
		if i == 0 {
			continue // a pointer begins with a slash, or is empty
		}
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if at = member(at, token); at == nil {
			return "", "the answer has nothing at " + bellhop.Clip(pointer)
		}
	}
	if at[0] == '"' {
		_ = json.Unmarshal(at, &value) // it is valid
	} else {
		var compact bytes.Buffer
		_ = json.Compact(&compact, at)
		value = compact.String()
	}
	if len(value) > MaxCaptured {
		return "", fmt.Sprintf("what is at %s is longer than %d bytes", bellhop.Clip(pointer), MaxCaptured)
	}
	return value, ""
}

// member is a member of an object, or an element of an array (RFC 6901 §4); nil if there
// is none.
func member(of json.RawMessage, token string) json.RawMessage {
	switch of[0] {
	case '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(of, &object) == nil {
			return whole(object[token])
		}
	case '[':
		var array []json.RawMessage
		i, err := strconv.Atoi(token)
		if err == nil && strconv.Itoa(i) == token && json.Unmarshal(of, &array) == nil && i >= 0 && i < len(array) {
			return whole(array[i])
		}
	}
	return nil
}

// whole is a value without the space around it; nil if there is none.
func whole(v json.RawMessage) json.RawMessage {
	if v = bytes.TrimSpace(v); len(v) == 0 {
		return nil
	}
	return v
}
