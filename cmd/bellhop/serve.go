package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/native"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/door"
	"github.com/bellhop/bellhop/internal/seal"
	"github.com/bellhop/bellhop/notice"
	"github.com/bellhop/bellhop/web"
)

func (p *program) serveVerb() *cobra.Command {
	var printConfig bool
	cmd := p.verb("serve", "Run the service: API and delivery engine",
		`Run the service. It needs nothing but a folder to write to: the database and the key that
encrypts endpoint secrets are made at the first start, and an admin key is printed, once.

SIGTERM or SIGINT ends it in order: no new requests are started, those under way finish, the
database is closed. A second signal ends it at once; nothing that was acknowledged is lost.

Dialects of your own go into the configuration file:

  # bellhop.yaml
  listen: 0.0.0.0:8420
  public_url: https://hooks.example.com
  database: /var/lib/bellhop/bellhop.db
  allow_cidr: [10.20.0.0/16]
  dialects:
    - name: acme
      headers:
        - {name: X-Acme-Id, value: "${id}"}
        - {name: X-Acme-Time, value: "${ts}"}
      signature:
        {algorithm: hmac-sha256, secret: raw, content: "${ts}.${body}", encoding: hex, header: X-Acme-Signature}`,
		func(cmd *cobra.Command, _ []string) error {
			if printConfig {
				return p.printConfig()
			}
			return p.serve(cmd.Context(), p.welcome)
		})
	p.settings.add(cmd.Flags(), serviceSettings()...)
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "show the settings, where each comes from, and stop")
	cmd.Flags().SortFlags = false
	return cmd
}

// started is a service that takes requests.
type started struct {
	address net.Addr
	// metrics is where /metrics is served, nil if that is on address, too.
	metrics    net.Addr
	keyFile    string
	newKeyFile bool
	// adminKey is the first admin key; "" unless this is the first start.
	adminKey string
}

