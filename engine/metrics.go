package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop"
)

// metrics are the engine's Prometheus collectors. None is labelled by app or
// endpoint: their number has no bound.
type metrics struct {
	e *Engine

	acceptedEvents *prometheus.CounterVec
	outbox         *prometheus.CounterVec
	deliveries     *prometheus.CounterVec
	attempts       *prometheus.CounterVec
	duration       prometheus.Histogram
	latency        prometheus.Histogram
	inFlight       prometheus.Gauge
	connections    *connections

	// newEvents and repeatedEvents are those of acceptedEvents.
	newEvents, repeatedEvents prometheus.Counter

	pending, owed, held, oldest, lanesOpen                  *prometheus.Desc
	queued, doubted                                         *prometheus.Desc
	due, dueAge, waiting, waitingAge, endpoints             *prometheus.Desc
	nodeBuckets, houseKept, pendingMost, trials, trialsMost *prometheus.Desc
	inFlightMost, queuedMost, recording, atOnceMost         *prometheus.Desc

	// mu guards the last count of what is pending: counting reads an index, so
	// a scrape does it at most every countEvery.
	mu       sync.Mutex
	counted  time.Time
	count    int64
	heldNow  int64
	oldestID bellhop.DeliveryID
	countErr error

	backlog backlog
}

const countEvery = 10 * time.Second

func newMetrics(e *Engine) *metrics {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30, 60, 300, 3600, 86400}
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	m := &metrics{
		e:           e,
		connections: newConnections(e),
		acceptedEvents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellhop_events_accepted_total", Help: "Publishes acknowledged, by whether they repeated an earlier one.",
		}, []string{"duplicate"}),
		outbox: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellhop_outbox_events_total", Help: "Events taken from the outbox, by whether they were accepted or refused.",
		}, []string{"result"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellhop_deliveries_total", Help: "Deliveries that ended, by how.",
		}, []string{"status"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellhop_attempts_total", Help: "Requests made, by outcome and reason of failure.",
		}, []string{"status", "reason"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bellhop_attempt_duration_seconds", Help: "Length of the whole exchange of an attempt.", Buckets: buckets,
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bellhop_delivery_latency_seconds", Help: "From acceptance of an event (or its deliver_at) until its delivery was taken, whatever held it up.", Buckets: buckets,
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bellhop_requests_in_flight", Help: "Requests under way to endpoints.",
		}),
		pending:   desc("bellhop_deliveries_pending", "Deliveries that are not finished, held ones included; those of bellhop_deliveries_owed are not among them."),
		owed:      desc("bellhop_deliveries_owed", "Deliveries that are still to be made: of events to very many endpoints, which are made in steps."),
		held:      desc("bellhop_deliveries_held", "Deliveries that are held since no request can be made of their events."),
		oldest:    desc("bellhop_oldest_pending_seconds", "Age of the oldest unfinished delivery."),
		lanesOpen: desc("bellhop_circuits_open", "Endpoints whose circuit is open."),
		doubted:   desc("bellhop_clock_doubted_seconds", "By how much the clock has jumped ahead so that it is not believed yet."),
		queued:    desc("bellhop_queued_bytes", "What deliveries take in memory that wait, are being sent or are being recorded."),

		queuedMost:   desc("bellhop_queued_bytes_limit", "The bound of bellhop_queued_bytes (--queue-memory): at it, what comes in waits on the disk, and endpoints take turns."),
		inFlightMost: desc("bellhop_requests_in_flight_limit", "The bound of bellhop_requests_in_flight (--max-in-flight): at it, lanes take turns."),
		atOnceMost:   desc("bellhop_endpoint_requests_limit", "How far the requests in flight to one endpoint may grow where its concurrency is not set (--max-concurrency)."),
		recording:    desc("bellhop_attempts_recording", "Attempts that were answered and are not durable yet; at as many as bellhop_requests_in_flight_limit, requests wait for them."),
		pendingMost:  desc("bellhop_app_pending_limit", "How many unfinished deliveries one app may have before its publishes are refused (--max-pending-publish); 0 is no bound."),
		trials:       desc("bellhop_trials", "Tests, verifications and previews of endpoints that are under way."),
		trialsMost:   desc("bellhop_trials_limit", "The bound of bellhop_trials (--max-trials): at it, they are answered 429."),
		nodeBuckets:  desc("bellhop_node_buckets", "How many of the 256 parts of all endpoints this node owns."),
		houseKept:    desc("bellhop_node_keeps_house", "1 on the node that does what one does for all: retention, statistics, notices."),
		due:          desc("bellhop_deliveries_due", "Deliveries that are due, that nothing holds up, and that are not being sent: above 0 for long, Bellhop does not keep up."),
		dueAge:       desc("bellhop_due_age_seconds", "For how long the oldest of bellhop_deliveries_due has been due."),
		waiting: prometheus.NewDesc("bellhop_deliveries_waiting", "Unfinished deliveries by what they wait for: "+
			"sending, limited, circuit, ordered, retrying, scheduled, held, paused, disabled, unavailable.", []string{"state"}, nil),
		endpoints:  prometheus.NewDesc("bellhop_endpoints", "Endpoints by health.", []string{"health"}, nil),
		waitingAge: prometheus.NewDesc("bellhop_waiting_age_seconds", "For how long the oldest delivery of a state has been due.", []string{"state"}, nil),
	}
	m.newEvents, m.repeatedEvents = m.acceptedEvents.WithLabelValues("false"), m.acceptedEvents.WithLabelValues("true")
	return m
}

