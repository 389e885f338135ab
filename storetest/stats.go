package storetest

import (
	"cmp"
	"math"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellhop/bellhop"
)

var statsTests = []test{
	{"Stats counts in buckets", func(f *fixture) {
		w := history(f)
		for name, filter := range map[string]bellhop.StatsFilter{
			"all":      {Scope: anyApp},
			"app":      {Scope: bellhop.Only("acme")},
			"apps":     {Scope: bellhop.Only("acme", "globex")},
			"endpoint": {Scope: anyApp, Endpoint: w.a.ID},
			"type":     {Scope: anyApp, Type: "invoice.*"},
			"mixed":    {Scope: bellhop.Only("acme"), Endpoint: w.b.ID, Type: "invoice.paid"},
			"time":     {Scope: anyApp, Since: w.events[3].CreatedAt(), Until: w.events[9].CreatedAt()},
			"nothing":  {Scope: bellhop.Only("nobody")},
			"none":     {},
		} {
			for _, bucket := range []time.Duration{time.Second, 7 * time.Second, time.Hour} {
				filter.Bucket = bucket
				f.counts(name, filter, w.attempts)
			}
		}
	}},
	{"Stats counts a cancellation as a delivery that ended, not as a request", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		f.unsubscribe(e)
		got, err := f.s.Stats(f.Context(), bellhop.StatsFilter{Scope: anyApp, Bucket: time.Second})
		f.must(err)
		same(f, "stats", got, bellhop.Stats{
			Total: bellhop.StatsBucket{Exhausted: 1}, Buckets: []bellhop.StatsBucket{{Start: f.now, Exhausted: 1}},
		})
	}},
	{"Stats counts no tests", func(f *fixture) {
		e := f.endpoint()
		for _, status := range []bellhop.AttemptStatus{bellhop.AttemptFailed, bellhop.AttemptSucceeded} {
			f.publish(e)
			w := f.claim(e, 1)[0]
			a := f.attempt(w.Delivery, status)
			a.Trigger = bellhop.TriggerTest
			f.record(a)
		}
		for range 2 {
			got, err := f.s.Stats(f.Context(), bellhop.StatsFilter{Scope: anyApp, Bucket: time.Hour})
			f.must(err)
			same(f, "stats", got, bellhop.Stats{})
			f.pass(time.Hour)
			for more := true; more; {
				more, err = f.s.RollUp(f.Context(), f.now)
				f.must(err)
			}
		}
	}},
	{"Latency counts from when a delivery was due", func(f *fixture) {
		e := f.endpoint()
		latency := func(want float64) {
			f.Helper()
			got, err := f.s.Stats(f.Context(), bellhop.StatsFilter{Scope: anyApp, Bucket: time.Second, Since: f.now, Until: f.now.Add(time.Second)})
			f.must(err)
			if p := got.Total.Latency; math.Abs(p.P50-want) > want/20 || p.P50 != p.P99 {
				f.Errorf("latency is %v ms, want %v", p, want)
			}
			f.pass(time.Minute)
		}
		f.publish(e)
		f.pass(2 * time.Second)
		f.finish(e, bellhop.AttemptSucceeded)
		latency(2120)

		f.publish(e) // fails twice before it succeeds
		for range 2 {
			f.record(f.retry(f.claim(e, 1)[0].Delivery, 10*time.Second))
			f.pass(10 * time.Second)
		}
		f.finish(e, bellhop.AttemptSucceeded)
		latency(20_120)

		f.publish(e)
		f.finish(e, bellhop.AttemptFailed)
		latency(0)

		scheduled := f.publish(e)
		due := f.now.Add(time.Hour)
		f.pass(time.Hour + time.Second)
		a := f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptSucceeded)
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: a, Lease: f.lease, Due: due}}, f.now))
		latency(1120)

		late := f.event() // its deliveries are made a while after it
		late.Later = []bellhop.EndpointID{e.ID}
		f.enqueue(late)
		f.pass(3 * time.Second)
		f.spread(10)
		f.finish(e, bellhop.AttemptSucceeded)
		latency(3120)

		f.resend(&scheduled.Event, &e) // its time is long past
		a = f.attempt(f.claim(e, 1)[0].Delivery, bellhop.AttemptSucceeded)
		f.must(f.s.Record(f.Context(), f.lease, []bellhop.Result{{Attempt: a, Lease: f.lease, Due: due}}, f.now))
		latency(120)
	}},
	{"what is rolled up counts as before", func(f *fixture) {
		w := traffic(f)
		before := w.answers()
		steps := 0
		for more := true; more; steps++ {
			var err error
			more, err = f.s.RollUp(f.Context(), f.now.Add(-7*time.Minute))
			f.must(err)
			w.unchanged("while it is rolled up", before)
		}
		if steps > 1000 {
			f.Errorf("it took %d steps", steps)
		}
		w.check("rolled up")
		more, err := f.s.RollUp(f.Context(), f.now.Add(-7*time.Minute))
		f.must(err)
		same(f, "more to do", more, false)

		late := w.recordLate() // of times that are rolled up
		w.check("with late attempts")
		f.record(late...)
		w.check("with late attempts recorded twice")
	}},
	{"what is rolled up later counts as before", func(f *fixture) {
		w := traffic(f)
		for back := 30 * time.Hour; back >= 0; back -= 47 * time.Minute {
			w.rollUp(f.now.Add(-back))
			w.check("a part is rolled up")
		}
		w.more()
		w.check("more traffic")
		w.rollUp(f.now)
		w.check("more is rolled up")
	}},
	{"deleting an endpoint leaves what was counted, deleting an app does not", func(f *fixture) {
		f.app("globex")
		w := traffic(f)
		w.rollUp(f.now)
		w.recordLate()
		f.unsubscribe(w.endpoints[0])
		w.check("without an endpoint")
		f.must(f.s.DeleteApp(f.Context(), "globex", nil))
		w.attempts = filter(w.attempts, func(a *bellhop.Attempt) bool { return a.App != "globex" })
		w.check("without an app")
		w.rollUp(f.now)
		w.check("without an app, rolled up again")
	}},
	{"Expire takes what was counted", func(f *fixture) {
		w := traffic(f)
		w.rollUp(f.now.Add(-10 * time.Minute))
		f.must(f.s.SampleBacklog(f.Context(), f.now.Add(-29*time.Hour)))
		for _, back := range []time.Duration{26 * time.Hour, 13*time.Hour + 17*time.Second, time.Second, -24 * time.Hour} {
			bound := f.now.Add(-back)
			for n := 1; n > 0; {
				var err error
				n, err = f.s.Expire(f.Context(), bound, 100, f.now)
				f.must(err)
			}
			w.attempts = filter(w.attempts, func(a *bellhop.Attempt) bool { return !a.StartedAt().Before(bound) })
			w.check("after the retention")
		}
		if len(w.attempts) != 0 {
			f.Errorf("%d attempts have not expired", len(w.attempts))
		}
	}},
	{"Expire does not hide what comes after a clock that was ahead", func(f *fixture) {
		e := f.endpoint()
		f.publish(e)
		before := f.finish(e, bellhop.AttemptSucceeded)
		expire := func(now time.Time) {
			f.Helper()
			for n := 1; n > 0; {
				var err error
				n, err = f.s.Expire(f.Context(), now.Add(-24*time.Hour), 100, now)
				f.must(err)
			}
		}
		f.counts("recorded", bellhop.StatsFilter{Scope: anyApp, Bucket: time.Hour}, before)
		expire(f.now.Add(365 * 24 * time.Hour))
		f.counts("expired", bellhop.StatsFilter{Scope: anyApp, Bucket: time.Hour}, nil)
		expire(f.now)
		f.publish(e)
		f.counts("once the clock is right", bellhop.StatsFilter{Scope: anyApp, Bucket: time.Hour}, f.finish(e, bellhop.AttemptSucceeded))
	}},
	{"a clock that was ahead does not hide the backlog", func(f *fixture) {
		e := f.endpoint()
		f.must(f.s.SampleBacklog(f.Context(), f.now))
		f.publish(e)
		begin := f.now
		f.must(f.s.SampleBacklog(f.Context(), begin.Add(time.Hour))) // ahead
		f.must(f.s.SampleBacklog(f.Context(), begin.Add(time.Minute)))
		f.publish(e)
		f.must(f.s.SampleBacklog(f.Context(), begin.Add(2*time.Minute)))
		f.must(f.s.SampleBacklog(f.Context(), begin.Add(3*time.Minute)))
		got, err := f.s.BacklogSamples(f.Context(), bellhop.BacklogFilter{Since: begin, Until: begin.Add(2 * time.Hour), Points: 100})
		f.must(err)
		want := []bellhop.BacklogSample{
			{At: begin.Add(time.Minute), Pending: 1, OldestAgeMS: 60_000},
			{At: begin.Add(2 * time.Minute), Pending: 2, OldestAgeMS: 120_000},
			{At: begin.Add(time.Hour), Pending: 1, OldestAgeMS: 3_600_000},
		}
		same(f, "samples", got, want)
	}},
	{"the backlog is sampled when it has changed", func(f *fixture) {
		e := f.endpoint()
		begin := f.now
		sample := func() {
			f.Helper()
			f.must(f.s.SampleBacklog(f.Context(), f.now))
			f.pass(time.Minute)
		}
		sample()
		sample()
		first := f.publish(e)
		f.pass(time.Second)
		sample()
		sample()
		f.publish(e)
		sample()
		f.claim(e, 1)
		sample()
		f.record(f.attempt(first.Deliveries[0], bellhop.AttemptSucceeded))
		sample()
		f.finish(e, bellhop.AttemptSucceeded)
		sample()
		sample()
		at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes)*time.Minute + time.Second) }
		all := []bellhop.BacklogSample{
			{At: at(2), Pending: 1, OldestAgeMS: 1000},
			{At: at(4), Pending: 2, OldestAgeMS: 121_000},
			{At: at(6), Pending: 1, OldestAgeMS: 120_000},
			{At: at(7)},
		}
		get := func(since, until time.Time, points int) []bellhop.BacklogSample {
			f.Helper()
			got, err := f.s.BacklogSamples(f.Context(), bellhop.BacklogFilter{Since: since, Until: until, Points: points})
			f.must(err)
			return got
		}
		same(f, "all", get(begin, f.now, 500), all)
		same(f, "the last one before", get(at(5), at(7), 500), []bellhop.BacklogSample{
			{At: at(5), Pending: 2, OldestAgeMS: 181_000}, all[2],
		})
		same(f, "thinned out", get(begin, f.now, 2), []bellhop.BacklogSample{all[1], all[2]})
		same(f, "before all", get(begin.Add(-time.Hour), begin, 500), nil)

		n, err := f.s.Expire(f.Context(), at(6), 100, f.now)
		f.must(err)
		same(f, "expired", n > 0, true)
		same(f, "left", get(begin, f.now, 500), all[2:])
	}},
}

