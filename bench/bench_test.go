package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

// TestMain is the receiver's process, too, as the program is; the program itself, where a
// test asks for it; and a bellhop that serves nothing.
func TestMain(m *testing.M) {
	first := ""
	if len(os.Args) > 1 {
		first = os.Args[1]
	}
	stub := os.Getenv(stubVariable)
	switch {
	case first == "-receiver":
		if err := receive(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case stub != "" && first == "version":
		fmt.Println("bellhop stub")
	case stub != "" && first == "serve":
		serveNothing(stub)
	case stub != "":
		main()
	default:
		os.Exit(m.Run())
	}
}

// stubVariable makes this program the bench or, by its first argument, a bellhop that writes
// its address to the file which the variable names.
const stubVariable = "BENCH_TEST_STUB"

// serveNothing starts as bellhop does, and answers nothing until it is ended.
func serveNothing(file string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile(file, []byte(l.Addr().String()), 0o600)
	}
	if err != nil {
		panic(err)
	}
	fmt.Printf("  Listening %s\nbh_%s\n", l.Addr(), strings.Repeat("x", 40))
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)) // should nobody end it
	for err == nil {
		_, err = l.Accept()
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]time.Duration, 100_000)
	for i := range values {
		values[i] = time.Duration(1) << r.IntN(35)
		values[i] += time.Duration(r.Int64N(int64(values[i])))
	}
	var adding sync.WaitGroup
	for part := range slices.Chunk(values, 10_000) {
		adding.Go(func() {
			for _, v := range part {
				h.add(v)
			}
		})
	}
	adding.Wait()
	slices.Sort(values)
	l := h.latency()
	if l.Count != int64(len(values)) || l.Max != values[len(values)-1] {
		t.Errorf("count %d, longest %v; want %d, %v", l.Count, l.Max, len(values), values[len(values)-1])
	}
	for _, q := range []struct {
		share float64
		got   time.Duration
	}{{0.5, l.P50}, {0.99, l.P99}, {0.999, l.P999}} {
		want := values[int(q.share*float64(len(values)))]
		if off := float64(q.got-want) / float64(want); abs(off) > 0.01 {
			t.Errorf("quantile %v is %v, want %v", q.share, q.got, want)
		}
	}
	h.reset()
	if l := h.latency(); l != (latency{}) {
		t.Errorf("%+v is left after a reset", l)
	}
	h.add(-time.Second) // a clock that was set back
	h.add(1<<63 - 1)
	if l := h.latency(); l.Count != 2 || l.Max != 1<<63-1 {
		t.Errorf("%+v of the extremes", l)
	}
}

func TestLedger(t *testing.T) {
	l := &ledger{fan: 3}
	const events = 400_000 // more than a chunk holds
	for e := range int64(events) {
		for endpoint := range int64(3) {
			if e == 350_001 && endpoint == 1 {
				continue
			}
			l.note(e, endpoint, 7)
		}
	}
	if a := l.account(events); a.Missing != 1 || a.FirstMissing != 350_001 || a.Duplicates != 0 || a.Strange != 0 || a.exact() == nil {
		t.Errorf("one is missing: %+v, %v", a, a.exact())
	}
	l.note(350_001, 1, 8)
	if a := l.account(events); a.exact() != nil || a.Arrived != 3*events {
		t.Errorf("all are there: %+v, %v", a, a.exact())
	}
	l.note(5, 2, 9)
	if a := l.account(events); a.Duplicates != 1 || a.exact() == nil {
		t.Errorf("one came twice: %+v", a)
	}
	l.note(events+1, 0, 9)
	if a := l.account(events); a.Strange != 1 {
		t.Errorf("one was never published: %+v", a)
	}
	l.note(1<<60, 0, 9)
	if a := l.account(events); a.Strange != 2 {
		t.Errorf("one has a number that cannot be: %+v", a)
	}
	if l.first.Load() != 7 {
		t.Errorf("the first came at %d, want 7", l.first.Load())
	}
}

