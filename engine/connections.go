package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop/internal/safehttp"
)

// connections are the metrics of the connections to receivers.
type connections struct {
	stats func() safehttp.Stats

	open, most, waiting *prometheus.Desc
}

func newConnections(e *Engine) *connections {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &connections{
		stats:   func() safehttp.Stats { return e.http.Stats() },
		open:    desc("bellhop_connections", "Connections to receivers: busy, idle or being dialed.", "state"),
		most:    desc("bellhop_connections_limit", "The bound of bellhop_connections, all states together: at it, the longest idle make way, and then requests wait."),
		waiting: desc("bellhop_connections_waiting", "Requests that wait for a connection, since there are as many as there may be."),
	}
}

// Describe implements prometheus.Collector.
func (c *connections) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.open, c.most, c.waiting} {
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
}
