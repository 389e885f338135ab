package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A node may be lost in the middle of a transaction: stopped, or on the far side of a
// network that drops everything. Its locks would stay for as long as the server believes
// that the session is there, which is hours where it goes by the system's keepalives, and
// nobody could take over what the node had. So the server ends such a session.
const (
	// writerIdle is as long as a lease by default: who takes over then waits no longer.
	writerIdle = "15s"
	// readerIdle bounds how long a lost reader keeps vacuum back.
	readerIdle = "60s"
	// guestIdle is for transactions in which others' code runs.
	guestIdle = "60s"
)

func idleBound(of use) string {
	if of < beating {
		return readerIdle
	}
	return writerIdle
}

// boundSession is for what nobody has set otherwise. Where the server has no keepalives of
// its own, such as on a Unix socket, they have no effect.
const boundSession = `SELECT set_config(s.name, b.value, false) FROM (VALUES ('idle_in_transaction_session_timeout', '%s'),
	('tcp_keepalives_idle', '15'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3')) b (name, value)
	JOIN pg_settings s ON s.name = b.name AND s.source = 'default'`

// bounded has a pool's sessions end when nobody is at the other end of them. Where there
// are pools in between, a session is shared with others: see begin.
func bounded(c *pgxpool.Config, of use) {
	sql := fmt.Sprintf(boundSession, idleBound(of))
	c.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql)
		if codeOf(err) != "" && !c.IsClosed() {
			return nil // the server has no such settings, and it can do without
		}
		return err
	}
}

// boundTransaction is for a transaction through a pool that is in between.
func boundTransaction(bound string) string {
	const idle = "idle_in_transaction_session_timeout"
	return fmt.Sprintf("SELECT set_config('%s', '%s', true) WHERE current_setting('%s') = '0'", idle, bound, idle)
}

// begin is what begins a transaction, in one message.
func (s *Store) begin(of use) string {
	sql := "BEGIN"
	if of < beating {
		sql = beginReading[of]
	}
	if s.pooled {
		sql += "; " + boundTransaction(idleBound(of))
	}
	return sql
}
