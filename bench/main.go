// Command bench measures the built bellhop binary on the machine it runs on, each figure
// beside its limit: what the same machine did in the same minute where nothing is stored.
// Absolute figures mean little on a shared machine.
//
//	go run ./bench                          everything, in about half an hour
//	go run ./bench -quick                   short, with small sizes, to develop with
//	go run ./bench -only 'batch|single'     some scenarios (-list shows them)
//	go run ./bench -json new.json           what was found, also for other programs
//	go run ./bench -compare old.json new.json
//	go run ./bench -markdown new.json       the table of docs/performance.md
//	go run ./bench -postgres postgres://postgres@localhost
//
// Receiver, publisher and bellhop are processes that share the machine's cores. The way to
// read it: scenarios.go lists what is measured, catalogue.go what that is seen beside;
// load.go publishes, receiver.go takes what is delivered, and ledger.go notes it, since each
// delivery that was acknowledged has to arrive once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
)

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	fail(err)
	if o.receiver {
		fail(receive())
		return
	}
	if o.compare {
		if len(o.files) != 2 {
			fail(fmt.Errorf("-compare takes two files: the old one and the new one"))
		}
		fail(compareFiles(os.Stdout, o.files[0], o.files[1]))
		return
	}
	if o.markdown && len(o.files) == 1 {
		r, err := loadResults(o.files[0])
		fail(err)
		fail(r.markdown(os.Stdout))
		return
	}
	if len(o.files) > 0 {
		fail(fmt.Errorf("unknown argument %q: see -help", o.files[0]))
	}
	fail(o.check())
	chosen, err := o.choose()
	fail(err)
	if o.list {
		for _, sc := range chosen {
			fmt.Println(sc.name)
		}
		return
	}
	debug.SetGCPercent(400) // as bellhop does
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	r, err := measure(ctx, o, chosen)
	stop()
	if r != nil {
		print := r.print
		if o.markdown {
			print = r.markdown
		}
		fail(print(os.Stdout))
	}
	fail(err)
}

// choose gives the scenarios that are asked for.
func (o *options) choose() ([]scenario, error) {
	all := scenarios(*o)
	if o.postgres != "" {
		all = append(all, onPostgres()...)
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	all = slices.DeleteFunc(all, func(sc scenario) bool { return !only.MatchString(sc.name) })
	if len(all) == 0 {
		return nil, fmt.Errorf("no scenario is called %s: -list shows them", strconv.Quote(o.only))
	}
	return all, nil
}

// measure does a whole run. It gives what was found also where something failed.
func measure(ctx context.Context, o options, chosen []scenario) (*results, error) {
	var err error
	if o.binary, err = o.named(ctx); err != nil {
		return nil, err
	}
	if err := writable(o.json); err != nil {
		return nil, fmt.Errorf("-json: %w", err)
	}
	l, err := newLab(ctx, o)
	if err != nil {
		return nil, err
	}
	defer l.close()
	if o.postgres != "" {
		if l.postgres, err = connectPostgres(ctx, o.postgres); err != nil {
			return nil, err
		}
		l.cleanUp(l.postgres.close)
		l.results.note("PostgreSQL %s", l.postgres.text(ctx, "SHOW server_version"))
	}
	err = l.run(ctx, chosen)
	return l.results, err
}
