package lane

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// Input is something that has happened, for Machine.Step to decide what follows.
type Input interface{ input() }

// The inputs.
type (
	// Start lets the lanes send, under a lease; Stop ends that for good.
	Start struct{ Lease bellhop.Lease }
	Stop  struct{}

	// LeaseLost: what the lanes have in memory, and all buckets, belong to others now.
	// Joined: there is a new lease.
	LeaseLost struct{}
	Joined    struct{ Lease bellhop.Lease }
	// Trusted tells whether the node still believes its lease. While it does not, others
	// may take over at any moment, and nothing is begun.
	Trusted struct{ Lease bool }

	// BucketsTaken: the node owns buckets, under its lease. It may be none: before it was
	// told for the first time, it takes nothing new. Due is what the store has for them.
	BucketsTaken struct {
		Taken []bellhop.BucketOwner
		Due   []bellhop.Backlog
		// Handed: other nodes may have sent to their endpoints lately, and Vitals are what
		// these know of the receivers.
		Handed bool
		Vitals map[bellhop.EndpointID]bellhop.Vitals
	}
	// BucketLeaving: a bucket is to be handed over: nothing more is claimed for it, nor sent
	// where the owner alone may; Drained follows. BucketKept: it is to be kept after all.
	BucketLeaving struct{ Bucket bellhop.Bucket }
	BucketKept    struct{ Bucket bellhop.Bucket }
	// BucketLost: the node does not own a bucket any more that it owned under the epoch.
	BucketLost struct {
		Bucket bellhop.Bucket
		Epoch  int64
	}

	// Configured: endpoints were made or changed, or are gone.
	Configured struct {
		Changed []*routes.Route
		Gone    []bellhop.EndpointID
	}

	// Admitted: a delivery for which Reserve promised room is durable.
	Admitted struct{ Work bellhop.Work }
	// Unreserved: a delivery for which Reserve promised room does not come.
	Unreserved struct {
		Endpoint bellhop.EndpointID
		Bytes    int
	}
	// Noted: the store has an unowned delivery of an endpoint, due at a time.
	Noted struct{ bellhop.Backlog }

	// Sent: a request was made. Attempt is its id, which tells when it began; Random
	// is in [0, 1), for the jitter. Cut is true where shutdown ended it, so that
	// nothing is known of it. Unseen is how much of the delivery's age nobody saw pass,
	// since the clock has jumped. Withheld: no request was made, since the lease was not to
	// be believed any more. Outcome may be nil where Cut or Withheld.
	Sent struct {
		Job     *Job
		Attempt bellhop.AttemptID
		Outcome *bellhop.Outcome
		Random  float64
		Unseen  time.Duration
		Cut     bool

		Withheld bool
	}
	// Recorded: what followed from a request is durable; Failed where shutdown ended
	// the trying.
	Recorded struct {
		Job    *Job
		Failed bool
	}

	// Claimed answers the effect Claim, which it names.
	Claimed struct {
		Claim  Claim
		Answer bellhop.Claimed
		Result StepResult
	}
	// Released and Disowned answer the effects of these names.
	Released struct{ Endpoint bellhop.EndpointID }
	Disowned struct{ Endpoint bellhop.EndpointID }

	// Hastened: deliveries of an endpoint have been made due now, by somebody who wants
	// them to be tried. A probe of its circuit goes at once.
	Hastened struct{ Endpoint bellhop.EndpointID }
	// Vouched: a test, which goes past the lane, was taken by the receiver. Revived is
	// among the effects if the store must know.
	Vouched struct{ Route *routes.Route }
	// Vindicated: the log has a success since the endpoint is said to have been
	// failing, which another node saw or which was recorded out of turn.
	Vindicated struct {
		Endpoint bellhop.EndpointID
		Since    time.Time
	}

	// Forgotten: events were erased, or an app was deleted; what is queued of them
	// must not be sent, nor what is being committed or claimed.
	Forgotten struct{ Gone }

	// Stirred: whether an endpoint's route is live may have changed, although the route
	// is the same.
	Stirred struct{ Endpoint bellhop.EndpointID }

	// Tick: the time that SetTimer asked for has come.
	Tick struct{}
	// Heartbeat: some seconds have passed; what waits only for its turn needs no luck.
	Heartbeat struct{}
)

// Gone says what must not be sent any more.
type Gone struct {
	Events map[bellhop.EventID]bool
	App    string // "" for none
}

// StepResult is how a step of the store went.
type StepResult int

