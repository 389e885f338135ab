package testpostgres

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Exec runs a statement, or several, on a connection of its own.
func Exec(t testing.TB, database, sql string) {
	t.Helper()
	if err := run(database, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Number gives what a query answers: one number.
func Number(t testing.TB, database, sql string) int64 {
	t.Helper()
	n, err := number(database, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func number(database, sql string) (n int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, database)
	if err == nil {
		err = c.QueryRow(ctx, sql).Scan(&n)
		_ = c.Close(ctx)
	}
	return n, err
}

// Session opens a connection on which some statements have been run, and keeps it until end
// is called or the test ends. It fails where it cannot be had.
func Session(t testing.TB, database string, statements ...string) (end func(), err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		return nil, err
	}
	end = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Close(ctx) // again does nothing
	}
	t.Cleanup(end)
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql); err != nil {
			return end, err
		}
	}
	return end, nil
}
