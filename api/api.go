// Package api is the HTTP API of Bellhop: what outsiders may ask, who may ask it,
// and how an error looks.
//
// routes.go lists every route and access.go says which role may use it. call.go
// is the one way of a request: it owns authentication, decoding, error mapping,
// metrics and the log. The handlers, one file per resource, take typed input and
// give typed output or an error. openapi.go makes the OpenAPI document from the
// same list, so that the document cannot promise what the server does not do.
package api

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop"
)

// Options adjusts a Handler. The zero value is good.
type Options struct {
	// Logger gets one debug line per request and every failure of the server;
	// bodies and tokens are never in it. Default: slog.Default().
	Logger *slog.Logger
	// PublicURL is where clients reach this handler, for the OpenAPI document,
	// such as "https://hooks.example.com". Default: the document's own host.
	PublicURL string
	// Version is Bellhop's, for the OpenAPI document.
	Version string
	// Gatherer gives what /metrics shows. Without it there is no /metrics.
	Gatherer prometheus.Gatherer
	// Metrics, if not nil, gets the collectors of this handler.
	Metrics prometheus.Registerer
	// Web, if not nil, serves every path that is not the API's: the dashboard.
	Web http.Handler
	// Stop, when closed, ends the streams, which an orderly shutdown of an
	// http.Server would otherwise wait for.
	Stop <-chan struct{}
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// MaxEventBody bounds the body of a publish in bytes. Default: 1 MiB.
	MaxEventBody int64
	// MaxBatchBody bounds the body of a batch in bytes. Default: 16 MiB.
	MaxBatchBody int64
	// MaxBody bounds all other bodies in bytes. Default: 1 MiB.
	MaxBody int64
	// ReadTimeout bounds the reading of a body. Default: 30 seconds.
	ReadTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "0.0.0"
	}
	if o.MaxEventBody == 0 {
		o.MaxEventBody = 1 << 20
	}
	if o.MaxBatchBody == 0 {
		o.MaxBatchBody = 16 << 20
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = 30 * time.Second
	}
	return o
}

// api is what the handlers share.
type api struct {
	b        *bellhop.Bellhop
	o        Options
	metrics  *metrics
	kinds    map[bellhop.Code]kind
	document *document
}

// Handler serves the API of b. It can be mounted at the root of a server, or
// below a prefix with http.StripPrefix.
func Handler(b *bellhop.Bellhop, o Options) http.Handler {
	o = o.withDefaults()
	a := &api{b: b, o: o, metrics: newMetrics(o.Metrics), kinds: kinds()}
	routes := a.routes()
	a.document = a.describe(routes)

	mux := http.NewServeMux()
	for i := range routes {
		r := &routes[i]
		mux.Handle(r.method+" "+r.path, a.handle(r))
	}
	rest := a.handle(noRoute(mux))
	mux.Handle("/v1/", rest)
	if o.Web != nil {
		mux.Handle("/", o.Web)
	} else {
		mux.Handle("/", rest)
	}
	return mux
}

// noRoute answers what the routes leave over: paths that don't exist, and wrong
// methods on paths that do.
func noRoute(mux *http.ServeMux) *route {
	return &route{id: "noRoute", public: true, serve: func(c *call) error {
		var allowed []string
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			_, pattern := mux.Handler(&http.Request{Method: method, URL: c.r.URL, Host: c.r.Host})
			if strings.HasPrefix(pattern, method+" ") {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 {
			return problem(bellhop.CodeNotFound, "There is nothing at this path: see /docs for those that exist")
		}
		allow := strings.Join(allowed, ", ")
		c.w.Header().Set("Allow", allow)
		return problem(codeMethod, "This path does not take "+clip(c.r.Method)+"; it takes "+allow)
	}}
}
