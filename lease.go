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
}
