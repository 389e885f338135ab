package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// arrivals counts what arrives, by the number that each event has in its data.
type arrivals struct {
	mu sync.Mutex
	of map[int]map[string]bool // the ids that came with a number
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var event struct{ Data struct{ N int } }
	if err != nil || json.Unmarshal(body, &event) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[event.Data.N] == nil {
		a.of[event.Data.N] = map[string]bool{}
	}
	a.of[event.Data.N][req.Header.Get("webhook-id")] = true
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.of)
}

// cuttable are connections of which the last can be cut.
type cuttable struct {
	mu   sync.Mutex
	last net.Conn
}

func (c *cuttable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err == nil {
		c.mu.Lock()
		c.last = conn
		c.mu.Unlock()
	}
	return conn, err
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil {
		_ = c.last.Close()
	}
}

// TestStreamedEventsArriveAsAcknowledged: of tens of thousands of lines, published while the
// connection is cut and the server killed, each arrives under the id that it was
// acknowledged with, and under no other.
func TestStreamedEventsArriveAsAcknowledged(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	const lines = 50_000
	s := serve(t)
	s.app("acme")
	got := &arrivals{of: map[int]map[string]bool{}}
	receiver := httptest.NewServer(got)
	t.Cleanup(receiver.Close)
	s.endpoint("acme", receiver.URL, nil)

	var line cuttable
	transport := &http.Transport{DialContext: line.dial}
	t.Cleanup(transport.CloseIdleConnections)
	acked := make([]bellhop.EventID, lines)
	duplicates := 0
	killed := make(chan struct{})
	stream := client.New(s.url, s.key, &http.Client{Transport: transport}).PublishStream(t.Context(), func(a client.Acknowledgement) {
		switch n := int(a.Number) - 1; {
		case a.Err != nil:
			t.Errorf("line %d is refused: %v", a.Number, a.Err)
		case acked[n] != 0:
			t.Errorf("line %d is acknowledged again", a.Number)
		default:
			acked[n] = a.Receipt.ID
			if a.Receipt.Duplicate {
				duplicates++
			}
			if n%(lines/7) == lines/14 {
				line.cut()
			}
			if n == lines/2 {
				close(killed)
			}
		}
	})
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		<-killed
		s.kill()
		s.start()
	}()
	padding := strings.Repeat("x", 200)
	for n := range lines {
		data := fmt.Sprintf(`{"n":%d,"padding":%q}`, n, padding)
		if err := stream.Publish(client.Publication{App: "acme", Type: "load.made", ID: fmt.Sprint("line-", n), Data: bellhop.JSON(data)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	<-restarted
	deadline := time.Now().Add(5 * time.Minute)
	for got.count() < lines && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	wrong := 0
	for n, id := range acked {
		if ids := got.of[n]; len(ids) != 1 || !ids[id.String()] {
			if wrong++; wrong < 5 {
				t.Errorf("line %d was acknowledged as %s, and arrived as %v", n+1, id, ids)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d lines did not arrive as acknowledged", wrong)
	}
	t.Logf("%d lines, %d of them answered as duplicates", lines, duplicates)
}

// TestPublishingBesideStreams: a hundred streams of one app do not hold up the single
// publishes of another.
func TestPublishingBesideStreams(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	const streams, publishes = 100, 200
	s := serve(t, "--key-streams", "200", "--app-streams", "200")
	s.app("crowd")
	s.app("quiet")
	got := newReceiver(t, answers(http.StatusOK))
	s.endpoint("quiet", got.URL, nil)

	ctx, cancel := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	transport := &http.Transport{MaxIdleConnsPerHost: streams}
	t.Cleanup(transport.CloseIdleConnections)
	api := client.New(s.url, s.key, &http.Client{Transport: transport})
	busy := func() int {
		mu.Lock()
		defer mu.Unlock()
		return accepted
	}
	for range streams {
		crowd.Go(func() {
			stream := api.PublishStream(ctx, func(a client.Acknowledgement) {
				mu.Lock()
				defer mu.Unlock()
				if accepted++; a.Err != nil {
					t.Error(a.Err)
				}
			})
			for stream.Publish(client.Publication{App: "crowd", Type: "load.made", Data: bellhop.JSON(`{"padding":"` + strings.Repeat("x", 900) + `"}`)}) == nil {
			}
			_ = stream.Close()
		})
	}
	eventually(t, "the streams are busy", func() bool { return busy() > 10*streams })
	before := busy()
	took := s.publishAlone("quiet", publishes)
	during := busy() - before
	cancel()
	crowd.Wait()
	got.wait(t, publishes)
	t.Logf("a publish took %s, at most %s, beside %d streams with %d events meanwhile", took.Mean, took.Longest, streams, during)
	if during == 0 {
		t.Error("the streams stood still: this proves nothing")
	}
	// Were it behind all of the streams, it would wait for 100 blocks of hundreds each: that
	// is 25 000 events, however fast the machine is. In turns, it waits for some of the blocks.
	if each := during / publishes; each > 3_000 {
		t.Errorf("a publish waited for %d events of the streams", each)
	}
}

// TestStreamFromTheCommandLine: lines are acknowledged while more come, one at fault is
// told of, and the others are published.
func TestStreamFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	in := `{"app":"acme","type":"a.b","id":"1","data":{"n":1}}` + "\r\n\n" +
		`{"app":"acme","type":"a.b","id":"2"}` + "\n" +
		`{"app":"none","type":"a.b","id":"3","data":3}` + "\n" +
		`{"app":"acme","type":"a.b","id":"1","data":{"n":1}}`
	run := func(in string, args ...string) (out, problems string, err error) {
		cmd := s.command(append([]string{"publish", "--stream", "-"}, args...)...)
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &stdout, &stderr
		err = cmd.Run()
		return stdout.String(), stderr.String(), err
	}
	_, problems, err := run(in)
	if err == nil || !strings.Contains(problems, "line 3:") || !strings.Contains(problems, "line 4:") || !strings.Contains(problems, "2 lines") {
		t.Errorf("%v: %s", err, problems)
	}
	out, problems, err := run(`{"app":"acme","type":"a.b","id":"1","data":{"n":1}}` + "\n" + `{"app":"acme","type":"a.b","data":2}` + "\n")
	if err != nil || !strings.Contains(out, "2 events published, 1 of them published before") {
		t.Errorf("%v: %s%s", err, out, problems)
	}
	out, _, err = run(`{"app":"acme","type":"a.b","id":"1","data":{"n":1}}`, "--json")
	if err != nil || !strings.Contains(out, `"duplicate": true`) && !strings.Contains(out, `"duplicate":true`) {
		t.Errorf("%v: %s", err, out)
	}
}
