package native

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/engine"
)

// heartbeat keeps proxies from closing a quiet stream, and finds out that its reader
// is gone.
const heartbeat = 15 * time.Second

const (
	// burst is how many attempts are sent at once, where so many wait.
	burst = 64
	// comeBack is when a reader that was too slow may come back.
	comeBack = 5 * time.Second
)

// streamAttempts sends attempts as they happen until the reader goes away, the server
// stops, or the key ends.
func (n *native) streamAttempts(c *api.Call, in attemptFilter) error {
	watcher, err := n.desk.Watch(c.Context(), c.Principal(), in.App, in.filter(), in.labels())
	if err != nil {
		return err
	}
	defer watcher.Close()

	events := c.Events()
	if !events.Comment("attempts as they happen") {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var seen []*engine.Seen
	var texts [][]byte
	for {
		select {
		case at, ok := <-watcher.C():
			if !ok {
				return nil // the engine has stopped
			}
			seen = append(seen[:0], at)
			for ok && len(seen) < burst {
				select {
				case at, more := <-watcher.C():
					if ok = more; ok {
						seen = append(seen, at)
					}
					continue
				default:
				}
				break
			}
			if seen, err = n.desk.Labelled(c.Context(), seen, in.labels()); err != nil {
				_ = events.ComeBack(comeBack)
				return nil
			}
			texts = texts[:0]
			for _, at := range seen {
				texts = append(texts, at.Shown(attemptEvent))
			}
			// Nothing more is told once a key is gone.
			if !c.Welcome() || len(texts) > 0 && !events.Send(texts...) {
				return nil
			}
			if len(watcher.C()) > 0 {
				continue // what it lost comes after these
			}
		case <-beat.C:
			// A portal link may have expired, a key been deleted.
			if !c.Welcome() || !events.Comment("still here") {
				return nil
			}
		case <-n.o.Stop:
			return nil
		case <-c.Context().Done():
			return nil
		}
		// A reader that is too slow would be so for ever: it is told, and comes back.
		if lost := watcher.Lost(); lost > 0 {
			_ = events.Send(api.Event("lost", "", wire.Lost{Count: lost})) && events.ComeBack(comeBack)
			return nil
		}
	}
}

// attemptEvent is an attempt as every reader of it gets it.
func attemptEvent(at bellhop.Attempt) []byte {
	return api.Event("attempt", at.ID.String(), attempt(at))
}
