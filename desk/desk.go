// Package desk is where people and their programs ask for things: endpoints,
// secrets, the catalogue, keys, the log and why it says what it says, replay and
// erasure. And it is where is decided who may ask for what: every method is asked
// by a Principal and decides its right first, so that each API in front of it
// (HTTP, command line, Go calls) has the same rights without a line of its own.
//
// What a principal may do is its role, in the table of access.go. What it may do it
// to is its scope: objects of other apps do not exist for it.
package desk

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/notice"
)

// The defaults of the bounds of Options.
const (
	DefaultMaxEndpoints = 1000
	DefaultMaxResent    = 100_000
	DefaultMaxPending   = 1_000_000
)

// Options adjusts a Desk. The zero value is good.
type Options struct {
	// MaxEndpoints is how many endpoints may listen to one app, unless the app
	// has a bound of its own. Default: DefaultMaxEndpoints.
	MaxEndpoints int
	// MaxResent is how many unfinished deliveries of replays and resends may wait at
	// one endpoint, and MaxPending how many unfinished deliveries of any kind one app
	// may have, before no more of them are made. Defaults: DefaultMaxResent and
	// DefaultMaxPending.
	MaxResent, MaxPending int64
	// DefaultDialect is the dialect of endpoints that name none and whose apps
	// offer none in particular: one that the engine has. Default: DefaultDialect.
	DefaultDialect string
	// DefaultRetry is the schedule of endpoints that name none when they are made or
	// changed. Default: that of seven days.
	DefaultRetry bellhop.RetryPolicy
	// Transformations says who may write transformations. Default: editors.
	Transformations Writers
	// Notices tell people of what is broken. Default: nobody is told.
	Notices *notice.Teller
	// Logger gets the log; secrets and payloads are never in it. Default:
	// slog.Default().
	Logger *slog.Logger
}

// Desk answers what people ask for. Its methods are safe for concurrent use.
type Desk struct {
	e     *engine.Engine
	store bellhop.Store
	log   *slog.Logger

	maxEndpoints   int
	defaultDialect string
	defaultRetry   bellhop.RetryPolicy
	writers        Writers
	notices        *notice.Teller
	bounds         bellhop.BacklogBounds
	crowds         crowds
	doubts         doubts
	wrongKeys      wrongKeys
}

// New makes the desk of an engine.
func New(e *engine.Engine, o Options) *Desk {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Desk{
		e: e, store: e.Store(), log: o.Logger, maxEndpoints: cmp.Or(o.MaxEndpoints, DefaultMaxEndpoints),
		defaultDialect: cmp.Or(o.DefaultDialect, DefaultDialect),
		defaultRetry:   o.DefaultRetry,
		writers:        cmp.Or(o.Transformations, WritersEditors),
		notices:        o.Notices,
		bounds:         bellhop.BacklogBounds{Endpoint: cmp.Or(o.MaxResent, DefaultMaxResent), App: cmp.Or(o.MaxPending, DefaultMaxPending)},
	}
}

// Ready tells why the node cannot take events now, or nil if it can.
func (d *Desk) Ready() error { return d.e.Ready() }

// now is the time as it is stored: in UTC, to the millisecond.
func (d *Desk) now() time.Time { return d.e.Now().UTC().Truncate(time.Millisecond) }

// routes is the configuration in memory, as it is now.
func (d *Desk) routes() *routes.Routes { return d.e.Routes().Routes() }
