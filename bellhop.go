// Package bellhop is a webhook engine: it takes events from a platform, signs
// each one, POSTs it to every endpoint that asked for it, tries again until it
// is taken, and keeps a log that explains every attempt.
//
// The files follow an event's way: publish.go, fanout.go, dispatch.go, lane.go,
// deliver.go, retry.go, record.go; maintain.go keeps the house. store.go is what
// a database must do for it.
package bellhop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/seal"
)

// Config adjusts a Bellhop. The zero value of every field but Sealer is a good
// default.
type Config struct {
	// Sealer encrypts the endpoints' secrets at rest. Required.
	Sealer Sealer
	// Logger gets the log; secrets and payloads are never in it. Default:
	// slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Random gives the jitter: numbers in [0, 1). Default: math/rand/v2.
	Random func() float64
	// Metrics, if not nil, gets the engine's collectors.
	Metrics prometheus.Registerer
	// Dialects are known besides the built-in ones.
	Dialects []dialect.Definition

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

	// InboxURL turns inboxes on (see Inbox) and is where they are: an absolute URL
	// that ends in a slash, such as "https://hooks.example.com/in/". Default:
	// there are none.
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
	// it is disabled. Default: 5 days.
	DisableAfter time.Duration
	// DrainTimeout is how long Run lets requests finish after its context
	// ended. Default: 20 seconds.
	DrainTimeout time.Duration
	// Lease is how long the other nodes wait for a node that went silent
	// before they take over. Default: 15 seconds.
	Lease time.Duration
	// MaxInFlight bounds the requests of the whole process. Default: 4096.
	MaxInFlight int
	// QueueBytes bounds the event data that all lanes together hold in
	// memory. Default: 128 MiB.
	QueueBytes int64
}

// Sealer encrypts secrets. Context is bound to the ciphertext: a sealed secret
// that was moved to another row does not open.
type Sealer interface {
	Seal(plaintext []byte, context string) []byte
	Open(sealed []byte, context string) ([]byte, error)
}

// NewSealer gives a Sealer that encrypts with AES-256-GCM. Keys have 32 bytes each:
// the first one seals, and every one opens, so that keys can be rotated.
func NewSealer(keys ...[]byte) (Sealer, error) { return seal.NewRing(keys...) }

