package desk

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/bellhop/bellhop"
)

// admit saves an endpoint that is new to these apps, unless one of them has as many
// endpoints as it may have: each of them is looked at for every event of the app.
//
// The bound is exact within this process, whatever is asked for at once: those who
// add to the same app take turns. The turn is held for the check and the save alone,
// and those who add to other apps wait for nobody.
func (d *Desk) admit(ctx context.Context, apps []string, save func() error) error {
	leave, err := d.crowds.enter(ctx, apps)
	if err != nil {
		return err
	}
	defer leave()
	// What other nodes added counts as well, and what this one could not load.
	if err := d.e.Routes().LoadRoutes(ctx); err != nil {
		return err
	}
	if err := d.fits(apps); err != nil {
		return err
	}
	return save()
}

// fits tells whether each of the apps may have one endpoint more.
func (d *Desk) fits(apps []string) error {
	now := d.routes()
	for _, id := range apps {
		app, ok := now.App(id)
		if !ok && id != bellhop.AllApps { // deleted meanwhile
			return bellhop.UnknownApp("apps", id)
		}
		most := cmp.Or(app.MaxEndpoints, d.maxEndpoints)
		if n := len(now.Of(id)); n >= most {
			return &bellhop.Error{Code: bellhop.CodeConflict, Detail: fmt.Sprintf(
				"The app %s has %d endpoints, and may have %d: delete one first, or have an operator raise max_endpoints of the app", id, n, most)}
		}
	}
	return nil
}

// crowds are those who add endpoints now, by app: each app has one turn, and whoever
// has it is known by a channel that is closed when it is free again.
type crowds struct {
	mu   sync.Mutex
	busy map[string]chan struct{}
}

// enter takes the turns of all the apps at once: whoever must wait for one of them
// holds none, or the crowd of one app would delay those who add to the other.
func (c *crowds) enter(ctx context.Context, apps []string) (leave func(), err error) {
	for {
		turn, wait := c.try(apps)
		if wait == nil {
			return func() { c.leave(apps, turn) }, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try takes the turns, or gives one to wait for.
func (c *crowds) try(apps []string) (turn, wait chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, app := range apps {
		if wait = c.busy[app]; wait != nil {
			return nil, wait
		}
	}
	if c.busy == nil {
		c.busy = map[string]chan struct{}{}
	}
	turn = make(chan struct{})
	for _, app := range apps {
		c.busy[app] = turn
	}
	return turn, nil
}

func (c *crowds) leave(apps []string, turn chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, app := range apps {
		delete(c.busy, app)
	}
	close(turn)
}
