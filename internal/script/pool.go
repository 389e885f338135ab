package script

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// pool keeps engines for the next event of an app. None ever serves another app.
type pool struct {
	most int

	mu    sync.Mutex
	idle  []*instance // the longest idle first
	timer *time.Timer
}

const (
	// idleFor is how long an engine is kept that nobody uses.
	idleFor = time.Minute
	// grown is how far beyond its beginning a heap may have reached of an engine that is
	// kept: what was touched once stays in memory.
	grown = 2 << 20
)

// take gives an engine that is idle, or nil.
func (p *pool) take(app string) *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if in := p.idle[i]; in.app == app {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return in
		}
	}
	return nil
}

// give keeps an engine, unless it is spoiled or has grown.
func (p *pool) give(in *instance) {
	if in.spoiled || in.reaches() > in.begun+grown {
		in.close()
		return
	}
	in.idle = time.Now()
	var over *instance
	p.mu.Lock()
	p.idle = append(p.idle, in)
	if len(p.idle) > p.most {
		over = p.idle[0]
		p.idle = append(p.idle[:0], p.idle[1:]...)
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(idleFor, p.tidy)
	}
	p.mu.Unlock()
	if over != nil {
		over.close()
	}
}

// tidy drops engines that have been idle for long, and comes back while there are some.
func (p *pool) tidy() {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].idle) >= idleFor {
		n++
	}
	dropped := append([]*instance(nil), p.idle[:n]...)
	p.idle = append(p.idle[:0], p.idle[n:]...)
	if p.timer = nil; len(p.idle) > 0 {
		p.timer = time.AfterFunc(idleFor, p.tidy)
	}
	p.mu.Unlock()
	for _, in := range dropped {
		in.close()
	}
}

// drop lets go of all engines that are idle.
func (p *pool) drop() {
	p.mu.Lock()
	dropped := p.idle
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	for _, in := range dropped {
		in.close()
	}
}

// images keeps what loading scripts gave, those used last.
type images struct {
	most int

	mu    sync.Mutex
	bytes int
	byKey map[imageKey]*list.Element
	used  list.List // of *kept, the last used first
}

// imageKey is a script of an app.
type imageKey struct {
	app     string
	handler bool
	code    [sha256.Size]byte
}

type kept struct {
	key imageKey
	im  *image
}

func (c *images) get(key imageKey) *image {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*kept).im
}

func (c *images) put(key imageKey, im *image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[imageKey]*list.Element{}
	}
	if c.byKey[key] != nil {
		return
	}
	c.byKey[key] = c.used.PushFront(&kept{key, im})
	c.bytes += im.size()
	for c.bytes > c.most && c.used.Len() > 1 {
		old := c.used.Remove(c.used.Back()).(*kept)
		delete(c.byKey, old.key)
		c.bytes -= old.im.size()
	}
}

func (im *image) size() int { return im.bytes + 1<<10 }
