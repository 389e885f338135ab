package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
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
	return &Events{w: c.w, control: http.NewResponseController(c.w)}
}

// Comment sends a line that readers pass over.
func (e *Events) Comment(text string) bool { return e.send(": " + text + "\n\n") }

// Send sends an event with data as JSON; without an id if that is "".
func (e *Events) Send(name, id string, data any) bool {
	b, err := json.Marshal(data)
	if err != nil {
		return false
	}
	var text strings.Builder
	fmt.Fprintf(&text, "event: %s\n", name)
	if id != "" {
		fmt.Fprintf(&text, "id: %s\n", id)
	}
	fmt.Fprintf(&text, "data: %s\n\n", b)
	return e.send(text.String())
}

func (e *Events) send(text string) bool {
	_ = e.control.SetWriteDeadline(time.Now().Add(eventPatience)) // a recorder in a test has none
	if _, err := e.w.Write([]byte(text)); err != nil {
		return false
	}
	return e.control.Flush() == nil
}
