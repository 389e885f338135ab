package main

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/recipe"
)

// Somebody who presses the tab key waits, and has no use for a message: a server that
// is slow, gone or wants another key completes nothing.
const (
	completionTime = time.Second
	maxCompletions = 100
)

// names lists what an argument or a flag may be, each with a description after a tab.
type names func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error]

// completions are the names by the word that verbs have for them.
var completions = map[string]names{
	"APP": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		return naming(c.Apps(ctx), func(a bellhop.App) (string, string) { return a.ID, a.Name })
	},
	"ENDPOINT": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		return naming(c.Endpoints(ctx, client.EndpointFilter{Limit: maxCompletions}), func(e bellhop.Endpoint) (string, string) {
			return e.ID.String(), cmp.Or(e.Name, e.URL)
		})
	},
	"EVENT": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		return naming(c.Events(ctx, client.EventFilter{Limit: maxCompletions}), func(e client.Event) (string, string) {
			return e.ID.String(), e.Type + " in " + e.App
		})
	},
	"DELIVERY": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		return naming(c.Deliveries(ctx, client.DeliveryFilter{Limit: maxCompletions}), func(d client.Delivery) (string, string) {
			return d.ID.String(), string(d.Status) + ", " + d.Type + " in " + d.App
		})
	},
	"ATTEMPT": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		return naming(c.Attempts(ctx, client.AttemptFilter{Limit: maxCompletions}), func(a client.Attempt) (string, string) {
			return a.ID.String(), string(a.Status) + ", " + a.Type + " in " + a.App
		})
	},
	"KEY": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		return naming(c.Keys(ctx, client.KeyFilter{Limit: maxCompletions}), func(k client.Key) (string, string) {
			return k.ID.String(), cmp.Or(k.Name, string(k.Role))
		})
	},
	"TYPE": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		return naming(c.EventTypes(ctx), func(t bellhop.EventType) (string, string) { return t.Name, t.Description })
	},
	"DIALECT": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		list, err := c.Dialects(ctx)
		return naming(whole(list, err), func(d dialect.Definition) (string, string) { return d.Name, d.Description })
	},
	"RECIPE": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		list, err := c.Recipes(ctx)
		return naming(whole(list, err), func(r recipe.Definition) (string, string) { return r.Name, r.Title })
	},
	"INBOX": func(ctx context.Context, c *client.Client) iter.Seq2[cobra.Completion, error] {
		list, err := c.Inboxes(ctx, "")
		return naming(whole(list, err), func(in client.Inbox) (string, string) { return in.Token, in.App })
	},
}

func naming[T any](items iter.Seq2[T, error], name func(T) (string, string)) iter.Seq2[cobra.Completion, error] {
	return func(yield func(cobra.Completion, error) bool) {
		for item, err := range items {
			id, what := name(item)
			// The file names of shells end at what cannot be seen, and descriptions at a tab.
			if !yield(cobra.CompletionWithDesc(clean(id), cut(clean(what), 60)), err) {
				return
			}
		}
	}
}

// completeNames lets shells complete a verb's arguments and flags that name what the
// server has.
func (p *program) completeNames(cmd *cobra.Command) {
	_, synopsis, _ := strings.Cut(cmd.Use, " ")
	words := strings.Fields(strings.NewReplacer("[", "", "]", "", "…", "", "URL|", "").Replace(synopsis))
	server := cmd.Flags().Lookup("server") != nil // it uses the API
	if server && len(words) > 0 {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			word := words[min(len(args), len(words)-1)]
			if len(args) >= len(words) && !strings.Contains(synopsis, "…") {
				word = ""
			}
			return p.namesOf(cmd.Context(), word, begun), cobra.ShellCompDirectiveNoFileComp
		}
	}
	for _, flag := range []string{"app", "endpoint", "event", "delivery", "type"} {
		if f := cmd.Flags().Lookup(flag); !server || f == nil {
			continue
		}
		_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return p.namesOf(cmd.Context(), strings.ToUpper(flag), begun), cobra.ShellCompDirectiveNoFileComp
		}) // the flag is there, and once
	}
}

// namesOf gives the names of a kind that begin as one was begun; none where they cannot
// be had at once.
func (p *program) namesOf(ctx context.Context, kind, begun string) []cobra.Completion {
	list, ok := completions[kind]
	if !ok || p.settings.load(p.environ) != nil {
		return nil
	}
	c, err := p.connectWith(&http.Client{Timeout: completionTime})
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	var found []cobra.Completion
	looked := 0
	for name, err := range list(ctx, c) {
		if looked++; err != nil || looked > maxCompletions*10 || len(found) == maxCompletions {
			break
		}
		if strings.HasPrefix(name, begun) {
			found = append(found, name)
		}
	}
	return found
}
