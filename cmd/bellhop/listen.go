package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// listenFlags say what to listen to, and how.
type listenFlags struct {
	forward                string
	apps, events, subjects []string
	filter, dialect        string
	secret                 string
	concurrency            int
	keep, plain, insecure  bool
}

func (p *program) listenVerb() *cobra.Command {
	var in listenFlags
	cmd := p.apiVerb("listen", "Forward a running server's events to a program on this machine",
		`Stream the events of a running server to a program on this machine, signed with a secret that this
prints, and report what the program answers into the server's log. It needs a key with the role
editor (or admin) for the app; the server needs no setting for it, neither --dev nor a way to
this machine.

It makes an endpoint of its own, "listen on `+"HOST"+`", which takes part in everything like any other:
retries, the log, resend. While nobody listens, its deliveries wait, without attempts, and go out in
order when this is started again with the same --forward: from an earlier time that was cut off, too.
A connection that breaks is made anew, and a request that comes again since its answer was lost is
answered from memory: the program sees each attempt once. When this ends, the endpoint is deleted,
or paused with --keep; one that was left behind is deleted after an hour without a listener.

On a terminal it is a screen: up and down (or j and k) choose an event, r sends it again, d shows request
and response, o opens it in the browser, q ends. Elsewhere, or with --plain, it is a line per event.`,
		func(ctx context.Context, c *client.Client, _ []string) error {
			if in.forward == "" {
				return usage("listen needs --forward: where your program can be reached, such as --forward http://localhost:3000/hook")
			}
			return p.listen(ctx, c, in)
		})
	cmd.Example = `  bellhop listen --forward http://localhost:3000/hook
  bellhop listen --forward 3000 --app acme --events 'invoice.*'`
	f := cmd.Flags()
	f.StringVar(&in.forward, "forward", "", "the `URL` of your program; a port or host:port will do")
	f.StringSliceVar(&in.apps, "app", nil, "the `app` to listen to; may be repeated (default: the only one there is)")
	f.StringSliceVar(&in.events, "events", nil, "only these event `types`; may end in *, may be repeated")
	f.StringSliceVar(&in.subjects, "subjects", nil, "only these subjects; may end in *, may be repeated")
	f.StringVar(&in.filter, "filter", "", "only events whose data matches this JSON pattern, or @FILE")
	f.StringVar(&in.dialect, "dialect", "", "how events look on the wire (default: the app's)")
	f.StringVar(&in.secret, "secret", "", "sign with this `secret` instead of a new one, or @FILE")
	f.Var(countOf(&in.concurrency, 1, 50), "concurrency", "how many requests may be under way at once; with more than 1, order is not kept")
	f.BoolVar(&in.keep, "keep", false, "pause the endpoint at the end instead of deleting it: what comes meanwhile waits for the next time")
	f.BoolVar(&in.plain, "plain", false, "a line per event, no screen")
	f.BoolVar(&in.insecure, "insecure", false, "do not check the certificate of an https program")
	return cmd
}

// listening is one run of listen.
type listening struct {
	p       *program
	c       *client.Client
	forward *forwarder
	session string
	in      listenFlags

	endpoint bellhop.Endpoint
	secret   string
	view     listenView
}

// listenView shows what happens. Its methods may be called from any goroutine.
type listenView interface {
	connected(again bool)
	// retitled: it is another endpoint, since somebody else has taken the first one.
	retitled(title []string)
	lost(err error, in time.Duration)
	began(x *forwarded)
	ended(x *forwarded)
	repeated(x *forwarded)
	// unheard: the answer to a request did not reach the server.
	unheard(x *forwarded, err error)
}

