// Package oracle asks the vendors' own libraries whether they take what Bellhop sends
// in the dialects that bear their names. It is a module of its own, so that none of
// these libraries is in Bellhop's.
package oracle