func (c Config) withDefaults() Config {
	or := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	or(&c.Retention, 30*24*time.Hour)
	or(&c.DisableAfter, 5*24*time.Hour)
	or(&c.DrainTimeout, 20*time.Second)
	or(&c.Lease, 15*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
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
	if c.QueueBytes == 0 {
		c.QueueBytes = 128 << 20
	}
	return c
}

// Bellhop is one node: it accepts events and delivers them. Its methods are safe
// for concurrent use.
type Bellhop struct {
	cfg      Config
	log      *slog.Logger
	store    Store
	client   *safehttp.Client
	dialects []*dialect.Dialect
	metrics  *metrics

	node     atomic.Pointer[node]
	routes   *routingTable
	lanes    *dispatcher
	inboxes  *inboxes
	watchers watchers

	// unwell holds why the store could not be written to lately, for Ready.
	unwell atomic.Pointer[error]
	runOne sync.Mutex
}

// node is this process as the store knows it.
type node struct {
	id  NodeID
	ids *id.Generator
}

// New makes a node of the store: it joins, and reads the configuration. Events
// can be published at once; they are delivered while Run runs.
func New(ctx context.Context, store Store, c Config) (*Bellhop, error) {
	c = c.withDefaults()
	if c.Lease < 0 || c.Retention < 0 || c.DisableAfter < 0 || c.DrainTimeout < 0 {
		return nil, errors.New("bellhop.New: a duration in Config is negative")
	}
	if c.Sealer == nil {
		return nil, errors.New("bellhop.New: Config.Sealer is required: it encrypts the endpoints' secrets")
	}
	b := &Bellhop{cfg: c, log: c.Logger, store: store}
	for _, d := range append(dialect.Builtin(), c.Dialects...) {
		compiled, err := dialect.Compile(d)
		if err != nil {
			return nil, fmt.Errorf("dialect %q: %w", d.Name, err)
		}
		if b.dialect(d.Name) != nil {
			return nil, fmt.Errorf("dialect %q: the name is taken; give yours another", d.Name)
		}
		b.dialects = append(b.dialects, compiled)
	}
	b.client = safehttp.New(safehttp.Options{
		Policy:    safehttp.Policy{AllowCIDRs: c.AllowCIDRs, Dev: c.Dev, DNS: c.DNS},
		UserAgent: c.UserAgent,
		Transport: c.Transport,
	})
	var err error
	if b.inboxes, err = newInboxes(c.InboxURL); err != nil {
		return nil, err
	}
	b.metrics = newMetrics(b)
	b.routes = newRoutingTable()
	b.lanes = newDispatcher(b)
	if err := b.join(ctx); err != nil {
		return nil, err
	}
	if err := b.reload(ctx); err != nil {
		return nil, errors.Join(err, store.Leave(ctx, b.node.Load().id, c.Now()))
	}
	if c.Metrics != nil {
		if err := c.Metrics.Register(b.metrics); err != nil {
			return nil, errors.Join(fmt.Errorf("register metrics: %w", err), store.Leave(ctx, b.node.Load().id, c.Now()))
		}
	}
	return b, nil
}

func (b *Bellhop) join(ctx context.Context) error {
	n, err := b.store.Join(ctx, b.cfg.Lease, b.cfg.Now())
	if err != nil {
		return fmt.Errorf("join the store: %w", err)
	}
	b.node.Store(&node{id: n.ID, ids: id.NewGenerator(int(n.ID), n.Floor)})
	return nil
}

// Run delivers until ctx ends. Then it starts no more requests, waits for those
// in flight (at most Config.DrainTimeout), gives back what it had in memory, and
// leaves the store, which it does not close. Run may be called once.
func (b *Bellhop) Run(ctx context.Context) error {
	if !b.runOne.TryLock() {
		return errors.New("bellhop: Run may be called once")
	}
	// Requests and their records outlive ctx: stopping is not a failure of theirs.
	sending, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	b.lanes.start(sending)

	leased, unlease := context.WithCancel(context.WithoutCancel(ctx))
	defer unlease()
	var wg, heart sync.WaitGroup
	wg.Go(func() { b.expire(ctx) })
	wg.Go(func() { b.count(ctx) })
	heart.Go(func() { b.heartbeat(leased) })
	b.log.Info("delivering", "node", int(b.node.Load().id))

	<-ctx.Done()
	wg.Wait()
	if left := b.lanes.drain(b.cfg.DrainTimeout, abort); left > 0 {
		b.log.Warn("requests were cut off at shutdown; their deliveries will be made again", "count", left)
	}
	unlease()
	heart.Wait()
	b.watchers.closeAll()
	b.client.Close()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := b.store.Leave(leaving, b.node.Load().id, b.cfg.Now()); err != nil {
		return fmt.Errorf("leave the store: %w", err)
	}
	return nil
}

// Ready tells why the node cannot take events now, or nil if it can.
func (b *Bellhop) Ready() error {
	if !b.lanes.isRunning() {
		return errors.New("not delivering: starting or shutting down")
	}
	if err := b.unwell.Load(); err != nil {
		return *err
	}
	return nil
}

// Logs is the read side of the store: events, deliveries, attempts, statistics.
func (b *Bellhop) Logs() LogStore { return b.store }

// Dialects lists the dialects, the built-in ones first.
func (b *Bellhop) Dialects() []*dialect.Dialect { return b.dialects }

func (b *Bellhop) dialect(name string) *dialect.Dialect {
	for _, d := range b.dialects {
		if d.Name() == name {
			return d
		}
	}
	return nil
}

// wrote notes how a write to the store went, for Ready, and dresses its failure
// for the caller.
func (b *Bellhop) wrote(doing string, err error) error {
	switch {
	case err == nil:
		if b.unwell.Load() != nil && b.unwell.Swap(nil) != nil {
			b.log.Info("the store takes writes again")
		}
		return nil
	case errors.Is(err, ErrUnavailable):
		if b.unwell.Swap(&err) == nil {
			b.log.Error("the store does not take writes: events are refused until it does", "err", err)
		}
	}
	if CodeOf(err) != "" {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}
