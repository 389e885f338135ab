package storetest

import (
	"strings"
	"time"

	"github.com/bellhop/bellhop"
)

var inboxBounds = bellhop.InboxBounds{PerApp: 2, All: 3, Requests: 3, Bytes: 10_000}

func (f *fixture) storedInbox(token, app string) bellhop.StoredInbox {
	return bellhop.StoredInbox{
		Name: bellhop.NameOfInbox(token), Sealed: []byte{0, 1, 255}, App: app, Answer: bellhop.JSON(`{"status":200,"body":"é<"}`),
		CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour),
	}
}

func (f *fixture) addInbox(token, app string) bellhop.StoredInbox {
	f.Helper()
	in := f.storedInbox(token, app)
	f.must(f.s.AddInbox(f.Context(), in, inboxBounds, f.now))
	return in
}

func (f *fixture) arrive(in bellhop.StoredInbox, r bellhop.InboxRequest) bellhop.Arrived {
	f.Helper()
	r.At = f.now
	a, err := f.s.Arrive(f.Context(), in.Name, r, inboxBounds, f.now)
	f.must(err)
	return a
}

func (f *fixture) inboxRequests(in bellhop.StoredInbox, after int64) []bellhop.InboxRequest {
	f.Helper()
	list, err := f.s.InboxRequests(f.Context(), in.Name, after)
	f.must(err)
	return list
}

func (f *fixture) inboxNames(s bellhop.Scope) []bellhop.InboxName {
	f.Helper()
	list, err := f.s.Inboxes(f.Context(), s, f.now)
	f.must(err)
	var names []bellhop.InboxName
	for _, in := range list {
		names = append(names, in.Name)
	}
	return names
}

