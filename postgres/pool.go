package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop/bellhop/internal/outage"
)

// MaxConnections is how many connections a Store has at most by default: those of sizes, some
// to wake and be woken, and some on which is asked whether the server is there.
const MaxConnections = 26

// sizes are how many connections a node takes for each use.
func (o *Options) sizes() [kindsOfUse]int {
	return [kindsOfUse]int{forPeople: o.Readers, forFlow: 2, forOutbox: 1, forUpkeep: 2, beating: 1, asked: 2, happened: o.Writers, lanes: 2, upkeep: 2}
}

const (
	// borrowPatience is how long one waits for a connection of another use where the server
	// gives no more of them, and borrowAgain how often one looks.
	borrowPatience = 2 * time.Second
	borrowAgain    = 5 * time.Millisecond

	// A server that is there may say nothing: it is stopped, or behind a network that drops
	// everything. Where something takes slowAfter, one asks the server on a new connection;
	// where that gets no answer within pingPatience, nobody waits for it any more.
	slowAfter    = 2 * time.Second
	pingPatience = 5 * time.Second
	lookEvery    = 500 * time.Millisecond
)

// errSilent is why nothing is asked of the server.
var errSilent = errors.New("the server does not answer")

// inUse are the connections that are used, and waited for.
type inUse struct {
	mu    sync.Mutex
	waits map[*waiter]struct{}
	of    map[*pgxpool.Conn]*waiter
	// silent is why the server is not asked for now, nil while it answers.
	silent error
	// short is a time in which the server gave no more connections. grown says that it has
	// given one since it last refused to.
	short outage.Outage
	grown atomic.Bool
}

// waiter is somebody who waits for a connection, or for an answer on it.
type waiter struct {
	since  time.Time
	cancel context.CancelCauseFunc
	conn   *pgxpool.Conn // nil: not yet
	gone   bool          // the connection was closed
}

// acquire gives a connection for a use, to be given back. It fails at once while the server
// does not answer, with errSilent.
func (s *Store) acquire(ctx context.Context, of use) (*pgxpool.Conn, error) {
	u := &s.inUse
	connecting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &waiter{since: time.Now(), cancel: cancel}
	u.mu.Lock()
	if u.silent != nil {
		defer u.mu.Unlock()
		return nil, u.silent
	}
	if u.waits == nil {
		u.waits, u.of = map[*waiter]struct{}{}, map[*pgxpool.Conn]*waiter{}
	}
	u.waits[w] = struct{}{}
	u.mu.Unlock()
	c, err := s.pools[of].Acquire(connecting)
	if codeOf(err) == tooManyConnections {
		c, err = s.borrow(connecting, err)
	} else if err == nil {
		s.enough()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		delete(u.waits, w)
		if cause := context.Cause(connecting); errors.Is(cause, errSilent) {
			err = cause
		}
		return nil, err
	}
	w.since, w.conn = time.Now(), c
	if u.of[c] = w; u.silent != nil {
		w.end(u.silent)
	}
	return c, nil
}

// end has somebody wait no longer.
func (w *waiter) end(why error) {
	if w.conn == nil {
		w.cancel(why)
	} else if !w.gone {
		w.gone = true
		go func(c net.Conn) { _ = c.Close() }(w.conn.Conn().PgConn().Conn()) // with TLS, it may wait
	}
}

// borrow gives a connection that was made for another use: one works with those that one
// has. It fails with why where there is none, or none is free for long.
func (s *Store) borrow(ctx context.Context, why error) (*pgxpool.Conn, error) {
	s.inUse.grown.Store(false)
	for until := time.Now().Add(borrowPatience); ; {
		some := false
		for _, p := range s.pools {
			has := p.Stat()
			if some = some || has.TotalConns() > has.ConstructingConns(); has.IdleConns() == 0 {
				continue
			}
			if c, err := p.Acquire(ctx); err == nil {
				if s.inUse.short.Failed(why, s.elapsed()) {
					s.log.Warn("the database gives this node no more connections: it works with those that it has, more slowly; "+raiseConnections, "err", why)
				}
				return c, nil
			} else if codeOf(err) != tooManyConnections { // somebody was faster
				return nil, err
			}
		}
		if !some || time.Now().After(until) || sleep(ctx, borrowAgain) != nil {
			return nil, why
		}
	}
}

// noteGrowth notes connections that the server gives.
func (s *Store) noteGrowth(c *pgxpool.Config) {
	first := c.AfterConnect
	c.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		s.inUse.grown.Store(true)
		if first == nil {
			return nil
		}
		return first(ctx, c)
	}
}

// enough notes that a connection could be had.
func (s *Store) enough() {
	if !s.inUse.grown.Load() {
		return
	}
	if lasted, over := s.inUse.short.Well(s.elapsed()); over {
		s.log.Info("the database gives this node the connections that it takes again", "lasted", lasted.Round(time.Millisecond).String())
	}
}

func (s *Store) elapsed() time.Duration { return time.Since(s.opened) }

// giveBack returns a connection to its pool, unless its server takes no writes: what was the
// primary is a replica now, or was set read-only. The next one is made anew, and leads to the
// primary where a name or a list of hosts does. Servers from version 14 on tell of it in
// every session, also of those that only read. A pool in between tells what was so when it
// connected, and its sessions are its own affair.
func (s *Store) giveBack(c *pgxpool.Conn) {
	u := &s.inUse
	u.mu.Lock()
	w := u.of[c]
	gone := w.gone
	delete(u.waits, w)
	delete(u.of, c)
	u.mu.Unlock()
	told := c.Conn().PgConn().ParameterStatus
	if gone || !s.pooled && (told("in_hot_standby") == "on" || told("default_transaction_read_only") == "on") {
		ctx, cancel := context.WithTimeout(context.Background(), endPatience)
		defer cancel()
		_ = c.Conn().Close(ctx)
	}
	c.Release()
}

// mindSilence has nobody wait for a server that does not answer, until it does.
func (s *Store) mindSilence(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var asked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.inUse.answered(asked) {
			continue
		}
		asked = time.Now()
		err := s.ping(ctx)
		if ctx.Err() != nil {
			return
		}
		s.inUse.told(err)
	}
}

// answered tells whether nobody has waited for long for what one asked for last.
func (u *inUse) answered(asked time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.silent != nil {
		return false
	}
	now := time.Now()
	if now.Sub(asked) < slowAfter {
		return true
	}
	for w := range u.waits {
		if now.Sub(w.since) > slowAfter {
			return false
		}
	}
	return true
}

// told notes whether the server has answered. If not, what is being waited for ends: what
// was sent to be committed may be stored or not.
func (u *inUse) told(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.silent = nil
	if err == nil {
		return
	}
	u.silent = fmt.Errorf("%w: %w", errSilent, err)
	for w := range u.waits {
		w.end(u.silent)
	}
}

// ping asks the server something on a connection of its own. A refusal is an answer.
func (s *Store) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	c, err := s.connect(ctx, s.url)
	if err == nil {
		_, err = c.PgConn().Exec(ctx, "SELECT 1").ReadAll()
		defer closeConn(c)
	}
	if codeOf(err) != "" || err != nil && untrusted(err) {
		return nil
	}
	return err
}
