package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/testlong"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// seen gathers the statements that a store runs, each with the arguments of the first time.
type seen struct {
	mu   sync.Mutex
	args map[string][]any
	list []string
}

func (s *seen) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.args[q.SQL]; !ok {
		s.args[q.SQL] = q.Args
		s.list = append(s.list, q.SQL)
	}
	return ctx
}

func (s *seen) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// watched opens a store whose statements are gathered, in a database with some days of a
// log: so much that a plan which goes through all of it shows.
func watched(t *testing.T, analyzed bool) (*Store, *seen, bellhop.EventID) {
	t.Helper()
	url := testpostgres.Database(t)
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	statements := &seen{args: map[string][]any{}}
	if err := Trace(t.Context(), s, statements); err != nil {
		t.Fatal(err)
	}
	today := dayOf(int64(id.First[id.Event](time.Now())))
	var days []int64
	for d := today - 12; d < today+2; d++ {
		days = append(days, d)
	}
	if err := s.haveDays(t.Context(), days); err != nil {
		t.Fatal(err)
	}
	err = s.write(t.Context(), upkeep, "fill", func(t *txn) error {
		for _, d := range days[:13] {
			if _, err := t.exec(fillEvents, d*24*60*60*1000, 500); err != nil {
				return err
			}
		}
		for _, sql := range []string{fillAttempts, fillPending, fillWaiting, fillEndpoints} {
			if _, err := t.exec(sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if analyzed {
		c, err := s.pools[upkeep].Acquire(t.Context())
		if err == nil {
			_, err = c.Exec(t.Context(), "ANALYZE")
			c.Release()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	statements.list, statements.args = nil, map[string][]any{}
	event := bellhop.EventID(firstOfDay(today) + 1)
	return s, statements, event
}

const (
	// An event each some minutes of the day, of two apps and three types.
	fillEvents = `INSERT INTO bellhop.events (id, deliver_at, deliveries, erased, test, app, type, subject, data)
		SELECT (($1::bigint + g * 86400000 / $2::bigint) << 21) + 1, 0, 1, false, false, CASE WHEN g % 2 = 0 THEN 'acme' ELSE 'globex' END,
			'a.t' || g % 3, CASE WHEN g % 5 = 0 THEN 'ticket:' || g ELSE '' END, '{}'
		FROM generate_series(0, $2::bigint - 1) g`
	fillAttempts = `INSERT INTO bellhop.attempts (id, delivery, event, endpoint, next_at, duration, latency, number, response_status, status, final, truncated,
			app, type, trigger, url, reason, detail)
		SELECT e.id + ((5 + CASE WHEN n % 10 = 0 THEN 60000 ELSE 0 END) << 21), e.id + 1, e.id, 1 + n % 7, 0, 1000, 0, 1, CASE WHEN n % 11 = 0 THEN 503 ELSE 200 END,
			CASE WHEN n % 11 = 0 THEN 1 ELSE 0 END, n % 22 <> 0, false, e.app, e.type, 'publish', '', '', ''
		FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM bellhop.events) e`
	fillPending = `INSERT INTO bellhop.pending (id, event, endpoint, due, last_attempt, order_pos, born, attempts, owner, held, app, trigger, bucket)
		SELECT a.delivery, a.event, a.endpoint, 1, a.id, a.delivery, 1, 1, CASE WHEN a.number % 50 = 0 THEN 1 END, false, a.app, a.trigger, 0
		FROM bellhop.attempts a WHERE NOT a.final`
	fillWaiting   = "INSERT INTO bellhop.waiting (app, endpoint, again, n, held) SELECT app, endpoint, false, count(*), count(*) FILTER (WHERE endpoint = 2) FROM bellhop.pending GROUP BY 1, 2"
	fillEndpoints = `INSERT INTO bellhop.endpoints (id, revision, status, ordering, apps, url, name, events, subjects, dialect, disabled_reason, timeout, concurrency, created_at, updated_at)
		SELECT e, 1, CASE WHEN e = 3 THEN 'paused' ELSE 'active' END, 'none', '["acme"]', '', '', '[]', '[]', 'standard', '', 1, 1, 1, 1 FROM generate_series(1, 7) e`
)

// TestPlansFollowFromTheirShape runs every kind of read and asks PostgreSQL how it would
// run each of the statements: it must not go through a large table, sort it, or look into
// more partitions than need be, whether it has statistics or not.
func TestPlansFollowFromTheirShape(t *testing.T) {
	testlong.Only(t)
	for name, analyzed := range map[string]bool{"with statistics": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, statements, event := watched(t, analyzed)
			readEverything(t, s, event)
			rule := NewAppRule(t)
			for _, sql := range statements.list {
				rule.Check(t, "a read", sql)
			}
			c, err := s.pools[forPeople].Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Release()
			if _, err := c.Exec(t.Context(), beginReading[forPeople]); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rollback(t.Context(), c.Conn()) }()
			asked := 0
			for _, sql := range statements.list {
				if regexp.MustCompile("^(BEGIN|ROLLBACK|COMMIT|SET) ?").MatchString(sql) {
					continue
				}
				asked++
				checkPlan(t, c.Conn(), sql, statements.args[sql])
			}
			if asked < 100 {
				t.Errorf("only %d statements were seen", asked)
			}
		})
	}
}

// readEverything reads in every way there is.
func readEverything(t *testing.T, s *Store, event bellhop.EventID) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	now := time.Now()
	early := int64(id.First[id.Event](now.AddDate(0, 0, -8)))
	names := []string{"", "a.t1", "a.*"}
	for _, scope := range []bellhop.Scope{bellhop.Everything(), bellhop.Only("acme"), bellhop.Only("acme", "globex")} {
		for _, at := range []struct {
			since, until  time.Time
			before, after int64
		}{{}, {now.AddDate(0, 0, -9), now.AddDate(0, 0, -5), int64(event), 0}, {now.AddDate(0, 0, -9), now, 0, early}} {
			for _, typ := range names {
				for _, subject := range []string{"", "ticket:5", "ticket:*"} {
					for _, external := range []string{"", "x"} {
						for _, uuid := range []string{"", "no"} {
							_, err := s.Events(ctx, bellhop.EventFilter{
								Scope: scope, Type: typ, Subject: subject, ExternalID: external, UUID: uuid,
								Since: at.since, Until: at.until, Before: bellhop.EventID(at.before), After: bellhop.EventID(at.after), Limit: 50,
							})
							must(err)
						}
					}
				}
				for _, endpoint := range []bellhop.EndpointID{0, 1} {
					for _, status := range []bellhop.AttemptStatus{"", bellhop.AttemptSucceeded, bellhop.AttemptFailed} {
						for _, of := range []bellhop.AttemptFilter{{}, {Event: event}, {Delivery: 1}, {Response: "404", Reason: "status"}, {Response: "404"}} {
							of.Scope, of.Type, of.Endpoint, of.Status, of.Limit = scope, typ, endpoint, status, 50
							of.Since, of.Until, of.Before, of.After = at.since, at.until, bellhop.AttemptID(at.before), bellhop.AttemptID(at.after)
							_, err := s.Attempts(ctx, of)
							must(err)
						}
					}
					for _, status := range []bellhop.DeliveryStatus{
						"", bellhop.DeliveryPending, bellhop.DeliveryHeld, bellhop.DeliverySucceeded, bellhop.DeliveryFailed,
					} {
						for _, e := range []bellhop.EventID{0, event} {
							_, err := s.Deliveries(ctx, bellhop.DeliveryFilter{
								Scope: scope, Type: typ, Endpoint: endpoint, Event: e, Status: status, Limit: 50,
								Since: at.since, Until: at.until, Before: bellhop.DeliveryID(at.before), After: bellhop.DeliveryID(at.after),
							})
							must(err)
						}
					}
				}
			}
		}
	}
	for _, scope := range []bellhop.Scope{bellhop.Everything(), bellhop.Only("acme", "globex")} {
		for _, outcome := range []bellhop.EventState{"", bellhop.EventFailed, bellhop.EventCanceled, bellhop.EventWaiting, bellhop.EventHeld, bellhop.EventDelivered, bellhop.EventNone} {
			_, err := s.SearchEvents(ctx, bellhop.EventSearch{
				EventFilter: bellhop.EventFilter{Scope: scope, Limit: 50}, Outcome: outcome, Meets: func([]byte) bool { return true },
			})
			must(err)
		}
		for _, status := range []bellhop.ReplayStatus{bellhop.ReplayAll, bellhop.ReplayFailed, bellhop.ReplayMissing, bellhop.ReplaySucceeded} {
			_, _, err := s.Candidates(ctx, bellhop.ReplayFilter{
				Endpoint: 1, Apps: []string{"acme", "globex"}, Types: []string{"a.t1", "b.*"}, Status: status, Since: now.AddDate(0, 0, -3), Limit: 50, Scan: 500,
			})
			must(err)
			if status == bellhop.ReplayMissing {
				continue
			}
			_, _, err = s.Candidates(ctx, bellhop.ReplayFilter{
				Endpoint: 1, Apps: []string{"acme"}, Status: status, LabelFilter: bellhop.LabelFilter{Channel: "a", Tag: "b"}, Response: "5xx",
				Since: now.AddDate(0, 0, -3), Limit: 50, Scan: 500,
			})
			must(err)
		}
		for _, typ := range names {
			for _, endpoint := range []bellhop.EndpointID{0, 1} {
				_, err := s.Stats(ctx, bellhop.StatsFilter{Scope: scope, Endpoint: endpoint, Type: typ, Since: now.AddDate(0, 0, -2), Bucket: time.Hour})
				must(err)
			}
		}
		_, err := s.Failures(ctx, bellhop.FailureFilter{Scope: scope, Endpoints: []bellhop.EndpointID{1, 2}, Since: now.AddDate(0, 0, -3), Each: 50, All: 100})
		must(err)
		for _, after := range []bellhop.AuditID{0, 1} {
			_, err = s.Audit(ctx, bellhop.AuditFilter{Scope: scope, Actor: "x", After: after, Limit: 50})
			must(err)
		}
		_, _, err = s.Pending(ctx, scope, 0)
		must(err)
		_, _, err = s.Pending(ctx, scope, 1)
		must(err)
	}
	for _, read := range []func() error{
		func() error { _, err := s.Outcomes(ctx, []bellhop.EventID{event}); return err },
		func() error {
			_, err := s.Labelled(ctx, []bellhop.EventID{event}, bellhop.LabelFilter{Tag: "a"})
			return err
		},
		func() error {
			_, err := s.CountWaiting(ctx, map[bellhop.EndpointID]*bellhop.Waiting{}, 0, 100, now)
			return err
		},
		func() error {
			_, _, err := s.Retrying(ctx, bellhop.RetryingFilter{Scope: bellhop.Everything(), Endpoint: 1, Scan: 100})
			return err
		},
		func() error { _, _, _, err := s.WaitsAt(ctx, 1, now); return err },
		func() error { return s.SampleBacklog(ctx, now) },
		func() error {
			_, err := s.BacklogSamples(ctx, bellhop.BacklogFilter{Since: now.AddDate(0, 0, -1), Until: now, Points: 10})
			return err
		},
		func() error {
			for more, i := true, 0; more && i < 3; i++ {
				var err error
				if more, err = s.RollUp(ctx, now); err != nil {
					return err
				}
			}
			return nil
		},
		func() error { _, err := s.Event(ctx, event); return err },
		func() error {
			if _, err := s.Attempt(ctx, 1); !bellhop.IsNotFound(err) {
				return fmt.Errorf("want not found: %w", err)
			}
			if _, err := s.Delivery(ctx, 1); !bellhop.IsNotFound(err) {
				return fmt.Errorf("want not found: %w", err)
			}
			return nil
		},
		func() error {
			_, err := s.Standings(ctx, bellhop.StandingFilter{Event: event, Limit: 10})
			return err
		},
	} {
		must(read())
	}
}

// plan is a part of what EXPLAIN says.
type plan struct {
	Node      string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	Condition string  `json:"Index Cond"`
	Filter    string  `json:"Filter"`
	Removed   int     `json:"Subplans Removed"`
	Rows      float64 `json:"Plan Rows"`
	Plans     []plan  `json:"Plans"`
}

func (p *plan) walk(f func(*plan)) {
	f(p)
	for i := range p.Plans {
		p.Plans[i].walk(f)
	}
}

var (
	large      = regexp.MustCompile(`^(events|attempts)_\d+$|^(pending|rollups|audit)$`)
	partitions = regexp.MustCompile(`^(events|attempts)_(\d+)$`)
)

// large tells whether what is sorted may be much: it comes from a large table.
func (p *plan) large() (is bool) {
	p.walk(func(p *plan) { is = is || large.MatchString(p.Relation) && p.Index != "pending_owner" })
	return is
}

// empty tells whether a table is a partition made ahead: how that is read tells nothing.
func (p *plan) empty() bool {
	m := partitions.FindStringSubmatch(p.Relation)
	return m != nil && m[2] > time.Now().UTC().Format("20060102")
}

func checkPlan(t *testing.T, c *pgx.Conn, sql string, args []any) {
	t.Helper()
	text := explained(t, c, sql, args)
	if text == "" {
		return
	}
	var all []struct{ Plan plan }
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	// What a list by few rows is sorted by is written so; fresh ones are few.
	sorts := strings.Contains(sql, "id + 0") || strings.Contains(sql, "delivery + 0") || strings.Contains(sql, "bellhop.fresh")
	wrong := ""
	touched := map[string][]string{}
	all[0].Plan.walk(func(p *plan) {
		if m := partitions.FindStringSubmatch(p.Relation); m != nil {
			touched[m[1]] = append(touched[m[1]], p.Relation)
		}
		switch {
		case p.empty():
		case large.MatchString(p.Relation) && (p.Node == "Seq Scan" || p.Node == "Bitmap Heap Scan"):
			wrong = p.Node + " of " + p.Relation
		case p.Index == "pending_owner", strings.HasSuffix(sql, "ORDER BY id LIMIT 1 /* all apps */"): // few, and the first
		case large.MatchString(p.Relation) && strings.HasPrefix(p.Node, "Index") && p.Condition == "":
			wrong = "all of " + p.Index + " is gone through"
		case strings.HasSuffix(p.Node, "Sort") && !sorts && p.large():
			wrong = "a sort"
		}
	})
	// The newest window is two days, and those that are made ahead.
	if m := regexp.MustCompile(`([ea])\.id >= (\d+) AND [ea]\.id < (\d+)`).FindStringSubmatch(sql); m != nil && !strings.Contains(sql, "bellhop.fresh") {
		var low, high int64
		fmt.Sscan(m[2], &low)
		fmt.Sscan(m[3], &high)
		list := touched[map[string]string{"e": "events", "a": "attempts"}[m[1]]]
		slices.Sort(list)
		if n, days := len(slices.Compact(list)), int(dayOf(high)-dayOf(low)); n > days {
			wrong = fmt.Sprintf("%d partitions for %d days", n, days)
		}
	}
	if wrong != "" {
		t.Errorf("%s\n%s\n%v\n%s", wrong, sql, args, outline(&all[0].Plan, ""))
	}
}

// outline is a plan in lines, with one partition for all.
func outline(p *plan, indent string) string {
	out := fmt.Sprintf("%s%s %s %s %s\n", indent, p.Node, p.Relation, p.Index, p.Condition)
	seen := false
	for i := range p.Plans {
		if partitions.MatchString(p.Plans[i].Relation) {
			if seen {
				continue
			}
			seen = true
		}
		out += outline(&p.Plans[i], indent+"  ")
	}
	return out
}

// explained gives the plan that is made once for all arguments.
func explained(t *testing.T, c *pgx.Conn, sql string, args []any) (text string) {
	t.Helper()
	values := make([]string, len(args))
	for i, a := range args {
		values[i] = literal(t, a)
	}
	execute := "EXPLAIN (FORMAT JSON) EXECUTE checked"
	if len(args) > 0 {
		execute += " (" + strings.Join(values, ", ") + ")"
	}
	for _, statement := range []string{"SAVEPOINT checked", "PREPARE checked AS " + sql} {
		if _, err := c.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Errorf("%v\n%s", err, sql)
			_, _ = c.Exec(t.Context(), "ROLLBACK TO checked")
			return ""
		}
	}
	err := c.QueryRow(t.Context(), execute, pgx.QueryExecModeSimpleProtocol).Scan(&text)
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, execute, sql)
		_, _ = c.Exec(t.Context(), "ROLLBACK TO checked")
	}
	if _, err := c.Exec(t.Context(), "DEALLOCATE checked"); err != nil {
		t.Fatal(err)
	}
	return text
}

