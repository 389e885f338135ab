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
	"apps", "audit", "backlog", "buckets", "clock_mark", "days", "endpoints", "event_types", "feed", "history", "hold", "inbox_requests", "inboxes", "installation", "key_uses", "keys", "nodes",
	"notice_settings", "notices", "outbox_progress_0", "outbox_progress_1", "outbox_slot", "releases", "reorders", "rolled", "starting", "rolling", "token_claims", "tokens", "told", "unsubscribed", "versions", "vitals",
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
	addsApp  = regexp.MustCompile(`INSERT INTO bellhop\.\w+\s+(AS \w+\s+)?\([^)]*\bapp\b`)
)

// TestEveryStatementOfTheFlowNamesItsApp reads the statements: one that could cross from app
// to app says so.
func TestEveryStatementOfTheFlowNamesItsApp(t *testing.T) {
	tables := append(flowTables(t, migrated(t)), "fresh", "waiting_now")
	ofFlow := regexp.MustCompile(`\bbellhop\.(` + strings.Join(tables, "|") + `)\b`)
	checked := 0
	for _, s := range statements(t) {
		if !ofFlow.MatchString(s.sql) {
			if strings.Contains(s.sql, across) {
				t.Errorf("%s is no statement of the flow, but marked as one:\n%s", s.where, s.sql)
			}
			continue
		}
		checked++
		names := namesApp.MatchString(s.sql) || addsApp.MatchString(s.sql) || givesApp.MatchString(s.sql) && listsApp.MatchString(s.sql)
		if !names && !strings.Contains(s.sql, across) {
			t.Errorf("%s does not name the app; where it is about all apps, mark it %s:\n%s", s.where, across, s.sql)
		}
	}
	if checked < 15 {
		t.Errorf("only %d statements of the flow were found", checked)
	}
}

// TestAStatementThatCrossesIsFound: the test above must be able to fail.
func TestAStatementThatCrossesIsFound(t *testing.T) {
	for sql, names := range map[string]bool{
		"SELECT 1 FROM bellhop.pending WHERE app = $1 AND id = $2":                                                                   true,
		"SELECT 1 FROM bellhop.pending p WHERE p.app = ANY($1)":                                                                      true,
		"SELECT 1 FROM bellhop.pending WHERE id = $1":                                                                                false,
		"DELETE FROM bellhop.pending p USING x WHERE p.app = x.app":                                                                  false,
		"INSERT INTO bellhop.reactions (attempt, app) VALUES ($1, $2)":                                                               true,
		"INSERT INTO bellhop.reactions (attempt) VALUES ($1)":                                                                        false,
		"UPDATE bellhop.pending p SET due = 1 FROM unnest($1::text[], $2::bigint[]) r (app, id) WHERE p.app = r.app AND p.id = r.id": true,
	} {
		got := namesApp.MatchString(sql) || addsApp.MatchString(sql) || givesApp.MatchString(sql) && listsApp.MatchString(sql)
		if got != names {
			t.Errorf("%q: names the app: %v, want %v", sql, got, names)
		}
	}
}
