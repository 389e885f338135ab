package bellhop

import "slices"

// Principal is who asks for something: what it may do, to which apps, and how the
// audit log names it. The zero Principal may do nothing.
type Principal struct {
	Role  Role
	Scope Scope
	// Actor is the id of the key, or "system".
	Actor string
	// Portal says that it is the holder of a portal link, who sees event types by
	// FeatureFlags.
	Portal       bool
	FeatureFlags []string
}

// SeesType tells whether the principal finds an event type in lists and among what it may
// choose: the holder of a portal link does not, if the type has feature flags and the link
// none of them.
func (p Principal) SeesType(t *EventType) bool {
	return !p.Portal || len(t.FeatureFlags) == 0 ||
		slices.ContainsFunc(t.FeatureFlags, func(flag string) bool { return slices.Contains(p.FeatureFlags, flag) })
}

// System is Bellhop itself, in the audit log.
const System = "system"

// Owner is a principal that may do everything: for programs that have the engine
// in their own process and ask in nobody else's name.
func Owner() Principal {
	return Principal{Role: RoleAdmin, Scope: Scope{All: true}, Actor: System}
}

// Scope is a set of apps. The zero Scope is empty: whoever has it sees nothing.
type Scope struct {
	// All means every app, those still to be created included.
	All  bool
	Apps []string
}

// Everything is the scope of all apps.
func Everything() Scope { return Scope{All: true} }

// Only is the scope of these apps and no other.
func Only(apps ...string) Scope { return Scope{Apps: apps} }

// Sees tells whether the scope has the app.
func (s Scope) Sees(app string) bool { return s.All || slices.Contains(s.Apps, app) }

// SeesAny tells whether the scope has one of the apps.
func (s Scope) SeesAny(apps []string) bool { return s.All || slices.ContainsFunc(apps, s.Sees) }

// SeesAll tells whether the scope has every one of the apps.
func (s Scope) SeesAll(apps []string) bool {
	return s.All || !slices.ContainsFunc(apps, func(a string) bool { return !s.Sees(a) })
}

// Covers tells whether the scope has all that other has.
func (s Scope) Covers(other Scope) bool {
	return s.All || !other.All && s.SeesAll(other.Apps)
}

// Narrow is the scope of the one app, or the whole scope for "". Of an app that
// the scope does not have, it is empty.
func (s Scope) Narrow(app string) Scope {
	switch {
	case app == "":
		return s
	case s.Sees(app):
		return Only(app)
	}
	return Scope{}
}

// Visible are those of the apps that the scope has, in their order.
func (s Scope) Visible(apps []string) []string {
	if s.All {
		return apps
	}
	return slices.DeleteFunc(slices.Clone(apps), func(a string) bool { return !s.Sees(a) })
}
