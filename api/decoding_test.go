package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/bellhop/bellhop"
)

// TestLargeBodiesTakeTurns: a key that sends many waits for itself; other keys, and small
// bodies, do not wait for it.
func TestLargeBodiesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		routes := []Route{On("POST /keep", "borrow", "Umbrellas", func(*Call, struct{ Body umbrella }) (None, error) { return None{}, nil }, "Borrow", "It.", 204)}
		toy := newToy(Options{})
		kit := toy.kit
		mux := kit.Mux(routes)
		ask := func(ctx context.Context, token, body string) (answered chan int) {
			answered = make(chan int, 1)
			go func() {
				r, w := toy.request(token, "POST", "/keep", body)
				mux.ServeHTTP(w, r.WithContext(ctx))
				answered <- w.Code
			}()
			synctest.Wait()
			return answered
		}
		small := `{"colour":"red"}`
		large := `{"colour":"` + strings.Repeat("red", largeBody) + `"}`

		// The first guest has as many as may under way, and one that waits.
		greedy := account{key: 1}
		var ends []func()
		for range kit.decoding.each {
			done, err := kit.decoding.begin(t.Context(), greedy)
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, done)
		}
		if len(ends) >= kit.decoding.slots {
			t.Fatalf("one key may have all of %d", len(ends))
		}
		waits := ask(t.Context(), "Bearer guest1", large)
		leaving, leave := context.WithCancel(t.Context())
		left := ask(leaving, "Bearer guest1", large)
		if len(waits)+len(left) > 0 {
			t.Error("a large body does not wait for its turn")
		}
		for name, c := range map[string]chan int{
			"a small body":              ask(t.Context(), "Bearer guest1", small),
			"a large one of another's":  ask(t.Context(), "Bearer guest2", large),
			"a small one of another's ": ask(t.Context(), "Bearer guest2", small),
		} {
			select {
			case status := <-c:
				if status != http.StatusNoContent {
					t.Errorf("%s: %d", name, status)
				}
			default:
				t.Errorf("%s waits", name)
			}
		}

		leave()
		synctest.Wait()
		if len(left) == 0 {
			t.Error("a body waits although its caller has left")
		}
		for _, end := range ends {
			end()
		}
		if status := <-waits; status != http.StatusNoContent {
			t.Errorf("after its turn came: %d", status)
		}
		synctest.Wait()
		if len(kit.decoding.of) != 0 || kit.decoding.running != 0 {
			t.Errorf("left in memory: %+v, %d", kit.decoding.of, kit.decoding.running)
		}
	})
}

// TestTooManyLargeBodies are refused, and told to come again.
func TestTooManyLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		g, a := newDecoding(), account{app: "acme"}
		for range g.each + g.queue {
			go func() {
				if done, err := g.begin(ctx, a); err == nil {
					<-ctx.Done()
					done()
				}
			}()
		}
		synctest.Wait()
		_, err := g.begin(ctx, a)
		if e, ok := errors.AsType[*bellhop.Error](err); !ok || e.Code != bellhop.CodeTooMany || e.RetryAfter == 0 || !strings.Contains(e.Detail, "large bodies") {
			t.Errorf("one more: %v", err)
		}
		cancel()
		synctest.Wait()
		if len(g.of) != 0 || g.running != 0 {
			t.Errorf("left in memory: %+v, %d", g.of, g.running)
		}
	})
}
