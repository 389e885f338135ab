package engine

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

const (
	// watchEvery is about how often the log is read for attempts of other nodes, while
	// somebody follows the attempts.
	watchEvery = 500 * time.Millisecond
	// watchPage and watchPages bound one look. Most looks end where nothing is new; each
	// watchDeep'th goes on to the end, for attempts that took long.
	watchPage  = 250
	watchPages = 40
	watchDeep  = 8
	// watchBack is how far back a look goes: attempts are in the order in which they began,
	// and come into the log when they have ended, or later.
	watchBack = 3 * time.Minute
)

// watchOthers shows the attempts of other nodes to those who follow the attempts here,
// until ctx ends. Those of this node are shown by itself.
func (e *Engine) watchOthers(ctx context.Context) {
	tick := time.NewTimer(0)
	defer tick.Stop()
	var l *lookout
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.watchers.began:
		case <-tick.C:
		}
		if e.alone() || e.watchers.watching.Load() == 0 {
			l = nil // whoever comes next hears of what is recorded from then on
			continue
		}
		if l == nil {
			l = &lookout{e: e, shown: map[bellhop.AttemptID]struct{}{}}
		}
		e.failed(ctx, "looking for attempts of other nodes", l.look(ctx))
		tick.Reset(watchEvery*4/5 + time.Duration(e.cfg.Random()*float64(watchEvery)*2/5))
	}
}

// lookout remembers which attempts of other nodes were shown.
type lookout struct {
	e *Engine
	// shown are the attempts of the last watchBack that were in the log; before the first
	// look, nothing was.
	shown map[bellhop.AttemptID]struct{}
	// looks counts them. What is older than from was not read at the first one, and is not
	// shown.
	looks int
	from  bellhop.AttemptID
}

func (l *lookout) look(ctx context.Context) error {
	now := l.e.cfg.Now()
	since := now.Add(-watchBack)
	first := max(id.First[id.Attempt](since), l.from)
	for at := range l.shown {
		if at < first {
			delete(l.shown, at)
		}
	}
	f := bellhop.AttemptFilter{Scope: bellhop.Everything(), Since: since, Limit: watchPage}
	var news []bellhop.Attempt
	pages := 0
	for more := true; more && pages < watchPages; pages++ {
		list, err := l.e.store.Attempts(ctx, f)
		if err != nil {
			return err
		}
		fresh := 0
		for _, a := range list {
			if _, known := l.shown[a.ID]; known || a.ID < first {
				continue
			}
			l.shown[a.ID] = struct{}{}
			fresh++
			if !l.e.made(a.ID) {
				news = append(news, a)
			}
		}
		if more = len(list) == watchPage && (fresh > 0 || l.looks%watchDeep == 0); more {
			f.Before = list[len(list)-1].ID
		}
		if more && l.looks == 0 && pages == watchPages-1 {
			l.from = f.Before
		}
	}
	if l.looks > 0 {
		for i := len(news) - 1; i >= 0; i-- { // oldest first
			l.e.watchers.send(&news[i])
		}
	}
	l.looks++
	return nil
}

// made tells whether this node made the attempt, as its id says.
func (e *Engine) made(a bellhop.AttemptID) bool {
	number := bellhop.NodeID(id.NodeOf(a))
	p := e.presence.Load()
	return number == p.number.Node || number == p.lease.Node
}