// How a step of the store can go.
const (
	Done    StepResult = iota
	NotDone            // it failed and changed nothing
	Unknown            // whether it was done is not known
)

// Effect is something that the machine wants done. What came of it is fed back as an
// input.
type Effect interface{ effect() }

// The effects.
type (
	// Send asks for a request to be made: Sent.
	Send struct{ Job *Job }
	// Record asks for an attempt to be made durable, with what follows from it,
	// however often that has to be tried: Recorded.
	Record struct {
		Job    *Job
		Result *bellhop.Result
	}
	// Claim asks for deliveries from the store: Claimed.
	Claim struct {
		bellhop.ClaimRequest
		// orders is that of the lane when it was made, and deaths that of the graves.
		orders, deaths int
		// weight is what it may bring into memory, in bytes.
		weight int64
	}
	// Release gives deliveries back to the store: Released, unless Aside.
	Release struct {
		Endpoint   bellhop.EndpointID
		Lease      bellhop.Lease
		Deliveries []bellhop.DeliveryID
		// Aside: the lane does not wait for it.
		Aside bool
	}
	// Disown gives what the store takes for ours, but for Known: Disowned.
	Disown struct {
		Endpoint bellhop.EndpointID
		Lease    bellhop.Lease
		Known    []bellhop.DeliveryID
	}
	// Disable asks maintenance to judge an endpoint. It has no answer but a change
	// of configuration, or Vindicated.
	Disable struct{ Verdict }
	// CircuitMoved is for the log.
	CircuitMoved struct {
		Endpoint bellhop.EndpointID
		Open     bool
		Failures int
		Reason   string
	}
	// Revived are the vitals to be stored after Vouched.
	Revived struct{ Vitals bellhop.Vitals }
	// Drained: nothing keeps a bucket any more that is to be handed over: BucketLost, once
	// the store knows.
	Drained struct {
		Bucket bellhop.Bucket
		Epoch  int64
	}
	// Tell: the store has something due in a bucket of another node, or of none.
	Tell struct{ Bucket bellhop.Bucket }
	// SetTimer asks for a Tick at a time; zero: for none. It replaces the one before.
	SetTimer struct{ At time.Time }
)

// Verdict speaks against an endpoint.
type Verdict struct {
	Route *routes.Route
	// Gone: the receiver answered 410.
	Gone bool
	// FailedSince, if not Gone, is since when every attempt has failed.
	FailedSince time.Time
}

// Job is one request: what is sent, by which settings, and on which account its slot
// was taken.
type Job struct {
	Work  bellhop.Work
	Route *routes.Route

	lane *lane
	as   standing
	at   int // its place among the lane's
	// together is how many requests were under way with it. owed: it was answered and made
	// room for others, and owes what its outcome takes in memory until it is durable.
	together int
	owed     bool
	owes     int64
	outcome  bellhop.Outcome
	decision Decision
	verdict  *Verdict
	// named: a Disown has said that its delivery is ours.
	named bool
}

// jobs are requests, in no order.
type jobs []*Job

func (s *jobs) add(j *Job) {
	j.at = len(*s)
	*s = append(*s, j)
}

func (s *jobs) remove(j *Job) {
	last := len(*s) - 1
	moved := (*s)[last]
	(*s)[j.at], moved.at = moved, j.at
	(*s)[last] = nil
	*s = (*s)[:last]
}

func (Start) input()         {}
func (Stop) input()          {}
func (LeaseLost) input()     {}
func (Joined) input()        {}
func (Trusted) input()       {}
func (BucketsTaken) input()  {}
func (BucketLeaving) input() {}
func (BucketKept) input()    {}
func (BucketLost) input()    {}
func (Configured) input()    {}
func (Admitted) input()      {}
func (Unreserved) input()    {}
func (Noted) input()         {}
func (Sent) input()          {}
func (Recorded) input()      {}
func (Claimed) input()       {}
func (Released) input()      {}
func (Disowned) input()      {}
func (Hastened) input()      {}
func (Vouched) input()       {}
func (Vindicated) input()    {}
func (Forgotten) input()     {}
func (Stirred) input()       {}
func (Tick) input()          {}
func (Heartbeat) input()     {}

func (Send) effect()         {}
func (Record) effect()       {}
func (Claim) effect()        {}
func (Release) effect()      {}
func (Disown) effect()       {}
func (Disable) effect()      {}
func (CircuitMoved) effect() {}
func (Revived) effect()      {}
func (Drained) effect()      {}
func (Tell) effect()         {}
func (SetTimer) effect()     {}
