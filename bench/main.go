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
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	part, steady                        time.Duration
	rounds, connections, inFlight, size int
	pending, history, many, hang, flood int
	quick, silent                       bool
	only, args, binary, dir, json       string
	postgres                            string
	held                                time.Duration
}

func main() {
	var o options
	var list, compare, markdown, receiver bool
	flag.DurationVar(&o.part, "part", 5*time.Second, "length of each measured part")
	flag.DurationVar(&o.steady, "steady", time.Minute, "length of the part with 500 events a second")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured, in turns")
	flag.IntVar(&o.connections, "connections", 64, "connections that publish single events")
	flag.IntVar(&o.inFlight, "in-flight", 64, "requests in flight of the bare loops")
	flag.IntVar(&o.size, "size", 1024, "bytes of an event's data")
	flag.IntVar(&o.pending, "pending", usualSizes["pending"], "how many deliveries wait")
	flag.IntVar(&o.history, "history", usualSizes["history"], "how many attempts are in the log")
	flag.IntVar(&o.many, "many", usualSizes["many"], "how many endpoints are very many")
	flag.IntVar(&o.hang, "hang", usualSizes["hang"], "how many requests hang, in hundreds")
	flag.IntVar(&o.flood, "flood", usualSizes["flood"], "how many events flood one endpoint, in hundreds")
	flag.BoolVar(&o.quick, "quick", false, "short parts, two rounds and small sizes, where they are not given")
	flag.StringVar(&o.only, "only", "", "a regular `expression`: measure the scenarios that match")
	flag.BoolVar(&list, "list", false, "list the scenarios, and stop")
	flag.StringVar(&o.args, "args", "", "more arguments for bellhop serve")
	flag.StringVar(&o.binary, "binary", "", "the bellhop to measure (default: it is built)")
	flag.StringVar(&o.dir, "dir", "", "`folder` for the databases, on the disk that is to be measured (default that of temporary files)")
	flag.StringVar(&o.json, "json", "", "write what was found to a `file`, after each round")
	flag.BoolVar(&o.silent, "silent", false, "don't tell how far the run is")
	flag.BoolVar(&compare, "compare", false, "compare two files of -json: the old one, and the new one")
	flag.BoolVar(&markdown, "markdown", false, "print a file of -json, or what is measured now, as a table for docs/performance.md")
	flag.StringVar(&o.postgres, "postgres", "", "measure on PostgreSQL, too: the `URL` of a server, as a role that may create databases")
	flag.DurationVar(&o.held, "held", time.Minute, "how long a snapshot is held open, with -postgres")
	flag.BoolVar(&receiver, "receiver", false, "be the receiver (the bench starts itself so)")
	flag.Parse()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	if receiver {
		fail(receive())
		return
	}
	if compare {
		if flag.NArg() != 2 {
			fail(fmt.Errorf("-compare takes two files: the old one and the new one"))
		}
		fail(compareFiles(os.Stdout, flag.Arg(0), flag.Arg(1)))
		return
	}
	if markdown && flag.NArg() == 1 {
		r, err := loadResults(flag.Arg(0))
		fail(err)
		fail(r.markdown(os.Stdout))
		return
	}
	if flag.NArg() > 0 {
		fail(fmt.Errorf("unknown argument %q: see -help", flag.Arg(0)))
	}
	if o.quick {
		o.hasten()
	}
	chosen, err := o.choose()
	fail(err)
	if list {
		for _, sc := range chosen {
			fmt.Println(sc.name)
		}
		return
	}
	debug.SetGCPercent(400) // as bellhop does
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, err := measure(ctx, o, chosen)
	stop()
	if r != nil {
		print := r.print
		if markdown {
			print = r.markdown
		}
		fail(print(os.Stdout))
	}
	fail(err)
}

// hasten makes short and small what was not given.
func (o *options) hasten() {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	quick := map[string]func(){
		"part": func() { o.part = 2 * time.Second }, "steady": func() { o.steady = 10 * time.Second }, "rounds": func() { o.rounds = 2 },
		"pending": func() { o.pending = 50_000 }, "history": func() { o.history = 100_000 }, "many": func() { o.many = 1000 },
		"hang": func() { o.hang = 500 }, "flood": func() { o.flood = 20_000 }, "held": func() { o.held = 10 * time.Second },
	}
	for name, set := range quick {
		if !given[name] {
			set()
		}
	}
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
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("no scenario is called %s: -list shows them", strconv.Quote(o.only))
	case o.rounds < 1 || o.part < 100*time.Millisecond || o.connections < 1 || o.inFlight < 1 || o.size < 100 || o.hang < 100 || o.flood < 100:
		return nil, fmt.Errorf("-rounds, -connections and -in-flight must be at least 1, -part 100ms, and -size, -hang and -flood 100")
	}
	return all, nil
}

// measure does a whole run. It gives what was found also where something failed.
func measure(ctx context.Context, o options, chosen []scenario) (*results, error) {
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
