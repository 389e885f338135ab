package lane

import (
	"testing"
	"time"

	"github.com/bellhop/bellhop"
)

func TestDecide(t *testing.T) {
	now := time.Date(2027, 1, 14, 19, 22, 5, 0, time.UTC)
	list := bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Second), bellhop.Duration(time.Minute)}}
	week := bellhop.RetryPolicy{}
	exponential := bellhop.RetryPolicy{
		Initial: bellhop.Duration(time.Second), Factor: 2,
		Max: bellhop.Duration(time.Minute), Until: bellhop.Duration(time.Hour),
	}
	const day = 24 * time.Hour
	taken := Decision{Status: bellhop.AttemptSucceeded, Final: true}
	over := Decision{Status: bellhop.AttemptFailed, Final: true}
	in := func(d time.Duration) Decision { return Decision{Status: bellhop.AttemptFailed, NextAt: now.Add(d)} }
	for _, c := range []struct {
		name    string
		policy  bellhop.RetryPolicy
		trigger bellhop.Trigger
		n       int
		age     time.Duration
		class   bellhop.Class
		after   time.Duration
		want    Decision
	}{
		{name: "taken", policy: list, n: 1, class: bellhop.ClassTaken, want: taken},
		{name: "taken late", policy: list, n: 3, age: 30 * day, class: bellhop.ClassTaken, want: taken},
		{name: "again", policy: list, n: 1, class: bellhop.ClassAgain, want: in(time.Second)},
		{name: "refused", policy: list, n: 2, class: bellhop.ClassRefused, want: in(time.Minute)},
		{name: "gone", policy: list, n: 1, class: bellhop.ClassGone, want: in(time.Second)},
		{name: "ours", policy: list, n: 1, class: bellhop.ClassOurs, want: in(time.Second)},
		{name: "held", policy: list, n: 9, age: 30 * day, class: bellhop.ClassHeld, want: Decision{Status: bellhop.AttemptFailed, Held: true}},
		{name: "a test is not held", policy: list, trigger: bellhop.TriggerTest, n: 1, class: bellhop.ClassHeld, want: over},
		{name: "unfit", policy: list, n: 1, class: bellhop.ClassUnfit, want: over},
		{name: "skipped", policy: list, n: 1, class: bellhop.ClassSkipped, want: Decision{Status: bellhop.AttemptCanceled, Final: true}},
		{name: "used up", policy: list, n: 3, class: bellhop.ClassAgain, want: over},
		{name: "a list does not end by age", policy: list, n: 1, age: 30 * day, class: bellhop.ClassAgain, want: in(time.Second)},
		{name: "no retries", policy: bellhop.RetryPolicy{Delays: []bellhop.Duration{}}, n: 1, class: bellhop.ClassAgain, want: over},
		{name: "test", policy: list, trigger: bellhop.TriggerTest, n: 1, class: bellhop.ClassAgain, want: over},
		{name: "asked for longer", policy: list, n: 1, class: bellhop.ClassOverloaded, after: 30 * time.Second, want: in(30 * time.Second)},
		{name: "asked for shorter", policy: list, n: 2, class: bellhop.ClassAgain, after: 3 * time.Second, want: in(time.Minute)},
		{name: "asked for too long", policy: list, n: 1, class: bellhop.ClassAgain, after: day, want: in(time.Minute)},
		{name: "the first of a week", policy: week, n: 1, class: bellhop.ClassAgain, want: in(5 * time.Second)},
		{name: "every twelve hours", policy: week, n: 15, age: 3 * day, class: bellhop.ClassAgain, want: in(12 * time.Hour)},
		{name: "up to the end of the week", policy: week, n: 22, age: 6*day + 12*time.Hour, class: bellhop.ClassAgain, want: in(12 * time.Hour)},
		{name: "the last one at the end of the week", policy: week, n: 22, age: 6*day + 16*time.Hour, class: bellhop.ClassAgain, want: in(8 * time.Hour)},
		{name: "the last one, though more time is asked for", policy: week, n: 22, age: 6*day + 23*time.Hour, class: bellhop.ClassOverloaded, after: day, want: in(time.Hour)},
		{name: "the week is over", policy: week, n: 23, age: 7 * day, class: bellhop.ClassAgain, want: over},
		{name: "it is as good as over", policy: week, n: 23, age: 7*day - time.Millisecond, class: bellhop.ClassAgain, want: over},
		{name: "it waited longer than a week", policy: week, n: 1, age: 8 * day, class: bellhop.ClassAgain, want: over},
		{name: "doubled", policy: exponential, n: 4, class: bellhop.ClassAgain, want: in(8 * time.Second)},
		{name: "at most", policy: exponential, n: 20, class: bellhop.ClassAgain, want: in(time.Minute)},
		{name: "until", policy: exponential, n: 20, age: 59*time.Minute + time.Second, class: bellhop.ClassAgain, want: in(59 * time.Second)},
		{name: "until it is over", policy: exponential, n: 20, age: time.Hour, class: bellhop.ClassAgain, want: over},
	} {
		o := bellhop.Outcome{Class: c.class, After: c.after}
		if got := Decide(c.policy, c.trigger, c.n, c.age, o, now, 0.5); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestJitterIsTenPercent(t *testing.T) {
	now := time.Now()
	policy := bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Second)}}
	for random, want := range map[float64]time.Duration{0: 900 * time.Millisecond, 0.5: time.Second, 0.999999999: 1100 * time.Millisecond} {
		d := Decide(policy, "", 1, 0, bellhop.Outcome{Class: bellhop.ClassAgain}, now, random)
		if got := d.NextAt.Sub(now).Round(time.Millisecond); got != want {
			t.Errorf("random %v: %v, want %v", random, got, want)
		}
	}
}
