package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
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

// TestSecretsLastAsPromised: what a rotation answered of a secret stays true, whatever
// is rotated after it; what cannot be kept is refused.
func TestSecretsLastAsPromised(t *testing.T) {
	simulate(t, func(t *testing.T) {
		h := open(t)
		ctx := t.Context()
		e := h.endpoint("a.example")
		hour := bellhop.Duration(time.Hour)
		rotate := func(grace bellhop.Duration, secret string) ([]bellhop.SecretValue, error) {
			values, _, err := h.RotateSecret(ctx, owner, e.ID, &grace, secret)
			return values, err
		}
		promised := map[string]time.Time{}
		for i, grace := range []bellhop.Duration{24 * hour, hour, 48 * hour, 2 * hour} {
			values, err := rotate(grace, "")
			if err != nil || len(values) != i+2 {
				t.Fatalf("rotation %d: %d values, %v", i+1, len(values), err)
			}
			for j, v := range values {
				switch before, known := promised[v.Secret]; {
				case j == 0 && !v.ExpiresAt.IsZero():
					t.Errorf("rotation %d: the newest ends at %v", i+1, v.ExpiresAt)
				case j > 0 && known && !before.Equal(v.ExpiresAt):
					t.Errorf("rotation %d: a secret that was to end at %v ends at %v", i+1, before, v.ExpiresAt)
				case j > 0:
					promised[v.Secret] = v.ExpiresAt
				}
			}
		}
		valid, err := h.Secrets(ctx, owner, e.ID)
		if err != nil || len(valid) != 5 {
			t.Fatalf("%d secrets, %v", len(valid), err)
		}
		_, err = rotate(hour, "")
		code(t, "a fifth rotation", err, bellhop.CodeConflict)
		if err == nil || !strings.Contains(err.Error(), "0s") {
			t.Errorf("the remedy is not named: %v", err)
		}
		for i, v := range valid {
			_, err := rotate(hour, v.Secret)
			code(t, fmt.Sprintf("rotating to secret %d that is valid", i), err, bellhop.CodeInvalid, "secret")
		}
		if again, err := h.Secrets(ctx, owner, e.ID); err != nil || !slices.Equal(again, valid) {
			t.Errorf("a refused rotation changed the secrets: %v, %v", again, err)
		}
		wait(61 * time.Minute) // the second one has ended, and there is room
		old := valid[3].Secret
		values, err := rotate(hour, old)
		if err != nil || len(values) != 5 || values[0].Secret != old {
			t.Fatalf("%d secrets, %v", len(values), err)
		}
		_, err = rotate(0, valid[0].Secret)
		code(t, "a secret that is valid, at once", err, bellhop.CodeInvalid, "secret")
		if values, err = rotate(0, ""); err != nil || len(values) != 1 {
			t.Errorf("with a grace of 0s %d secrets are left, %v", len(values), err)
		}
	})
}
