package wire

import (
	"encoding/json"
	"strconv"

	"github.com/bellhop/bellhop"
)

// Streamed is a line that answers a stream of publications: the event that a line became,
// why one was refused, or, as the last, how the stream ended.
type Streamed struct {
	Line       int64           `json:"line,omitempty" doc:"Which line this answers: the first of the request is 1. Blank lines count, and are not answered." example:"17"`
	Event      bellhop.EventID `json:"event,omitzero" doc:"The event's id: what receivers get as idempotency key. It, and its deliveries, are durable." example:"evt_01HZX3K2Q9F7A"`
	ID         string          `json:"id,omitempty" doc:"Your own id of the event, if the line has one." example:"order-118-paid"`
	Duplicate  bool            `json:"duplicate,omitempty" doc:"True if this id was published before: this is the answer of that first time."`
	Deliveries int             `json:"deliveries,omitempty" doc:"How many endpoints it is bound for." example:"2"`
	Error      *Problem        `json:"error,omitempty" doc:"Why the line was refused. The stream goes on with the next one."`
	RetryAfter int             `json:"retry_after,omitempty" doc:"After how many seconds to send the line again, where it was refused for what passes." example:"2"`
	End        *StreamEnd      `json:"end,omitempty" doc:"Only in the last line. Where it is missing, the connection broke: send again from the first line that was not answered, with the same ids."`
}

// StreamEnd is how a stream of publications ended.
type StreamEnd struct {
	Lines      int64    `json:"lines" doc:"Every line up to this one is answered." example:"1000"`
	Error      *Problem `json:"error,omitempty" doc:"Why the stream ended before the body did; absent if all of it was read. Send what is not answered again, on another connection."`
	RetryAfter int      `json:"retry_after,omitempty" doc:"After how many seconds to do so." example:"5"`
}

// AppendJSON appends the line as encoding/json would write it, but for duplicate and
// deliveries, which a line that was accepted always has.
func (s *Streamed) AppendJSON(b []byte) []byte {
	if s.Event == 0 {
		rest, _ := encode(*s) // of texts and numbers
		return append(b, rest...)
	}
	b = strconv.AppendInt(append(b, `{"line":`...), s.Line, 10)
	b, _ = s.Event.AppendText(append(b, `,"event":"`...)) // which never fails
	b = append(b, '"')
	if s.ID != "" {
		b = appendText(append(b, `,"id":`...), s.ID)
	}
	b = strconv.AppendBool(append(b, `,"duplicate":`...), s.Duplicate)
	return append(strconv.AppendInt(append(b, `,"deliveries":`...), int64(s.Deliveries), 10), '}')
}

// appendText appends a string as JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c > '~' {
			text, _ := json.Marshal(s) // a string always can be
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
