package desk

import (
	"testing"
	"time"
)

// TestAWrongKeyIsRememberedForAMoment, until the keys change, and not many are.
func TestAWrongKeyIsRememberedForAMoment(t *testing.T) {
	var w wrongKeys
	w.add([32]byte{1}, 7, 0)
	if !w.has([32]byte{1}, 7, wrongFor-1) || w.has([32]byte{2}, 7, 0) {
		t.Error("it is not remembered, or another is")
	}
	if w.has([32]byte{1}, 7, wrongFor) || w.has([32]byte{1}, 8, 0) {
		t.Error("it is remembered for too long, or after a change")
	}
	for i := range 2 * mostWrong {
		w.add([32]byte{byte(i), byte(i >> 8)}, 7, time.Duration(0))
	}
	if len(w.at) > mostWrong {
		t.Errorf("%d are remembered", len(w.at))
	}
}
