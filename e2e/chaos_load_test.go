package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/history"
)

const (
	// answerPatience is how long a publisher waits for an answer before it goes to another
	// node.
	answerPatience = 3 * time.Second
	// ahead is how many events a stream's publishers may be ahead of its slowest receiver,
	// so that limits are reached and what is left in the end takes no hour.
	ahead = 150
	// pace is how long each publisher rests after an event.
	pace = 20 * time.Millisecond
)

// chaosEvent is an event that was published.
type chaosEvent struct {
	crashEvent
	sent, acked time.Time
	stored      bellhop.EventID
}

// stream is events of one type, and the endpoints that want them.
type stream struct {
	name       string
	publishers int
	doors      []*chaosDoor

	mu     sync.Mutex
	events []chaosEvent
}

func newStream(name string, publishers int, doors ...*chaosDoor) *stream {
	return &stream{name: name, publishers: publishers, doors: doors}
}

func (s *stream) add(e chaosEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// published are its events, each acknowledged.
func (s *stream) published() []chaosEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

func (s *stream) acked() int { return len(s.published()) }

// behind is how many events its slowest receiver has not taken yet.
func (s *stream) behind() int {
	n := 0
	for _, d := range s.doors {
		n = max(n, s.acked()-d.taken())
	}
	return n
}

// open makes the endpoints of a stream.
func (c *chaos) open(s *stream) {
	first := c.nodes[0]
	app := first.app("app-" + s.name)
	for _, d := range s.doors {
		c.doors.add(d)
		d.endpoint = first.endpoint(app, c.doors.URL+"/"+d.name, func(e *bellhop.EndpointChange) {
			// As long as all of it: a delivery ends by its age.
			short := bellhop.Duration(200 * time.Millisecond)
			e.Retry = bellhop.Of(bellhop.RetryPolicy{Initial: short, Factor: 1, Max: short, Until: bellhop.Duration(24 * time.Hour)})
			if d.change != nil {
				d.change(e, &d.asks)
			}
			d.ordering = e.Ordering.Value
		}).ID
	}
}

// publish publishes events of two subjects in turn, one after the other, until stop is
// closed. It stays with a node for as long as that answers.
func (c *chaos) publish(stop <-chan struct{}, s *stream, no int) error {
	r := rand.New(rand.NewPCG(c.seed, uint64(100+no)))
	at := r.IntN(len(c.nodes))
	for n := 0; ; n++ {
		for s.behind() >= ahead {
			select {
			case <-stop:
				return nil
			case <-time.After(10 * time.Millisecond):
			}
		}
		select {
		case <-stop:
			return nil
		case <-time.After(time.Duration(r.Int64N(2 * int64(pace)))):
		}
		if r.IntN(20) == 0 { // as behind a balancer
			at = r.IntN(len(c.nodes))
		}
		subject := fmt.Sprintf("%s:%d", s.name, 2*no+n%2)
		e := chaosEvent{crashEvent: crashEvent{fmt.Sprintf("%s-%d", subject, n/2), subject, n / 2}}
		data, err := json.Marshal(e.crashEvent)
		if err != nil {
			return err
		}
		p := client.Publication{App: "app-" + s.name, Type: "chaos.made", Subject: subject, ID: e.ID, Data: data}
		e.sent = time.Now()
		for tries := 0; e.acked.IsZero(); tries++ {
			receipt, err := c.nodes[at].api.Publish(context.Background(), p)
			var refused *client.Problem
			switch {
			case err == nil && receipt.Duplicate && tries == 0:
				return fmt.Errorf("%s was published for the first time and is called a duplicate", e.ID)
			case err == nil && receipt.Deliveries != len(s.doors):
				return fmt.Errorf("%s has %d deliveries", e.ID, receipt.Deliveries)
			case err == nil:
				e.acked, e.stored = time.Now(), receipt.ID
			case errors.As(err, &refused) && refused.Status < 500:
				return fmt.Errorf("publish %s: %w", e.ID, err)
			default:
				time.Sleep(20 * time.Millisecond)
				at = (at + 1 + r.IntN(len(c.nodes)-1)) % len(c.nodes)
			}
			if time.Since(e.sent) > 2*patience {
				return fmt.Errorf("%s could not be published in %s: %w", e.ID, 2*patience, err)
			}
		}
		s.add(e)
	}
}

// chaosDoor is an endpoint that notes what comes.
type chaosDoor struct {
	name     string
	change   func(*bellhop.EndpointChange, *history.Endpoint)
	asks     history.Endpoint
	endpoint bellhop.EndpointID
	ordering bellhop.Ordering

	mu     sync.Mutex
	came   []history.Request
	stored map[string]string // the event that came under a publisher's own id
	took   map[string]bool
	twice  []string
}

func door(name string, change func(*bellhop.EndpointChange, *history.Endpoint)) *chaosDoor {
	return &chaosDoor{name: name, change: change, asks: history.Endpoint{Name: name}, stored: map[string]string{}, took: map[string]bool{}}
}

// taken counts the events that were answered 2xx.
func (d *chaosDoor) taken() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.took)
}

