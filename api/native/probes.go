package native

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
)

// health is what the probes answer.
type health struct {
	Status string `json:"status" enum:"ok" doc:"ok."`
}

// healthz says that the process is alive, nothing more: an orchestrator restarts
// what fails it, and a full disk is not mended by a restart.
func (n *native) healthz(*api.Call, api.NoInput) (health, error) { return health{"ok"}, nil }

// readyz says whether events can be published. Why not is for the log, since
// anybody may ask.
func (n *native) readyz(*api.Call, api.NoInput) (health, error) {
	switch err := n.desk.Ready(); {
	case err == nil:
		return health{"ok"}, nil
	case bellhop.CodeOf(err) != "": // which is meant to be told
		return health{}, err
	case errors.Is(err, bellhop.ErrUnavailable):
		return health{}, bellhop.ErrUnavailable
	default:
		return health{}, api.Problem(bellhop.CodeUnavailable, "Bellhop is starting or shutting down")
	}
}

func (n *native) serveMetrics() func(c *api.Call) error {
	if n.o.Gatherer == nil {
		return func(*api.Call) error {
			return api.Problem(bellhop.CodeNotFound, "Metrics are not served on this address")
		}
	}
	var h http.Handler = promhttp.HandlerFor(n.o.Gatherer, promhttp.HandlerOpts{})
	return func(c *api.Call) error {
		h.ServeHTTP(c.Writer(), c.Request())
		return nil
	}
}
