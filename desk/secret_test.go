package desk_test

import (
	"strings"
	"testing"
	"time"
)

func TestRotationOverlaps(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		e := h.endpoint("a.example")
		count := func() int {
			h.publish(`{}`)
			wait(time.Second)
			got := h.net.at("a.example")
			return len(strings.Fields(got[len(got)-1].header.Get("webhook-signature")))
		}
		if n := count(); n != 1 {
			t.Errorf("%d signatures at first", n)
		}
		values, overlap, err := h.RotateSecret(t.Context(), owner, e.ID, nil, "")
		if err != nil || len(values) != 2 || !overlap || values[0].Secret == values[1].Secret {
			t.Fatalf("rotate: %d values, %v, %v", len(values), overlap, err)
		}
		if n := count(); n != 2 {
			t.Errorf("%d signatures during the overlap", n)
		}
		wait(25 * time.Hour)
		if n := count(); n != 1 {
			t.Errorf("%d signatures after the overlap", n)
		}
	})
}
