package bellhop

import (
	"time"

	"github.com/bellhop/bellhop/internal/seal"
)

// SecretValue is a secret in the open.
type SecretValue struct {
	Secret string `json:"secret"`
	// PublicKey is what receivers need, where the secret is an Ed25519 key.
	PublicKey string    `json:"public_key,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is the end of its overlap with a newer secret; zero for the
	// newest.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Sealer encrypts secrets. Context is bound to the ciphertext: a sealed secret
// that was moved to another row does not open.
type Sealer interface {
	Seal(plaintext []byte, context string) []byte
	Open(sealed []byte, context string) ([]byte, error)
}

// NewSealer gives a Sealer that encrypts with AES-256-GCM. Keys have 32 bytes each:
// the first one seals, and every one opens, so that keys can be rotated.
func NewSealer(keys ...[]byte) (Sealer, error) { return seal.NewRing(keys...) }
