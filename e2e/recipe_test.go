package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/client"
)

// TestRecipe: set up on the command line, an event that it cannot express is held, and
// goes out once the recipe's fields are changed.
func TestRecipe(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, func(_ *receiver, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	e := fromJSON[client.NewEndpoint](t, s.cli("endpoints", "create", r.URL+"/services/T0/B0/XX", "--app", "acme", "--recipe", "slack",
		"--field", "text=Ticket ${data.number}: ${data.title}", "--events", "ticket.*", "--json"))
	if e.Recipe != "slack" || e.RateLimit == nil || e.RateLimit.PerSecond != 1 || e.Concurrency != 1 {
		t.Errorf("endpoint %+v", e.Endpoint)
	}
	s.publish("acme", "ticket.created", sample(t, "allthings-ticket-created"))
	q := r.wait(t, 1)[0]
	if got := string(q.body); got != `{"text":"Ticket T-10482: Heizung im Bad bleibt kalt"}` || q.header.Get("webhook-signature") != "" {
		t.Errorf("sent %s", q.dump())
	}

	lacks := s.publish("acme", "ticket.updated", sample(t, "allthings-ticket-updated"))
	a := s.attempts(lacks.ID, e.ID, 1)[0]
	if a.Reason != bellhop.ReasonRecipe || !strings.Contains(a.Detail, "needs data.title") || a.Final || !a.NextAt.IsZero() {
		t.Errorf("attempt %+v", a)
	}
	s.cli("endpoints", "update", e.ID.String(), "--field", `text=Ticket ${data.number}: ${data.title ?? "updated"}`)
	if q := r.wait(t, 2)[1]; string(q.body) != `{"text":"Ticket T-10482: updated"}` {
		t.Errorf("sent %s", q.dump())
	}

	// The exact request before saving: of a mail, too.
	mail, err := s.api.PreviewEndpoint(t.Context(), client.PreviewInput{
		Endpoint: wire.EndpointInput{Recipe: bellhop.Of("email"), RecipeFields: bellhop.Of(map[string]string{"from": "house@example.com"})},
	})
	if err != nil || !strings.Contains(mail.Body, "To: <zoe@example.com>") {
		t.Errorf("%+v, %v", mail, err)
	}
}
