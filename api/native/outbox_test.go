package native

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/memstore"
)

// What programs publish in transactions of their own, and cannot be accepted, is shown to
// the operator with the reason, and can be published once that is mended.
func TestRefusedInTheOutbox(t *testing.T) {
	store := memstore.New()
	s := open(t, setup{store: func(bellhop.Store) bellhop.Store { return store }})
	tx := store.OutboxTx()
	for i := range 3 {
		tx.Publish(bellhop.OutboxEntry{App: "hooli", Type: "order.paid", Subject: "order:1", ExternalID: fmt.Sprint(i), Data: bellhop.JSON(`{ "n": 1 }`)})
	}
	tx.Publish(bellhop.OutboxEntry{App: "acme", Type: "order.paid", Data: bellhop.JSON("broken")})
	tx.Commit()

	var page struct {
		Data []struct {
			ID     int64
			App    string
			Code   string
			Data   string
			Errors []bellhop.FieldError
		}
		NextCursor string `json:"next_cursor"`
	}
	for deadline := time.Now().Add(10 * time.Second); page.NextCursor == "" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s.do(s.admin, "GET", "/v1/outbox/refused?limit=3", "").into(t, &page)
	}
	if len(page.Data) != 3 || page.Data[0].App != "acme" || page.Data[1].Code != "unknown_app" || page.Data[1].Data != "" || page.NextCursor == "" {
		t.Fatalf("refused: %+v", page)
	}
	if e := page.Data[0].Errors; len(e) != 1 || e[0].Field != "data" {
		t.Errorf("the reason: %+v", e)
	}
	one := fmt.Sprintf("/v1/outbox/refused/%d", page.Data[1].ID)
	if r := s.do(s.admin, "GET", one, ""); r.status != 200 || !strings.Contains(string(r.body), `"data":"{ \"n\": 1 }"`) {
		t.Errorf("GET one: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "POST", one+"/retry", ""); r.status != 422 || r.problem(t).Code != bellhop.CodeUnknownApp {
		t.Errorf("retry: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "PUT", "/v1/apps/hooli", "{}"); r.status != 201 {
		t.Fatalf("PUT app: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "POST", one+"/retry", ""); r.status != 202 || !strings.Contains(string(r.body), `"id":"evt_`) {
		t.Errorf("retry: %d %s", r.status, r.body)
	}
	for _, path := range []string{one, one + "/retry", "/v1/outbox/refused/x", "/v1/outbox/refused/0"} {
		method := "GET"
		if strings.HasSuffix(path, "/retry") {
			method = "POST"
		}
		if r := s.do(s.admin, method, path, ""); r.status != 404 {
			t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
		}
	}
	if r := s.do(s.admin, "DELETE", fmt.Sprintf("/v1/outbox/refused/%d", page.Data[2].ID), ""); r.status != 204 {
		t.Errorf("DELETE one: %d %s", r.status, r.body)
	}
	if r := s.do(s.admin, "DELETE", "/v1/outbox/refused?app=hooli", ""); r.status != 200 || strings.TrimSpace(string(r.body)) != `{"forgotten":1}` {
		t.Errorf("DELETE of an app: %d %s", r.status, r.body)
	}
	s.do(s.admin, "GET", "/v1/outbox/refused", "").into(t, &page)
	if len(page.Data) != 1 || page.Data[0].App != "acme" {
		t.Errorf("left: %+v", page)
	}
}
