package desk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/memstore"
)

// TestMaxEndpointsIsExact, however many are created at once, in one app and in two.
func TestMaxEndpointsIsExact(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if strings.HasPrefix(step, "SaveEndpoint") {
				time.Sleep(time.Millisecond) // all the others have looked meanwhile
			}
			return nil
		}), desk.Options{MaxEndpoints: 10})
		h.app("globex")
		var wg sync.WaitGroup
		var made, refused atomic.Int32
		for i := range 60 {
			wg.Go(func() {
				apps := [][]string{{"acme"}, {"acme", "globex"}, {"globex", "acme"}}[i%3]
				_, _, err := h.CreateEndpoint(t.Context(), owner, hook(fmt.Sprintf("e%d.example", i), of(apps...)))
				switch {
				case err == nil:
					made.Add(1)
				case bellhop.CodeOf(err) == bellhop.CodeConflict:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made.Load() != 10 || refused.Load() != 50 {
			t.Errorf("%d made, %d refused", made.Load(), refused.Load())
		}
		if list, err := h.Endpoints(t.Context(), owner, "acme", bellhop.EndpointFilter{}); err != nil || len(list) != 10 {
			t.Errorf("%d endpoints, %v", len(list), err)
		}
	})
}

func TestMaxEndpoints(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := openOn(t, memstore.New(), desk.Options{MaxEndpoints: 2})
		h.app("globex")
		ctx := t.Context()
		create := func(apps ...string) (bellhop.Endpoint, error) {
			e, _, err := h.CreateEndpoint(ctx, owner, hook("a.example", of(apps...)))
			return e, err
		}
		must := func(e bellhop.Endpoint, err error) bellhop.Endpoint {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		first := must(create("acme"))
		must(create("acme", "globex"))
		_, err := create("acme")
		code(t, "a third", err, bellhop.CodeConflict)
		for _, part := range []string{"acme", "2 endpoints", "delete one first", "max_endpoints"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %q", part, err)
			}
		}
		_, err = create("globex", "acme")
		code(t, "a third of one of two apps", err, bellhop.CodeConflict)
		other := must(create("globex"))
		set := func(apps ...string) error {
			_, err := h.UpdateEndpoint(ctx, owner, other.ID, bellhop.EndpointChange{Apps: bellhop.Of(apps)})
			return err
		}
		code(t, "one more app", set("globex", "acme"), bellhop.CodeConflict)
		code(t, "another app", set("acme"), bellhop.CodeConflict)

		// An app that is full can be used: only what adds to it is refused.
		must(h.UpdateEndpoint(ctx, owner, first.ID, bellhop.EndpointChange{Apps: bellhop.Of([]string{"acme"}), Name: bellhop.Of("x")}))
		must(h.PauseEndpoint(ctx, owner, first.ID))
		resumed, err := h.ResumeEndpoint(ctx, owner, first.ID)
		must(resumed.Endpoint, err)

		if _, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{MaxEndpoints: bellhop.Of(3)}); err != nil {
			t.Fatal(err)
		}
		if err := set("globex", "acme"); err != nil {
			t.Errorf("after it was raised: %v", err)
		}
		if _, err := h.PatchApp(ctx, owner, "acme", desk.AppChange{MaxEndpoints: bellhop.Of(1)}); err != nil {
			t.Fatal(err)
		}
		must(h.UpdateEndpoint(ctx, owner, first.ID, bellhop.EndpointChange{Name: bellhop.Of("y")}))
		if err := h.DeleteEndpoint(ctx, owner, first.ID); err != nil {
			t.Fatal(err)
		}
		_, err = create("acme")
		code(t, "below the old number, above the new bound", err, bellhop.CodeConflict)
		if err := set("globex"); err != nil { // to leave is always allowed
			t.Error(err)
		}
	})
}

// TestACrowdDelaysNoOtherApp: while one app's endpoints are added one after the
// other, another app's are added at once.
func TestACrowdDelaysNoOtherApp(t *testing.T) {
	simulate(t, func(t *testing.T) {
		stuck := make(chan struct{})
		h := openOn(t, meddle(func(_ context.Context, step string) error {
			if strings.HasPrefix(step, "SaveEndpoint https://crowd") {
				<-stuck
			}
			return nil
		}), desk.Options{MaxEndpoints: 5})
		h.app("aaa")
		var wg sync.WaitGroup
		var made atomic.Int32
		for i := range 20 {
			wg.Go(func() {
				if _, _, err := h.CreateEndpoint(t.Context(), owner, hook(fmt.Sprintf("crowd%d.example", i))); err == nil {
					made.Add(1)
				}
			})
		}
		synctest.Wait() // one of them has acme's turn
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wg.Go(func() { // waits for acme's turn, and keeps nobody from the other's meanwhile
			_, _, err := h.CreateEndpoint(impatient, owner, hook("crowd.example", of("aaa", "acme")))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("whoever loses patience leaves: %v", err)
			}
		})
		synctest.Wait()
		began := time.Now()
		h.endpoint("other.example", of("aaa"))
		if took := time.Since(began); took > 0 {
			t.Errorf("the other app's endpoint took %v", took)
		}
		wait(2 * time.Second)
		close(stuck)
		wg.Wait()
		if made.Load() != 5 {
			t.Errorf("%d made, want 5", made.Load())
		}
	})
}
