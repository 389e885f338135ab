package engine_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// wall is the clock on the wall, which somebody sets, beside the bubble's, which
// nobody can.
type wall struct{ ahead atomic.Int64 }

func (w *wall) now() time.Time { return time.Now().Round(0).Add(time.Duration(w.ahead.Load())) }

func (w *wall) set(d time.Duration) { w.ahead.Add(int64(d)) }

// onAWall is open with a clock that can be set, and a log.
func onAWall(t *testing.T, change ...func(*engine.Config)) (*house, *wall, *bytes.Buffer) {
	t.Helper()
	w, log, start := &wall{}, &bytes.Buffer{}, time.Now()
	return open(t, append(change, func(c *engine.Config) {
		c.Now, c.Elapsed = w.now, func() time.Duration { return time.Since(start) }
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	})...), w, log
}

// restart makes a new process of it, off for a while, whose clock is ahead by so much
// more.
func (h *house) restart(w *wall, ahead time.Duration) {
	h.stop()
	w.set(ahead)
	start := time.Now()
	h.config.Elapsed = func() time.Duration { return time.Since(start) }
	h.start()
}

// A clock that jumps ahead, while Bellhop runs or before it starts, and is set right
// again within hours: nothing is deleted, disabled or ended, and what is made afterwards
// has its right date.
func TestAJumpAheadDestroysNothing(t *testing.T) {
	testlong.Only(t)
	for _, ahead := range []time.Duration{6 * day, year, 73 * year} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/restart=%v", ahead, restart), func(t *testing.T) {
				simulate(t, func(t *testing.T) {
					h, w, log := onAWall(t)
					jump := func(d time.Duration) {
						if restart {
							h.restart(w, d)
						} else {
							w.set(d)
						}
					}
					h.net.on("down.example", func(received) answer { return answer{status: 500} })
					h.endpoint("up.example")
					down := h.endpoint("down.example", func(c *bellhop.EndpointChange) {
						c.Retry = bellhop.Of(bellhop.RetryPolicy{Initial: bellhop.Duration(time.Minute), Factor: 1, Max: bellhop.Duration(time.Minute), Until: bellhop.Duration(7 * day)})
					})
					link := bellhop.Key{
						ID: id.Next[id.Key](h.IDs(), h.Now()), Role: bellhop.RoleViewer, Scope: bellhop.Only("acme"), Portal: true,
						CreatedAt: h.Now(), ExpiresAt: h.Now().Add(3 * time.Hour),
					}
					if err := h.store.SaveKey(t.Context(), link, nil); err != nil {
						t.Fatal(err)
					}
					e := h.publish(`1`)
					wait(10 * time.Minute)

					jump(ahead)
					wait(90 * time.Minute)
					if endpoint, _ := h.Endpoint(down.ID); endpoint.Status != bellhop.EndpointActive {
						t.Errorf("the endpoint is %s: %s", endpoint.Status, endpoint.DisabledReason)
					}
					meanwhile := h.publish(`2`)
					wait(time.Minute)
					jump(-ahead)
					wait(time.Hour)

					if !strings.Contains(log.String(), "jumped ahead") || !strings.Contains(log.String(), "set back") {
						t.Errorf("the log says nothing of it:\n%s", log)
					}
					after := h.publish(`3`)
					wait(time.Second)
					for _, x := range []bellhop.EventID{e, meanwhile, after} {
						d := h.deliveries(bellhop.DeliveryFilter{Event: x})
						if len(d) != 2 {
							t.Fatalf("event %s has %d deliveries", x, len(d))
						}
						for _, d := range d {
							if d.Endpoint == down.ID && d.Status != bellhop.DeliveryPending {
								t.Errorf("a delivery of event %s is %s", x, d.Status)
							}
						}
					}
					if made := after.Time(); made.Sub(w.now()).Abs() > 2*time.Second {
						t.Errorf("an event that was made at %v has the date %v", w.now(), made)
					}
					if a, err := h.store.Access(t.Context(), 0); err != nil || len(a.Keys) != 1 {
						t.Errorf("the keys are %+v, %v", a.Keys, err)
					}
					if endpoint, _ := h.Endpoint(down.ID); endpoint.Status != bellhop.EndpointActive {
						t.Errorf("the endpoint is %s: %s", endpoint.Status, endpoint.DisabledReason)
					}
					if n := len(h.net.at("up.example")); n != 3 {
						t.Errorf("the well receiver got %d requests", n)
					}
				})
			})
		}
	}
}

// A computer that slept, or a start after a long time: the time is right, and is
// believed in the end.
func TestALongSleepIsBelievedInTheEnd(t *testing.T) {
	testlong.Only(t)
	for _, restart := range []bool{false, true} {
		simulate(t, func(t *testing.T) {
			h, w, _ := onAWall(t)
			h.endpoint("up.example")
			e := h.publish(`1`)
			wait(time.Minute)
			if restart {
				h.restart(w, 40*day)
			} else {
				w.set(40 * day)
			}
			wait(71 * time.Hour)
			if _, err := h.store.Event(t.Context(), e); err != nil {
				t.Errorf("restart %v: %v", restart, err)
			}
			wait(3 * time.Hour)
			if _, err := h.store.Event(t.Context(), e); !bellhop.IsNotFound(err) {
				t.Errorf("restart %v: the event is not deleted: %v", restart, err)
			}
		})
	}
}

// What was planned while the clock was ahead is done in its time after all, in its order
// and before what comes later; links from that time end when they were meant to.
func TestWhatWasPlannedAheadIsMended(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			simulate(t, func(t *testing.T) {
				h, w, _ := onAWall(t)
				down := true
				h.net.on("down.example", func(received) answer {
					if down {
						return answer{status: 500}
					}
					return answer{status: 200}
				})
				delays := bellhop.Of(bellhop.RetryPolicy{Delays: []bellhop.Duration{bellhop.Duration(time.Hour), bellhop.Duration(time.Hour)}})
				h.endpoint("down.example", func(c *bellhop.EndpointChange) {
					c.Dialect, c.Ordering, c.Retry = bellhop.Of("raw"), bellhop.Of(bellhop.OrderingSubject), delays
				})
				ticket := func(p *engine.Publication) { p.Subject = "ticket:1" }
				w.set(year)
				wait(time.Minute)
				for i := range 3 {
					h.publish(fmt.Sprint(i), ticket)
				}
				link := bellhop.Key{
					ID: id.Next[id.Key](h.IDs(), h.Now()), Role: bellhop.RoleViewer, Scope: bellhop.Only("acme"), Portal: true,
					CreatedAt: h.Now(), ExpiresAt: h.Now().Add(2 * time.Hour),
				}
				if err := h.store.SaveKey(t.Context(), link, nil); err != nil {
					t.Fatal(err)
				}
				h.RefreshAccess(t.Context())
				wait(30 * time.Minute) // half of the way to the retry
				if restart {
					h.restart(w, -year)
				} else {
					w.set(-year)
				}
				wait(time.Minute)
				down = false
				began := time.Now()
				h.publish(`3`, ticket)
				wait(70 * time.Minute)
				var got []string
				for _, r := range h.net.at("down.example")[1:] {
					got = append(got, r.body)
					if r.at.Sub(began) > 61*time.Minute {
						t.Errorf("%s comes after %v", r.body, r.at.Sub(began))
					}
				}
				if strings.Join(got, " ") != "0 1 2 3" {
					t.Errorf("after the first attempt there came %v", got)
				}
				wait(time.Hour)
				if _, alive := h.Routes().Access().Key(link.ID, h.Now()); alive {
					t.Error("the link is still good")
				}
			})
		})
	}
}