// counted is a store with attempts over more than a day, of two apps and three
// endpoints, some recorded long after they were made.
type counted struct {
	*fixture
	endpoints []bellhop.Endpoint
	attempts  []bellhop.Attempt // recorded
	late      []bellhop.Attempt // not recorded yet
	from      time.Time
	events    int
}

func traffic(f *fixture) *counted {
	w := &counted{fixture: f, from: f.now}
	for range 3 {
		w.endpoints = append(w.endpoints, f.endpoint("acme", "globex"))
	}
	for range 130 {
		w.more()
	}
	return w
}

// more adds an event and its attempts, and lets some minutes pass.
func (w *counted) more() {
	w.Helper()
	i := w.events
	w.events++
	n := w.event(w.endpoints[:1+i%3]...)
	n.Event.App = []string{"acme", "globex"}[i%2]
	n.Event.Type = []string{"invoice.paid", "invoice.sent", "ticket.open"}[i%3]
	for j := range n.Deliveries {
		d := &n.Deliveries[j]
		d.App, d.Type, d.Owner = n.Event.App, n.Event.Type, w.node
	}
	w.enqueue(n)
	var now []bellhop.Attempt
	for j, d := range n.Deliveries {
		w.pass(time.Duration(i*7919%1000) * time.Millisecond)
		a := w.attempt(d, []bellhop.AttemptStatus{bellhop.AttemptSucceeded, bellhop.AttemptSucceeded, bellhop.AttemptFailed}[(i+j)%3])
		a.Duration = bellhop.Duration(time.Duration(1+i*i%977) * 3 * time.Millisecond)
		if i%11 == 5 {
			w.late = append(w.late, a)
		} else {
			now = append(now, a)
		}
	}
	w.record(now...)
	w.attempts = append(w.attempts, now...)
	w.pass(time.Duration(3+i%17) * time.Minute)
}

