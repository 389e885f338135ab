package client

import (
	"sync"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
)

// What an event takes while it is not acknowledged is given back as a whole: else the bound
// of what is kept drifts with each one.
func TestWhatAStreamKeepsIsGivenBack(t *testing.T) {
	s := &PublishStream{prefix: "x"}
	s.changed = sync.NewCond(&s.mu)
	for i := range int64(3) {
		if err := s.Publish(Publication{App: "acme", Type: "a.b", Data: bellhop.JSON("1")}); err != nil {
			t.Fatal(err)
		}
		if s.bytes != len(s.waiting[0].line) {
			t.Errorf("%d bytes are counted, of %d", s.bytes, len(s.waiting[0].line))
		}
		s.sent = 1
		if err := s.answered(&wire.Streamed{Line: i + 1, Event: 1}); err != nil || s.bytes != 0 {
			t.Errorf("%d bytes are left: %v", s.bytes, err)
		}
	}
}
