// Package foreign looks into the databases of other products, to take over what they have:
// read only, at one moment, and without any of their code.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/manifest"
)

// Import is what was read of another product.
type Import struct {
	Document manifest.Document
	// Lost are sentences about what Bellhop has no counterpart of, and why, each beginning
	// with the object.
	Lost []string
	// Odd are rows that are not as the product writes them, in the order in which they were read.
	Odd []Odd
	// Origin finds what was taken over earlier and is gone.
	Origin manifest.Origin
}

// Odd is a row that cannot be taken over, or not all of it.
type Odd struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Field is what it is taken over without; "" if the whole object is left out.
	Field string `json:"without,omitempty"`
	Why   string `json:"error"`
	// More is how many other parts it is taken over without, which are not listed.
	More int `json:"more,omitempty"`
}

// mostOdd is how many parts of one object are listed.
const mostOdd = 12

// NewImport begins an import from a product.
func NewImport(product string) *Import {
	return &Import{Origin: manifest.Origin{Name: product, Apps: map[string]bool{}, Known: map[string]bool{}, Deleted: map[string]bool{}, Unfit: map[string]string{}, Moved: map[string]string{}, Unread: map[string]bool{}}}
}

// LeaveOut notes an object that cannot be read, and that what was taken over of it earlier, if
// anything, stays as it is.
func (i *Import) LeaveOut(kind, name string, why error) {
	i.Odd = append(i.Odd, Odd{Kind: kind, Name: bellhop.Clip(name), Why: why.Error()})
	i.Origin.Unread[name] = true
}

// GoWithout notes that an object is taken over without a part that cannot be read.
func (i *Import) GoWithout(kind, name, field string, why error) {
	listed := 0
	for n := len(i.Odd) - 1; n >= 0 && i.Odd[n].Kind == kind && i.Odd[n].Name == bellhop.Clip(name); n-- {
		listed++
	}
	if listed >= mostOdd {
		i.Odd[len(i.Odd)-1].More++
		return
	}
	i.Odd = append(i.Odd, Odd{Kind: kind, Name: bellhop.Clip(name), Field: field, Why: why.Error()})
}

// Sift leaves out what cannot be told from another object.
func (i *Import) Sift() {
	for _, twin := range i.Document.Sift() {
		i.LeaveOut(twin.Kind, twin.Name, twin.Err)
	}
}

// mostOlder is how many secrets can be valid here beside the newest.
const mostOlder = 10

// Secrets are those of an endpoint that are taken over: the newest, which is the first, and the ten
// others that end last, of those that the server's dialect can sign with. It notes the rest, and those
// that end sooner here than there.
func (i *Import) Secrets(endpoint string, secrets []manifest.Secret, by *dialect.Dialect) []manifest.Secret {
	newest, older := secrets[:1:1], []manifest.Secret{}
	seen := map[string]bool{newest[0].Secret: true}
	for _, s := range secrets[1:] {
		if seen[s.Secret] {
			continue
		}
		seen[s.Secret] = true
		if by != nil {
			if err := by.CheckSecret(s.Secret); err != nil {
				i.GoWithout("endpoint", endpoint, "an older secret", err)
				continue
			}
		}
		older = append(older, s)
	}
	slices.SortStableFunc(older, func(x, y manifest.Secret) int { return y.ExpiresAt.Compare(x.ExpiresAt) })
	for _, s := range older[min(len(older), mostOlder):] {
		i.GoWithout("endpoint", endpoint, "an older secret", fmt.Errorf("the one valid until %s is one more than the %d that can be valid beside the newest here", s.ExpiresAt.UTC().Format(time.RFC3339), mostOlder))
	}
	secrets = append(newest, older[:min(len(older), mostOlder)]...)
	i.shorten(endpoint, secrets)
	return secrets
}

// Dialect is one of the server's; nil if it has none of this name.
func Dialect(all []dialect.Definition, name string) (*dialect.Dialect, error) {
	for _, definition := range all {
		if definition.Name == name {
			return dialect.Compile(definition)
		}
	}
	return nil, nil
}

// shorten notes which secrets of an endpoint end sooner here than there.
func (i *Import) shorten(endpoint string, secrets []manifest.Secret) {
	latest := time.Now().Add(manifest.LongestGrace)
	for _, s := range secrets {
		if s.ExpiresAt.After(latest) {
			i.Lose("endpoint %s: that an older secret is valid until %s: here it is so for 30 days at most, until %s; have the receiver take the newest one by then",
				endpoint, s.ExpiresAt.Format(time.DateOnly), latest.UTC().Format(time.DateOnly))
		}
	}
}

