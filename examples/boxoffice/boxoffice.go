// Package boxoffice is a sample platform: it sells tickets, and tells with Showpass's
// events and its Invoice object. Its part in webhooks is one call of [Publisher] for
// each thing that happens; Bellhop does the rest.
package boxoffice

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/client"
)

// Publisher is how the platform tells what happened: a *client.Client.
type Publisher interface {
	Publish(context.Context, client.Publication) (client.Receipt, error)
}

// Show is what tickets are sold for.
type Show struct {
	ID, Name string
	Price    Money
	Starts   time.Time
}

// Order is what a customer asks for.
type Order struct {
	Name, Email string
	Show        int // of Shows
	Quantity    int
	Subscribe   bool
}

// Sale is a sold order and what became of it.
type Sale struct {
	Invoice Invoice
	At      time.Time
	// Status is "sold", "refunded", "void" or "transferred".
	Status string
}

// Office sells tickets. It is safe for concurrent use.
type Office struct {
	app       string
	publisher Publisher
	now       func() time.Time
	Shows     []Show

	mu    sync.Mutex
	sales []*Sale // newest last
	next  int64   // of tickets
}

const maxSales = 500

// New opens an office whose events belong to app.
func New(app string, publisher Publisher, now func() time.Time) *Office {
	week := now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 7)
	return &Office{
		app: app, publisher: publisher, now: now, next: 51_823_300,
		Shows: []Show{
			{"601144", "Harbour Lights: opening night", 59_00, week.Add(19 * time.Hour)},
			{"601145", "The Lighthouse Keeper's Wife", 42_50, week.Add(44 * time.Hour)},
			{"601146", "Sunday Jazz on the Pier", 18_00, week.Add(85 * time.Hour)},
		},
	}
}

