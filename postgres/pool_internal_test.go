package postgres

import (
	"strings"
	"testing"
)

// TestConnectionsOfANode are as many as the error says that there are too few of.
func TestConnectionsOfANode(t *testing.T) {
	t.Parallel()
	o, most := Options{Readers: 4, Writers: 2}, 3 // that to wake, to be woken, and to try that
	for _, size := range o.sizes() {
		most += size
	}
	if most != 21 || !strings.HasSuffix(raiseConnections, " 21") {
		t.Errorf("%d, and it says: %s", most, raiseConnections)
	}
}
