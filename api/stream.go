package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// eventPatience is how long one write may take before the reader counts as dead.
const eventPatience = 10 * time.Second

// Events writes server-sent events. Its methods answer false once the reader is gone.
type Events struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// Events begins the answer of a Streaming route.
func (c *Call) Events() *Events {
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	return &Events{w: &c.w, control: http.NewResponseController(&c.w)}
}

// Comment sends a line that readers pass over.
func (e *Events) Comment(text string) bool { return e.Send([]byte(": " + text + "\n\n")) }

// Event is the text of an event with data as JSON; without an id if that is "".
func Event(name, id string, data any) []byte {
	b, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Errorf("make a stream's event: %w", err)) // of our own types
	}
	text := fmt.Appendf(nil, "event: %s\n", name)
	if id != "" {
		text = fmt.Appendf(text, "id: %s\n", id)
	}
	return fmt.Appendf(text, "data: %s\n\n", b)
}

// Send sends events, all of them before whoever reads gets to see the first.
func (e *Events) Send(events ...[]byte) bool {
	_ = e.control.SetWriteDeadline(time.Now().Add(eventPatience)) // a recorder in a test has none
	for _, text := range events {
		if _, err := e.w.Write(text); err != nil {
			return false
		}
	}
	return e.control.Flush() == nil
}

// ComeBack tells the reader to connect anew, after some time, when this stream ends.
func (e *Events) ComeBack(after time.Duration) bool {
	return e.Send(fmt.Appendf(nil, "retry: %d\n\n", after.Milliseconds()))
}