// Sell sells tickets, and publishes invoice.purchase.
func (o *Office) Sell(ctx context.Context, in Order) (Sale, error) {
	if in.Show < 0 || in.Show >= len(o.Shows) || in.Quantity < 1 || in.Quantity > 8 || strings.TrimSpace(in.Name) == "" || !strings.Contains(in.Email, "@") {
		return Sale{}, errors.New("an order needs a name, an e-mail address, a show, and 1 to 8 tickets")
	}
	s := &Sale{Invoice: o.invoice(in), At: o.now(), Status: "sold"}
	if err := o.publish(ctx, "invoice.purchase", "purchase", s.Invoice); err != nil {
		return Sale{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sales = append(o.sales, s); len(o.sales) > maxSales {
		o.sales = o.sales[1:]
	}
	return *s, nil
}

func (o *Office) invoice(in Order) Invoice {
	show := o.Shows[in.Show]
	net := show.Price * Money(in.Quantity)
	tax, fees := (net*5+50)/100, (net*6+50)/100
	items := []InvoiceItem{{
		ID: o.number(), EventID: show.ID, EventName: show.Name, Quantity: in.Quantity,
		NetSales: net, TotalTax: tax, ServiceFees: fees, GrossRevenue: net,
		TicketTypeID: "2214407", TicketTypeName: "Balcony", InvoiceItemType: "ticket",
	}}
	var tickets []TicketItem
	for range in.Quantity {
		tickets = append(tickets, TicketItem{
			ID: o.number(), EventID: show.ID, EventName: show.Name, EventStartsOn: show.Starts, EventEndsOn: show.Starts.Add(3 * time.Hour),
			TicketStatus: "issued", TicketStatusCode: "2", BarcodeString: rand.Text()[:9],
			TicketTypeID: "2214407", TicketTypeName: "Balcony", TicketItemType: "ticket", NameOnTicket: in.Name,
		})
	}
	return Invoice{
		Currency: "CAD", NetSales: net, TotalTax: tax, InvoiceType: "sale", PaymentType: "credit", ServiceFees: fees,
		TicketItems: tickets, InvoiceItems: items, CustomerName: in.Name, CustomerEmail: in.Email, GrossRevenue: net,
		TransactionID: "c4-" + strings.ToLower(rand.Text()[:20]), InvoiceTypeID: "101",
		SubscribeToVenue: in.Subscribe, Organization: "8841",
	}
}

func (o *Office) number() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next++
	return o.next
}

// Refund gives the money of a sale back, and publishes invoice.refund.
func (o *Office) Refund(ctx context.Context, transaction string) error {
	return o.end(ctx, transaction, "refunded", func(v Invoice) error {
		v.InvoiceType, v.InvoiceTypeID = "refund", "102"
		v.setTickets("refunded", "4")
		return o.publish(ctx, "invoice.refund", "refund", v)
	})
}

// Void undoes a sale as if it had not been, and publishes invoice.void.
func (o *Office) Void(ctx context.Context, transaction string) error {
	return o.end(ctx, transaction, "void", func(v Invoice) error {
		v.InvoiceType, v.InvoiceTypeID = "void", "103"
		v.setTickets("void", "5")
		return o.publish(ctx, "invoice.void", "void", v)
	})
}

// Transfer hands a sale's tickets to somebody else: invoice.transfer tells the one who
// had them, invoice.transferred the one who has them now. No money moves.
func (o *Office) Transfer(ctx context.Context, transaction, name, email string) error {
	return o.end(ctx, transaction, "transferred", func(v Invoice) error {
		v.InvoiceType, v.InvoiceTypeID, v.SubscribeToVenue = "transfer", "104", false
		v.setTickets("transferred", "6")
		if err := o.publish(ctx, "invoice.transfer", "transfer", v); err != nil {
			return err
		}
		v.CustomerName, v.CustomerEmail = name, email
		v.setTickets("issued", "2")
		for i := range v.TicketItems {
			v.TicketItems[i].CreatedByTransfer, v.TicketItems[i].NameOnTicket = true, name
		}
		return o.publish(ctx, "invoice.transferred", "transferred", v)
	})
}

// end does something to a sale that can be done once.
func (o *Office) end(_ context.Context, transaction, status string, do func(Invoice) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.sales {
		if s.Invoice.TransactionID != transaction {
			continue
		}
		if s.Status != "sold" {
			return fmt.Errorf("that sale is %s already", s.Status)
		}
		if err := do(s.Invoice); err != nil {
			return err
		}
		s.Status = status
		return nil
	}
	return errors.New("there is no such sale")
}

func (v *Invoice) setTickets(status, code string) {
	v.TicketItems = append([]TicketItem(nil), v.TicketItems...) // those of the sale stay
	for i := range v.TicketItems {
		v.TicketItems[i].TicketStatus, v.TicketItems[i].TicketStatusCode = status, code
	}
}

// Sales gives the newest sales, newest first.
func (o *Office) Sales(most int) []Sale {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []Sale
	for i := len(o.sales) - 1; i >= 0 && len(list) < most; i-- {
		list = append(list, *o.sales[i])
	}
	return list
}

// publish tells of what happened to an invoice. The id makes it safe to repeat: the
// same id is the same event.
func (o *Office) publish(ctx context.Context, eventType, what string, v Invoice) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = o.publisher.Publish(ctx, client.Publication{
		App: o.app, Type: eventType, Subject: "invoice:" + v.TransactionID,
		ID: v.TransactionID + ":" + what, Data: data,
	})
	if err != nil {
		return fmt.Errorf("publish %s: %w", eventType, err)
	}
	return nil
}

// EventTypes are the entries of the catalogue.
func EventTypes() map[string]client.EventTypePut {
	types := map[string]client.EventTypePut{}
	for name, description := range map[string]string{
		"invoice.purchase":    "Tickets were bought.",
		"invoice.refund":      "The money of a purchase was given back. Amounts are those given back.",
		"invoice.void":        "A purchase was undone as if it had not been. Amounts are those undone.",
		"invoice.transfer":    "Tickets left their holder for somebody else.",
		"invoice.transferred": "Tickets came to their holder from somebody else.",
	} {
		types[name] = client.EventTypePut{Description: description, Schema: []byte(Schema), Example: []byte(example), Validate: true}
	}
	return types
}
