package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
)

// channel is what nodes notify each other on.
const channel = "bellhop"

const (
	// tellPause is the least time between two notifications of a node: what is told
	// meanwhile goes with the next one. All transactions that notify wait for each other,
	// until they are committed. So it is done in transactions of its own, not often, and by
	// one node at a time: the others try again.
	tellPause = 5 * time.Millisecond
	tellLock  = 0x62656c6c686f70 // names the advisory lock of who notifies: "bellhop"
	// tellPatience bounds how long a notification may take. What is lost is found by polls.
	tellPatience = 5 * time.Second
	// listenCheck is how often the way to itself is tried where nothing was heard, and
	// listenPatience how long that may take.
	listenCheck    = 30 * time.Second
	listenPatience = 5 * time.Second
	// Where the connection is lost, how long the next try waits.
	firstListen, lastListen = 100 * time.Millisecond, 5 * time.Second
	// deafFor is how long no try is made after notifications did not arrive: each leaves a
	// LISTEN behind in the pool that is in between.
	deafFor = 10 * time.Minute
)

var (
	errPlain = errors.New("the database is used without notifications, as it was asked for")
	errDeaf  = errors.New("notifications do not arrive: a pool that shares connections between transactions, such as PgBouncer, is in between; name the database without it as --database-direct")
)

// waking is what a store knows of telling others, and of being told.
type waking struct {
	// self tells the notifications of this store from others'.
	self string

	mu     sync.Mutex
	told   bellhop.Wakeup // what is to be told
	closed bool
	some   chan struct{}
	// speaker is running, until closed.
	speaking bool
	speaker  sync.WaitGroup
	stop     context.CancelFunc

	// deaf is when notifications did not arrive.
	deaf time.Time
}

// told is a notification. Nodes of other versions leave out what they do not know.
type told struct {
	From      string `json:"from"`
	Check     string `json:"check,omitempty"` // of the way to itself
	Routes    bool   `json:"routes,omitempty"`
	Catalogue bool   `json:"catalogue,omitempty"`
	Access    bool   `json:"access,omitempty"`
	Erased    bool   `json:"erased,omitempty"`
	Hastened  bool   `json:"hastened,omitempty"`
	Nodes     bool   `json:"nodes,omitempty"`
	Outbox    bool   `json:"outbox,omitempty"`
	Answers   bool   `json:"answers,omitempty"`
	Buckets   []byte `json:"buckets,omitempty"` // a bit for each
}

// Alone is never so: other nodes may come at any time.
func (s *Store) Alone() bool { return false }

// Wake tells the other nodes, soon.
func (s *Store) Wake(w bellhop.Wakeup) {
	if s.options.Plain || w.IsZero() {
		return
	}
	k := &s.waking
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	k.told.Add(w)
	s.speakLocked()
	select {
	case k.some <- struct{}{}:
	default:
	}
}

// speakLocked has the speaker run.
func (s *Store) speakLocked() {
	k := &s.waking
	if k.speaking {
		return
	}
	k.speaking, k.some = true, make(chan struct{}, 1)
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	k.speaker.Go(func() { s.speak(ctx) })
}

// hush ends the speaker.
func (s *Store) hush() {
	k := &s.waking
	k.mu.Lock()
	k.closed = true
	if k.speaking {
		k.stop()
	}
	k.mu.Unlock()
	k.speaker.Wait()
}

// speak tells what is to be told, on a connection of its own.
func (s *Store) speak(ctx context.Context) {
	k := &s.waking
	var c *pgx.Conn
	defer func() {
		if c != nil {
			closeConn(c)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.some:
		}
		for {
			k.mu.Lock()
			w := k.told
			k.told = bellhop.Wakeup{}
			k.mu.Unlock()
			if w.IsZero() {
				break
			}
			sent, next, err := s.notify(ctx, c, s.tellOf(w))
			c = next
			pause := tellPause
			switch {
			case err != nil && ctx.Err() == nil:
				s.log.Debug("a notification was lost", "err", err) // whoever missed it looks by itself
			case err == nil && !sent:
				k.mu.Lock()
				k.told.Add(w)
				k.mu.Unlock()
				pause = mathrand.N(tellPause)
			}
			if sleep(ctx, pause) != nil {
				return
			}
		}
	}
}

func (s *Store) tellOf(w bellhop.Wakeup) told {
	n := told{From: s.waking.self, Routes: w.Routes, Catalogue: w.Catalogue, Access: w.Access, Erased: w.Erased, Hastened: w.Hastened, Nodes: w.Nodes, Outbox: w.Outbox, Answers: w.Answers}
	if len(w.Buckets) > 0 {
		n.Buckets = make([]byte, bellhop.Buckets/8)
		for _, b := range w.Buckets {
			n.Buckets[b/8] |= 1 << (b % 8)
		}
	}
	return n
}

// wakeup is what a notification says.
func (n *told) wakeup() bellhop.Wakeup {
	w := bellhop.Wakeup{Routes: n.Routes, Catalogue: n.Catalogue, Access: n.Access, Erased: n.Erased, Hastened: n.Hastened, Nodes: n.Nodes, Outbox: n.Outbox, Answers: n.Answers}
	for i, set := range n.Buckets {
		if i == bellhop.Buckets/8 {
			break
		}
		for ; set != 0; set &= set - 1 {
			w.Buckets = append(w.Buckets, bellhop.Bucket(i*8+bits.TrailingZeros8(set)))
		}
	}
	return w
}

