package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// lab is what a run works with.
type lab struct {
	o    options
	size int // bytes of an event's data
	dir  string
	// postgres is nil unless that is measured, too.
	postgres *postgresServer
	binary   string
	cert     *certificate
	rcv      *remote
	out      io.Writer

	results  *results
	fixtures map[string]*home
	checked  atomic.Int64
	cleaning []func()
}

// patience is how long a server may take to end in order.
const patience = 30 * time.Second

func newLab(ctx context.Context, o options) (_ *lab, err error) {
	l := &lab{o: o, size: o.size, results: newResults(o), fixtures: map[string]*home{}, out: os.Stderr}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.dir, err = os.MkdirTemp(o.dir, "bellhop-bench-"); err != nil {
		return nil, fmt.Errorf("make a folder for the databases (-dir): %w", err)
	}
	l.cleanUp(func() { _ = os.RemoveAll(l.dir) })
	if l.cert, err = newCertificate(l.dir); err != nil {
		return nil, err
	}
	if l.rcv, err = startReceiver(ctx, l.cert, l.dir); err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	l.cleanUp(l.rcv.close)
	if l.binary = o.binary; l.binary == "" {
		if l.binary, err = build(ctx, l.dir); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *lab) cleanUp(f func()) { l.cleaning = append(l.cleaning, f) }

func (l *lab) close() {
	for _, f := range slices.Backward(l.cleaning) {
		f()
	}
}

// say tells how far the run is.
func (l *lab) say(format string, a ...any) {
	if !l.o.silent {
		fmt.Fprintf(l.out, format+"\n", a...)
	}
}

// patience is how long all deliveries of a load may take to arrive.
func (l *lab) patience() time.Duration { return 5*time.Minute + 20*l.o.part }

// glance is how long a limit is measured beside a scenario.
func (l *lab) glance() time.Duration { return max(l.o.part/4, 500*time.Millisecond) }

// scenario is one way to use Bellhop, measured in each round.
type scenario struct {
	name string
	// once: it is measured once in a run, not in each round.
	once bool
	run  func(ctx context.Context, l *lab) error
}

// run measures all scenarios, in turns: what else the machine does hits all alike.
func (l *lab) run(ctx context.Context, all []scenario) error {
	var failed []string
	broken := map[string]bool{}
	for round := range l.o.rounds {
		for _, sc := range all {
			if sc.once && round < l.o.rounds-1 || broken[sc.name] {
				continue
			}
			began := time.Now()
			err := guarded(func() error { return sc.run(ctx, l) })
			if ctx.Err() != nil {
				return ctx.Err()
			}
			switch {
			case err != nil:
				broken[sc.name] = true
				failed = append(failed, fmt.Sprintf("%s: %v", sc.name, err))
				l.results.note("%s failed: %v", sc.name, err)
				l.say("round %d of %d: %-12s FAILED: %v", round+1, l.o.rounds, sc.name, err)
			default:
				l.say("round %d of %d: %-12s %5.1f s", round+1, l.o.rounds, sc.name, time.Since(began).Seconds())
			}
		}
		l.results.Checked = l.checked.Load()
		if l.o.json != "" {
			if err := l.results.save(l.o.json); err != nil {
				return err
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d scenarios failed, the first: %s", len(failed), failed[0])
	}
	return nil
}
