package outbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/source/outbox"
)

func TestCheckNamesWhatIsOutOfBounds(t *testing.T) {
	long := strings.Repeat("x", 1025)
	for want, change := range map[string]func(*outbox.Event){
		"events[0].App is longer":        func(e *outbox.Event) { e.App = long },
		"events[0].Type is longer":       func(e *outbox.Event) { e.Type = long },
		"events[0].Subject is longer":    func(e *outbox.Event) { e.Subject = long },
		"events[0].ID is longer":         func(e *outbox.Event) { e.ID = long },
		"events[0].Channels are longer":  func(e *outbox.Event) { e.Channels = []string{strings.Repeat("x", 5000)} },
		"events[0].Tags must be":         func(e *outbox.Event) { e.Tags = []string{"a\x00"} },
		"events[0].Retain is negative":   func(e *outbox.Event) { e.Retain = -1 },
		"events[0].DeliverAt is not in ": func(e *outbox.Event) { e.DeliverAt = time.Date(-3999, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		e := outbox.Event{App: "acme", Type: "a.b", Data: []byte("1")}
		if err := outbox.Check([]outbox.Event{e}); err != nil {
			t.Fatal(err)
		}
		change(&e)
		if err := outbox.Check([]outbox.Event{e}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want %q", err, want)
		}
	}
}