func TestEventsArePatchedInPlace(t *testing.T) {
	for _, size := range []int{100, 1024} {
		request := []byte(`{"events":[` + string(publication(size)) + "," + string(publication(size)) + `]}`)
		before := len(request)
		slots := slotsOf(request)
		if len(slots) != 2 {
			t.Fatalf("%d events are found, want 2", len(slots))
		}
		slots[0].set(7, 0, 1764506400123456789)
		slots[1].set(12345, 99_999_999_998, 1764506400987654321)
		if len(request) != before || !bytes.Contains(request, []byte(`"type":"bench.12345"`)) {
			t.Errorf("not in place: %s", request)
		}
		first, second, _ := bytes.Cut(request, []byte("},{"))
		if n, sent, ok := readEvent(first); !ok || n != 0 || sent != 1764506400123456789 {
			t.Errorf("read %d, %d, %v", n, sent, ok)
		}
		if n, sent, ok := readEvent(second); !ok || n != 99_999_999_998 || sent != 1764506400987654321 {
			t.Errorf("read %d, %d, %v", n, sent, ok)
		}
		slots[0].set(7, unwatched, 1764506400123456789)
		if n, _, ok := readEvent(first); !ok || n != unwatched {
			t.Errorf("read %d, %v of an event that is not watched", n, ok)
		}
	}
	for _, odd := range []string{"", `{"n":`, `{"n":12}`, `{"n":12,"sent_ns":17`} {
		if _, _, ok := readEvent([]byte(odd)); ok {
			t.Errorf("%q is read as an event", odd)
		}
	}
}

func TestFramer(t *testing.T) {
	messages := []struct{ text, body string }{
		{"HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"HTTP/1.1 202 Accepted\r\nContent-Length: 11\r\n\r\nhello world", "hello world"},
		{"POST /a/1 HTTP/1.1\r\nhost: x\r\ncontent-length:  3\r\n\r\nabc", "abc"},
		{"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"},
		{"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "0\r\n\r\n"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("y", 9000), strings.Repeat("y", 9000)},
	}
	all := ""
	for _, m := range messages {
		all += m.text
	}
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(all), "byte by byte": iotest.OneByteReader(strings.NewReader(all))} {
		f := newFramer(r, 64)
		for i, m := range messages {
			head, body, err := f.next()
			if err != nil || string(body) != m.body || !strings.HasPrefix(m.text, string(head)) {
				t.Fatalf("%s: message %d is %q, %.40q, %v", name, i, head, body, err)
			}
		}
		if _, _, err := f.next(); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
	for _, broken := range []string{"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"} {
		if _, _, err := newFramer(strings.NewReader(broken), 64).next(); err == nil || err == io.EOF {
			t.Errorf("%q is read: %v", broken, err)
		}
	}
}

func TestChanceIsThatOfMannAndWhitney(t *testing.T) {
	for _, c := range []struct {
		before, after []float64
		want          float64
	}{
		{[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2. / 252},
		{[]float64{6, 7, 8, 9, 10}, []float64{1, 2, 3, 4, 5}, 2. / 252},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, 0.1},
		{[]float64{1, 3, 5, 7}, []float64{2, 4, 6, 8}, 48. / 70}, // U is 10 of 16
		{[]float64{1, 1, 1}, []float64{1, 1, 1}, 1},
		{nil, []float64{1}, 1},
	} {
		if got := chance(c.before, c.after); abs(got-c.want) > 1e-9 {
			t.Errorf("%v and %v: %v, want %v", c.before, c.after, got, c.want)
		}
	}
}

// What is worked out of very many values is what is counted out of fewer.
func TestChanceOfVeryMany(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := func(n int, more float64) (list []float64) {
		for range n {
			list = append(list, r.Float64()+more)
		}
		return list
	}
	for _, more := range []float64{0, 0.05, 0.1, 0.2} {
		before, after := draw(50, 0), draw(50, more)
		u := 0.0
		for _, b := range before {
			for _, a := range after {
				if a > b {
					u++
				}
			}
		}
		if exact, near := chance(before, after), nearly(before, after, u); abs(exact-near) > 0.01 {
			t.Errorf("%v more: %v exactly, and nearly %v", more, exact, near)
		}
	}
	if got := chance(draw(2000, 0), draw(2000, 0.2)); got > 1e-6 {
		t.Errorf("a fifth more: %v", got)
	}
	if got := chance(make([]float64, 2000), make([]float64, 2000)); got != 1 {
		t.Errorf("of the same: %v", got)
	}
}

func TestBoundsOfAMedian(t *testing.T) {
	// The ranks are those of tables for the median's interval of 95 %.
	for n, rank := range map[int]int{1: 1, 5: 1, 6: 1, 8: 1, 9: 2, 10: 2, 15: 4, 20: 6} {
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i + 1)
		}
		if low, high := bounds(values); low != float64(rank) || high != float64(n+1-rank) {
			t.Errorf("of %d values: %v to %v, want %d to %d", n, low, high, rank, n+1-rank)
		}
	}
}

