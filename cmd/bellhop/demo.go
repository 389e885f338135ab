package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/examples/demo"
)

func (p *program) demoVerb() *cobra.Command {
	var listen string
	var check bool
	cmd := p.verb("demo", "Show it: the service, two sample platforms and their receivers, in a browser",
		`Show what Bellhop is for. One command runs the service on a temporary database, two small
platforms that publish events (a ticket seller and the app of a house), and receivers that
verify each signature and do something with each event: a service desk, a door access system,
a spreadsheet, a back office, a mailbox, a chat, and some that are in trouble.

It prints one link, which opens all of their pages and the dashboard. Nothing leaves this
machine, and nothing is left of it when the demo ends (Ctrl-C).

With --check it fires the story's events, says of every state whether it is right, and exits
with 0 only if all are.`,
		func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context(), listen, check) })
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`address` (host:port) of the pages, on this machine; port 0 is any that is free")
	cmd.Flags().BoolVar(&check, "check", false, "run the story without a browser, and fail unless every state is right")
	cmd.Flags().SortFlags = false
	return cmd
}

// demo serves on a temporary database and puts the demo around it, until ctx ends or the
// check is over.
func (p *program) demo(ctx context.Context, listen string, check bool) (err error) {
	if !onThisMachine(listen) {
		return usage("listen: the demo is for this machine alone: name a loopback address such as 127.0.0.1:8421")
	}
	dir, err := os.MkdirTemp("", "bellhop-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	// The service has the defaults, whatever the environment says of others.
	p.settings = newSettings()
	s := p.settings
	s.listen, s.database, s.dev, s.logLevel, s.drainTimeout = "127.0.0.1:0", filepath.Join(dir, "bellhop.db"), true, "error", 3*time.Second
	log := p.err
	if check {
		p.err = io.Discard // the troubles are on purpose
		defer func() { p.err = log }()
	}

	serving, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan started, 1), make(chan error, 1)
	go func() {
		err := p.serve(serving, func(at started) { ready <- at })
		stop() // without it the demo has nothing to show
		ended <- err
	}()
	select {
	case at := <-ready:
		err = p.around(serving, at, dir, listen, check)
		stop()
		return errors.Join(err, <-ended)
	case err := <-ended:
		return err
	}
}

// onThisMachine tells whether nobody else can reach an address.
func onThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip, notIP := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || notIP == nil && ip.IsLoopback())
}

// around puts the demo around a service that runs.
func (p *program) around(ctx context.Context, at started, dir, listen string, check bool) error {
	d, err := demo.New(ctx, demo.Config{Bellhop: p.settings.localURL(at.address), Key: at.adminKey, Dir: dir, Listen: listen})
	if err != nil {
		return fmt.Errorf("start the demo: %w", err)
	}
	defer d.Close()
	if check {
		switch right := d.Check(ctx, p.out); {
		case ctx.Err() != nil:
			return ctx.Err()
		case !right:
			return errSilent
		}
		return nil
	}
	p.print("Bellhop's demo is running. Open this link:\n\n  %s\n\nCtrl-C ends it, and leaves nothing behind.", d.Link())
	d.Run(ctx)
	return nil
}
