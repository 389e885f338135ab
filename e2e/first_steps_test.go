package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/testport"
)

// A new user's first quarter of an hour: an empty folder, one command, an app, two
// receivers that speak different dialects, one of which is down at first.
func TestFirstSteps(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := newServer(t, "--dev")
	s.db = "bellhop.db" // as by default: in the folder where it is started
	s.start()
	s.app("harbour")
	sale := sample(t, "showpass-invoice-purchase")

	up := newReceiver(t, answers(http.StatusOK))
	down := testport.Reserve(t)
	tickets := s.endpoint("harbour", up.URL+"/tickets", func(c *bellhop.EndpointChange) {
		c.Dialect = bellhop.Of("showpass")
		c.Events = bellhop.Of([]string{"invoice.*"})
	})
	books := s.endpoint("harbour", "http://"+down+"/books", func(c *bellhop.EndpointChange) {
		c.Retry = delays(200*time.Millisecond, 200*time.Millisecond, time.Second, time.Second, time.Second, time.Second, time.Second)
	})
	receipt := s.publish("harbour", "invoice.purchase", sale)
	if receipt.Deliveries != 2 || receipt.Duplicate {
		t.Errorf("receipt %+v", receipt)
	}

	first := up.wait(t, 1)[0]
	first.verify(t, "showpass", tickets.Secret)
	first.carries(t, sale)

	failed := s.attempts(receipt.ID, books.ID, 1)[0]
	if failed.Status != bellhop.AttemptFailed || failed.Reason != "connect" || failed.Final || failed.NextAt.IsZero() || !strings.Contains(failed.Detail, down) {
		t.Errorf("the attempt at a closed port: %+v", failed)
	}
	if x := s.explain(receipt.ID, books.ID); x.Outcome != bellhop.FateRetrying || !strings.Contains(x.Detail, "could not connect") {
		t.Errorf("explanation %+v", x)
	}

	late := newReceiverAt(t, down, answers(http.StatusNoContent))
	got := late.wait(t, 1)[0]
	got.verify(t, "standard", books.Secret)
	got.carries(t, sale)
	if id := got.header.Get("webhook-id"); id != receipt.ID.String() {
		t.Errorf("webhook-id %q, event %s", id, receipt.ID)
	}
	s.waitDone(books.ID)
	log := s.attempts(receipt.ID, books.ID, 2)
	last := log[len(log)-1]
	if last.Status != bellhop.AttemptSucceeded || !last.Final || last.ResponseStatus != http.StatusNoContent || last.Number != len(log) {
		t.Errorf("the last attempt: %+v", last)
	}
	if x := s.explain(receipt.ID, books.ID); x.Outcome != bellhop.FateSucceeded || x.Attempts != len(log) {
		t.Errorf("explanation %+v", x)
	}
	event, err := s.api.Event(t.Context(), receipt.ID)
	if err != nil || string(event.Data) != sale {
		t.Errorf("the event reads back as %s, %v", event.Data, err)
	}
	for _, file := range []string{"bellhop.db", "bellhop.db.key"} {
		info, err := os.Stat(s.dir + "/" + file)
		if err != nil {
			t.Error(err)
		} else if file == "bellhop.db.key" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", file, info.Mode())
		}
	}
	// The key is printed at the first start only: for a shell, and for a browser.
	s.restart()
	if n := strings.Count(s.output.String(), s.key); n != 2 {
		t.Errorf("the admin key was printed %d times", n)
	}
}

