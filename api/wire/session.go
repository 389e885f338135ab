package wire

import (
	"time"

	"github.com/bellhop/bellhop"
)

// SessionInput opens a session of the dashboard.
type SessionInput struct {
	Key string `json:"key" writeOnly:"true" doc:"The key (bh_…) to sign in with: an admin's, editor's or viewer's." example:"bh_…"`
}

// Session is who asks: what the caller's key, session or portal link may do.
type Session struct {
	// Key is the key that was signed in with, or the portal link.
	Key       bellhop.KeyID `json:"key" doc:"The key that was signed in with, or the portal link."`
	Name      string        `json:"name,omitempty" doc:"Its name."`
	Role      bellhop.Role  `json:"role" enum:"admin,publisher,editor,viewer"`
	Apps      []string      `json:"apps" nullable:"false" doc:"The apps that it is limited to; none means all."`
	Portal    bool          `json:"portal" doc:"True for a portal link."`
	ExpiresAt time.Time     `json:"expires_at,omitzero" doc:"When the session or the portal link ends."`
	Version   string        `json:"version" doc:"Bellhop's."`
	Features  Features      `json:"features"`
}

// Features says what the operator has enabled.
type Features struct {
	Inbox bool `json:"inbox" doc:"Temporary receivers can be made: POST /v1/inboxes."`
	Dev   bool `json:"dev" doc:"Plain http and loopback targets are allowed."`
	// Transformations says whether the caller may write them.
	Transformations bool `json:"transformations" doc:"The caller may write transformations of endpoints that it may change."`
	// DefaultDialect is that of endpoints whose apps have none of their own.
	DefaultDialect string `json:"default_dialect" doc:"The dialect of endpoints that name none, of apps without dialects of their own." example:"standard"`
}

// Branding is how the portal presents itself.
type Branding struct {
	Name  string `json:"name" doc:"The platform's name." example:"Acme"`
	Color string `json:"color,omitempty" doc:"The platform's main colour, as #rrggbb." example:"#0b7285"`
	Logo  string `json:"logo,omitempty" doc:"Path of the platform's logo, on this host." example:"/portal/logo"`
}

// Setting is one setting of the running server.
type Setting struct {
	Name        string `json:"name" doc:"As in the configuration file." example:"max_in_flight"`
	Value       string `json:"value" doc:"As it is in force; secrets are never among them." example:"4096"`
	Source      string `json:"source" doc:"Where it comes from: a flag, a variable, the configuration file, or the default." example:"BELLHOP_MAX_IN_FLIGHT"`
	Default     bool   `json:"default" doc:"True if nobody set it."`
	Description string `json:"description" doc:"What it does."`
}
