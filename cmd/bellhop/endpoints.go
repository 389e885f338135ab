package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

func (p *program) endpointsVerb() *cobra.Command {
	return group("endpoints", "Where events are delivered to, and how", "",
		p.endpointsList(), p.endpointsGet(), p.endpointsCreate(), p.endpointsUpdate(), p.endpointsDelete(),
		p.endpointsPause(), p.endpointsResume(), p.endpointsTry(), p.endpointsTest(), p.endpointsSecret(), p.endpointsRotate(),
		p.endpointsStats())
}

func (p *program) endpointsList() *cobra.Command {
	var pg page
	var filter client.EndpointFilter
	cmd := p.apiVerb("list", "List endpoints", "", func(ctx context.Context, c *client.Client, _ []string) error {
		filter.Limit = pg.size()
		return showList(p, c.Endpoints(ctx, filter), pg, "No endpoint: 'bellhop endpoints create URL --app APP' makes one.",
			[]string{"ENDPOINT", "HEALTH", "APPS", "EVENTS", "DIALECT", "NAME", "URL"},
			func(e bellhop.Endpoint) []cell {
				state := health(&e)
				if e.Locked {
					state.text += ", locked"
				}
				return []cell{
					text(e.ID.String()), state, list(e.Apps, "–"), list(e.Events, "all"),
					text(e.Dialect), text(e.Name), text(e.URL),
				}
			})
	})
	f := cmd.Flags()
	f.StringVar(&filter.App, "app", "", "only those that listen to this app")
	f.StringVar(&filter.UID, "uid", "", "only those with this `uid` or former id")
	f.StringVar((*string)(&filter.Status), "status", "", "only active, paused or disabled ones")
	f.StringVar((*string)(&filter.Health), "health", "", "only healthy, failing, on_hold, paused, disabled or unknown ones")
	pg.flags(f)
	return cmd
}

func (p *program) endpointsGet() *cobra.Command {
	return p.endpointVerb("get ENDPOINT", "Show an endpoint", "",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			endpoint, err := c.Endpoint(ctx, e)
			if err != nil {
				return err
			}
			return p.showEndpoint(endpoint)
		})
}

// health is how an endpoint does, in a word; how it is set up where the server does not
// say.
func health(e *bellhop.Endpoint) cell {
	if e.Health == nil {
		return status(e.Status)
	}
	c := text(strings.ReplaceAll(string(e.Health.State), "_", " "))
	switch e.Health.State {
	case bellhop.HealthHealthy:
		c.style = good
	case bellhop.HealthFailing, bellhop.HealthDisabled:
		c.style = bad
	case bellhop.HealthOnHold, bellhop.HealthPaused:
		c.style = wait
	case bellhop.HealthUnknown:
		c.text, c.style = "not known yet", faint
	}
	return c
}

// endpointVerb is a verb whose one argument is an endpoint.
func (p *program) endpointVerb(use, short, long string, run func(context.Context, *client.Client, bellhop.EndpointID) error) *cobra.Command {
	return p.apiVerb(use, short, long, func(ctx context.Context, c *client.Client, args []string) error {
		e, err := idArg[id.Endpoint](args[0])
		if err != nil {
			return err
		}
		return run(ctx, c, e)
	})
}

func (p *program) showEndpoint(e bellhop.Endpoint) error {
	return p.show(e, func() { p.table(p.endpointTable(e)) })
}

