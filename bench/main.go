// Command bench measures the built bellhop binary on the machine it runs on, as
// ratios against a bare loop of the same run: absolute figures mean little on a
// shared machine.
//
//	go run ./bench
//	go run ./bench -postgres postgres://postgres@localhost
//
// In one run it measures
//
//   - a bare loop that signs and POSTs with net/http, and stores nothing: the limit;
//   - the same through bellhop, from single durable publishes to arrival;
//   - again, with a transformation that reshapes each event, beside the same without;
//   - the latency of healthy endpoints, without and with others that hang;
//   - memory while idle.
//
// With -postgres it compares SQLite, PostgreSQL, and two nodes on PostgreSQL (postgres.go).
//
// Receiver, load and bellhop are processes that share the machine's cores.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"
)

// options are the flags.
type options struct {
	seconds     int
	connections int
	endpoints   int
	size        int
	rate        int
	hanging     int
	args        string
	database    string // "": a new SQLite file
	nodes       int
	postgres    string // where to make databases
	rounds      int
	held        time.Duration
	pending     int
	history     int
	transform   string // code of the endpoints' transformation
	json        bool
}

// report is what a run found.
type report struct {
	Cores         int     `json:"cores"`
	BareRate      float64 `json:"bare_net_http_per_second"`
	Rate          float64 `json:"bellhop_per_second"`
	Ratio         float64 `json:"ratio_to_bare"`
	AcceptRate    float64 `json:"accepted_per_second"`
	BareCPUMicros float64 `json:"bare_cpu_us_per_request"`
	CPUMicros     float64 `json:"cpu_us_per_event"`
	OwnCPUMicros  float64 `json:"bellhop_cpu_us_per_event"`
	// Transformed is to be compared with the plain rate that was measured beside it.
	PlainRate        float64 `json:"plain_per_second"`
	TransformedRate  float64 `json:"transformed_per_second"`
	TransformedRatio float64 `json:"transformed_to_plain"`

	Calm         latency `json:"healthy_latency_without_hanging"`
	Disturbed    latency `json:"healthy_latency_with_hanging"`
	P99Ratio     float64 `json:"p99_with_to_without"`
	IdleMemoryMB float64 `json:"idle_memory_mb"`
	BusyMemoryMB float64 `json:"busy_memory_mb"`
}