// register hands the collectors to a registry, until unregister: an engine that is
// started anew in the same process is to find its place free.
func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	err := r.Register(m)
	if _, taken := errors.AsType[prometheus.AlreadyRegisteredError](err); taken {
		return errors.New("register metrics: an engine that runs, or has never run, reports to Config.Metrics already: " +
			"give each engine a registry of its own, or tell them apart with prometheus.WrapRegistererWith")
	}
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

func (m *metrics) unregister(r prometheus.Registerer) {
	if r != nil {
		r.Unregister(m)
	}
}

// flying counts the requests under way.
func (m *metrics) flying(delta int) { m.inFlight.Add(float64(delta)) }

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.acceptedEvents, m.outbox, m.deliveries, m.attempts, m.duration, m.latency, m.inFlight, m.connections}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
	ch <- m.pending
	ch <- m.owed
	ch <- m.held
	ch <- m.oldest
	ch <- m.lanesOpen
	ch <- m.queued
	ch <- m.doubted
	ch <- m.due
	ch <- m.dueAge
	ch <- m.waiting
	ch <- m.waitingAge
	ch <- m.endpoints
	ch <- m.nodeBuckets
	ch <- m.houseKept
	ch <- m.inFlightMost
	ch <- m.queuedMost
	ch <- m.recording
	ch <- m.atOnceMost
	ch <- m.pendingMost
	ch <- m.trials
	ch <- m.trialsMost
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	own := m.e.ownBuckets()
	gauge(m.nodeBuckets, float64(len(own)))
	kept := 0.0
	if len(own) > 0 && own[0] == 0 {
		kept = 1
	}
	gauge(m.houseKept, kept)
	gauge(m.lanesOpen, float64(m.e.lanes.CircuitsOpen()))
	gauge(m.queued, float64(m.e.lanes.HeldBytes()))
	gauge(m.queuedMost, float64(m.e.cfg.QueueBytes))
	gauge(m.inFlightMost, float64(m.e.cfg.MaxInFlight))
	gauge(m.atOnceMost, float64(m.e.cfg.MaxConcurrency))
	gauge(m.pendingMost, float64(m.e.cfg.MaxPending))
	gauge(m.trials, float64(m.e.trials.underWay()))
	gauge(m.trialsMost, float64(m.e.cfg.MaxTrials))
	gauge(m.recording, float64(m.e.lanes.Recording()))
	gauge(m.doubted, m.e.clock.Doubted().Seconds())
	m.collectBacklog(ch)
	count, held, oldest, err := m.countPending()
	if err != nil {
		// The other metrics are needed most when the store is in trouble.
		m.e.Failed("counting pending deliveries for the metrics", err)
		return
	}
	gauge(m.pending, float64(count))
	gauge(m.held, float64(held))
	age := 0.0
	if oldest != 0 {
		age = max(m.e.cfg.Now().Sub(oldest.Time()).Seconds(), 0)
	}
	gauge(m.oldest, age)
}

func (m *metrics) countPending() (count, held int64, oldest bellhop.DeliveryID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.e.cfg.Now(); m.counted.IsZero() || now.Sub(m.counted) >= countEvery {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		m.count, m.oldestID, m.countErr = m.e.store.Pending(ctx, bellhop.Everything(), 0)
		m.counted, m.heldNow = now, 0
		if m.countErr == nil {
			var at map[bellhop.EndpointID]int64
			at, m.countErr = m.e.store.Held(ctx, bellhop.Everything(), 0)
			for _, n := range at {
				m.heldNow += n
			}
		}
	}
	return m.count, m.heldNow, m.oldestID, m.countErr
}

func (m *metrics) accepted(receipts []bellhop.Receipt) {
	duplicates := 0
	for _, r := range receipts {
		if r.Duplicate {
			duplicates++
		}
	}
	m.repeatedEvents.Add(float64(duplicates))
	m.newEvents.Add(float64(len(receipts) - duplicates))
}

func (m *metrics) attempted(a *bellhop.Attempt, w *bellhop.Work, now time.Time) {
	if !a.Counts() {
		return // a test is no delivery
	}
	m.attempts.WithLabelValues(string(a.Status), a.Reason).Inc()
	if a.Duration > 0 || a.ResponseStatus != 0 { // else there was no exchange
		m.duration.Observe(time.Duration(a.Duration).Seconds())
	}
	if a.Final {
		m.deliveries.WithLabelValues(string(a.Status)).Inc()
	}
	if a.Status == bellhop.AttemptSucceeded && w.Delivery.Trigger == bellhop.TriggerPublish {
		since := w.Event.CreatedAt()
		if at := w.Event.DeliverAt; at != nil && at.After(since) {
			since = *at
		}
		m.latency.Observe(max(now.Sub(since), 0).Seconds())
	}
}
