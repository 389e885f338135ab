package sim

// situations are what some seed must come to, out of a thousand: a fault that never
// meets the code that it is for would be no test of it. Each is the word that
// world.reached is told.
var situations = []string{
	// Into the store.
	"a commit took effect late",
	"a late commit was given up",
	"a crash in the middle of a publish",
	"a fan-out was done again",
	"a fan-out went on later",
	"a put-off delivery was made",
	"a publisher went away while nobody knew",
	"an Enqueue whose answer was lost was done",
	"an Enqueue whose answer was lost was not done",
	"an Enqueue whose answer was lost was resolved under another lease",
	"an event was scheduled",
	"an external id came again",
	"an external id came again for something else",

	// Lanes.
	"a claim whose answer was lost was disowned",
	"a lane waited for a slot",
	"a lane waited for memory",
	"a lane was full",
	"a rate limit was used up",
	"a rate limit was waited for",
	"the first of an order is tried again while the next waits",
	"the memory of all lanes was used up",
	"the ordering changed while deliveries waited",

	"a delivery was skipped",
	"an attempt by settings of before held nothing",
	"an order waited behind one that is held",
	"held deliveries were let go",

	"a first attempt went before retries that waited",
	"a retry went while first attempts waited",
	"a delivery became too old at a disabled endpoint",
	"a delivery became too old behind an open circuit",

	// Receivers.
	"a circuit opened",
	"a probe closed a circuit",
	"a probe was the newest of several first attempts",
	"a receiver that was gone was disabled",
	"a schedule was exhausted",
	"an accused endpoint was vindicated",
	"an endpoint that failed for too long was disabled",
	"an event was taken twice, with a reason",
	"an overloaded endpoint was given less",
	"an endpoint was given more than it began with",
	"refusals opened no circuit",

	// Nodes.
	"a crash with requests under way",
	"a lease was lost with requests under way",
	"an attempt was logged out of turn",
	"draining took too long",
	"the clock went back",
	"the nodes were restarted one after the other",
	"a node woke after its lease",
	"a node woke after its lease with requests under way",
	"a node stood still with a request in hand",
	"a step was done while another's commit was late",
	"a bucket was handed over",
	"a bucket was handed over while requests were under way",
	"a bucket was kept after all",
	"a node did not believe its lease any more",
	"a node found that another had events erased",
	"a wakeup was lost",
	"a program committed while another was in the middle",
	"what a program published was taken out of the outbox",
	"a request was withheld",
	"an orphan was found",
	"a node number was used again",
	"a receiver got again what it had taken",
	"what a dead node had was taken over",

	// Listeners.
	"a listener was refused, since another node has the bucket",
	"of two nodes that were listened at, one gave way",
	"a bucket went to a node that is listened at",

	// People.
	"an app was deleted",
	"a deleted endpoint was swept",
	"a pause gave back what was queued",
	"an erased event was swept",
	"an event was erased while it was claimed or committed",
	"an event was sent again",
	"a settled delivery was swept",
	"deliveries were tried before their time",
	"rows moved while a list was read by pages",
	"what was held went out oldest first",
}
