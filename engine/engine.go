// Package engine carries events: it takes them, fans them out, keeps them in a store
// and has them sent until they are taken.
//
// The files follow an event's way: publish.go, accept.go, fanout.go; from there, lane
// sends, by way of send, to what routes says. try.go is the short way of a test,
// maintain.go keeps the house, and New wires it all.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http/httpguts"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/engine/send"
	"github.com/bellhop/bellhop/engine/send/inbox"
	"github.com/bellhop/bellhop/engine/send/listen"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/outage"
	"github.com/bellhop/bellhop/internal/pace"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/script"
	"github.com/bellhop/bellhop/recipe"
)

// Config adjusts an Engine. The zero value of every field but Sealer is a good
// default.
type Config struct {
	// Sealer encrypts the endpoints' secrets at rest. Required.
	Sealer bellhop.Sealer
	// Logger gets the log; secrets and payloads are never in it. Default:
	// slog.Default().
	Logger *slog.Logger
	// Name tells people which node this is. Default: none.
	Name string
	// Version is that of the program, for people as well.
	Version string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Elapsed is how long the process has been running, by a clock that nobody sets, to
	// tell when the other one was. Default: the system's; with a Now of your own, that
	// one, which is then believed.
	Elapsed func() time.Duration
	// Earliest is before which Now is certainly wrong, and not believed. Default: none.
	Earliest time.Time
	// TrustClock believes the time as it is at the start, however far it is from what
	// was seen last.
	TrustClock bool
	// Random gives the jitter: numbers in [0, 1). Default: math/rand/v2.
	Random func() float64
	// Metrics, if not nil, gets the engine's collectors, until the end of Run.
	Metrics prometheus.Registerer
	// Dialects are known besides the built-in ones.
	Dialects []dialect.Definition
	// Recipes are known besides the built-in ones.
	Recipes []recipe.Definition

	// AllowCIDRs are addresses that endpoints may have although they are not
	// public.
	AllowCIDRs []netip.Prefix
	// Dev allows plain http and loopback targets.
	Dev bool
	// DNS is the server (host:port) to ask for endpoints' names instead of the
	// system's.
	DNS string
	// Transport, if not nil, replaces the network; for simulations.
	Transport http.RoundTripper
	// UserAgent is sent with each request. Default: "Bellhop".
	UserAgent string

	// Mailer sends the mail of endpoints whose URL is a mail server's; package
	// engine/send/smtp has one. Default: there are no such endpoints.
	Mailer send.Mailer
	// InboxURL turns inboxes on and is where they are: an absolute URL that ends in a
	// slash, such as "https://hooks.example.com/in/". Default: there are none.
	InboxURL string

	// EnforceEventTypes makes Publish refuse types that are not in the
	// catalogue, or archived.
	EnforceEventTypes bool
	// MaxData bounds one event's data, in bytes. Default: 256 KiB.
	MaxData int
	// MaxBody is how much of a response's body is kept, in bytes. Default:
	// 16 KiB.
	MaxBody int64
	// Retention is how long events and attempts are kept. Default: 30 days.
	Retention time.Duration
	// DisableAfter is how long an endpoint may fail without one success before
	// it is disabled. One whose schedule lasts longer is given a seventh more than
	// that. Default: 8 days.
	DisableAfter time.Duration
	// DrainTimeout is how long Run lets requests finish after its context
	// ended. Default: 20 seconds.
	DrainTimeout time.Duration
	// Lease is how long the other nodes wait for a node that went silent
	// before they take over; at least a second. Default: 15 seconds.
	Lease time.Duration
	// MaxInFlight bounds the requests of the whole process. Default: 4096.
	MaxInFlight int
	// MaxConnections bounds the connections to endpoints, idle ones included: at it, the
	// longest idle make way, and then requests wait. Default: MaxInFlight, MaxTrials and 64
	// for what goes on beside them, such as fetching tokens.
	MaxConnections int
	// MaxConcurrency is how far the requests in flight to one endpoint may grow beyond its
	// concurrency, where nobody has fixed that and its receiver bears it. Default: 512.
	MaxConcurrency int
	// MaxPending refuses publishes to an app that has as many unfinished deliveries,
	// with a CodeBacklogFull error. 0 is no bound: an endpoint that is down then holds
	// up nothing but itself, at the cost of the disk.
	MaxPending int64
	// MaxTrials bounds the tests, verifications and previews that are under way at
	// once, besides MaxInFlight. Default: 32.
	MaxTrials int
	// QueueBytes bounds the deliveries that all lanes together hold in memory, with their
	// events' data and the bodies of their requests; it is half of it and one delivery of the
	// largest event, where that is more. What is beyond it waits in the store. Default: 128 MiB.
	QueueBytes int64
}

