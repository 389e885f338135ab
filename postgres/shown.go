package postgres

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Shown names a database as logs and settings may: who connects where, as far as that can
// be told, and nothing that is secret. It takes what Open takes.
func Shown(database string) string {
	database, err := wellFormed(database)
	var c *pgconn.Config
	if err == nil {
		c, err = pgconn.ParseConfig(database)
	}
	if err != nil {
		return "postgres://…" // what is secret in it cannot be told from the rest
	}
	u := url.URL{Scheme: "postgres", Path: "/" + c.Database}
	if c.User != "" {
		u.User = url.User(c.User)
	}
	hosts := []string{hostPort(c.Host, c.Port)}
	for _, f := range c.Fallbacks {
		if at := hostPort(f.Host, f.Port); at != hosts[len(hosts)-1] { // else it is the same host without TLS
			hosts = append(hosts, at)
		}
	}
	if strings.HasPrefix(c.Host, "/") {
		u.RawQuery = "host=" + c.Host
	} else {
		u.Host = strings.Join(hosts, ",")
	}
	return u.String()
}

var errAt = errors.New("of its @, only the one before the host is written so: %40 stands for others")

// wellFormed gives an address as pgx takes it, with its scheme in lower case. It fails
// where a part of the password, with an @ or a / in it, would be taken for the host or the
// database, and be shown as that.
func wellFormed(database string) (string, error) {
	scheme, rest, ok := strings.Cut(database, "://")
	lower := strings.ToLower(scheme)
	if !ok || lower != "postgres" && lower != "postgresql" {
		return database, nil
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	if n := strings.Count(rest, "@"); n > 1 || n == 1 && !strings.Contains(authority, "@") {
		return database, errAt
	}
	return lower + "://" + rest, nil
}

func hostPort(host string, port uint16) string {
	if port == 5432 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// addressError says that a database's address cannot be used. The detail of what is wrong
// may quote the address, with its password: it is given only where it does not.
func addressError(database string, err error) error {
	var detail error
	if errors.Is(err, errAt) {
		detail = err
	} else if wrong := errors.Unwrap(err); wrong != nil {
		u, broken := url.Parse(database)
		if broken == nil && u.Scheme == "" || broken == nil && !strings.Contains(wrong.Error(), "invalid port") {
			detail = wrong
		}
	}
	return &OpenError{
		"the database", ErrAddress,
		"This is not the address of a PostgreSQL database, or what it names cannot be read: write postgres://user@host:5432/database, or host=… dbname=…, as for psql. Put the password into PGPASSWORD or the password file; in the URL, its special characters are written as %XX",
		detail,
	}
}
