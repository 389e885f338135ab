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
	"github.com/bellhop/bellhop/api/wire"
)

// Options adjusts a Handler. The zero value is good.
type Options struct {
	// Logger gets one debug line per request and every failure of the server;
	// bodies and tokens are never in it. Default: slog.Default().
	Logger *slog.Logger
	// PublicURL is where clients reach this handler, for the OpenAPI document and
	// for portal links, such as "https://hooks.example.com". Default: the host of
	// the request.
	PublicURL string
	// Version is Bellhop's, for the OpenAPI document.
	Version string
	// Gatherer gives what /metrics shows. Without it there is no /metrics.
	Gatherer prometheus.Gatherer
	// Metrics, if not nil, gets the collectors of this handler.
	Metrics prometheus.Registerer
	// Web, if not nil, serves every path that is not the API's: the dashboard.
	Web http.Handler
	// TrustProxy takes a client's address from the last entry of
	// X-Forwarded-For. Only where every request comes through a proxy that adds
	// one.
	TrustProxy bool
	// Features says what is enabled, for the dashboard.
	Features wire.Features
	// Branding is how the portal presents itself. Default: "Webhooks".
	Branding wire.Branding
	// Settings are the program's, for the operator's eyes; never a secret.
	Settings []wire.Setting
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
	if o.Branding.Name == "" {
		o.Branding.Name = "Webhooks"
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
	// signIns and crossOrigin guard sessions.
	signIns     *throttle
	crossOrigin *http.CrossOriginProtection
}

// Handler serves the API of b. It can be mounted at the root of a server, or
// below a prefix with http.StripPrefix.
func Handler(b *bellhop.Bellhop, o Options) http.Handler {
	o = o.withDefaults()
	a := &api{
		b: b, o: o, metrics: newMetrics(o.Metrics), kinds: kinds(),
		signIns: newThrottle(o.Now), crossOrigin: newCrossOrigin(o.PublicURL),
	}
	routes := a.routes()
	a.document = a.describe(routes)

	mux := http.NewServeMux()
	for i := range routes {
		r := &routes[i]
		mux.Handle(r.method+" "+r.path, a.handle(r))
	}
	if b.InboxesEnabled() {
		receive := a.handle(a.receiving())
		mux.Handle("/in/{token}", receive)
		mux.Handle("/in/{token}/{below...}", receive)
	}
	rest := a.handle(noRoute(mux))
	mux.Handle("/v1/", rest)
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Pages are read; whatever else is sent was meant for the API.
		if o.Web != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			o.Web.ServeHTTP(w, r)
		} else {
			rest.ServeHTTP(w, r)
		}
	}))
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
