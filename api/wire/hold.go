package wire

import "time"

// Hold says whether the sending to all endpoints is held.
type Hold struct {
	Held       bool      `json:"held" doc:"True while nothing is sent to any endpoint: events are accepted, and wait."`
	Since      time.Time `json:"since,omitzero" doc:"When it began."`
	ReleasedAt time.Time `json:"released_at,omitzero" doc:"When the last hold ended: the age of what waited counts from then."`
}
