package api

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bellhop/bellhop"
)

// health is what the probes answer.
type health struct {
	Status string `json:"status" enum:"ok" doc:"ok."`
}

// healthz says that the process is alive, nothing more: an orchestrator restarts
// what fails it, and a full disk is not mended by a restart.
func (a *api) healthz(*call, noInput) (health, error) { return health{"ok"}, nil }

// readyz says whether events can be published. Why not is for the log, since
// anybody may ask.
func (a *api) readyz(*call, noInput) (health, error) {
	switch err := a.b.Ready(); {
	case err == nil:
		return health{"ok"}, nil
	case errors.Is(err, bellhop.ErrUnavailable):
		return health{}, problem(bellhop.CodeUnavailable, "The store cannot take writes now")
	default:
		return health{}, problem(bellhop.CodeUnavailable, "Bellhop is starting or shutting down")
	}
}

func (a *api) serveMetrics() func(c *call) error {
	if a.o.Gatherer == nil {
		return func(*call) error { return problem(bellhop.CodeNotFound, "Metrics are not served here") }
	}
	var h http.Handler = promhttp.HandlerFor(a.o.Gatherer, promhttp.HandlerOpts{})
	return func(c *call) error {
		h.ServeHTTP(c.w, c.r)
		return nil
	}
}
