package desk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// The bounds of what an endpoint captures: how many values, the length of a name and a
// pointer in bytes, and how deep a pointer may lead.
const (
	maxCaptures       = 20
	maxCaptureName    = 64
	maxPointer        = 512
	maxPointerMembers = 32
)

// checkCapture says what is wrong with the values that are to be taken out of answers.
func checkCapture(capture map[string]string) (fields []bellhop.FieldError) {
	if len(capture) > maxCaptures {
		return []bellhop.FieldError{{Field: "capture", Code: "length", Detail: fmt.Sprintf("names %d values; at most %d are captured", len(capture), maxCaptures)}}
	}
	for _, name := range slices.Sorted(maps.Keys(capture)) {
		if !isCaptureName(name) {
			fields = append(fields, bellhop.FieldError{Field: "capture", Code: "name", Detail: fmt.Sprintf(
				"%q is no name for a value: use 1 to %d letters, digits, dots, hyphens and underscores", bellhop.Clip(name), maxCaptureName)})
			continue
		}
		if wrong := pointerFault(capture[name]); wrong != "" {
			fields = append(fields, bellhop.FieldError{Field: "capture." + name, Code: "pointer", Detail: wrong})
		}
	}
	return fields
}

func isCaptureName(name string) bool {
	return name != "" && len(name) <= maxCaptureName && !strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	})
}

// pointerFault says what is wrong with a JSON pointer (RFC 6901 §3); "" if nothing is.
func pointerFault(pointer string) string {
	escapes := strings.NewReplacer("~0", "", "~1", "").Replace(pointer)
	switch {
	case pointer == "":
		return "" // the whole answer
	case !strings.HasPrefix(pointer, "/"):
		return fmt.Sprintf("is no JSON pointer, since it does not begin with a slash: did you mean %q?", bellhop.Clip("/"+strings.ReplaceAll(strings.TrimPrefix(pointer, "$."), ".", "/")))
	case strings.Contains(escapes, "~"):
		return "is no JSON pointer: in the name of a member, ~ is written ~0 and / is written ~1"
	case len(pointer) > maxPointer || !utf8.ValidString(pointer):
		return fmt.Sprintf("must be UTF-8 text of at most %d bytes", maxPointer)
	case strings.Count(pointer, "/") > maxPointerMembers:
		return fmt.Sprintf("leads through %d members; at most %d are followed", strings.Count(pointer, "/"), maxPointerMembers)
	}
	return ""
}

// eraseCaptured erases what was published of an event's answers, and so holds data of
// it, if anything was.
func (d *Desk) eraseCaptured(ctx context.Context, e *bellhop.Event) error {
	scope := bellhop.Only(e.App)
	some, err := d.store.Events(ctx, bellhop.EventFilter{Scope: scope, Type: engine.TypeDeliveryCaptured, Limit: 1})
	if err != nil || len(some) == 0 {
		return err
	}
	deliveries, err := d.deliveriesOf(ctx, e, 0)
	for i := 0; err == nil && i < len(deliveries); i++ {
		if deliveries[i].Status != bellhop.DeliverySucceeded {
			continue
		}
		some, err = d.store.Events(ctx, bellhop.EventFilter{Scope: scope, ExternalID: engine.CapturedID(deliveries[i].ID), Limit: 1})
		if err == nil && len(some) == 1 && some[0].Type == engine.TypeDeliveryCaptured {
			_, err = d.eraseAll(ctx, bellhop.EraseSelector{Event: some[0].ID}, e.App, nil)
		}
	}
	return err
}
