package api

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests by operation, never by path: paths hold ids.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellhop_http_requests_total",
			Help: "Requests to the API, by operation and HTTP status.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "bellhop_http_request_duration_seconds",
			Help:    "How long requests to the API took, by operation.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"operation"}),
	}
	if r != nil {
		m.requests = register(r, m.requests)
		m.seconds = register(r, m.seconds)
	}
	return m
}

// register registers c, or gives the one that is registered already: a program
// may mount the API twice.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	err := r.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing
		}
	}
	if err != nil {
		// Two collectors of one name would be a mistake in this program.
		panic(err)
	}
	return c
}

// of gives the function that counts a route's requests.
func (m *metrics) of(r *Route) func(status int, took time.Duration) {
	requests := m.requests.MustCurryWith(prometheus.Labels{"operation": r.ID})
	seconds := m.seconds.WithLabelValues(r.ID)
	// Nearly all answers of a route have the same status: its counter is not looked up.
	type counter struct {
		status int
		prometheus.Counter
	}
	var last atomic.Pointer[counter]
	return func(status int, took time.Duration) {
		c := last.Load()
		if c == nil || c.status != status {
			c = &counter{status, requests.WithLabelValues(strconv.Itoa(status))}
			last.Store(c)
		}
		c.Inc()
		if !r.streams { // lasts as long as its reader likes
			seconds.Observe(took.Seconds())
		}
	}
}
