package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// pair is an event at an endpoint.
type pair struct{ endpoint, event string }

// checking is a History made easy to look things up in.
type checking struct {
	*History
	r         Report
	endpoints map[string]*Endpoint
	events    map[string]*Event
	at        map[string][]*Request // by endpoint, as they arrived
	of        map[pair][]*Request   // as they arrived
	ends      map[pair]time.Time
}

// Check judges a history.
func Check(h History) *Report {
	h.Slack, h.Jitter, h.Tolerance = cmp.Or(h.Slack, time.Second), cmp.Or(h.Jitter, 100*time.Millisecond), max(cmp.Or(h.Tolerance, 0.05), 0)
	c := &checking{
		History: &h, endpoints: map[string]*Endpoint{}, events: map[string]*Event{},
		at: map[string][]*Request{}, of: map[pair][]*Request{}, ends: map[pair]time.Time{},
		r: Report{Events: len(h.Events), Requests: len(h.Requests), Rates: map[string]float64{}},
	}
	for i := range h.Endpoints {
		c.endpoints[h.Endpoints[i].Name] = &h.Endpoints[i]
	}
	for i := range h.Events {
		c.events[h.Events[i].Name] = &h.Events[i]
	}
	for _, e := range h.Ends {
		p := pair{e.Endpoint, e.Event}
		if at, ok := c.ends[p]; !ok || e.At.Before(at) {
			c.ends[p] = e.At
		}
	}
	requests := make([]*Request, len(h.Requests))
	for i := range h.Requests {
		requests[i] = &h.Requests[i]
	}
	slices.SortStableFunc(requests, func(a, b *Request) int { return a.Arrived.Compare(b.Arrived) })
	for _, rq := range requests {
		if rq.Taken {
			c.r.Taken++
		}
		if c.events[rq.Event] == nil {
			c.r.Strange = append(c.r.Strange, found(rq, ""))
			continue
		}
		p := pair{rq.Endpoint, rq.Event}
		c.at[rq.Endpoint], c.of[p] = append(c.at[rq.Endpoint], rq), append(c.of[p], rq)
	}
	c.lost()
	c.repeats()
	for i := range h.Endpoints {
		e := &h.Endpoints[i]
		if e.Ordered {
			c.order(e)
		}
		if e.Rate > 0 {
			c.rate(e)
		}
		if e.Concurrency > 0 {
			c.concurrency(e)
		}
	}
	return &c.r
}

func found(rq *Request, detail string, args ...any) Finding {
	return Finding{Endpoint: rq.Endpoint, Event: rq.Event, Node: rq.Node, At: rq.Arrived, Detail: fmt.Sprintf(detail, args...)}
}

// lost: what was acknowledged has arrived, or has come to another end.
func (c *checking) lost() {
	for i := range c.Events {
		e := &c.Events[i]
		if e.Acked.IsZero() {
			continue
		}
		for _, to := range e.To {
			p := pair{to, e.Name}
			if _, ended := c.ends[p]; ended || slices.ContainsFunc(c.of[p], func(rq *Request) bool { return rq.Taken }) {
				continue
			}
			c.r.Lost = append(c.r.Lost, Finding{
				Endpoint: to, Event: e.Name, At: e.Acked, Detail: fmt.Sprintf("acknowledged, and none of %d requests was taken", len(c.of[p])),
			})
		}
	}
}

// repeats: what was taken comes again only if that may have been forgotten.
func (c *checking) repeats() {
	for _, p := range sorted(c.of) {
		var taken []*Request
		again := 0
		for _, rq := range c.of[p] {
			if len(taken) > 0 {
				again++
				for _, before := range taken {
					if !c.explained(before, rq) {
						c.r.Unexplained = append(c.r.Unexplained, found(rq, "it was taken at %s, from %s", clock(before.Answered), before.Node))
						break
					}
				}
			}
			if rq.Taken {
				taken = append(taken, rq)
			}
		}
		c.r.Repeated += again
		c.r.Worst = max(c.r.Worst, again)
	}
}

// explained tells whether a fault explains that something comes again: its sender may not
// have recorded that it was taken; or who sends it now had it in hand when it stood still.
func (c *checking) explained(taken, again *Request) bool {
	for i := range c.Faults {
		f := &c.Faults[i]
		forgot := f.hits(taken.Node) && f.overlaps(taken.Arrived.Add(-c.Slack), taken.Answered.Add(c.Slack))
		if forgot {
			return true
		}
	}
	return c.inHand(again)
}

func (f *Fault) hits(node string) bool { return f.Node == "" || f.Node == node }

func (f *Fault) overlaps(from, to time.Time) bool { return !f.From.After(to) && !f.To.Before(from) }

