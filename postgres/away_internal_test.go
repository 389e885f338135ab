package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop/bellhop"
)

// TestAReadThatMayBeTriedAgainSaysSo, whatever the reason, and one at fault does not.
func TestAReadThatMayBeTriedAgainSaysSo(t *testing.T) {
	s := &Store{name: "a database"}
	for code, away := range map[string]bool{"57014": true, "57P01": true, "55P03": true, "40001": true, "53300": true, "58030": true, "XX000": true, "42601": false, "22003": false} {
		err := s.readError(t.Context(), "look", &pgconn.PgError{Code: code})
		if errors.Is(err, bellhop.ErrUnavailable) != away {
			t.Errorf("%s: %v", code, err)
		}
	}
	late, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for _, err := range []error{s.readError(late, "look", late.Err()), s.writeError(late, "write", late.Err())} {
		if errors.Is(err, bellhop.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller waits no longer: %v", err)
		}
	}
}
