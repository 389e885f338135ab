package dialect_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// A receiver reads the body, verifies it as it arrived, and only then parses it.
func Example_receiver() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

	receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err := dialect.Verify("standard", r.Header, body, secret); err != nil {
			var refused *dialect.VerifyError
			if errors.As(err, &refused) {
				fmt.Println("refused:", refused.Code)
			}
			http.Error(w, "not signed by us", http.StatusUnauthorized)
			return
		}
		fmt.Printf("accepted: %s\n", body)
		w.WriteHeader(http.StatusNoContent)
	})

	// What a sender does.
	d, err := dialect.Lookup("standard")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := d.NewSigner([]string{secret})
	if err != nil {
		log.Fatal(err)
	}
	request, err := signer.Render(dialect.Message{
		ID:        "evt_01k2ex8m4v",
		Type:      "ticket.created",
		Time:      time.Date(2027, 1, 14, 19, 22, 5, 0, time.UTC),
		Data:      []byte(`{"id":"5f2b"}`),
		Timestamp: time.Now(),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, body := range []string{string(request.Body), string(request.Body) + "\n"} {
		r := httptest.NewRequest(http.MethodPost, "/hooks", strings.NewReader(body))
		for _, h := range request.Headers {
			r.Header.Set(h.Name, h.Value)
		}
		receiver.ServeHTTP(httptest.NewRecorder(), r)
	}

	// Output:
	// accepted: {"type":"ticket.created","timestamp":"2027-01-14T19:22:05.000Z","data":{"id":"5f2b"}}
	// refused: changed_body
}
