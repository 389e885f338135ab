package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
)

// TestManyWatchers: an attempt is shown once to all who may see it, and a watcher that
// does not look loses what the others get.
func TestManyWatchers(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		h.net.on("a.example", status(200))
		h.endpoint("a.example")
		watch := func(s bellhop.Scope) *engine.Watcher {
			w := h.Watch(bellhop.AttemptFilter{Scope: s})
			t.Cleanup(w.Close)
			return w
		}
		lazy := watch(bellhop.Only("acme"))
		see := []*engine.Watcher{watch(bellhop.Everything()), watch(bellhop.Only("acme")), watch(bellhop.Only("globex", "acme"))}
		var blind []*engine.Watcher
		for i := range 1000 {
			blind = append(blind, watch(bellhop.Only(fmt.Sprintf("app-%d", i))))
		}
		const events = 1000
		renderings := 0
		render := func(bellhop.Attempt) []byte { renderings++; return []byte("shown") }
		for range events {
			h.publish(`1`)
			wait(time.Second)
			first := <-see[0].C()
			for _, w := range see[1:] {
				if s := <-w.C(); s != first || string(s.Shown(render)) != "shown" || s.RequestHeader != nil {
					t.Fatalf("%+v", s)
				}
			}
			first.Shown(render)
		}
		if renderings != events {
			t.Errorf("%d attempts were rendered %d times", events, renderings)
		}
		if waiting, lost := len(lazy.C()), lazy.Lost(); waiting == 0 || waiting+int(lost) != events {
			t.Errorf("of %d attempts, %d wait for a watcher that does not look, which lost %d", events, waiting, lost)
		}
		for _, w := range blind {
			if len(w.C()) > 0 || w.Lost() > 0 {
				t.Fatal("a watcher of another app saw something")
			}
		}
	})
}
