package desk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
)

// TestLostAnswers: each step that changes something is done, and its answer is lost.
// Whoever asked is told what came of it, and nothing is done twice.
func TestLostAnswers(t *testing.T) {
	simulate(t, func(t *testing.T) {
		lost := map[string]bool{}
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			switch step {
			case "Erase", "Sweep", "Candidates", "Redeliver", "TakeOver":
				return nil
			}
			if lost[step] = !lost[step]; lost[step] {
				return errLost
			}
			return nil
		}), desk.Options{})
		ctx := t.Context()
		if a, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{Name: bellhop.Of("Acme")}); err != nil || a.Name != "Acme" {
			t.Errorf("PATCH: %+v, %v", a, err)
		}
		if a, created, err := h.PutApp(ctx, owner, "globex", desk.AppChange{Name: bellhop.Of("Globex")}); err != nil || !created || a.Name != "Globex" {
			t.Errorf("PUT: %+v, %v, %v", a, created, err)
		}
		if et, _, err := h.PutEventType(ctx, owner, bellhop.EventType{Name: "a.b", Description: "x"}); err != nil || et.Description != "x" {
			t.Errorf("event type: %+v, %v", et, err)
		}
		e := h.endpoint("a.example")
		if e = h.set(e.ID, bellhop.EndpointChange{Name: bellhop.Of("x")}); e.Name != "x" {
			t.Errorf("%+v", e)
		}
		values, _, err := h.RotateSecret(ctx, owner, e.ID, nil, "")
		if err != nil || len(values) != 2 {
			t.Errorf("%d secrets, %v", len(values), err)
		}
		if len(h.all()) != 1 {
			t.Errorf("%d endpoints", len(h.all()))
		}
		k, token := h.key(bellhop.KeyRequest{Role: bellhop.RoleViewer})
		h.knows("a key", token, true)
		for what, err := range map[string]error{
			"key":        h.DeleteKey(ctx, owner, k.ID),
			"event type": h.DeleteEventType(ctx, owner, "a.b"),
			"endpoint":   h.DeleteEndpoint(ctx, owner, e.ID),
			"app":        h.DeleteApp(ctx, owner, "globex"),
		} {
			if err != nil {
				t.Errorf("delete a %s: %v", what, err)
			}
		}
		h.knows("a deleted key", token, false)
		if n := len(h.all()); n != 0 {
			t.Errorf("%d endpoints", n)
		}
		if err := h.DeleteEndpoint(ctx, owner, e.ID); !bellhop.IsNotFound(err) {
			t.Errorf("what was not there before: %v", err)
		}

		// Whoever goes away is told that nobody knows.
		h.store.(*meddled).before = func(context.Context, string) error { return bellhop.ErrUnknown }
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := h.PatchApp(impatient, owner, "acme", desk.AppChange{}); !errors.Is(err, bellhop.ErrUnknown) {
			t.Error(err)
		}
		h.store.(*meddled).before = nothing
	})
}

// TestWhatWasErasedIsNotSent although the answer that named it was lost: whether the
// caller waits for another one, or goes away and asks again.
func TestWhatWasErasedIsNotSent(t *testing.T) {
	for _, patient := range []bool{true, false} {
		t.Run(fmt.Sprintf("patient %v", patient), func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				var reply error
				h := openOn(t, meddle(func(_ context.Context, step string) error {
					if step == "Erase" {
						err := reply
						if reply != nil && patient {
							reply = nil
						}
						return err
					}
					return nil
				}), desk.Options{})
				h.net.on("slow.example", func(received) answer { return answer{status: 200, after: time.Minute} })
				h.endpoint("slow.example", func(c *bellhop.EndpointChange) {
					c.Concurrency = bellhop.Of(1)
					c.Timeout = bellhop.Of(bellhop.Duration(2 * time.Minute))
				})
				h.publish(`"first"`)
				for range 5 { // in the lane's memory
					h.publish(`"Ayşe"`, func(p *engine.Publication) { p.Subject = "person:*" })
				}
				last := h.publish(`"Luca"`, func(p *engine.Publication) { p.Subject = "person:7" })
				wait(time.Second)
				reply = errLost
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := h.EraseSubject(ctx, owner, "acme", "person:*")
				if patient && err != nil || !patient && !errors.Is(err, bellhop.ErrUnknown) {
					t.Error(err)
				}
				if !patient {
					reply = nil
					if n, err := h.EraseSubject(t.Context(), owner, "acme", "person:*"); n != 0 || err != nil {
						t.Errorf("asked again: %d, %v", n, err)
					}
				}
				wait(time.Hour)
				got := h.net.at("slow.example")
				if len(got) != 2 || strings.Contains(got[1].body, "Ayşe") || got[1].id != last.String() {
					t.Errorf("%d requests: %+v", len(got), got)
				}
			})
		})
	}
}
