// Package thirdparty holds the notices of all that is shipped in the program and was
// written by others. THIRD_PARTY.md is made by make licenses, of the texts that the
// packages themselves come with; a test holds it to what is linked and bundled.
package thirdparty

import _ "embed"

// Notices are the notices, as Markdown.
//
//go:embed THIRD_PARTY.md
var Notices string
