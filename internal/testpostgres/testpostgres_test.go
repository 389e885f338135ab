package testpostgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func count(t *testing.T, url string) (n int) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM things").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCopiesAreMadeOfOneTemplateAndDoNotKnowEachOther(t *testing.T) {
	made := 0
	thing := func(url string) error {
		made++
		return run(url, "CREATE TABLE things AS SELECT 1")
	}
	a, b := Copy(t, "things", thing), Copy(t, "things", thing)
	if err := run(a, "INSERT INTO things VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	if count(t, a) != 2 || count(t, b) != 1 || made != 1 {
		t.Errorf("%d and %d things, made %d times", count(t, a), count(t, b), made)
	}
	if run(Database(t), "CREATE TABLE things ()") != nil {
		t.Error("a new database is not empty")
	}
}

func TestAClusterKeepsWhatWasCommittedWhenItIsEndedAtOnce(t *testing.T) {
	c := NewCluster(t)
	url := c.URL("postgres")
	if err := run(url, "CREATE TABLE things AS SELECT 1"); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"immediate", "fast"} {
		if err := c.Stop(mode); err != nil {
			t.Fatal(err)
		}
		if err := run(url, "SELECT"); err == nil {
			t.Fatal("it answers after its end")
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if count(t, url) != 1 {
			t.Errorf("after %s", mode)
		}
	}
}
