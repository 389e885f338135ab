package history

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// at is so many milliseconds after the beginning.
func at(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }

// event is published, and acknowledged 5 ms later.
func event(name, key string, sent int, to ...string) Event {
	return Event{Name: name, Sent: at(sent), Acked: at(sent + 5), Key: key, To: to}
}

// takes is a request that is answered 2xx after 10 ms.
func takes(to, event, node string, arrived int) Request {
	return Request{Endpoint: to, Event: event, Node: node, Arrived: at(arrived), Answered: at(arrived + 10), Taken: true}
}

func refuses(to, event, node string, arrived int) Request {
	rq := takes(to, event, node, arrived)
	rq.Taken = false
	return rq
}

func TestCheck(t *testing.T) {
	plain, ordered := Endpoint{Name: "r"}, Endpoint{Name: "r", Ordered: true}
	a, b := event("a", "k", 0, "r"), event("b", "k", 10, "r")
	tests := []struct {
		name     string
		history  History
		wants    string // what the error speaks of; "" for none
		repeated int
		inHand   int
	}{
		{name: "all is well", history: History{Endpoints: []Endpoint{ordered}, Events: []Event{a, b}, Requests: []Request{takes("r", "b", "n1", 60), takes("r", "a", "n1", 20)}}},
		{
			name:    "never sent",
			history: History{Endpoints: []Endpoint{plain}, Events: []Event{a, b}, Requests: []Request{takes("r", "a", "n1", 20)}},
			wants:   "1 acknowledged and lost:\n  b at r",
		},
		{
			name:    "sent and never taken",
			history: History{Endpoints: []Endpoint{plain}, Events: []Event{a}, Requests: []Request{refuses("r", "a", "n1", 20)}},
			wants:   "none of 1 requests was taken",
		},
		{
			name:    "taken elsewhere only",
			history: History{Events: []Event{event("a", "", 0, "r", "s")}, Requests: []Request{takes("s", "a", "n1", 20)}},
			wants:   "a at r",
		},
		{name: "given up", history: History{Events: []Event{a}, Ends: []End{{"r", "a", at(50)}}}},
		{name: "never acknowledged, never sent", history: History{Events: []Event{{Name: "a", Sent: at(0), To: []string{"r"}}}}},
		{name: "never acknowledged, and sent", history: History{Events: []Event{{Name: "a", Sent: at(0), To: []string{"r"}}}, Requests: []Request{takes("r", "a", "n1", 3)}}},
		{
			name:    "never published",
			history: History{Requests: []Request{takes("r", "z", "n1", 3)}},
			wants:   "received and never published",
		},

		{
			name:    "again without a reason",
			history: History{Events: []Event{a}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "a", "n1", 5000)}},
			wants:   "without a fault that explains it", repeated: 1,
		},
		{
			name:     "again after it failed",
			history:  History{Events: []Event{a}, Requests: []Request{refuses("r", "a", "n1", 20), takes("r", "a", "n1", 5000)}},
			repeated: 0,
		},
		{
			name: "again after its node crashed",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "a", "n2", 9000)},
				Faults: []Fault{{Node: "n1", What: "crash", From: at(25), To: at(8000)}},
			},
			repeated: 1,
		},
		{
			name: "again long after its node could have recorded it",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "a", "n2", 9000)},
				Faults: []Fault{{Node: "n1", What: "crash", From: at(4000), To: at(8000)}},
			},
			wants: "without a fault that explains it", repeated: 1,
		},
		{
			name: "again after another node crashed",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "a", "n2", 9000)},
				Faults: []Fault{{Node: "n3", What: "crash", From: at(25), To: at(8000)}},
			},
			wants: "without a fault that explains it", repeated: 1,
		},
		{
			name: "again after the database was away",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "a", "n1", 9000)},
				Faults: []Fault{{Node: "", What: "restart", From: at(25), To: at(800)}},
			},
			repeated: 1,
		},
		{
			name: "again from a node that woke",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n2", 9000), takes("r", "a", "n1", 20100)},
				Faults: []Fault{{Node: "n1", What: "pause", From: at(10), To: at(20000)}},
			},
			repeated: 1,
		},
		{
			name: "again from a node that woke long ago",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n2", 9000), takes("r", "a", "n1", 30000)},
				Faults: []Fault{{Node: "n1", What: "pause", From: at(10), To: at(20000)}},
			},
			wants: "without a fault that explains it", repeated: 1,
		},
		{
			name: "a third time, though only the first may have been forgotten",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "a", "n2", 9000), takes("r", "a", "n2", 20000)},
				Faults: []Fault{{Node: "n1", What: "crash", From: at(25), To: at(8000)}},
			},
			wants: "\n1 sent again after it was taken", repeated: 2,
		},

		{
			name:    "the later one first",
			history: History{Endpoints: []Endpoint{ordered}, Events: []Event{a, b}, Requests: []Request{takes("r", "b", "n1", 20), takes("r", "a", "n1", 40)}},
			wants:   "1 out of order:\n  b at r",
		},
		{
			name:    "the later one while the first is under way",
			history: History{Endpoints: []Endpoint{ordered}, Events: []Event{a, b}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "b", "n2", 25)}},
			wants:   "1 out of order:\n  b at r",
		},
		{
			name: "the later one between two tries of the first",
			history: History{Endpoints: []Endpoint{ordered}, Events: []Event{a, b}, Requests: []Request{
				refuses("r", "a", "n1", 20), takes("r", "b", "n1", 40), takes("r", "a", "n1", 60),
			}},
			wants: "1 out of order:\n  b at r",
		},
		{name: "in no order", history: History{Endpoints: []Endpoint{plain}, Events: []Event{a, b}, Requests: []Request{takes("r", "b", "n1", 20), takes("r", "a", "n1", 40)}}},
		{
			name: "published at the same time",
			history: History{
				Endpoints: []Endpoint{ordered}, Events: []Event{a, event("b", "k", 3, "r")},
				Requests: []Request{takes("r", "b", "n1", 20), takes("r", "a", "n1", 40)},
			},
		},
		{
			name: "of another key",
			history: History{
				Endpoints: []Endpoint{ordered}, Events: []Event{a, event("b", "l", 10, "r")},
				Requests: []Request{takes("r", "b", "n1", 20), takes("r", "a", "n1", 40)},
			},
		},
		{
			name: "the first was given up",
			history: History{
				Endpoints: []Endpoint{ordered}, Events: []Event{a, b}, Requests: []Request{takes("r", "b", "n1", 60)},
				Ends: []End{{"r", "a", at(50)}},
			},
		},
		{
			name: "the first was given up later",
			history: History{
				Endpoints: []Endpoint{ordered}, Events: []Event{a, b}, Requests: []Request{takes("r", "b", "n1", 40)},
				Ends: []End{{"r", "a", at(50)}},
			},
			wants: "out of order",
		},
		{
			name: "from a node that woke, with what it had in hand",
			history: History{
				Endpoints: []Endpoint{ordered}, Events: []Event{a, b},
				Requests: []Request{takes("r", "b", "n1", 20100), takes("r", "a", "n2", 20200)},
				Faults:   []Fault{{Node: "n1", What: "pause", From: at(16), To: at(20000)}},
			},
			inHand: 1,
		},

		{
			name:    "three at once where two may",
			history: requests(Endpoint{Name: "r", Concurrency: 2}, "n1", 0, 3, 6),
			wants:   "1 above the concurrency",
		},
		{name: "two at once where two may", history: requests(Endpoint{Name: "r", Concurrency: 2}, "n1", 0, 3, 10)},
		{
			name: "beside one of a node that is dead",
			history: func() History {
				h := requests(Endpoint{Name: "r", Concurrency: 1}, "n1", 0, 3)
				h.Requests[1].Node = "n2"
				h.Faults = []Fault{{Node: "n1", What: "crash", From: at(1), To: at(8000)}}
				return h
			}(),
		},

		{
			name: "three at once while the database was away for a moment",
			history: func() History {
				h := requests(Endpoint{Name: "r", Concurrency: 2}, "n1", 0, 3, 6)
				h.Faults = []Fault{{What: "restart", From: at(1), To: at(4), Forgets: true}}
				return h
			}(),
			wants: "1 above the concurrency",
		},
		{
			name: "out of order while the database was away for a moment",
			history: History{
				Endpoints: []Endpoint{ordered}, Events: []Event{a, b}, Requests: []Request{takes("r", "b", "n1", 20), takes("r", "a", "n1", 40)},
				Faults: []Fault{{What: "restart", From: at(10), To: at(40), Forgets: true}},
			},
			wants: "1 out of order",
		},
		{
			name: "again after the database was away for a moment",
			history: History{
				Events: []Event{a}, Requests: []Request{takes("r", "a", "n1", 20), takes("r", "a", "n1", 9000)},
				Faults: []Fault{{What: "restart", From: at(25), To: at(800), Forgets: true}},
			},
			repeated: 1,
		},

		{name: "a burst, and then the rate", history: requests(Endpoint{Name: "r", Rate: 10, Burst: 3}, "n1", 0, 0, 0, 100, 200, 300)},
		{name: "a burst, though one was late on its way", history: requests(Endpoint{Name: "r", Rate: 10, Burst: 3}, "n1", 0, 0, 0, 100, 100)},
		{
			name:    "two more than the burst",
			history: requests(Endpoint{Name: "r", Rate: 10, Burst: 3}, "n1", 0, 0, 0, 0, 0, 2000),
			wants:   "1 above the rate limit",
		},
		{name: "without a rate", history: requests(Endpoint{Name: "r"}, "n1", 0, 0, 0, 0, 0, 0, 0, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Check(tt.history)
			err := r.Err()
			switch {
			case tt.wants == "" && err != nil:
				t.Errorf("it is said to be wrong: %v", err)
			case tt.wants != "" && err == nil:
				t.Errorf("nothing is said to be wrong; want %q", tt.wants)
			case tt.wants != "" && !strings.Contains(err.Error(), tt.wants):
				t.Errorf("want %q; it is: %v", tt.wants, err)
			}
			if r.Repeated != tt.repeated || r.InHand != tt.inHand {
				t.Errorf("%d repeated, %d in hand; want %d, %d", r.Repeated, r.InHand, tt.repeated, tt.inHand)
			}
		})
	}
}

