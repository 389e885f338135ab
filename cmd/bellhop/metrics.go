package main

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bellhop/bellhop/internal/door"
)

// serveMetrics serves /metrics, and nothing else, on an address of its own.
func serveMetrics(l net.Listener, metrics prometheus.Gatherer, log *slog.Logger) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	entrance := door.New(l, metricsConnections)
	entrance.Attend(server)
	go func() { _ = server.Serve(entrance) }()
	return server
}

// metricsConnections is more than scrapers need.
const metricsConnections = 32