// found are results of a run that never was.
func found(factor float64) *results {
	r := newResults(options{rounds: 5, part: 5 * time.Second, size: 1024, connections: 64})
	r.Sizes["pending"] = 50_000
	for i := range 5 {
		v := factor * float64(100+i)
		r.add("bare", 100_000)
		r.beside("batch/10", 500*v, 100_000)
		r.beside("single/10", 100*v, 100_000)
		r.beside("open/50.p99", v, 20)
		r.add("memory.idle", 20*factor)
		r.add("steady.max", 30)
	}
	r.spent("batch/10", "batches", load{Deliveries: 1000, Cost: cost{Own: 50 * time.Millisecond, Written: 3_000_000, Stages: map[string]time.Duration{"send": 20 * time.Millisecond}}}, loop{Sender: 15 * time.Microsecond, Receiver: 10 * time.Microsecond})
	r.note("something is left out")
	return r
}

func TestReport(t *testing.T) {
	var b strings.Builder
	if err := found(1).print(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		`batches of 100, 10 endpoints +51000 /s +50000…52000 +100000 +0\.51 +0\.45 +0\.65 met`,
		`single publishes, 10 endpoints +10200 /s +10000…10400 +100000 +0\.10 +0\.28 +0\.4 MISSED`,
		`  p99 +102 ms +100…104 +20\.0 +5\.10 +6 +3 met`,
		`memory, idle +20\.0 MB +20\.0…20\.0 +40 +25 aim met`,
		`  longest +30\.0 ms +30\.0…30\.0 +50 +20 met`,
		`batches +50\.0 +0\.50 +3000 +20\.0`,
		`something is left out`,
		`sizes other than the usual: .*pending 50000`,
	} {
		if !matches(t, want, text) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 120 && !strings.HasPrefix(line, "Bellhop ") {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	b.Reset()
	if err := found(1).markdown(&b); err != nil {
		t.Fatal(err)
	}
	if want := `\| batches of 100, 10 endpoints \| 51000 /s \| 50000…52000 \| 100000 \(bare loop\) \| 0\.51 \| 0\.45 \| 0\.65 \| met \|`; !matches(t, want, b.String()) {
		t.Errorf("no %s in:\n%s", want, b.String())
	}
}

func TestCompare(t *testing.T) {
	older, newer := filepath.Join(t.TempDir(), "old.json"), filepath.Join(t.TempDir(), "new.json")
	before, after := found(1), found(1.2)
	before.Sizes["pending"] = 1_000_000
	before.add("pending", 5)
	after.add("pending", 5)
	before.add("stream/10", 7)
	before.spent("stream/10", "a stream", load{Deliveries: 1, Cost: cost{Own: time.Second}}, loop{})
	after.add("single/1", 8)
	if err := before.save(older); err != nil {
		t.Fatal(err)
	}
	if err := after.save(newer); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := compareFiles(&b, older, newer); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`batches of 100, 10 endpoints +ratio +0\.51 ± +2% +0\.61 ± +2% +\+20\.0% better \(p=0\.008\)`,
		`  p99 +ratio .* \+20\.0% WORSE \(p=0\.008\)`,
		`bare loop, hand-written .* ~ \(p=1\.000\)`,
		`memory, idle +MB .*WORSE`,
		`a stream of events, 10 endpoints +/s +7\.00 +old only`,
		`single publishes, one endpoint +/s +8\.00 +new only`,
		`batches beside 50 000 that wait \(old: batches beside a million that wait\)`,
		`a stream, a delivery: old only`,
		`CPU of Bellhop +µs +50\.0 +50\.0 +~ \(p=1\.000\)`,
	} {
		if !matches(t, want, b.String()) {
			t.Errorf("no %s in:\n%s", want, b.String())
		}
	}
	if err := compareFiles(&b, older, older+"x"); err == nil {
		t.Error("a file that is not there is compared with")
	}
}

// What is late must not put off what comes after it: the times that are published are those
// of the schedule, however long an answer takes.
func TestPacedKeepsToItsSchedule(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var mu sync.Mutex
	var times []int64
	stall := true
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f := newFramer(c, 4<<10)
				for {
					_, body, err := f.next()
					if err != nil {
						return
					}
					_, sent, _ := readEvent(body)
					mu.Lock()
					times = append(times, sent)
					first := stall
					stall = false
					mu.Unlock()
					if first { // for longer than what comes next is apart
						<-time.After(100 * time.Millisecond)
					}
					_, _ = io.WriteString(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")
				}
			}()
		}
	}()
	l := &lab{o: options{connections: 1}, size: 200}
	s := &server{nodes: []*node{{addr: listener.Addr().String()}}, key: "bh_x"}
	if err := l.paced(t.Context(), s, 200, 10, 10, 250*time.Millisecond, nil); err != nil {
		t.Fatal(err)
	}
	if len(times) != 50 {
		t.Fatalf("%d events were published, want 50", len(times))
	}
	for i, at := range times[1:] {
		if apart := time.Duration(at - times[i]); apart != 5*time.Millisecond {
			t.Fatalf("event %d is due %v after the one before, want 5ms", i+1, apart)
		}
	}
}

