package postgres

import (
	"cmp"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop/internal/testpostgres"
)

// statement is SQL that the package's code runs.
type statement struct {
	where string // file and line
	sql   string
}

// statements are those that the code has as constants, from the source.
func statements(t *testing.T) []statement {
	t.Helper()
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var sources []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, f)
	}
	consts := map[string]ast.Expr{}
	for _, f := range sources {
		ast.Inspect(f, func(n ast.Node) bool {
			if g, ok := n.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					v := spec.(*ast.ValueSpec)
					for i, name := range v.Names {
						if i < len(v.Values) {
							consts[name.Name] = v.Values[i]
						}
					}
				}
			}
			return true
		})
	}
	var value func(e ast.Expr) (string, bool)
	value = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.ParenExpr:
			return value(e.X)
		case *ast.BasicLit:
			if e.Kind != token.STRING {
				return "", false
			}
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		case *ast.Ident:
			if of, ok := consts[e.Name]; ok {
				return value(of)
			}
		case *ast.BinaryExpr:
			x, ok := value(e.X)
			y, also := value(e.Y)
			return x + y, ok && also && e.Op == token.ADD
		}
		return "", false
	}
	// A constant that only others are made of is no statement.
	seen := map[string]statement{}
	for _, f := range sources {
		ast.Inspect(f, func(n ast.Node) bool {
			if g, ok := n.(*ast.GenDecl); ok && g.Tok == token.CONST {
				return false
			}
			if _, ok := n.(*ast.SelectorExpr); ok {
				return false // a method's name is no constant's
			}
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			sql, ok := value(e)
			if ok && isStatement.MatchString(sql) {
				if _, is := seen[sql]; !is {
					seen[sql] = statement{files.Position(e.Pos()).String(), sql}
				}
			}
			return !ok
		})
	}
	return slices.SortedFunc(maps.Values(seen), func(a, b statement) int { return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.sql, b.sql)) })
}

var isStatement = regexp.MustCompile(`(?s)^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b.*\bbellhop\.`)

