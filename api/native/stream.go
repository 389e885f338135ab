package native

import (
	"time"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
)

// heartbeat keeps proxies from closing a quiet stream, and finds out that its reader
// is gone.
const heartbeat = 15 * time.Second

// streamAttempts sends attempts as they happen until the reader goes away, the server
// stops, or the key ends.
func (n *native) streamAttempts(c *api.Call, in attemptFilter) error {
	watcher, err := n.desk.Watch(c.Context(), c.Principal(), in.App, in.filter())
	if err != nil {
		return err
	}
	defer watcher.Close()

	events := c.Events()
	if !events.Comment("attempts as they happen") {
		return nil
	}
	tellLost := func() bool {
		lost := watcher.Lost()
		return lost == 0 || events.Send("lost", "", wire.Lost{Count: lost})
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case at, ok := <-watcher.C():
			if !ok {
				return nil // the engine has stopped
			}
			// Nothing more is told once a key is gone.
			if !c.Welcome() || !tellLost() || !events.Send("attempt", at.ID.String(), attempt(at)) {
				return nil
			}
		case <-beat.C:
			// A portal link may have expired, a key been deleted.
			if !c.Welcome() || !events.Comment("still here") || !tellLost() {
				return nil
			}
		case <-n.o.Stop:
			return nil
		case <-c.Context().Done():
			return nil
		}
	}
}