// check says which field cannot be meant: a bound that lets nothing through would
// look like a service that hangs.
func (c *Config) check() error {
	wrong := func(field string, is any, must string) error {
		return fmt.Errorf("engine.New: Config.%s is %v: it must be %s, or 0 for the default", field, is, must)
	}
	for _, n := range []struct {
		field string
		value int64
	}{
		{"MaxData", int64(c.MaxData)},
		{"MaxBody", c.MaxBody},
		{"MaxInFlight", int64(c.MaxInFlight)},
		{"MaxConnections", int64(c.MaxConnections)},
		{"MaxConcurrency", int64(c.MaxConcurrency)},
		{"MaxTrials", int64(c.MaxTrials)},
		{"QueueBytes", c.QueueBytes},
	} {
		if n.value < 0 {
			return wrong(n.field, n.value, "at least 1")
		}
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"Retention", c.Retention}, {"DisableAfter", c.DisableAfter}, {"DrainTimeout", c.DrainTimeout}, {"Lease", c.Lease},
	} {
		if d.value < 0 {
			return wrong(d.field, d.value, "longer than nothing")
		}
	}
	if c.Lease != 0 && c.Lease < time.Second {
		// Any hiccup would lose it, and each loss sends again what was in memory.
		return wrong("Lease", c.Lease, "at least a second")
	}
	if !httpguts.ValidHeaderFieldValue(c.UserAgent) {
		return errors.New("engine.New: Config.UserAgent cannot be sent: it has characters that a header field cannot have")
	}
	if _, _, err := net.SplitHostPort(c.DNS); c.DNS != "" && err != nil {
		return fmt.Errorf("engine.New: Config.DNS must be a host and a port: %w", err)
	}
	if c.Sealer == nil {
		return errors.New("engine.New: Config.Sealer is required: it encrypts the endpoints' secrets")
	}
	return nil
}