func TestPublishingAgainAfter429(t *testing.T) {
	for head, want := range map[string]time.Duration{
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n": 3 * time.Second,
		"HTTP/1.1 429 Too Many Requests\r\n":                   time.Second,
	} {
		if wait, again := refusal([]byte(head)); wait != want || !again {
			t.Errorf("%q: %v, %v", head, wait, again)
		}
	}
	if _, again := refusal([]byte("HTTP/1.1 500 Internal Server Error\r\n")); again {
		t.Error("a server that is broken is asked again")
	}
}

// The built binary is measured, in short.
func TestSmoke(t *testing.T) {
	o := options{part: 300 * time.Millisecond, steady: 300 * time.Millisecond, rounds: 1, connections: 8, inFlight: 8, size: 300, silent: true, pending: 2000, only: "^(limits|fan/10|tls/10|single/10|open/10|pending|stream/10)$"}
	o.json = filepath.Join(t.TempDir(), "found.json")
	o.hang, o.flood = 100, 100
	chosen, err := o.choose()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := measure(ctx, o, chosen); err != nil {
		t.Fatal(err)
	}
	r, err := loadResults(o.json)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"bare", "bare.tls", "bare.http", "ceiling", "sync.p50", "fan/10", "tls/10", "single/10", "single/10.http", "open/10.p99", "pending", "start", "start.rate"} {
		if f := r.figure(key); len(f.Values) == 0 || median(f.Values) <= 0 {
			t.Errorf("%s is %v", key, f.Values)
		}
	}
	if r.Checked < 100 {
		t.Errorf("%d deliveries were looked for", r.Checked)
	}
}

func matches(t *testing.T, pattern, text string) bool {
	t.Helper()
	return regexp.MustCompile(pattern).MatchString(text)
}
