package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bellhop/bellhop/internal/door"
	"github.com/bellhop/bellhop/sqlite"
)

// installed tells of the program and its files, as they are when they are asked for.
type installed struct {
	store    *opened
	database string
	log      *slog.Logger

	build, size, wal, free, backup *prometheus.Desc
}

func newInstalled(store *opened, database string, log *slog.Logger) *installed {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &installed{
		store: store, database: database, log: log,
		build:  desc("bellhop_build_info", "1, with what runs.", "version", "go_version"),
		size:   desc("bellhop_database_bytes", "Size of the database, or of its file."),
		wal:    desc("bellhop_wal_bytes", "Size of the write-ahead log of a database in a file."),
		free:   desc("bellhop_disk_free_bytes", "What Bellhop may still use of the disk with the database."),
		backup: desc("bellhop_last_backup_timestamp_seconds", "When the last bellhop backup of this database began that succeeded; 0 if there was none."),
	}
}

// Describe implements prometheus.Collector.
func (i *installed) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{i.build, i.size, i.wal, i.free, i.backup} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. What cannot be told is left out.
func (i *installed) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(i.build, 1, version(), runtime.Version())
	if i.store.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if size, err := i.store.server.Size(ctx); err == nil { // else the database is away, which others say
			gauge(i.size, float64(size))
		}
		return
	}
	if size, wal, err := i.store.file.Sizes(); err != nil {
		i.log.Warn("a metric is left out", "err", err)
	} else {
		gauge(i.size, float64(size))
		gauge(i.wal, float64(wal))
	}
	if free, _, err := space(filepath.Dir(i.database)); err == nil {
		gauge(i.free, float64(free))
	}
	switch at, err := sqlite.LastBackup(i.database); {
	case err != nil:
		i.log.Warn("a metric is left out", "err", err)
	case at.IsZero():
		gauge(i.backup, 0)
	default:
		gauge(i.backup, float64(at.Unix()))
	}
}

// doorway are the metrics of the connections to the API.
type doorway struct {
	stats func() door.Stats

	open, most *prometheus.Desc
}

func newDoorway(d *door.Door) *doorway {
	return &doorway{
		stats: d.Stats,
		open:  prometheus.NewDesc("bellhop_api_connections", "Connections to the API: busy or idle, of those who have shown a key, or of strangers.", []string{"state"}, nil),
		most:  prometheus.NewDesc("bellhop_api_connections_limit", "The bound of bellhop_api_connections, all states together (--max-connections): at it, strangers and the longest idle make way.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (w *doorway) Describe(ch chan<- *prometheus.Desc) { ch <- w.open; ch <- w.most }

// Collect implements prometheus.Collector.
func (w *doorway) Collect(ch chan<- prometheus.Metric) {
	s := w.stats()
	for state, n := range map[string]int{"stranger": s.Strangers, "busy": s.Busy, "idle": s.Idle} {
		ch <- prometheus.MustNewConstMetric(w.open, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(w.most, prometheus.GaugeValue, float64(s.Max))
}

// serveMetrics serves /metrics, and nothing else, on an address of its own, over so many
// connections at most, which are more than scrapers need.
func serveMetrics(l net.Listener, connections int, metrics prometheus.Gatherer, log *slog.Logger) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	entrance := door.New(l, connections)
	entrance.Attend(server)
	go func() { _ = server.Serve(entrance) }()
	return server
}
