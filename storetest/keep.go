package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

var replayTests = []test{
	{"failed, missing and all", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		failed := f.publish(e)
		f.finish(e, bellhop.AttemptFailed)
		succeeded := f.publish(e)
		f.finish(e, bellhop.AttemptSucceeded)
		missing := f.publish(other)
		f.finish(other, bellhop.AttemptFailed)
		pending := f.publish(e)
		retried := f.publish(e) // failed, then sent again by hand
		f.record(f.attempt(f.claim(e, 2)[1].Delivery, bellhop.AttemptFailed))
		f.must(f.s.Release(f.Context(), f.lease, ids(pending), f.now))
		f.resend(&retried.Event, &e)
		test, erased, foreign := f.event(), f.event(), f.event()
		test.Event.Test, foreign.Event.App = true, "globex"
		f.enqueue(test, erased, foreign)
		f.erase(erased)

		f.candidates(e, bellhop.ReplayFailed, failed)
		f.candidates(e, bellhop.ReplayMissing, missing)
		f.candidates(e, bellhop.ReplayAll, failed, succeeded, missing, pending, retried)
	}},
	{"the newest finished delivery counts", func(f *fixture) {
		e := f.endpoint()
		better, worse := f.publish(e), f.publish(e)
		work := f.claim(e, 2)
		f.record(f.attempt(work[0].Delivery, bellhop.AttemptFailed), f.attempt(work[1].Delivery, bellhop.AttemptSucceeded))
		f.resend(&better.Event, &e)
		f.finish(e, bellhop.AttemptSucceeded)
		f.resend(&worse.Event, &e)
		f.finish(e, bellhop.AttemptFailed)
		f.candidates(e, bellhop.ReplayFailed, worse)
	}},
	{"what has arrived once counts as that, if asked", func(f *fixture) {
		e := f.endpoint()
		taken, refused, canceled := f.publish(e), f.publish(e), f.publish(e)
		work := f.claim(e, 3)
		taking := f.attempt(work[0].Delivery, bellhop.AttemptSucceeded)
		taking.ResponseStatus = 200
		f.record(taking, f.attempt(work[1].Delivery, bellhop.AttemptFailed), f.attempt(work[2].Delivery, bellhop.AttemptSucceeded))
		for _, n := range []bellhop.NewEvent{taken, refused} {
			f.resend(&n.Event, &e)
			again := f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptFailed)
			again.ResponseStatus = 500
			f.record(again)
		}
		f.resend(&canceled.Event, &e)
		f.record(f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptCanceled))
		found := func(filter bellhop.ReplayFilter, want ...bellhop.NewEvent) {
			f.Helper()
			filter.Endpoint, filter.Apps, filter.Limit = e.ID, e.Apps, 10
			list, _, err := f.s.Candidates(f.Context(), filter)
			f.must(err)
			var got []bellhop.EventID
			for _, e := range list {
				got = append(got, e.ID)
			}
			same(f, fmt.Sprintf("%+v", filter), got, eventIDs(want...))
		}
		found(bellhop.ReplayFilter{Status: bellhop.ReplayFailed}, taken, refused)
		found(bellhop.ReplayFilter{Status: bellhop.ReplayFailed, Arrived: true}, refused)
		found(bellhop.ReplayFilter{Status: bellhop.ReplaySucceeded})
		found(bellhop.ReplayFilter{Status: bellhop.ReplaySucceeded, Arrived: true}, taken, canceled)
		found(bellhop.ReplayFilter{Status: bellhop.ReplayCanceled}, canceled)
		found(bellhop.ReplayFilter{Status: bellhop.ReplayCanceled, Arrived: true})
		found(bellhop.ReplayFilter{Status: bellhop.ReplayAll, Response: "5xx"}, taken, refused)
		found(bellhop.ReplayFilter{Status: bellhop.ReplayAll, Response: "5xx", Arrived: true}, refused)
		found(bellhop.ReplayFilter{Status: bellhop.ReplayAll, Response: "2xx", Arrived: true}, taken)
	}},
	{"a canceled delivery did not fail, and was one", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		f.unsubscribe(e)
		f.candidates(e, bellhop.ReplayFailed)
		f.candidates(e, bellhop.ReplayMissing)
	}},
	{"by how it ended, what was answered, and labels", func(f *fixture) {
		e := f.endpoint()
		var all []bellhop.NewEvent
		for i := range 8 {
			n := f.event(e)
			n.Event.Channels = [][]string{{"a"}, {"ab", "c\"é"}}[i%2]
			n.Event.Tags = [][]string{nil, {"x"}}[i/2%2]
			f.enqueue(n)
			all = append(all, n)
		}
		work := f.claim(e, 7) // the last one waits
		var attempts []bellhop.Attempt
		for i, ended := range []struct {
			status   bellhop.AttemptStatus
			response int
		}{
			{bellhop.AttemptSucceeded, 200},
			{bellhop.AttemptSucceeded, 204},
			{bellhop.AttemptFailed, 503},
			{bellhop.AttemptFailed, 0},
			{bellhop.AttemptCanceled, 0},
			{bellhop.AttemptFailed, 404},
			{bellhop.AttemptSucceeded, 410},
		} {
			a := f.attempt(work[i].Delivery, ended.status)
			if a.ResponseStatus = ended.response; ended.status == bellhop.AttemptFailed {
				a.Reason = bellhop.ReasonStatus
			}
			attempts = append(attempts, a)
		}
		f.record(attempts...)
		channel := func(c string) bellhop.LabelFilter { return bellhop.LabelFilter{Channel: c} }
		tag := func(t string) bellhop.LabelFilter { return bellhop.LabelFilter{Tag: t} }
		for _, tc := range []struct {
			filter bellhop.ReplayFilter
			want   []int
		}{
			{bellhop.ReplayFilter{Status: bellhop.ReplaySucceeded}, []int{0, 1, 6}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayCanceled}, []int{4}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed}, []int{2, 3, 5}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed, Response: "5xx"}, []int{2}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed, Response: bellhop.NoAnswer}, []int{3}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed, Response: "4xx", Cause: bellhop.Cause{ResponseStatus: 404}}, []int{5}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed, Response: "5xx", Cause: bellhop.Cause{ResponseStatus: 404}}, nil},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed, Response: "5xx", Cause: bellhop.Cause{Reason: "timeout"}}, nil},
			{bellhop.ReplayFilter{Status: bellhop.ReplaySucceeded, Response: "2xx"}, []int{0, 1}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayAll, Response: "4xx"}, []int{5, 6}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayAll, LabelFilter: channel("a")}, []int{0, 2, 4, 6}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayAll, LabelFilter: channel("b")}, nil},
			{bellhop.ReplayFilter{Status: bellhop.ReplaySucceeded, LabelFilter: channel("c\"é")}, []int{1}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed, LabelFilter: channel("a")}, []int{2}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayFailed, LabelFilter: tag("x")}, []int{2, 3}},
			{bellhop.ReplayFilter{Status: bellhop.ReplayCanceled, LabelFilter: tag("x")}, nil},
			{bellhop.ReplayFilter{Status: bellhop.ReplayAll, LabelFilter: bellhop.LabelFilter{Channel: "ab", Tag: "x"}}, []int{3, 7}},
		} {
			filter := tc.filter
			filter.Endpoint, filter.Apps, filter.Limit, filter.Scan = e.ID, e.Apps, 2, 3
			var want, got []bellhop.EventID
			for _, i := range tc.want {
				want = append(want, all[i].Event.ID)
			}
			for steps := 0; ; steps++ {
				list, next, err := f.s.Candidates(f.Context(), filter)
				f.must(err)
				for _, e := range list {
					got = append(got, e.ID)
				}
				if filter.After = next; next == 0 || steps > 20 {
					break
				}
			}
			same(f, fmt.Sprintf("%+v", tc.filter), got, want)
		}
	}},
	{"by type", func(f *fixture) {
		e := f.endpoint()
		var all []bellhop.NewEvent
		for _, t := range []string{"invoice.paid", "invoice.sent", "ticket.open", "ticket.shut"} {
			n := f.event(e)
			n.Event.Type = t
			n.Deliveries[0].Type = t
			f.enqueue(n)
			all = append(all, n)
		}
		f.finish(e, bellhop.AttemptFailed)
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayFailed, bellhop.ReplayAll} {
			for _, tc := range []struct {
				types []string
				want  []bellhop.NewEvent
			}{{nil, all}, {[]string{"invoice.*", "ticket.shut"}, []bellhop.NewEvent{all[0], all[1], all[3]}}, {[]string{"no"}, nil}, {[]string{"*"}, all}} {
				list, next, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{
					Endpoint: e.ID, Apps: e.Apps, Types: tc.types, Status: status, Limit: 10, Scan: 10,
				})
				f.must(err)
				var got []bellhop.EventID
				for _, e := range list {
					got = append(got, e.ID)
				}
				same(f, "events", got, eventIDs(tc.want...))
				same(f, "next", next, 0)
			}
		}
	}},
	{"no step looks at more than it may", func(f *fixture) {
		e := f.endpoint("acme", "globex")
		var all []bellhop.NewEvent
		for i := range 40 {
			n := f.event(e)
			n.Event.App = []string{"acme", "acme", "acme", "globex"}[i%4]
			if i%10 == 9 {
				n.Event.Type = "rare"
			}
			f.enqueue(n)
			all = append(all, n)
		}
		f.finish(e, bellhop.AttemptFailed)
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayFailed, bellhop.ReplayAll} {
			filter := bellhop.ReplayFilter{Endpoint: e.ID, Apps: []string{"acme", "globex"}, Types: []string{"rare"}, Status: status, Limit: 3, Scan: 7}
			var got []bellhop.EventID
			steps := 0
			for {
				list, next, err := f.s.Candidates(f.Context(), filter)
				f.must(err)
				for _, e := range list {
					got = append(got, e.ID)
				}
				steps++
				if next == 0 || steps > 100 {
					break
				}
				looked := 0
				for _, n := range all {
					if n.Event.ID > filter.After && n.Event.ID <= next {
						looked++
					}
				}
				if looked > filter.Scan || looked == 0 {
					f.Fatalf("%s: a step looked at %d events", status, looked)
				}
				filter.After = next
			}
			same(f, string(status), got, eventIDs(all[9], all[19], all[29], all[39]))
			if steps < 6 {
				f.Errorf("%s: %d steps", status, steps)
			}
		}
	}},
	{"by time and cursor", func(f *fixture) {
		e := f.endpoint()
		var all []bellhop.NewEvent
		for range 9 {
			all = append(all, f.publish(e))
			f.pass(time.Second)
		}
		f.finish(e, bellhop.AttemptFailed)
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayFailed, bellhop.ReplayAll} {
			filter := bellhop.ReplayFilter{
				Endpoint: e.ID, Apps: []string{"acme", "globex"}, Status: status, Limit: 2,
				Since: all[2].Event.CreatedAt(), Until: all[7].Event.CreatedAt(),
			}
			var got []bellhop.EventID
			for {
				list, next, err := f.s.Candidates(f.Context(), filter)
				f.must(err)
				for _, e := range list {
					got = append(got, e.ID)
					same(f, "data", e.Data, all[0].Event.Data)
				}
				if filter.After = next; next == 0 {
					break
				}
			}
			same(f, string(status), got, eventIDs(all[2:7]...))
		}
	}},
}

