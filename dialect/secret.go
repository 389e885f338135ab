package dialect

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Prefixes of keys, Standard Webhooks 1.0.0, section "Signature scheme".
const (
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// maxSecret bounds a secret, in bytes: far more than any hash makes use of.
const maxSecret = 1024

// key is a decoded secret.
type key struct {
	scheme  *scheme
	secret  []byte             // of an HMAC
	public  ed25519.PublicKey  // of an Ed25519 key
	private ed25519.PrivateKey // nil in a key that can only verify
}

// NewSecret returns a fresh random secret of the form that the dialect wants.
// In a dialect that takes both HMAC and Ed25519 keys it is one for the HMAC.
func (d *Dialect) NewSecret() (string, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return d.secretFrom(seed), nil
}

func (d *Dialect) secretFrom(seed [32]byte) string {
	switch {
	case d.rules.hmac == nil:
		return privatePrefix + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed[:]))
	case d.rules.form == "base64":
		return d.rules.prefix + base64.StdEncoding.EncodeToString(seed[:])
	case d.rules.form == "hex":
		return d.rules.prefix + hex.EncodeToString(seed[:])
	}
	return d.rules.prefix + base64.RawURLEncoding.EncodeToString(seed[:])
}

// CheckSecret reports whether requests can be signed with the secret. Its
// error says what is wrong and what to do, and never contains the secret.
func (d *Dialect) CheckSecret(secret string) error {
	k, err := d.key(secret)
	if err != nil {
		return err
	}
	if k.scheme.hash == nil && k.private == nil {
		return errors.New("secret is a public key (whpk_), which cannot sign; give the private key (whsk_)")
	}
	return nil
}

// PublicKey returns the public key (whpk_) of an Ed25519 secret (whsk_), which
// is what receivers are shown. It is false for any other text.
func PublicKey(secret string) (string, bool) {
	private, err := privateKey(secret)
	if err != nil {
		return "", false
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(private[ed25519.SeedSize:]), true
}

func privateKey(secret string) (ed25519.PrivateKey, error) {
	text, _ := strings.CutPrefix(secret, privatePrefix)
	if len(text) == len(secret) {
		return nil, errors.New("secret does not start with whsk_; give an Ed25519 private key")
	}
	private, err := decodeBase64(text)
	if err != nil || len(private) != ed25519.PrivateKeySize {
		return nil, errors.New("secret starts with whsk_ but is not base64 of 64 bytes after it; copy the whole key")
	}
	// Signing with a public half that does not belong to the private one gives
	// the private one away.
	if !bytes.Equal(private, ed25519.NewKeyFromSeed(private[:ed25519.SeedSize])) {
		return nil, errors.New("secret is an Ed25519 key whose two halves do not belong together; copy it again or make a new one")
	}
	return private, nil
}

// key decodes a secret, for signing or verifying.
func (d *Dialect) key(secret string) (key, error) {
	r := &d.rules
	switch {
	case secret == "":
		return key{}, errors.New("secret is empty; give one")
	case len(secret) > maxSecret:
		return key{}, fmt.Errorf("secret is %d bytes long; give at most %d", len(secret), maxSecret)
	case strings.TrimSpace(secret) != secret:
		return key{}, errors.New("secret has white space around it; remove it")
	case strings.ContainsFunc(secret, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return key{}, errors.New("secret has control characters in it; remove them")
	case r.ed25519 != nil && strings.HasPrefix(secret, publicPrefix):
		public, err := decodeBase64(secret[len(publicPrefix):])
		if err != nil || len(public) != ed25519.PublicKeySize {
			return key{}, errors.New("secret starts with whpk_ but is not base64 of 32 bytes after it; copy the whole key")
		}
		return key{scheme: r.ed25519, public: public}, nil
	case r.ed25519 != nil && (r.hmac == nil || strings.HasPrefix(secret, privatePrefix)):
		private, err := privateKey(secret)
		if err != nil {
			return key{}, err
		}
		return key{scheme: r.ed25519, private: private, public: private.Public().(ed25519.PublicKey)}, nil
	case r.form == "raw":
		return key{scheme: r.hmac, secret: []byte(secret)}, nil
	}

	text, ok := strings.CutPrefix(secret, r.prefix)
	if !ok {
		return key{}, fmt.Errorf("secret does not start with %s; put it in front if the rest is right", r.prefix)
	}
	decode := decodeBase64
	if r.form == "hex" {
		decode = hex.DecodeString
	}
	decoded, err := decode(text)
	switch {
	case err != nil:
		return key{}, fmt.Errorf("secret is not %s (after its prefix, if any); copy the whole secret", r.form)
	case len(decoded) < r.minKey || len(decoded) > r.maxKey:
		return key{}, fmt.Errorf("secret holds %d bytes; give %d to %d, encoded as %s", len(decoded), r.minKey, r.maxKey, r.form)
	}
	return key{scheme: r.hmac, secret: decoded}, nil
}

// decodeBase64 is strict, so that a secret or signature has one spelling.
func decodeBase64(text string) ([]byte, error) {
	// The decoder would pass over line breaks.
	if strings.ContainsAny(text, "\r\n") {
		return nil, base64.CorruptInputError(strings.IndexAny(text, "\r\n"))
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// signature is one signature of a request, decoded.
type signature struct {
	scheme *scheme
	sum    []byte
}

// verifies reports whether one of the signatures is the key's. It compares in
// constant time.
func (k key) verifies(content []byte, signatures []signature) bool {
	var sum []byte
	if k.scheme.hash != nil {
		mac := hmac.New(k.scheme.hash, k.secret)
		mac.Write(content)
		sum = mac.Sum(nil)
	}
	for _, s := range signatures {
		switch {
		case s.scheme != k.scheme:
		case sum != nil && hmac.Equal(sum, s.sum):
			return true
		case sum == nil && ed25519.Verify(k.public, content, s.sum):
			return true
		}
	}
	return false
}