// serve wires the service and runs it until ctx ends. Once it takes requests it calls
// ready, which must not wait.
func (p *program) serve(ctx context.Context, ready func(started)) error {
	if os.Getenv("GOGC") == "" {
		defer tuneCollector()()
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		boundGo(containerMemory())
	}
	s := p.settings
	log := newLog(p.err, s.logFormat, s.logLevel)

	if err := s.checkFiles(openFiles()); err != nil {
		return err
	}
	logo, logoType, err := readLogo(s.portalLogo)
	if err != nil {
		return err
	}
	tokens, err := s.svixTokens(log)
	if err != nil {
		return err
	}
	// The port comes first: without it there is no point in touching the disk.
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return listenError("listen", s.listen, err)
	}
	defer func() { _ = listener.Close() }() // closed by the server, unless we don't get that far
	var metricsListener net.Listener
	if s.metricsListen != "" {
		if metricsListener, err = net.Listen("tcp", s.metricsListen); err != nil {
			return listenError("metrics-listen", s.metricsListen, err)
		}
		defer func() { _ = metricsListener.Close() }()
	}
	var cert *certificate
	if s.tlsCert != "" {
		if cert, err = loadCertificate(s.tlsCert, s.tlsKey, log); err != nil {
			return usageError{err}
		}
	}

	var running *begun
	var known firstStart
	begin := func() (*begun, error) { return p.begin(ctx, log, listener.Addr(), &known) }
	if s.onPostgreSQL() {
		running, err = waitFor(ctx, s.wait, log, shownDatabase(s.database), begin)
	} else {
		running, err = begin()
	}
	if err != nil {
		return err
	}
	defer running.close(log)
	store, e, notices, d, metrics := running.store, running.engine, running.notices, running.desk, running.metrics
	keyFile, files := s.keyPath(), s.allot(openFiles())

	stopping := make(chan struct{})
	var onMain prometheus.Gatherer
	if metricsListener == nil {
		onMain = metrics
	}
	common := api.Options{
		Logger: log, PublicURL: s.publicURL, TrustProxy: s.trustProxy, Version: version(), Metrics: metrics,
		KeyRate: s.keyRate, Streams: s.streams, MaxMemory: int64(s.bodyBytes()), ReadLimit: s.readLimit,
	}
	common.Shared = api.NewShared(common)
	handler, stopSvix := s.besides(native.Handler(d, native.Options{
		Options:  common,
		Gatherer: onMain, PublicDocs: s.publicDocs, Stop: stopping,
		Web:      web.Handler(web.Options{PortalOrigins: s.portalOrigins, Logo: logo, LogoType: logoType}),
		Features: wire.Features{Dev: s.dev, Inbox: d.InboxesEnabled(), DefaultDialect: d.DefaultDialect()}, Branding: s.branding(), Settings: s.report(),
		MaxEventBody: s.maxEventBody(), MaxBatchBody: s.maxBatchBody(),
	}), d, tokens, common)
	defer stopSvix()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// No ReadTimeout and no WriteTimeout: streams last as long as their readers
		// like. The API bounds bodies, the door bounds answers.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}

	entrance := door.New(listener, files.connections)
	entrance.Attend(server)
	metrics.MustRegister(newDoorway(entrance))
	accepting := net.Listener(entrance)
	if cert != nil {
		accepting = entrance.Secure(cert.config())
		metrics.MustRegister(cert)
	}

	// A flush of the disk keeps one of Go's processors from everybody else until it is done, or
	// until the runtime notices, which may take ten milliseconds: nothing went on while the log
	// and the database were flushed on a machine with two. One more keeps them all at work. What
	// is bounded by the number of processors has counted them by now.
	if os.Getenv("GOMAXPROCS") == "" && !s.onPostgreSQL() {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	engineContext, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	delivering, serving := make(chan error, 1), make(chan error, 1)
	go func() { delivering <- e.Run(engineContext) }()
	var telling sync.WaitGroup
	telling.Go(func() { notices.Run(engineContext) })
	defer telling.Wait()
	go func() { serving <- server.Serve(accepting) }()
	go watchKeyFile(engineContext, keyFile, log)
	at := started{address: listener.Addr(), keyFile: keyFile, newKeyFile: known.keyFile, adminKey: known.adminKey}
	if cert != nil {
		go cert.watch(engineContext)
	}
	if metricsListener != nil {
		at.metrics = metricsListener.Addr()
		measuring := serveMetrics(metricsListener, files.scrapes, metrics, log)
		defer func() { _ = measuring.Close() }() // the last thing: an end that takes long is worth watching
	}
	ready(at)
	log.Info("serving", "address", listener.Addr().String(), "database", store.shown, "tls", cert != nil, "dev", s.dev, "max_in_flight", files.inFlight, "max_connections", files.connections, "version", version())
	if s.maxInFlight > files.inFlight {
		log.Warn("the limit of open files allows fewer requests to endpoints at once than max-in-flight: raise it (ulimit -n, LimitNOFILE)", "max_in_flight", s.maxInFlight, "in_force", files.inFlight, "open_files", openFiles())
	}

	if hold, _ := d.Hold(ctx, bellhop.Owner()); hold.On() {
		log.Warn("all sending is held: events are accepted, and wait for 'bellhop release'", "since", hold.Since)
	}
	if s.publicURL == "" && !s.dev {
		log.Warn("public-url is not set: portal links and the API guide name the host that each request asked for, which whoever sends a request can choose; set --public-url")
	}

	if plain := s.plainBeyond(listener.Addr()); plain != "" {
		log.Warn(plain, "address", listener.Addr().String())
	}

	debug.FreeOSMemory() // what it took to start is not needed any more
	releasePages()

	var failed error
	select {
	case <-ctx.Done():
		log.Info("shutting down", "drain_timeout", s.drainTimeout.String())
	case err := <-delivering:
		failed = fmt.Errorf("the engine stopped: %w", cause(err))
		delivering <- nil // it is waited for below
	case <-store.final():
		// What is in memory may be ahead of the disk, and nothing can be stored any more:
		// whoever supervises this process starts another one, which reads what there is.
		failed = fmt.Errorf("%w. Nothing can be stored until Bellhop is started again, which loses nothing that was acknowledged: see to the disk", store.file.Unkept())
		log.Error("shutting down, since nothing can be stored any more", "err", failed, "drain_timeout", s.drainTimeout.String())
	case err := <-serving:
		failed = fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	}

	// Requests to us and by us end side by side: the engine stops claiming at
	// once, which turns readiness off; streams end; no connection is taken any
	// more; and what is under way, there and here, gets the same time.
	stopEngine()
	close(stopping)
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drainTimeout)
	defer cancel()
	if err := server.Shutdown(draining); err != nil {
		log.Warn("requests to the API were cut off at shutdown", "err", err)
		_ = server.Close() // what it could not close is closed by our exit
	}
	if err := <-delivering; err != nil && failed == nil {
		failed = fmt.Errorf("stop the engine: %w", err)
	}
	if failed == nil {
		log.Info("stopped")
	}
	return failed
}

// begun is what serve runs, once the database could be used for all that a start takes.
type begun struct {
	store   *opened
	metrics *prometheus.Registry
	engine  *engine.Engine
	notices *notice.Teller
	desk    *desk.Desk
}

func (b *begun) close(log *slog.Logger) {
	if err := b.store.Close(); err != nil {
		log.Error("closing the database failed", "err", err)
	}
}

