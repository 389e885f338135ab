package postgres

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// A PostgreSQL whose tables are spread by app over several machines, by Citus, has the rows
// of each app on one shard, and a transaction that touches several shards costs a two-phase
// commit. There a group commit is cut: the steps of one shard share a transaction. A step
// that is of several shards itself, such as a batch of events that is stored as a whole or
// not at all, has one of its own.

// shards say where an app's rows are.
type shards struct {
	spread bool // false: there is one shard, 0, for all

	mu sync.Mutex
	of map[string]int64
}

// severalShards is the shard of a step that is of more than one.
const severalShards = -1

// maxShardsKnown bounds how many apps are kept in mind.
const maxShardsKnown = 100_000

const (
	citusTables = "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
	isSpread    = "SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = $1::text::regclass AND partmethod = 'h')"
	shardsOf    = "SELECT app, get_shard_id_for_distribution_column($1::text::regclass, app) FROM unnest($2::text[]) a (app)"

	// Every other table of the flow is spread like this one.
	spreadTable = "bellhop.events"
)

// findShards looks whether the database is spread by app.
func (s *Store) findShards(ctx context.Context) error {
	return s.readFor(ctx, forFlow, "look for shards", func(q *reading) error {
		var citus bool
		if _, err := q.one(into(&citus), citusTables); err != nil || !citus {
			return err
		}
		_, err := q.one(into(&s.shards.spread), isSpread, spreadTable)
		return err
	})
}

// shardOf gives the shard of n rows, of which app names the apps. What was found is kept in
// mind: where a shard is split later, a group may touch both halves until the next start,
// which costs time and nothing else.
func (s *Store) shardOf(ctx context.Context, n int, app func(int) string) (int64, error) {
	if !s.shards.spread || n == 0 {
		return 0, nil
	}
	var apps []string
	for i := range n {
		if a := app(i); !slices.Contains(apps, a) {
			apps = append(apps, a)
		}
	}
	of := s.shards.known(apps)
	if len(of) < len(apps) {
		err := s.readFor(ctx, forFlow, "look for shards", func(q *reading) error {
			var app string
			var shard int64
			return q.each(scan(func() { of[app] = shard }, &app, &shard), shardsOf, spreadTable, apps)
		})
		if err != nil {
			return 0, err
		}
		s.shards.learn(of)
	}
	for _, a := range apps {
		if of[a] != of[apps[0]] {
			return severalShards, nil
		}
	}
	return of[apps[0]], nil
}

func (s *shards) known(apps []string) map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[string]int64, len(apps))
	for _, app := range apps {
		if shard, ok := s.of[app]; ok {
			known[app] = shard
		}
	}
	return known
}

func (s *shards) learn(of map[string]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil || len(s.of) > maxShardsKnown {
		s.of = map[string]int64{}
	}
	maps.Copy(s.of, of)
}

// cut gives the steps of each shard, in the order in which they came.
func cut(batch []*step) (parts [][]*step) {
	place := map[int64]int{}
	for _, st := range batch {
		i, begun := place[st.shard]
		if !begun || st.shard == severalShards {
			i = len(parts)
			place[st.shard], parts = i, append(parts, nil)
		}
		parts[i] = append(parts[i], st)
	}
	return parts
}