func (w *counted) recordLate() []bellhop.Attempt {
	w.Helper()
	late := w.late
	w.record(late...)
	w.attempts, w.late = append(w.attempts, late...), nil
	return late
}

func (w *counted) rollUp(before time.Time) {
	w.Helper()
	for more := true; more; {
		var err error
		more, err = w.s.RollUp(w.Context(), before)
		w.must(err)
	}
}

func (w *counted) filters() []bellhop.StatsFilter {
	list := []bellhop.StatsFilter{
		{Bucket: time.Hour, Scope: anyApp},
		{Bucket: 15 * time.Minute, Scope: bellhop.Only("globex")},
		{Bucket: 12 * time.Hour, Scope: bellhop.Only("acme", "globex", "nobody")},
		{Bucket: 6 * time.Hour, Endpoint: w.endpoints[1].ID, Scope: anyApp},
		{Bucket: 24 * time.Hour, Endpoint: w.endpoints[2].ID, Scope: bellhop.Only("acme")},
		{Bucket: time.Hour, Type: "invoice.*", Scope: anyApp},
		{Bucket: 7 * time.Minute, Scope: anyApp},
	}
	for _, f := range slices.Clone(list) {
		f.Since, f.Until = w.from.Add(2*time.Hour+time.Nanosecond), w.from.Add(23*time.Hour+3*time.Minute+7*time.Second)
		list = append(list, f)
	}
	return list
}