func (p *program) endpointTable(e bellhop.Endpoint) *table {
	t := &table{}
	t.field("endpoint", text(e.ID.String()))
	t.field("name", text(e.Name))
	t.field("description", text(e.Description))
	t.field("url", text(e.URL))
	t.field("status", status(e.Status))
	if h := e.Health; h != nil {
		t.field("health", health(&e))
		t.field("", text(h.Detail))
		if !h.NextTryAt.IsZero() {
			t.field("next try", p.when(h.NextTryAt))
		}
	} else {
		t.field("disabled because", text(e.DisabledReason))
	}
	if e.Locked {
		t.field("locked", text("by the operator: only admins change it"))
		t.field("locked because", text(e.LockedReason))
	}
	t.field("uid", text(e.UID))
	t.field("former id", text(e.FormerID))
	t.field("apps", list(e.Apps, "–"))
	t.field("events", list(e.Events, "all"))
	if len(e.Channels) > 0 {
		t.field("channels", list(e.Channels, "all"))
	}
	t.field("subjects", list(e.Subjects, "all"))
	t.field("filter", text(string(e.Filter)))
	for _, own := range e.Terms {
		if own.Events != nil {
			t.field(own.App+": events", list(own.Events, "all"))
		}
		if own.Subjects != nil {
			t.field(own.App+": subjects", list(own.Subjects, "all"))
		}
		t.field(own.App+": filter", text(string(own.Filter)))
	}
	t.field("dialect", text(e.Dialect))
	t.notes("dialect options", e.DialectOptions)
	if e.Recipe != "" {
		t.field("recipe", text(e.Recipe))
		t.notes("recipe fields", e.RecipeFields)
		authFields(t, &e)
	}
	if x := e.Transform; x != nil {
		function := cmp.Or(x.Function, bellhop.FunctionTransform)
		if x.Disabled {
			function += ", disabled"
		}
		t.field("transformation", text(fmt.Sprintf("%d bytes of %s; on an error %s", len(x.Code), function, cmp.Or(x.OnError, bellhop.OnErrorHold))))
	}
	t.notes("capture", e.Capture)
	for _, name := range sortedKeys(e.Headers) {
		t.field("header", text(name+": "+e.Headers[name]))
	}
	t.field("timeout", text(e.Timeout.String()))
	t.field("retry", text(retryText(e.Retry)))
	if r := e.RateLimit; r != nil {
		t.field("rate limit", text(limitText(r)))
	}
	concurrency := "adapts to the receiver"
	if e.Concurrency > 0 {
		concurrency = fmt.Sprint(e.Concurrency)
	}
	t.field("concurrency", text(concurrency))
	t.field("ordering", text(string(e.Ordering)))
	t.notes("metadata", e.Metadata)
	if len(e.Notify) > 0 {
		t.field("notify", list(e.Notify, "nobody"))
	}
	t.field("created", p.when(e.CreatedAt))
	t.field("updated", p.when(e.UpdatedAt))
	return t
}

// noteRecent says how the settings that were saved would have done with the newest
// events, if there are some.
func (p *program) noteRecent(r *wire.Recent) {
	switch {
	case r == nil || r.Events == 0:
	case r.Matched == 0:
		p.note("None of the %d newest events would have gone to it: check its events, channels, subjects and filter.", r.Events)
	default:
		p.note("Of the %d newest events, %d would have gone to it.", r.Events, r.Matched)
	}
}

func limitText(l *bellhop.RateLimit) string {
	return fmt.Sprintf("%g a second, burst %d", l.PerSecond, max(l.Burst, 1))
}

// retryText shows a schedule, with what repeats counted.
func retryText(r bellhop.RetryPolicy) string {
	delays := r.Schedule()
	if len(delays) == 0 {
		return "never"
	}
	var texts []string
	for len(delays) > 0 {
		same := 1
		for same < len(delays) && delays[same] == delays[0] {
			same++
		}
		text := delays[0].String()
		if same > 1 {
			text = fmt.Sprintf("%d× %s", same, text)
		}
		texts, delays = append(texts, text), delays[same:]
	}
	return strings.Join(texts, ", ")
}

// endpointFlags are what create and update take.
type endpointFlags struct {
	flags                                 *pflag.FlagSet
	apps, terms, events, subjects         []string
	headers, notes, options, notify       []string
	url, name, description                string
	filter, dialect, status, lockedReason string
	timeout, retry, ordering, secret      string
	rate                                  float64
	burst, concurrency                    int
	verify, locked                        bool
	transform                             transformFlags
	recipe                                recipeFlags
	auth                                  authFlags
	captures, channels                    []string
	uid, formerID                         string
}

