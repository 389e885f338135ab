// Package postgres keeps Bellhop's data in a PostgreSQL database, for any number of
// processes at once. It works with PostgreSQL 14 and newer, and through a pool such as
// PgBouncer in transaction mode.
//
// Concurrent callers' steps of the hot path share transactions, as in package sqlite
// (writer.go); other steps have one each. The way of an event whose deliveries succeed at
// once only appends (fresh.go).
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/groupcommit"
)

// Options tune a Store. The zero Options are good.
type Options struct {
	// Logger gets what nobody is told otherwise; nil drops it.
	Logger *slog.Logger
	// Program is the version to write into the database, for the error that an older
	// program gives when it meets a newer schema.
	Program string
	// Direct is the URL of the same database without a pool in between, for LISTEN, which
	// a pool that shares connections between transactions cannot pass on. Empty: there is
	// none in between.
	Direct string
	// Readers is how many reads of the logs run at once; 0 means 4. What publishing and
	// delivering need, and upkeep, have connections of their own besides.
	Readers int
	// Writers is how many transactions of the hot path are under way at once; 0 means 2.
	Writers int
	// OnCommit, if not nil, is told of each transaction: how many steps shared it, and how
	// long it took.
	OnCommit func(steps int, d time.Duration)
	// Plain does without what only PostgreSQL itself has: notifications, advisory locks and
	// rows that are skipped because they are locked. Everything works, some of it later.
	Plain bool
}

// Store is a bellhop.Store in a PostgreSQL database. Open makes one.
type Store struct {
	log     *slog.Logger
	options Options
	url     string
	name    string // of the database, for people
	waking  waking
	// pooled says that a pool is in between that shares sessions between transactions.
	pooled bool
	// upkeepFails says that the upkeep of the last heartbeat was not done.
	upkeepFails atomic.Bool
	// pools have connections by whom they are for: none waits for the others.
	pools [kindsOfUse]*pgxpool.Pool
	inUse inUse
	// opened is when the store was.
	opened time.Time

	steps  *groupcommit.Committer[*step]
	claims *groupcommit.Committer[*claiming]
	fresh  fresh
	doubts doubts
	days   days
	shards shards

	rooms     rooms
	spreading turns
	outbox    outbox
	passed    passed
	// redelivering has room for one Redeliver with bounds, wiping for one Wipe, arriving for
	// one Arrive.
	redelivering, wiping, arriving chan struct{}

	// busy counts the steps in progress: Close waits for them. A step may have others in it.
	mu     sync.Mutex
	busy   int
	idle   sync.Cond
	closed bool

	stop    context.CancelFunc
	running sync.WaitGroup
}

var _ bellhop.Store = (*Store)(nil)

// Open connects to the database, and makes the schema or brings it up to date if need be.
// url is a URL or what libpq takes otherwise ("host=… dbname=…"); what it leaves out is
// taken from the PG* variables and the password file. Errors are of type *OpenError.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	return open(ctx, url, o, false)
}

// open is Open, also of a database that is being filled by a move.
func open(ctx context.Context, url string, o Options, moving bool) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.Writers <= 0 {
		o.Writers = 2
	}
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{log: o.Logger, options: o, url: url, name: nameOf(config), waking: waking{self: rand.Text()}, opened: time.Now(), redelivering: make(chan struct{}, 1), wiping: make(chan struct{}, 1), arriving: make(chan struct{}, 1)}
	s.idle.L = &s.mu
	if err := s.start(ctx, config, moving); err != nil {
		s.release()
		return nil, openError(s.name, err)
	}
	return s, nil
}

func (s *Store) start(ctx context.Context, config *pgxpool.Config, moving bool) error {
	var err error
	if s.pooled, err = prepareDatabase(ctx, config, s.name, s.options.Program, moving); err != nil {
		return err
	}
	if s.options.Direct != "" && !s.options.Plain {
		// One that is away is tried again by who listens.
		if err := SameDatabase(ctx, s.url, s.options.Direct); errors.Is(err, ErrDirect) || errors.Is(err, ErrAddress) {
			return err
		}
	}
	for of, size := range s.options.sizes() {
		c := config.Copy()
		c.MaxConns = int32(size)
		if !s.pooled {
			bounded(c, use(of))
		}
		s.noteGrowth(c)
		if s.pools[of], err = pgxpool.NewWithConfig(ctx, c); err != nil {
			return err
		}
	}
	if err := s.findShards(ctx); err != nil {
		return err
	}
	s.fresh.init()
	s.startGroups(ctx)
	return nil
}

// Close lets steps in progress finish.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for s.busy > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	s.release()
	return nil
}

func (s *Store) release() {
	s.hush()
	for _, pool := range s.pools {
		if pool != nil {
			pool.Close()
		}
	}
}

var errClosed = errors.New("postgres: the store is closed")

// use says what a connection is for.
type use int

const (
	forPeople use = iota // what somebody asks for may take long
	forFlow              // what publishing and delivering wait for is short
	forOutbox            // one at a time; a flood in it may take long to look through
	forUpkeep

	// The ranks of steps that write. What somebody waits for comes first; what has happened
	// must be recorded; lanes go on with what waits for them; everything else can wait a
	// moment. A heartbeat waits for nobody: the node would lose its lease.
	beating
	asked
	happened
	lanes
	upkeep

	kindsOfUse
)

// enter keeps Close waiting until leave is called.
func (s *Store) enter() (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed && s.busy == 0 {
		return nil, errClosed
	}
	s.busy++
	return s.leave, nil
}

func (s *Store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy--; s.busy == 0 {
		s.idle.Broadcast()
	}
}

// read runs f in a transaction that sees one state of the database throughout, for whoever
// asks for a log. f may be run twice, so it starts its results from scratch.
func (s *Store) read(ctx context.Context, what string, f func(*reading) error) error {
	return s.readFor(ctx, forPeople, what, f)
}

// readFor is read for somebody else.
func (s *Store) readFor(ctx context.Context, of use, what string, f func(*reading) error) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	for try := 1; ; try++ {
		err = s.readOnce(ctx, of, f)
		if err == nil || ctx.Err() != nil || try == tries || !(lostConnection(err) || collided(err)) {
			return s.readError(ctx, what, err)
		}
	}
}

func (s *Store) readOnce(ctx context.Context, of use, f func(*reading) error) error {
	c, err := s.acquire(ctx, of)
	if err != nil {
		return err
	}
	defer s.giveBack(c)
	if _, err := c.Exec(ctx, s.begin(of)); err != nil {
		return err
	}
	err = f(&reading{ctx: ctx, conn: c.Conn()})
	if end := rollback(ctx, c.Conn()); err == nil {
		err = end
	}
	return err
}

func (s *Store) readError(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // which says nothing of the database: mindSilence finds one that hangs
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case bellhop.CodeOf(err) != "":
		return err
	case kindOf(err) != nil, codeOf(err) != "": // what is no fault of the statement's: it may be tried again
		err = storageError(s.name, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
