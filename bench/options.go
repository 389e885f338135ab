package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
	list, compare, markdown, receiver   bool
	files                               []string // what is no flag
}

// parse reads the flags. It prints what they are where that is asked for (flag.ErrHelp).
func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // all flags after each mistake would hide it
	f.DurationVar(&o.part, "part", 5*time.Second, "length of each measured part")
	f.DurationVar(&o.steady, "steady", time.Minute, "length of the part with 500 events a second")
	f.IntVar(&o.rounds, "rounds", 5, "how often each is measured, in turns")
	f.IntVar(&o.connections, "connections", 64, "connections that publish single events")
	f.IntVar(&o.inFlight, "in-flight", 64, "requests in flight of the bare loops")
	f.IntVar(&o.size, "size", 1024, "bytes of an event's data")
	f.IntVar(&o.pending, "pending", usualSizes["pending"], "how many deliveries wait")
	f.IntVar(&o.history, "history", usualSizes["history"], "how many attempts are in the log")
	f.IntVar(&o.many, "many", usualSizes["many"], "how many endpoints are very many")
	f.IntVar(&o.hang, "hang", usualSizes["hang"], "how many requests hang, in hundreds")
	f.IntVar(&o.flood, "flood", usualSizes["flood"], "how many events flood one endpoint, in hundreds")
	f.BoolVar(&o.quick, "quick", false, "short parts, two rounds and small sizes, where they are not given")
	f.StringVar(&o.only, "only", "", "a regular `expression`: measure the scenarios that match")
	f.BoolVar(&o.list, "list", false, "list the scenarios, and stop")
	f.StringVar(&o.args, "args", "", "more arguments for bellhop serve")
	f.StringVar(&o.binary, "binary", "", "the bellhop to measure (default: it is built)")
	f.StringVar(&o.dir, "dir", "", "`folder` for the databases, on the disk that is to be measured (default that of temporary files)")
	f.StringVar(&o.json, "json", "", "write what was found to a `file`, after each round")
	f.BoolVar(&o.silent, "silent", false, "don't tell how far the run is")
	f.BoolVar(&o.compare, "compare", false, "compare two files of -json: the old one, and the new one")
	f.BoolVar(&o.markdown, "markdown", false, "print a file of -json, or what is measured now, as a table for docs/performance.md")
	f.StringVar(&o.postgres, "postgres", "", "measure on PostgreSQL, too: the `URL` of a server, as a role that may create databases")
	f.DurationVar(&o.held, "held", time.Minute, "how long a snapshot is held open, with -postgres")
	f.BoolVar(&o.receiver, "receiver", false, "be the receiver (the bench starts itself so)")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Println("Usage of bench:")
		f.SetOutput(os.Stdout)
		f.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w: see -help", err)
	}
	o.files = f.Args()
	if o.quick {
		o.hasten(f)
	}
	return o, nil
}

// hasten makes short and small what was not given.
func (o *options) hasten(from *flag.FlagSet) {
	given := map[string]bool{}
	from.Visit(func(f *flag.Flag) { given[f.Name] = true })
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

// mostSize is the bytes of data of which batches of 100 events may still be under way on all
// connections that publish them: with more, bellhop serve is busy (--max-memory, of which a
// key gets half), and above that it reads no such batch (16 MiB) or event (--max-data).
const mostSize = 64 << 10

// mostPart is far more than anybody measures, and less than what a time to wait overflows at.
const mostPart = 24 * time.Hour

// check says which number is out of its bounds: the first, by its flag.
func (o *options) check() error {
	for _, n := range []struct {
		flag                string
		is, least, most, of int    // most 0: as many as one likes
		why                 string // of the most
	}{
		{flag: "rounds", is: o.rounds, least: 1, most: 1000},
		{flag: "connections", is: o.connections, least: 1, most: 10_000},
		{flag: "in-flight", is: o.inFlight, least: 1, most: 10_000},
		{flag: "size", is: o.size, least: 100, most: mostSize, why: ": of more, bellhop serve does not take 16 batches of 100 at once (--max-memory)"},
		{flag: "pending", is: o.pending, least: 1},
		{flag: "history", is: o.history, least: 1},
		{flag: "many", is: o.many, least: 1, most: 100_000, why: ": bellhop serve takes no more endpoints of an app"},
		{flag: "hang", is: o.hang, least: 100, most: 400_000, of: 100, why: ": bellhop serve has to be let make twice as many requests at once, and takes no more than a million"},
		{flag: "flood", is: o.flood, least: 100, of: 100},
	} {
		switch {
		case n.is < n.least:
			return fmt.Errorf("-%s must be at least %d, not %d", n.flag, n.least, n.is)
		case n.most > 0 && n.is > n.most:
			return fmt.Errorf("-%s must be at most %d, not %d%s", n.flag, n.most, n.is, n.why)
		case n.of > 0 && n.is%n.of != 0:
			return fmt.Errorf("-%s must be whole hundreds, such as %d, not %d", n.flag, n.is/n.of*n.of, n.is)
		}
	}
	const least = 100 * time.Millisecond
	for _, d := range []struct {
		flag string
		is   time.Duration
	}{{"part", o.part}, {"steady", o.steady}, {"held", o.held}} {
		switch {
		case d.is < least:
			return fmt.Errorf("-%s must be at least %v, not %v", d.flag, least, d.is)
		case d.is > mostPart:
			return fmt.Errorf("-%s must be at most %v, not %v", d.flag, mostPart, d.is)
		}
	}
	return nil
}

// program is what is built where none is named.
const program = "github.com/bellhop/bellhop/cmd/bellhop"

// named finds the program of -binary or, where it is to be built, looks whether it can be:
// "" then. Each scenario would find out by itself otherwise.
func (o *options) named(ctx context.Context) (string, error) {
	if o.binary == "" {
		switch err := exec.CommandContext(ctx, "go", "list", program).Run(); {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.Is(err, exec.ErrNotFound):
			return "", errors.New("there is no Go to build Bellhop with: name a program that is built by -binary")
		case err != nil:
			return "", errors.New("this is not the folder of Bellhop's source, from which it is built: go there, or name a program by -binary")
		}
		return "", nil
	}
	found, err := exec.LookPath(o.binary)
	if err != nil {
		return "", fmt.Errorf("-binary: %w", err)
	}
	if found, err = filepath.Abs(found); err != nil {
		return "", fmt.Errorf("-binary: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if said, err := exec.CommandContext(ctx, found, "version").Output(); err != nil || !bytes.HasPrefix(said, []byte("bellhop ")) {
		return "", fmt.Errorf("-binary: %s is no Bellhop: it does not tell its version", o.binary)
	}
	return found, nil
}

// writable fails where a file cannot be written. It leaves it as it is: there, or not.
func writable(path string) error {
	if path == "" {
		return nil
	}
	about, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return err
	case !missing && !about.Mode().IsRegular() && !about.IsDir():
		return nil // opening a pipe would wait for who reads it
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = f.Close()
	if missing {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
