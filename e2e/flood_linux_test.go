package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// A flood for an endpoint that takes nothing is bounded in memory, wherever it waits, and single
// events of the very app that floods go on meanwhile.
func TestAFloodIsBoundedInMemory(t *testing.T) {
	testlong.Only(t) // and beside nothing else: others look at how quick neighbours are
	const (
		batches, batch, kib = 300, 100, 10
		most                = 400 // MiB, of which --queue-memory is 128
	)
	s := serve(t)
	s.app("acme")
	hanging := newReceiver(t, hangs)
	s.endpoint("acme", hanging.URL, func(c *bellhop.EndpointChange) {
		c.Events, c.Timeout = bellhop.Of([]string{"invoice.flood"}), bellhop.Of(bellhop.Duration(time.Minute))
	})
	healthy := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", healthy.URL, func(c *bellhop.EndpointChange) { c.Events = bellhop.Of([]string{"invoice.purchase"}) })

	events := make([]client.Publication, batch)
	for i := range events {
		events[i] = client.Publication{App: "acme", Type: "invoice.flood", Data: bellhop.JSON(`"` + strings.Repeat("x", kib<<10) + `"`)}
	}
	left := make(chan struct{}, batches)
	for range batches {
		left <- struct{}{}
	}
	close(left)
	var flood sync.WaitGroup
	for range 4 {
		flood.Go(func() {
			for range left {
				if _, err := s.api.PublishBatch(t.Context(), events); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { flood.Wait(); close(over) }()
	var all []time.Duration
	turn := time.NewTicker(10 * time.Millisecond)
	defer turn.Stop()
	for flooding := true; flooding; {
		begun := time.Now()
		s.publish("acme", "invoice.purchase", `1`)
		all = append(all, time.Since(begun))
		select {
		case <-over:
			flooding = false
		case <-turn.C:
		}
	}
	s.waitDone(e.ID)
	slices.Sort(all)
	slowest := all[len(all)*99/100]
	t.Logf("%d MiB of events for an endpoint that takes nothing: a peak of %d MiB; %d single events beside, 99 of 100 within %v", batches*batch*kib>>10, peak(s.cmd.Process.Pid), len(all), slowest)
	if n := healthy.count(); n != len(all) {
		t.Errorf("%d of %d single events arrived", n, len(all))
	}
	if slowest > noticed {
		t.Errorf("single events took %v beside batches of the same app", slowest)
	}
	if got := peak(s.cmd.Process.Pid); got > most {
		t.Errorf("the server took %d MiB at its peak, more than %d", got, most)
	}
}

// Where small events of several apps wait by the hundred thousand, what is garbage is bounded,
// too: it is not a multiple of what is alive.
func TestABacklogIsBoundedInMemory(t *testing.T) {
	testlong.Only(t)
	const (
		apps, batches, batch = 5, 160, 100
		most                 = 450 // MiB; with GOGC=400 it takes 700
	)
	s := serve(t, "--queue-memory", "256MiB")
	hanging := newReceiver(t, hangs)
	events := make([][]client.Publication, apps)
	for i := range events {
		app := fmt.Sprint("app-", i)
		s.app(app)
		s.endpoint(app, hanging.URL, func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(time.Minute)) })
		for range batch {
			events[i] = append(events[i], client.Publication{App: app, Type: "invoice.flood", Data: bellhop.JSON(`"` + strings.Repeat("x", 3000) + `"`)})
		}
	}
	begun := time.Now()
	var flood sync.WaitGroup
	for _, of := range events {
		flood.Go(func() {
			for range batches {
				if _, err := s.api.PublishBatch(t.Context(), of); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	flood.Wait()
	got := peak(s.cmd.Process.Pid)
	t.Logf("%d events that wait, published within %v: a peak of %d MiB", apps*batches*batch, time.Since(begun), got)
	if got > most {
		t.Errorf("the server took %d MiB at its peak, more than %d", got, most)
	}
}
