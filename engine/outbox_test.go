package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/memstore"
)

// program publishes in a transaction of its own.
func program(s *memstore.Store, entries ...bellhop.OutboxEntry) {
	tx := s.OutboxTx()
	tx.Publish(entries...)
	tx.Commit()
}

func entry(app, data string) bellhop.OutboxEntry {
	return bellhop.OutboxEntry{App: app, Type: "invoice.purchase", Data: bellhop.JSON(data)}
}

func (h *house) refused() []bellhop.RefusedEntry {
	h.t.Helper()
	list, err := h.store.Refused(h.t.Context(), bellhop.RefusedFilter{Limit: 10_000})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func bodies(list []received) (all []string) {
	for _, r := range list {
		all = append(all, r.body)
	}
	return all
}

// raw makes an endpoint send the data alone.
func raw(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("raw") }

func of(apps ...string) func(*bellhop.EndpointChange) {
	return func(c *bellhop.EndpointChange) { c.Apps = bellhop.Of(apps) }
}

func TestWhatProgramsPublishIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, store)
		h.endpoint("a", raw)
		older, newer := store.OutboxTx(), store.OutboxTx()
		older.Publish(entry("acme", `{ "n": 1 }`))
		newer.Publish(entry("acme", `{"n":2.0}`), entry("acme", `3`))
		newer.Commit()
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := bodies(h.net.at("a")), []string{`{"n":2.0}`, `3`}; !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("received %q, want %q", got, want)
		}
		older.Commit()
		gone := store.OutboxTx()
		gone.Publish(entry("acme", "4"))
		gone.Rollback()
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := bodies(h.net.at("a"))[2:], []string{`{ "n": 1 }`}; !slices.Equal(got, want) {
			t.Errorf("then received %q, want %q", got, want)
		}
	})
}

