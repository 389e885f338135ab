package wire

import (
	"time"

	"github.com/bellhop/bellhop"
)

// Node is a process that shares the work.
type Node struct {
	Node         int               `json:"node" doc:"Its number while it runs. It is part of the ids that it makes."`
	Name         string            `json:"name,omitempty" doc:"Where it runs, as its operator named it. Two nodes may have the same name."`
	Version      string            `json:"version,omitempty" doc:"Of the program."`
	StartedAt    time.Time         `json:"started_at" doc:"When the process began."`
	JoinedAt     time.Time         `json:"joined_at" doc:"When it got its lease. Later than started_at where it lost one, after a pause for example."`
	LeaseUntil   time.Time         `json:"lease_until" doc:"When the others take over what it has, if they do not hear of it before. In the past: they are about to."`
	Doing        bellhop.NodeDoing `json:"doing" doc:"In a word, as of its last heartbeat."`
	Answers      bool              `json:"answers" doc:"True for the node that answers this request."`
	KeepsHouse   bool              `json:"keeps_house" doc:"True for the one that does what one does for all: retention, statistics, notices."`
	Buckets      int               `json:"buckets" doc:"How many of the 256 parts of all endpoints are its own. It alone fetches what waits for them, and it alone sends where an order or a limit must be exact."`
	Backlog      int64             `json:"backlog" doc:"Unfinished deliveries to the endpoints in them, as counted at counted_at."`
	CountedAt    time.Time         `json:"counted_at,omitzero" doc:"When the backlog was counted; left out while it was not."`
	InFlight     int               `json:"in_flight" doc:"Requests under way, as of its last heartbeat."`
	Queued       int               `json:"queued" doc:"Deliveries in its memory that wait for their turn, as of its last heartbeat."`
	CircuitsOpen int               `json:"circuits_open" doc:"Endpoints that it takes for broken, as of its last heartbeat."`
	ClockAhead   bellhop.Duration  `json:"clock_ahead" doc:"By how much its computer's clock is ahead of the database's; less than 0: behind. The database's counts."`
}
