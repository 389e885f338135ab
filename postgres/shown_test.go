package postgres_test

import (
	"strings"
	"testing"

	"github.com/bellhop/bellhop/postgres"
)

func TestShownNamesTheDatabaseAndNothingSecret(t *testing.T) {
	t.Setenv("PGPASSWORD", "hunter2")
	t.Setenv("PGPASSFILE", t.TempDir()+"/none")
	for database, want := range map[string]string{
		"postgres://me:hunter2@db.example:5433/hooks?sslmode=disable":     "postgres://me@db.example:5433/hooks",
		"postgresql://me@db.example/hooks?password=hunter2":               "postgres://me@db.example/hooks",
		"postgres://me:hunter2@a.example,b.example:5433/hooks":            "postgres://me@a.example,b.example:5433/hooks",
		"host=db.example user=me password='hunter2' dbname=hooks":         "postgres://me@db.example/hooks",
		"postgres://me:hunter2@/hooks?host=/var/run/postgresql":           "postgres://me@/hooks?host=/var/run/postgresql",
		"postgres://me:hunt%er2@db.example/hooks":                         "postgres://…",
		"postgres://me:hunter2#@db.example/hooks?sslmode=certainly":       "postgres://…",
		"postgres://me:hunter2@db.example/hooks?sslrootcert=/no/such.pem": "postgres://…",
	} {
		if got := postgres.Shown(database); got != want {
			t.Errorf("%s is shown as %s, want %s", database, got, want)
		}
	}
}

// TestAnAddressThatIsNoneDoesNotGetIntoTheError: what cannot be read as an address may hold
// the password anywhere.
func TestAnAddressThatIsNoneDoesNotGetIntoTheError(t *testing.T) {
	for _, database := range []string{
		"postgres://me:hunter2%zz@db.example/hooks", "postgres://me:%hunter2@db.example/hooks",
		"postgres://me:#hunter2@db.example/hooks", "postgres://me:hunter2#x@db.example/hooks", "postgres://me:hunter2/x@db.example/hooks",
		"postgres://me:x?hunter2@db.example/hooks", "postgres://me:hunter2@db.example:port/hooks", "postgres://me:hunter2@[db.example/hooks",
		"postgres://me:hunter2@db.example/hooks?sslmode=certainly", "postgres://me@db.example/hooks?password=hunter2&sslmode=certainly",
		"postgres://me:hunter2@db.example/hooks?sslrootcert=/no/such.pem&sslmode=verify-full",
		"host=db.example password='hunter2", "host=db.example password=hunter2 sslmode=certainly", `host=db.example password=x\ hunter2 sslmode=certainly`,
		"postgres://me:hunter2@db.example/hooks?service=none&servicefile=/no/such",
	} {
		s, err := postgres.Open(t.Context(), database, postgres.Options{})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was opened", database)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
	_, err := postgres.Open(t.Context(), "postgres://me:hunter2@db.example/hooks?sslrootcert=/no/such.pem&sslmode=verify-full", postgres.Options{})
	if err == nil || !strings.Contains(err.Error(), "/no/such.pem") {
		t.Errorf("what cannot be read is not named: %v", err)
	}
}