// TestWhatProgramsPublishHasLabels: its channels narrow who gets it, and its data expires
// when that was asked for.
func TestWhatProgramsPublishHasLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, store)
		h.endpoint("a", raw, func(c *bellhop.EndpointChange) { c.Channels = bellhop.Of([]string{"red"}) })
		h.endpoint("b", raw)
		red, none := entry("acme", `"red"`), entry("acme", `"none"`)
		red.Channels, red.Tags, red.Retain = []string{"red", "blue", "red"}, []string{"vip"}, 2*time.Hour
		program(store, red, none)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := bodies(h.net.at("a")); !slices.Equal(got, []string{`"red"`}) {
			t.Errorf("a received %q", got)
		}
		if got := sorted(bodies(h.net.at("b"))); !slices.Equal(got, []string{`"none"`, `"red"`}) {
			t.Errorf("b received %q", got)
		}
		list, err := store.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 10})
		if err != nil || len(list) != 2 {
			t.Fatalf("%d events, %v", len(list), err)
		}
		e := list[slices.IndexFunc(list, func(e bellhop.Event) bool { return len(e.Channels) > 0 })]
		if !slices.Equal(e.Channels, []string{"blue", "red"}) || !slices.Equal(e.Tags, []string{"vip"}) || e.DataExpiresAt == nil || e.DataExpiresAt.Sub(e.CreatedAt()) != 2*time.Hour {
			t.Errorf("the event is %+v", e)
		}
	})
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// What a publish by the API is refused for is refused in the outbox, for the same reason,
// and what comes behind it is not.
func TestTheOutboxRefusesWhatPublishRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, store, func(c *engine.Config) { c.EnforceEventTypes, c.MaxData = true, 1000 })
		h.endpoint("a", raw)
		now := h.Now()
		for _, typ := range []bellhop.EventType{
			{Name: "invoice.purchase", CreatedAt: now, UpdatedAt: now},
			{Name: "invoice.old", Archived: true, CreatedAt: now, UpdatedAt: now},
			{Name: "invoice.checked", Validate: true, Schema: bellhop.JSON(`{"type":"object","required":["total"]}`), CreatedAt: now, UpdatedAt: now},
		} {
			if err := store.SaveEventType(t.Context(), typ, nil); err != nil {
				t.Fatal(err)
			}
		}
		h.RefreshCatalogue(t.Context())
		h.publish(`"first"`, func(p *engine.Publication) { p.ExternalID = "taken" })
		synctest.Wait()

		for name, wrong := range map[string]func(*bellhop.OutboxEntry){
			"unknown app":      func(e *bellhop.OutboxEntry) { e.App = "nobody" },
			"all apps":         func(e *bellhop.OutboxEntry) { e.App = bellhop.AllApps },
			"no type":          func(e *bellhop.OutboxEntry) { e.Type = "" },
			"strange type":     func(e *bellhop.OutboxEntry) { e.Type = "a b" },
			"Bellhop's own":    func(e *bellhop.OutboxEntry) { e.Type = "bellhop.endpoint.disabled" },
			"unknown type":     func(e *bellhop.OutboxEntry) { e.Type = "invoice.unknown" },
			"archived type":    func(e *bellhop.OutboxEntry) { e.Type = "invoice.old" },
			"against schema":   func(e *bellhop.OutboxEntry) { e.Type, e.Data = "invoice.checked", bellhop.JSON(`{"a":1}`) },
			"not JSON":         func(e *bellhop.OutboxEntry) { e.Data = bellhop.JSON(`{"a":`) },
			"no data":          func(e *bellhop.OutboxEntry) { e.Data = nil },
			"too large":        func(e *bellhop.OutboxEntry) { e.Data = bellhop.JSON(`"` + strings.Repeat("x", 1000) + `"`) },
			"strange subject":  func(e *bellhop.OutboxEntry) { e.Subject = "a\nb" },
			"long id":          func(e *bellhop.OutboxEntry) { e.ExternalID = strings.Repeat("x", 257) },
			"too far away":     func(e *bellhop.OutboxEntry) { e.DeliverAt = h.Now().Add(400 * 24 * time.Hour) },
			"too long ago":     func(e *bellhop.OutboxEntry) { e.DeliverAt = time.Date(-3999, 1, 1, 0, 0, 0, 0, time.UTC) },
			"strange channel":  func(e *bellhop.OutboxEntry) { e.Channels = []string{"b", "a b"} },
			"many tags":        func(e *bellhop.OutboxEntry) { e.Tags = strings.Split("abcdefghijk", "") },
			"kept too long":    func(e *bellhop.OutboxEntry) { e.Retain = 1000 * 24 * time.Hour },
			"kept too short":   func(e *bellhop.OutboxEntry) { e.Retain = time.Minute },
			"id of another":    func(e *bellhop.OutboxEntry) { e.ExternalID = "taken" },
			"several mistakes": func(e *bellhop.OutboxEntry) { e.Type, e.Subject = "", "a\nb" },
		} {
			e := entry("acme", `"wrong"`)
			wrong(&e)
			_, err := h.Publish(t.Context(), engine.Publication{
				App: e.App, Type: e.Type, Subject: e.Subject, Data: e.Data, ExternalID: e.ExternalID, DeliverAt: e.DeliverAt,
				Channels: e.Channels, Tags: e.Tags, Retain: e.Retain,
			})
			want, ok := errors.AsType[*bellhop.Error](err)
			if !ok {
				t.Fatalf("%s: Publish = %v", name, err)
			}
			before := len(h.net.at("a"))
			program(store, e, entry("acme", `"behind"`))
			time.Sleep(time.Second)
			synctest.Wait()
			list := h.refused()
			if len(list) != 1 {
				t.Fatalf("%s: %d refused, want 1", name, len(list))
			}
			got := list[0]
			if got.Code != want.Code || got.Detail != want.Detail || !slices.Equal(got.Fields, want.Fields) || got.App != e.App || got.Type != e.Type {
				t.Errorf("%s: refused %+v, want %+v", name, got, want)
			}
			if n := len(h.net.at("a")) - before; n != 1 {
				t.Errorf("%s: what comes behind was delivered %d times", name, n)
			}
			if _, err := store.ForgetRefused(t.Context(), got.ID, "", 1, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWhatWasRefusedIsAcceptedOnceItIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, store)
		program(store, entry("globex", `1`), entry("acme", `broken`))
		time.Sleep(time.Second)
		synctest.Wait()
		list := h.refused()
		if len(list) != 2 {
			t.Fatalf("%d refused, want 2", len(list))
		}
		id := list[1].ID
		if _, err := h.AcceptRefused(t.Context(), id); bellhop.CodeOf(err) != bellhop.CodeUnknownApp {
			t.Errorf("AcceptRefused = %v, want unknown app", err)
		}
		h.app("globex")
		h.endpoint("g", raw, of("globex"))
		receipt, err := h.AcceptRefused(t.Context(), id)
		if err != nil || receipt.Deliveries != 1 {
			t.Errorf("AcceptRefused = %+v, %v", receipt, err)
		}
		synctest.Wait()
		if got := bodies(h.net.at("g")); !slices.Equal(got, []string{"1"}) {
			t.Errorf("received %q", got)
		}
		if _, err := h.AcceptRefused(t.Context(), id); !bellhop.IsNotFound(err) {
			t.Errorf("AcceptRefused again = %v, want not found", err)
		}
		if left := h.refused(); len(left) != 1 || left[0].ID != list[0].ID {
			t.Errorf("left: %+v", left)
		}
	})
}

// counted is a store that counts the steps of the outbox, and has them fail.
type counted struct {
	*memstore.Store
	takes atomic.Int64
	// fail, if not nil, is asked before and after each taking.
	fail func(n int64, done bool) error
}

