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
	"github.com/bellhop/bellhop/sqlite"
)

func (p *program) keysRecover() *cobra.Command {
	cmd := p.verb("recover", "Make a new admin key when all are lost; the server must be stopped",
		`Write a new admin key right into the database, for when no key is left that works. Whoever
may write to the file may do this. The server must be stopped meanwhile. Other keys stay:
delete those that are lost.`,
		func(cmd *cobra.Command, _ []string) error { return p.recoverKey(cmd.Context()) })
	p.settings.add(cmd.Flags(), "database", "public-url", "listen")
	p.jsonFlag(cmd)
	return cmd
}

func (p *program) recoverKey(ctx context.Context) error {
	path := p.settings.database
	if _, err := os.Stat(path); err != nil {
		return noDatabase(path, err)
	}
	store, err := sqlite.Open(ctx, path, sqlite.Options{Program: version()})
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
	quiet := slog.New(slog.DiscardHandler)
	e, err := engine.New(ctx, store, engine.Config{Sealer: ring, Logger: quiet})
	if err != nil {
		return err
	}
	k, token, err := desk.New(e, desk.Options{Logger: quiet}).CreateKey(ctx, bellhop.Owner(), bellhop.KeyRequest{Name: "recovered admin key", Role: bellhop.RoleAdmin})
	if err != nil {
		return fmt.Errorf("create a key: %w", err)
	}
	return p.show(wire.NewKey{Key: wire.KeyOf(k), Token: token}, func() {
		p.print("A new admin key, shown this once and stored nowhere:\n\n  export BELLHOP_KEY=%s\n", token)
		p.print("Start the server again, and open this to sign in to the dashboard with it:\n\n  %s\n", signInLink(p.settings.publicBase(), token))
	})
}
