package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// found follows a search page by page until nothing is left.
func (f *fixture) found(s bellhop.EventSearch, limit int) (ids []bellhop.EventID) {
	f.Helper()
	for s.Limit = limit; ; {
		page, err := f.s.SearchEvents(f.Context(), s)
		f.must(err)
		if len(page.Events) > limit {
			f.Fatalf("a page of %d with limit %d", len(page.Events), limit)
		}
		for i := range page.Events {
			ids = append(ids, page.Events[i].ID)
		}
		if page.Next == 0 {
			return ids
		}
		if s.Before != 0 && page.Next >= s.Before {
			f.Fatalf("the search goes on at %d, from %d", page.Next, s.Before)
		}
		s.Before = page.Next
	}
}

var searchTests = []test{
	{"events by channel and tag", func(f *fixture) {
		var all []bellhop.NewEvent
		for i := range 12 {
			n := f.event()
			n.Event.Channels = [][]string{nil, {"a"}, {"a", "a.b"}, {"ab", "c"}}[i%4]
			n.Event.Tags = [][]string{nil, {"vip"}, {"a"}}[i%3]
			f.enqueue(n)
			all = append(all, n)
			f.pass(time.Second)
		}
		for _, channel := range []string{"", "a", "a.b", "ab", "b", "A", `a","a.b`, "%"} {
			for _, tag := range []string{"", "vip", "a", "nobody"} {
				var want []bellhop.EventID
				for i := range slices.Backward(all) {
					x := &all[i].Event
					if (channel == "" || slices.Contains(x.Channels, channel)) && (tag == "" || slices.Contains(x.Tags, tag)) {
						want = append(want, x.ID)
					}
				}
				s := bellhop.EventSearch{EventFilter: bellhop.EventFilter{Scope: bellhop.Only("acme")}, LabelFilter: bellhop.LabelFilter{Channel: channel, Tag: tag}}
				for _, limit := range []int{2, 100} {
					same(f, channel+" "+tag, f.found(s, limit), want)
				}
				// Some of them twice, and one that is gone.
				some := append(eventIDs(all...), all[2].Event.ID, all[1].Event.ID, all[0].Event.ID-1)
				has, err := f.s.Labelled(f.Context(), some, s.LabelFilter)
				f.must(err)
				for i, id := range some {
					if has[i] != slices.Contains(want, id) {
						f.Errorf("labelled %q and %q: %v says %v", channel, tag, id, has[i])
					}
				}
			}
		}
		none, err := f.s.Labelled(f.Context(), nil, bellhop.LabelFilter{Channel: "a"})
		f.must(err)
		same(f, "of none", len(none), 0)
	}},
	{"the outcome of events, and events by it", func(f *fixture) {
		a, b := f.endpoint("acme", "globex"), f.endpoint("acme", "globex")
		paused := f.endpoint("acme", "globex")
		all := map[string]bellhop.NewEvent{}
		publish := func(name, app string, to ...bellhop.Endpoint) bellhop.NewEvent {
			f.Helper()
			n := f.event(to...)
			n.Event.App = app
			for i := range n.Deliveries {
				n.Deliveries[i].App = app
			}
			f.enqueue(n)
			f.pass(time.Second)
			all[name] = n
			return n
		}
		end := func(e bellhop.Endpoint, status bellhop.AttemptStatus) {
			f.Helper()
			f.record(f.attempt(f.claim(e, 1)[0].Delivery, status))
		}
		publish("nobody", "acme")
		publish("delivered", "acme", a, b)
		end(a, bellhop.AttemptSucceeded)
		end(b, bellhop.AttemptSucceeded)
		publish("failed and delivered", "globex", a, b)
		end(a, bellhop.AttemptFailed)
		end(b, bellhop.AttemptSucceeded)
		publish("canceled and delivered", "acme", a, b)
		end(a, bellhop.AttemptCanceled)
		end(b, bellhop.AttemptSucceeded)
		again := publish("delivered at last", "acme", a)
		end(a, bellhop.AttemptFailed)
		f.pass(time.Second)
		f.resend(&again.Event, &a)
		end(a, bellhop.AttemptSucceeded)
		publish("retried", "globex", a, b)
		f.record(f.retry(f.claim(a, 1)[0].Delivery, time.Hour))
		end(b, bellhop.AttemptSucceeded)
		publish("held and waiting", "acme", a, paused)
		paused.Status = bellhop.EndpointPaused
		f.save(paused)
		spread := f.laterOf("globex", []bellhop.Endpoint{a, b})
		f.enqueue(spread)
		all["to be spread"] = spread
		f.pass(time.Second)

		want := map[string]bellhop.EventOutcome{
			"nobody":                 {State: bellhop.EventNone},
			"delivered":              {State: bellhop.EventDelivered, Delivered: 2},
			"failed and delivered":   {State: bellhop.EventFailed, Failed: 1, Delivered: 1},
			"canceled and delivered": {State: bellhop.EventCanceled, Canceled: 1, Delivered: 1},
			"delivered at last":      {State: bellhop.EventDelivered, Delivered: 1},
			"retried":                {State: bellhop.EventWaiting, Waiting: 1, Delivered: 1},
			"held and waiting":       {State: bellhop.EventHeld, Held: 1, Waiting: 1},
			"to be spread":           {State: bellhop.EventWaiting, Waiting: 2},
		}
		for name, n := range all {
			got, err := f.s.Outcomes(f.Context(), []bellhop.EventID{n.Event.ID})
			f.must(err)
			same(f, name, got, []bellhop.EventOutcome{want[name]})
		}
		for _, state := range []bellhop.EventState{
			bellhop.EventNone, bellhop.EventDelivered, bellhop.EventFailed, bellhop.EventCanceled, bellhop.EventWaiting, bellhop.EventHeld,
		} {
			for _, scope := range []bellhop.Scope{anyApp, bellhop.Only("acme"), bellhop.Only("globex", "acme"), bellhop.Only("no")} {
				var ids []bellhop.EventID
				for name, n := range all {
					if want[name].State == state && scope.Sees(n.Event.App) {
						ids = append(ids, n.Event.ID)
					}
				}
				slices.Sort(ids)
				slices.Reverse(ids)
				for _, limit := range []int{1, 2, 100} {
					same(f, fmt.Sprintf("%s of %v, by %d", state, scope, limit),
						f.found(bellhop.EventSearch{EventFilter: bellhop.EventFilter{Scope: scope}, Outcome: state}, limit), ids)
				}
			}
		}
		at := all["failed and delivered"].Event.ID.Time()
		failed := bellhop.EventSearch{EventFilter: bellhop.EventFilter{Scope: anyApp, Since: at, Until: at.Add(time.Millisecond)}, Outcome: bellhop.EventFailed}
		same(f, "in its time", len(f.found(failed, 5)), 1)
		failed.Since, failed.Until = at.Add(time.Millisecond), time.Time{}
		same(f, "after its time", len(f.found(failed, 5)), 0)
		failed.Since, failed.Type = time.Time{}, "no.*"
		same(f, "of another type", len(f.found(failed, 5)), 0)
	}},
	{"events by their data", func(f *fixture) {
		e := f.endpoint()
		var ids []bellhop.EventID
		for i := range 30 {
			n := f.event(e)
			n.Event.Data = fmt.Appendf(nil, `{"n":%d,"third":%t}`, i, i%3 == 0)
			n.Event.Type = []string{"a.x", "a.y", "b"}[i%3]
			for j := range n.Deliveries {
				n.Deliveries[j].Type = n.Event.Type
			}
			f.enqueue(n)
			f.pass(time.Millisecond)
			if i == 3 {
				f.erase(n)
			} else if i%3 == 0 {
				ids = append(ids, n.Event.ID)
			}
		}
		slices.Reverse(ids)
		s := bellhop.EventSearch{
			EventFilter: bellhop.EventFilter{Scope: anyApp},
			Meets:       func(data []byte) bool { return bytes.Contains(data, []byte(`"third":true`)) },
		}
		for _, limit := range []int{1, 3, 100} {
			same(f, "found", f.found(s, limit), ids)
			for _, typ := range []string{"a.x", "a.*"} {
				s.Type = typ
				same(f, "found of "+typ, f.found(s, limit), ids)
			}
			s.Type, s.Scope = "", bellhop.Only("acme", "globex")
			same(f, "found of apps", f.found(s, limit), ids)
			s.Scope = anyApp
		}
		s.Outcome = bellhop.EventDelivered
		same(f, "none of them is delivered", f.found(s, 10), nil)
		s.Outcome, s.WithData, s.Limit = "", true, 1
		page, err := f.s.SearchEvents(f.Context(), s)
		f.must(err)
		same(f, "data", string(page.Events[0].Data), `{"n":27,"third":true}`)
	}},
	{"Attempts by their cause", func(f *fixture) {
		e, other := f.endpoint("acme", "globex"), f.endpoint("acme", "globex")
		causes := []struct {
			status bellhop.AttemptStatus
			answer int
			reason string
		}{
			{bellhop.AttemptSucceeded, 200, ""},
			{bellhop.AttemptSucceeded, 204, ""},
			{bellhop.AttemptSucceeded, 409, ""},
			{bellhop.AttemptFailed, 503, "status"},
			{bellhop.AttemptFailed, 500, "status"},
			{bellhop.AttemptFailed, 404, "status"},
			{bellhop.AttemptFailed, 0, "timeout"},
			{bellhop.AttemptFailed, 200, "answer"},
			{bellhop.AttemptCanceled, 0, "skipped"},
		}
		var all []bellhop.Attempt
		for i := range 2 * len(causes) {
			c, to, app := causes[i%len(causes)], e, []string{"acme", "globex"}[i%2]
			if i >= len(causes) {
				to = other
			}
			n := f.event(to)
			n.Event.App, n.Deliveries[0].App = app, app
			f.enqueue(n)
			a := f.attempt(f.claim(to, 1)[0].Delivery, c.status)
			a.ResponseStatus, a.Reason = c.answer, c.reason
			f.record(a)
			all = append(all, a)
			f.pass(time.Second)
		}
		for _, answer := range []bellhop.StatusRange{"", "503", "5xx", "2xx", "204", "4xx", "409", "none", "3xx"} {
			for _, reason := range []string{"", "timeout", "status", "answer", "skipped", "no"} {
				for _, status := range []bellhop.AttemptStatus{"", bellhop.AttemptSucceeded, bellhop.AttemptFailed} {
					for _, scope := range []bellhop.Scope{anyApp, bellhop.Only("globex")} {
						for _, endpoint := range []bellhop.EndpointID{0, e.ID} {
							s := bellhop.AttemptFilter{Scope: scope, Response: answer, Reason: reason, Status: status, Endpoint: endpoint}
							want := filter(all, func(a *bellhop.Attempt) bool {
								low, high, _ := answer.Bounds()
								return (answer == "" || low <= a.ResponseStatus && a.ResponseStatus <= high) && (reason == "" || a.Reason == reason) &&
									(status == "" || a.Status == status) && scope.Sees(a.App) && (endpoint == 0 || endpoint == a.Endpoint)
							})
							walk(f, fmt.Sprintf("%+v", s), want, idOfAttempt, func(before, after bellhop.AttemptID, limit int) ([]bellhop.Attempt, error) {
								page := s
								page.Before, page.After, page.Limit = before, after, limit
								return f.s.Attempts(f.Context(), page)
							})
						}
					}
				}
			}
		}
	}},
}
