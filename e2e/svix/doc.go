// Package svix has Svix's own clients, unmodified, talk to the built binary: the Go SDK and
// the one of npm. Its cases bear the names of Svix's server's tests, and each is run by both
// clients; docs/svix-tests.md says which of those names hold. Every answer passes a recorder
// that holds it against the shapes in shapes.json, and against the server's own document.
//
// It is a module of its own, so that none of this is in Bellhop's.
package svix