func (d *chaosDoor) requests() []history.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.came
}

// note keeps a request.
func (d *chaosDoor) note(rq history.Request, event string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if before, ok := d.stored[rq.Event]; ok && before != event {
		d.twice = append(d.twice, rq.Event)
	}
	d.stored[rq.Event] = event
	d.came = append(d.came, rq)
	if rq.Taken {
		d.took[rq.Event] = true
	}
}

// sameEvents checks that each event was stored once, however often it was published.
func (d *chaosDoor) sameEvents(t testing.TB, s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range d.twice {
		t.Errorf("%s came to %s as two events", id, d.name)
	}
	for _, e := range s.published() {
		if got := d.stored[e.ID]; got != e.stored.String() {
			t.Errorf("%s came to %s as %q, and %s was acknowledged", e.ID, d.name, got, e.stored)
		}
	}
}

// chaosDoors is the receiver of all endpoints. It answers soon, most of the time, and well.
type chaosDoors struct {
	*httptest.Server
	mu      sync.Mutex
	random  *rand.Rand
	byName  map[string]*chaosDoor
	closing chan struct{}
}

func newChaosDoors(t testing.TB, seed uint64) *chaosDoors {
	a := &chaosDoors{random: rand.New(rand.NewPCG(seed, 99)), byName: map[string]*chaosDoor{}, closing: make(chan struct{})}
	a.Server = httptest.NewUnstartedServer(a)
	a.Config.ErrorLog = log.New(io.Discard, "", 0) // of senders that were killed
	a.Start()
	t.Cleanup(func() {
		close(a.closing)
		a.CloseClientConnections()
		a.Close()
	})
	return a
}

func (a *chaosDoors) add(d *chaosDoor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byName[d.name] = d
}

// whim is how the next request is answered, and after how long.
func (a *chaosDoors) whim(name string) (*chaosDoor, time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	after := time.Duration(a.random.Int64N(int64(15 * time.Millisecond)))
	if a.random.IntN(50) == 0 {
		after = time.Duration(a.random.Int64N(int64(time.Second)))
	}
	return a.byName[name], after, a.random.IntN(40) != 0
}

func (a *chaosDoors) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	arrived := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // its sender was killed
	}
	var envelope struct{ Data crashEvent }
	d, after, well := a.whim(strings.TrimPrefix(req.URL.Path, "/"))
	if d == nil || json.Unmarshal(body, &envelope) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	select {
	case <-time.After(after):
	case <-req.Context().Done():
	case <-a.closing:
		return
	}
	taken := well && req.Context().Err() == nil
	d.note(history.Request{
		Endpoint: d.name, Event: envelope.Data.ID, Node: req.Header.Get("User-Agent"),
		Arrived: arrived, Answered: time.Now(), Taken: taken,
	}, req.Header.Get("webhook-id"))
	if !taken {
		w.WriteHeader(http.StatusInternalServerError)
	}
}
