package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
)

var holdTests = []test{
	{"a hold is there until it is released, and everyone hears of it", func(f *fixture) {
		e := f.endpoint()
		same(f, "at first", f.changes(0).Hold, bellhop.Hold{})
		before := f.version()
		set := func(held bool, want bellhop.Hold) {
			f.Helper()
			got, err := f.s.SetHold(f.Context(), held, f.audit(), f.now)
			f.must(err)
			same(f, "the answer", got, want)
			same(f, "the routes'", f.changes(0).Hold, want)
		}

		held := bellhop.Hold{Since: f.now}
		set(true, held)
		since := f.changes(before)
		same(f, "who was up to date gets everything", since, f.changes(0))
		same(f, "in full", since.Full, true)
		if since.Version <= before || len(since.Endpoints) != 1 || since.Endpoints[0].ID != e.ID {
			f.Errorf("version %d after %d, endpoints %v", since.Version, before, since.Endpoints)
		}
		at := f.version()
		f.pass(time.Hour)
		set(true, held)
		same(f, "to hold again moves nothing", f.version(), at)
		same(f, "who knows it hears nothing", f.changes(at), bellhop.RouteChanges{Version: at, Hold: held})

		f.pass(time.Hour)
		released := bellhop.Hold{ReleasedAt: f.now}
		set(false, released)
		same(f, "after the release, everything again", f.changes(at).Full, true)
		at = f.version()
		f.pass(time.Hour)
		set(false, released)
		same(f, "to release again moves nothing", f.version(), at)

		app := f.app("acme")
		same(f, "other changes are told one by one, with the hold", f.changes(at), bellhop.RouteChanges{Version: at + 1, Hold: released, Apps: []bellhop.App{app}})
		same(f, "one audit entry for each change", len(f.audits()), 2)
	}},
	{"what was made from the routes before a hold is refused", func(f *fixture) {
		n := f.event(f.endpoint())
		v := f.version()
		_, err := f.s.SetHold(f.Context(), true, nil, f.now)
		f.must(err)
		if _, err := f.s.Enqueue(f.Context(), f.lease, v, []bellhop.NewEvent{n}, f.now); err == nil {
			f.Error("it was stored as before")
		}
	}},
}