// requests is a history of one endpoint which got requests at these times, each an event
// of its own.
func requests(e Endpoint, node string, arrived ...int) History {
	h := History{Endpoints: []Endpoint{e}}
	for i, ms := range arrived {
		name := fmt.Sprintf("e%d", i)
		h.Events = append(h.Events, event(name, "", 0, e.Name))
		h.Requests = append(h.Requests, takes(e.Name, name, node, ms))
	}
	return h
}

// Two nodes that each keep to the whole limit are twice too fast together, and that is
// seen on the long run as well as at once.
func TestTwoNodesAtTheWholeRate(t *testing.T) {
	h := History{Endpoints: []Endpoint{{Name: "r", Rate: 20, Burst: 1}}}
	for i := range 400 {
		name := fmt.Sprintf("e%d", i)
		h.Events = append(h.Events, event(name, "", 0, "r"))
		h.Requests = append(h.Requests, takes("r", name, fmt.Sprintf("n%d", i%2), i*25))
	}
	r := Check(h)
	if len(r.TooFast) < 150 {
		t.Errorf("%d of 400 requests are said to be too fast: half of them are", len(r.TooFast))
	}
	if rate := r.Rates["r"]; rate < 1.9 || rate > 2.1 {
		t.Errorf("the rate is said to be %.2f of what is allowed; it is twice", rate)
	}
	// One of them alone is well, a little early each time.
	alone := h
	alone.Requests = nil
	for i, rq := range h.Requests {
		if i%2 == 0 {
			rq.Arrived = rq.Arrived.Add(-time.Duration(i%5) * time.Millisecond)
			alone.Requests = append(alone.Requests, rq)
		}
	}
	r = Check(alone)
	if len(r.TooFast) > 0 || r.Rates["r"] > 1.05 {
		t.Errorf("alone, %v, rate %.3f", r.TooFast, r.Rates["r"])
	}
}

// An hour of a chaos test has some hundred thousand requests.
func TestALongHistoryIsJudgedSoon(t *testing.T) {
	const events = 200_000
	h := History{Endpoints: []Endpoint{{Name: "r", Ordered: true, Rate: 1000, Burst: 100, Concurrency: 5}}}
	for i := range events {
		name := fmt.Sprintf("e%d", i)
		h.Events = append(h.Events, event(name, fmt.Sprintf("k%d", i%7), i*20, "r"))
		h.Requests = append(h.Requests, takes("r", name, "n1", i*20+6))
	}
	for i := range 100 {
		h.Faults = append(h.Faults, Fault{Node: "n2", What: "pause", From: at(i * 1000), To: at(i*1000 + 500)})
	}
	began := time.Now()
	if err := Check(h).Err(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%d events took %s", events, took)
	}
}

func TestFindingsAreLeftOutWhereThereAreMany(t *testing.T) {
	var h History
	for i := range 20 {
		h.Events = append(h.Events, event(fmt.Sprintf("e%d", i), "", 0, "r"))
	}
	if text := Check(h).Err().Error(); !strings.Contains(text, "20 acknowledged and lost") || strings.Count(text, "\n") > 7 {
		t.Errorf("it says: %s", text)
	}
}
