// Package history judges what receivers got against what was published: whether anything
// was lost, came again without a reason, came out of its order, or came sooner or more at
// once than its endpoint allows. It knows nothing of how it was sent, so that histories of
// a simulation and of real processes are judged alike.
package history

import (
	"fmt"
	"strings"
	"time"
)

// History is what was seen from outside. Names are any that tell one from another; times
// are of one clock. The order of the lists does not matter.
type History struct {
	Endpoints []Endpoint
	Events    []Event
	Requests  []Request
	Ends      []End
	Faults    []Fault

	// Slack is how long after a fault its effects may be seen at a receiver: what a node
	// that went on had in hand, and what was taken and was not recorded. Zero is a second.
	Slack time.Duration
	// Jitter is how much longer one request may take to its receiver than another. Zero
	// is 100 ms.
	Jitter time.Duration
	// Tolerance is by which part a rate may be exceeded, as it is seen from outside.
	// Negative is none, and zero is 0.05.
	Tolerance float64
}

// Endpoint is a receiver and what it asks for. Limits that were changed meanwhile are left
// out: they cannot be judged.
type Endpoint struct {
	Name string
	// Ordered: events of one Key come one after the other.
	Ordered bool
	// Rate is how many requests a second may come, after Burst at once; 0 is any.
	Rate  float64
	Burst int
	// Concurrency is how many requests may be open at once; 0 is any.
	Concurrency int
}

// Event is something that was published.
type Event struct {
	Name string
	// Sent is when its publisher asked, and Acked when it was told that it is stored;
	// zero if it never was: then it may arrive, and need not.
	Sent, Acked time.Time
	// To are the endpoints where it must arrive.
	To []string
	// Key is its order: of two of one key, that which was acknowledged before the other
	// was sent comes first. "" is in no order, but at endpoints that take one thing after
	// the other give all events the same key.
	Key string
}

// Request is one that came to a receiver.
type Request struct {
	Endpoint, Event string
	// Node is the process that sent it.
	Node string
	// Arrived is when it came, and Answered when the receiver had answered.
	Arrived, Answered time.Time
	// Taken: it was answered 2xx, while its sender still waited for that.
	Taken bool
}

// End says that an event came to its end at an endpoint otherwise than by being taken: it
// was given up, canceled, or erased.
type End struct {
	Endpoint, Event string
	At              time.Time
}

// Fault is something that happened to a node, or to all ("").
type Fault struct {
	Node string
	// What it was, for the report: a crash, a pause, a lost lease, a database that was away.
	What     string
	From, To time.Time
	// Forgets: meanwhile nobody could note what was taken, and nobody sent what was others',
	// as when a database is away for a while that no lease ends in. It explains that
	// something comes again, and nothing else.
	Forgets bool
}

// Report is what is wrong, and what was counted.
type Report struct {
	Events, Requests, Taken int
	// Lost were acknowledged, and never arrived. Strange arrived, and were never published.
	Lost, Strange []Finding
	// Repeated counts requests for what had been taken before; Unexplained are those that
	// no fault explains, and Worst is how often one event came again to one endpoint.
	Repeated    int
	Unexplained []Finding
	Worst       int
	// Disorder are requests that came before an earlier event of their order had ended.
	Disorder []Finding
	// TooFast came sooner than their endpoint's rate allows, TooMany while as many as it
	// allows were open.
	TooFast, TooMany []Finding
	// InHand counts requests that would be among the last three, but for a node that went
	// on after a fault with what it had in hand.
	InHand int
	// Rates is, for each endpoint with a rate, the largest part of what is allowed in
	// RateWindow that came in one.
	Rates map[string]float64
}

// RateWindow is over how long Rates looks.
const RateWindow = 10 * time.Second

// Finding is one thing that is wrong.
type Finding struct {
	Endpoint, Event, Node string
	At                    time.Time
	Detail                string
}

func (f Finding) String() string {
	var b strings.Builder
	if f.Event != "" {
		b.WriteString(f.Event)
	}
	if f.Endpoint != "" {
		fmt.Fprintf(&b, " at %s", f.Endpoint)
	}
	if f.Node != "" {
		fmt.Fprintf(&b, " from %s", f.Node)
	}
	if !f.At.IsZero() {
		fmt.Fprintf(&b, " (%s)", f.At.UTC().Format("15:04:05.000"))
	}
	if f.Detail != "" {
		fmt.Fprintf(&b, ": %s", f.Detail)
	}
	return strings.TrimSpace(b.String())
}

// Err is nil if nothing is wrong, and else says what is.
func (r *Report) Err() error {
	var b strings.Builder
	for _, kind := range []struct {
		what string
		list []Finding
	}{
		{"acknowledged and lost", r.Lost},
		{"received and never published", r.Strange},
		{"sent again after it was taken, without a fault that explains it", r.Unexplained},
		{"out of order", r.Disorder},
		{"above the rate limit", r.TooFast},
		{"above the concurrency", r.TooMany},
	} {
		if len(kind.list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%d %s:", len(kind.list), kind.what)
		for i, f := range kind.list {
			if i == 5 {
				b.WriteString("\n  …")
				break
			}
			fmt.Fprintf(&b, "\n  %s", f)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return fmt.Errorf("%s%s", r, b.String())
}

// String counts.
func (r *Report) String() string {
	return fmt.Sprintf("%d events, %d requests, %d taken; lost %d, repeated %d (%d unexplained, at most %d of one), out of order %d, too fast %d, too many at once %d, in hand %d",
		r.Events, r.Requests, r.Taken, len(r.Lost), r.Repeated, len(r.Unexplained), r.Worst, len(r.Disorder), len(r.TooFast), len(r.TooMany), r.InHand)
}