// inHand tells whether a request is one that its node, which a fault befell, may not have
// known to be others' by then.
func (c *checking) inHand(rq *Request) bool {
	return slices.ContainsFunc(c.Faults, func(f Fault) bool {
		return !f.Forgets && f.hits(rq.Node) && f.overlaps(rq.Arrived.Add(-c.Slack), rq.Arrived)
	})
}

// order: nothing comes before what is before it has ended.
func (c *checking) order(to *Endpoint) {
	keys := map[string][]*Event{}
	for i := range c.Events {
		e := &c.Events[i]
		if e.Key != "" && !e.Acked.IsZero() && slices.Contains(e.To, to.Name) {
			keys[e.Key] = append(keys[e.Key], e)
		}
	}
	type last struct {
		at time.Time // when all up to this one had ended
		of *Event
	}
	ended := map[string][]last{}
	for key, list := range keys {
		slices.SortStableFunc(list, func(a, b *Event) int { return a.Acked.Compare(b.Acked) })
		lasts := make([]last, len(list))
		for i, e := range list {
			lasts[i] = last{c.ended(pair{to.Name, e.Name}), e}
			if i > 0 && lasts[i-1].at.After(lasts[i].at) {
				lasts[i] = lasts[i-1]
			}
		}
		ended[key] = lasts
	}
	for _, rq := range c.at[to.Name] {
		e := c.events[rq.Event]
		list := keys[e.Key]
		before, _ := slices.BinarySearchFunc(list, e.Sent, func(o *Event, sent time.Time) int { return o.Acked.Compare(sent) })
		if e.Key == "" || before == 0 {
			continue
		}
		switch l := ended[e.Key][before-1]; {
		case !l.at.After(rq.Arrived):
		case c.inHand(rq):
			c.r.InHand++
		default:
			c.r.Disorder = append(c.r.Disorder, found(rq, "%s, of the order %q before it, ended at %s", l.of.Name, e.Key, clock(l.at)))
		}
	}
}

var never = time.Unix(1<<40, 0)

// ended is when an event had ended at an endpoint.
func (c *checking) ended(p pair) time.Time {
	at, ok := c.ends[p]
	if !ok {
		at = never
	}
	for _, rq := range c.of[p] {
		if rq.Taken && rq.Answered.Before(at) {
			at = rq.Answered
		}
	}
	return at
}

// rate: what comes is a bucket's worth at once and the rate on the long run, as it looks
// after ways of unequal length.
func (c *checking) rate(e *Endpoint) {
	rate := e.Rate * (1 + c.Tolerance)
	size := float64(max(e.Burst, 1)) + rate*c.Jitter.Seconds()
	allowed := float64(max(e.Burst, 1)) + e.Rate*RateWindow.Seconds()
	tokens, first := size, 0
	var last time.Time
	var list []*Request
	for _, rq := range c.at[e.Name] {
		if !last.IsZero() {
			tokens = min(tokens+rq.Arrived.Sub(last).Seconds()*rate, size)
		}
		last = rq.Arrived
		if c.inHand(rq) {
			if tokens < 1 {
				c.r.InHand++
			}
			continue
		}
		list = append(list, rq)
		for rq.Arrived.Sub(list[first].Arrived) > RateWindow {
			first++
		}
		c.r.Rates[e.Name] = max(c.r.Rates[e.Name], float64(len(list)-first)/allowed)
		if tokens -= 1; tokens < -1e-6 {
			c.r.TooFast = append(c.r.TooFast, found(rq, "%.1f more than %g a second after %d at once", -tokens, e.Rate, max(e.Burst, 1)))
			tokens = 0 // each is counted once
		}
	}
}

// concurrency: no more are open at once than may be. Of one whose node was in trouble, the
// receiver may not know that nobody waits for its answer.
func (c *checking) concurrency(e *Endpoint) {
	var open []*Request
	for _, rq := range c.at[e.Name] {
		open = slices.DeleteFunc(open, func(o *Request) bool {
			return !o.Answered.After(rq.Arrived) || slices.ContainsFunc(c.Faults, func(f Fault) bool {
				return !f.Forgets && f.hits(o.Node) && f.overlaps(o.Arrived.Add(-c.Slack), rq.Arrived)
			})
		})
		if c.inHand(rq) {
			if len(open) >= e.Concurrency {
				c.r.InHand++
			}
			continue
		}
		if open = append(open, rq); len(open) > e.Concurrency {
			c.r.TooMany = append(c.r.TooMany, found(rq, "%d are open, %d may be; one of %s since %s", len(open), e.Concurrency, open[0].Event, clock(open[0].Arrived)))
		}
	}
}

func clock(t time.Time) string {
	if t.Equal(never) {
		return "no time"
	}
	return t.UTC().Format("15:04:05.000")
}

func sorted(m map[pair][]*Request) []pair {
	list := make([]pair, 0, len(m))
	for p := range m {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.endpoint, b.endpoint), cmp.Compare(a.event, b.event))
	})
	return list
}
