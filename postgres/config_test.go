package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/postgres"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// two gives two stores with one database, as two nodes have it.
func two(t testing.TB) [2]*postgres.Store {
	t.Helper()
	url := database(t)
	return [2]*postgres.Store{openAt(t, url, postgres.Options{}), openAt(t, url, postgres.Options{})}
}

func endpointOf(ids *id.Generator) bellhop.Endpoint {
	return bellhop.Endpoint{
		ID: id.Next[id.Endpoint](ids, noon), Apps: []string{"acme"}, URL: "https://example.com/hook", Dialect: "standard", Status: bellhop.EndpointActive,
		Timeout: bellhop.Duration(15 * time.Second), Concurrency: 8, Ordering: bellhop.OrderingNone, CreatedAt: noon, UpdatedAt: noon,
	}
}

// Two nodes that change one endpoint at the same time from the same revision: one of them
// is told so, each time.
func TestTwoNodesChangeOneEndpoint(t *testing.T) {
	nodes := two(t)
	e := endpointOf(id.NewGenerator(0, 0))
	if err := nodes[0].SaveEndpoint(t.Context(), e, nil, noon); err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		e.Revision = int64(round + 1)
		var saved, refused atomic.Int64
		var crowd sync.WaitGroup
		for i, s := range nodes {
			crowd.Go(func() {
				mine := e
				mine.Name = fmt.Sprint(round, " of ", i)
				switch err := s.SaveEndpoint(t.Context(), mine, nil, noon); {
				case err == nil:
					saved.Add(1)
				case errors.Is(err, bellhop.ErrRevision):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		crowd.Wait()
		if saved.Load() != 1 || refused.Load() != 1 {
			t.Fatalf("round %d: %d saved, %d refused", round, saved.Load(), refused.Load())
		}
	}
	r, err := nodes[1].Routes(t.Context(), 0)
	if err != nil || r.Version != 21 || len(r.Endpoints) != 1 || r.Endpoints[0].Revision != 21 {
		t.Errorf("%+v, %v", r, err)
	}
}

// What nodes change at the same time has versions one after the other, and who reads on
// from any of them misses nothing.
func TestNodesFollowEachOthersChanges(t *testing.T) {
	nodes := two(t)
	const each = 100
	var crowd sync.WaitGroup
	for i, s := range nodes {
		for lane := range 2 {
			crowd.Go(func() {
				ids := id.NewGenerator(id.MaxNode-i*2-lane, 0)
				for range each / 2 {
					if err := s.SaveEndpoint(t.Context(), endpointOf(ids), nil, noon); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	seen, version := map[bellhop.EndpointID]bool{}, int64(0)
	follow := func() {
		r, err := nodes[0].Routes(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		if r.Version < version {
			t.Fatalf("version %d after %d", r.Version, version)
		}
		for _, e := range r.Endpoints {
			if seen[e.ID] {
				t.Errorf("%v came twice", e.ID)
			}
			seen[e.ID] = true
		}
		if version = r.Version; int(version) != len(seen) {
			t.Fatalf("at version %d it has seen %d endpoints", version, len(seen))
		}
	}
	done := make(chan struct{})
	go func() { crowd.Wait(); close(done) }()
	for more := true; more; {
		select {
		case <-done:
			more = false
		default:
		}
		follow()
	}
	if len(seen) != 2*each {
		t.Errorf("it has seen %d endpoints of %d", len(seen), 2*each)
	}
}

// Keys that one node lets go, while the other changes them, are in nobody's way for good.
func TestNodesExpireAndSaveTheSameKeys(t *testing.T) {
	nodes := two(t)
	ids := id.NewGenerator(0, 0)
	var keys []bellhop.Key
	for range 40 {
		k := bellhop.Key{ID: id.Next[id.Key](ids, noon), Portal: true, ExpiresAt: noon, Scope: bellhop.Only("acme")}
		keys = append(keys, k)
		if err := nodes[0].SaveKey(t.Context(), k, nil); err != nil {
			t.Fatal(err)
		}
	}
	var crowd sync.WaitGroup
	crowd.Go(func() {
		for range 30 {
			if _, err := nodes[0].ExpireKeys(t.Context(), noon, 7); err != nil {
				t.Error(err)
			}
		}
	})
	crowd.Go(func() {
		for _, k := range slices.Backward(keys) {
			if err := nodes[1].SaveKey(t.Context(), k, nil); err != nil {
				t.Error(err)
			}
		}
	})
	crowd.Wait()
	for {
		n, err := nodes[1].ExpireKeys(t.Context(), noon, 100)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	a, err := nodes[0].Access(t.Context(), 0)
	if err != nil || len(a.Keys) != 0 {
		t.Errorf("%d keys are left, %v", len(a.Keys), err)
	}
}

// A notice is sent by one node, whoever asks at the same time.
func TestNodesClaimNoticesApart(t *testing.T) {
	nodes := two(t)
	ids := id.NewGenerator(0, 0)
	told := bellhop.Telling{Own: bellhop.Told{Audience: "x", At: noon}}
	for range 200 {
		told.Notices = append(told.Notices, bellhop.Notice{ID: id.Next[id.Notice](ids, noon), Audience: "x", To: "ann@example.com", Content: []byte("{}"), Due: noon})
	}
	var tells atomic.Int64
	var crowd sync.WaitGroup
	for _, s := range nodes {
		crowd.Go(func() {
			if err := s.Tell(t.Context(), told); err == nil {
				tells.Add(1)
			} else if !errors.Is(err, bellhop.ErrRevision) {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
	if tells.Load() != 1 {
		t.Fatalf("told %d times", tells.Load())
	}
	var mu sync.Mutex
	claims := map[bellhop.NoticeID]int{}
	for _, s := range nodes {
		for range 3 {
			crowd.Go(func() {
				for range 40 {
					list, err := s.ClaimNotices(t.Context(), noon, noon.Add(time.Hour), 7)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					for _, n := range list {
						claims[n.ID]++
					}
					mu.Unlock()
				}
			})
		}
	}
	crowd.Wait()
	if len(claims) != 200 {
		t.Errorf("%d of 200 were claimed", len(claims))
	}
	for n, times := range claims {
		if times > 1 {
			t.Errorf("%v was claimed %d times", n, times)
		}
	}
}

// A token that two nodes fetched at the same time is replaced by one of them.
func TestNodesSaveOneToken(t *testing.T) {
	nodes := two(t)
	e := endpointOf(id.NewGenerator(0, 0))
	if err := nodes[0].SaveEndpoint(t.Context(), e, nil, noon); err != nil {
		t.Fatal(err)
	}
	for version := range int64(10) {
		var saved atomic.Int64
		var crowd sync.WaitGroup
		for i, s := range nodes {
			crowd.Go(func() {
				switch v, err := s.SaveToken(t.Context(), e.ID, bellhop.Token{Version: version, Sealed: []byte{byte(i)}}); {
				case err == nil && v == version+1:
					saved.Add(1)
				case !errors.Is(err, bellhop.ErrRevision):
					t.Errorf("version %d, %v", v, err)
				}
			})
		}
		crowd.Wait()
		if saved.Load() != 1 {
			t.Fatalf("version %d was replaced %d times", version, saved.Load())
		}
	}
}
