package wire

import (
	"time"

	"github.com/bellhop/bellhop"
)

// Stats are attempts counted over time.
type Stats struct {
	Since   time.Time             `json:"since" doc:"Start of the range."`
	Until   time.Time             `json:"until" doc:"End of the range, exclusive."`
	Bucket  bellhop.Duration      `json:"bucket" doc:"Width of a bucket." example:"15m"`
	Total   bellhop.StatsBucket   `json:"total" doc:"The whole range as one bucket."`
	Buckets []bellhop.StatsBucket `json:"buckets" nullable:"false" doc:"Oldest first; buckets without an attempt are left out."`
}

// EndpointStats are the statistics of one endpoint and the state of its lane.
type EndpointStats struct {
	Endpoint bellhop.EndpointID `json:"endpoint"`
	Lane     bellhop.LaneState  `json:"lane" doc:"What the endpoint's lane is doing on the node that answers."`
	Pending  int64              `json:"pending" doc:"Unfinished deliveries, the held ones included."`
	// OldestPendingAt is when the oldest of them was made.
	OldestPendingAt time.Time `json:"oldest_pending_at,omitzero" doc:"When the oldest of them was made."`
	Held            int64     `json:"held" doc:"How many of them are held, since no request could be made of their events by the endpoint's settings."`
	// HeldAt, HeldReason and HeldDetail are of the newest of those.
	HeldAt     time.Time `json:"held_at,omitzero" doc:"When the newest of those was held."`
	HeldReason string    `json:"held_reason,omitempty" doc:"Why, as in its last attempt."`
	HeldDetail string    `json:"held_detail,omitempty" doc:"The same in a sentence."`
	Stats
}

// EndpointSeries are attempts at one endpoint counted over time.
type EndpointSeries struct {
	Endpoint bellhop.EndpointID    `json:"endpoint"`
	Total    bellhop.StatsBucket   `json:"total" doc:"The whole range as one bucket."`
	Buckets  []bellhop.StatsBucket `json:"buckets" nullable:"false" doc:"Oldest first; buckets without an attempt are left out."`
}

// EndpointsStats compare endpoints.
type EndpointsStats struct {
	Since  time.Time        `json:"since" doc:"Start of the range."`
	Until  time.Time        `json:"until" doc:"End of the range, exclusive."`
	Bucket bellhop.Duration `json:"bucket" doc:"Width of a bucket." example:"15m"`
	Data   []EndpointSeries `json:"data" nullable:"false" doc:"In the order asked for."`
}

// Backlog is how many deliveries were unfinished over time.
type Backlog struct {
	Since   time.Time `json:"since" doc:"Start of the range."`
	Until   time.Time `json:"until" doc:"End of the range, exclusive."`
	Pending int64     `json:"pending" doc:"Unfinished deliveries now, the held ones included."`
	// Oldest and OldestPendingAt are zero if there are none.
	Oldest          bellhop.DeliveryID      `json:"oldest,omitzero" doc:"The oldest of them; absent if there are none."`
	OldestPendingAt time.Time               `json:"oldest_pending_at,omitzero" doc:"When it was made."`
	Samples         []bellhop.BacklogSample `json:"samples" nullable:"false" doc:"Oldest first. A sample holds until the next one: none is taken while nothing changes."`
}

// Troubled is an endpoint that needs somebody's attention, and why.
type Troubled struct {
	Endpoint bellhop.Endpoint  `json:"endpoint"`
	Reason   string            `json:"reason" enum:"disabled,misconfigured,circuit_open,held,failing,backlog,certificate" doc:"The gravest that applies."`
	Detail   string            `json:"detail" doc:"A sentence that says why."`
	Since    time.Time         `json:"since,omitzero" doc:"Since when, as far as that is known."`
	Pending  int64             `json:"pending" doc:"Its unfinished deliveries."`
	Held     int64             `json:"held" doc:"How many of them are held, since no request could be made of their events."`
	Lane     bellhop.LaneState `json:"lane"`
}