func literal(t *testing.T, a any) string {
	t.Helper()
	switch a := a.(type) {
	case nil:
		return "NULL"
	case [][]byte:
		return "ARRAY[]::bytea[]"
	case []bool:
		return "ARRAY[]::boolean[]"
	case []int16:
		return "ARRAY[]::smallint[]"
	case string:
		return "'" + strings.ReplaceAll(a, "'", "''") + "'"
	case []string:
		parts := []string{}
		for _, s := range a {
			parts = append(parts, literal(t, s))
		}
		return "ARRAY[" + strings.Join(parts, ", ") + "]::text[]"
	case []int64:
		parts := []string{}
		for _, n := range a {
			parts = append(parts, fmt.Sprint(n))
		}
		return "ARRAY[" + strings.Join(parts, ", ") + "]::bigint[]"
	case int, int64, bool:
		return fmt.Sprint(a)
	}
	t.Fatalf("an argument of type %T", a)
	return ""
}

// steps are a statement that goes through a table by an index of its, in the transaction
// that it is run in.
type steps struct {
	begin, sql   string
	args         []any
	table, index *regexp.Regexp
}

// checkSteps fails if a statement finds its rows in another way.
func checkSteps(t *testing.T, c *pgx.Conn, when string, list []steps) {
	t.Helper()
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		for _, l := range list {
			if _, err := c.PgConn().Exec(t.Context(), l.begin+"; SET LOCAL plan_cache_mode = "+mode).ReadAll(); err != nil {
				t.Fatal(err)
			}
			var all []struct{ Plan plan }
			if err := json.Unmarshal([]byte(explained(t, c, l.sql, l.args)), &all); err != nil {
				t.Fatal(err)
			}
			looks := 0
			all[0].Plan.walk(func(p *plan) {
				if strings.HasSuffix(p.Node, "Sort") && slices.ContainsFunc(p.Plans, func(p plan) bool { return l.table.MatchString(p.Relation) }) {
					t.Errorf("%s, %s: it sorts\n%s", when, mode, l.sql)
				}
				if !l.table.MatchString(p.Relation) {
					return
				}
				if looks++; !l.index.MatchString(p.Index) {
					t.Errorf("%s, %s: %s of %s by %q\n%s", when, mode, p.Node, p.Relation, p.Index, l.sql)
				}
			})
			if looks == 0 {
				t.Errorf("%s, %s: %s is not looked into\n%s", when, mode, l.table, l.sql)
			}
			if _, err := c.Exec(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestWhatWaitsIsSteppedThroughByItsIndex has nearly all of what waits at few endpoints of
// one bucket: each condition by itself selects all rows, or none as far as they were counted.
func TestWhatWaitsIsSteppedThroughByItsIndex(t *testing.T) {
	c := migrated(t)
	const fill = `INSERT INTO bellhop.pending (id, event, endpoint, due, last_attempt, order_pos, born, attempts, app, trigger, bucket, order_key)
		SELECT 1000000 * $1::bigint + g, g, $1::bigint + g / 2500, 1, 0, g, 1, g % 2, 'acme', 'publish', 7, 'k' || g % 2 FROM generate_series(1, 5000) g`
	pending, due, age := regexp.MustCompile("^pending$"), regexp.MustCompile("^pending_due$"), regexp.MustCompile("^pending_age$")
	list := []steps{
		{beginReading[forFlow], overdueEndpoints, []any{[]int16{6, 7, 8}}, pending, due},
		{beginReading[forFlow], agedEndpoints, []any{int64(5)}, pending, age},
		{"BEGIN; " + stepByIndex, earliestOfEndpoint, []any{7, int64(100)}, pending, due},
		{"BEGIN; " + stepByIndex, oldestDue, []any{7, int64(100), 0, int64(5), int64(0), int64(0), 100}, pending, due},
		{"BEGIN; " + stepByIndex, newestDue, []any{7, int64(100), 0, int64(5), int64(6), int64(0), 100}, pending, due},
	}
	do := func(sql string, args ...any) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	do(fill, 100)
	checkSteps(t, c, "never counted", list)
	do("ANALYZE bellhop.pending")
	checkSteps(t, c, "counted", list)
	do(fill, 200)
	checkSteps(t, c, "counted before the half of it", list)
	do("DELETE FROM bellhop.pending")
	do("ANALYZE bellhop.pending")
	do(fill, 100)
	checkSteps(t, c, "counted when there was nothing", list)
}

// TestTheOutboxIsSteppedThroughByItsIndex has one transaction add all of what is in it.
func TestTheOutboxIsSteppedThroughByItsIndex(t *testing.T) {
	c := migrated(t)
	const fill = "SELECT count(bellhop.publish('acme', 'a.b', g::text)) FROM generate_series(1, 5000) g"
	all := []string{"1"}
	tables := regexp.MustCompile(`^outbox_\d$`)
	list := []steps{
		{beginReading[forOutbox], outboxApps, []any{all, []string{"1000000"}, 10}, tables, regexp.MustCompile(`^outbox_\d_tx$`)},
		{beginReading[forOutbox], outboxPlaces, []any{[]int64{0}, []string{"acme"}, all, []string{"1000000"}, []string{"0"}, []int64{0}, 200}, tables, regexp.MustCompile(`^outbox_\d_pkey$`)},
		{beginReading[forOutbox], outboxEntries, []any{[]string{"acme"}, all, []int64{1}, 1000}, tables, regexp.MustCompile(`^outbox_\d_(tx|pkey)$`)},
	}
	do := func(sql string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	checkSteps(t, c, "empty", list)
	do("BEGIN")
	do(fill)
	do("ROLLBACK")
	do("ANALYZE bellhop.outbox_0")
	do(fill)
	checkSteps(t, c, "counted when all of it had been given up", list)
	do("ANALYZE bellhop.outbox_0")
	checkSteps(t, c, "counted", list)
}

// TestRowsAreFoundByTheirIds has an app come up after rows were counted: as far as is known
// there is none of its rows, so that any index that has the app seems to be as good.
func TestRowsAreFoundByTheirIds(t *testing.T) {
	c := migrated(t)
	do := func(sql string, args ...any) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	const fill = `INSERT INTO bellhop.pending (id, event, endpoint, due, last_attempt, order_pos, born, attempts, app, trigger, bucket, order_key)
		SELECT 1000000 * $1::bigint + g, g, $1::bigint, 1, 0, g, 1, g % 2, $2, 'publish', 7, 'k' || g % 2 FROM generate_series(1, 10000) g`
	of, by := []string{"globex"}, []int64{200005000}
	list := []struct {
		sql  string
		args []any
	}{
		{ownThese, []any{1, of, by}},
		{setAside, []any{of, by}},
		{ownedOfThese, []any{of, by}},
		{dropPending, []any{of, by}},
		{disownPending, []any{of, by}},
		{wakeThese, []any{int64(1), of, by}},
		{takeIdle, []any{of, by}},
		{pendingOfOld, []any{of, []int64{5000}, 10}},
	}
	do(fill, 100, "acme")
	do("ANALYZE bellhop.pending")
	do(fill, 200, "globex")
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		for _, l := range list {
			do("BEGIN")
			do("SET LOCAL plan_cache_mode = " + mode)
			var all []struct{ Plan plan }
			if err := json.Unmarshal([]byte(explained(t, c, l.sql, l.args)), &all); err != nil {
				t.Fatal(err)
			}
			looks := 0
			all[0].Plan.walk(func(p *plan) {
				if p.Relation != "pending" || p.Node == "ModifyTable" {
					return
				}
				// By its primary key it is joined; of owned ones there are few.
				if looks++; !slices.Contains([]string{"pending_id", "pending_event", "pending_owner"}, p.Index) && (p.Index != "pending_pkey" || looks == 1) {
					t.Errorf("%s: %s of pending by %q\n%s", mode, p.Node, p.Index, l.sql)
				}
			})
			if looks == 0 {
				t.Errorf("%s: nothing is looked into\n%s", mode, l.sql)
			}
			do("ROLLBACK")
		}
	}
}