func (e *endpointFlags) register(f *pflag.FlagSet, update bool) {
	e.flags = f
	f.StringSliceVar(&e.apps, "app", nil, "`app` to listen to, or * for what Bellhop itself tells of all; may be repeated")
	f.StringArrayVar(&e.terms, "app-terms", nil, "an app with what is wanted of it alone, as `JSON` such as {\"app\":\"acme\",\"subjects\":[\"ticket:*\"]}; may be repeated")
	f.StringSliceVar(&e.events, "events", nil, "event `types`: exact, or ending in *; may be repeated (default those that the recipe fits, or all)")
	f.StringVar(&e.uid, "uid", "", "your own `id` of it, unique among the endpoints of each of its apps")
	f.StringSliceVar(&e.channels, "channel", nil, "`channel` that events are to be in; may be repeated (default all events)")
	f.StringSliceVar(&e.subjects, "subjects", nil, "`patterns` of subjects, or URNs urn:allthings:app:APP:PATTERN; may be repeated (default all)")
	f.StringVar(&e.filter, "filter", "", "pattern over the data, as `JSON` or @FILE")
	f.StringVar(&e.name, "name", "", "name for people")
	f.StringVar(&e.description, "description", "", "what it is for, for people")
	f.StringVar(&e.dialect, "dialect", "", "how events look on the wire; see 'bellhop dialects list' (default what its apps or the server have)")
	f.StringArrayVar(&e.options, "dialect-option", nil, "an option of the dialect, as `NAME=VALUE`; may be repeated")
	e.recipe.register(f)
	e.auth.register(f)
	f.StringArrayVar(&e.captures, "capture", nil, "a value to take out of 2xx answers, as `NAME=POINTER` such as pin=/access/pin (RFC 6901); may be repeated")
	f.StringArrayVar(&e.headers, "header", nil, "`header` to send, as \"Name: value\"; may be repeated")
	e.transform.register(f)
	f.StringVar(&e.timeout, "timeout", "", "`duration` that bounds the whole exchange (default 15s)")
	f.StringVar(&e.retry, "retry", "", "`delays` such as 5s,1m,1h, or none, or the API's JSON (default: until it is seven days old)")
	f.Float64Var(&e.rate, "rate-limit", 0, "most deliveries a second; 0 is no limit")
	f.IntVar(&e.burst, "rate-burst", 0, "how many may go at once after a quiet time")
	f.IntVar(&e.concurrency, "concurrency", 0, "requests at once, exactly; 0 to have it adapt to the receiver (the default)")
	f.StringVar(&e.ordering, "ordering", "", "none, subject or endpoint (default none)")
	f.StringArrayVar(&e.notes, "metadata", nil, "a note, as `NAME=VALUE`; may be repeated")
	f.StringSliceVar(&e.notify, "notify", nil, "e-mail `address` of who looks after it, to be told when it breaks; may be repeated")
	f.StringVar(&e.status, "status", "", "active, paused or disabled (default active)")
	f.BoolVar(&e.locked, "locked", false, "let only admins change it: an operator's hold")
	f.StringVar(&e.lockedReason, "locked-reason", "", "why it is locked, for those who may not change it")
	f.BoolVar(&e.verify, "verify", false, "fail unless the URL answers a test event with 2xx")
	if update {
		f.StringVar(&e.url, "url", "", "`URL` to send to")
		return
	}
	f.StringVar(&e.formerID, "former-id", "", "the `id` that it had where it comes from")
	f.StringVar(&e.secret, "secret", "", "signing `secret`, or @FILE (default: one is made)")
}

