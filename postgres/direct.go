package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// identity tells a database of a running server from all others, also from copies of it.
type identity struct {
	started  string
	database uint32
}

// SameDatabase fails, with ErrDirect, if two addresses are not of the same database: direct
// is the one without a pool in between. Errors are of type *OpenError.
func SameDatabase(ctx context.Context, database, direct string) error {
	for try := 1; ; try++ {
		one, oneName, err := identityOf(ctx, database)
		if err != nil {
			return err
		}
		other, otherName, err := identityOf(ctx, direct)
		if err != nil {
			return err
		}
		if one == other {
			return nil
		}
		if try > 1 { // it was not just started again
			return &OpenError{otherName, ErrDirect, fmt.Sprintf(
				"--database-direct names %s, which is not %s: name the same database, as it is reached without a pool in between, or leave it out", otherName, oneName), nil}
		}
	}
}

func identityOf(ctx context.Context, database string) (i identity, name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, listenPatience)
	defer cancel()
	config, err := parse(database)
	if err != nil {
		return i, "", err
	}
	name = nameOf(config)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return i, name, openError(name, err)
	}
	defer closeConn(c)
	q := &reading{ctx: ctx, conn: c}
	found, err := q.one(func(r row) error { return r.Scan(&i.started, &i.database) },
		"SELECT extract(epoch FROM pg_postmaster_start_time())::text, oid FROM pg_database WHERE datname = current_database()")
	if err == nil && !found {
		err = errors.New("the server does not tell which database this is")
	}
	if err != nil {
		return i, name, openError(name, err)
	}
	return i, name, nil
}
