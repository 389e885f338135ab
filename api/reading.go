package api

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop"
)

// gate bounds work that may take long, such as that of the operations that look through
// logs: so much runs at once, of one account half of it, and that of an account that
// must wait does so in a queue of its own. Accounts take turns. So whoever asks for much
// waits for himself, and everybody else for what is under way at most.
type gate struct {
	slots, each, queue int
	// full is said when an account's queue is, of how many it has, and late to whom
	// waited in vain.
	full, late string

	mu      sync.Mutex
	running int
	of      map[account]*readers
	// turns are the accounts that have somebody waiting and may run more, in the order
	// of their turns.
	turns []account
}

// account is who a bound counts for: a key or, for portal links, the app that they are
// for, since an app can have any number of them.
type account struct {
	key bellhop.KeyID
	app string
}

// readers are what an account has under way, and waiting for its turn.
type readers struct {
	running int
	waiting []chan struct{}
}

const (
	// readsAtOnce are enough for two cores' worth of looking through indexes, and
	// few enough to leave publishing and delivering their share of the processor.
	readsAtOnce = 4
	// readsWaiting is how many of one account wait; a page of the dashboard asks for
	// some things at once.
	readsWaiting = 32
	// maxReadWait is how long one waits for its turn.
	maxReadWait = 15 * time.Second
)

func newReading() *gate {
	return &gate{
		slots: readsAtOnce, each: readsAtOnce / 2, queue: readsWaiting, of: map[account]*readers{},
		full: "%d reads with this key are under way or wait for their turn, which is as many as may: ask for one thing after the other",
		late: "Too much is being read from the logs at this moment. Try again in a while",
	}
}

const (
	// largeBody is from where on a body is decoded in its account's turn, in bytes. To
	// take a smaller one apart costs less than to answer it.
	largeBody = 64 << 10
	// bodiesWaiting is how many large bodies of one account wait to be decoded: more
	// than a busy publisher of batches has under way.
	bodiesWaiting = 256
)

// newDecoding bounds the decoding of large bodies, which costs as much memory and time
// as their sender likes, by what else the processors have to do.
func newDecoding() *gate {
	slots := max(2, runtime.GOMAXPROCS(0))
	return &gate{
		slots: slots, each: slots / 2, queue: bodiesWaiting, of: map[account]*readers{},
		full: "%d large bodies with this key are being read or wait for their turn, which is as many as may: send fewer at once, or smaller ones",
		late: "Too many large bodies are being read at this moment. Try again in a while",
	}
}

// begin waits for the account's turn. The caller calls done when its work is done.
func (r *gate) begin(ctx context.Context, a account) (done func(), err error) {
	turn, err := r.enter(a)
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(maxReadWait)
	defer patience.Stop()
	select {
	case <-turn:
		return func() { r.leave(a) }, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = &bellhop.Error{
			Code: CodeBusy, Detail: r.late,
			RetryAfter: 5 * time.Second,
		}
	}
	r.giveUp(a, turn)
	return nil, err
}

// enter takes a place: a channel that is closed when it is the account's turn.
func (r *gate) enter(a account) (chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.of[a]
	if of == nil {
		of = &readers{}
		r.of[a] = of
	}
	if len(of.waiting) >= r.queue {
		return nil, &bellhop.Error{
			Code: bellhop.CodeTooMany, RetryAfter: time.Second,
			Detail: fmt.Sprintf(r.full, of.running+len(of.waiting)),
		}
	}
	turn := make(chan struct{})
	of.waiting = append(of.waiting, turn)
	r.queueUp(a, of)
	r.next()
	return turn, nil
}

func (r *gate) leave(a account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(a)
}

// giveUp takes a place back. Its turn may have come just now.
func (r *gate) giveUp(a account, turn chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.of[a]
	if i := slices.Index(of.waiting, turn); i >= 0 {
		of.waiting = slices.Delete(of.waiting, i, i+1)
		r.forget(a, of)
		return
	}
	r.end(a)
}

func (r *gate) end(a account) {
	of := r.of[a]
	of.running--
	r.running--
	r.queueUp(a, of)
	r.forget(a, of)
	r.next()
}

// queueUp gives an account a turn, unless it has one or may not.
func (r *gate) queueUp(a account, of *readers) {
	if len(of.waiting) > 0 && of.running < r.each && !slices.Contains(r.turns, a) {
		r.turns = append(r.turns, a)
	}
}

// next lets those run whose turn it is, as far as there is room.
func (r *gate) next() {
	for r.running < r.slots && len(r.turns) > 0 {
		a := r.turns[0]
		r.turns = r.turns[1:]
		of := r.of[a]
		if of == nil || len(of.waiting) == 0 || of.running >= r.each {
			continue
		}
		close(of.waiting[0])
		of.waiting = of.waiting[1:]
		of.running++
		r.running++
		r.queueUp(a, of)
	}
}

func (r *gate) forget(a account, of *readers) {
	if of.running == 0 && len(of.waiting) == 0 {
		delete(r.of, a)
	}
}

// worksFor is the account whose bounds a call's work counts for.
func (c *Call) worksFor() account {
	if c.key.Portal && len(c.key.Scope.Apps) == 1 {
		return account{app: c.key.Scope.Apps[0]}
	}
	return account{key: c.account()}
}

// errTooLong is why a read's context ended.
var errTooLong = errors.New("reading took too long")

// inTurn runs a handler that looks through logs, in its account's turn and, where the
// route has filters that would help, for a limited time.
func (c *Call) inTurn(run func() error) error {
	limit := c.kit.o.ReadLimit
	done, err := c.kit.reading.begin(c.Context(), c.worksFor())
	if err != nil {
		return err
	}
	defer done()
	if len(c.route.filters) == 0 {
		return run()
	}
	ctx, cancel := context.WithTimeoutCause(c.Context(), limit, errTooLong)
	defer cancel()
	whole := c.r
	c.r = c.r.WithContext(ctx)
	err = run()
	c.r = whole
	if err != nil && errors.Is(context.Cause(ctx), errTooLong) {
		return c.tooBroad(limit)
	}
	return err
}

// Decoding runs what takes a body apart; of a large one, in its account's turn, unless
// the caller is gone by then.
func (c *Call) Decoding(body []byte, run func() error) error { return c.DecodingOf(len(body), run) }

// DecodingOf is Decoding for a body, or a part of one, of so many bytes.
func (c *Call) DecodingOf(size int, run func() error) error {
	if size <= largeBody {
		return run()
	}
	done, err := c.kit.decoding.begin(c.Context(), c.worksFor())
	if err != nil {
		return err
	}
	defer done()
	if err := c.Context().Err(); err != nil {
		return err
	}
	return run()
}

// tooBroad says which filters would make the question smaller.
func (c *Call) tooBroad(limit time.Duration) error {
	given := c.r.URL.Query()
	var others []string
	for _, f := range c.route.filters {
		if given.Get(f) == "" {
			others = append(others, f)
		}
	}
	detail := fmt.Sprintf("Looking through the logs for this took more than %s, and was ended. ", bellhop.Duration(limit))
	if len(others) > 0 {
		detail += "Narrow it down with " + strings.Join(others, ", or ")
	} else {
		detail += "Narrow the range of time down"
	}
	return &bellhop.Error{Code: bellhop.CodeTooBroad, Detail: detail}
}
