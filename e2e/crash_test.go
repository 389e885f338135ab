package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// load publishes events without pause, each until it is acknowledged.
type load struct {
	api  *client.Client
	pace *rate.Limiter
	// to is how many endpoints each event is for.
	to    int
	acks  atomic.Int64
	mu    sync.Mutex
	acked map[string]bellhop.EventID // by the publisher's own id
}

// crashEvent is the data of one of its events.
type crashEvent struct {
	ID      string `json:"id"`
	Subject string `json:"subject"`
	N       int    `json:"n"` // counts the events of the subject
}

// publish publishes events of some subjects, one after the other, until stop is
// closed. An event's publishing is repeated, with the same id, until it is
// acknowledged: that is all a publisher can do about a lost answer.
func (l *load) publish(stop <-chan struct{}, subjects ...string) error {
	for n := 0; ; n++ {
		for _, subject := range subjects {
			select {
			case <-stop:
				return nil
			default:
			}
			if err := l.pace.Wait(context.Background()); err != nil {
				return err
			}
			e := crashEvent{fmt.Sprintf("%s-%d", subject, n), subject, n}
			data, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if err := l.insist(client.Publication{App: "acme", Type: "load.made", Subject: subject, ID: e.ID, Data: data}); err != nil {
				return err
			}
		}
	}
}

func (l *load) insist(p client.Publication) error {
	for tries := 0; ; tries++ {
		r, err := l.api.Publish(context.Background(), p)
		var refused *client.Problem
		switch {
		case err == nil && r.Duplicate && tries == 0:
			return fmt.Errorf("%s was published for the first time and is called a duplicate", p.ID)
		case err == nil && r.Deliveries != l.to:
			return fmt.Errorf("%s has %d deliveries", p.ID, r.Deliveries)
		case err == nil:
			l.mu.Lock()
			l.acked[p.ID] = r.ID
			l.mu.Unlock()
			l.acks.Add(1)
			return nil
		case errors.As(err, &refused) && refused.Status < 500:
			return err
		}
		time.Sleep(2 * time.Millisecond) // nobody is there: the server is being started again
	}
}

// arrival is a request at a receiver.
type arrival struct {
	crashEvent
	event      string
	generation string // the process that sent it, by its User-Agent
	taken      bool   // answered 2xx
}

// crashDoor is an endpoint whose arrivals are noted.
type crashDoor struct {
	name        string
	concurrency int
	endpoint    bellhop.EndpointID

	mu       sync.Mutex
	arrivals []arrival
}

// answers answers well, but for every nth request, after a pause.
func (d *crashDoor) answers(pause time.Duration, failEvery int) behaviour {
	return func(_ *receiver, w http.ResponseWriter, req *http.Request) {
		time.Sleep(pause)
		var body struct{ Data crashEvent }
		err := json.NewDecoder(req.Body).Decode(&body)
		d.mu.Lock()
		defer d.mu.Unlock()
		taken := err == nil && (failEvery == 0 || (len(d.arrivals)+1)%failEvery != 0)
		d.arrivals = append(d.arrivals, arrival{body.Data, req.Header.Get("webhook-id"), req.Header.Get("User-Agent"), taken})
		if !taken {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
}

// taken counts the events that were answered 2xx.
func (d *crashDoor) taken() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := map[string]bool{}
	for _, a := range d.arrivals {
		if a.taken {
			events[a.event] = true
		}
	}
	return len(events)
}

// check looks through all arrivals once everything has arrived.
func (d *crashDoor) check(t *testing.T, acked map[string]bellhop.EventID, ordered bool, repeats int) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	type process struct{ event, generation string }
	var (
		first    = map[string]bool{}   // events that were taken
		by       = map[process]bool{}  // and by which process
		latest   = map[string]string{} // the process that brought it last
		next     = map[string]int{}    // the number that a subject awaits
		repeated = map[string]int{}    // duplicates, by the process whose end caused them
		requests = map[string]int{}    // requests by event
	)
	for _, a := range d.arrivals {
		if acked[a.ID].String() != a.event {
			t.Errorf("%s: %s arrived as %s, but %s was acknowledged", d.name, a.ID, a.event, acked[a.ID])
		}
		requests[a.event]++
		if ordered && a.N > next[a.Subject] {
			t.Errorf("%s: %s was sent before number %d of its subject was taken", d.name, a.ID, next[a.Subject])
		}
		if !a.taken {
			continue
		}
		if by[process{a.event, a.generation}] {
			t.Errorf("%s: %s was brought twice by one process, %s", d.name, a.ID, a.generation)
		}
		by[process{a.event, a.generation}] = true
		if first[a.event] {
			repeated[latest[a.event]]++
		} else {
			first[a.event] = true
			next[a.Subject] = max(next[a.Subject], a.N+1)
		}
		latest[a.event] = a.generation
	}
	for id, event := range acked {
		if !first[event.String()] {
			t.Errorf("%s: %s was acknowledged and never arrived (%d requests)", d.name, id, requests[event.String()])
		}
	}
	sum := 0
	for generation, n := range repeated {
		sum += n
		// Only what was in flight at a kill may come again.
		if n > repeats {
			t.Errorf("%s: %d events came again after the end of %s; %d may", d.name, n, generation, repeats)
		}
	}
	t.Logf("%s: %d events in %d requests, %d duplicates", d.name, len(first), len(d.arrivals), sum)
}

