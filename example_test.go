package bellhop_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
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
	b, err := bellhop.New(ctx, store, bellhop.Config{Sealer: sealer, Dev: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()

	if _, _, err := b.SaveApp(ctx, "me", bellhop.App{ID: "acme"}); err != nil {
		panic(err)
	}
	_, secret, err = b.CreateEndpoint(ctx, "me", bellhop.EndpointChange{
		Apps: bellhop.Of([]string{"acme"}), URL: bellhop.Of(receiver.URL), Events: bellhop.Of([]string{"invoice.*"}),
	})
	if err != nil {
		panic(err)
	}
	receipt, err := b.Publish(ctx, bellhop.Publication{App: "acme", Type: "invoice.purchase", Data: bellhop.JSON(`{"total":"118.00"}`)})
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
