package webhook_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/bellhop/bellhop/examples/webhook"
)

// A receiver of a platform that speaks Showpass's dialect.
func Example() {
	receiver, err := webhook.New("showpass", os.Getenv("WEBHOOK_SECRET"), func(_ context.Context, e webhook.Event) (any, error) {
		fmt.Println(e.ID, e.Type, string(e.Data))
		return nil, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /hook", receiver)
	log.Fatal(http.ListenAndServe("127.0.0.1:9000", nil))
}