func (c Config) withDefaults() Config {
	or := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	or(&c.Retention, 30*24*time.Hour)
	or(&c.DisableAfter, 8*24*time.Hour)
	or(&c.DrainTimeout, 20*time.Second)
	or(&c.Lease, 15*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Elapsed == nil {
		start := c.Now()
		c.Elapsed = func() time.Duration { return c.Now().Sub(start) } // by the monotonic clock, if it has one
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
	if c.UserAgent == "" {
		c.UserAgent = "Bellhop"
	}
	if c.MaxData == 0 {
		c.MaxData = 256 << 10
	}
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 10
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 4096
	}
	if c.MaxConcurrency == 0 {
		c.MaxConcurrency = 512
	}
	if c.MaxTrials == 0 {
		c.MaxTrials = 32
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = c.MaxInFlight + c.MaxTrials + 64
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 128 << 20
	}
	return c
}

// compiled gives the dialects ready for use, the built-in ones first.
func (c *Config) compiled() ([]*dialect.Dialect, error) {
	var list []*dialect.Dialect
	taken := map[string]bool{}
	for _, d := range append(dialect.Builtin(), c.Dialects...) {
		compiled, err := dialect.Compile(d)
		if err != nil {
			return nil, fmt.Errorf("dialect %q: %w", d.Name, err)
		}
		if taken[d.Name] {
			return nil, fmt.Errorf("dialect %q: the name is taken; give yours another", d.Name)
		}
		taken[d.Name] = true
		list = append(list, compiled)
	}
	return list, nil
}

// compiledRecipes gives the recipes ready for use, the built-in ones first.
func (c *Config) compiledRecipes() ([]*recipe.Recipe, error) {
	var list []*recipe.Recipe
	for _, d := range append(recipe.Builtin(), c.Recipes...) {
		compiled, err := recipe.Compile(d)
		if err != nil {
			return nil, fmt.Errorf("recipe %q: %w", d.Name, err)
		}
		if slices.ContainsFunc(list, func(r *recipe.Recipe) bool { return r.Name() == d.Name }) {
			return nil, fmt.Errorf("recipe %q: the name is taken; give yours another", d.Name)
		}
		list = append(list, compiled)
	}
	return list, nil
}

// Engine is one node: it accepts events and delivers them. Its methods are safe for
// concurrent use.
type Engine struct {
	cfg   Config
	clock *clock
	// pace has crowds of publishers take turns, that deliveries and others find processors.
	pace    *pace.Pacer
	log     *slog.Logger
	store   bellhop.Store
	table   *routes.Table
	http    *safehttp.Client
	inboxes *inbox.Registry
	// listeners join what is sent to some endpoints with who listens at them.
	listeners *listen.Hub
	sender    *send.Sender
	lanes     *lane.Dispatcher
	trials    *trials
	verdicts  *verdicts
	keyUses   keyUses
	watchers  *watchers
	metrics   *metrics

	presence atomic.Pointer[presence]
	// joining lets one goroutine at a time get a new lease.
	joining sync.Mutex
	// beatNow asks for a heartbeat before its time, beaten tells that there was one,
	// and owing that there may be something for catchUp.
	beatNow, beaten, owing chan struct{}
	// reacting tells that there may be something for react, and answered that an answer came
	// to another node.
	reacting, answered chan struct{}
	// begun is when the process did, and sharing what it owns of the endpoints; resharing
	// asks for a look at that, and uneven says that not all have their share yet.
	begun     time.Time
	sharing   sharing
	resharing chan struct{}
	uneven    atomic.Bool
	seen      atomic.Pointer[seen]
	// heard is what other nodes tell, and asks are for what is missing in memory. erased is
	// the version of erasures that was seen; eraseAgain asks for another look at them.
	heard  heard
	asks   asks
	erased atomic.Int64
	// hastened and nodesSeen are the versions that were seen of what Hasten was called for,
	// and of who is there.
	hastened   atomic.Int64
	nodesSeen  atomic.Pointer[string]
	eraseAgain atomic.Bool
	// trust says when the lease was last known to hold.
	trust atomic.Pointer[trust]

	// unwell holds why the store could not be written to lately, for Ready.
	unwell  atomic.Pointer[error]
	outage  outage.Outage
	started atomic.Bool
	// unblocked: deliveries were ended without a request since the lanes were told what is
	// due, so that what waited for one of them, in its order, may go.
	unblocked atomic.Bool
	// stopping is closed when Run's context has ended.
	stopping chan struct{}
	// lookedForAbandoned belongs to dropAbandoned.
	lookedForAbandoned time.Time
	// listenersMoved: somebody began or ceased to listen since the last heartbeat.
	listenersMoved atomic.Bool
	listenedAt     listenedAt
	// minding belongs to mindClock.
	minding minding
}

// presence is this process as the store knows it. Lease and ids belong together: an
// id made under an old lease could be the new holder's, too.
type presence struct {
	lease bellhop.Lease
	ids   *id.Generator
	// number holds the node number that is in ids: that of the lease, but after a step
	// back of the clock.
	number bellhop.Lease
	// replaced is closed when there is a newer one.
	replaced chan struct{}
}

// New makes a node of the store: it joins, and reads the configuration. Events
// can be published at once; they are delivered while Run runs.
func New(ctx context.Context, store bellhop.Store, c Config) (*Engine, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	mark, err := store.Clock(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what the clock showed last: %w", err)
	}
	clock := newClock(&c, mark)
	c.Now = clock.Now
	e := &Engine{
		cfg: c, clock: clock, log: c.Logger, store: store,
		beatNow: make(chan struct{}, 1), beaten: make(chan struct{}, 1), owing: make(chan struct{}, 1),
		answered: make(chan struct{}, 1), reacting: make(chan struct{}, 1), resharing: make(chan struct{}, 1), begun: c.Now(),
		stopping: make(chan struct{}), watchers: newWatchers(),
	}
	e.heard.some, e.sharing.house = make(chan struct{}, 1), make(chan struct{})
	e.minding.turned.Store(mark.Turned)
	e.metrics = newMetrics(e)
	dialects, err := c.compiled()
	if err != nil {
		return nil, err
	}
	recipes, err := c.compiledRecipes()
	if err != nil {
		return nil, err
	}
	e.listeners = listen.NewHub(c.Now, e.listenerMoved)
	e.table = routes.New(routes.Options{Away: e.away, Store: store, Sealer: c.Sealer, Dialects: dialects, Recipes: recipes, Logger: c.Logger, Now: c.Now})
	e.http = safehttp.New(safehttp.Options{
		MaxConns:            c.MaxConnections,
		MaxIdleConnsPerHost: max(c.MaxConcurrency, 256),
		MaxIdleConns:        c.MaxInFlight,
		Policy:              safehttp.Policy{AllowCIDRs: c.AllowCIDRs, Dev: c.Dev, DNS: c.DNS},
		UserAgent:           c.UserAgent,
		Transport:           c.Transport,
	})
	if e.inboxes, err = inbox.New(c.InboxURL, inbox.Options{
		Store: store, Sealer: c.Sealer, Logger: c.Logger, Now: c.Now,
		Routes: func(_, app string) []*routes.Route { return e.table.Routes().Of(app) },
	}); err != nil {
		return nil, err
	}
	e.sender = send.New(send.Options{
		HTTP: e.http, Tokens: store, Sealer: c.Sealer, Inboxes: e.inboxes, Listeners: e.listeners, Mailer: c.Mailer,
		MaxBody: c.MaxBody, Logger: c.Logger, Now: c.Now, InFlight: e.metrics.flying,
		Scripts: script.New(script.Options{MaxBody: c.MaxData}),
		App:     func(id string) (bellhop.App, bool) { return e.table.Routes().App(id) },
	})
	e.trials = newTrials(c.MaxTrials)
	e.verdicts = newVerdicts()
	e.pace = pace.New()
	e.lanes = lane.NewDispatcher(lane.Options{
		Settings: lane.Settings{MaxInFlight: c.MaxInFlight, MaxConcurrency: c.MaxConcurrency, QueueBytes: c.QueueBytes, MaxData: c.MaxData, DisableAfter: c.DisableAfter},
		Flow:     tellingFlow{store, e}, Sender: laneSender{e.sender}, Logger: c.Logger, Now: c.Now, Unseen: clock.Unseen, Random: c.Random,
		Lease: e.Lease, IDs: e.IDs,
		Wrote: e.Wrote, Recorded: e.recorded, Verdict: e.verdicts.add,
		GaveUp:  func() { wake(e.owing) },
		Drained: e.drained, BucketLost: func() { wake(e.resharing) },
		Tell: func(b bellhop.Bucket) { e.tell(bellhop.Wakeup{Buckets: []bellhop.Bucket{b}}) }, Trusted: e.trusted,
	})
	e.table.OnChange(e.lanes.Configure)
	e.table.OnAppGone(func(app string) { e.lanes.Forget(lane.Gone{App: app}) })
	if err := e.join(ctx); err != nil {
		return nil, err
	}
	e.lookAtClock()
	// What was hastened before is probed at the start, as is every open circuit.
	v, err := store.Versions(ctx)
	e.hastened.Store(v.Hastened)
	if err == nil {
		err = e.table.Load(ctx)
	}
	if err == nil { // whoever looks finds what is known of each endpoint, as before the restart
		err = e.noteDue(ctx, nil, time.Time{})
	}
	if err == nil {
		err = e.metrics.register(c.Metrics)
	}
	if err != nil {
		return nil, errors.Join(err, store.Leave(context.WithoutCancel(ctx), e.Lease(), c.Now()))
	}
	return e, nil
}

// Run delivers until ctx ends. Then it starts no more requests, waits for those
// in flight (at most Config.DrainTimeout), gives back what it had in memory, and
// leaves the store, which it does not close. Run may be called once.
func (e *Engine) Run(ctx context.Context) error {
	if !e.started.CompareAndSwap(false, true) {
		return errors.New("engine: Run may be called once")
	}
	defer e.metrics.unregister(e.cfg.Metrics)
	// Requests and their records outlive ctx: stopping is not a failure of theirs.
	sending, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	e.lanes.Start(sending)
	wake(e.resharing)

	leased, unlease := context.WithCancel(context.WithoutCancel(ctx))
	defer unlease()
	var upkeep, heart sync.WaitGroup
	upkeep.Go(func() { e.lookAround(ctx) })
	upkeep.Go(func() { e.keepUp(ctx) })
	upkeep.Go(func() { e.listen(ctx) })
	upkeep.Go(func() { e.collectAnswers(ctx) })
	upkeep.Go(func() { e.watchOthers(ctx) })
	upkeep.Go(func() { e.catchUp(ctx) })
	upkeep.Go(func() { e.judge(ctx) })
	upkeep.Go(func() { e.react(ctx) })
	upkeep.Go(func() { e.readOutbox(ctx) })
	upkeep.Go(func() { e.expire(ctx) })
	upkeep.Go(func() { e.count(ctx) })
	heart.Go(func() { e.heartbeat(leased) })
	e.log.Info("delivering", "node", int(e.Lease().Node))

	<-ctx.Done()
	close(e.stopping)
	// First of all, and whatever maintenance is at: nothing new is sent from here on.
	if left := e.lanes.Drain(e.cfg.DrainTimeout, abort); left > 0 {
		e.log.Warn("requests were cut off at shutdown; their deliveries will be made again", "count", left)
	}
	unlease()
	heart.Wait()
	e.watchers.closeAll()
	e.sender.Close()
	e.http.Close()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	e.noteKeyUses(leaving, atLeave)
	var err error
	for _, l := range e.presence.Load().leases() {
		err = errors.Join(err, e.store.Leave(leaving, l, e.cfg.Now()))
	}
	_ = e.store.NoteClock(leaving, e.clockMark()) // else the pause looks a little longer than it was
	upkeep.Wait()
	if err != nil {
		return fmt.Errorf("leave the store: %w", err)
	}
	return nil
}

// Ready tells why the node cannot take events now, or nil if it can.
func (e *Engine) Ready() error {
	if !e.lanes.Running() {
		return errors.New("not delivering: starting or shutting down")
	}
	if err := e.unwell.Load(); err != nil {
		return *err
	}
	return nil
}

// Unwell tells why the store cannot be used, or nil: from the first failure on, until it
// has gone well for some seconds.
func (e *Engine) Unwell() error { return e.outage.Why() }

// Store is where everything is kept.
func (e *Engine) Store() bellhop.Store { return e.store }

// Routes is the configuration in memory.
func (e *Engine) Routes() *routes.Table { return e.table }

// Sender is how deliveries leave.
func (e *Engine) Sender() *send.Sender { return e.sender }

// Client makes requests past the guard that those to endpoints go through.
func (e *Engine) Client() *safehttp.Client { return e.http }

// Inboxes are the receivers inside this process.
func (e *Engine) Inboxes() *inbox.Registry { return e.inboxes }

// Config is the configuration, with defaults.
func (e *Engine) Config() Config { return e.cfg }

// Now is the engine's clock.
func (e *Engine) Now() time.Time { return e.cfg.Now() }

// Elapsed is how long the process has been running, by a clock that nobody sets.
func (e *Engine) Elapsed() time.Duration { return e.cfg.Elapsed() }

// IDs makes ids of this node.
func (e *Engine) IDs() *id.Generator { return e.presence.Load().ids }

// Lease is what this node owns deliveries under now.
func (e *Engine) Lease() bellhop.Lease { return e.presence.Load().lease }

// OldestDue is when the next delivery in the endpoint's queue on this node was due;
// zero if nothing is queued.
func (e *Engine) OldestDue(endpoint bellhop.EndpointID) time.Time { return e.lanes.OldestDue(endpoint) }

// Forget drops erased events, and everything of a deleted app ("" for none), from
// lanes. What is being committed or claimed of them meanwhile is not sent
// either.
func (e *Engine) Forget(events map[bellhop.EventID]bool, app string) {
	e.lanes.Forget(lane.Gone{Events: events, App: app})
	if len(events) > 0 {
		e.tell(bellhop.Wakeup{Erased: true})
	}
}

// RefreshRoutes loads the routes after a change that is stored already: its caller's
// going away must not hide it, and its failure is made good by the next heartbeat, or
// by the next publish.
func (e *Engine) RefreshRoutes(ctx context.Context) {
	e.refresh(ctx, "routes", e.table.LoadRoutes)
	e.tell(bellhop.Wakeup{Routes: true})
}

// RefreshCatalogue is RefreshRoutes for event types.
func (e *Engine) RefreshCatalogue(ctx context.Context) {
	e.refresh(ctx, "the catalogue", e.table.LoadCatalogue)
	e.tell(bellhop.Wakeup{Catalogue: true})
}

// RefreshAccess is RefreshRoutes for keys.
func (e *Engine) RefreshAccess(ctx context.Context) {
	e.refresh(ctx, "keys", e.table.LoadAccess)
	e.tell(bellhop.Wakeup{Access: true})
}

func (e *Engine) refresh(ctx context.Context, what string, load func(context.Context) error) {
	if err := load(context.WithoutCancel(ctx)); err != nil {
		e.Failed("loading a change of "+what, err)
	}
}

// Redeliver commits deliveries of stored events, made by NewDelivery, and tells their
// lanes. It answers how many were added: events may have been erased, and endpoints
// deleted, in between.
func (e *Engine) Redeliver(ctx context.Context, r bellhop.Redelivery) (bellhop.Redelivered, error) {
	lost := false
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		lease, now := e.Lease(), e.cfg.Now()
		done, err := e.store.Redeliver(ctx, lease, r, now)
		switch {
		case err == nil:
			for _, b := range earliest(r.Deliveries) {
				e.lanes.NoteDue(b)
			}
			return done, e.Wrote("enqueue deliveries", nil)
		case errors.Is(err, bellhop.ErrLeaseLost):
			err = e.awaitLease(ctx, lease)
		case errors.Is(err, bellhop.ErrUnknown): // to repeat it adds nothing twice
			lost, err = true, pause(ctx, wait)
		case lost && (errors.Is(err, bellhop.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)):
			err = e.Wrote("enqueue deliveries", fmt.Errorf("%w: %w", bellhop.ErrUnknown, err))
		default:
			err = e.Wrote("enqueue deliveries", err)
		}
		if err != nil {
			return bellhop.Redelivered{}, err
		}
	}
}

