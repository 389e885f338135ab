package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

// TestWhatPgBouncerSaysIsUnderstood, though it has one code for nearly everything.
func TestWhatPgBouncerSaysIsUnderstood(t *testing.T) {
	t.Parallel()
	url := database(t)
	few := testpostgres.Bouncer(t, url, "max_client_conn = 2")
	for range 2 {
		if _, err := testpostgres.Session(t, few, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		what, url string
		kind      error
		says      string
	}{
		{"no room", few, postgres.ErrFull, "max_client_conn"},
		{"single statements", testpostgres.Bouncer(t, url, "pool_mode = statement"), postgres.ErrAddress, "pool_mode"},
	} {
		s, err := postgres.Open(t.Context(), tt.url, postgres.Options{})
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
}
