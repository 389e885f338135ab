package bellhop

import "time"

// Key lets a program or a person use the API. Only the hash of its token is
// kept. A portal link is a key with an expiry and one app.
type Key struct {
	// ID is negative for who has no stored key, but shows otherwise who he is: then Name
	// is what the audit log calls him.
	ID   KeyID  `json:"id"`
	Name string `json:"name,omitempty"`
	Role Role   `json:"role"`
	// Scope is the apps that the key reaches.
	Scope Scope `json:"-"`
	// Portal marks a portal link.
	Portal bool `json:"portal,omitempty"`
	// FeatureFlags are, of a portal link, those whose event types it sees.
	FeatureFlags []string `json:"feature_flags,omitempty"`
	// Session is, for a session of the dashboard, the key that was signed in
	// with: the session ends with it.
	Session KeyID `json:"session,omitempty"`
	// Device is, for a session, where it was started: browser and system.
	Device    string    `json:"device,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is zero for a key that stays valid until it is deleted.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Hash is the SHA-256 of the token.
	Hash [32]byte `json:"-"`
}

// Role is what a key may do, to the apps that it is limited to.
type Role string

// The roles.
const (
	// RoleAdmin may do everything; limited to apps, everything in those apps.
	RoleAdmin Role = "admin"
	// RolePublisher may publish events and read what became of them.
	RolePublisher Role = "publisher"
	// RoleEditor has the edit-app right: manage endpoints, see logs, resend.
	RoleEditor Role = "editor"
	// RoleViewer may look.
	RoleViewer Role = "viewer"
)

// Principal is who a key stands for. Of a session it is the key that was signed in
// with.
func (k *Key) Principal() Principal {
	actor := k.ID.String()
	switch {
	case k.ID < 0:
		actor = k.Name
	case k.Session != 0:
		actor = k.Session.String()
	}
	return Principal{Role: k.Role, Scope: k.Scope, Actor: actor, Portal: k.Portal, FeatureFlags: k.FeatureFlags}
}

// KeyUse is when a key was last used.
type KeyUse struct {
	Key KeyID
	At  time.Time
}

// KeyRequest asks for a key or a portal link.
type KeyRequest struct {
	Name string
	Role Role
	// Apps limits the key; none means all. A portal link has exactly one.
	Apps []string
	// ExpiresIn is 0 for a key that stays valid until it is deleted, and for a
	// portal link of an hour.
	ExpiresIn Duration
	Portal    bool
	// Hash, if not nil, is the SHA-256 of a token that somebody has already, of a key that
	// comes from another installation: no token is made then.
	Hash *[32]byte
	// FeatureFlags are for a portal link (EventType.FeatureFlags).
	FeatureFlags []string
}

// AuditEntry is one line of the audit log: who changed what. It is written in the
// transaction of the change itself.
type AuditEntry struct {
	ID AuditID `json:"id"`
	// Actor is the id of the key that did it, or "system".
	Actor string `json:"actor"`
	// Action is a dotted verb such as "endpoint.update".
	Action string `json:"action"`
	// Object is the id or name of what was changed.
	Object string `json:"object"`
	// Apps are the apps it concerns.
	Apps []string `json:"apps,omitempty"`
	// Detail holds what changed, never a secret.
	Detail JSON `json:"detail,omitempty"`
}

// At is when it happened.
func (a *AuditEntry) At() time.Time { return a.ID.Time() }
