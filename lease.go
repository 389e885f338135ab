package bellhop

import "time"

// NodeID numbers a running process, from 1 to id.MaxNode; 0 is "nobody".
type NodeID int

// Lease is a node's right to own deliveries. A number is used again by later
// processes, each under a higher epoch: what was begun under a lease that is over
// cannot be mistaken for the work of its successor.
type Lease struct {
	Node  NodeID
	Epoch int64
}

// Node is what a process gets when it joins.
type Node struct {
	Lease Lease
	// Floor is the highest id in the store that this node number may have made:
	// new ids must be above it. Ids of other numbers that are further ahead than
	// ClockSlack, since the clock was ahead once, do not count.
	Floor int64
	// Until is when the other nodes may take over what this one owns.
	Until time.Time
	// Now is the time by the clock that judges leases: that of the database, where it has
	// one of its own.
	Now time.Time
}

// NodeAbout is what a process says of itself.
type NodeAbout struct {
	// Name is for people: where it runs. Two nodes may have the same.
	Name string `json:"name"`
	// Version is that of the program.
	Version string `json:"version"`
	// Started is when the process began. It is zero for a lease that is held for the sake
	// of its number alone, such as that of new ids after a step back of the clock.
	Started time.Time `json:"started_at"`
}

// NodeStatus is what a process says with a heartbeat of what it is doing.
type NodeStatus struct {
	Doing NodeDoing `json:"doing"`
	// InFlight counts the requests under way, Queued the deliveries in memory that wait
	// for their turn, and CircuitsOpen the endpoints that this node takes for broken.
	InFlight     int `json:"in_flight"`
	Queued       int `json:"queued"`
	CircuitsOpen int `json:"circuits_open"`
	// ClockAhead is by how much the node's own clock is ahead of the database's; less
	// than 0: behind.
	ClockAhead Duration `json:"clock_ahead"`
	// Listened are the endpoints that somebody listens at by way of this node.
	Listened []EndpointID `json:"listened,omitempty"`
}

// NodeDoing says in a word what a node does.
type NodeDoing string

// What nodes do.
const (
	NodeStarting    NodeDoing = "starting"
	NodeDelivering  NodeDoing = "delivering"
	NodeHeld        NodeDoing = "held"         // all sending is held
	NodeHandingOver NodeDoing = "handing_over" // a part of its endpoints goes to another node
	NodeDraining    NodeDoing = "draining"     // it is about to end
)

// NodeInfo is a node that holds a lease.
type NodeInfo struct {
	Lease Lease
	NodeAbout
	// Joined is when it got the lease, and Until when that ends, by the clock that judges
	// leases. One that ran out is listed until somebody takes over.
	Joined, Until time.Time
	// Status is what it said last; zero: nothing yet.
	Status NodeStatus
}
