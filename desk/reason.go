package desk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/suggest"
)

// reasons are all the words that attempts have for why they failed or were canceled.
var reasons = []string{
	bellhop.ReasonStatus, string(safehttp.ReasonTimeout), string(safehttp.ReasonDNS), string(safehttp.ReasonAddress),
	string(safehttp.ReasonConnect), string(safehttp.ReasonTLS), string(safehttp.ReasonReset), string(safehttp.ReasonProtocol),
	string(safehttp.ReasonURL), string(safehttp.ReasonRequest), bellhop.ReasonAnswer, bellhop.ReasonAuth, bellhop.ReasonRender,
	bellhop.ReasonTransform, bellhop.ReasonTransformTimeout, bellhop.ReasonTransformMemory, bellhop.ReasonTransformResult,
	bellhop.ReasonRecipe, bellhop.ReasonNoListener, bellhop.ReasonResources, bellhop.ReasonPanic, bellhop.ReasonExpired,
	bellhop.ReasonSkipped, bellhop.ReasonSettled, bellhop.ReasonErased, bellhop.ReasonDeleted, bellhop.ReasonCutShort,
}

// checkReason refuses to select by a word that no attempt can have: nothing would be
// found, and that looks as if nothing had failed.
func checkReason(reason string) error {
	if reason == "" || slices.Contains(reasons, reason) {
		return nil
	}
	like := ""
	if near := suggest.Nearest(reason, reasons); near != "" {
		like = fmt.Sprintf(" (did you mean %q?)", near)
	}
	return bellhop.Wrong("reason", "enum", "is no reason that an attempt can have"+like+"; it must be one of "+strings.Join(reasons, ", "))
}
