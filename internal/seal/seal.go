// Package seal encrypts the secrets that a database row carries, so that a copy
// of the database alone signs nothing.
//
// A sealed value is: one version byte, 8 bytes that tell the key, a 12-byte
// random nonce, the AES-256-GCM ciphertext and its 16-byte tag. The version, the
// key id and the caller's context are authenticated along with it.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrUnknownKey is returned by Open for a value sealed by a key that the ring
// does not hold.
var ErrUnknownKey = errors.New("seal: sealed by a key that is not in the master key file: restore the key file that was in use when this was stored, or add its key as a further line")

// ErrTampered is returned by Open for a value that is not what was sealed for
// this context: changed, truncated, or moved here from another row.
var ErrTampered = errors.New("seal: the sealed value is damaged or belongs to another row: restore the row from a backup, or set the secret anew")

const (
	version  = 1
	keySize  = 32 // bytes; AES-256
	idSize   = 8
	header   = 1 + idSize
	maxFile  = 64 << 10
	fileMode = 0o600
)

// Ring holds the master keys. The first seals, every one opens: to rotate, put a
// new key before the old one, and take the old one away once everything has been
// sealed again. A Ring is safe for concurrent use, and prints as the number of
// its keys.
//
// One key must not seal more than 2³² values, because nonces are random.
type Ring struct{ keys []key }

type key struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// NewRing makes a Ring of one or more keys of 32 random bytes.
func NewRing(keys ...[]byte) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("seal: no key: give at least one of 32 bytes")
	}
	r := &Ring{}
	for i, k := range keys {
		if len(k) != keySize {
			return nil, fmt.Errorf("seal: key %d has %d bytes: give 32", i+1, len(k))
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, fmt.Errorf("seal: key %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("seal: key %d: %w", i+1, err)
		}
		id := keyID(k)
		if r.find(id[:]) != nil {
			return nil, fmt.Errorf("seal: key %d is there twice: remove one", i+1)
		}
		r.keys = append(r.keys, key{id: id, aead: aead})
	}
	return r, nil
}

// keyID names a key without giving it away: a part of a hash over a random key
// helps nobody to find the key.
func keyID(k []byte) (id [idSize]byte) {
	sum := sha256.Sum256(append([]byte("bellhop master key id\x00"), k...))
	copy(id[:], sum[:])
	return id
}

func (r *Ring) find(id []byte) *key {
	for i := range r.keys {
		if bytes.Equal(r.keys[i].id[:], id) {
			return &r.keys[i]
		}
	}
	return nil
}

// Seal encrypts plaintext for one place, which context names (a row's id, with
// its table and column): opened with another context, it fails. The result is
// 37 bytes longer than plaintext.
func (r *Ring) Seal(plaintext []byte, context string) []byte {
	k := &r.keys[0]
	sealed := append([]byte{version}, k.id[:]...)
	return k.aead.Seal(sealed, nil, plaintext, additional(sealed, context))
}

// Open decrypts what Seal made for the same context. It fails with ErrUnknownKey
// or ErrTampered.
func (r *Ring) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < header || sealed[0] != version {
		return nil, ErrTampered
	}
	k := r.find(sealed[1:header])
	if k == nil {
		return nil, ErrUnknownKey
	}
	plaintext, err := k.aead.Open(nil, nil, sealed[header:], additional(sealed[:header], context))
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}

// Current tells whether sealed was made with the key that seals today; if not,
// a rotation is not finished until it is opened and sealed again.
func (r *Ring) Current(sealed []byte) bool {
	return len(sealed) >= header && sealed[0] == version && bytes.Equal(sealed[1:header], r.keys[0].id[:])
}

func additional(head []byte, context string) []byte {
	return append(append(make([]byte, 0, len(head)+len(context)), head...), context...)
}

// Format keeps keys out of logs, whatever the verb.
func (r *Ring) Format(w fmt.State, _ rune) {
	if r == nil {
		_, _ = io.WriteString(w, "seal.Ring(nil)")
		return
	}
	_, _ = fmt.Fprintf(w, "seal.Ring(%d keys)", len(r.keys))
}

const preamble = `# Bellhop's master key. It opens the endpoint secrets in the database:
# without it they are lost, so keep a copy apart from the database's backups.
# One key per line. The first seals, all of them open; to rotate, put a new line
# (openssl rand -base64 32) above the others.
`

// LoadOrCreate is Load, except that a file that does not exist is created with
// one new random key, readable by its owner only, and is on disk when
// LoadOrCreate returns.
func LoadOrCreate(path string) (r *Ring, created bool, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrExist) {
		r, err = Load(path)
		return r, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("create master key file: %w", err)
	}
	var k [keySize]byte
	_, _ = rand.Read(k[:]) // never fails
	_, err = fmt.Fprintf(f, "%s%s\n", preamble, base64.StdEncoding.EncodeToString(k[:]))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path) // nothing is sealed with it yet; half a key would stop the next start
		return nil, false, fmt.Errorf("create master key file: %w", err)
	}
	r, err = NewRing(k[:])
	return r, true, err
}

// syncDir makes a new file's name survive a power loss.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be flushed there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// Load reads a key file: one key a line, as base64 of 32 bytes, in the order of
// NewRing; empty lines and what follows a # are skipped. It refuses a file that
// others than its owner may read. Errors name the file and the line, and never
// repeat what is on it.
func Load(path string) (*Ring, error) {
	content, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read master key file: %w", err)
	}
	var keys [][]byte
	for n, line := range strings.Split(string(content), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		k, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(k) != keySize { // err would tell a part of the line
			return nil, fmt.Errorf("read master key file: %s, line %d is not the base64 of 32 bytes (44 characters): correct it, or restore the file from its backup", path, n+1)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read master key file: %s holds no key: restore it from its backup; if nothing has been sealed yet, remove it and a new one is made", path)
	}
	r, err := NewRing(keys...)
	if err != nil {
		return nil, fmt.Errorf("read master key file: %s: %w", path, err)
	}
	return r, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // of the open file: it cannot be exchanged after the check
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: name a file", path)
	}
	// Windows has no such bits and guards files otherwise.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s can be read or changed by others (mode %04o): run chmod 600 %s", path, mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s is larger than 64 KiB: is it the master key file?", path)
	}
	return content, err
}