// migrated gives a connection to a database that has the newest schema.
func migrated(t *testing.T) *pgx.Conn {
	t.Helper()
	url := testpostgres.Database(t)
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// TestStatementsAreSQL has PostgreSQL read every statement that the code has as a constant.
func TestStatementsAreSQL(t *testing.T) {
	c := migrated(t)
	// These are only there while a move fills the database.
	if _, err := c.PgConn().Exec(t.Context(), beginMove).ReadAll(); err != nil {
		t.Fatal(err)
	}
	list := statements(t)
	for _, s := range list {
		if _, err := c.Prepare(t.Context(), "", s.sql); err != nil {
			t.Errorf("%s: %v\n%s", s.where, err, s.sql)
		}
	}
	if len(list) < 20 {
		t.Errorf("only %d statements were found", len(list))
	}
}

// settings are the tables that are no part of the flow: configuration and bookkeeping, which
// a database that is spread by app has on every machine, or on one. Every other table has
// the app.
var settings = []string{
	"apps", "audit", "backlog", "buckets", "clock_mark", "days", "endpoints", "event_types", "feed", "history", "hold", "inbox_requests", "inboxes", "installation", "key_uses", "keys", "listen_answers", "nodes",
	"notice_settings", "notices", "outbox_progress_0", "outbox_progress_1", "outbox_slot", "releases", "reorders", "replies", "reply_claims", "rolled", "starting", "rolling", "token_claims", "tokens", "told", "unsubscribed", "versions", "vitals",
}

// TestEveryTableOfTheFlowIsSpreadByApp reads the catalog: every table of the flow has the
// app, and every unique key of one contains it.
func TestEveryTableOfTheFlowIsSpreadByApp(t *testing.T) {
	c := migrated(t)
	tables := flowTables(t, c)
	if len(tables) < 10 {
		t.Fatalf("only %v are tables of the flow", tables)
	}
	rows, err := c.Query(t.Context(), `SELECT c.relname::text, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'app' AND a.attnotnull),
			coalesce((SELECT string_agg(i.indexrelid::regclass::text, ', ') FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND NOT EXISTS (
				SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'app' AND a.attnum = ANY(i.indkey::smallint[]))), '')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'bellhop' AND c.relname = ANY($1)`, tables)
	if err != nil {
		t.Fatal(err)
	}
	var table, without string
	var has bool
	_, err = pgx.ForEachRow(rows, []any{&table, &has, &without}, func() error {
		if !has {
			t.Errorf("%s has no app that is NOT NULL: add it, or name the table among the settings", table)
		}
		if without != "" {
			t.Errorf("%s has unique keys without the app: %s", table, without)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// flowTables are the tables and views of the flow, without partitions.
func flowTables(t *testing.T, c *pgx.Conn) []string {
	t.Helper()
	rows, err := c.Query(t.Context(), `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'bellhop' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relname = ANY($1) ORDER BY 1`, settings)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// across marks statements that are about all apps.
const across = "/* all apps */"

var (
	// namesApp finds an app that the caller names, or those of a list of its.
	namesApp = regexp.MustCompile(`\bapp\s*(=|>)\s*(ANY\s*\(\s*)?\$\d`)
	givesApp = regexp.MustCompile(`\.app\s*=\s*\w+\.app\b`)
	listsApp = regexp.MustCompile(`unnest\([^)]*::text\[\][^)]*\)\s+(WITH ORDINALITY\s+)?(AS\s+)?\w+\s*\([^)]*\bapp\b`)
	// betweenApps finds a range of rows of each app of such a list.
	betweenApps = regexp.MustCompile(`(?s)\.app, \w+\.id\) >=? \(\w+\.app,.*\.app, \w+\.id\) <=? \(\w+\.app,`)
	addsApp     = regexp.MustCompile(`INSERT INTO bellhop\.\w+\s+(AS \w+\s+)?\([^)]*\bapp\b`)
)

// namesItsApp tells whether a statement is about an app that it names, or some.
func namesItsApp(sql string) bool {
	return namesApp.MatchString(sql) || addsApp.MatchString(sql) || (givesApp.MatchString(sql) || betweenApps.MatchString(sql)) && listsApp.MatchString(sql)
}

// AppRule is that a statement of the flow that could cross from app to app says so.
type AppRule struct {
	ofFlow *regexp.Regexp
	mu     sync.Mutex
	// seen are the statements of the flow that were checked.
	seen map[string]bool
}

// NewAppRule takes the tables of the flow from the schema.
func NewAppRule(t *testing.T) *AppRule {
	t.Helper()
	tables := append(flowTables(t, migrated(t)), "fresh", "waiting_now")
	return &AppRule{ofFlow: regexp.MustCompile(`\bbellhop\.(` + strings.Join(tables, "|") + `)\b`), seen: map[string]bool{}}
}

// Check fails if a statement is against the rule. where says whose it is.
func (r *AppRule) Check(t *testing.T, where, sql string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[sql] || !isStatement.MatchString(sql) {
		return
	}
	if !r.ofFlow.MatchString(sql) {
		if strings.Contains(sql, across) {
			t.Errorf("%s is no statement of the flow, but marked as one:\n%s", where, sql)
		}
		return
	}
	r.seen[sql] = true
	if !namesItsApp(sql) && !strings.Contains(sql, across) {
		t.Errorf("%s does not name the app; where it is about all apps, mark it %s:\n%s", where, across, sql)
	}
}

// Seen is how many statements of the flow were checked.
func (r *AppRule) Seen() int { return len(r.seen) }

// Texts gathers the statements that stores run, each once. It is a tracer of theirs.
type Texts struct {
	mu  sync.Mutex
	all map[string]bool
}

func (x *Texts) add(sql string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.all == nil {
		x.all = map[string]bool{}
	}
	x.all[sql] = true
}

// All gives them.
func (x *Texts) All() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Sorted(maps.Keys(x.all))
}

func (x *Texts) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	x.add(q.SQL)
	return ctx
}

func (x *Texts) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (x *Texts) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		x.add(q.SQL)
	}
	return ctx
}

func (x *Texts) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (x *Texts) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TestEveryStatementOfTheFlowNamesItsApp reads the statements that the code has as constants.
// Those that are put together as they run are seen by TestStore and
// TestPlansFollowFromTheirShape.
func TestEveryStatementOfTheFlowNamesItsApp(t *testing.T) {
	rule := NewAppRule(t)
	for _, s := range statements(t) {
		rule.Check(t, s.where, s.sql)
	}
	if n := rule.Seen(); n < 15 {
		t.Errorf("only %d statements of the flow were found", n)
	}
}

// TestAStatementThatCrossesIsFound: the test above must be able to fail.
func TestAStatementThatCrossesIsFound(t *testing.T) {
	for sql, names := range map[string]bool{
		"SELECT 1 FROM bellhop.pending WHERE app = $1 AND id = $2": true,
		"SELECT 1 FROM bellhop.pending p WHERE p.app = ANY($1)":    true,
		"SELECT 1 FROM bellhop.pending WHERE id = $1":              false,
		"SELECT 1 FROM unnest($1::text[]) AS s (app) CROSS JOIN LATERAL (SELECT 1 FROM bellhop.events e WHERE (e.app, e.id) >= (s.app, $2) AND (e.app, e.id) < (s.app, $3)) x": true,
		"SELECT 1 FROM unnest($1::text[]) AS s (app) CROSS JOIN LATERAL (SELECT 1 FROM bellhop.events e WHERE (e.app, e.id) >= (s.app, $2)) x":                                 false,
		"DELETE FROM bellhop.pending p USING x WHERE p.app = x.app":                                                                  false,
		"INSERT INTO bellhop.reactions (attempt, app) VALUES ($1, $2)":                                                               true,
		"INSERT INTO bellhop.reactions (attempt) VALUES ($1)":                                                                        false,
		"UPDATE bellhop.pending p SET due = 1 FROM unnest($1::text[], $2::bigint[]) r (app, id) WHERE p.app = r.app AND p.id = r.id": true,
	} {
		if got := namesItsApp(sql); got != names {
			t.Errorf("%q: names the app: %v, want %v", sql, got, names)
		}
	}
}
