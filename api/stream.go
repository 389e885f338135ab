package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/bellhop/bellhop/api/wire"
)

const (
	streamOperation = "streamAttempts"
	// heartbeat keeps proxies from closing a quiet stream, and finds out that
	// its reader is gone.
	heartbeat = 15 * time.Second
	// streamPatience is how long one write may take before the reader counts as
	// dead.
	streamPatience = 10 * time.Second
)

// streamAttempts sends attempts as they happen, as server-sent events, until the
// reader goes away, the server stops, or the key ends.
func streamAttempts(c *call) error {
	var in attemptFilter
	if err := c.decode(c.route.input, reflect.ValueOf(&in).Elem()); err != nil {
		return err
	}
	f, err := in.filter(c)
	if err != nil {
		return err
	}
	watcher := c.a.b.Watch(f)
	defer watcher.Close()

	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	s := stream{w: c.w, control: http.NewResponseController(c.w)}
	if !s.send(": attempts as they happen\n\n") {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case at, ok := <-watcher.C():
			if !ok {
				return nil // the engine has stopped
			}
			if c.authorize() != nil {
				return nil // nothing more is told once a key is gone
			}
			if lost := watcher.Lost(); lost > 0 && !s.event("lost", "", wire.Lost{Count: lost}) {
				return nil
			}
			if !s.event("attempt", at.ID.String(), c.attempt(at)) {
				return nil
			}
		case <-beat.C:
			// A portal link may have expired, a key been deleted.
			if c.authorize() != nil || !s.send(": still here\n\n") {
				return nil
			}
			if lost := watcher.Lost(); lost > 0 && !s.event("lost", "", wire.Lost{Count: lost}) {
				return nil
			}
		case <-c.a.o.Stop:
			return nil
		case <-c.ctx().Done():
			return nil
		}
	}
}

// stream writes server-sent events. Its methods answer false once the reader is
// gone.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *stream) event(name, id string, data any) bool {
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
	return s.send(text.String())
}

func (s *stream) send(text string) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(streamPatience)) // a recorder in a test has none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return false
	}
	return s.control.Flush() == nil
}
