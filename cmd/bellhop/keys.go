package main

import (
	"context"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

func (p *program) keysVerb() *cobra.Command {
	return group("keys", "Who may use the API", "", p.keysList(), p.keysCreate(), p.keysDelete(), p.keysRecover())
}

func (p *program) keysList() *cobra.Command {
	var pg page
	var f client.KeyFilter
	var sessions bool
	cmd := p.apiVerb("list", "List keys and portal links, and sessions of the dashboard", "List keys and portal links; with --sessions or --kind session, who is signed in to the dashboard, too.", func(ctx context.Context, c *client.Client, _ []string) error {
		f.Limit = pg.size()
		keys := c.Keys(ctx, f)
		if !sessions && f.Kind == "" {
			keys = withoutSessions(keys)
		}
		header := []string{"KEY", "KIND", "ROLE", "APPS", "CREATED", "LAST USED", "EXPIRES", "NAME"}
		if sessions || f.Kind == "session" {
			header = append(header, "DEVICE")
		}
		return showList(p, keys, pg, "No key.", header,
			func(k client.Key) []cell {
				expires, name := dim("never"), text(k.Name)
				if !k.ExpiresAt.IsZero() {
					expires = p.when(k.ExpiresAt)
				}
				if k.Current {
					name = cell{text: strings.TrimSpace(k.Name + " (this one)"), style: strong}
				}
				kind := text("key")
				switch {
				case k.Portal:
					kind = dim("portal link")
				case k.Session != 0:
					kind = cell{text: "session of " + k.Session.String(), short: "session", style: faint}
				}
				row := []cell{text(k.ID.String()), kind, text(string(k.Role)), list(k.Apps, "all"), p.when(k.CreatedAt), p.when(k.LastUsedAt), expires, name, text(k.Device)}
				return row[:len(header)]
			})
	})
	cmd.Flags().StringVar(&f.Kind, "kind", "", "only this kind: key, portal or session")
	cmd.Flags().BoolVar(&sessions, "sessions", false, "also sessions of the dashboard")
	pg.flags(cmd.Flags())
	return cmd
}

// withoutSessions leaves out who is signed in to the dashboard.
func withoutSessions(keys iter.Seq2[client.Key, error]) iter.Seq2[client.Key, error] {
	return func(yield func(client.Key, error) bool) {
		for k, err := range keys {
			if (err != nil || k.Session == 0) && !yield(k, err) {
				return
			}
		}
	}
}

func (p *program) keysCreate() *cobra.Command {
	var in client.KeyInput
	var expires string
	cmd := p.apiVerb("create", "Create a key and show its token, this once",
		`Create a key. Its token is shown this once; only its hash is kept.

Roles: admin may do everything; publisher publishes events and reads what became of them;
editor manages endpoints and sees the logs; viewer looks.`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			if in.Role == "" {
				return usage("keys create needs --role: admin, publisher, editor or viewer")
			}
			if expires != "" {
				d, err := bellhop.ParseDuration(expires)
				if err != nil {
					return usage("--expires-in: %w", err)
				}
				in.ExpiresIn = d
			}
			k, err := c.CreateKey(ctx, in)
			if err != nil {
				return err
			}
			return p.show(k, func() {
				if k.Token != "" {
					p.print("%s", k.Token)
				} else {
					p.print("%s key %s created", p.mark(true), k.ID)
				}
			})
		})
	f := cmd.Flags()
	f.StringVar((*string)(&in.Role), "role", "", "admin, publisher, editor or viewer")
	f.StringSliceVar(&in.Apps, "app", nil, "limit the key to this `app`; may be repeated")
	f.StringVar(&in.Name, "name", "", "name for people")
	f.StringVar(&expires, "expires-in", "", "how long it is valid, such as 90d (default until it is deleted)")
	f.StringVar(&in.TokenSHA256, "token-sha256", "", "`hash` of a token that somebody has already, which goes on as this key, in hexadecimal digits")
	return cmd
}

func (p *program) keysDelete() *cobra.Command {
	return p.apiVerb("delete KEY", "End a key with its sessions, a portal link or a session at once", "", func(ctx context.Context, c *client.Client, args []string) error {
		k, err := idArg[id.Key](args[0])
		if err != nil {
			return err
		}
		if err := c.DeleteKey(ctx, k); err != nil {
			return err
		}
		return p.done("key %s deleted", k.String())
	})
}
