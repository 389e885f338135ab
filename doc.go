// Package bellhop holds the words and contracts of a webhook service: it takes
// events from a platform, signs each one, POSTs it to every endpoint that asked for
// it, tries again until it is taken, and keeps a log that explains every attempt.
//
// This package is light, for clients and stores. What does the work stands in
// rooms of its own: engine carries events, desk answers people, api is the HTTP
// API, and sqlite and memstore keep everything. docs/architecture.md follows one
// event through them.
package bellhop
