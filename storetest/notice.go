package storetest

import (
	"errors"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

func (f *fixture) noticeOf(audience, to string, due time.Time) bellhop.Notice {
	return bellhop.Notice{ID: id.Next[id.Notice](f.ids, f.now), Audience: audience, To: to, Content: []byte(`{"é":"<"}`), Due: due}
}

func (f *fixture) told() []bellhop.Told {
	f.Helper()
	list, err := f.s.Told(f.Context())
	f.must(err)
	return list
}

var noticeTests = []test{
	{"notice settings are replaced by who knows the last ones, and go with their app", func(f *fixture) {
		f.app("acme")
		n := bellhop.NoticeSettings{
			App: "acme", Emails: []string{"ann@example.com"},
			Chats: []bellhop.Chat{{ID: "c1", Kind: bellhop.ChatTeams, Shown: "https://…", Sealed: []byte{0, 1, 255}}},
			After: bellhop.Duration(time.Minute), Failures: 3, Digest: bellhop.Duration(time.Hour), Backlog: 5, MaxPending: 6,
			Page: "https://app.example.com/{endpoint}", UpdatedAt: f.now,
		}
		f.must(f.s.SaveNoticeSettings(f.Context(), n, nil))
		if err := f.s.SaveNoticeSettings(f.Context(), n, nil); !errors.Is(err, bellhop.ErrRevision) {
			f.Errorf("created twice: %v", err)
		}
		n.Revision++
		got, err := f.s.NoticeSettings(f.Context(), "acme")
		f.must(err)
		same(f, "settings", got, n)
		n.Emails = nil
		f.must(f.s.SaveNoticeSettings(f.Context(), n, nil))
		n.Revision++
		all := bellhop.NoticeSettings{App: bellhop.AllApps, Emails: []string{"ops@example.com"}}
		f.must(f.s.SaveNoticeSettings(f.Context(), all, nil))
		all.Revision++
		list, err := f.s.AllNoticeSettings(f.Context())
		f.must(err)
		same(f, "all", list, []bellhop.NoticeSettings{all, n})
		if err := f.s.SaveNoticeSettings(f.Context(), bellhop.NoticeSettings{App: "nosuch"}, nil); !bellhop.IsNotFound(err) {
			f.Errorf("of no app: %v", err)
		}
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		got, err = f.s.NoticeSettings(f.Context(), "acme")
		f.must(err)
		same(f, "of the deleted app", got, bellhop.NoticeSettings{})
	}},
	{"an audience is told once, by one node", func(f *fixture) {
		a := bellhop.Told{Audience: "x", About: "ep_1", State: "failing", Since: f.now, At: f.now}
		b := bellhop.Told{Audience: "x", About: "ep_2", State: "failing", Since: f.now, At: f.now}
		first := bellhop.Telling{Own: bellhop.Told{Audience: "x", At: f.now, Digest: f.now, Count: 1}, Set: []bellhop.Told{a, b}, Notices: []bellhop.Notice{f.noticeOf("x", "ann@example.com", f.now)}}
		f.must(f.s.Tell(f.Context(), first))
		second := first
		second.Notices = []bellhop.Notice{f.noticeOf("x", "ann@example.com", f.now)}
		if err := f.s.Tell(f.Context(), second); !errors.Is(err, bellhop.ErrRevision) {
			f.Errorf("told by another node: %v", err)
		}
		own := bellhop.Told{Audience: "x", At: f.now, Digest: f.now, Count: 1, Version: 1}
		same(f, "told", f.told(), []bellhop.Told{own, a, b})
		count, oldest, err := f.s.WaitingNotices(f.Context())
		f.must(err)
		same(f, "waiting", count, 1)
		same(f, "oldest", oldest, first.Notices[0].ID)
		b.State = "disabled"
		f.must(f.s.Tell(f.Context(), bellhop.Telling{Own: own, Set: []bellhop.Told{b}, End: []string{"ep_1"}}))
		own.Version = 2
		same(f, "told then", f.told(), []bellhop.Told{own, b})
		f.must(f.s.Tell(f.Context(), bellhop.Telling{Own: own, Gone: true}))
		same(f, "told at last", f.told(), nil)
	}},
	{"a notice is its claimer's until it is put off or ended", func(f *fixture) {
		late, soon := f.noticeOf("x", "ann@example.com", f.now.Add(time.Minute)), f.noticeOf("x", "c1", f.now)
		f.must(f.s.Tell(f.Context(), bellhop.Telling{Own: bellhop.Told{Audience: "x"}, Notices: []bellhop.Notice{late, soon}}))
		claim := func(now time.Time) []bellhop.Notice {
			list, err := f.s.ClaimNotices(f.Context(), now, now.Add(2*time.Minute), 10)
			f.must(err)
			return list
		}
		same(f, "due", claim(f.now), []bellhop.Notice{soon})
		same(f, "claimed", claim(f.now), nil)
		f.must(f.s.PutOffNotice(f.Context(), soon.ID, 1, f.now.Add(time.Second)))
		soon.Tries, soon.Due = 1, f.now.Add(time.Second)
		same(f, "due again", claim(f.now.Add(time.Hour)), []bellhop.Notice{soon, late})
		f.must(f.s.EndNotices(f.Context(), []bellhop.NoticeID{soon.ID, late.ID}))
		f.must(f.s.EndNotices(f.Context(), []bellhop.NoticeID{soon.ID}))
		same(f, "ended", claim(f.now.Add(24*time.Hour)), nil)
	}},
	{"who unsubscribed is known until it is taken back", func(f *fixture) {
		u := bellhop.Unsubscription{Audience: "owner:acme:ann@example.com", At: f.now}
		f.must(f.s.Unsubscribe(f.Context(), u, nil))
		f.must(f.s.Unsubscribe(f.Context(), u, nil))
		list, err := f.s.Unsubscribed(f.Context())
		f.must(err)
		same(f, "unsubscribed", list, []bellhop.Unsubscription{u})
		f.must(f.s.Unsubscribe(f.Context(), bellhop.Unsubscription{Audience: u.Audience}, nil))
		list, err = f.s.Unsubscribed(f.Context())
		f.must(err)
		same(f, "subscribed again", len(list), 0)
	}},
	{"who wants to hear how a delivery ended has a reaction to it", func(f *fixture) {
		e := f.endpoint()
		f.publish(e, e, e)
		work := f.claim(e, 3)
		gaveUp := f.attempt(work[0].Delivery, bellhop.AttemptFailed)
		test := f.attempt(work[1].Delivery, bellhop.AttemptFailed)
		test.Trigger = bellhop.TriggerTest
		taken := f.attempt(work[2].Delivery, bellhop.AttemptSucceeded)
		for _, a := range []bellhop.Attempt{gaveUp, test, taken} {
			f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: a, Lease: f.lease, Tells: true}}, f.now))
		}
		same(f, "reactions", f.reactions("", 10), []bellhop.Reaction{{Attempt: gaveUp.ID, App: "acme"}})
	}},
	{"who wants to hear that a delivery is failing, and recovers, has one reaction to each", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		var want []bellhop.Reaction
		for n := 1; n <= 7; n++ {
			d := f.claim(e, 1)[0].Delivery
			a := f.retry(d, time.Minute)
			if n == 7 {
				a = f.attempt(d, bellhop.AttemptSucceeded)
			}
			same(f, "number", a.Number, n)
			if n == bellhop.FailingFrom || n == 7 {
				want = append(want, bellhop.Reaction{Attempt: a.ID, App: "acme"})
			}
			for range 2 { // the answer to the first was lost
				f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: a, Lease: f.lease, Tells: true}}, f.now))
			}
			f.now = f.now.Add(2 * time.Minute)
		}
		same(f, "reactions", f.reactions("", 10), want)
	}},
	{"nobody hears of a failing delivery who does not want to", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		for range bellhop.FailingFrom {
			f.record(f.retry(f.claim(e, 1)[0].Delivery, time.Minute))
			f.now = f.now.Add(2 * time.Minute)
		}
		f.record(f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptSucceeded))
		same(f, "reactions", len(f.reactions("", 10)), 0)
	}},
	{"what becomes too old is told, too", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		ids := id.Take[id.Attempt](f.ids, 2, f.now)
		_, err := f.s.EndOld(f.Context(), bellhop.EndOld{Endpoint: e.ID, Revision: f.stored(e.ID).Revision, Before: f.now.Add(time.Hour), Detail: "too old", Tells: true}, ids, f.now)
		f.must(err)
		same(f, "reactions", f.reactions("", 10), []bellhop.Reaction{{Attempt: ids[0], App: "acme"}})
	}},
}
