package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/bellhop/bellhop/api/wire"
)

// StreamItem is what a stream brings: an attempt, or news of a gap.
type StreamItem struct {
	// Attempt is nil for a gap.
	Attempt *Attempt
	// Lost is how many attempts were left out because this reader was too slow.
	Lost int64
	// Reconnected marks a gap of unknown size: the connection broke and was made
	// anew. What happened in between is in the log.
	Reconnected bool
}

// The pauses between attempts to connect anew.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 15 * time.Second
	// silence is how long a stream may bring nothing, not even a heartbeat.
	silence = 45 * time.Second
)

// Stream follows attempts as they happen, and connects anew whenever the
// connection breaks, until ctx ends or the server refuses the request itself
// (a wrong filter, a key that has ended): that error comes last.
func (c *Client) Stream(ctx context.Context, f AttemptFilter) iter.Seq2[StreamItem, error] {
	f.Since, f.Until, f.Limit = time.Time{}, time.Time{}, 0
	return func(yield func(StreamItem, error) bool) {
		pause, connected := firstPause, false
		for ctx.Err() == nil {
			opened, err := c.follow(ctx, f, func(item StreamItem) bool { return yield(item, nil) }, connected)
			if errors.Is(err, errStopped) || ctx.Err() != nil {
				return
			}
			if p, ok := errors.AsType[*Problem](err); ok && p.Status < 500 && p.Status != http.StatusTooManyRequests {
				yield(StreamItem{}, err)
				return
			}
			if opened {
				pause, connected = firstPause, true
			}
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			pause = min(2*pause, longestPause)
		}
	}
}

// errStopped: the one who reads the stream has had enough.
var errStopped = errors.New("stopped")

// follow reads one connection until it breaks, and tells whether it was opened at
// all.
func (c *Client) follow(ctx context.Context, f AttemptFilter, yield func(StreamItem) bool, again bool) (opened bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := c.send(ctx, http.MethodGet, "/v1/stream", values(f), nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if again && !yield(StreamItem{Reconnected: true}) {
		return true, errStopped
	}
	// A dead peer sends no FIN: only its silence tells.
	watchdog := time.AfterFunc(silence, cancel)
	defer watchdog.Stop()
	return true, readEvents(resp.Body, maxEvent, func() { watchdog.Reset(silence) }, func(name, data string) error {
		switch name {
		case "attempt":
			var at Attempt
			if err := json.Unmarshal([]byte(data), &at); err != nil {
				return fmt.Errorf("read an attempt: %w", err)
			}
			if !yield(StreamItem{Attempt: &at}) {
				return errStopped
			}
		case "lost":
			var lost wire.Lost
			if err := json.Unmarshal([]byte(data), &lost); err != nil {
				return fmt.Errorf("read a gap: %w", err)
			}
			if !yield(StreamItem{Lost: lost.Count}) {
				return errStopped
			}
		}
		return nil
	})
}

// maxEvent bounds one event of a stream.
const maxEvent = 1 << 20

// readEvents parses server-sent events (WHATWG HTML §9.2.6), as far as Bellhop
// sends them: no retry, no carriage returns.
func readEvents(r io.Reader, most int, alive func(), event func(name, data string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, most)
	name, data := "", ""
	for lines.Scan() {
		alive()
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if data != "" {
				if err := event(name, data); err != nil {
					return err
				}
			}
			name, data = "", ""
		case field == "event":
			name = value
		case field == "data" && data != "":
			data += "\n" + value
		case field == "data":
			data = value
		}
	}
	return lines.Err()
}