// Unfit notes that an endpoint cannot be taken over truly, by the former id that it would
// have, and why.
func (i *Import) Unfit(formerID, why string) { i.Origin.Unfit[formerID] = why }

// Lose notes what is not taken over.
func (i *Import) Lose(format string, args ...any) {
	i.Lost = append(i.Lost, fmt.Sprintf(format, args...))
}

// Progress is told how many objects of a kind have been read.
type Progress func(what string, n int)

// connectPatience is how long a database may take to answer.
const connectPatience = 20 * time.Second

// Database is another product's database as it is at one moment.
type Database struct {
	conn    *pgx.Conn
	tx      pgx.Tx
	product string
	columns map[string][]string // by table
}

// Open connects to a database, and begins a transaction that can only read. Tables are those
// of a schema or, where that is "", those that are found without naming one.
func Open(ctx context.Context, product, url, schema string) (*Database, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, fmt.Errorf("the address of %s's database must begin with postgres://", product)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the address of %s's database is not right, write it like postgres://user@host/database: %w", product, err)
	}
	config.ConnectTimeout = connectPatience
	config.RuntimeParams["application_name"] = "bellhop import"
	// A pool in between may hand each transaction to another connection.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s's database: %w", product, err)
	}
	d := &Database{conn: conn, product: product}
	if d.tx, err = conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err == nil {
		err = d.look(ctx, schema)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("read %s's database: %w", product, err)
	}
	return d, nil
}

// look notes which tables and columns there are.
func (d *Database) look(ctx context.Context, schema string) error {
	rows, err := d.tx.Query(ctx, `
		SELECT c.relname::text, a.attname::text
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
		  AND CASE WHEN $1 = '' THEN pg_table_is_visible(c.oid) AND n.nspname NOT IN ('pg_catalog', 'information_schema') ELSE n.nspname = $1 END`, schema)
	if err != nil {
		return err
	}
	d.columns = map[string][]string{}
	var table, column string
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		d.columns[table] = append(d.columns[table], column)
		return nil
	})
	return err
}

// Close ends the transaction and the connection.
func (d *Database) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), connectPatience)
	defer cancel()
	_ = d.conn.Close(ctx) // nothing was written
}

// Has tells whether a table has a column.
func (d *Database) Has(table, column string) bool { return slices.Contains(d.columns[table], column) }

// Need fails, naming what is missing, unless tables have these columns.
func (d *Database) Need(tables map[string][]string) error {
	var missing []string
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		if d.columns[table] == nil {
			missing = append(missing, "the table "+table)
			continue
		}
		for _, column := range tables[table] {
			if !d.Has(table, column) {
				missing = append(missing, "the column "+table+"."+column)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("this is not a database of %s, or of a version that cannot be read: %s is missing. Nothing was changed", d.product, strings.Join(missing, ", "))
	}
	return nil
}

// Column is a column where there is one, and else what stands for it.
func (d *Database) Column(table, alias, column, otherwise string) string {
	if d.Has(table, column) {
		return alias + "." + column
	}
	return otherwise
}

// Each runs a query and calls a function for each row, one after the other: they are not held.
func (d *Database) Each(ctx context.Context, sql string, args []any, row func(Row) error) error {
	rows, err := d.tx.Query(ctx, sql, args...)
	if err != nil {
		return d.failed(err)
	}
	defer rows.Close()
	var r Row
	for rows.Next() {
		if r.columns == nil {
			r.columns = map[string]int{}
			for i, f := range rows.FieldDescriptions() {
				r.columns[f.Name] = i
			}
		}
		r.values = rows.RawValues() // texts: nothing else was asked for
		if err := row(r); err != nil {
			return err
		}
	}
	return d.failed(rows.Err())
}

func (d *Database) failed(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("read %s's database: %w", d.product, err)
}

// Try is Each, but that a query which fails does not end the transaction.
func (d *Database) Try(ctx context.Context, sql string, args []any, row func(Row) error) error {
	if _, err := d.tx.Exec(ctx, "SAVEPOINT bellhop"); err != nil {
		return d.failed(err)
	}
	err := d.Each(ctx, sql, args, row)
	end := "RELEASE bellhop"
	if err != nil {
		end = "ROLLBACK TO bellhop"
	}
	if _, failed := d.tx.Exec(ctx, end); failed != nil && err == nil {
		err = d.failed(failed)
	}
	return err
}
