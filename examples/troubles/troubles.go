// Package troubles is five sample receivers that are no good, each in its own way, so
// that one can see what Bellhop does about it: retries, the circuit, pause, explain and
// replay.
package troubles

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/examples/page"
)

// Trouble is one receiver that is no good.
type Trouble struct {
	// Name is its path: POST /{Name}/hook.
	Name, Title string
	// Does says what it does, and Look what to look at in the dashboard.
	Does, Look string

	answer func(*Trouble, event) int

	mu       sync.Mutex
	secret   string
	requests int
	forged   int
	got      []string // ids of the events that it took, in their order, once each
	tries    map[string]int
	down     bool
}

// event is what a trouble looks at.
type event struct {
	ID   string `json:"webhook_event_uuid"`
	Type string `json:"event_type"`
}

// dropped, instead of a status, ends the connection without an answer.
const dropped = 0

const maxKept = 5000

// Names, in the order of the page.
const (
	Slow  = "slow"
	Flaky = "flaky"
	Down  = "down"
	Picky = "picky"
	Gone  = "gone"
)

// Troubles are all of them.
type Troubles struct {
	list []*Trouble
	// delay is how long the slow one takes.
	delay time.Duration
}

// New makes them. secrets are those of their endpoints, by name.
func New(secrets map[string]string, delay time.Duration) *Troubles {
	t := &Troubles{delay: delay, list: []*Trouble{
		{
			Name: Slow, Title: "Slow", Does: "Takes its time over each answer.",
			Look:   "Its latency in the statistics; nobody else is slower for it. Try “Pause”: what comes meanwhile is held, and goes out on “Resume”, oldest first.",
			answer: func(*Trouble, event) int { return http.StatusOK },
		},
		{
			Name: Flaky, Title: "Flaky", Does: "Fails each event the first time (500), and takes it the second time.",
			Look: "An event's time line: a failed attempt, what will happen and when, and the retry that got through. The event id is the same both times.",
			answer: func(t *Trouble, e event) int {
				if t.tries[e.ID] == 1 {
					return http.StatusInternalServerError
				}
				return http.StatusOK
			},
		},
		{
			Name: Down, Title: "Down for a while", Does: "Breaks every connection, until it is repaired: by you, or by itself after two minutes.",
			Look: "After ten failures in a row its circuit opens: deliveries wait, and their attempts are not used up. Repair it; a probe finds that out, and the rest follows. What had failed for good comes back with “Replay”.",
			answer: func(t *Trouble, _ event) int {
				if t.down {
					return dropped
				}
				return http.StatusOK
			},
			down: true,
		},
		{
			Name: Picky, Title: "Refuses one type", Does: "Answers 422 to invoice.void, and takes everything else.",
			Look: "A refusal is about one event: the circuit stays closed, and nothing else waits for it. “Explain” on such an event quotes the answer.",
			answer: func(_ *Trouble, e event) int {
				if e.Type == "invoice.void" {
					return http.StatusUnprocessableEntity
				}
				return http.StatusOK
			},
		},
		{
			Name: Gone, Title: "Gone", Does: "Answers 410: it wants no events any more.",
			Look:   "Bellhop takes it at its word, and has disabled the endpoint; the page of the endpoint says why.",
			answer: func(*Trouble, event) int { return http.StatusGone },
		},
	}}
	for _, one := range t.list {
		one.secret, one.tries = secrets[one.Name], map[string]int{}
	}
	return t
}

// Names are the names of all.
func (t *Troubles) Names() []string {
	var names []string
	for _, one := range t.list {
		names = append(names, one.Name)
	}
	return names
}

// Trouble gives one by its name, or nil.
func (t *Troubles) Trouble(name string) *Trouble {
	if i := slices.IndexFunc(t.list, func(one *Trouble) bool { return one.Name == name }); i >= 0 {
		return t.list[i]
	}
	return nil
}

// SetDown breaks or repairs the receiver that is down for a while.
func (t *Troubles) SetDown(down bool) {
	one := t.Trouble(Down)
	one.mu.Lock()
	defer one.mu.Unlock()
	one.down = down
}

// Got gives the ids of the events that it took, in their order.
func (t *Trouble) Got() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.got)
}

// Requests tells how many requests came, and how many of them were forged.
func (t *Trouble) Requests() (all, forged int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.requests, t.forged
}

// take counts a request and says what to answer.
func (t *Trouble) take(header http.Header, body []byte) (int, event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	var e event
	if dialect.Verify("showpass", header, body, t.secret) != nil || json.Unmarshal(body, &e) != nil {
		t.forged++
		return http.StatusUnauthorized, e
	}
	t.tries[e.ID]++
	status := t.answer(t, e)
	if status == http.StatusOK && !slices.Contains(t.got, e.ID) {
		t.got = append(t.got, e.ID)
	}
	if len(t.got) > maxKept || len(t.tries) > maxKept {
		t.got, t.tries = nil, map[string]int{}
	}
	return status, e
}

// How long the one that is down for a while is down, and then up, by itself.
const (
	downFor = 2 * time.Minute
	upFor   = 3 * time.Minute
)

// Live has it go down and come back by itself while running says so, until ctx ends.
func (t *Troubles) Live(ctx context.Context, running func() bool) {
	for down := true; ; down = !down {
		pause := upFor
		if down {
			pause = downFor
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if running() {
			t.SetDown(!down)
		}
	}
}

//go:embed page.html
var body string

// Handler serves their page; POST /{name}/hook is the URL of each one's endpoint. link
// gives the address of an endpoint in the dashboard, or "".
func (t *Troubles) Handler(nav func() page.Nav, link func(name string) string) http.Handler {
	tmpl := page.Parse(body)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{name}/hook", t.hook)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		var rows []map[string]any
		for _, one := range t.list {
			one.mu.Lock()
			rows = append(rows, map[string]any{
				"Name": one.Name, "Title": one.Title, "Does": one.Does, "Look": one.Look, "Link": link(one.Name),
				"Requests": one.requests, "Got": len(one.got), "IsDown": one.Name == Down, "Down": one.down,
			})
			one.mu.Unlock()
		}
		page.Show(w, tmpl, page.View{
			Title: "Troubles", Kind: "Receivers", Nav: nav(),
			Intro: "Five receivers of the box office's events that are no good, each in its own way. Look in the dashboard at what Bellhop makes of them, and at how the others do not notice.",
			Body:  rows,
		})
	})
	mux.HandleFunc("POST /repair", func(w http.ResponseWriter, r *http.Request) {
		t.SetDown(r.FormValue("down") != "")
		page.Back(w, r, nil)
	})
	return mux
}

func (t *Troubles) hook(w http.ResponseWriter, r *http.Request) {
	one := t.Trouble(r.PathValue("name"))
	if one == nil {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return
	}
	if one.Name == Slow {
		select {
		case <-time.After(t.delay):
		case <-r.Context().Done():
			return
		}
	}
	switch status, e := one.take(r.Header, body); status {
	case dropped:
		panic(http.ErrAbortHandler) // ends the connection without an answer
	case http.StatusOK:
		_, _ = io.WriteString(w, "ok")
	case http.StatusUnprocessableEntity:
		http.Error(w, fmt.Sprintf("I do not take %s.", e.Type), status)
	default:
		http.Error(w, http.StatusText(status), status)
	}
}
