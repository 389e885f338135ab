package engine_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/desk"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/memstore"
)

// A program can run the engine in its own process. This one keeps everything in
// memory; with sqlite.Open in place of memstore.New it is durable.
func Example() {
	arrived := make(chan string)
	var secret string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = dialect.Verify("standard", r.Header, body, secret)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		arrived <- "verified"
	}))
	defer receiver.Close()

	sealer, err := bellhop.NewSealer([]byte("32 bytes that come from a secret"))
	if err != nil {
		panic(err)
	}
	store := memstore.New()
	defer store.Close()
	ctx, stop := context.WithCancel(context.Background())
	quiet := slog.New(slog.DiscardHandler)
	e, err := engine.New(ctx, store, engine.Config{Sealer: sealer, Dev: true, Logger: quiet})
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()

	me, d := bellhop.Owner(), desk.New(e, desk.Options{Logger: quiet})
	if _, err := d.CreateApp(ctx, me, "acme", desk.AppChange{}); err != nil {
		panic(err)
	}
	_, secret, err = d.CreateEndpoint(ctx, me, bellhop.EndpointChange{
		Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(receiver.URL), Events: bellhop.Of([]string{"invoice.*"}),
	})
	if err != nil {
		panic(err)
	}
	receipt, err := e.Publish(ctx, engine.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(`{"total":"118.00"}`)})
	if err != nil {
		panic(err)
	}
	fmt.Println("bound for", receipt.Deliveries, "endpoint;", <-arrived)
	stop()
	if err := <-done; err != nil {
		panic(err)
	}
	// Output: bound for 1 endpoint; verified
}

// What a program stores and what it publishes can be one transaction: then neither is
// ever there without the other. Here the store is in memory; that of package sqlite has
// a Transact, too, in which the program writes to its own tables.
func ExampleEngine_PublishIn() {
	sealer, err := bellhop.NewSealer([]byte("32 bytes that come from a secret"))
	if err != nil {
		panic(err)
	}
	store := memstore.New()
	defer store.Close()
	ctx, stop := context.WithCancel(context.Background())
	quiet := slog.New(slog.DiscardHandler)
	e, err := engine.New(ctx, store, engine.Config{Sealer: sealer, Logger: quiet})
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	if _, err := desk.New(e, desk.Options{Logger: quiet}).CreateApp(ctx, bellhop.Owner(), "acme", desk.AppChange{}); err != nil {
		panic(err)
	}

	order := engine.Publication{App: "acme", Type: "order.placed", Data: bellhop.JSON(`{"order":118}`)}
	place := func(soldOut bool) error {
		return store.Transact(ctx, func(tx *memstore.Tx) error {
			if _, err := e.PublishIn(ctx, tx, order); err != nil {
				return err
			}
			if soldOut {
				return fmt.Errorf("sold out: roll back")
			}
			return nil
		})
	}
	fmt.Println(place(true))
	fmt.Println(place(false))

	events, err := store.Events(ctx, bellhop.EventFilter{Scope: bellhop.Everything(), Limit: 10})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(events), "event:", events[0].Type)
	stop()
	if err := <-done; err != nil {
		panic(err)
	}
	// Output:
	// sold out: roll back
	// <nil>
	// 1 event: order.placed
}