// Hasten has deliveries of an endpoint tried now that failed and wait for a later time,
// and its circuit probed, if it is open. It answers how many were made due.
func (e *Engine) Hasten(ctx context.Context, endpoint bellhop.EndpointID, deliveries []bellhop.DeliveryID) (int, error) {
	moved, err := e.store.Hasten(ctx, endpoint, deliveries, e.cfg.Now())
	if err := e.Wrote("have deliveries tried now", err); err != nil {
		return 0, err
	}
	if e.alone() {
		e.lanes.Hasten(endpoint)
		return moved, nil
	}
	// Each node, this one too, learns of it by the store, once: a probe that fails is not
	// made again for having been told twice.
	w := bellhop.Wakeup{Hastened: true, Buckets: []bellhop.Bucket{bellhop.BucketOf(endpoint)}}
	e.heard.add(w)
	e.tell(w)
	return moved, nil
}

// Wipe overwrites the remains of what was erased. The caller's going away does not
// end it; what fails is done again, at the latest by the next hour's maintenance.
func (e *Engine) Wipe(ctx context.Context) error {
	return e.Wrote("done, but remains are left in the files for now: overwrite them", e.store.Wipe(context.WithoutCancel(ctx)))
}

// AuditEntry makes a line of the audit log; detail never holds a secret.
func (e *Engine) AuditEntry(actor, action, object string, apps []string, detail any) *bellhop.AuditEntry {
	a := &bellhop.AuditEntry{ID: id.Next[id.Audit](e.IDs(), e.cfg.Now()), Actor: actor, Action: action, Object: object, Apps: apps}
	if detail != nil {
		a.Detail = marshal(detail)
	}
	return a
}

