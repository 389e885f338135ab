package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// oldestServer is the oldest major version of PostgreSQL that is good enough.
const oldestServer = 14

func parse(url string) (*pgxpool.Config, error) {
	url, err := wellFormed(url)
	if err != nil {
		return nil, addressError(url, err)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, addressError(url, err)
	}
	c := config.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "bellhop"
	}
	if c.DialFunc, err = dialing(c.RuntimeParams, c.ConnectTimeout); err != nil {
		return nil, &OpenError{nameOf(config), ErrAddress, "In its address, " + err.Error(), nil}
	}
	config.MaxConnIdleTime = 5 * time.Minute
	return config, nil
}

// nameOf names a database for people.
func nameOf(config *pgxpool.Config) string {
	c := config.ConnConfig
	database := c.Database
	if database == "" {
		database = c.User // as the server does
	}
	return fmt.Sprintf("the database %s at %s", database, c.Host)
}

// prepareDatabase looks whether the database is good enough, and brings its schema up to
// date. It finds out, too, whether there is a pool in between that gives transactions
// connections in turn: then none can rely on what an earlier one has prepared.
func prepareDatabase(ctx context.Context, config *pgxpool.Config, name, program string, moving bool) (pooled bool, err error) {
	first := config.ConnConfig.Copy()
	if first.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		first.DefaultQueryExecMode = pgx.QueryExecModeExec // it is not known yet whether anything can be prepared
	}
	c, err := pgx.ConnectConfig(ctx, first)
	if err != nil {
		return false, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	q := &reading{ctx: ctx, conn: c}
	var encoding, version string
	var standby, readOnly bool
	var process uint32
	_, err = q.one(func(r row) error { return r.Scan(&encoding, &version, &standby, &readOnly, &process) },
		"SELECT current_setting('server_encoding'), current_setting('server_version_num'), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', pg_backend_pid()")
	if err != nil {
		return false, err
	}
	number, _ := strconv.Atoi(version)
	switch {
	case number/10000 < oldestServer:
		return false, &OpenError{name, ErrOld, fmt.Sprintf("%s is served by PostgreSQL %d: %d or newer is needed", name, number/10000, oldestServer), nil}
	case encoding != "UTF8":
		return false, &OpenError{name, ErrEncoding, fmt.Sprintf(
			"%s is encoded in %s: make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name that", name, encoding), nil}
	case standby:
		return false, openError(name, errStandby)
	case readOnly:
		return false, openError(name, errReadOnlySession)
	}
	pooled = process != c.PgConn().PID()
	if pooled && config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if begun, err := q.beingMoved(); err != nil {
		return false, err
	} else if begun && !moving {
		return false, &OpenError{name, ErrMoving, name + " holds a part of what 'bellhop migrate' was moving into it when it was interrupted: run that again to go on, or name another database", nil}
	}
	return pooled, migrate(ctx, c, name, program)
}

// beingMoved tells whether a move into the database was begun and not finished.
func (q *reading) beingMoved() (begun bool, err error) {
	_, err = q.one(func(r row) error { return r.Scan(&begun) }, "SELECT to_regclass('bellhop.moving') IS NOT NULL")
	return begun, err
}
