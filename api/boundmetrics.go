package api

import "github.com/prometheus/client_golang/prometheus"

// boundMetrics are the metrics of what Shared bounds. None names a key or an app: their number
// has no bound. So of what each may have, they tell what the one has that has most.
type boundMetrics struct {
	memory *memory
	bounds *bounds

	bytes, bytesMost                   *prometheus.Desc
	streams, streamsMost               *prometheus.Desc
	ofKey, ofKeyMost, ofApp, ofAppMost *prometheus.Desc
}

func newBoundMetrics(s *Shared) *boundMetrics {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &boundMetrics{
		memory: s.memory, bounds: s.bounds,
		bytes:       desc("bellhop_body_bytes", "What the bodies of requests to the API, as far as they have arrived, and long answers take in memory."),
		bytesMost:   desc("bellhop_body_bytes_limit", "The bound of bellhop_body_bytes (--max-memory): at it, requests are answered 503; one key, or the keys of one app, get half of it at most."),
		streams:     desc("bellhop_streams", "Streams that are open, of attempts or of events to publish."),
		streamsMost: desc("bellhop_streams_limit", "The bound of bellhop_streams (--max-streams): near it, streams are answered 503; nobody gets more than are then left for others."),
		ofKey:       desc("bellhop_key_streams", "Streams that are open of the one key that has most."),
		ofKeyMost:   desc("bellhop_key_streams_limit", "The bound of bellhop_key_streams (--key-streams): at it, that key's streams are answered 429."),
		ofApp:       desc("bellhop_app_streams", "Streams that are open of the keys and portal links of the one app that has most."),
		ofAppMost:   desc("bellhop_app_streams_limit", "The bound of bellhop_app_streams (--app-streams): at it, that app's streams are answered 429."),
	}
}

// Describe implements prometheus.Collector.
func (b *boundMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{b.bytes, b.bytesMost, b.streams, b.streamsMost, b.ofKey, b.ofKeyMost, b.ofApp, b.ofAppMost} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (b *boundMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(b.bytes, float64(b.memory.taken()))
	gauge(b.bytesMost, float64(b.memory.most))
	open := b.bounds.opened()
	gauge(b.streams, float64(open.InAll))
	gauge(b.streamsMost, float64(b.bounds.streams.InAll))
	gauge(b.ofKey, float64(open.OfKey))
	gauge(b.ofKeyMost, float64(b.bounds.streams.OfKey))
	gauge(b.ofApp, float64(open.OfApp))
	gauge(b.ofAppMost, float64(b.bounds.streams.OfApp))
}