func (w *counted) answers() (list []bellhop.Stats) {
	w.Helper()
	for _, f := range w.filters() {
		s, err := w.s.Stats(w.Context(), f)
		w.must(err)
		list = append(list, s)
	}
	return list
}

// unchanged asks for the very same answers, percentiles included.
func (w *counted) unchanged(when string, want []bellhop.Stats) {
	w.Helper()
	for i, s := range w.answers() {
		same(w.fixture, when, s, want[i])
	}
}

func (w *counted) check(when string) {
	w.Helper()
	for _, f := range w.filters() {
		w.counts(when, f, w.attempts)
	}
}

// counts compares Stats with a count by brute force.
func (f *fixture) counts(what string, filter bellhop.StatsFilter, attempts []bellhop.Attempt) {
	f.Helper()
	got, err := f.s.Stats(f.Context(), filter)
	f.must(err)
	if diff := gocmp.Diff(countAll(attempts, filter), got, cmpopts.EquateEmpty(), cmpopts.EquateApprox(0.05, 0)); diff != "" {
		f.Errorf("%s: stats of %+v (-want +got):\n%s", what, filter, diff)
	}
}

// countAll is Stats by brute force. Buckets begin at whole multiples of their
// width since 1970.
func countAll(attempts []bellhop.Attempt, f bellhop.StatsFilter) bellhop.Stats {
	var total []bellhop.Attempt
	parts := map[int64][]bellhop.Attempt{}
	for _, a := range attempts {
		at := a.StartedAt()
		typeOK := f.Type == "" || f.Type == a.Type || (f.Type == "invoice.*" && a.Type != "ticket.open")
		if !f.Scope.Sees(a.App) || !typeOK ||
			(f.Endpoint != 0 && f.Endpoint != a.Endpoint) ||
			at.Before(f.Since) || (!f.Until.IsZero() && !at.Before(f.Until)) {
			continue
		}
		start := at.UnixMilli() / f.Bucket.Milliseconds() * f.Bucket.Milliseconds()
		parts[start] = append(parts[start], a)
		total = append(total, a)
	}
	s := bellhop.Stats{Total: countBucket(f.Since, total)}
	for start, list := range parts {
		s.Buckets = append(s.Buckets, countBucket(time.UnixMilli(start).UTC(), list))
	}
	slices.SortFunc(s.Buckets, func(a, b bellhop.StatsBucket) int { return a.Start.Compare(b.Start) })
	return s
}

func countBucket(start time.Time, attempts []bellhop.Attempt) bellhop.StatsBucket {
	b := bellhop.StatsBucket{Start: start}
	var durations, latencies []float64
	for _, a := range attempts {
		ms := time.Duration(a.Duration).Milliseconds()
		if a.Status == bellhop.AttemptSucceeded {
			b.Succeeded++
			latencies = append(latencies, float64(a.StartedAt().Sub(a.Event.Time()).Milliseconds()+ms))
		} else {
			b.Failed++
			if a.Final {
				b.Exhausted++
			}
		}
		durations = append(durations, float64(ms))
		b.DurationMS += ms
		b.MaxDurationMS = max(b.MaxDurationMS, ms)
	}
	b.Duration, b.Latency = percentiles(durations), percentiles(latencies)
	return b
}

func percentiles(list []float64) (p bellhop.Percentiles) {
	if len(list) == 0 {
		return p
	}
	slices.SortFunc(list, cmp.Compare[float64])
	at := func(q float64) float64 { return list[max(int(math.Ceil(q*float64(len(list)))), 1)-1] }
	return bellhop.Percentiles{P50: at(0.5), P95: at(0.95), P99: at(0.99)}
}