// notify sends a notification, unless another node is about to, in a transaction that
// writes nothing else and waits for no disk. It gives the connection to go on with, nil
// where it is lost.
func (s *Store) notify(ctx context.Context, c *pgx.Conn, n told) (sent bool, next *pgx.Conn, err error) {
	payload, err := json.Marshal(n)
	if err != nil {
		return false, c, err
	}
	ctx, cancel := context.WithTimeout(ctx, tellPatience)
	defer cancel()
	if c == nil {
		if c, err = s.connect(ctx, s.url); err != nil {
			return false, nil, err
		}
	}
	// One message: a pool that shares connections between transactions keeps it together.
	sql := fmt.Sprintf("BEGIN; SET LOCAL synchronous_commit = off; SELECT pg_notify('%s', '%s') WHERE pg_try_advisory_xact_lock(%d); COMMIT",
		channel, strings.ReplaceAll(string(payload), "'", "''"), int64(tellLock))
	answers, err := c.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		closeConn(c)
		return false, nil, err
	}
	for _, a := range answers {
		sent = sent || len(a.Rows) > 0
	}
	return sent, c, nil
}

// connect makes a connection beside the pools.
func (s *Store) connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, config.ConnConfig)
}

func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}

// Versions gives the present versions.
func (s *Store) Versions(ctx context.Context) (v bellhop.Versions, err error) {
	err = s.readFor(ctx, forFlow, "read the versions", func(q *reading) error {
		v = bellhop.Versions{}
		of := map[string]*int64{
			partNames[partRoutes]: &v.Routes, partNames[partCatalogue]: &v.Catalogue, partNames[partAccess]: &v.Access,
			"erasures": &v.Erased, "hastened": &v.Hastened,
		}
		var part, nodes string
		var version int64
		return q.each(scan(func() {
			if to := of[part]; to != nil {
				*to = version
			}
			v.Nodes += nodes
		}, &part, &version, &nodes), presentVersions)
	})
	return v, err
}

const presentVersions = `SELECT part, version, '' FROM bellhop.versions
	UNION ALL SELECT 'nodes', 0, coalesce(string_agg(concat_ws(' ', id, epoch, status::jsonb ->> 'listened'), ', ' ORDER BY id), '') FROM bellhop.nodes WHERE held = 1`

// Wakeups calls f for what other nodes tell. A connection that is lost is made anew.
func (s *Store) Wakeups(ctx context.Context, f func(bellhop.Wakeup)) error {
	if s.options.Plain {
		return errPlain
	}
	k := &s.waking
	k.mu.Lock()
	deaf := k.deaf
	k.mu.Unlock()
	if wait := deafFor - time.Since(deaf); !deaf.IsZero() && wait > 0 && sleep(ctx, wait) != nil {
		return nil
	}
	pause, said := firstListen, false
	for {
		heard, err := s.listen(ctx, f)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errDeaf):
			k.mu.Lock()
			k.deaf = time.Now()
			k.mu.Unlock()
			return err
		case errors.Is(err, ErrAddress):
			return err
		case heard:
			pause, said = firstListen, false
		case !said && s.options.Direct != "":
			// That of the pools tells of itself.
			s.log.Warn("the database cannot be reached directly: this node looks at it a few times a second instead of being woken", "err", err)
			said = true
		}
		if sleep(ctx, pause) != nil {
			return nil
		}
		pause = min(2*pause, lastListen)
	}
}

// listen calls f until the connection is lost. It tells whether anything was heard, be it
// of itself.
func (s *Store) listen(ctx context.Context, f func(bellhop.Wakeup)) (heard bool, err error) {
	url := s.options.Direct
	if url == "" {
		url = s.url
	}
	connecting, cancel := context.WithTimeout(ctx, listenPatience)
	defer cancel()
	c, err := s.connect(connecting, url)
	if err != nil {
		return false, err
	}
	defer closeConn(c)
	if _, err := c.PgConn().Exec(connecting, "LISTEN "+channel).ReadAll(); err != nil {
		return false, err
	}
	var speaker *pgx.Conn
	defer func() {
		if speaker != nil {
			closeConn(speaker)
		}
	}()
	check := ""                  // that of the way to itself, if it is under way
	patience := time.Duration(0) // at first, the way is tried
	for {
		waiting, cancel := context.WithTimeout(ctx, patience)
		n, err := c.WaitForNotification(waiting)
		cancel()
		var said told
		switch {
		case ctx.Err() != nil:
			return heard, ctx.Err()
		case err != nil && waiting.Err() == nil, c.IsClosed():
			return heard, fmt.Errorf("listen: %w", err)
		case err != nil && check != "":
			if heard {
				return heard, errors.New("listen: the connection is dead")
			}
			return false, errDeaf
		case err != nil:
			check, patience = rand.Text(), listenPatience
			for sent := false; !sent; {
				if sent, speaker, err = s.notify(ctx, speaker, told{From: s.waking.self, Check: check}); err != nil {
					return heard, err
				}
				if !sent && sleep(ctx, mathrand.N(tellPause)) != nil {
					return heard, ctx.Err()
				}
			}
			continue
		case json.Unmarshal([]byte(n.Payload), &said) != nil:
			continue // nobody's
		case said.From == s.waking.self:
			if said.Check != "" && said.Check == check {
				if check, patience = "", listenCheck; !heard {
					heard = true
					f(bellhop.Wakeup{Routes: true, Catalogue: true, Access: true, Erased: true, Hastened: true, Nodes: true, Outbox: true, Answers: true}) // what was told meanwhile
				}
			}
			continue
		}
		if w := said.wakeup(); !w.IsZero() {
			f(w)
		}
	}
}
