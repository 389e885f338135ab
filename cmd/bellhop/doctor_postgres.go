package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bellhop/bellhop/postgres"
)

// crowded is how many connections a server should have left for other nodes and people.
const crowded = 30

// postgres looks at a database that a PostgreSQL server has, and tells whether Bellhop has
// kept something in it.
func (d *doctor) postgres(ctx context.Context) (used bool) {
	shown := shownDatabase(d.s.database)
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	info, err := postgres.Peek(ctx, d.s.database)
	if err != nil {
		d.say("database", isFault, "", "%s.", strings.TrimSuffix(err.Error(), "."))
		return false
	}
	detail := fmt.Sprintf("%s is served by PostgreSQL %d, with %d of %d connections in use", shown, info.Version, info.Connections, info.MostConnections)
	switch {
	case info.Schema == 0 && info.MayCreate:
		detail += "; the first start makes Bellhop's tables in it."
	case info.Schema == 0:
		d.say("database", isFault, "GRANT CREATE ON DATABASE … TO …, as its owner.", "%s; there are no tables of Bellhop's in it, and this role may not make them.", detail)
		return false
	case info.Schema < postgres.Schema():
		detail += fmt.Sprintf("; its schema is %d, and has %s. The next start brings it to %d; nodes of the version before may go on beside it.", info.Schema, size(info.Size), postgres.Schema())
	default:
		detail += fmt.Sprintf("; its schema is %d, and has %s.", info.Schema, size(info.Size))
	}
	switch {
	case !info.Durable:
		d.say("database", isFault, "Set fsync and synchronous_commit to on, for this role at least.", "%s It says that something is stored before it is: what was acknowledged can be lost.", detail)
	case !info.TLS && !info.Local:
		d.say("database", isWarning, "Add sslmode=verify-full, and sslrootcert=FILE, to the URL.", "%s What goes there and back is not encrypted.", detail)
	case info.MostConnections-info.Connections < crowded:
		d.say("database", isWarning, "Raise max_connections, or put PgBouncer in between (docs/postgresql.md).", "%s Few connections are left: a node takes up to 21.", detail)
	default:
		d.say("database", isOK, "", "%s", detail)
	}
	if d.s.databaseDirect != "" {
		if err := postgres.SameDatabase(ctx, d.s.database, d.s.databaseDirect); errors.Is(err, postgres.ErrDirect) {
			d.say("direct database", isFault, "", "%s.", err)
		} else if err != nil {
			d.say("direct database", isWarning, "Correct database_direct: until then nodes look at the database now and then, instead of being woken.", "%s.", strings.TrimSuffix(err.Error(), "."))
		} else {
			d.say("direct database", isOK, "", "%s answers.", shownDatabase(d.s.databaseDirect))
		}
	}
	d.say("backup", isUnknown, "", "Backups are made with PostgreSQL's own tools, and whether they are cannot be told here: docs/postgresql.md says how, and how to restore one.")
	return info.Schema > 0
}
