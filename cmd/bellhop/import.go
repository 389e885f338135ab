package main

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/internal/foreign/convoy"
	"github.com/bellhop/bellhop/internal/foreign/svix"
)

const importLong = `Its database is only read, and everything is read before anything is changed here. Nothing is
deleted; what is gone there is named. It may be run again, after it was interrupted or to follow
what has changed there since; what did not change there stays as it is here. What has no counterpart
is listed at the end.

The address is postgres://USER@HOST/DATABASE; PGPASSWORD or ~/.pgpass have the password.`

func (p *program) importSvixVerb() *cobra.Command {
	var a applied
	var from, secretFile string
	o := svix.Options{Dialect: "svix"}
	cmd := p.apiVerb("svix", "Take over what a self-hosted Svix has",
		"Take over the applications, endpoints and event types of a self-hosted Svix from its database.\n"+
			"Endpoints keep their secrets, also those that were rotated away, so that no receiver notices.\n"+
			"Applications keep their ids and uids; endpoints keep their uids, and their ids as former_id.\n\n"+importLong,
		func(ctx context.Context, c *client.Client, _ []string) error {
			var err error
			if o.MainSecret, err = readSecretFile("main-secret-file", secretFile); err != nil {
				return err
			}
			if o.Dialects, err = c.Dialects(ctx); err != nil {
				return err
			}
			return p.takeOver(ctx, c, a, from, func(progress foreign.Progress) (*foreign.Import, error) {
				return svix.Read(ctx, from, o, progress)
			})
		})
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "address of Svix's database")
	f.StringVar(&secretFile, "main-secret-file", "", "`file` with the main_secret of the Svix server, if it has one")
	f.StringVar(&o.Org, "org", "", "the organization to take over (default the only one)")
	f.StringVar(&o.Dialect, "dialect", o.Dialect, "`dialect` of the endpoints: raw, where the Svix server had whitelabel_headers")
	f.BoolVar(&a.planOnly, "dry-run", false, "say what would be done, and do nothing")
	a.followFlags(cmd)
	return cmd
}

func (p *program) importConvoyVerb() *cobra.Command {
	var a applied
	var from, keyFile string
	var apps []string
	var o convoy.Options
	cmd := p.apiVerb("convoy", "Take over what a Convoy has",
		"Take over the projects that send, their endpoints and event types, from the database of a Convoy.\n"+
			"Endpoints keep their secrets, and requests are signed as before, so that no receiver notices.\n"+
			"Each owner of endpoints becomes an app, and each project one for endpoints without an owner.\n"+
			"Endpoints keep their ids as former_id.\n\n"+importLong,
		func(ctx context.Context, c *client.Client, _ []string) error {
			var err error
			if o.EncryptionKey, err = readSecretFile("encryption-key-file", keyFile); err != nil {
				return err
			}
			if o.Apps, err = ownersApps(apps); err != nil {
				return err
			}
			if o.Dialects, err = c.Dialects(ctx); err != nil {
				return err
			}
			if o.Here, err = whatIsHere(ctx, c); err != nil {
				return err
			}
			return p.takeOver(ctx, c, a, from, func(progress foreign.Progress) (*foreign.Import, error) {
				return convoy.Read(ctx, from, o, progress)
			})
		})
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "address of Convoy's database")
	f.StringVar(&keyFile, "encryption-key-file", "", "`file` with the key with which Convoy encrypts its database, if it does")
	f.BoolVar(&o.IntoExisting, "into-existing-apps", false, "put endpoints into apps of their owners' ids that are here already and did not come from there")
	f.StringArrayVar(&apps, "app", nil, "put an owner's endpoints into this app: `OWNER=APP`; may be given more than once")
	f.BoolVar(&a.planOnly, "dry-run", false, "say what would be done, and do nothing")
	a.followFlags(cmd)
	a.credentialsFlag(cmd)
	return cmd
}

// ownersApps reads what --app has: apps by owner.
func ownersApps(flags []string) (map[string]string, error) {
	apps := map[string]string{}
	for _, flag := range flags {
		i := strings.LastIndexByte(flag, '=') // an owner may be called anything
		if i < 1 || i == len(flag)-1 {
			return nil, usage("--app %q: write it like --app OWNER=APP", flag)
		}
		if _, twice := apps[flag[:i]]; twice {
			return nil, usage("--app gives %q two apps", flag[:i])
		}
		apps[flag[:i]] = flag[i+1:]
	}
	return apps, nil
}

// whatIsHere reads the apps and endpoints of the server.
func whatIsHere(ctx context.Context, c *client.Client) (here convoy.Here, err error) {
	for app, err := range c.Apps(ctx) {
		if err != nil {
			return here, err
		}
		here.Apps = append(here.Apps, app)
	}
	for e, err := range c.Endpoints(ctx, client.EndpointFilter{Limit: 250}) {
		if err != nil {
			return here, err
		}
		here.Endpoints = append(here.Endpoints, e)
	}
	return here, nil
}

// takeOver reads what another product has, and makes the server have it.
func (p *program) takeOver(ctx context.Context, c *client.Client, a applied, from string, read func(foreign.Progress) (*foreign.Import, error)) error {
	if from == "" {
		return usage("--from is missing: give the address of the database, postgres://USER@HOST/DATABASE")
	}
	progress := p.progressOf()
	in, err := read(func(what string, n int) { progress(what+" read", n) })
	p.progressEnd()
	if err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(in.Document.Objects)) {
		p.note("%d %s read", len(in.Document.Objects[kind]), strings.ReplaceAll(string(kind), "_", " "))
	}
	a.Origin, a.odd = &in.Origin, in.Odd
	err = p.makeSo(ctx, c, in.Document, a)
	if len(in.Lost) > 0 && !p.json {
		p.note("Not taken over:")
	}
	for _, line := range in.Lost {
		p.remark("  ", line)
	}
	return err
}

// showOdd says what is not as the product writes it.
func (p *program) showOdd(o foreign.Odd) error {
	switch {
	case p.json:
		return p.printJSON(o)
	case o.Field == "":
		p.note("%s %s %s: it is left out, since %s", p.mark(false), o.Kind, clean(o.Name), clean(o.Why))
	default:
		p.note("%s %s %s: it is taken over without %s, since %s", p.style.paint(wait, "!"), o.Kind, clean(o.Name), clean(o.Field), clean(o.Why))
		if o.More > 0 {
			p.note("  … and %d more parts of the %s %s", o.More, o.Kind, clean(o.Name))
		}
	}
	return nil
}

// progressOf shows how much of something is done, not more often than is of use.
func (p *program) progressOf() func(what string, n int) {
	shown := p.now()
	return func(what string, n int) {
		if now := p.now(); now.Sub(shown) > progressEvery {
			shown = now
			p.progress("%d %s", n, what)
		}
	}
}

// progressEvery is how often progress is shown.
const progressEvery = 200 * time.Millisecond

// readSecretFile reads a secret from a file, without the line break at its end; "" without
// a file.
func readSecretFile(flag, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", usage("--%s: %w", flag, err)
	}
	if secret := strings.TrimRight(string(b), "\r\n"); secret != "" {
		return secret, nil
	}
	return "", usage("--%s: the file %s is empty", flag, path)
}