// The server is killed again and again while events are published and delivered.
// Every acknowledged event arrives at every endpoint; only what was in flight at a
// kill arrives twice; and what is ordered stays in order.
func TestCrash(t *testing.T) {
	s, acked := underLoad(t, *crashes, (*server).kill, func(d *crashDoor) int { return d.concurrency })

	if *storage != onSQLite {
		return
	}
	// The file came through it whole, and so does a copy.
	copied := filepath.Join(s.dir, "copy.db")
	s.cli("backup", "--database", s.db, copied)
	checkIntegrity(t, copied)
	s.stop()
	checkIntegrity(t, s.db)
	s.flags = append(s.flags, "--master-key-file", s.db+".key")
	s.db = copied
	s.start()
	stored := 0
	for _, err := range s.api.Events(t.Context(), client.EventFilter{App: "acme", Limit: 250}) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
	}
	if stored != acked {
		t.Errorf("the copy holds %d events, %d were acknowledged", stored, acked)
	}
}

// Restarts in order lose nothing either, and repeat nothing at all.
func TestRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	underLoad(t, 6, (*server).stop, func(*crashDoor) int { return 0 })
}

// underLoad ends and starts a server some times while events are published and
// delivered, waits until everything has arrived, and checks all arrivals. Each end
// may repeat as many deliveries as repeats says.
func underLoad(t *testing.T, times int, end func(*server), repeats func(*crashDoor) int) (s *server, acked int) {
	s = newServer(t, "--dev", "--log-level", "warn")
	doors := []*crashDoor{
		{name: "slow", concurrency: 8},
		{name: "flaky", concurrency: 16},
		{name: "ordered", concurrency: 8},
	}
	generation := 0
	start := func() {
		generation++
		s.start("--user-agent", fmt.Sprint("process-", generation))
	}
	start()
	s.app("acme")
	for i, b := range []behaviour{doors[0].answers(25*time.Millisecond, 0), doors[1].answers(0, 5), doors[2].answers(time.Millisecond, 9)} {
		r := newReceiver(t, b)
		doors[i].endpoint = s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
			c.Concurrency = bellhop.Of(doors[i].concurrency)
			// As long as the backlog of a busy machine: a delivery ends by its age.
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Initial: bellhop.Duration(100 * time.Millisecond), Factor: 1, Max: bellhop.Duration(100 * time.Millisecond), Until: bellhop.Duration(10 * time.Minute)})
			if doors[i].name == "ordered" {
				c.Ordering = bellhop.Of(bellhop.OrderingSubject)
			}
		}).ID
	}

	l := &load{api: client.New(s.url, s.key, s.http), pace: rate.NewLimiter(300, 50), to: len(doors), acked: map[string]bellhop.EventID{}}
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for i := range 4 {
		publishers.Go(func() {
			if err := l.publish(stop, fmt.Sprintf("cart:%d", 2*i), fmt.Sprintf("cart:%d", 2*i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	finish := sync.OnceFunc(func() {
		close(stop)
		publishers.Wait()
	})
	defer finish()

	for range times {
		until := l.acks.Load() + 5 + rand.Int64N(95)
		eventually(t, "events are acknowledged", func() bool { return l.acks.Load() >= until || t.Failed() })
		end(s)
		start()
	}
	finish()
	for _, d := range doors {
		eventually(t, "everything arrived at "+d.name, func() bool { return d.taken() >= len(l.acked) })
		s.waitDone(d.endpoint)
	}
	t.Logf("%d events were acknowledged over %d ends", len(l.acked), times)
	for _, d := range doors {
		d.check(t, l.acked, d.name == "ordered", repeats(d))
	}
	return s, len(l.acked)
}

// Killed at any moment of its very first start, the server starts the next time.
func TestCrashAtFirstStart(t *testing.T) {
	testlong.Only(t)
	t.Parallel()
	const moments = 10
	begin := time.Now()
	serve(t).stop()
	whole := time.Since(begin)
	for i := range moments {
		s := newServer(t, "--dev")
		s.launch()
		time.Sleep(whole * time.Duration(i) / moments)
		s.kill()
		printed := adminKey.FindString(s.output.String())
		s.key = "unknown"
		s.start()
		if s.key = adminKey.FindString(s.output.String()); s.key == "" {
			// The first process was killed between making the key and printing it.
			s.stop()
			s.key = fromJSON[client.NewKey](t, s.cli("keys", "recover", "--database", s.db, "--json")).Token
			s.start()
		}
		s.api = client.New(s.url, s.key, s.http)
		s.app("acme")
		s.endpoint("acme", "http://127.0.0.1:1", nil)
		s.restart() // with a master key that fits
		if printed != "" && s.key != printed {
			t.Error("a key that was printed is not valid any more")
		}
		s.stop()
		if *storage == onSQLite {
			checkIntegrity(t, s.db)
		}
	}
}

// checkIntegrity has SQLite look through the whole of a database.
func checkIntegrity(t testing.TB, path string) {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = sqlitex.ExecuteTransient(c, "PRAGMA integrity_check", &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		if text := st.ColumnText(0); text != "ok" {
			t.Errorf("%s: %s", path, text)
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
}
