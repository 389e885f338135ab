package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	mutantsFlag = flag.Bool("mutants", false, "try every mutant, not just whether its patch still fits")
	mutantFlag  = flag.String("mutant", "", "try only mutants with this in their name")
)

// mutant is a mistake that somebody could make, or has made. A simulator that does not
// notice it is not worth its time.
type mutant struct {
	name string
	file string // from the root of the project
	old  string // stands in the file exactly once
	new  string
	// wants is a part of what it must be caught by.
	wants string
}

// TestMutants checks that every patch still fits its file. With -mutants, it also plays
// seeds against each, without touching the files: one must break a promise.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			file := filepath.Join(root, m.file)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(text, []byte(m.old)); n != 1 {
				t.Fatalf("what the patch replaces stands %d times in %s: make it fit again", n, m.file)
			}
			if !*mutantsFlag || !strings.Contains(m.name, *mutantFlag) {
				return
			}
			patched := bytes.Replace(text, []byte(m.old), []byte(m.new), 1)
			m.hunt(t, root, file, patched)
		})
	}
}

// huntTime bounds the hunt for one mutant. To run out of time is not to be caught.
const huntTime = 15 * time.Minute

var caught = regexp.MustCompile(`after (\d+) seeds: (.*)`)

// hunt plays seeds against the project with one file replaced.
func (m *mutant) hunt(t *testing.T, root, file string, patched []byte) {
	t.Helper()
	dir := t.TempDir()
	replacement, overlay := filepath.Join(dir, filepath.Base(file)), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{file: replacement}})
	if err == nil {
		err = os.WriteFile(replacement, patched, 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, list, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("go", "test", "-vet=off", "-overlay", overlay, "-timeout", huntTime.String(), "-run", "^TestSeeds$", "./sim", "-hunt", "-seeds", strconv.Itoa(manySeeds))
	c.Dir = root
	out, err := c.CombinedOutput()
	found := caught.FindSubmatch(out)
	switch {
	case err == nil:
		t.Fatalf("%d seeds did not notice it", manySeeds)
	case bytes.Contains(out, []byte("panic: test timed out")):
		t.Fatalf("it ran for longer than %s, which proves nothing: a mistake must break a promise, and a history has an end (maxSteps)", huntTime)
	case found == nil:
		t.Fatalf("it cannot be tried: %v\n%s", err, out)
	case !strings.Contains(string(found[2]), m.wants):
		t.Errorf("it was caught by another promise than %q, after %s seeds: %s", m.wants, found[1], found[2])
	default:
		t.Logf("caught after %s seeds: %s", found[1], found[2])
	}
}

var mutants = []mutant{
	{
		"room of what was not stored stays reserved", "engine/accept.go",
		"		a.drop() // these ids are spent", "		a.request = Request{Lease: a.request.Lease} // these ids are spent",
		"",
	},
	{
		"an answer that was lost counts as not stored", "engine/accept.go",
		"		a.step = StepResolve // the room", "		a.fail(err) // the room",
		"",
	},
	{
		"a resolved Enqueue is done again", "engine/accept.go",
		"	case !stored:\n", "	case !stored || len(receipts) > 0:\n",
		"",
	},
	{
		"paused endpoints get no new events", "engine/fanout.go",
		"r.Status == bellhop.EndpointDisabled ||", "r.Status != bellhop.EndpointActive ||",
		"",
	},
	{
		"stale routes are good enough", "memstore/enqueue.go",
		"if routes != s.routes.version {", "if routes > s.routes.version {",
		"",
	},
	{
		"an order looks at what waits only", "memstore/claim.go",
		"&& (before(other, d) || other.Owner != 0) {", "&& before(other, d) && other.Owner == 0 {",
		"",
	},
	{
		"the next of an order is not woken in the store", "memstore/record.go",
		"	if first != nil && first.Due.IsZero() && !first.Held {", "	if false {",
		"",
	},
	{
		"an attempt moves on what its node owns no longer", "memstore/record.go",
		"d != nil && d.Owner == l.Node && r.Lease == l {", "d != nil {",
		"",
	},
	{
		"a sweep leaves no line", "memstore/ends.go",
		"	s.addAttempt(line, time.Time{})\n", "",
		"",
	},
	{
		"a claim takes what is not due yet", "memstore/claim.go",
		"&& !d.Due.After(now) {", "{",
		"",
	},

	{
		"what waits is not looked for after a change", "engine/lane/lane.go",
		"	l.anyDue(now)\n	l.pump(now)\n", "	l.pump(now)\n",
		"",
	},
	{
		"newer events overtake what waits in the store", "engine/lane/lane.go",
		"l.backlogged(now) ||\n", "\n",
		"",
	},
	{
		"graves are ignored", "engine/lane/lane.go",
		"	if l.m.graves.has(w.Event, deaths) {\n", "	if false {\n",
		"",
	},
	{
		"what was committed under an old lease is sent", "engine/lane/lane.go",
		"	if w.Lease != l.m.lease {\n", "	if false {\n",
		"",
	},
	{
		"a lost lease leaves the queue", "engine/lane/machine.go",
		"			l.drop(func(*bellhop.Work) bool { return true })\n			l.doubtful", "			l.doubtful",
		"",
	},
	{
		"a pause does not hold", "engine/lane/lane.go",
		"	if !l.route.Live() || l.mustRelease || l.barred() {\n", "	if l.route.Status == bellhop.EndpointDisabled || l.mustRelease || l.barred() {\n",
		"",
	},
	{
		"it claims while it gives back", "engine/lane/fetch.go",
		"l.nextDue == (dues{}) || l.claiming || l.releasing ||", "l.nextDue == (dues{}) || l.claiming ||",
		"",
	},
	{
		"a claim whose answer was lost is not disowned", "engine/lane/fetch.go",
		"	l.doubtful = l.doubtful || in.Result == Unknown\n", "",
		"",
	},
	{
		"disowning is not repeated for what was being recorded", "engine/lane/lane.go",
		"		l.doubtful = l.doubtful || job.named\n", "",
		"",
	},
	{
		"it disowns what is being committed", "engine/lane/lane.go",
		"&& !l.releasing && l.reserved == 0 {", "&& !l.releasing {",
		"",
	},
	{
		"a claim that failed makes it forget", "engine/lane/fetch.go",
		"		in.Answer, l.askAt = bellhop.Claimed{}, now.Add(askAgain)\n", "		in.Answer, l.nextDue = bellhop.Claimed{}, dues{}\n",
		"",
	},
	{
		"a change of ordering leaves the queue", "engine/lane/lane.go",
		"		l.orders++\n		l.mustRelease = true\n", "		l.orders++\n",
		"",
	},
	{
		"what was claimed under another ordering is sent", "engine/lane/fetch.go",
		" || l.outdated || l.orders != in.Claim.orders\n", " || l.outdated\n",
		"",
	},
	{
		"a claim that was under way when the queue was given back is sent", "engine/lane/fetch.go",
		" || l.outdated || l.orders != in.Claim.orders\n", " || l.orders != in.Claim.orders\n",
		"",
	},
	{
		"the next of an order is not looked for", "engine/lane/lane.go",
		"		l.someDue(now) // the next of its order may go\n", "",
		"",
	},
	{
		"a retry is not looked for", "engine/lane/lane.go",
		"		l.due(retry, job.decision.NextAt, now)\n", "",
		"",
	},
	{
		"a probe is the oldest", "engine/lane/fetch.go",
		"			Newest: k == firstAttempt && l.breaker.open() && l.route.Ordering == bellhop.OrderingNone,\n", "",
		"3 no neighbour",
	},
	{
		"a probe is a retry", "engine/lane/fetch.go",
		"	if !l.breaker.open() && l.claimedOf == firstAttempt {\n", "	if l.breaker.open() || l.claimedOf == firstAttempt {\n",
		"3 no neighbour",
	},
	{
		"a probe that is not needed is sent at once", "engine/lane/fetch.go",
		"	l.mustRelease = l.mustRelease || in.Claim.Newest && !l.breaker.open()\n", "",
		"5 pause holds",
	},
	{
		"retries go before first attempts", "engine/lane/lane.go",
		"	case l.queue[firstAttempt].len() > 0 && l.passed < retryShare-1:\n", "	case l.queue[retry].len() == 0:\n",
		"3 no neighbour",
	},
	{
		"what was being committed across a pause overtakes", "engine/lane/lane.go",
		"		l.behind = l.reserved\n	}\n", "	}\n",
		"5 pause holds",
	},
	{
		"nothing ends for its age", "engine/ends.go",
		"	if age == 0 || !born.Before(before)", "	if age >= 0 || !born.Before(before)",
		"4 nothing silent",
	},
	{
		"everything ends after a minute", "engine/ends.go",
		"	before := now.Add(-age)\n", "	before := now.Add(-time.Minute)\n",
		"2 at least once",
	},
	{
		"schedules of less than a minute last a minute", "engine/routes/routes.go",
		"		shortest = min(shortest, route.Retry.Lasts())\n", "		shortest = max(min(shortest, route.Retry.Lasts()), bellhop.Duration(time.Minute))\n",
		"4 nothing silent",
	},
	{
		"a pause ages what it holds", "engine/ends.go",
		" || r.ResumedAt.After(before) {", " {",
		"2 at least once",
	},
	{
		"what a pause holds ends", "engine/ends.go",
		"	case r.Held(), r.Status == bellhop.EndpointPaused, holds", "	case r.Held(), holds",
		"5 pause holds",
	},
	{
		"held by settings of before", "rules.go",
		"!r.Attempt.Final && r.Revision == revision", "!r.Attempt.Final && revision != 0",
		"4 nothing silent",
	},
	{
		"held although the endpoint was changed", "memstore/config.go",
		"if exists && bellhop.Releases(&old, &e) {", "if false {",
		"4 nothing silent",
	},
	{
		"held and too old", "memstore/ends.go",
		"d.Owner == 0 && !d.Held && s.born", "d.Owner == 0 && s.born",
		"5 pause holds",
	},
	{
		"held and woken as the first of its order", "memstore/record.go",
		"first.Due.IsZero() && !first.Held {", "first.Due.IsZero() {",
		"",
	},
	{
		"what is in flight is swept", "memstore/sweep.go",
		"				if s.pending[d].Owner != 0 {\n", "				if false {\n",
		"4 nothing silent",
	},
	{
		"what is not to be sent is not given back", "engine/lane/machine.go",
		"	m.do(Release{Endpoint: e, Lease: l, Deliveries: ids, Aside: true})\n", "",
		"",
	},
	{
		"what was given back is not looked for", "engine/lane/lane.go",
		"	l.anyDue(now)\n	l.m.do(Release{", "	l.m.do(Release{",
		"",
	},
	{
		"lists go by the latest news", "memstore/deliveries.go",
		"		slices.SortFunc(list, func(a, b bellhop.Delivery) int { return cmp.Compare(b.ID, a.ID) })\n", "		slices.SortFunc(list, func(a, b bellhop.Delivery) int { return cmp.Compare(b.LastAttempt, a.LastAttempt) })\n",
		"",
	},
	{
		"a rate limit is not used up", "engine/lane/lane.go",
		"		l.limiter.AllowN(now, 1)\n", "",
		"",
	},
	{
		"concurrency grows without end", "engine/lane/window.go",
		"		w.limit, w.why = min(w.limit, w.most), bellhop.ConcurrencyGrown\n", "		w.why = bellhop.ConcurrencyGrown\n",
		"",
	},
	{
		"a fixed concurrency grows", "engine/lane/window.go",
		"	if exact {\n		w.most = w.from\n	}\n", "",
		"",
	},
	{
		"the next of an order goes before the outcome of the one before is durable", "engine/lane/lane.go",
		"Trigger.Again() && l.route.Ordering == bellhop.OrderingNone && !l.window.exact", "Trigger.Again() && !l.window.exact",
		"",
	},
	{
		"the bytes of what was sent stay held", "engine/lane/lane.go",
		"	l.hold(-int64(weightOf(&job.Work)))\n	if in.Failed", "	if in.Failed",
		"",
	},
	{
		"times of two clocks are mixed", "engine/lane/lane.go",
		"	return now.Add(at.Sub(now))\n", "	return at\n",
		"",
	},
	{
		"timers are lost", "engine/lane/machine.go",
		"	if !at.Equal(m.alarm) {\n", "	if !at.Equal(m.alarm) && m.alarm.IsZero() {\n",
		"",
	},
	{
		"a slot is not given to those that wait", "engine/lane/machine.go",
		"		for left := offers; left > 0; {\n", "		for left := 0; left > 0; {\n",
		"",
	},
	{
		"endpoints that hang may have all slots", "engine/lane/slots.go",
		"	if s.room(of, app) && inFlight < share {\n", "	if s.inUse < s.max && share > 0 {\n",
		"",
	},
	{
		"a circuit never probes", "engine/lane/lane.go",
		"	case l.breaker.open() && now.Before(l.breaker.probeAt):\n		return nil,", "	case l.breaker.open():\n		return nil,",
		"",
	},
	{
		"a circuit opens too soon", "engine/lane/breaker.go",
		"	breakAfter = 10\n", "	breakAfter = 5\n",
		"",
	},
	{
		"a refusal counts as an illness", "outcome.go",
		"return c == ClassAgain ||", "return c == ClassRefused || c == ClassAgain ||",
		"",
	},
	{
		"one attempt more than the schedule has", "engine/lane/decide.go",
		"	nominal, again := p.Delay(n)\n", "	nominal, again := p.Delay(max(n-1, 1))\n",
		"",
	},
	{
		"a retry comes too soon", "engine/lane/decide.go",
		"(0.9 + 0.2*random))", "(0.5 + 0.2*random))",
		"",
	},

	// Of several nodes.
	{
		"steps of a lease that is over take effect", "memstore/node.go",
		"	if n := s.nodes[l.Node]; !n.held || n.epoch != l.Epoch {\n", "	if n := s.nodes[l.Node]; n.epoch < l.Epoch {\n",
		"",
	},
	{
		"the epoch of a lease stays", "memstore/node.go",
		"held: true, epoch: s.nodes[number].epoch + 1,", "held: true, epoch: max(s.nodes[number].epoch, 1),",
		"2 at least once",
	},
	{
		"the mark is off by one", "internal/lowwater/lowwater.go",
		"		m.given = m.low[0]\n", "		m.given = m.low[0] + 1\n",
		"",
	},
	{
		"orphans that have ended are found again", "memstore/fresh.go",
		"			if s.hasEnded(&d) || s.hasRow(&d) {\n", "			if s.hasRow(&d) {\n",
		"",
	},
	{
		"orphans are found twice", "memstore/fresh.go",
		"			if s.hasEnded(&d) || s.hasRow(&d) {\n", "			if s.hasEnded(&d) {\n",
		"",
	},
	{
		"a bucket is handed over before it is drained", "engine/lane/bucket.go",
		"		if !h.leaving || h.drained || m.Keeps(bellhop.Bucket(b)) {\n", "		if !h.leaving || h.drained {\n",
		"3 no neighbour",
	},
	{
		"a bucket stays though somebody listens elsewhere", "engine/lane/assign.go",
		"		case o.Lease == me && isPinned && pin != me:\n", "		case false:\n",
		"3 no neighbour",
	},
	{
		"everybody sends where only the owner may", "engine/lane/bucket.go",
		"func (l *lane) barred() bool { return !l.owns() && l.route.Exact() }", "func (l *lane) barred() bool { return false && l.route.Exact() }",
		"",
	},
	{
		"the next owner begins with a full burst", "engine/lane/bucket.go",
		"				l.limiter.AllowN(now, l.limiter.Burst())\n", "",
		"3 no neighbour",
	},
	{
		"a lease is trusted for too long", "engine/lane/trust.go",
		"return lease - lease/5 }", "return lease + lease/5 }",
		"2 at least once",
	},
	{
		"the outbox is read by the highest number", "internal/snapshot/snapshot.go",
		"	for _, tx := range from.Running {\n		if to.Sees(tx) {\n", "	for _, tx := range from.Running {\n		if to.Sees(tx) && tx >= from.Max {\n",
		"4 nothing silent",
	},
}