func (f *fixture) resend(e *bellhop.Event, to *bellhop.Endpoint) {
	f.Helper()
	d := f.delivery(e, to)
	d.Trigger, d.OrderPos = bellhop.TriggerResend, d.ID
	same(f, "added", f.redeliver(nil, d), 1)
}

func (f *fixture) candidates(e bellhop.Endpoint, status bellhop.ReplayStatus, want ...bellhop.NewEvent) {
	f.Helper()
	list, _, err := f.s.Candidates(f.Context(), bellhop.ReplayFilter{Endpoint: e.ID, Apps: e.Apps, Status: status, Limit: 100})
	f.must(err)
	var got []bellhop.EventID
	for _, e := range list {
		got = append(got, e.ID)
	}
	same(f, string(status), got, eventIDs(want...))
}

func eventIDs(events ...bellhop.NewEvent) []bellhop.EventID {
	var ids []bellhop.EventID
	for _, n := range events {
		ids = append(ids, n.Event.ID)
	}
	return ids
}

var keepTests = []test{
	{"Erase takes data and what was captured, and cancels", func(f *fixture) {
		e := f.endpoint()
		n, other := external(f.event(e, e), "x"), f.event()
		f.enqueue(n, other)
		done := captured(f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptFailed))
		f.record(done)
		audit := f.audit("acme")
		got, err := f.s.Erase(f.Context(), bellhop.EraseSelector{Event: n.Event.ID}, audit, f.now)
		f.must(err)
		same(f, "erased", got, []bellhop.EventID{n.Event.ID})
		same(f, "audit", f.audits(), []bellhop.AuditEntry{*audit})

		want := n.Event
		want.Data, want.Erased = nil, true
		event, err := f.s.Event(f.Context(), n.Event.ID)
		f.must(err)
		same(f, "event", event, want)
		done.RequestHeader, done.ResponseHeader, done.ResponseBody = nil, nil, nil
		done.Proof = bellhop.BodyProof{}
		same(f, "attempt", f.log(done.Delivery)[0], done)
		same(f, "claimed", len(f.claim(e, 10)), 0)
		same(f, "swept", f.sweep(), 1)
		same(f, "pending", f.pending(0), 0)
		d := f.get(n.Deliveries[1].ID)
		same(f, "status", d.Status, bellhop.DeliveryCanceled)
		last := f.log(d.ID)[0]
		same(f, "reason", last.Reason, bellhop.ReasonErased)
		if last.Detail == "" || !last.Final || last.Number != 1 {
			f.Errorf("last line: %+v", last)
		}
		kept, err := f.s.Event(f.Context(), other.Event.ID)
		f.must(err)
		same(f, "the other event", kept, other.Event)
		first := bellhop.Receipt{Event: n.Event.ID, Deliveries: 2, Duplicate: true}
		again, changed := external(f.event(), "x"), external(f.event(), "x")
		changed.Digest = [32]byte{9} // nobody knows any more what the content was
		same(f, "its id stays taken", f.enqueue(again, changed), []bellhop.Receipt{first, first})
	}},
	{"ForgetAttempt takes what was captured of one attempt", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e)
		d := f.claim(e, 1)[0].Delivery
		first := captured(f.attempt(d, bellhop.AttemptFailed))
		f.record(first)
		audit := f.audit("acme")
		f.must(f.s.ForgetAttempt(f.Context(), first.ID, audit))
		same(f, "audit", f.audits(), []bellhop.AuditEntry{*audit})
		first.RequestHeader, first.ResponseHeader, first.ResponseBody, first.Proof = nil, nil, nil, bellhop.BodyProof{}
		same(f, "attempt", f.log(first.Delivery)[0], first)
		kept, err := f.s.Event(f.Context(), n.Event.ID)
		f.must(err)
		same(f, "the event", kept, n.Event)
		f.must(f.s.ForgetAttempt(f.Context(), first.ID, f.audit("acme")))
		if err := f.s.ForgetAttempt(f.Context(), first.ID+1, f.audit("acme")); !bellhop.IsNotFound(err) {
			f.Errorf("of none: %v", err)
		}
	}},
	{"Erase takes what was said of a redirect, and of nothing else", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e, e, e, e)
		late := f.claim(e, 10)
		answer := func(i, status int) bellhop.Attempt {
			a := captured(f.attempt(late[i].Delivery, bellhop.AttemptFailed))
			a.ResponseStatus, a.Detail = status, "The endpoint redirects to https://example.com/secret."
			return a
		}
		recorded := []bellhop.Attempt{answer(0, 299), answer(1, 399), answer(2, 400)}
		f.record(recorded...)
		list, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Limit: 10})
		f.must(err)
		same(f, "detail in a list without bodies", list[1].Detail, recorded[1].Detail)
		_, err = f.s.Erase(f.Context(), bellhop.EraseSelector{Event: n.Event.ID}, nil, f.now)
		f.must(err)
		recorded = append(recorded, answer(3, 300))
		f.record(recorded[3])
		for i, blank := range []bool{false, true, false, true} {
			want := recorded[i].Detail
			if blank {
				want = ""
			}
			got, err := f.s.Attempt(f.Context(), recorded[i].ID)
			f.must(err)
			same(f, "detail of an answer", got.Detail, want)
			same(f, "body", got.ResponseBody, nil)
		}
	}},
	{"Wipe changes nothing that can be seen", func(f *fixture) {
		f.must(f.s.Wipe(f.Context()))
		f.app("globex")
		e := f.endpoint("acme", "globex")
		kept, erased, deleted := f.event(e), f.event(e), f.event(e)
		deleted.Event.App = "globex"
		f.enqueue(kept, erased, deleted)
		_, err := f.s.Erase(f.Context(), bellhop.EraseSelector{Event: erased.Event.ID}, nil, f.now)
		f.must(err)
		f.must(f.s.DeleteApp(f.Context(), "globex", nil))
		events, err := f.s.Events(f.Context(), bellhop.EventFilter{Scope: anyApp, Limit: 10, WithData: true})
		f.must(err)
		same(f, "events", len(events), 2)
		for range 2 {
			f.must(f.s.Wipe(f.Context()))
			got, err := f.s.Events(f.Context(), bellhop.EventFilter{Scope: anyApp, Limit: 10, WithData: true})
			f.must(err)
			same(f, "events", got, events)
		}
		same(f, "claimed", deliveryIDs(f.claim(e, 10)), ids(kept))
	}},
	{"Erase by subject, each once", func(f *fixture) {
		var want []bellhop.NewEvent
		for i := range 4 {
			n := f.event()
			n.Event.Subject = "guest:7"
			if i == 1 {
				n.Event.Subject = "guest:77"
			}
			if i == 2 {
				n.Event.App = "globex"
			}
			f.enqueue(n)
			if i == 0 || i == 3 {
				want = append(want, n)
			}
		}
		sel := bellhop.EraseSelector{App: "acme", Subject: "guest:7"}
		for _, ids := range [][]bellhop.EventID{eventIDs(want...), nil} {
			got, err := f.s.Erase(f.Context(), sel, nil, f.now)
			f.must(err)
			same(f, "erased", got, ids)
		}
	}},
	{"Erase in pieces, oldest first", func(f *fixture) {
		var all []bellhop.NewEvent
		for range 5 {
			n := f.event()
			n.Event.Subject = "guest:7"
			all = append(all, n)
		}
		f.enqueue(all...)
		ids := eventIDs(all...)
		sel := bellhop.EraseSelector{App: "acme", Subject: "guest:7", Limit: 2}
		for _, want := range [][]bellhop.EventID{ids[:2], ids[2:4], ids[4:], nil} {
			got, err := f.s.Erase(f.Context(), sel, nil, f.now)
			f.must(err)
			same(f, "erased", got, want)
			if len(got) > 0 {
				sel.After = got[len(got)-1]
			}
		}
	}},
	{"Erase what was to be kept until now, in pieces", func(f *fixture) {
		e := f.endpoint()
		f.app("acme")
		f.app("globex")
		var all []bellhop.NewEvent
		for i := range 12 {
			n := f.event(e)
			if i < 10 {
				at := f.now.Add(time.Duration(1+i%5) * time.Hour)
				n.Event.DataExpiresAt = &at
			}
			if i == 9 {
				n.Event.App, n.Deliveries = "globex", nil
			}
			all = append(all, n)
		}
		f.enqueue(all...)
		start := f.now
		erase := func(limit int) []bellhop.EventID {
			f.Helper()
			erased, err := f.s.Erase(f.Context(), bellhop.EraseSelector{ExpiredBy: f.now, Limit: limit}, nil, f.now)
			f.must(err)
			slices.Sort(erased)
			return erased
		}
		same(f, "too early", erase(100), nil)
		f.pass(time.Hour)
		same(f, "after an hour", erase(100), eventIDs(all[0], all[5]))
		same(f, "once", erase(100), nil)
		for _, i := range []int{0, 5} {
			got, err := f.s.Event(f.Context(), all[i].Event.ID)
			f.must(err)
			if !got.Erased || got.Data != nil || !got.DataExpiresAt.Equal(start.Add(time.Hour)) {
				f.Errorf("erased: %+v", got)
			}
		}
		same(f, "last lines", f.sweep(), 2)
		same(f, "pending", f.pending(e.ID), 9)
		f.pass(time.Hour)
		f.erase(all[1]) // somebody was first
		f.pass(time.Hour)
		same(f, "a piece", len(erase(2)), 2)
		same(f, "the rest", len(erase(2)), 1)
		same(f, "no more", erase(2), nil)
		// What has gone meanwhile is passed over, and does not come back with its app.
		f.must(f.s.DeleteApp(f.Context(), "globex", nil))
		f.app("globex")
		f.pass(24 * time.Hour)
		same(f, "at the end", erase(100), eventIDs(all[3], all[4], all[8]))
		for _, i := range []int{10, 11} {
			got, err := f.s.Event(f.Context(), all[i].Event.ID)
			f.must(err)
			if got.Erased {
				f.Errorf("an event without an end was erased: %+v", got)
			}
		}
	}},
	{"an empty selector erases nothing", func(f *fixture) {
		n := f.event()
		n.Event.Subject = ""
		f.enqueue(n)
		for _, sel := range []bellhop.EraseSelector{{}, {App: "acme"}, {Subject: "x"}, {Event: 42}} {
			got, err := f.s.Erase(f.Context(), sel, nil, f.now)
			f.must(err)
			same(f, "erased", got, nil)
		}
	}},
	{"Expire deletes what is old, in pieces", func(f *fixture) {
		e := f.endpoint()
		var old []bellhop.NewEvent
		for i := range 7 {
			n := external(f.event(e), string(rune('a'+i)))
			f.enqueue(n)
			f.finish(e, bellhop.AttemptSucceeded)
			f.must(f.s.AddAudit(f.Context(), f.audit("acme")))
			old = append(old, n)
			f.pass(time.Second)
		}
		limit := f.now
		n := f.publish(e)
		a := f.finish(e, bellhop.AttemptSucceeded)
		f.must(f.s.AddAudit(f.Context(), f.audit("acme")))
		calls := 0
		for ; ; calls++ {
			deleted, err := f.s.Expire(f.Context(), limit, 3, f.now)
			f.must(err)
			if deleted == 0 {
				break
			}
			if deleted > 3*4 || calls > 100 {
				f.Fatalf("call %d deleted %d rows with limit 3", calls, deleted)
			}
		}
		if calls < 3 {
			f.Errorf("done after %d calls of 3 rows", calls)
		}
		events, err := f.s.Events(f.Context(), bellhop.EventFilter{Scope: anyApp, Limit: 10})
		f.must(err)
		attempts, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Limit: 10})
		f.must(err)
		if len(events) != 1 || events[0].ID != n.Event.ID || len(attempts) != 1 || attempts[0].ID != a[0].ID || len(f.audits()) != 1 {
			f.Errorf("left: %v, %v, %v", events, attempts, f.audits())
		}
		again := external(f.event(), "a")
		again.Digest = [32]byte{5}
		same(f, "its id is free again", f.enqueue(again), []bellhop.Receipt{{Event: again.Event.ID}})
		_ = old
	}},
	{"Expire keeps what is pending, unless a disabled endpoint holds it", func(f *fixture) {
		active, paused, disabled := f.endpoint(), f.endpoint(), f.endpoint()
		kept := []bellhop.NewEvent{f.publish(active), f.publish(paused), f.publish(disabled, active)}
		gone := f.publish(disabled)
		paused.Status, disabled.Status = bellhop.EndpointPaused, bellhop.EndpointDisabled
		f.save(paused)
		f.save(disabled)
		f.pass(time.Hour)
		n, err := f.s.Expire(f.Context(), f.now, 100, f.now)
		f.must(err)
		same(f, "deleted", n, 1)
		n, err = f.s.Expire(f.Context(), f.now, 100, f.now)
		f.must(err)
		same(f, "deleted the second time", n, 0)
		for _, k := range kept {
			if _, err := f.s.Event(f.Context(), k.Event.ID); err != nil {
				f.Errorf("event %v: %v", k.Event.ID, err)
			}
		}
		if _, err := f.s.Event(f.Context(), gone.Event.ID); !bellhop.IsNotFound(err) {
			f.Errorf("Event = %v, want not found", err)
		}
		same(f, "pending", f.pending(0), 4)
	}},
	{"kept events do not stop Expire from reaching younger ones", func(f *fixture) {
		e := f.endpoint()
		for range 5 {
			f.publish(e)
		}
		for range 3 {
			f.publish()
		}
		f.pass(time.Hour)
		total := 0
		for range 10 {
			n, err := f.s.Expire(f.Context(), f.now, 2, f.now)
			f.must(err)
			if total += n; n == 0 {
				break
			}
		}
		same(f, "deleted", total, 3)
	}},
}
