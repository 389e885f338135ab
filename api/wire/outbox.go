package wire

import (
	"time"

	"github.com/bellhop/bellhop"
)

// RefusedEntry is an event that a program has published into the outbox and that could not
// be accepted.
type RefusedEntry struct {
	ID         int64            `json:"id" doc:"The entry's number, which bellhop.publish has answered." example:"1099511627776"`
	App        string           `json:"app" example:"acme"`
	Type       string           `json:"type" example:"invoice.purchase"`
	Subject    string           `json:"subject,omitempty"`
	ExternalID string           `json:"external_id,omitempty" doc:"The publisher's own id of the event."`
	DeliverAt  *time.Time       `json:"deliver_at,omitempty"`
	Channels   []string         `json:"channels,omitempty" nullable:"false"`
	Tags       []string         `json:"tags,omitempty" nullable:"false"`
	Retain     bellhop.Duration `json:"retain,omitzero" doc:"For how long the data was to be kept."`
	// Data is text: it may be no JSON.
	Data        string               `json:"data,omitempty" doc:"The payload as it was published, as text, since it may be no JSON. Left out of lists, and of what is too large to be kept."`
	Size        int64                `json:"size" doc:"How large the payload is, in bytes."`
	PublishedAt time.Time            `json:"published_at" doc:"When the program published it, by the database's clock."`
	RefusedAt   time.Time            `json:"refused_at" doc:"When it was refused."`
	Code        bellhop.Code         `json:"code" doc:"Why it was refused: the code that publishing by the API would have answered." example:"unknown_app"`
	Detail      string               `json:"detail" doc:"The same as a sentence."`
	Errors      []bellhop.FieldError `json:"errors,omitempty" doc:"The fields at fault."`
}

// Forgotten says how many were removed.
type Forgotten struct {
	Forgotten int `json:"forgotten" doc:"How many were removed." example:"12"`
}