var inboxTests = []test{
	{"an inbox is there until it ends or is deleted", func(f *fixture) {
		a := f.addInbox("a", "acme")
		f.pass(time.Minute)
		b := f.addInbox("b", "globex")
		got, err := f.s.Inbox(f.Context(), a.Name, f.now)
		f.must(err)
		same(f, "inbox", got, a)
		same(f, "all", f.inboxNames(anyApp), []bellhop.InboxName{b.Name, a.Name})
		same(f, "of one app", f.inboxNames(bellhop.Only("acme")), []bellhop.InboxName{a.Name})
		f.pass(59 * time.Minute)
		if _, err := f.s.Inbox(f.Context(), a.Name, f.now); !bellhop.IsNotFound(err) {
			f.Errorf("when it ended: %v", err)
		}
		if _, err := f.s.Arrive(f.Context(), a.Name, bellhop.InboxRequest{App: "acme", Answered: 200}, inboxBounds, f.now); !bellhop.IsNotFound(err) {
			f.Errorf("a request to one that ended: %v", err)
		}
		if err := f.s.SetAnswer(f.Context(), a.Name, a.Answer, 0, f.now); !bellhop.IsNotFound(err) {
			f.Errorf("an answer of one that ended: %v", err)
		}
		same(f, "left", f.inboxNames(anyApp), []bellhop.InboxName{b.Name})
		n, err := f.s.ExpireInboxes(f.Context(), f.now, 10)
		f.must(err)
		same(f, "expired", n, 1)
		f.arrive(b, bellhop.InboxRequest{App: "globex", Answered: 200, Content: []byte("x")})
		f.must(f.s.DeleteInbox(f.Context(), b.Name))
		f.must(f.s.DeleteInbox(f.Context(), b.Name))
		same(f, "none", f.inboxNames(anyApp), nil)
		same(f, "requests of none", f.inboxRequests(b, 0), nil)
	}},
	{"there are as many inboxes as there may be", func(f *fixture) {
		f.addInbox("a", "acme")
		f.addInbox("b", "acme")
		full := func(token, app string) {
			f.Helper()
			if err := f.s.AddInbox(f.Context(), f.storedInbox(token, app), inboxBounds, f.now); bellhop.CodeOf(err) != bellhop.CodeConflict {
				f.Errorf("one more of %s: %v", app, err)
			}
		}
		full("c", "acme")
		f.addInbox("c", "globex")
		full("d", "globex")
		f.pass(time.Hour)
		f.addInbox("d", "acme") // those that ended do not count
	}},
	{"an inbox keeps its newest requests", func(f *fixture) {
		in := f.addInbox("a", "acme")
		for i := range int64(5) {
			same(f, "number", f.arrive(in, bellhop.InboxRequest{App: "acme", Answered: 201, Content: []byte{byte(i), 0}}).ID, i+1)
		}
		want := func(n int64) bellhop.InboxRequest {
			return bellhop.InboxRequest{ID: n, App: "acme", At: f.now, Answered: 201, Content: []byte{byte(n - 1), 0}}
		}
		same(f, "kept", f.inboxRequests(in, 0), []bellhop.InboxRequest{want(5), want(4), want(3)})
		same(f, "after", f.inboxRequests(in, 4), []bellhop.InboxRequest{want(5)})
		got, err := f.s.Inbox(f.Context(), in.Name, f.now)
		f.must(err)
		same(f, "received", got.Received, 5)
		for range 2 { // the last is kept however large it is
			f.arrive(in, bellhop.InboxRequest{App: "acme", Answered: 200, Content: []byte(strings.Repeat("x", 20_000))})
			same(f, "large ones", len(f.inboxRequests(in, 0)), 1)
		}
	}},
	{"the first requests fail, as many as are to", func(f *fixture) {
		in := f.addInbox("a", "acme")
		f.must(f.s.SetAnswer(f.Context(), in.Name, bellhop.JSON(`{"status":204}`), 2, f.now))
		arrive := func(failStatus int) bool {
			return f.arrive(in, bellhop.InboxRequest{App: "acme", Answered: 204, FailStatus: failStatus}).Failed
		}
		same(f, "failed", []bool{arrive(0), arrive(500), arrive(503), arrive(500)}, []bool{false, true, true, false})
		var answered []int
		for _, r := range f.inboxRequests(in, 0) {
			answered = append(answered, r.Answered)
		}
		same(f, "answered", answered, []int{204, 503, 500})
		got, err := f.s.Inbox(f.Context(), in.Name, f.now)
		f.must(err)
		same(f, "left", got.FailLeft, 0)
		same(f, "answer", string(got.Answer), `{"status":204}`)
	}},
	{"what is erased or deleted is in no inbox", func(f *fixture) {
		f.app("acme")
		f.app("globex")
		acme, globex := f.addInbox("a", "acme"), f.addInbox("b", "globex")
		first, second := f.publish(f.endpoint()), f.publish(f.endpoint())
		bring := func(in bellhop.StoredInbox, n bellhop.NewEvent) int64 {
			return f.arrive(in, bellhop.InboxRequest{App: n.Event.App, Event: n.Event.ID, Answered: 200, Content: []byte("x")}).ID
		}
		for _, in := range []bellhop.StoredInbox{acme, globex} {
			same(f, "first", bring(in, first), 1)
			same(f, "second", bring(in, second), 2)
		}
		f.erase(first)
		same(f, "left of the erased", len(f.inboxRequests(acme, 0)), 1)
		same(f, "a straggler of the erased", bring(acme, first), 0)
		got, err := f.s.Inbox(f.Context(), acme.Name, f.now)
		f.must(err)
		same(f, "counted all the same", got.Received, 3)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		same(f, "inboxes left", f.inboxNames(anyApp), []bellhop.InboxName{globex.Name})
		same(f, "requests of the deleted app", f.inboxRequests(globex, 0), nil)
		same(f, "a straggler of the deleted", bring(globex, second), 0)
		same(f, "one of its own", f.arrive(globex, bellhop.InboxRequest{App: "globex", Answered: 200}).ID, 4)
	}},
}
