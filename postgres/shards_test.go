package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testpostgres"
	"github.com/bellhop/bellhop/postgres"
)

// citus stands in for what is asked of Citus, of which there is none where tests run: which
// tables are spread, and on which shard a value is. The rows stay where they are.
const citus = `SET allow_system_table_mods = on;
	CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL);
	INSERT INTO pg_catalog.pg_dist_partition VALUES ('bellhop.events', 'h'), ('bellhop.apps', 'n');
	CREATE FUNCTION pg_catalog.get_shard_id_for_distribution_column(of regclass, value text) RETURNS bigint LANGUAGE sql STABLE
		AS $$ SELECT 102008 + abs(hashtext(value)) % 3 $$`

// rowsOfTransactions are the apps of which there are rows of one transaction.
const rowsOfTransactions = `WITH written AS (
		SELECT xmin::text AS x, app FROM bellhop.events UNION SELECT xmin::text, app FROM bellhop.attempts
		UNION SELECT xmin::text, app FROM bellhop.pending UNION SELECT xmin::text, app FROM bellhop.external_ids
		UNION SELECT xmin::text, app FROM bellhop.waiting_deltas)
	SELECT x, array_agg(app ORDER BY app) AS apps, count(DISTINCT pg_catalog.get_shard_id_for_distribution_column('bellhop.events', app)) AS shards FROM written GROUP BY x`

// TestAGroupIsOfOneShard: where the database is spread, only rows of apps that are on the
// same shard share a transaction, except for those of one batch.
func TestAGroupIsOfOneShard(t *testing.T) {
	t.Parallel()
	url := testpostgres.NewCluster(t).URL("postgres")
	must(t, migrated(url))
	c := connect(t, url)
	if _, err := c.PgConn().Exec(t.Context(), citus).ReadAll(); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, url, postgres.Options{})
	node := joinNode(t, s)
	src := newSource(node)
	event := func(app string, owner bellhop.NodeID) bellhop.NewEvent {
		n := src.event(100, 2, owner)
		n.Event.App, n.Event.ExternalID = app, n.Event.ID.String()
		for i := range n.Deliveries {
			n.Deliveries[i].App = app
		}
		return n
	}
	const apps = 9
	publish := func(i int) {
		n := event(fmt.Sprint("app", i%apps), bellhop.NodeID(i%2)*node.Lease.Node)
		enqueue(t, s, node.Lease, n)
		for i := range n.Deliveries {
			must(t, s.Record(t.Context(), node.Lease, []bellhop.Result{success(src, &n.Deliveries[i], node.Lease)}, time.Now()))
		}
	}
	shared := "SELECT count(*) FROM (" + rowsOfTransactions + ") t WHERE cardinality(apps) > 1"
	for begun := time.Now(); number(t, c, shared) < 20; {
		if time.Since(begun) > time.Minute {
			t.Fatal("no two apps' rows shared a transaction: nothing is gathered any more")
		}
		var all sync.WaitGroup
		for i := range 4 * apps {
			all.Go(func() { publish(i) })
		}
		all.Wait()
	}
	if n := number(t, c, "SELECT count(*) FROM ("+rowsOfTransactions+") t WHERE shards > 1"); n != 0 {
		t.Errorf("%d transactions have rows of more than one shard", n)
	}

	var all sync.WaitGroup
	for i := range 4 * apps {
		all.Go(func() { publish(i) })
		if i%apps == 0 {
			all.Go(func() { enqueue(t, s, node.Lease, event("batch0", 0), event("batch1", 0), event("batch2", 0)) })
		}
	}
	all.Wait()
	if n := number(t, c, "SELECT count(*) FROM ("+rowsOfTransactions+") t WHERE shards > 1 AND apps = '{batch0,batch1,batch2}'"); n != 4 {
		t.Errorf("%d of 4 batches are a transaction of their own", n)
	}
	if n := number(t, c, "SELECT count(*) FROM ("+rowsOfTransactions+") t WHERE shards > 1"); n != 4 {
		t.Errorf("%d transactions have rows of more than one shard, 4 are of a batch", n)
	}
}