// Wrote notes how a write to the store went, for Ready, and dresses its failure for
// the caller.
func (e *Engine) Wrote(doing string, err error) error {
	if err == nil {
		e.wroteWell()
		return nil
	}
	if errors.Is(err, bellhop.ErrUnavailable) {
		e.unwell.Store(&err)
		e.storeAway(err)
	}
	if bellhop.CodeOf(err) != "" {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (e *Engine) wroteWell() {
	if e.unwell.Load() != nil {
		e.unwell.Store(nil)
	}
	if lasted, over := e.outage.Well(e.cfg.Elapsed()); over {
		e.log.Info("the store takes writes again", "lasted", lasted.Round(time.Millisecond).String())
	}
}

// storeAway notes that the store could not be used. The log says it once for all of an outage.
func (e *Engine) storeAway(err error) {
	if e.outage.Failed(err, e.cfg.Elapsed()) {
		e.log.Error("the store is away, or does not take writes: events are refused until it does", "err", err)
	}
}

// recorded tells whoever wants to know of an attempt, now that it is durable.
func (e *Engine) recorded(a *bellhop.Attempt, w *bellhop.Work) {
	e.metrics.attempted(a, w, e.cfg.Now())
	if (&bellhop.Result{Attempt: *a}).Settles() {
		wake(e.owing) // what was settled gets its last line
	}
	e.watchers.send(a)
	if a.Reacts() || turnOf(a) != "" {
		wake(e.reacting)
	}
}

// How long to wait before a step of the store is tried again.
const (
	firstWait = 50 * time.Millisecond
	lastWait  = 5 * time.Second
)

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// wake has a goroutine look once more; if it was told already, that will do.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// marshal encodes what cannot fail to encode.
func marshal(v any) bellhop.JSON {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b
}
