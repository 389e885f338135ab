package recipe_test

import (
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/testsmtp"
)

func TestEmail(t *testing.T) {
	h := open(t)
	s, err := testsmtp.Listen("127.0.0.1:0", testsmtp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := h.endpoint("email", s.URL(), nil)
	o := h.sends(r, h.event("email", 1), bellhop.ClassTaken, "")
	golden(t, "email", strings.ReplaceAll(withoutBoundary(string(o.Exchange.RequestBody)), "\r\n", "\n"))
	m, err := s.Messages()[0].Parse()
	if err != nil || m.From != `"Harbour Lights" <tickets@example.com>` || m.To != "<zoe@example.com>" || m.Subject != "Your tickets for Harbour Lights: opening night" ||
		!strings.Contains(m.Text, "2 × Harbour Lights: opening night, Balcony: 118.00 CAD") || !strings.Contains(m.HTML, "<li>2 × Harbour Lights") {
		t.Errorf("%+v, %v", m, err)
	}

	// The general text, to addresses of one's own and of the event, without what is missing.
	plain := h.endpoint("email", s.URL(), nil, func(e *bellhop.Endpoint) {
		e.RecipeFields = map[string]string{"from": "house@example.com", "to": `office@example.com, ${data.tenant.email ?? ""}`}
	})
	h.sends(plain, h.event("slack", 2), bellhop.ClassTaken, "")
	h.sends(plain, h.event("teams", 3), bellhop.ClassTaken, "")
	sent := s.Messages()
	if m, err := sent[1].Parse(); err != nil || len(sent[1].To) != 2 || m.Subject != "ticket.created: ticket:damage-report:5f2b7c1e9a" || !strings.Contains(m.Text, "title: Heizung im Bad bleibt kalt\n") {
		t.Errorf("to %v: %+v, %v", sent[1].To, m, err)
	}
	if len(sent[2].To) != 1 {
		t.Errorf("to %v", sent[2].To)
	}

	// Nobody gets into the headers, or into the page.
	evil := func(e *bellhop.Event) {
		e.Data = bellhop.JSON(`{"customer_email":"a@example.com","customer_name":"<script>x</script>","invoice_items":[],
			"ticket_items":[{"event_name":"x\r\nBcc: evil@example.com\r\n\r\nbody"}]}`)
	}
	h.sends(r, h.event("email", 4, evil), bellhop.ClassTaken, "")
	sent = s.Messages()
	m, err = sent[3].Parse()
	if err != nil || len(sent[3].To) != 1 || m.Header.Get("Bcc") != "" || m.Subject != "Your tickets for x Bcc: evil@example.com body" || strings.Contains(m.HTML, "<script>") {
		t.Errorf("to %v: %+v, %v", sent[3].To, m, err)
	}
	for _, address := range []string{`a@example.com, b@example.com`, `a@example.com\r\nBcc: b@example.com`, `\"x\" <a@example.com>`, `nobody`} {
		h.sends(r, h.event("email", 5, func(e *bellhop.Event) {
			e.Data = bellhop.JSON(`{"customer_email":"` + address + `","customer_name":"x","ticket_items":[{"event_name":"x"}]}`)
		}), bellhop.ClassHeld, "no e-mail address")
	}
	h.sends(r, h.event("email", 6, func(e *bellhop.Event) {
		e.Data = bellhop.JSON(`{"customer_name":"x","ticket_items":[{"event_name":"x"}]}`)
	}), bellhop.ClassHeld, "data.customer_email, which is not there")
	if n := len(s.Messages()); n != 4 {
		t.Errorf("%d mails", n)
	}
}

// withoutBoundary takes out what tells the parts of a mail apart.
func withoutBoundary(text string) string {
	_, after, ok := strings.Cut(text, "boundary=")
	if !ok {
		return text
	}
	boundary := strings.Trim(strings.FieldsFunc(after, func(r rune) bool { return r == '\r' || r == ';' })[0], `"`)
	return strings.ReplaceAll(text, boundary, "boundary")
}
