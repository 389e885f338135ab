package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/postgres"
)

// onPostgres are the scenarios with PostgreSQL. It is on the same machine, mostly, and takes
// its processor time.
func onPostgres() []scenario {
	return []scenario{
		{name: "postgres.batch", run: func(ctx context.Context, l *lab) error {
			return l.rate(ctx, l.postgres, "postgres.batch/10", endpoints{n: 10}, shape{types: 10, batch: 100, publishers: batchConnections})
		}},
		{name: "postgres.single", run: compareStores},
		{name: "postgres.held", once: true, run: heldOpen},
		{name: "postgres.pending", run: func(ctx context.Context, l *lab) error {
			full, err := l.filled(ctx, l.postgres, "pending", l.setUpWaiting(ctx), func(f *filler) error { return f.fillWaiting(ctx, l.o.pending) })
			if err != nil {
				return err
			}
			return l.large(ctx, l.postgres, "postgres.pending", full, endpoints{n: 10}, nil)
		}},
		{name: "postgres.history", run: func(ctx context.Context, l *lab) error { return l.history(ctx, l.postgres, "postgres.history") }},
	}
}

// compareStores measures single publishes on SQLite, on PostgreSQL, and on PostgreSQL with
// two nodes.
func compareStores(ctx context.Context, l *lab) error {
	e, sh := endpoints{n: 10}, shape{types: 10, publishers: l.o.connections}
	var rates [3]float64
	for kind := range rates {
		var hs homes = l.postgres
		if kind == 0 {
			hs = files{}
		}
		h, err := l.withEndpoints(ctx, hs, e)
		if err != nil {
			return err
		}
		if err := l.within(ctx, h, max(kind, 1), 1, nil, func(s *server) error {
			if _, err := l.flood(ctx, s, sh, l.warming()); err != nil {
				return err
			}
			before, err := l.postgres.walBytes(ctx)
			if err != nil {
				return err
			}
			found, err := l.flood(ctx, s, sh, l.o.part)
			if err != nil {
				return err
			}
			after, err := l.postgres.walBytes(ctx)
			if err != nil {
				return err
			}
			if rates[kind] = found.Rate; kind == 1 {
				l.results.add("postgres.wal", (after-before)/float64(found.Deliveries)-float64(l.size))
				l.results.spent("postgres.single/10", "PostgreSQL: single publishes", found, loop{})
			}
			return nil
		}); err != nil {
			return err
		}
	}
	l.results.beside("postgres.single/10", rates[1], rates[0])
	l.results.beside("postgres.two", rates[2], rates[1])
	return nil
}

// heldOpen measures before, while a transaction holds a snapshot that is older than what was
// written at half load for a while, and right after.
func heldOpen(ctx context.Context, l *lab) error {
	h, err := l.withEndpoints(ctx, l.postgres, endpoints{n: 10})
	if err != nil {
		return err
	}
	made, err := h.homes.copy(ctx, h, l.dir)
	if err != nil {
		return err
	}
	defer func() { _ = h.homes.remove(context.WithoutCancel(ctx), made) }()
	s, err := l.start(ctx, made, 1, 1)
	if err != nil {
		return err
	}
	defer s.stop()
	rate := func() (float64, error) {
		var rates []float64
		for range l.o.rounds {
			found, err := l.steadyFlood(ctx, s, shape{types: 10, publishers: l.o.connections})
			if err != nil {
				return 0, err
			}
			rates = append(rates, found.Rate)
		}
		return median(rates), nil
	}
	before, err := rate()
	if err != nil {
		return err
	}
	snapshot, err := pgx.Connect(ctx, made.database)
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
	go l.postgres.watchNotify(watching, made.database, &waits)
	if err := l.paced(ctx, s, before/2, 10, 10, l.o.held, nil); err != nil {
		return err
	}
	held, err := rate()
	if err != nil {
		return err
	}
	l.results.add("postgres.notify", float64(waits.Load()))
	if err := sleep(ctx, time.Second); err != nil { // the counts come with a delay
		return err
	}
	dead, err := l.postgres.deadRows(ctx, made.database)
	if err != nil {
		return err
	}
	if err := snapshot.Close(ctx); err != nil {
		return err
	}
	closed, err := rate()
	if err != nil {
		return err
	}
	l.results.beside("postgres.held", held, before)
	l.results.beside("postgres.closed", closed, before)
	l.results.add("postgres.dead", dead)
	return nil
}

// postgresServer makes databases to be measured: homes on PostgreSQL.
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

func (p *postgresServer) name() string { return "PostgreSQL" }

func (p *postgresServer) make(ctx context.Context, dir string) (*home, error) {
	return p.create(ctx, dir, "template0 ENCODING 'UTF8'")
}

func (p *postgresServer) copy(ctx context.Context, h *home, dir string) (*home, error) {
	config, err := pgconn.ParseConfig(h.database)
	if err != nil {
		return nil, err
	}
	made, err := p.create(ctx, dir, pgx.Identifier{config.Database}.Sanitize())
	if err != nil {
		return nil, err
	}
	made.adminKey = h.adminKey
	return made, copyFolder(made.dir, h.dir)
}

// create makes a database of a template, and a folder for the master key.
func (p *postgresServer) create(ctx context.Context, dir, template string) (*home, error) {
	p.made++
	name := fmt.Sprintf("bellhop_bench_%d_%d", os.Getpid(), p.made)
	if _, err := p.conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return nil, err
	}
	config, err := pgconn.ParseConfig(p.url)
	if err != nil {
		return nil, err
	}
	keywords := []string{"host=" + config.Host, fmt.Sprintf("port=%d", config.Port), "user=" + config.User, "dbname=" + name}
	if config.Password != "" {
		keywords = append(keywords, "password='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(config.Password)+"'")
	}
	folder, err := os.MkdirTemp(dir, "home-")
	return &home{homes: p, dir: folder, database: strings.Join(keywords, " ")}, err
}

func (p *postgresServer) remove(ctx context.Context, h *home) error {
	config, err := pgconn.ParseConfig(h.database)
	if err == nil {
		_, err = p.conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{config.Database}.Sanitize()+" WITH (FORCE)")
	}
	return errors.Join(err, os.RemoveAll(h.dir))
}

func (p *postgresServer) open(ctx context.Context, h *home) (bellhop.Store, error) {
	return postgres.Open(ctx, h.database, postgres.Options{})
}

func (p *postgresServer) walBytes(ctx context.Context) (n float64, err error) {
	err = p.conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").Scan(&n)
	return n, err
}

// deadRows counts the rows of a database that nobody can see any more.
func (p *postgresServer) deadRows(ctx context.Context, database string) (n float64, err error) {
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		return 0, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	err = c.QueryRow(ctx, "SELECT coalesce(sum(n_dead_tup), 0)::float8 FROM pg_stat_user_tables").Scan(&n)
	return n, err
}

// watchNotify counts how often a session is seen that waits for the lock which NOTIFY takes.
func (p *postgresServer) watchNotify(ctx context.Context, database string, waits *atomic.Int64) {
	c, err := pgx.Connect(ctx, database)
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