// change makes the request of the flags that were given. An empty value resets a
// field to its default.
func (p *program) change(e *endpointFlags) (bellhop.EndpointChange, error) {
	var c bellhop.EndpointChange
	given := e.flags.Changed
	texts := func(name string, to *bellhop.Field[[]string], values []string) {
		if given(name) {
			*to = bellhop.Of(without(values, ""))
		}
	}
	texts("app", &c.Apps, e.apps)
	texts("events", &c.Events, e.events)
	texts("channel", &c.Channels, e.channels)
	texts("subjects", &c.Subjects, e.subjects)
	word(given("uid"), &c.UID, e.uid)
	word(given("former-id"), &c.FormerID, e.formerID)
	texts("notify", &c.Notify, e.notify)
	word(given("url"), &c.URL, e.url)
	word(given("name"), &c.Name, e.name)
	word(given("description"), &c.Description, e.description)
	word(given("locked-reason"), &c.LockedReason, e.lockedReason)
	if given("locked") {
		c.Locked = bellhop.Of(e.locked)
	}
	if given("app-terms") {
		for _, text := range without(e.terms, "") {
			var t bellhop.AppTerms
			if err := strict(text, &t); err != nil {
				return c, usage("--app-terms: %w", err)
			}
			c.Apps.Set, c.Terms.Set = true, true
			c.Apps.Value, c.Terms.Value = append(c.Apps.Value, t.App), append(c.Terms.Value, t)
		}
	}
	word(given("dialect"), &c.Dialect, e.dialect)
	if err := e.recipe.change(given, &c); err != nil {
		return c, err
	}
	if given("capture") {
		m, err := notes("capture", without(e.captures, ""))
		if err != nil {
			return c, err
		}
		c.Capture = bellhop.Of(m)
	}
	word(given("ordering"), &c.Ordering, e.ordering)
	word(given("status"), &c.Status, e.status)
	if given("filter") {
		filter, err := p.jsonOrFile("filter", e.filter)
		if err != nil {
			return c, err
		}
		c.Filter = bellhop.Of(filter)
	}
	if given("header") {
		headers, err := headerFlags(without(e.headers, ""))
		if err != nil {
			return c, err
		}
		c.Headers = bellhop.Of(headers)
	}
	if given("metadata") {
		m, err := notes("metadata", without(e.notes, ""))
		if err != nil {
			return c, err
		}
		c.Metadata = bellhop.Of(m)
	}
	if given("dialect-option") {
		m, err := notes("dialect-option", without(e.options, ""))
		if err != nil {
			return c, err
		}
		c.DialectOptions = bellhop.Of(m)
	}
	if given("timeout") {
		c.Timeout.Set = true
		if e.timeout != "" {
			var err error
			if c.Timeout.Value, err = bellhop.ParseDuration(e.timeout); err != nil {
				return c, usage("--timeout: %w", err)
			}
		}
	}
	if given("retry") {
		retry, err := retryOf(e.retry)
		if err != nil {
			return c, usage("--retry: %w", err)
		}
		c.Retry = bellhop.Of(retry)
	}
	if given("rate-burst") && !given("rate-limit") {
		return c, usage("--rate-burst goes with --rate-limit")
	}
	if given("rate-limit") {
		c.RateLimit.Set = true
		if e.rate != 0 {
			c.RateLimit.Value = &bellhop.RateLimit{PerSecond: e.rate, Burst: e.burst}
		}
	}
	if given("concurrency") {
		c.Concurrency = bellhop.Of(e.concurrency)
	}
	if given("verify") {
		c.Verify = bellhop.Of(e.verify)
	}
	var err error
	if c.Transform, err = p.transformChange(&e.transform); err != nil {
		return c, err
	}
	if e.secret != "" {
		secret, err := p.textOrFile(e.secret)
		if err != nil {
			return c, err
		}
		c.Secret = bellhop.Of(strings.TrimRight(string(secret), "\r\n"))
	}
	return c, nil
}

// strict decodes JSON, and refuses members that v does not have.
func strict(text string, v any) error {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

func word[S ~string](given bool, to *bellhop.Field[S], value string) {
	if given {
		*to = bellhop.Of(S(value))
	}
}

// retryOf reads a schedule: delays, none, JSON, or "" for the default.
func retryOf(flag string) (bellhop.RetryPolicy, error) {
	var r bellhop.RetryPolicy
	switch {
	case flag == "":
		return r, nil
	case flag == "none":
		r.Delays = []bellhop.Duration{}
		return r, nil
	case strings.HasPrefix(flag, "{"), strings.HasPrefix(flag, "["):
		return r, json.Unmarshal([]byte(flag), &r)
	}
	for _, part := range strings.Split(flag, ",") {
		d, err := bellhop.ParseDuration(strings.TrimSpace(part))
		if err != nil {
			return r, err
		}
		r.Delays = append(r.Delays, d)
	}
	return r, nil
}

func (p *program) endpointsCreate() *cobra.Command {
	var e endpointFlags
	cmd := p.apiVerb("create [URL]", "Create an endpoint", "Create an endpoint and show its signing secret, which the receiver needs. The URL may be left out where a recipe knows it.",
		func(ctx context.Context, c *client.Client, args []string) error {
			change, err := p.change(&e)
			if err != nil {
				return err
			}
			proposed, err := e.proposed(ctx, c)
			if err != nil {
				return err
			}
			if err := e.auth.change(p, e.flags.Changed, proposed, &change); err != nil {
				return err
			}
			switch {
			case len(args) > 0:
				change.URL = bellhop.Of(args[0])
			case e.recipe.name == "":
				return usage("give the URL that events are sent to")
			}
			created, err := c.CreateEndpoint(ctx, change)
			if err != nil {
				return err
			}
			return p.show(created, func() {
				t := p.endpointTable(created.Endpoint)
				t.field("secret", cell{text: created.Secret, style: strong})
				p.table(t)
				if e.recipe.name != "" && !e.flags.Changed("events") && len(created.Events) > 0 {
					p.note("Its events are those that the recipe fits; --events chooses others, and --events '*' all.")
				}
				p.noteRecent(created.Recent)
			})
		})
	cmd.Example = `  bellhop endpoints create https://example.com/hooks --app acme --events 'invoice.*'
  bellhop endpoints create https://hooks.slack.com/services/T0/B0/XX --app acme --recipe slack --events 'ticket.*'`
	e.register(cmd.Flags(), false)
	return cmd
}

func (p *program) endpointsUpdate() *cobra.Command {
	var e endpointFlags
	cmd := p.endpointVerb("update ENDPOINT", "Change an endpoint",
		"Change what is given. Lists are replaced as a whole, and an empty value (--filter '') resets a field to its default.",
		func(ctx context.Context, c *client.Client, id bellhop.EndpointID) error {
			if !anyGiven(e.flags) {
				return usage("say what to change, such as --url, --events, --filter or --status")
			}
			change, err := p.change(&e)
			if err != nil {
				return err
			}
			now, err := e.asIs(ctx, c, id)
			if err != nil {
				return err
			}
			if err := e.auth.change(p, e.flags.Changed, now, &change); err != nil {
				return err
			}
			endpoint, err := c.UpdateEndpoint(ctx, id, change)
			if err != nil {
				return err
			}
			return p.show(endpoint, func() {
				p.table(p.endpointTable(endpoint.Endpoint))
				p.noteRecent(endpoint.Recent)
			})
		})
	own := pflag.NewFlagSet("endpoint", pflag.ContinueOnError)
	e.register(own, true)
	cmd.Flags().AddFlagSet(own)
	return cmd
}

// anyGiven tells whether one of these flags was given.
func anyGiven(flags *pflag.FlagSet) (given bool) {
	flags.VisitAll(func(f *pflag.Flag) { given = given || f.Changed })
	return given
}

func (p *program) endpointsDelete() *cobra.Command {
	var yes bool
	cmd := p.endpointVerb("delete ENDPOINT", "Delete an endpoint", "",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			if err := p.confirm(yes, "Endpoint "+e.String()+" is deleted and its pending deliveries are canceled; pausing it would keep both."); err != nil {
				return err
			}
			if err := c.DeleteEndpoint(ctx, e); err != nil {
				return err
			}
			return p.done("endpoint %s deleted", e.String())
		})
	yesFlag(cmd, &yes)
	return cmd
}

