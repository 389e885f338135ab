package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// TestStreamIntoAFullBacklog: what is refused for what passes is sent again until there is
// room, what was published before is known again meanwhile, and who ends the wait is told
// which lines to send later.
func TestStreamIntoAFullBacklog(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	s := startService(t, t.TempDir(), "export BELLHOP_KEY=", "--max-pending-publish", "3")
	api := client.New(s.base, s.key, nil)
	if _, err := api.PutApp(t.Context(), "acme", client.AppPut{}); err != nil {
		t.Fatal(err)
	}
	made, err := api.CreateEndpoint(t.Context(), bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(receiver.URL)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.PauseEndpoint(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	lines := ""
	for i := 1; i <= 5; i++ {
		lines += fmt.Sprintf(`{"app":"acme","type":"a.b","id":"o%d","data":%d}`+"\n", i, i)
	}
	lines += `{"app":"acme","type":"a.b","data":6}` + "\n" + `{"app":"none","type":"a.b","data":7}` + "\n"
	environ := []string{"BELLHOP_SERVER=" + s.base, "BELLHOP_KEY=" + s.key}
	stream := func(r run) *run {
		r.environ = environ
		if r.args = append([]string{"publish", "--stream", "-"}, r.args...); r.sleep == nil {
			r.sleep = func() { t.Error("it waits") }
		}
		return r.do(t)
	}
	first := strings.Join(strings.SplitAfter(lines, "\n")[:3], "")
	stream(run{stdin: first}).want(t, exitOK, "3 events published")
	stream(run{stdin: first}).want(t, exitOK, "3 of them published before")

	interrupted, interrupt := context.WithCancel(t.Context())
	waited := 0
	r := stream(run{args: []string{"--json"}, stdin: lines, ctx: interrupted, sleep: func() {
		if waited++; waited == 7 {
			interrupt()
		}
	}}).want(t, exitInterrupted, "3 lines wait, from line 4 on, to be sent again every 2s: The app has 3 or more")
	const ms = time.Millisecond
	if want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 2000 * ms, 2000 * ms}; !slices.Equal(r.slept, want) {
		t.Errorf("while nothing is taken it waits %v, want %v", r.slept, want)
	}
	if n := strings.Count(r.errors, "to be sent again"); n != 1 {
		t.Errorf("it says %d times that it waits", n)
	}
	type said struct {
		Line, RetryAfter int
		ID               string
		Duplicate        bool
		Code             bellhop.Code
	}
	got := map[int]said{}
	for _, text := range strings.Split(strings.TrimSpace(r.out), "\n") {
		var line streamedLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if (line.Error == "") != (line.Code == "") {
			t.Errorf("an error without a code: %s", text)
		}
		got[line.Line] = said{line.Line, line.RetryAfter, line.ID, line.Duplicate, line.Code}
	}
	for _, want := range []said{
		{1, 0, "o1", true, ""},
		{2, 0, "o2", true, ""},
		{3, 0, "o3", true, ""},
		{4, 2, "o4", false, bellhop.CodeBacklogFull},
		{5, 2, "o5", false, bellhop.CodeBacklogFull},
		{6, 2, "", false, bellhop.CodeBacklogFull},
		{7, 0, "", false, bellhop.CodeUnknownApp},
	} {
		if got[want.Line] != want {
			t.Errorf("line %d is %+v, want %+v", want.Line, got[want.Line], want)
		}
	}

	again := 0
	r = stream(run{stdin: lines, sleep: func() {
		if again++; again == 2 {
			if _, err := api.ResumeEndpoint(t.Context(), made.ID); err != nil {
				t.Error(err)
			}
		}
	}}).want(t, exitFailed, "line 7:", "1 line of - refused; the other 6 are published")
	if again < 2 || strings.Contains(r.errors, "line 4: ") {
		t.Errorf("it waited %d times, and says %s", again, r.errors)
	}
	stream(run{stdin: strings.Join(strings.SplitAfter(lines, "\n")[:5], "")}).want(t, exitOK, "5 of them published before")
	s.end(t)
}

// TestAgainAfter: who is taken at least half of what he sends comes again soon, and who is
// taken little of it when the server said.
func TestAgainAfter(t *testing.T) {
	const most = 2 * time.Second
	for _, c := range []struct {
		wait, most time.Duration
		sent, left int
		want       time.Duration
	}{
		{againFirst, most, 8000, 8000, 2 * againFirst},
		{800 * time.Millisecond, most, 8000, 7000, 1600 * time.Millisecond},
		{1600 * time.Millisecond, most, 8000, 8000, most},
		{most, most, 8000, 4001, most},
		{most, most, 8000, 4000, againFirst},
		{most, time.Second, 1, 1, time.Second},
		{againFirst, time.Millisecond, 8000, 1, time.Millisecond},
	} {
		if got := againAfter(c.wait, c.most, c.sent, c.left); got != c.want {
			t.Errorf("after %v of %v, and with %d of %d left: %v, want %v", c.wait, c.most, c.left, c.sent, got, c.want)
		}
	}
}

// TestTooLongLine: a line that is too long is told of by its number, and what is behind it
// in a stream is published.
func TestTooLongLine(t *testing.T) {
	s := startService(t, t.TempDir(), "export BELLHOP_KEY=")
	environ := []string{"BELLHOP_SERVER=" + s.base, "BELLHOP_KEY=" + s.key}
	(&run{args: []string{"apps", "create", "acme"}, environ: environ}).do(t).want(t, exitOK)
	event := func(size int) string {
		return `{"app":"acme","type":"a.b","data":"` + strings.Repeat("x", size) + `"}` + "\n"
	}
	path := writeFile(t, "events.jsonl", event(1)+"\n"+event(30<<20)+event(2<<20)+event(100_000)+strings.TrimSpace(event(1)))
	(&run{args: []string{"publish", "--stream", path}, environ: environ}).do(t).
		want(t, exitFailed, "line 3: too large: longer than 16 MiB", "line 4: The line is longer than the 1 MiB allowed here", "2 lines of "+path+" refused; the other 3 are published")
	(&run{args: []string{"publish", "--stream", path, "--json"}, environ: environ}).do(t).
		want(t, exitFailed, `{"line":3,"duplicate":false,"deliveries":0,"error":"too large: longer than 16 MiB, which is the most that is read of a line","code":"too_large"}`)
	(&run{args: []string{"publish", "--batch", path}, environ: environ}).do(t).
		want(t, exitUsage, "line 3 of "+path+": too large: longer than 16 MiB")
	// What was published before is told beside what was refused.
	if err := os.WriteFile(path, []byte(strings.Repeat(event(1), 1000)+`{"app":"none","type":"a.b","data":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	(&run{args: []string{"publish", "--batch", path}, environ: environ}).do(t).
		want(t, exitFailed, "lines 1001 to 1001 of "+path+" were not published (the 1000 events before them were): There is no such app: events[0].app")
	s.end(t)
}

// TestLines: lines come as they are, but for those that are too long.
func TestLines(t *testing.T) {
	long := strings.Repeat("y", longestLine-1)
	lines := newLineReader(strings.NewReader("a\r\n\n" + long + "\n" + long + "z\n" + strings.Repeat("b", 100_000) + "\nc"))
	var got []string
	for text, err := range lines.all() {
		got = append(got, fmt.Sprintf("%d: %d %s", lines.number, len(text), bellhop.CodeOf(err)))
	}
	if want := fmt.Sprintf("[1: 3  2: 1  3: %d  4: 0 too_large 5: 100001  6: 1 ]", longestLine); fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}
