package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// svix asks for something by Svix's API, and gives the status.
func (s *server) svix(path, body string, header ...string) (int, string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/api/v1"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := s.http.Do(r)
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// TestManyTasksBesideOthers: an app asks for 300 replays of a backlog, one after the other and as
// many at once as it may. Another app's publishes and arrivals go on as before, in bounded memory;
// so does all after 8000 requests with idempotency keys.
func TestManyTasksBesideOthers(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	const backlog, tasks, keys = 2000, 300, 8000
	s := serve(t)
	s.app("crowd")
	s.app("quiet")
	crowd, healthy := newReceiver(t, answers(http.StatusNoContent)), newReceiver(t, answers(http.StatusNoContent))
	busy := s.endpoint("crowd", crowd.URL, nil)
	e := s.endpoint("quiet", healthy.URL, nil)
	begun := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	for range backlog / 1000 {
		events := make([]client.Publication, 1000)
		for i := range events {
			events[i] = client.Publication{App: "crowd", Type: "invoice.purchase", Data: bellhop.JSON(`{"n":1}`)}
		}
		if _, err := s.api.PublishBatch(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	s.waitDone(busy.ID)

	arrived := 0
	slowest := func(until <-chan struct{}, n int) (publish, arrival time.Duration) {
		var publishes, arrivals []time.Duration
		turn := time.NewTicker(5 * time.Millisecond)
		defer turn.Stop()
		for len(publishes) < n {
			select {
			case <-until:
				until, n = nil, len(publishes)+1
			case <-turn.C:
			}
			asked := time.Now()
			s.publish("quiet", "invoice.purchase", `1`)
			publishes = append(publishes, time.Since(asked))
			arrived++
			healthy.wait(t, arrived)
			arrivals = append(arrivals, time.Since(asked))
		}
		slices.Sort(publishes)
		slices.Sort(arrivals)
		return publishes[len(publishes)*99/100], arrivals[len(arrivals)*99/100]
	}
	idle, idleArrival := slowest(nil, 100)
	was := peak(s.cmd.Process.Pid)

	begin := time.Now()
	ended := make(chan struct{})
	waited := 0
	go func() {
		defer close(ended)
		turn := time.NewTicker(2 * time.Millisecond)
		defer turn.Stop()
		for n := 0; n < tasks; <-turn.C {
			path := fmt.Sprintf("/app/crowd/endpoint/%s/recover", busy.ID)
			if n%150 == 0 {
				path = fmt.Sprintf("/app/crowd/endpoint/%s/bulk-replay", busy.ID)
			}
			switch status, text := s.svix(path, fmt.Sprintf(`{"since": %q}`, begun)); status {
			case http.StatusAccepted:
				n++
			case http.StatusTooManyRequests:
				waited++
			default:
				t.Errorf("%d %s", status, text)
				return
			}
		}
	}()
	beside, besideArrival := slowest(ended, 1<<30)
	t.Logf("%d tasks took %s, and were put off %d times; the server had %d MiB, and %d before", tasks, time.Since(begin), waited, peak(s.cmd.Process.Pid), was)
	t.Logf("99 of 100 publishes took at most %v, and %v beside them; arrivals %v and %v", idle, beside, idleArrival, besideArrival)
	if most := max(10*idle, noticed); beside > most {
		t.Errorf("publishes took %v beside tasks of another app, and %v without", beside, idle)
	}
	if most := max(10*idleArrival, noticed); besideArrival > most {
		t.Errorf("arrivals took %v beside tasks of another app, and %v without", besideArrival, idleArrival)
	}
	s.waitDone(busy.ID)
	t.Logf("the backlog of %d was sent as %d requests", backlog, crowd.count())
	if n := crowd.count(); n < 2*backlog {
		t.Errorf("%d requests for %d events: nothing was replayed", n, backlog)
	}

	begin = time.Now()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := worker; n < keys; n += 8 {
				if status, text := s.svix("/app/crowd/msg", `{"eventType": "nobody.listens", "payload": {"n": 1}}`, "Idempotency-Key", fmt.Sprintf("key-%d", n)); status != http.StatusAccepted {
					t.Errorf("%d %s", status, text)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d requests with keys took %s; the server had %d MiB", keys, time.Since(begin), peak(s.cmd.Process.Pid))
	if most, is := 192, peak(s.cmd.Process.Pid)-was; is > most {
		t.Errorf("the server took %d MiB more, of at most %d", is, most)
	}
	s.waitDone(e.ID)
}
