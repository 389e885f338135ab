package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop/internal/safehttp"
)

// connections are the metrics of what sending takes of the machine, beside what it may
// take at most.
type connections struct {
	stats    func() safehttp.Stats
	inFlight int   // requests, at most
	queued   int64 // bytes, at most

	open, most, waiting, mostInFlight, mostQueued *prometheus.Desc
}

func newConnections(e *Engine) *connections {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &connections{
		stats: func() safehttp.Stats { return e.http.Stats() }, inFlight: e.cfg.MaxInFlight, queued: e.cfg.QueueBytes,
		open:         desc("bellhop_connections", "Connections to receivers: busy, idle or being dialed.", "state"),
		most:         desc("bellhop_connections_max", "How many connections to receivers there may be in all."),
		waiting:      desc("bellhop_connections_waiting", "Requests that wait for a connection, since there are as many as there may be."),
		mostInFlight: desc("bellhop_requests_in_flight_max", "How many requests may be under way to endpoints."),
		mostQueued:   desc("bellhop_queued_bytes_max", "How much event data may be in memory before more is left in the store."),
	}
}

// Describe implements prometheus.Collector.
func (c *connections) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.open, c.most, c.waiting, c.mostInFlight, c.mostQueued} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *connections) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.stats()
	gauge(c.open, float64(s.Busy), "busy")
	gauge(c.open, float64(s.Idle), "idle")
	gauge(c.open, float64(s.Dialing), "dialing")
	gauge(c.most, float64(s.Max))
	gauge(c.waiting, float64(s.Waiting))
	gauge(c.mostInFlight, float64(c.inFlight))
	gauge(c.mostQueued, float64(c.queued))
}
