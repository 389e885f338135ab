package dialect

import (
	"crypto/ed25519"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

func TestNewSecret(t *testing.T) {
	forms := map[string]string{
		"stripe":    `^whsec_[\w-]{43}$`,
		"github":    `^[\w-]{43}$`,
		"shopify":   `^[\w-]{43}$`,
		"slack":     `^[\w-]{43}$`,
		"allthings": `^[\w-]{43}$`,
		"showpass":  `^[\w-]{43}$`,
		"convoy":    `^[\w-]{43}$`,

		"convoy-simple": `^[\w-]{43}$`,
	}
	eachBuiltin(t, func(t *testing.T, d *Dialect) {
		form := forms[d.Name()]
		if form == "" {
			form = `^whsec_[A-Za-z0-9+/]{43}=$`
		}
		one, err := d.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		two, err := d.NewSecret()
		if err != nil {
			t.Fatal(err)
		}
		if one == two {
			t.Error("two secrets are equal")
		}
		if !regexp.MustCompile(form).MatchString(one) {
			t.Errorf("secret has not the form %s", form)
		}
		if err := d.CheckSecret(one); err != nil {
			t.Error(err)
		}
	})
}

func TestCheckSecret(t *testing.T) {
	key := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	whsk := "whsk_" + base64.StdEncoding.EncodeToString(private)
	whpk, _ := PublicKey(whsk)
	crossed := append(append([]byte{}, private[:32]...), make([]byte, 32)...)
	for _, test := range []struct {
		dialect, secret, want string
	}{
		{"standard", "whsec_" + key(24), ""},
		{"standard", "whsec_" + key(64), ""},
		{"svix", "whsec_" + key(75), ""},
		{"standard", "whsec_" + key(23), "holds 23 bytes; give 24 to 75"},
		{"standard", "whsec_" + key(76), "holds 76 bytes; give 24 to 75"},
		{"standard", key(32), "does not start with whsec_; put it in front"},
		{"standard", "whsec_" + strings.TrimRight(key(25), "="), "is not base64"},
		{"standard", "whsec_" + key(24) + "\n", "white space around it; remove it"},
		{"standard", "whsec_" + key(24)[:8] + "\n" + key(24)[8:], "control characters"},
		{"standard", whsk, ""},
		{"standard", whpk, "public key (whpk_), which cannot sign; give the private key"},
		{"standard", "whpk_" + key(3), "not base64 of 32 bytes"},
		{"standard", "whsk_" + key(32), "not base64 of 64 bytes"},
		{"standard", "whsk_" + base64.StdEncoding.EncodeToString(crossed), "two halves do not belong together"},
		{"svix", "whsec_" + key(32), ""},
		{"github", "It's a Secret to Everybody", ""},
		{"github", "", "is empty; give one"},
		{"github", " x", "white space"},
		{"github", strings.Repeat("x", 1025), "1025 bytes long; give at most 1024"},
		{"stripe", "whsec_test_secret", ""},
	} {
		d := lookup(t, test.dialect)
		err := d.CheckSecret(test.secret)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s %q: %v", test.dialect, test.secret, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %q: got %v, want %s", test.dialect, test.secret, err, test.want)
		}
		if _, signErr := d.NewSigner([]string{test.secret}); signErr == nil || !strings.Contains(signErr.Error(), test.want) {
			t.Errorf("%s %q: NewSigner says %v", test.dialect, test.secret, signErr)
		}
		if len(test.secret) > 8 && err != nil && strings.Contains(err.Error(), test.secret[6:]) {
			t.Errorf("the secret is in the error: %v", err)
		}
	}
}

func TestPublicKeyOfOtherTexts(t *testing.T) {
	for _, secret := range []string{"", "whsk_", "whsec_AAAA", "x"} {
		if got, ok := PublicKey(secret); ok || got != "" {
			t.Errorf("PublicKey(%q) = %q", secret, got)
		}
	}
}
