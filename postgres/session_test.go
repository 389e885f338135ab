package postgres_test

import (
	"net/url"
	"testing"

	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

// TestTransactionsOfALostNodeEnd: the server ends a session in whose transaction nothing
// comes any more, also one that is behind a pool; what was asked for otherwise stays.
func TestTransactionsOfALostNodeEnd(t *testing.T) {
	t.Parallel()
	database := testpostgres.Database(t)
	asked, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := asked.Query()
	q.Set("idle_in_transaction_session_timeout", "7s")
	asked.RawQuery = q.Encode()
	for what, tc := range map[string]struct {
		url, reads, writes string
	}{
		"direct":              {url: database, reads: "1min", writes: "15s"},
		"through a pool":      {url: testpostgres.Bouncer(t, database), reads: "1min", writes: "15s"},
		"as it was asked for": {url: asked.String(), reads: "7s", writes: "7s"},
	} {
		t.Run(what, func(t *testing.T) {
			s := openAt(t, tc.url, postgres.Options{})
			reads, writes, err := postgres.IdleBounds(t.Context(), s)
			if err != nil || reads != tc.reads || writes != tc.writes {
				t.Errorf("a transaction that reads may be idle for %s, one that writes for %s, %v", reads, writes, err)
			}
		})
	}
}