func (p *program) listen(ctx context.Context, c *client.Client, in listenFlags) error {
	to, err := forwardURL(in.forward)
	if err != nil {
		return err
	}
	l := &listening{p: p, c: c, in: in, forward: newForwarder(to, in.insecure, p.now), session: rand.Text()}
	change, err := l.wanted(ctx)
	if err != nil {
		return err
	}
	if err := l.open(ctx, change); err != nil {
		return err
	}
	l.introduce(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// What the program is at is finished and reported, also when this is asked to end.
	working, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	l.view = plainView{p}
	ending := func() error { return nil }
	if p.onScreen(in.plain) {
		s, err := p.startScreen(ctx, l.c, l.title(), l.narrowed(), stop)
		if err != nil {
			return err
		}
		l.view, ending = screenView{s, p, l}, s.end
	}
	err = l.run(ctx, working, change)
	l.settle(abort)
	return errors.Join(err, ending(), l.close(err))
}

// wanted is the endpoint that is to be listened at.
func (l *listening) wanted(ctx context.Context) (bellhop.EndpointChange, error) {
	var none bellhop.EndpointChange
	who, err := l.c.Whoami(ctx)
	if err != nil {
		return none, err
	}
	if who.Role != bellhop.RoleAdmin && who.Role != bellhop.RoleEditor {
		return none, fmt.Errorf("listen needs a key with the role editor: this one is a %s; 'bellhop keys create --role editor --app APP' makes one", who.Role)
	}
	apps := slices.Sorted(slices.Values(l.in.apps))
	if len(apps) == 0 {
		only, err := oneApp(ctx, l.c, who.Apps)
		if err != nil {
			return none, err
		}
		apps = []string{only}
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "a machine"
	}
	kind := bellhop.ListenTemporary
	if l.in.keep {
		kind = bellhop.ListenKept
	}
	change := bellhop.EndpointChange{
		Apps: bellhop.Of(apps), URL: bellhop.Of(bellhop.ListenPrefix + l.forward.to.String()), Name: bellhop.Of("listen on " + host),
		Events: bellhop.Of(l.in.events), Subjects: bellhop.Of(l.in.subjects), Concurrency: bellhop.Of(l.in.concurrency),
		Status: bellhop.Of(bellhop.EndpointActive), Metadata: bellhop.Of(map[string]string{bellhop.MetaListen: kind}),
	}
	if change.Filter.Value, err = l.p.jsonOrFile("filter", l.in.filter); err != nil {
		return none, err
	}
	change.Filter.Set = true
	if l.in.dialect != "" {
		change.Dialect = bellhop.Of(l.in.dialect)
	}
	if l.in.secret != "" {
		secret, err := l.p.textOrFile(l.in.secret)
		if err != nil {
			return none, err
		}
		change.Secret = bellhop.Of(strings.TrimSpace(string(secret)))
	}
	return change, nil
}

// open takes up the endpoint of an earlier time that nobody listens at, so that what
// waits there comes now, or makes a new one.
func (l *listening) open(ctx context.Context, change bellhop.EndpointChange) error {
	for e, err := range l.c.Endpoints(ctx, client.EndpointFilter{App: change.Apps.Value[0]}) {
		if err != nil {
			return err
		}
		if !l.takesUp(ctx, e, change) {
			continue
		}
		again := change
		again.Secret = bellhop.Field[string]{}
		saved, err := l.c.UpdateEndpoint(ctx, e.ID, again)
		if err != nil {
			return err
		}
		secrets, err := l.c.Secrets(ctx, e.ID)
		if err != nil {
			return err
		}
		l.endpoint, l.secret = saved.Endpoint, secrets[0].Secret
		return nil
	}
	return l.create(ctx, change)
}

// takesUp tells whether an endpoint is this one's of an earlier time.
func (l *listening) takesUp(ctx context.Context, e bellhop.Endpoint, change bellhop.EndpointChange) bool {
	if e.URL != change.URL.Value || e.Name != change.Name.Value || !slices.Equal(e.Apps, change.Apps.Value) || e.Locked ||
		e.Metadata[bellhop.MetaListen] == "" || change.Secret.Set || change.Dialect.Set && change.Dialect.Value != e.Dialect {
		return false
	}
	if e.Status == bellhop.EndpointPaused {
		return true
	}
	stats, err := l.c.EndpointStats(ctx, e.ID, client.StatsFilter{})
	return err == nil && strings.HasPrefix(stats.Lane.Held, bellhop.NobodyListens)
}

func (l *listening) create(ctx context.Context, change bellhop.EndpointChange) error {
	made, err := l.c.CreateEndpoint(ctx, change)
	if err != nil {
		return err
	}
	l.endpoint, l.secret = made.Endpoint, made.Secret
	return nil
}

const (
	firstWait   = 300 * time.Millisecond
	longestWait = 15 * time.Second
)

// run listens until ctx ends, by one connection after the other.
func (l *listening) run(ctx, working context.Context, change bellhop.EndpointChange) error {
	wait, before := firstWait, false
	for ctx.Err() == nil {
		opened := false
		err := l.c.Listen(ctx, l.endpoint.ID, l.session, func() {
			opened, wait = true, firstWait
			l.view.connected(before)
			before = true
		}, func(r client.ListenRequest) { l.handle(working, r) })
		switch problem, ok := errors.AsType[*client.Problem](err); {
		case ctx.Err() != nil:
			return nil
		case ok && problem.Code == bellhop.CodeConflict && !before:
			// Somebody else took it up in this moment.
			if err := l.create(ctx, change); err != nil {
				return err
			}
			l.view.retitled(l.title())
			continue
		case ok && problem.Status < 500 && problem.Code != bellhop.CodeTooMany:
			return err
		}
		if err == nil {
			err = errors.New("the server ended the connection")
		}
		again := time.Duration(float64(wait) * (0.75 + 0.5*mathrand.Float64())) // not all at once after a restart
		if opened || wait > firstWait {
			l.view.lost(err, again)
		}
		if !pause(ctx, again) {
			return nil
		}
		wait = min(2*wait, longestWait)
	}
	return nil
}

// handle forwards a request, or answers it from memory.
func (l *listening) handle(working context.Context, r client.ListenRequest) {
	x, first := l.forward.take(working, r)
	if first {
		l.view.began(x)
	} else {
		l.view.repeated(x)
	}
	l.forward.busy.Go(func() {
		<-x.ready
		if working.Err() != nil {
			return
		}
		if first {
			l.view.ended(x)
		}
		l.report(working, x)
	})
}

// report brings an answer to the server. Where that cannot be reached, it will ask
// again.
func (l *listening) report(ctx context.Context, x *forwarded) {
	answer := x.answer
	answer.Session = l.session
	var err error
	for wait := 100 * time.Millisecond; wait < 2*time.Second; wait *= 2 {
		err = l.c.AnswerListened(ctx, l.endpoint.ID, answer)
		problem, ok := errors.AsType[*client.Problem](err)
		if err == nil || ok && problem.Status == http.StatusNotFound {
			return // it is there, or nobody waits for it any more
		}
		if ok && problem.Status < 500 && problem.Status != http.StatusTooManyRequests {
			break
		}
		if !pause(ctx, wait) {
			return
		}
	}
	l.view.unheard(x, err)
}

// finishing is how long the end waits for what the program is at.
const finishing = 3 * time.Second

// settle waits for what is under way.
func (l *listening) settle(abort func()) {
	done := make(chan struct{})
	go func() {
		l.forward.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(finishing):
	}
	abort()
}

// close deletes the endpoint or, if it is to be kept, pauses it.
func (l *listening) close(failed error) error {
	if client.CodeOf(failed) == bellhop.CodeNotFound {
		return nil // it is gone, which is why this ended
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if l.in.keep {
		if _, err := l.c.PauseEndpoint(ctx, l.endpoint.ID); err != nil {
			return fmt.Errorf("the endpoint %s was not paused: %w", l.endpoint.ID, err)
		}
		l.p.note("The endpoint %s is paused: what comes waits for the next 'bellhop listen' with this --forward.", l.endpoint.ID)
		return nil
	}
	if err := l.c.DeleteEndpoint(ctx, l.endpoint.ID); err != nil && client.CodeOf(err) != bellhop.CodeNotFound {
		return fmt.Errorf("the endpoint %s was not deleted: the server does so an hour after the last listener: %w", l.endpoint.ID, err)
	}
	return nil
}

// title says in lines what is listened to.
func (l *listening) title() []string {
	p := l.p
	lines := []string{
		fmt.Sprintf("%s → %s", strings.Join(l.endpoint.Apps, ", "), l.forward.to),
		"secret " + p.style.paint(strong, l.secret) + p.style.paint(faint, "  (dialect "+l.endpoint.Dialect+", endpoint "+l.endpoint.ID.String()+")"),
	}
	return lines
}

// narrowed says what is left out, if anything is.
func (l *listening) narrowed() string {
	var of []string
	if len(l.endpoint.Events) > 0 {
		of = append(of, "events "+strings.Join(l.endpoint.Events, " "))
	}
	if len(l.endpoint.Subjects) > 0 {
		of = append(of, "subjects "+strings.Join(l.endpoint.Subjects, " "))
	}
	if len(l.endpoint.Filter) > 0 {
		of = append(of, "filter "+string(l.endpoint.Filter))
	}
	return strings.Join(of, ", ")
}

// introduce prints what is listened to, and whether the program is there.
func (l *listening) introduce(ctx context.Context) {
	p := l.p
	if p.json {
		_ = p.printJSON(map[string]any{"endpoint": l.endpoint.ID, "secret": l.secret, "forward": l.forward.to.String(), "apps": l.endpoint.Apps})
		return
	}
	for _, line := range l.title() {
		p.print("%s", line)
	}
	if narrowed := l.narrowed(); narrowed != "" {
		p.print("%s", p.style.paint(wait, "! only "+clean(narrowed)))
	}
	p.print("%s", l.present(ctx))
}

// present says whether the program can be reached.
func (l *listening) present(ctx context.Context) string {
	if l.forward.answers(ctx) {
		return l.p.mark(true) + " something listens on " + l.forward.to.Host
	}
	return l.p.mark(false) + " nothing listens on " + l.forward.to.Host + " yet: start your program; until then deliveries fail, and are tried again"
}

// eventLink is the address of an event in the dashboard.
func (p *program) eventLink(event bellhop.EventID) string {
	return strings.TrimRight(p.settings.server, "/") + "/events/" + url.PathEscape(event.String())
}
