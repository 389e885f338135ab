package postgres

import (
	"context"
	"crypto/tls"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Info is what Peek has seen of a database.
type Info struct {
	// Version is the server's major version.
	Version int
	// Schema is that of the database; 0 if Bellhop has none in it.
	Schema int
	// Size is in bytes.
	Size int64
	// Connections are those to the server, of MostConnections that it takes.
	Connections, MostConnections int
	// MayCreate tells whether the role may make the schema, which it need not where there
	// is one.
	MayCreate bool
	// TLS tells whether the connection is encrypted, and Local that it does not leave the
	// machine.
	TLS, Local bool
	// Durable tells whether what was committed is on disk when the server says so.
	Durable bool
}

// Peek looks at a database without changing anything. Errors are of type *OpenError.
func Peek(ctx context.Context, database string) (Info, error) {
	config, err := parse(database)
	if err != nil {
		return Info{}, err
	}
	name := nameOf(config)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return Info{}, openError(name, err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	q := &reading{ctx: ctx, conn: c}
	var i Info
	_, i.TLS = c.PgConn().Conn().(*tls.Conn)
	var version string
	_, err = q.one(func(r row) error {
		return r.Scan(&version, &i.Size, &i.Connections, &i.MostConnections, &i.MayCreate, &i.Durable, &i.Local)
	}, `SELECT current_setting('server_version_num'), pg_database_size(current_database()),
		(SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'), current_setting('max_connections')::int,
		has_database_privilege(current_database(), 'CREATE'),
		current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off',
		inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1'`)
	if err != nil {
		return Info{}, openError(name, err)
	}
	number, _ := strconv.Atoi(version)
	i.Version = number / 10000
	if i.Schema, err = identify(q, name); err != nil {
		return Info{}, openError(name, err)
	}
	return i, nil
}