func main() {
	var o options
	flag.IntVar(&o.seconds, "seconds", 10, "length of each measured part")
	flag.IntVar(&o.connections, "connections", 256, "publishing connections, and requests in flight of the bare loop")
	flag.IntVar(&o.endpoints, "endpoints", 10, "endpoints; each event goes to one of them")
	flag.IntVar(&o.size, "size", 1024, "bytes of an event's data")
	flag.IntVar(&o.rate, "rate", 50, "events a second for each endpoint, in the part with hanging endpoints")
	flag.IntVar(&o.hanging, "hanging", 2, "endpoints that hang")
	flag.StringVar(&o.args, "args", "", "more arguments for bellhop serve")
	flag.BoolVar(&o.json, "json", false, "print the report as JSON")
	flag.StringVar(&o.postgres, "postgres", "", "compare with PostgreSQL instead: the URL of a server, as a role that may create databases")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured, in turns, with -postgres")
	flag.DurationVar(&o.held, "held", time.Minute, "how long a snapshot is held open, with -postgres")
	flag.IntVar(&o.pending, "pending", 1_000_000, "how many deliveries wait, with -postgres; 0 leaves that out")
	flag.IntVar(&o.history, "history", 5_000_000, "how many attempts are in the log, with -postgres; 0 leaves that out")
	receiver := flag.Bool("receiver", false, "be the receiver (the bench starts itself so)")
	flag.Parse()
	if *receiver {
		if err := receive(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: receiver:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "bellhop-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	say := func(format string, a ...any) {
		if !o.json {
			fmt.Printf(format+"\n", a...)
		}
	}
	r := report{Cores: runtime.NumCPU()}
	rcv, err := startReceiver(ctx)
	if err != nil {
		return err
	}
	defer rcv.close()
	say("%d cores, %d-byte events, %d connections, %d endpoints", r.Cores, o.size, o.connections, o.endpoints)

	if o.postgres != "" {
		return onPostgres(ctx, o, dir, rcv, say)
	}
	if r.BareRate, r.BareCPUMicros, err = bareLoop(ctx, o, rcv); err != nil {
		return fmt.Errorf("bare loop: %w", err)
	}
	say("bare loop (sign and POST with net/http)       %8.0f /s   1.00   (%.0f µs of CPU a request, receiver included)", r.BareRate, r.BareCPUMicros)

	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	l, err := throughput(ctx, o, dir, binary, rcv)
	if err != nil {
		return fmt.Errorf("throughput: %w", err)
	}
	r.Rate, r.Ratio, r.AcceptRate, r.OwnCPUMicros, r.CPUMicros = l.rate, l.rate/r.BareRate, l.acceptRate, l.ownCPU, l.cpu
	r.IdleMemoryMB, r.BusyMemoryMB = l.idleMemory, l.after
	say("bellhop, publish to arrival, durable          %8.0f /s   %.2f   (%.0f µs of CPU an event, %.0f of them its own)", r.Rate, r.Ratio, r.CPUMicros, r.OwnCPUMicros)

	if err := transformed(ctx, o, dir, binary, rcv, &r, say); err != nil {
		return fmt.Errorf("transformations: %w", err)
	}

	if r.Calm, err = paced(ctx, o, dir, binary, rcv, 0); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	say("healthy endpoints at %d/s each                 %s", o.rate, r.Calm)
	if r.Disturbed, err = paced(ctx, o, dir, binary, rcv, o.hanging); err != nil {
		return fmt.Errorf("latency with hanging endpoints: %w", err)
	}
	r.P99Ratio = float64(r.Disturbed.P99) / float64(r.Calm.P99)
	say("the same while %d of %d endpoints hang          %s   p99 × %.2f", o.hanging, o.endpoints, r.Disturbed, r.P99Ratio)
	say("memory                                        %8.0f MB idle, %.0f MB after the load", r.IdleMemoryMB, r.BusyMemoryMB)
	if o.json {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return nil
}

// reshape is a transformation as they are: it picks, renames, formats and joins.
const reshape = `function transform(event) {
  const { fill, ...rest } = event.data;
  return {
    headers: { "X-Event-Type": event.type },
    body: { text: "Event " + event.id + " of " + event.app, at: event.time, size: fill.length, fill, fields: Object.keys(rest).map((k) => k.toUpperCase()).join(", "), ...rest },
  };
}`

// transformed measures a load with and without a transformation, in turns: what else the
// machine does hits both alike.
func transformed(ctx context.Context, o options, dir, binary string, rcv *remote, r *report, say func(string, ...any)) error {
	const turns = 2
	half := o
	half.seconds = max(o.seconds/turns, 1)
	var plain, with, plainCPU, withCPU float64
	for range turns {
		for _, code := range []string{"", reshape} {
			half.transform = code
			l, err := throughput(ctx, half, dir, binary, rcv)
			if err != nil {
				return err
			}
			if code == "" {
				plain, plainCPU = plain+l.rate/turns, plainCPU+l.ownCPU/turns
			} else {
				with, withCPU = with+l.rate/turns, withCPU+l.ownCPU/turns
			}
		}
	}
	r.PlainRate, r.TransformedRate, r.TransformedRatio = plain, with, with/plain
	say("the same, each event transformed by a script  %8.0f /s   %.2f of %.0f /s without   (%.0f µs of bellhop's CPU an event, %.0f without)",
		with, r.TransformedRatio, plain, withCPU, plainCPU)
	return nil
}

// latency is a distribution of times from publish to arrival.
type latency struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
}

func (l latency) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("p50 %.1f ms  p99 %.1f ms  max %.1f ms  (%d events)", ms(l.P50), ms(l.P99), ms(l.Max), l.Count)
}