// firstStart is what a start has made, be it one that had to begin again.
type firstStart struct {
	keyFile  bool   // the master key file
	adminKey string // the first admin key; ""
	// unanswered says that nobody knows whether an admin key was stored.
	unanswered bool
}

// begin makes a service up to where it could take requests. It leaves nothing open if it
// fails, and may be tried again then.
func (p *program) begin(ctx context.Context, log *slog.Logger, address net.Addr, known *firstStart) (_ *begun, failed error) {
	s := p.settings
	metrics := prometheus.NewRegistry()
	batchSize := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "bellhop_commit_batch_size", Help: "Steps that shared one transaction of the store.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 12),
	})
	commitTime := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "bellhop_commit_duration_seconds", Help: "How long one transaction of the store took; on SQLite without its flush.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
	})
	flushTime := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "bellhop_flush_duration_seconds", Help: "How long one flush of SQLite's write-ahead log took, which makes the transactions since the last durable.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
	})
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newStages(), batchSize, commitTime, flushTime)

	store, err := p.openDatabase(ctx, log, func(steps int, took time.Duration) {
		batchSize.Observe(float64(steps))
		commitTime.Observe(took.Seconds())
	}, func(took time.Duration) { flushTime.Observe(took.Seconds()) })
	if err != nil {
		return nil, err
	}
	b := &begun{store: store, metrics: metrics}
	defer func() {
		if failed == nil {
			return
		}
		if b.engine != nil { // else the others would wait until its lease is over
			leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			_ = store.Leave(leaving, b.engine.Lease(), b.engine.Now())
			cancel()
		}
		b.close(log)
	}()

	metrics.MustRegister(newInstalled(store, s.database, log))

	keyFile := s.keyPath()
	var ring *seal.Ring
	err = store.alone(ctx, func() error {
		created := false
		stored, err := store.Routes(ctx, 0)
		if err != nil {
			return fmt.Errorf("read the configuration from %s: %w", store.shown, err)
		}
		if store.server != nil {
			ring, created, err = sharedMasterKey(ctx, store.server, keyFile, store.shown, stored.Endpoints, log)
		} else {
			ring, created, err = openMasterKey(keyFile, store.shown, stored.Endpoints, log)
		}
		known.keyFile = known.keyFile || created
		return err
	})
	if err != nil {
		return nil, err
	}

	files := s.allot(openFiles())
	e, err := engine.New(ctx, store, engine.Config{
		Name: s.nameOfNode(), Version: version(),
		Sealer: ring, Logger: log, Metrics: metrics, Dialects: s.dialects, Recipes: s.recipes,
		AllowCIDRs: s.allowCIDRs, Dev: s.dev, DNS: s.dns, UserAgent: s.userAgent,
		Mailer:            smtp.Mailer{},
		InboxURL:          s.inboxURL(address),
		EnforceEventTypes: s.enforceEventTypes, MaxData: s.maxData, MaxInFlight: files.inFlight, MaxConnections: files.receivers, MaxConcurrency: s.maxConcurrency, QueueBytes: int64(s.queueBytes()), MaxTrials: s.maxTrials,
		MaxPending: int64(s.maxPendingPublish),
		Retention:  s.retention, DisableAfter: s.disableAfter, DrainTimeout: s.drainTimeout,
		TrustClock: s.trustClock, Earliest: writtenIn,
	})
	if err != nil {
		return nil, err
	}
	b.engine = e
	mail, err := s.mail()
	if err != nil {
		return nil, err
	}
	notices := notice.New(e, notice.Options{
		Mail: mail, PublicURL: s.base(address), Gather: s.noticeGather, Gap: s.noticeGap, Logger: log, Metrics: metrics,
		Disk: store.disk(s.database),
	})
	retry, err := s.retrySchedule()
	if err != nil {
		return nil, err
	}
	d := desk.New(e, desk.Options{Notices: notices, MaxEndpoints: s.maxEndpoints, DefaultDialect: s.defaultDialect, DefaultRetry: retry, Transformations: desk.Writers(s.transformations), MaxResent: int64(s.maxResent), MaxPending: int64(s.maxPending), Logger: log})

	if s.hold { // before anything is sent
		if _, err := d.HoldAll(ctx, bellhop.Owner()); err != nil {
			return nil, fmt.Errorf("hold all sending: %w", err)
		}
	}

	err = store.alone(ctx, func() error {
		access, err := store.Access(ctx, 0)
		if err != nil {
			return fmt.Errorf("read the keys from %s: %w", store.shown, err)
		}
		if len(access.Keys) > 0 {
			if known.unanswered {
				log.Warn("there is a first admin key, and the answer that it was stored may have been lost, so that nobody knows it: if no node has shown it, make another one with 'bellhop keys recover'")
			}
			return nil
		}
		if !known.keyFile && store.file != nil {
			log.Warn("the database is new, but the master key file beside it is not: if you expected your data here, stop Bellhop and put the database, or a backup of it, in its place", "database", store.shown, "master_key_file", keyFile)
		}
		_, known.adminKey, err = d.CreateKey(ctx, bellhop.Owner(), bellhop.KeyRequest{Name: "first admin key", Role: bellhop.RoleAdmin})
		if known.unanswered = errors.Is(err, bellhop.ErrUnknown); err != nil {
			return fmt.Errorf("create the first admin key: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.notices, b.desk = notices, d
	return b, nil
}

// writtenIn is before which no clock is right that this program runs by.
var writtenIn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// localURL is where the server is reached from its own machine.
func (s *settings) localURL(address net.Addr) string {
	scheme := s.scheme()
	if a, ok := address.(*net.TCPAddr); ok && a.IP.IsUnspecified() {
		return fmt.Sprintf("%s127.0.0.1:%d", scheme, a.Port)
	}
	return scheme + address.String()
}

// plainBeyond is a warning if keys and data go over the network as they are: where other
// machines reach the address, without TLS here or, as the settings say, at a proxy.
func (s *settings) plainBeyond(address net.Addr) string {
	a, ok := address.(*net.TCPAddr)
	if !ok || a.IP.IsLoopback() || s.tlsCert != "" || s.trustProxy || strings.HasPrefix(s.publicURL, "https://") {
		return ""
	}
	return "plain http is served to other machines: whoever is in between can read keys and data. Set --tls-cert and --tls-key, or put a proxy with TLS before Bellhop and say so with an https --public-url"
}

// signInLink signs in to the dashboard with a key. A fragment stays in the browser: no
// server and no log sees it.
func signInLink(base, key string) string { return strings.TrimRight(base, "/") + "/sign-in#key=" + key }

// localBase is where a server with these settings is reached from its own machine.
func (s *settings) localBase() string {
	host, port, _ := net.SplitHostPort(s.listen) // it has been checked
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return s.scheme() + net.JoinHostPort(host, port)
}

func (s *settings) scheme() string {
	if s.tlsCert != "" {
		return "https://"
	}
	return "http://"
}

// publicBase is where people reach a server with these settings.
func (s *settings) publicBase() string { return cmp.Or(s.publicURL, s.localBase()) }

// inboxURL is where inboxes are, or "" if there are none.
func (s *settings) inboxURL(address net.Addr) string {
	if !s.offersInboxes() {
		return ""
	}
	return s.base(address) + "/in/"
}

// base is the URL under which Bellhop is reached, as far as it knows.
func (s *settings) base(address net.Addr) string {
	base := s.publicURL
	if base == "" {
		base = s.localURL(address)
	}
	return strings.TrimRight(base, "/")
}

func cause(err error) error {
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

func listenError(setting, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use, perhaps by another Bellhop: stop that, or choose another address with --%s", address, setting)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this user may not listen on %s: choose a port above 1023 with --%s", address, setting)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this machine does not have the address %s: correct --%s", address, setting)
	}
	return fmt.Errorf("cannot listen on %s: %w", address, err)
}

// welcome says where everything is. The admin key is said here and nowhere else,
// so that it does not get into the log.
func (p *program) welcome(at started) {
	s := p.settings
	base := s.localURL(at.address)
	fresh := ""
	if at.newKeyFile {
		fresh = "  (new: it opens the endpoints' secrets; keep a copy apart from the database)"
	}
	public := s.publicURL
	if public == "" {
		public = base
	}
	public = strings.TrimRight(public, "/")
	p.print("Bellhop %s\n", version())
	p.print("  Dashboard   %s/", public)
	p.print("  API         %s", public)
	p.print("  API guide   %s/docs", public)
	p.print("  Listening   %s", at.address)
	if at.metrics != nil {
		p.print("  Metrics     http://%s/metrics", at.metrics)
	}
	if s.config != "" {
		p.print("  Settings    %s", s.config)
	}
	p.print("  Database    %s", shownDatabase(s.database))
	p.print("  Master key  %s%s", at.keyFile, fresh)
	if s.dev {
		p.print("\n%s", p.style.paint(wait, "Development mode: plain http and loopback addresses are allowed as targets. Not for production."))
	}
	if at.adminKey != "" {
		p.print("\nThis is the first start. Here is the admin key, shown this once and stored nowhere:\n")
		p.print("  export BELLHOP_KEY=%s", at.adminKey)
		if base != p.settings.flags.Lookup("server").DefValue {
			p.print("  export BELLHOP_SERVER=%s", base)
		}
		p.print("\nOpen this to sign in to the dashboard with it:\n")
		p.print("  %s", signInLink(public, at.adminKey))
	}
	p.print("")
}