func (s *counted) TakeOutbox(ctx context.Context, l bellhop.Lease, routes int64, t bellhop.OutboxTaking, now time.Time) ([]bellhop.Receipt, error) {
	n := s.takes.Add(1)
	if s.fail != nil {
		if err := s.fail(n, false); err != nil {
			return nil, err
		}
	}
	receipts, err := s.Store.TakeOutbox(ctx, l, routes, t, now)
	if err == nil && s.fail != nil {
		err = s.fail(n, true)
	}
	return receipts, err
}

func TestAnAppsPoisonDoesNotHoldUpAnother(t *testing.T) {
	testlong.Only(t)
	synctest.Test(t, func(t *testing.T) {
		store := &counted{Store: memstore.New()}
		h := openOn(t, store)
		h.app("globex")
		h.app("hooli")
		h.endpoint("a", raw)
		h.endpoint("g", raw, of("globex"))
		h.publish("0", func(p *engine.Publication) { p.ExternalID = "taken" })
		synctest.Wait()
		h.stop()
		var poison []bellhop.OutboxEntry
		for i := range 2000 {
			e := entry("acme", fmt.Sprint(i+1))
			e.ExternalID = "taken"
			poison = append(poison, e, entry("hooli", "wrong"))
		}
		store.takes.Store(0)
		program(store.Store, poison...)
		program(store.Store, entry("globex", `"neighbour"`))
		at := int64(0)
		h.net.on("g", func(received) answer {
			at = store.takes.Load()
			return answer{status: 204}
		})
		h.start()
		time.Sleep(time.Second)
		synctest.Wait()
		if list, err := store.Events(t.Context(), bellhop.EventFilter{Scope: bellhop.Only("globex"), Limit: 10}); err != nil || len(list) != 1 {
			t.Fatalf("the neighbour's events: %v, %v", list, err)
		}
		// Of thousands; it arrives a moment after it was taken.
		if at == 0 || at > 20 {
			t.Errorf("the neighbour's event came after %d transactions", at)
		}
		if n := len(h.refused()); n != 2*bellhop.MaxRefused {
			t.Errorf("%d refused, want as many as are kept of two apps", n)
		}
		if b, err := store.ReadOutbox(t.Context(), bellhop.OutboxRequest{Limit: 1, Each: 1, MaxBytes: 1}); err != nil || len(b.Entries) > 0 {
			t.Errorf("left: %+v, %v", b, err)
		}
	})
}

func TestAFullBacklogHasTheOutboxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := openOn(t, store, func(c *engine.Config) { c.MaxPending = 50 })
		h.app("globex")
		slow := h.endpoint("a", raw)
		h.endpoint("g", raw, of("globex"))
		h.set(slow.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointPaused)})
		for i := range 1000 {
			program(store, entry("acme", fmt.Sprint(i)))
			synctest.Wait()
		}
		program(store, entry("globex", "1"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := len(h.net.at("g")); n != 1 {
			t.Errorf("the neighbour got %d requests, want 1", n)
		}
		if n, _, err := store.Pending(t.Context(), bellhop.Only("acme"), 0); err != nil || n < 50 || n >= 50+200 {
			// It is judged before a transaction, as for a batch.
			t.Errorf("%d pending, want the bound and less than a transaction more (%v)", n, err)
		}
		h.set(slow.ID, bellhop.EndpointChange{Status: bellhop.Of(bellhop.EndpointActive)})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := len(h.net.at("a")); n != 1000 {
			t.Errorf("%d events arrived, want all 1000", n)
		}
		if n := len(h.refused()); n != 0 {
			t.Errorf("%d were refused", n)
		}
	})
}

// Whatever becomes of commits and their answers, each entry is one event.
func TestAnEntryIsOneEventWhateverTheStoreAnswers(t *testing.T) {
	for name, fail := range map[string]func(n int64, done bool) error{
		"the answer is lost": func(n int64, done bool) error {
			if n%2 == 1 && done {
				return bellhop.ErrUnknown
			}
			return nil
		},
		"the commit and its answer are lost": func(n int64, done bool) error {
			if n%2 == 1 && !done {
				return bellhop.ErrUnknown
			}
			return nil
		},
		"nothing can be written": func(n int64, done bool) error {
			if n%3 != 0 && !done {
				return bellhop.ErrUnavailable
			}
			return nil
		},
		"others take them": func(n int64, done bool) error {
			if n%3 != 0 && !done {
				return bellhop.ErrOutboxMoved
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &counted{Store: memstore.New(), fail: fail}
				h := openOn(t, store)
				h.endpoint("a", raw)
				var want []string
				for i := range 30 {
					program(store.Store, entry("acme", fmt.Sprint(2*i)), entry("acme", fmt.Sprint(2*i+1)))
					want = append(want, fmt.Sprint(2*i), fmt.Sprint(2*i+1))
					time.Sleep(10 * time.Second)
					synctest.Wait()
				}
				if got := bodies(h.net.at("a")); !slices.Equal(sorted(got), sorted(want)) {
					t.Errorf("received %q", got)
				}
			})
		})
	}
}
