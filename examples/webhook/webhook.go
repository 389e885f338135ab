// Package webhook is what every receiver of webhooks has to do, in one small file:
// take the raw body, verify who sent it, recognise what came before, and answer. The
// sample receivers beside it are made with it; take it as a model for your own.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// Event is what happened, in whichever dialect it came.
type Event struct {
	// ID is the same whenever the event is sent again: the idempotency key.
	ID   string
	Type string
	// URN names what it happened to; allthings only.
	URN  string
	Data json.RawMessage
}

// Handler does what an event asks for. Its answer, if not nil, becomes the JSON body of
// the response. An error makes Bellhop send the event again later, unless it is made by
// [Refuse].
type Handler func(ctx context.Context, e Event) (answer any, err error)

// Refuse is the error of an event that this receiver does not want: it is answered 422.
func Refuse(format string, args ...any) error { return refused{fmt.Errorf(format, args...)} }

type refused struct{ error }

// Count is what came to a receiver.
type Count struct {
	Taken   int // new events
	Repeats int // events that came before, and changed nothing
	Tests   int
	Forged  int // requests whose signature was not right
	Failed  int
	// Wrong says why the latest of those that were forged or failed was.
	Wrong string
}

// Receiver takes events of one endpoint.
type Receiver struct {
	dialect *dialect.Dialect
	name    string
	secret  string
	handle  Handler

	mu    sync.Mutex
	seen  map[string]any // the answer to each event, by id
	order []string       // of seen, oldest first
	count Count
}

const (
	maxBody = 1 << 20
	// maxSeen bounds what is remembered: a repeat comes within seven days.
	maxSeen = 10_000
)

// New makes a receiver that speaks "allthings" or "showpass" and believes what is signed
// with secret.
func New(name, secret string, handle Handler) (*Receiver, error) {
	d, err := dialect.Lookup(name)
	if err != nil {
		return nil, err
	}
	return &Receiver{dialect: d, name: name, secret: secret, handle: handle, seen: map[string]any{}}, nil
}

// Count tells what has come so far.
func (r *Receiver) Count() Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// ServeHTTP takes a request. Requests are handled one by one, so that of two that carry
// the same event at the same moment, the second is recognised.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the body could not be read"})
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.name == "allthings" && req.Header.Get("X-Allthings-Signature") == "" {
		r.count.Tests++ // unsigned, as documented: it proves nothing, so nothing is done
		answer(w, http.StatusOK, map[string]string{"message": "test"})
		return
	}
	if err := r.dialect.Verify(dialect.Received{Header: req.Header, Body: body}, []string{r.secret}, time.Now(), 0); err != nil {
		r.count.Forged++
		r.count.Wrong = err.Error()
		answer(w, http.StatusUnauthorized, map[string]string{"error": err.Error()})
		return
	}
	e, err := r.read(body)
	if err != nil {
		r.fail(w, http.StatusBadRequest, err)
		return
	}
	if e.Type == "webhook.test" {
		r.count.Tests++
		answer(w, http.StatusOK, map[string]string{"message": "test"})
		return
	}
	if before, ok := r.seen[e.ID]; ok {
		r.count.Repeats++
		answer(w, http.StatusOK, before) // the first answer may have been lost on its way
		return
	}
	result, err := r.handle(req.Context(), e)
	if _, ok := errors.AsType[refused](err); ok {
		r.fail(w, http.StatusUnprocessableEntity, err)
		return
	}
	if err != nil {
		r.fail(w, http.StatusInternalServerError, err)
		return
	}
	if result == nil {
		result = map[string]bool{"ok": true}
	}
	r.count.Taken++
	r.remember(e.ID, result) // only now: what failed must not be taken for a repeat
	answer(w, http.StatusOK, result)
}

func (r *Receiver) fail(w http.ResponseWriter, status int, err error) {
	r.count.Failed++
	r.count.Wrong = err.Error()
	answer(w, status, map[string]string{"error": err.Error()})
}

func (r *Receiver) remember(id string, answer any) {
	r.seen[id] = answer
	r.order = append(r.order, id)
	if len(r.order) > maxSeen {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
}

// read takes the event out of a body whose signature was right.
func (r *Receiver) read(body []byte) (Event, error) {
	var e Event
	switch r.name {
	case "allthings":
		var in struct {
			Event struct {
				ID, Name, URN string
				Data          json.RawMessage
			}
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return e, fmt.Errorf("read the event: %w", err)
		}
		e = Event{in.Event.ID, in.Event.Name, in.Event.URN, in.Event.Data}
	case "showpass":
		var in struct {
			Data json.RawMessage
			Type string `json:"event_type"`
			UUID string `json:"webhook_event_uuid"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return e, fmt.Errorf("read the event: %w", err)
		}
		e = Event{ID: in.UUID, Type: in.Type, Data: in.Data}
	default:
		return e, fmt.Errorf("this receiver does not read bodies of dialect %s", r.name)
	}
	if e.ID == "" || e.Type == "" {
		return e, errors.New("the event has no id or no type")
	}
	return e, nil
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the sender has gone
}
