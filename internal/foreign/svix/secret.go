package svix

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// How Svix keeps a secret (server/svix-server/src/core/types/mod.rs, EndpointSecretInternal):
// one byte that says what it is, and the key; without that byte, where it is as long as the
// first ones were, which never were encrypted.
const (
	legacyLength = 24
	encrypted    = 1 << 7 // the flag in the first byte
	typeHMAC     = 1
	typeEd25519  = 2
)

// opener opens secrets with the key that is made of the main secret, or with none.
type opener struct {
	aead cipher.AEAD
	// opened and closed count the encrypted secrets that it could open, and those that it could
	// not.
	opened, closed int
}

// wrong says that the main secret is missing, or another one: none of the encrypted secrets has
// opened. Where some have, the others are damaged.
func (o *opener) wrong() error {
	switch {
	case o.opened > 0 || o.closed == 0:
		return nil
	case o.aead == nil:
		return errors.New("endpoints' secrets are encrypted: give the main_secret of the Svix server with --main-secret-file. Nothing was changed")
	}
	return errors.New("the secrets of endpoints do not open with this main secret: is it the one of the server whose database this is (SVIX_MAIN_SECRET)? Nothing was changed")
}

// newOpener derives the key: the HMAC-SHA256 of "main" under the main secret.
func newOpener(mainSecret string) *opener {
	if mainSecret == "" {
		return &opener{}
	}
	mac := hmac.New(sha256.New, []byte(mainSecret))
	mac.Write([]byte("main"))
	aead, err := chacha20poly1305.NewX(mac.Sum(nil))
	if err != nil {
		panic(err) // 32 bytes are the right length
	}
	return &opener{aead: aead}
}

// open gives a secret as receivers know it: whsec_, or the private whsk_.
func (o *opener) open(kept []byte) (string, error) {
	if len(kept) < legacyLength {
		return "", errors.New("its secret is damaged: it is too short")
	}
	if len(kept) == legacyLength {
		return "whsec_" + base64.StdEncoding.EncodeToString(kept), nil
	}
	marker, key := kept[0], kept[1:]
	if marker&encrypted != 0 {
		var err error
		if key, err = o.decrypt(key); err != nil {
			return "", err
		}
	}
	switch marker &^ encrypted {
	case typeHMAC:
		return "whsec_" + base64.StdEncoding.EncodeToString(key), nil
	case typeEd25519:
		return "whsk_" + base64.StdEncoding.EncodeToString(key), nil
	}
	return "", fmt.Errorf("its secret is of a kind (%d) that is not known", marker&^encrypted)
}

func (o *opener) decrypt(sealed []byte) ([]byte, error) {
	if o.aead == nil {
		o.closed++
		return nil, errors.New("its secret is encrypted")
	}
	if len(sealed) < o.aead.NonceSize() {
		return nil, errors.New("its secret is damaged: it is too short")
	}
	key, err := o.aead.Open(nil, sealed[:o.aead.NonceSize()], sealed[o.aead.NonceSize():], nil)
	if err != nil {
		o.closed++
		return nil, errors.New("its secret does not open with this main secret, with which others do: it is damaged")
	}
	o.opened++
	return key, nil
}

// openText is open for a secret that was rotated away, which is kept in base64 or, from the
// first versions, as whsec_.
func (o *opener) openText(text string) (string, error) {
	if strings.HasPrefix(text, "whsec_") {
		return text, nil
	}
	kept, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", errors.New("one of its older secrets is damaged: it is no base64")
	}
	return o.open(kept)
}
