package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
)

// take records that a delivery succeeded and that something was captured.
func (f *fixture) take(w bellhop.Work, trigger bellhop.Trigger) bellhop.Attempt {
	f.Helper()
	a := f.attempt(w.Delivery, bellhop.AttemptSucceeded)
	a.Trigger, a.Captured = trigger, map[string]string{"pin": "1234"}
	f.record(a, a)
	return a
}

func (f *fixture) reactions(after string, limit int) []bellhop.Reaction {
	f.Helper()
	list, err := f.s.Reactions(f.Context(), after, limit)
	f.must(err)
	return list
}

var reactionTests = []test{
	{"what was captured is to be published until that is done", func(f *fixture) {
		e := f.endpoint()
		f.publish(e, e)
		work := f.claim(e, 2)
		a := f.take(work[0], bellhop.TriggerPublish)
		none := f.attempt(work[1].Delivery, bellhop.AttemptSucceeded)
		f.record(none)
		want := []bellhop.Reaction{{Attempt: a.ID, App: "acme"}}
		same(f, "reactions", f.reactions("", 10), want)
		same(f, "reactions again", f.reactions("acme", 10), want)
		got, err := f.s.Attempt(f.Context(), a.ID)
		f.must(err)
		same(f, "attempt", got, a)
		f.must(f.s.EndReactions(f.Context(), []bellhop.AttemptID{a.ID, none.ID}))
		f.must(f.s.EndReactions(f.Context(), []bellhop.AttemptID{a.ID}))
		same(f, "left", f.reactions("", 10), nil)
		f.record(a)
		same(f, "recorded again", f.reactions("", 10), nil)
	}},
	{"nothing follows from a test, from what is late, or from what was not taken", func(f *fixture) {
		e := f.endpoint()
		f.publish(e, e, e)
		work := f.claim(e, 3)
		f.take(work[0], bellhop.TriggerTest)
		failed := f.retry(work[1].Delivery, time.Hour)
		failed.Captured = map[string]string{"a": "b"}
		f.record(failed)
		f.must(f.s.Release(f.Context(), f.lease, deliveryIDs(work[2:]), f.now))
		f.take(work[2], bellhop.TriggerPublish)
		same(f, "reactions", f.reactions("", 10), nil)
	}},
	{"apps take turns", func(f *fixture) {
		e := f.endpoint("acme", "globex", "initech")
		of := map[string][]bellhop.Reaction{}
		for _, app := range []string{"acme", "acme", "acme", "globex", "initech"} {
			n := f.event(e)
			n.Event.App = app
			f.enqueue(n)
			a := f.take(f.claim(e, 1)[0], bellhop.TriggerPublish)
			of[app] = append(of[app], bellhop.Reaction{Attempt: a.ID, App: app})
		}
		same(f, "first", f.reactions("", 2), of["acme"][:2])
		same(f, "then", f.reactions("acme", 2), of["globex"])
		same(f, "of one that has none", f.reactions("hooli", 2), of["initech"])
		same(f, "and around", f.reactions("initech", 9), of["acme"])
		f.app("acme")
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f, "without the deleted app", f.reactions("initech", 2), of["globex"])
	}},
	{"Erase takes what was captured, and what a request was made of", func(f *fixture) {
		e := f.endpoint()
		n := f.publish(e, e, e, e)
		work := f.claim(e, 4)
		lines := []bellhop.Attempt{
			f.attempt(work[0].Delivery, bellhop.AttemptSucceeded), f.attempt(work[1].Delivery, bellhop.AttemptSucceeded),
			f.attempt(work[2].Delivery, bellhop.AttemptFailed), f.attempt(work[3].Delivery, bellhop.AttemptFailed),
		}
		lines[0].Method, lines[0].RequestBody, lines[0].RequestTruncated = "PUT", []byte(`{"name":"Ada"}`), true
		lines[0].Captured = map[string]string{"pin": "1234"}
		lines[1].RequestBody = []byte(`hi`)
		lines[2].Method = "DELETE"
		lines[3].Reason = bellhop.ReasonTransform
		for i := range lines {
			lines[i].URL, lines[i].Detail = "https://example.com/ada", "It says: Ada."
		}
		f.record(lines...)
		f.erase(n)
		for _, line := range lines {
			line.Forget()
			got, err := f.s.Attempt(f.Context(), line.ID)
			f.must(err)
			same(f, "left", got, line)
		}
		same(f, "what there is to publish is found to be gone", len(f.reactions("", 10)), 1)
	}},
	{"lists leave out what is large", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		a := f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptSucceeded)
		a.Method, a.RequestBody, a.RequestTruncated, a.Captured = "PUT", []byte("x"), true, map[string]string{"a": "b"}
		f.record(a)
		list, err := f.s.Attempts(f.Context(), bellhop.AttemptFilter{Scope: anyApp, Limit: 1})
		f.must(err)
		want := a
		want.RequestBody, want.Captured = nil, nil
		same(f, "listed", list, []bellhop.Attempt{want})
		same(f, "with bodies", f.log(a.Delivery), []bellhop.Attempt{a})
		standings, err := f.s.Standings(f.Context(), bellhop.StandingFilter{Event: a.Event, Limit: 1})
		f.must(err)
		same(f, "standing", standings[0].Last, want)
	}},
}
