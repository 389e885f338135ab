package desk_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testlong"
)

func TestRotationOverlaps(t *testing.T) {
	testlong.Only(t)
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
		for i, grace := range append([]bellhop.Duration{24 * hour, hour, 48 * hour, 2 * hour}, slices.Repeat([]bellhop.Duration{72 * hour}, 6)...) {
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
		if err != nil || len(valid) != 11 {
			t.Fatalf("%d secrets, %v", len(valid), err)
		}
		_, err = rotate(hour, "")
		code(t, "an eleventh rotation", err, bellhop.CodeManySecrets)
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
		old := valid[9].Secret
		values, err := rotate(hour, old)
		if err != nil || len(values) != 11 || values[0].Secret != old {
			t.Fatalf("%d secrets, %v", len(values), err)
		}
		_, err = rotate(0, valid[0].Secret)
		code(t, "a secret that is valid, at once", err, bellhop.CodeInvalid, "secret")
		if values, err = rotate(0, ""); err != nil || len(values) != 1 {
			t.Errorf("with a grace of 0s %d secrets are left, %v", len(values), err)
		}
	})
}

// TestSecretsComeAlong with an endpoint from elsewhere: all of them sign, as long as each is
// valid.
func TestSecretsComeAlong(t *testing.T) {
	testlong.Only(t)
	simulate(t, func(t *testing.T) {
		h := open(t)
		secret := func(c byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{c}, 32)) }
		create := func(change func(*bellhop.EndpointChange)) (bellhop.Endpoint, string, error) {
			return h.CreateEndpoint(t.Context(), owner, hook("shop.example", change))
		}
		given := []bellhop.GivenSecret{
			{Secret: secret('a')}, {Secret: secret('b'), ExpiresAt: time.Now().Add(time.Hour)}, {Secret: secret('c')},
		}
		e, newest, err := create(func(c *bellhop.EndpointChange) { c.Secrets = bellhop.Of(given) })
		if err != nil || newest != secret('a') {
			t.Fatalf("%q, %v", newest, err)
		}
		signatures := func() int {
			t.Helper()
			h.publish(`{}`)
			wait(time.Second)
			got := h.net.at("shop.example")
			return len(strings.Fields(got[len(got)-1].header.Get("webhook-signature")))
		}
		if n := signatures(); n != 3 {
			t.Errorf("%d signatures", n)
		}
		wait(time.Hour)
		if n := signatures(); n != 2 {
			t.Errorf("%d signatures once one has ended", n)
		}
		values, err := h.Secrets(t.Context(), owner, e.ID)
		if err != nil || len(values) != 2 || values[0].Secret != secret('a') || values[1].Secret != secret('c') || !values[0].ExpiresAt.IsZero() {
			t.Errorf("%+v, %v", values, err)
		}
		wait(24 * time.Hour)
		if n := signatures(); n != 1 {
			t.Errorf("%d signatures after a day", n)
		}

		future := time.Now().Add(time.Hour)
		for name, c := range map[string]struct {
			secrets []bellhop.GivenSecret
			field   string
		}{
			"a newest that ends": {[]bellhop.GivenSecret{{Secret: secret('a'), ExpiresAt: future}}, "secrets[0].expires_at"},
			"one that has ended": {[]bellhop.GivenSecret{{Secret: secret('a')}, {Secret: secret('b'), ExpiresAt: time.Now()}}, "secrets[1].expires_at"},
			"one for too long":   {[]bellhop.GivenSecret{{Secret: secret('a')}, {Secret: secret('b'), ExpiresAt: future.AddDate(0, 2, 0)}}, "secrets[1].expires_at"},
			"one twice":          {[]bellhop.GivenSecret{{Secret: secret('a')}, {Secret: secret('a'), ExpiresAt: future}}, "secrets[1].secret"},
			"none of the form":   {[]bellhop.GivenSecret{{Secret: "short"}}, "secrets[0].secret"},
			"too many":           {slices.Repeat([]bellhop.GivenSecret{{Secret: secret('a')}}, 12), "secrets"},
		} {
			_, _, err := create(func(x *bellhop.EndpointChange) { x.Secrets = bellhop.Of(c.secrets) })
			code(t, name, err, bellhop.CodeInvalid, c.field)
			if strings.Contains(fmt.Sprint(err), secret('a')) {
				t.Errorf("%s: the error tells a secret", name)
			}
		}
		_, _, err = create(func(c *bellhop.EndpointChange) { c.Secrets, c.Secret = bellhop.Of(given), bellhop.Of(secret('a')) })
		code(t, "both", err, bellhop.CodeInvalid, "secret")
		_, _, err = create(func(c *bellhop.EndpointChange) { c.Secrets, c.Dialect = bellhop.Of(given), bellhop.Of("github") })
		code(t, "a dialect that signs once", err, bellhop.CodeInvalid, "secrets")
		_, err = h.UpdateEndpoint(t.Context(), owner, e.ID, bellhop.EndpointChange{Secrets: bellhop.Of(given)})
		code(t, "a change", err, bellhop.CodeInvalid, "secrets")
	})
}
