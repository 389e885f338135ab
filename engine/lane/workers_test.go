package lane

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crew is workers, all of them counted, whose requests take a while.
type crew struct {
	workers
	began, ended atomic.Int64
}

const requestTakes = restsFor / 4

// wave has them make so many requests, and waits until that is done.
func (c *crew) wave(n int) {
	for range n {
		if job := new(Job); !c.hand(job) {
			c.began.Add(1)
			go c.work(job)
		}
	}
	time.Sleep(2 * requestTakes)
}

func (c *crew) work(job *Job) {
	defer c.ended.Add(1)
	for place := newPlace(); job != nil; job = c.rest(place) {
		time.Sleep(requestTakes)
	}
}

func (c *crew) want(t *testing.T, when string, want int64) {
	t.Helper()
	synctest.Wait()
	if left := c.began.Load() - c.ended.Load(); left != want {
		t.Errorf("%s: there are %d workers, want %d", when, left, want)
	}
}

func TestWorkersStayWhileTheyAreNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c crew
		c.wave(3)
		c.wave(5)
		c.want(t, "few were needed", 5)
		c.wave(300)
		c.want(t, "many were needed just now", 300)
		time.Sleep(time.Minute)
		c.want(t, "many were needed once", alwaysResting)

		c.wave(200)
		began := c.began.Load()
		for range 20 {
			c.wave(100)
		}
		c.want(t, "half of them are needed all the time", 100)
		if made := c.began.Load() - began; made > 0 {
			t.Errorf("%d workers were sent away and made anew", made)
		}

		c.end()
		c.want(t, "the end", 0)
		c.wave(2)
		c.want(t, "after the end", 0)
	})
}