func (p *program) endpointsPause() *cobra.Command {
	return p.endpointVerb("pause ENDPOINT", "Hold an endpoint's deliveries; none is dropped", "",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			endpoint, err := c.PauseEndpoint(ctx, e)
			if err != nil {
				return err
			}
			return p.show(endpoint, func() {
				p.print("%s endpoint %s is paused: its deliveries wait for 'bellhop endpoints resume'", p.mark(true), e)
			})
		})
}

func (p *program) endpointsResume() *cobra.Command {
	return p.endpointVerb("resume ENDPOINT", "Make a paused or disabled endpoint active again", "",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			endpoint, err := c.ResumeEndpoint(ctx, e)
			if err != nil {
				return err
			}
			return p.show(endpoint, func() {
				p.print("%s endpoint %s is active: %s out now, oldest first", p.mark(true), e, goOf(endpoint.DueNow))
				if endpoint.Later > 0 {
					p.print("%s for a later time, the first for %s: 'bellhop endpoints try %s' tries them now", waitOf(endpoint.Later), p.when(endpoint.NextAt).text, e)
				}
			})
		})
}

func (p *program) endpointsTest() *cobra.Command {
	var eventType, data string
	cmd := p.endpointVerb("test ENDPOINT", "Send a test event now and show what came of it",
		"Send a test event at once and show the attempt. Exit code 1 says that it failed.",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			body, err := p.jsonOrFile("data", data)
			if err != nil {
				return err
			}
			attempt, err := c.TestEndpoint(ctx, e, eventType, body)
			if err != nil {
				return err
			}
			if err := p.showAttempt(attempt); err != nil {
				return err
			}
			if attempt.Status != bellhop.AttemptSucceeded {
				return errSilent
			}
			return nil
		})
	cmd.Flags().StringVar(&eventType, "type", "", "event type (default webhook.test)")
	cmd.Flags().StringVar(&data, "data", "", "payload, as `JSON` or @FILE (default: the example of the type, or a sample)")
	return cmd
}

func (p *program) endpointsSecret() *cobra.Command {
	return p.endpointVerb("secret ENDPOINT", "Show an endpoint's signing secrets", "Show the secrets that are valid now, newest first. Looking is noted in the audit log.",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			secrets, err := c.Secrets(ctx, e)
			return showList(p, whole(secrets, err), page{all: true}, "The endpoint has no secret.", secretHeader(), p.secretRow)
		})
}

