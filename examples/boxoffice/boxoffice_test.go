package boxoffice_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/examples/boxoffice"
)

// told is what was published.
type told []client.Publication

func (t *told) Publish(_ context.Context, p client.Publication) (client.Receipt, error) {
	*t = append(*t, p)
	return client.Receipt{}, nil
}

func TestEveryChangeIsToldOnce(t *testing.T) {
	var got told
	o := boxoffice.New("hall", &got, time.Now)
	sell := func() string {
		s, err := o.Sell(t.Context(), boxoffice.Order{Name: "Zoë", Email: "zoe@example.com", Quantity: 2, Subscribe: true})
		if err != nil {
			t.Fatal(err)
		}
		return s.Invoice.TransactionID
	}
	a, b, c := sell(), sell(), sell()
	for _, err := range []error{o.Refund(t.Context(), a), o.Void(t.Context(), b), o.Transfer(t.Context(), c, "Amir", "amir@example.com")} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := o.Refund(t.Context(), a); err == nil {
		t.Error("money was given back twice")
	}
	if err := o.Void(t.Context(), "no such"); err == nil {
		t.Error("a sale that never was is void")
	}
	var types []string
	ids := map[string]bool{}
	for _, p := range got {
		types = append(types, strings.TrimPrefix(p.Type, "invoice."))
		ids[p.ID] = true
		var v boxoffice.Invoice
		if err := json.Unmarshal(p.Data, &v); err != nil || p.Subject != "invoice:"+v.TransactionID || v.GrossRevenue != 118_00 || len(v.TicketItems) != 2 {
			t.Errorf("%s of %s: %s, %v", p.Type, p.Subject, p.Data, err)
		}
	}
	if s := strings.Join(types, " "); s != "purchase purchase purchase refund void transfer transferred" || len(ids) != len(got) {
		t.Errorf("told of %s, with %d ids", s, len(ids))
	}
	if s := o.Sales(10); len(s) != 3 || s[0].Status != "transferred" || s[1].Status != "void" || s[2].Status != "refunded" {
		t.Errorf("%+v", s)
	}
	if _, err := o.Sell(t.Context(), boxoffice.Order{Name: "X", Email: "x@example.com", Quantity: 99}); err == nil {
		t.Error("99 tickets were sold")
	}
}

// TestInvoiceReadsTheSample: what the documents show fits into the type, to the cent.
func TestInvoiceReadsTheSample(t *testing.T) {
	b, err := os.ReadFile("invoice.json")
	if err != nil {
		t.Fatal(err)
	}
	var v boxoffice.Invoice
	if err := json.Unmarshal(b, &v); err != nil || v.GrossRevenue != 118_00 || v.ServiceFees != 7_08 || v.CustomerName != "Zoë Łukasz" {
		t.Errorf("%+v, %v", v, err)
	}
	var m boxoffice.Money
	for _, bad := range []string{"1", "1.5", "x.00", ""} {
		if m.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is taken for an amount", bad)
		}
	}
	if m.UnmarshalText([]byte("-0.05")); m != -5 || m.String() != "-0.05" {
		t.Errorf("%d %s", m, m)
	}
}
