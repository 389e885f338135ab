package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// postgresReport is what onPostgres found; ratios are of medians.
type postgresReport struct {
	Version  string  `json:"version"`
	SQLite   float64 `json:"sqlite_per_second"`
	One      float64 `json:"postgres_per_second"`
	Two      float64 `json:"postgres_two_nodes_per_second"`
	ToSQLite float64 `json:"postgres_to_sqlite"`
	TwoToOne float64 `json:"two_nodes_to_one"`
	// WAL is bytes of the write-ahead log an event, without its data.
	WAL float64 `json:"wal_bytes_per_event"`
	// Held is what is delivered while a snapshot is held open, as a ratio to before, when
	// there was less in the database; HeldToClosed is as a ratio to right after it was closed.
	Held         float64 `json:"snapshot_held_to_before"`
	HeldToClosed float64 `json:"snapshot_held_to_closed"`
	DeadTuples   int64   `json:"dead_tuples"`
	NotifyWaits  int64   `json:"seen_waiting_for_notify"`
	Pending      float64 `json:"with_pending_to_empty,omitempty"`
	History      float64 `json:"with_history_to_empty,omitempty"`
}

// onPostgres compares the stores, in turns: what else the machine does hits all alike.
func onPostgres(ctx context.Context, o options, dir string, rcv *remote, say func(string, ...any)) error {
	server, err := connectPostgres(ctx, o.postgres)
	if err != nil {
		return err
	}
	defer server.close()
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	r := postgresReport{Version: server.text(ctx, "SHOW server_version")}
	say("PostgreSQL %s; medians of %d", r.Version, o.rounds)

	var rates [3][]float64 // SQLite, one node, two nodes
	var wal []float64
	for range o.rounds {
		for kind := range rates {
			rate, logged, err := server.measure(ctx, o, kind, dir, binary, rcv)
			if err != nil {
				return err
			}
			if rates[kind] = append(rates[kind], rate); kind == 1 {
				wal = append(wal, logged)
			}
		}
	}
	r.SQLite, r.One, r.Two, r.WAL = median(rates[0]), median(rates[1]), median(rates[2]), median(wal)
	r.ToSQLite, r.TwoToOne = r.One/r.SQLite, r.Two/r.One
	say("SQLite, publish to arrival, durable            %8.0f /s", r.SQLite)
	say("PostgreSQL                                     %8.0f /s   %.2f of SQLite   (%.0f bytes of log an event beyond its data)", r.One, r.ToSQLite, r.WAL)
	say("PostgreSQL, two nodes                          %8.0f /s   %.2f of one node", r.Two, r.TwoToOne)

	if err := server.heldOpen(ctx, o, &r, dir, binary, rcv); err != nil {
		return fmt.Errorf("with a snapshot held open: %w", err)
	}
	say("a snapshot held open for %-6s               %8.2f of before, %.2f of right after   (%d dead rows; %d times a session waited for NOTIFY)", o.held, r.Held, r.HeldToClosed, r.DeadTuples, r.NotifyWaits)
	if o.pending > 0 {
		if r.Pending, err = server.filled(ctx, o, dir, binary, rcv, fillPending); err != nil {
			return fmt.Errorf("with a backlog: %w", err)
		}
		say("%9d deliveries wait                      %8.2f of empty", o.pending, r.Pending)
	}
	if o.history > 0 {
		if r.History, err = server.filled(ctx, o, dir, binary, rcv, fillHistory); err != nil {
			return fmt.Errorf("with a history: %w", err)
		}
		say("%9d attempts in the log                  %8.2f of empty", o.history, r.History)
	}
	if o.json {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return nil
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// postgresServer makes the databases that are measured.
type postgresServer struct {
	url  string
	conn *pgx.Conn
	made int
}

func connectPostgres(ctx context.Context, url string) (*postgresServer, error) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return &postgresServer{url: url, conn: c}, nil
}

func (p *postgresServer) close() { _ = p.conn.Close(context.Background()) }

func (p *postgresServer) text(ctx context.Context, sql string) (s string) {
	if err := p.conn.QueryRow(ctx, sql).Scan(&s); err != nil {
		return err.Error()
	}
	return s
}

// database makes a new one; drop takes it away.
func (p *postgresServer) database(ctx context.Context) (url string, drop func(), err error) {
	p.made++
	name := fmt.Sprintf("bellhop_bench_%d_%d", os.Getpid(), p.made)
	if _, err := p.conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
		return "", nil, err
	}
	config, err := pgconn.ParseConfig(p.url)
	if err != nil {
		return "", nil, err
	}
	keywords := []string{"host=" + config.Host, fmt.Sprintf("port=%d", config.Port), "user=" + config.User, "dbname=" + name}
	if config.Password != "" {
		keywords = append(keywords, "password='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(config.Password)+"'")
	}
	return strings.Join(keywords, " "), func() {
		_, _ = p.conn.Exec(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}, nil
}

func (p *postgresServer) walBytes(ctx context.Context) (n float64, err error) {
	err = p.conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").Scan(&n)
	return n, err
}

// measure measures one kind on a new database: 0 is SQLite, others are so many nodes.
func (p *postgresServer) measure(ctx context.Context, o options, kind int, dir, binary string, rcv *remote) (rate, wal float64, err error) {
	if kind > 0 {
		url, drop, err := p.database(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer drop()
		o.database, o.nodes = url, kind
	}
	s, err := startServer(ctx, o, dir, binary, rcv, 0)
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	before, err := p.walBytes(ctx)
	if err != nil {
		return 0, 0, err
	}
	l, err := s.flood(ctx, o, rcv)
	if err != nil {
		return 0, 0, err
	}
	after, err := p.walBytes(ctx)
	return l.rate, (after-before)/float64(l.events) - float64(o.size), err
}

// heldOpen measures before, and while a transaction holds a snapshot that is older than
// what has been written at half load for a while.
func (p *postgresServer) heldOpen(ctx context.Context, o options, r *postgresReport, dir, binary string, rcv *remote) error {
	url, drop, err := p.database(ctx)
	if err != nil {
		return err
	}
	defer drop()
	o.database, o.nodes = url, 1
	s, err := startServer(ctx, o, dir, binary, rcv, 0)
	if err != nil {
		return err
	}
	defer s.stop()
	before, err := s.floods(ctx, o, rcv)
	if err != nil {
		return err
	}
	snapshot, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer snapshot.Close(context.WithoutCancel(ctx))
	if _, err := snapshot.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM bellhop.nodes"); err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var waits atomic.Int64
	go p.watchNotify(watching, url, &waits)
	if err := s.pace(ctx, o, before/2, o.held); err != nil {
		return err
	}
	after, err := s.floods(ctx, o, rcv)
	if err != nil {
		return err
	}
	r.Held, r.NotifyWaits = after/before, waits.Load()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	time.Sleep(time.Second) // the counts come with a delay
	if err := c.QueryRow(ctx, "SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables").Scan(&r.DeadTuples); err != nil {
		return err
	}
	if err := snapshot.Close(ctx); err != nil {
		return err
	}
	closed, err := s.floods(ctx, o, rcv)
	r.HeldToClosed = after / closed
	return err
}

// floods measures as often as there are rounds, and gives the median of the rates.
func (s *server) floods(ctx context.Context, o options, rcv *remote) (float64, error) {
	var rates []float64
	for range o.rounds {
		l, err := s.flood(ctx, o, rcv)
		if err != nil {
			return 0, err
		}
		rates = append(rates, l.rate)
	}
	return median(rates), nil
}

// watchNotify counts how often a session is seen that waits for the lock which NOTIFY takes.
func (p *postgresServer) watchNotify(ctx context.Context, url string, waits *atomic.Int64) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return
	}
	defer c.Close(context.WithoutCancel(ctx))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var n int64
		err := c.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'object' OR wait_event IN ('NotifyQueue', 'NotifyBuffer')`).Scan(&n)
		if err == nil {
			waits.Add(n)
		}
	}
}

// pace publishes so many events a second, for a while.
func (s *server) pace(ctx context.Context, o options, perSecond float64, length time.Duration) error {
	publishers := 32
	every := time.Duration(float64(time.Second) * float64(publishers) / perSecond)
	until := time.Now().Add(length)
	return parallel(publishers, func(i int) error {
		p, err := newPublisher(s, i)
		if err != nil {
			return err
		}
		defer p.conn.Close()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := i; time.Now().Before(until); n++ {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
			if err := p.publish(eventType(n%o.endpoints), o.size); err != nil {
				return err
			}
		}
		return nil
	})
}

// filled measures a database that holds much, as a ratio to one that does not, in turns.
func (p *postgresServer) filled(ctx context.Context, o options, dir, binary string, rcv *remote,
	fill func(context.Context, options, *server, string) error,
) (float64, error) {
	url, drop, err := p.database(ctx)
	if err != nil {
		return 0, err
	}
	defer drop()
	full := o
	full.database, full.nodes = url, 1
	s, err := startServer(ctx, full, dir, binary, rcv, 0)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if err := fill(ctx, full, s, url); err != nil {
		return 0, fmt.Errorf("fill the database: %w", err)
	}
	var empty, filled []float64
	for range o.rounds {
		rate, _, err := p.measure(ctx, o, 1, dir, binary, rcv)
		if err != nil {
			return 0, err
		}
		l, err := s.flood(ctx, full, rcv)
		if err != nil {
			return 0, err
		}
		empty, filled = append(empty, rate), append(filled, l.rate)
	}
	return median(filled) / median(empty), nil
}

// fillPending publishes to an endpoint that is paused.
func fillPending(ctx context.Context, o options, s *server, _ string) error {
	c := s.client()
	if _, err := c.CreateApp(ctx, wire.AppInput{ID: "paused"}); err != nil {
		return err
	}
	_, err := c.CreateEndpoint(ctx, bellhop.EndpointChange{
		Apps: bellhop.Of([]string{"paused"}), URL: bellhop.Of("http://127.0.0.1:9/"), Status: bellhop.Of(bellhop.EndpointPaused),
	})
	if err != nil {
		return err
	}
	batch := make([]client.Publication, 1000)
	for i := range batch {
		batch[i] = client.Publication{App: "paused", Type: "bench.waits", Data: bellhop.JSON(`{"n":1}`)}
	}
	return parallel(4, func(i int) error {
		for n := i * len(batch); n < o.pending; n += 4 * len(batch) {
			if _, err := c.PublishBatch(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
}

// fillHistory writes attempts as those of a first one, spread over the day so far.
func fillHistory(ctx context.Context, o options, s *server, url string) error {
	p, err := newPublisher(s, 0)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	if err := p.publish(eventType(0), o.size); err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if err := waitFor(ctx, 10*time.Second, func() bool {
		var n int
		return c.QueryRow(ctx, "SELECT count(*) FROM bellhop.attempts").Scan(&n) == nil && n > 0
	}); err != nil {
		return err
	}
	var columns string
	err = c.QueryRow(ctx, `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = 'bellhop.attempts'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname NOT IN ('id', 'delivery', 'event')`).Scan(&columns)
	if err != nil {
		return err
	}
	// An id is milliseconds, above 21 bits.
	since := time.Since(time.Now().UTC().Truncate(24 * time.Hour)).Milliseconds()
	step := (since << 21) / int64(o.history+1)
	_, err = c.Exec(ctx, fmt.Sprintf(`INSERT INTO bellhop.attempts (id, delivery, event, %[1]s)
		SELECT id - k::bigint * %[2]d, delivery - k::bigint * %[2]d, event - k::bigint * %[2]d, %[1]s FROM (SELECT * FROM bellhop.attempts LIMIT 1) a, generate_series(1, %[3]d) k`,
		columns, step, o.history))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "ANALYZE bellhop.attempts")
	return err
}
