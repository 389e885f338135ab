// Package native is Bellhop's own HTTP API: its resources, one file each, on the kit
// of package api. It translates and decides nothing: a handler takes typed input, asks
// the desk in the name of who asks, and gives typed output or the desk's error.
// routes.go lists every route.
package native

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

// Options adjusts a Handler. The zero value is good.
type Options struct {
	api.Options

	// Gatherer gives what /metrics shows. Without it there is no /metrics.
	Gatherer prometheus.Gatherer
	// Web, if not nil, serves every path that is not the API's: the dashboard.
	Web http.Handler
	// Features says what is enabled, for the dashboard.
	Features wire.Features
	// Branding is how the portal presents itself. Default: "Webhooks".
	Branding wire.Branding
	// Settings are the program's, for the operator's eyes; never a secret.
	Settings []wire.Setting
	// PublicDocs shows the event types in the OpenAPI document and on /docs to those
	// without a key, too. The API's own paths are always there to read.
	PublicDocs bool
	// Stop, when closed, ends the streams, which an orderly shutdown of an
	// http.Server would otherwise wait for.
	Stop <-chan struct{}

	// MaxEventBody bounds the body of a publish in bytes. Default: 1 MiB.
	MaxEventBody int64
	// MaxBatchBody bounds the body of a batch in bytes. Default: 16 MiB.
	MaxBatchBody int64
}

func (o Options) withDefaults() Options {
	o.Options = o.WithDefaults()
	if o.Branding.Name == "" {
		o.Branding.Name = "Webhooks"
	}
	if o.MaxEventBody == 0 {
		o.MaxEventBody = 1 << 20
	}
	if o.MaxBatchBody == 0 {
		o.MaxBatchBody = 16 << 20
	}
	return o
}

// native is what the handlers share.
type native struct {
	desk *desk.Desk
	o    Options
	// document is made when it is first asked for: it takes longer than all else of a start.
	document func() *api.Document
	// signIns and crossOrigin guard sessions.
	signIns     *api.Throttle
	crossOrigin *http.CrossOriginProtection
}

// Handler serves the API of d. It can be mounted at the root of a server, or below a
// prefix with http.StripPrefix.
func Handler(d *desk.Desk, o Options) http.Handler {
	o = o.withDefaults()
	n := &native{
		desk: d, o: o,
		signIns: api.NewThrottle(o.Now), crossOrigin: newCrossOrigin(o.PublicURL),
	}
	routes := n.routes()
	n.document = sync.OnceValue(func() *api.Document { return api.Describe(api.Manner{}, o.Options, description(), routes) })

	kit := api.New(api.Doorman{Identify: n.identify, Permits: desk.Permits, Missed: n.desk.Missed}, o.Options)
	mux := kit.Mux(routes)
	if d.InboxesEnabled() {
		receive := kit.Handler(n.receiving())
		mux.Handle("/in/{token}", receive)
		mux.Handle("/in/{token}/{below...}", receive)
	}
	mux.HandleFunc("GET /docs/{$}", api.RedirectToDocs)
	mux.Handle("/unsubscribe/{token}", kit.Handler(n.unsubscribing()))
	rest := kit.Rest(mux)
	mux.Handle("/v1/", rest)
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Pages are read; whatever else is sent was meant for the API.
		if o.Web != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			o.Web.ServeHTTP(w, r)
		} else {
			rest.ServeHTTP(w, r)
		}
	}))
	return kit.Patient(mux)
}

// Document gives the OpenAPI document (3.1, as JSON, indented) of a handler with
// these options, without the webhooks section, which is made from the event types
// of a running server.
func Document(o Options) ([]byte, error) {
	n := &native{o: o.withDefaults()}
	return json.MarshalIndent(api.Describe(api.Manner{}, n.o.Options, description(), n.routes()), "", "  ")
}

// span is the range of time that logs are filtered by.
type span struct {
	Since time.Time `query:"since" doc:"Only those of this time or later (RFC 3339)." example:"2027-06-01T00:00:00Z"`
	Until time.Time `query:"until" doc:"Only those before this time (RFC 3339)." example:"2027-06-02T00:00:00Z"`
}