// The sample payloads arrive byte for byte in every dialect, signed as its
// receivers check it, and a changed body is noticed.
func TestEveryDialect(t *testing.T) {
	ofAFile(t)
	t.Parallel()
	s := serve(t)
	s.app("A1")
	samples := map[string]string{
		"invoice.purchase":          "showpass-invoice-purchase",
		"ticket.created":            "allthings-ticket-created",
		"ticket.updated":            "allthings-ticket-updated",
		"booking.accepted":          "allthings-booking-accepted",
		"registration-code.created": "allthings-registration-code-created",
	}
	type door struct {
		receiver *receiver
		endpoint client.NewEndpoint
		def      dialect.Definition
		verified int // requests of the endpoint's verification, which come first
	}
	var doors []door
	for _, def := range dialect.Builtin() {
		d := door{receiver: newReceiver(t, answers(http.StatusOK)), def: def}
		d.endpoint = s.endpoint("A1", d.receiver.URL, func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of(def.Name) })
		d.verified = d.receiver.count()
		if want := def.Verification.Required; (d.verified == 1) != want || d.verified > 1 {
			t.Errorf("%s: %d requests at creation", def.Name, d.verified)
		}
		doors = append(doors, d)
	}
	for kind, name := range samples {
		data := sample(t, name)
		s.publishAs(client.Publication{App: "A1", Type: kind, Subject: "ticket:damage-report:42", Data: bellhop.JSON(data)})
	}
	for _, d := range doors {
		t.Run(d.def.Name, func(t *testing.T) {
			requests := d.receiver.wait(t, d.verified+len(samples))[d.verified:]
			seen := 0
			for kind, name := range samples {
				data := sample(t, name)
				for _, q := range requests {
					if !bytes.Contains(q.body, []byte(data)) {
						continue
					}
					seen++
					if (d.def.Body == "" || d.def.Body == "${data}") && string(q.body) != data {
						t.Errorf("%s: the body is not the data:\n%s", kind, q.body)
					}
					q.verify(t, d.def.Name, d.endpoint.Secret)
					checkAsReceiver(t, d.def.Name, d.endpoint.Secret, q)
					changed := bytes.Replace(q.body, []byte(`"id"`), []byte(`"iD"`), 1)
					if err := dialect.Verify(d.def.Name, q.header, changed, d.endpoint.Secret); err == nil {
						t.Errorf("%s: a changed body was accepted", kind)
					}
				}
			}
			if seen != len(samples) || len(requests) != len(samples) {
				t.Errorf("%d of %d samples arrived byte for byte, in %d requests", seen, len(samples), len(requests))
			}
		})
	}
}

// checkAsReceiver is the check that receivers of a dialect run, written without
// the code under test.
func checkAsReceiver(t *testing.T, name, secret string, q request) {
	t.Helper()
	switch name {
	case "standard", "cloudevents", "cloudevents-binary", "raw", "svix":
		header := q.header.Clone()
		for _, part := range []string{"id", "timestamp", "signature"} {
			if v := q.header.Get("svix-" + part); v != "" {
				header.Set("webhook-"+part, v)
			}
		}
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify(q.body, header); err != nil {
			t.Errorf("%s: the official library: %v", name, err)
		}
	case "showpass":
		var body struct {
			ID   string          `json:"id"`
			UUID string          `json:"webhook_event_uuid"`
			Type string          `json:"event_type"`
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(q.body, &body); err != nil || body.ID == "" || len(body.UUID) != 36 {
			t.Errorf("showpass body %s: %v", q.body, err)
		}
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(body.ID))
		if want := hex.EncodeToString(mac.Sum(nil)); q.header.Get("X-SHOWPASS-SIGNATURE") != want {
			t.Errorf("showpass signature %q, want %q", q.header.Get("X-SHOWPASS-SIGNATURE"), want)
		}
	case "allthings":
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(q.body)
		if want := hex.EncodeToString(mac.Sum(nil)); q.header.Get("x-allthings-signature") != want {
			t.Errorf("allthings signature %q, want %q", q.header.Get("x-allthings-signature"), want)
		}
		var body struct {
			Event struct {
				URN string `json:"urn"`
			} `json:"event"`
			Timestamp int64 `json:"timestamp"`
		}
		if err := json.Unmarshal(q.body, &body); err != nil || body.Event.URN != "urn:allthings:app:A1:ticket:damage-report:42" {
			t.Errorf("allthings body %s: %v", q.body, err)
		}
		if q.header.Get("x-allthings-signature-timestamp") != fmt.Sprint(body.Timestamp) {
			t.Errorf("allthings timestamp %q, %d in the body", q.header.Get("x-allthings-signature-timestamp"), body.Timestamp)
		}
		if age := q.at.Sub(time.UnixMilli(body.Timestamp)); age < 0 || age > 2*time.Minute {
			t.Errorf("allthings: the request is %s old", age)
		}
	}
}