func secretHeader() []string { return []string{"SECRET", "CREATED", "VALID UNTIL"} }

func (p *program) secretRow(s bellhop.SecretValue) []cell {
	until := dim("replaced")
	if !s.ExpiresAt.IsZero() {
		until = p.when(s.ExpiresAt)
	}
	shown := s.Secret
	if s.PublicKey != "" {
		shown += " (for receivers: " + s.PublicKey + ")"
	}
	return []cell{text(shown), p.when(s.CreatedAt), until}
}

func (p *program) endpointsRotate() *cobra.Command {
	var grace, secret string
	cmd := p.endpointVerb("rotate ENDPOINT", "Give an endpoint a new signing secret",
		"Give an endpoint a new signing secret. Until the grace is over, requests are signed with the old one too, if the dialect can carry several signatures.",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			var keep *bellhop.Duration
			if grace != "" {
				d, err := bellhop.ParseDuration(grace)
				if err != nil {
					return usage("--grace: %w", err)
				}
				keep = &d
			}
			fresh, err := p.textOrFile(secret)
			if err != nil {
				return err
			}
			rotated, err := c.RotateSecret(ctx, e, keep, strings.TrimRight(string(fresh), "\r\n"))
			if err != nil {
				return err
			}
			return p.show(rotated, func() {
				t := table{header: secretHeader()}
				for _, s := range rotated.Secrets.Secrets {
					t.add(p.secretRow(s)...)
				}
				p.list(&t)
				if rotated.Overlap {
					p.note("Requests carry the signatures of both until the old secret ends.")
				} else {
					p.note("The old secret stopped now: give the new one to the receiver at once.")
				}
			})
		})
	cmd.Flags().StringVar(&grace, "grace", "", "`duration` for which the old secret stays valid; 0s ends it now (default 24h)")
	cmd.Flags().StringVar(&secret, "secret", "", "the new `secret`, or @FILE (default: one is made)")
	return cmd
}

func (p *program) endpointsStats() *cobra.Command {
	var filter client.StatsFilter
	cmd := p.endpointVerb("stats ENDPOINT", "Show how an endpoint is doing", "",
		func(ctx context.Context, c *client.Client, e bellhop.EndpointID) error {
			s, err := c.EndpointStats(ctx, e, filter)
			if err != nil {
				return err
			}
			return p.show(s, func() {
				var t table
				t.field("endpoint", text(s.Endpoint.String()))
				t.field("circuit", status(s.Lane.Circuit))
				t.field("held because", text(s.Lane.Held))
				if s.Lane.ConsecutiveFailures > 0 {
					t.field("failures in a row", text(fmt.Sprintf("%d, last by %s", s.Lane.ConsecutiveFailures, s.Lane.LastFailure)))
				}
				if !s.Lane.FailingSince.IsZero() {
					t.field("failing since", p.when(s.Lane.FailingSince))
				}
				if !s.Lane.NextProbe.IsZero() {
					t.field("next probe", p.when(s.Lane.NextProbe))
				}
				t.field("in flight", text(fmt.Sprintf("%d of %d", s.Lane.InFlight, s.Lane.Concurrency)))
				t.field("pending", text(fmt.Sprint(s.Pending)))
				if s.Held > 0 {
					t.field("held", text(fmt.Sprintf("%d of them, since no request could be made of their events: bellhop deliveries list --endpoint %s --status held", s.Held, s.Endpoint)))
				}
				if !s.OldestPendingAt.IsZero() {
					t.field("oldest pending", text(age(p.now().Sub(s.OldestPendingAt))+" old"))
				}
				p.table(&t)
				p.print("")
				p.showBuckets(s.Stats)
			})
		})
	statsFlags(p, cmd.Flags(), &filter)
	return cmd
}

// age is a length of time in its two largest units.
func age(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		d = d.Truncate(time.Hour)
		if days, rest := d/(24*time.Hour), d%(24*time.Hour); rest > 0 {
			return fmt.Sprintf("%dd%s", days, bellhop.Duration(rest))
		}
	case d >= time.Hour:
		d = d.Truncate(time.Minute)
	case d >= time.Second:
		d = d.Truncate(time.Second)
	default:
		d = d.Truncate(time.Millisecond)
	}
	return bellhop.Duration(d).String()
}
