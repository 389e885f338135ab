package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/id"
)

// A start with a clock that is a year ahead of what the database has seen: nothing is
// deleted, unless the operator says that the time is right.
func TestAStartAYearAhead(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	s.publish("acme", "a", `1`)
	r.wait(t, 1)
	s.waitDone(e.ID)
	s.stop()
	// All that is stored becomes a year older.
	const year = 365 * 24 * time.Hour
	shift := int64(id.First[id.Event](time.UnixMilli(year.Milliseconds())))
	script(t, s.db, fmt.Sprintf(`UPDATE events SET id = id - %[1]d; UPDATE attempts SET id = id - %[1]d, event = event - %[1]d, delivery = delivery - %[1]d;
		UPDATE clock SET at = at - %[2]d; UPDATE nodes SET lease_until = lease_until - %[2]d;`, shift, year.Microseconds()))

	count := func() (n int) {
		for _, err := range s.api.Events(t.Context(), client.EventFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	before := s.output.len()
	s.start()
	eventually(t, "the log says what was seen", func() bool { return strings.Contains(s.output.from(before), "the clock has jumped ahead") })
	s.publish("acme", "a", `2`)
	s.stop()
	s.start()
	if n := count(); n != 2 {
		t.Errorf("there are %d events, want both", n)
	}
	s.stop()
	s.start("--trust-clock")
	eventually(t, "what is old is deleted", func() bool { return count() == 1 })
}
