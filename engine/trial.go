package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// trials are the slots of what people try out: tests, verifications, previews. They
// are few and apart from those of deliveries, so that neither can hold up the other:
// whoever clicks fast does not delay events, and a flood of events does not keep
// anybody from finding out what is wrong.
type trials struct {
	max, perApp int

	mu       sync.Mutex
	inUse    int
	apps     map[string]int
	endpoint map[bellhop.EndpointID]bool
}

// newTrials gives max slots, of which one app can have an eighth.
func newTrials(most int) *trials {
	return &trials{max: most, perApp: max(most/8, 1), apps: map[string]int{}, endpoint: map[bellhop.EndpointID]bool{}}
}

// take gives a slot, and how to return it; or, with nil, says what there are too many
// of.
func (t *trials) take(e bellhop.EndpointID, apps []string) (release func(), why string) {
	apps = slices.Compact(slices.Sorted(slices.Values(apps)))
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case e != 0 && t.endpoint[e]:
		return nil, "A test of this endpoint is under way"
	case slices.ContainsFunc(apps, func(a string) bool { return t.apps[a] >= t.perApp }):
		return nil, "Too many tests of this app's endpoints are under way"
	case t.inUse >= t.max:
		return nil, "Too many tests are under way"
	}
	t.inUse++
	for _, a := range apps {
		t.apps[a]++
	}
	if e != 0 {
		t.endpoint[e] = true
	}
	return sync.OnceFunc(func() { t.give(e, apps) }), ""
}

// underWay is how many slots are taken.
func (t *trials) underWay() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inUse
}

func (t *trials) give(e bellhop.EndpointID, apps []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inUse--
	for _, a := range apps {
		if t.apps[a]--; t.apps[a] == 0 {
			delete(t.apps, a)
		}
	}
	delete(t.endpoint, e)
}

// TrialSlot takes one of the slots of what people try out, for an endpoint (0 for one
// that does not exist yet) of these apps: Config.MaxTrials in all, an eighth of them
// for one app, one for one endpoint. Beyond that there is a CodeTooMany error. Release
// may be called more than once.
func (e *Engine) TrialSlot(endpoint bellhop.EndpointID, apps []string) (release func(), err error) {
	release, why := e.trials.take(endpoint, apps)
	if release == nil {
		return nil, &bellhop.Error{Code: bellhop.CodeTooMany, Detail: why + "; try again when one has ended", RetryAfter: time.Second}
	}
	return release, nil
}
