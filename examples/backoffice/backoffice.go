// Package backoffice is a sample receiver: the office behind a box office. From invoices
// it keeps customers, a ledger in which refunds and voids are netted, and a mailing list
// of those who asked for it.
package backoffice

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/webhook"
)

// Customer is a record of the CRM.
type Customer struct {
	Name, Email string
	Orders      int
	// Spent is what they bought less what they got back, in cents.
	Spent int64
	Last  time.Time
}

// Entry is a line of the ledger.
type Entry struct {
	At                    time.Time
	Transaction, Kind, By string
	// UUID is the webhook_event_uuid by which it came.
	UUID string
	// Amount is in cents: above zero for sales, below for what was given back.
	Amount int64
}

// Office keeps the books. It is safe for concurrent use.
type Office struct {
	*webhook.Receiver
	now func() time.Time

	mu        sync.Mutex
	customers map[string]*Customer // by e-mail
	ledger    []Entry              // newest last
	net       int64                // of all entries, those that were forgotten included
	open      map[string]int64     // by transaction: what is left of it
	list      []string             // the mailing list, in the order of joining
}

const maxEntries = 500

// New takes what is signed with secret.
func New(secret string, now func() time.Time) (*Office, error) {
	o := &Office{now: now, customers: map[string]*Customer{}, open: map[string]int64{}}
	r, err := webhook.New("showpass", secret, o.handle)
	o.Receiver = r
	return o, err
}

type invoice struct {
	Transaction string `json:"transaction_id"`
	Name        string `json:"customer_name"`
	Email       string `json:"customer_email"`
	Gross       string `json:"gross_revenue"`
	Tax         string `json:"total_tax"`
	Subscribe   bool   `json:"subscribe_to_venue"`
}

func (o *Office) handle(_ context.Context, e webhook.Event) (any, error) {
	var v invoice
	if err := json.Unmarshal(e.Data, &v); err != nil {
		return nil, webhook.Refuse("read the invoice: %w", err)
	}
	gross, err := cents(v.Gross)
	if err != nil {
		return nil, webhook.Refuse("gross_revenue: %w", err)
	}
	tax, err := cents(v.Tax)
	if err != nil {
		return nil, webhook.Refuse("total_tax: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.customer(v)
	switch e.Type {
	case "invoice.purchase":
		c.Orders++
		o.book(c, v, e.ID, "sale", gross+tax)
		if v.Subscribe && !slices.Contains(o.list, v.Email) {
			o.list = append(o.list, v.Email)
		}
	case "invoice.refund":
		o.book(c, v, e.ID, "refund", -(gross + tax))
	case "invoice.void":
		o.book(c, v, e.ID, "void", -(gross + tax))
	case "invoice.transfer", "invoice.transferred": // no money moves
	default:
		return nil, webhook.Refuse("the back office knows no events of type %s", e.Type)
	}
	return nil, nil
}

func (o *Office) customer(v invoice) *Customer {
	c := o.customers[v.Email]
	if c == nil {
		c = &Customer{Email: v.Email}
		o.customers[v.Email] = c
	}
	c.Name, c.Last = v.Name, o.now()
	return c
}

// book adds a line. A sum does not depend on the order of its lines, so it does not
// matter that a refund may come before its sale.
func (o *Office) book(c *Customer, v invoice, uuid, kind string, amount int64) {
	c.Spent += amount
	o.net += amount
	if o.open[v.Transaction] += amount; o.open[v.Transaction] == 0 {
		delete(o.open, v.Transaction)
	}
	if o.ledger = append(o.ledger, Entry{o.now(), v.Transaction, kind, c.Name, uuid, amount}); len(o.ledger) > maxEntries {
		o.ledger = o.ledger[1:]
	}
}

func cents(amount string) (int64, error) {
	var whole, part int64
	digits := strings.TrimPrefix(amount, "-")
	if n, err := fmt.Sscanf(digits, "%d.%02d", &whole, &part); n != 2 || err != nil || digits != fmt.Sprintf("%d.%02d", whole, part) {
		return 0, fmt.Errorf("%q is no amount such as 118.00", amount)
	}
	if digits != amount {
		return -(100*whole + part), nil
	}
	return 100*whole + part, nil
}

// Books are what the office keeps.
type Books struct {
	Net       int64 // all sales less what was given back, in cents
	Open      int   // transactions of which something is left
	Ledger    []Entry
	Customers []Customer // newest first
	List      []string
}

// Books gives a copy.
func (o *Office) Books() Books {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := Books{Net: o.net, Open: len(o.open), Ledger: slices.Clone(o.ledger), List: slices.Clone(o.list)}
	slices.Reverse(b.Ledger)
	for _, c := range o.customers {
		b.Customers = append(b.Customers, *c)
	}
	slices.SortFunc(b.Customers, func(x, y Customer) int {
		if n := y.Last.Compare(x.Last); n != 0 {
			return n
		}
		return strings.Compare(x.Email, y.Email)
	})
	return b
}

// UUIDOf is the webhook_event_uuid of a transaction's newest line, "" if it has none.
func (o *Office) UUIDOf(transaction string) string {
	for _, e := range o.Books().Ledger {
		if e.Transaction == transaction {
			return e.UUID
		}
	}
	return ""
}

//go:embed page.html
var body string

// Handler serves the office's page; POST /hook is its endpoint's URL.
func (o *Office) Handler(nav func() page.Nav) http.Handler {
	t := page.Parse(body)
	mux := http.NewServeMux()
	mux.Handle("POST /hook", o)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		b := o.Books()
		page.Show(w, t, page.View{
			Title: "Back office", Kind: "Receiver", Nav: nav(),
			Intro: "Customers, ledger and mailing list of the box office, from its invoices. A repeat is recognised by its webhook_event_uuid, so nothing is booked twice.",
			Body: map[string]any{
				"Count": o.Count(), "Net": dollars(b.Net), "Open": b.Open, "List": b.List,
				"Ledger": b.Ledger[:min(20, len(b.Ledger))], "Customers": b.Customers[:min(12, len(b.Customers))],
			},
		})
	})
	return mux
}

func dollars(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "−", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

// Money is the amount for people.
func (e Entry) Money() string { return dollars(e.Amount) }

// Money is what they spent, for people.
func (c Customer) Money() string { return dollars(c.Spent) }
