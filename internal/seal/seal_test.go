package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellhop/bellhop/internal/seal"
)

func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, 32) }

func ring(t testing.TB, keys ...[]byte) *seal.Ring {
	t.Helper()
	r, err := seal.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealedOpensInItsContextOnly(t *testing.T) {
	r := ring(t, key(1))
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		context := rapid.String().Draw(t, "context")
		sealed := r.Seal(plaintext, context)
		if len(sealed) != len(plaintext)+37 {
			t.Fatalf("sealed has %d bytes more", len(sealed)-len(plaintext))
		}
		got, err := r.Open(sealed, context)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("Open = %x, %v", got, err)
		}
		if _, err := r.Open(sealed, context+"x"); !errors.Is(err, seal.ErrTampered) {
			t.Fatalf("in another context: %v, want ErrTampered", err)
		}
	})
}

func TestEveryChangeIsNoticed(t *testing.T) {
	r := ring(t, key(1))
	sealed := r.Seal([]byte("whsec_abc"), "endpoint 7")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 0x10
		want := seal.ErrTampered
		if 1 <= i && i < 9 { // the key's id
			want = seal.ErrUnknownKey
		}
		if _, err := r.Open(changed, "endpoint 7"); !errors.Is(err, want) {
			t.Errorf("byte %d changed: %v, want %v", i, err, want)
		}
		if _, err := r.Open(sealed[:i], "endpoint 7"); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("cut to %d bytes: %v, want ErrTampered", i, err)
		}
	}
	if _, err := r.Open(append(bytes.Clone(sealed), 0), "endpoint 7"); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("one byte more: %v, want ErrTampered", err)
	}
}

// TestKeyIDIsAuthenticated moves a value to another key's name.
func TestKeyIDIsAuthenticated(t *testing.T) {
	r := ring(t, key(1), key(2))
	sealed := r.Seal([]byte("x"), "c")
	copy(sealed, ring(t, key(2)).Seal(nil, "c")[:9])
	if _, err := r.Open(sealed, "c"); !errors.Is(err, seal.ErrTampered) {
		t.Errorf("Open = %v, want ErrTampered", err)
	}
}

func TestRotation(t *testing.T) {
	before, during, after := ring(t, key(1)), ring(t, key(2), key(1)), ring(t, key(2))
	old := before.Seal([]byte("secret"), "c")
	if got, err := during.Open(old, "c"); err != nil || string(got) != "secret" {
		t.Errorf("old value during the rotation: %q, %v", got, err)
	}
	fresh := during.Seal([]byte("secret"), "c")
	if got, err := after.Open(fresh, "c"); err != nil || string(got) != "secret" {
		t.Errorf("new value after the rotation: %q, %v", got, err)
	}
	if _, err := after.Open(old, "c"); !errors.Is(err, seal.ErrUnknownKey) || !strings.Contains(err.Error(), "restore the key file") {
		t.Errorf("old value after the rotation: %v, want ErrUnknownKey", err)
	}
	if during.Current(old) || !during.Current(fresh) || during.Current(nil) {
		t.Error("Current does not tell old from new")
	}
}

func TestNoncesDiffer(t *testing.T) {
	r := ring(t, key(1))
	if bytes.Equal(r.Seal([]byte("x"), "c"), r.Seal([]byte("x"), "c")) {
		t.Error("the same plaintext was sealed the same way twice")
	}
}

func TestNewRingRefuses(t *testing.T) {
	for want, keys := range map[string][][]byte{
		"no key":               nil,
		"key 1 has 0 bytes":    {nil},
		"key 2 has 16 bytes":   {key(1), key(2)[:16]},
		"key 3 is there twice": {key(1), key(2), key(1)},
	} {
		if _, err := seal.NewRing(keys...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewRing = %v, want %q", err, want)
		}
	}
}

func TestRingDoesNotPrintKeys(t *testing.T) {
	r := ring(t, key('K'))
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("ring", "ring", r)
	slog.New(slog.NewTextHandler(&log, nil)).Info("ring", "ring", r)
	all := fmt.Sprintf("%v %+v %#v %s %x %d", r, r, r, r, r, r) + log.String()
	for _, leak := range []string{"KKK", "4b4b4b", "75 75", "0x4b"} {
		if strings.Contains(all, leak) {
			t.Errorf("printed %q: %s", leak, all)
		}
	}
}

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	first, created, err := seal.LoadOrCreate(path)
	if err != nil || !created {
		t.Fatalf("LoadOrCreate = created %v, %v", created, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode is %v, want 0600 (%v)", info.Mode(), err)
	}
	second, created, err := seal.LoadOrCreate(path)
	if err != nil || created {
		t.Fatalf("second LoadOrCreate = created %v, %v", created, err)
	}
	if got, err := second.Open(first.Seal([]byte("x"), "c"), "c"); err != nil || string(got) != "x" {
		t.Errorf("the file holds another key: %q, %v", got, err)
	}
	if _, _, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "missing", "master.key")); err == nil {
		t.Error("created a key in a directory that does not exist")
	}
}

func TestLoad(t *testing.T) {
	b64 := func(fill byte) string { return base64.StdEncoding.EncodeToString(key(fill)) }
	path := filepath.Join(t.TempDir(), "master.key")
	write := func(content string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}

	write("# keys\r\n\n  "+b64(2)+"  # since May\r\n"+b64(1), 0o400)
	r, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, fill := range []byte{1, 2} {
		sealed := ring(t, key(fill)).Seal(nil, "c")
		if _, err := r.Open(sealed, "c"); err != nil {
			t.Errorf("key %d: %v", fill, err)
		}
		if r.Current(sealed) != (fill == 2) {
			t.Errorf("key %d: the first line does not seal", fill)
		}
	}

	for _, tc := range []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"group may read", b64(1), 0o640, "run chmod 600 " + path},
		{"others may read", b64(1), 0o604, "run chmod 600 " + path},
		{"empty", "", 0o600, "holds no key"},
		{"comments only", "# nothing\n", 0o600, "holds no key"},
		{"not base64", b64(1) + "\nSECRET!!\n", 0o600, "line 2 is not"},
		{"too short", "# x\n\nU0VDUkVU\n", 0o600, "line 3 is not"},
		{"dirty padding", b64(1)[:42] + "F=", 0o600, "line 1 is not"},
		{"twice", b64(1) + "\n" + b64(1), 0o600, "key 2 is there twice"},
		{"huge", strings.Repeat("#\n", 40<<10), 0o600, "larger than 64 KiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(tc.content, tc.mode)
			_, _, err := seal.LoadOrCreate(path) // must not make a new key of a bad file
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("LoadOrCreate = %v, want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "U0VDUkVU") {
				t.Errorf("the error repeats the line: %v", err)
			}
		})
	}
	if _, err := seal.Load(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "chmod") && !strings.Contains(err.Error(), "regular") {
		t.Errorf("Load of a directory = %v", err)
	}
	if _, err := seal.Load(path + ".missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of nothing = %v", err)
	}
}
