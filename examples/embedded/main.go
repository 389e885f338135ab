// Command embedded is a shop that has Bellhop inside: one process with the shop's own
// page, Bellhop's API below /webhooks/, and an event for each order, which is stored with
// the order or not at all.
//
//	embedded --database shop.db
//	embedded --database postgres://localhost/shop
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/native"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/postgres"
	"github.com/bellhop/bellhop/source/outbox"
	"github.com/bellhop/bellhop/source/outbox/outboxpgx"
	"github.com/bellhop/bellhop/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	database := flag.String("database", "shop.db", "a file, or the URL of a PostgreSQL database")
	listen := flag.String("listen", "127.0.0.1:8430", "where to listen")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err == nil {
		err = run(ctx, *database, l, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run is the whole program, until ctx ends.
func run(ctx context.Context, database string, l net.Listener, out io.Writer) (err error) {
	base := "http://" + l.Addr().String()

	// A real program reads this from where it keeps its secrets: whoever has it can read
	// the endpoints' secrets in the database, and without it nobody can.
	sealer, err := bellhop.NewSealer([]byte("32 bytes that come from a secret"))
	if err != nil {
		return err
	}
	shop, err := open(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()

	e, err := engine.New(ctx, shop.store, engine.Config{Sealer: sealer, Dev: true}) // Dev: receivers on this machine
	if err != nil {
		return err
	}
	d := desk.New(e, desk.Options{})
	shop.engine = e
	if err := firstStart(ctx, d, out); err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", shop.order)
	mux.Handle("/webhooks/", http.StripPrefix("/webhooks", native.Handler(d, native.Options{
		Options: api.Options{PublicURL: base + "/webhooks"}, Stop: ctx.Done(),
	})))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	delivering, serving := make(chan error, 1), make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() { delivering <- e.Run(running) }()
	go func() { serving <- server.Serve(l) }()
	fmt.Fprintf(out, "the shop is at %s, the webhooks' API at %s/webhooks/docs\n", base, base)

	select {
	case <-ctx.Done():
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = server.Shutdown(closing) // first nobody publishes any more, then what is in flight finishes
	case err = <-serving:
	}
	stop()
	return errors.Join(err, <-delivering)
}

// firstStart makes what the shop and its operator need.
func firstStart(ctx context.Context, d *desk.Desk, out io.Writer) error {
	me := bellhop.Owner()
	if _, _, err := d.PutApp(ctx, me, "acme", desk.AppChange{}); err != nil {
		return err
	}
	keys, err := d.Keys(ctx, me, desk.KeyFilter{Limit: 1})
	if err != nil || len(keys) > 0 {
		return err
	}
	_, token, err := d.CreateKey(ctx, me, bellhop.KeyRequest{Name: "shop", Role: bellhop.RoleAdmin})
	fmt.Fprintln(out, "the API's key, shown this once:", token)
	return err
}

// shop sells, and tells of it.
type shop struct {
	store  bellhop.Store
	engine *engine.Engine
	// sell stores an order and its event in one transaction.
	sell  func(ctx context.Context, order string, event outbox.Event) error
	close func() error
}

func (s *shop) order(w http.ResponseWriter, r *http.Request) {
	order := r.FormValue("order")
	err := s.sell(r.Context(), order, outbox.Event{
		App: "acme", Type: "order.placed", Subject: "order:" + order, ID: "order-" + order, Data: fmt.Appendf(nil, `{"order":%q}`, order),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func open(ctx context.Context, database string) (*shop, error) {
	if strings.HasPrefix(database, "postgres://") {
		return openPostgres(ctx, database)
	}
	return openSQLite(ctx, database)
}

// openSQLite keeps orders in Bellhop's own file, and publishes in Bellhop's own
// transactions: what cannot be accepted is an error of the order.
func openSQLite(ctx context.Context, file string) (*shop, error) {
	store, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	s := &shop{store: store, close: store.Close}
	err = store.Transact(ctx, func(tx *sqlite.Tx) error {
		return sqlitex.Execute(tx.Conn(), "CREATE TABLE IF NOT EXISTS shop_orders (id TEXT PRIMARY KEY)", nil)
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s.sell = func(ctx context.Context, order string, event outbox.Event) error {
		return store.Transact(ctx, func(tx *sqlite.Tx) error {
			err := sqlitex.Execute(tx.Conn(), "INSERT INTO shop_orders (id) VALUES (?)", &sqlitex.ExecOptions{Args: []any{order}})
			if err == nil {
				_, err = s.engine.PublishIn(ctx, tx, engine.Publication{
					App: event.App, Type: event.Type, Subject: event.Subject, ExternalID: event.ID, Data: bellhop.JSON(event.Data),
				})
			}
			return err
		})
	}
	return s, nil
}

// openPostgres has connections of its own to the database, and publishes by the outbox:
// the engine that takes it may run here or elsewhere.
func openPostgres(ctx context.Context, url string) (*shop, error) {
	store, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, url)
	if err == nil {
		_, err = pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS shop_orders (id text PRIMARY KEY)")
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s := &shop{store: store, close: func() error { pool.Close(); return store.Close() }}
	s.sell = func(ctx context.Context, order string, event outbox.Event) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO shop_orders (id) VALUES ($1)", order); err != nil {
				return err
			}
			return outboxpgx.Publish(ctx, tx, event)
		})
	}
	return s, nil
}
