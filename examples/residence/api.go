package residence

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/bellhop/bellhop/examples/webhook"
)

// API is what partners call, with a token that the house gave them:
//
//	PATCH /tickets/{id}   a Change
//	PATCH /bookings/{id}  {"pin": "4711"}
func (h *Residence) API(token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PATCH /tickets/{id}", func(w http.ResponseWriter, r *http.Request) {
		var c Change
		if !read(w, r, &c) {
			return
		}
		t, err := h.Update(r.Context(), r.PathValue("id"), c)
		respond(w, t, err)
	})
	mux.HandleFunc("PATCH /bookings/{id}", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ PIN string }
		if !read(w, r, &in) {
			return
		}
		respond(w, in, h.SetPIN(r.PathValue("id"), in.PIN))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
			http.Error(w, "the token is not right", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// Listener takes what Bellhop has captured from partners' answers: the number of a work
// order belongs to the ticket that is the event's subject.
func (h *Residence) Listener(secret string) (*webhook.Receiver, error) {
	return webhook.New("allthings", secret, func(ctx context.Context, e webhook.Event) (any, error) {
		var c struct {
			Subject  string
			Captured struct {
				WorkOrder string `json:"work_order"`
			}
		}
		if err := json.Unmarshal(e.Data, &c); err != nil || e.Type != "bellhop.delivery.captured" {
			return nil, webhook.Refuse("the house takes nothing but what was captured")
		}
		ticket, ok := strings.CutPrefix(c.Subject, "ticket:"+Damage+":")
		if !ok || c.Captured.WorkOrder == "" {
			return nil, nil // of something else
		}
		_, err := h.Update(ctx, ticket, Change{WorkOrder: c.Captured.WorkOrder})
		if errors.Is(err, errNotFound) {
			return nil, webhook.Refuse("there is no ticket %s", ticket)
		}
		return nil, err
	})
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(into); err != nil {
		http.Error(w, "the body is not what it should be: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func respond(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, errNotFound):
		http.Error(w, "there is none with that id", http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the partner has gone
	}
}
