package backoffice_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/examples/backoffice"
	"github.com/bellhop/bellhop/examples/signed"
)

func open(t *testing.T) (*backoffice.Office, func(id, eventType, data string) int) {
	t.Helper()
	o, err := backoffice.New("sp_secret", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return o, func(id, eventType, data string) int {
		t.Helper()
		status, _, err := signed.Send(o, "showpass", "sp_secret", id, eventType, "", data)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
}

func invoice(transaction, email, gross string, subscribe bool) string {
	return fmt.Sprintf(`{"transaction_id":%q,"customer_name":"N","customer_email":%q,"gross_revenue":%q,"total_tax":"0.05","subscribe_to_venue":%t}`, transaction, email, gross, subscribe)
}

// TestLedgerNets: whatever the order, what is left is what was sold and not given back,
// and a repeat books nothing.
func TestLedgerNets(t *testing.T) {
	o, send := open(t)
	send("evt_1", "invoice.refund", invoice("a", "a@example.com", "10.00", false)) // before its sale
	send("evt_2", "invoice.purchase", invoice("a", "a@example.com", "10.00", true))
	send("evt_3", "invoice.purchase", invoice("b", "b@example.com", "20.10", false))
	send("evt_3", "invoice.purchase", invoice("b", "b@example.com", "20.10", false))
	send("evt_4", "invoice.purchase", invoice("c", "b@example.com", "7.00", true))
	send("evt_5", "invoice.void", invoice("c", "b@example.com", "7.00", true))
	send("evt_6", "invoice.transfer", invoice("b", "b@example.com", "20.10", false))
	b := o.Books()
	if b.Net != 20_15 || b.Open != 1 || len(b.Ledger) != 5 || strings.Join(b.List, " ") != "a@example.com b@example.com" {
		t.Errorf("%+v", b)
	}
	for _, c := range b.Customers {
		if want := map[string]int64{"b@example.com": 20_15}[c.Email]; c.Spent != want {
			t.Errorf("%+v", c)
		}
	}
	if c := o.Count(); c.Taken != 6 || c.Repeats != 1 {
		t.Errorf("%+v", c)
	}
}

func TestSampleInvoice(t *testing.T) {
	sample, err := os.ReadFile("../boxoffice/invoice.json")
	if err != nil {
		t.Fatal(err)
	}
	o, send := open(t)
	if status := send("evt_1", "invoice.purchase", string(sample)); status != 200 || o.Books().Net != 123_90 {
		t.Errorf("%d, %+v", status, o.Books())
	}
	for _, bad := range []string{"1", "1.5", "ten", "", "1.000"} {
		if status := send("evt_bad_"+bad, "invoice.purchase", invoice("x", "x@example.com", bad, false)); status != 422 {
			t.Errorf("%q: %d", bad, status)
		}
	}
	if len(o.Books().Ledger) != 1 {
		t.Errorf("%+v", o.Books())
	}
}
