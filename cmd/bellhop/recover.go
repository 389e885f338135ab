package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/seal"
)

func (p *program) keysRecover() *cobra.Command {
	cmd := p.verb("recover", "Make a new admin key when all are lost, right in the database",
		`Write a new admin key right into the database, for when no key is left that works. Whoever
may write to the file, or has the password of the PostgreSQL database, may do this. With a file, the
server must be stopped meanwhile. Other keys stay: delete those that are lost.`,
		func(cmd *cobra.Command, _ []string) error { return p.recoverKey(cmd.Context()) })
	p.settings.add(cmd.Flags(), "database", "wait", "public-url", "listen")
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) recoverKey(ctx context.Context) error {
	path := p.settings.database
	quiet := slog.New(slog.DiscardHandler)
	if !p.settings.onPostgreSQL() {
		if _, err := os.Stat(path); err != nil {
			return noDatabase(path, err)
		}
	}
	store, err := p.openDatabase(ctx, quiet, nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // the key is on disk by then
	// The engine needs a master key, but a key of the API is not encrypted with
	// it, and nothing is delivered here: any will do.
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	ring, err := seal.NewRing(random)
	if err != nil {
		return err
	}
	e, err := engine.New(ctx, store, engine.Config{Sealer: ring, Logger: quiet})
	if err != nil {
		return err
	}
	defer func() { _ = store.Leave(context.WithoutCancel(ctx), e.Lease(), p.now()) }()
	k, token, err := desk.New(e, desk.Options{Logger: quiet}).CreateKey(ctx, bellhop.Owner(), bellhop.KeyRequest{Name: "recovered admin key", Role: bellhop.RoleAdmin})
	if err != nil {
		return fmt.Errorf("create a key: %w", err)
	}
	return p.show(wire.NewKey{Key: wire.KeyOf(k), Token: token}, func() {
		p.print("A new admin key, shown this once and stored nowhere:\n\n  export BELLHOP_KEY=%s\n", token)
		start := "Start the server again, and open"
		if store.server != nil {
			start = "Open"
		}
		p.print("%s this to sign in to the dashboard with it:\n\n  %s\n", start, signInLink(p.settings.publicBase(), token))
	})
}
