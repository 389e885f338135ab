// Package servicedesk is a sample receiver: the service desk of a property manager, an
// ERP in small. It makes a work order of each damage report, follows what changes at its
// ticket, and writes back: the number of the work order by its answer, which its endpoint
// captures, and everything later through the residence's API.
package servicedesk

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/webhook"
)

// Platform is the residence's API, as far as the desk uses it.
type Platform interface {
	// UpdateTicket changes fields of a ticket.
	UpdateTicket(ctx context.Context, ticket string, fields map[string]string) error
}

// Order is a work order.
type Order struct {
	Number, Ticket, TicketNumber, Title, Tenant, Unit string
	Status, Craftsperson                              string
	At                                                time.Time
	// Steps are what happened to it, oldest first.
	Steps []string

	// wrote is what the desk has written to the ticket: what comes back of it in a
	// delta is no news.
	wrote map[string]string
}

// Desk keeps the work orders. It is safe for concurrent use.
type Desk struct {
	*webhook.Receiver
	platform Platform
	now      func() time.Time

	mu     sync.Mutex
	orders []*Order // newest last
	number int
	// early are deltas that came before the ticket's own event: order is not promised.
	early map[string][]delta
	own   int
}

const maxOrders = 300

// New opens a desk that takes what is signed with secret.
func New(secret string, platform Platform, now func() time.Time) (*Desk, error) {
	d := &Desk{platform: platform, now: now, number: 1000, early: map[string][]delta{}}
	r, err := webhook.New("allthings", secret, d.handle)
	d.Receiver = r
	return d, err
}

type ticket struct {
	ID, Number, Title, Status string
	Category, Tenant, Unit    struct{ ID, Name string }
}

type delta struct {
	ID       string
	Category struct{ ID string }
	Delta    map[string]struct{ From, To string }
}

func (d *Desk) handle(_ context.Context, e webhook.Event) (any, error) {
	switch e.Type {
	case "ticket.created":
		var t ticket
		if err := json.Unmarshal(e.Data, &t); err != nil {
			return nil, webhook.Refuse("read the ticket: %w", err)
		}
		if t.Category.ID != "damage-report" {
			return nil, webhook.Refuse("only damage reports are for the service desk, and this is of category %q", t.Category.ID)
		}
		return map[string]string{"work_order": d.open(t)}, nil
	case "ticket.updated":
		var u delta
		if err := json.Unmarshal(e.Data, &u); err != nil {
			return nil, webhook.Refuse("read the update: %w", err)
		}
		d.follow(u)
		return nil, nil
	}
	return nil, webhook.Refuse("the service desk knows no events of type %s", e.Type)
}

// open makes the work order of a ticket, and gives its number.
func (d *Desk) open(t ticket) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o := d.find(t.ID); o != nil {
		return o.Number
	}
	d.number++
	o := &Order{
		Number: fmt.Sprintf("WO-%d", d.number), Ticket: t.ID, TicketNumber: t.Number, Title: t.Title, Tenant: t.Tenant.Name, Unit: t.Unit.Name,
		Status: t.Status, At: d.now(), Steps: []string{"made from ticket " + t.Number},
	}
	o.wrote = map[string]string{"workOrder": o.Number}
	if d.orders = append(d.orders, o); len(d.orders) > maxOrders {
		d.orders = d.orders[1:]
	}
	for _, u := range d.early[t.ID] {
		o.apply(u)
	}
	delete(d.early, t.ID)
	return o.Number
}

// follow takes over what changed at a ticket.
func (d *Desk) follow(u delta) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := d.find(u.ID)
	if o == nil {
		if len(d.early) < maxOrders {
			d.early[u.ID] = append(d.early[u.ID], u)
		}
		return
	}
	if !o.apply(u) {
		d.own++
	}
}

// apply takes a delta over, and tells whether it brought news: what the desk itself
// wrote comes back, and would go round for ever if it were answered.
func (o *Order) apply(u delta) (news bool) {
	for _, field := range []string{"status", "craftsperson", "workOrder"} {
		step, ok := u.Delta[field]
		if !ok || o.wrote[field] == step.To {
			continue
		}
		delete(o.wrote, field)
		news = true
		switch field {
		case "status":
			o.Status = step.To
		case "craftsperson":
			o.Craftsperson = step.To
		}
		o.Steps = append(o.Steps, fmt.Sprintf("%s is %s, says the ticket", field, step.To))
	}
	return news
}

// Assign gives an order to a craftsperson, and tells the platform.
func (d *Desk) Assign(ctx context.Context, number, craftsperson string) error {
	return d.decide(ctx, number, "given to "+craftsperson, map[string]string{"craftsperson": craftsperson, "status": "in-progress"})
}

// Finish ends an order, and tells the platform.
func (d *Desk) Finish(ctx context.Context, number string) error {
	return d.decide(ctx, number, "finished", map[string]string{"status": "completed"})
}

func (d *Desk) decide(ctx context.Context, number, step string, fields map[string]string) error {
	d.mu.Lock()
	i := slices.IndexFunc(d.orders, func(o *Order) bool { return o.Number == number })
	if i < 0 {
		d.mu.Unlock()
		return errors.New("there is no such work order")
	}
	o := d.orders[i]
	d.mu.Unlock()
	if err := d.write(ctx, o.Ticket, fields); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if fields["status"] != "" {
		o.Status = fields["status"]
	}
	if fields["craftsperson"] != "" {
		o.Craftsperson = fields["craftsperson"]
	}
	o.Steps = append(o.Steps, step)
	return nil
}

// write tells the platform. What is written is noted before, for the event of it may
// come before the answer.
func (d *Desk) write(ctx context.Context, ticket string, fields map[string]string) error {
	d.mu.Lock()
	if o := d.find(ticket); o != nil {
		for name, value := range fields {
			o.wrote[name] = value
		}
	}
	d.mu.Unlock()
	if err := d.platform.UpdateTicket(ctx, ticket, fields); err != nil {
		return fmt.Errorf("write back to the residence: %w", err)
	}
	return nil
}

func (d *Desk) find(ticket string) *Order {
	if i := slices.IndexFunc(d.orders, func(o *Order) bool { return o.Ticket == ticket }); i >= 0 {
		return d.orders[i]
	}
	return nil
}

// Orders are the work orders, newest first.
func (d *Desk) Orders() []Order {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Order
	for _, o := range slices.Backward(d.orders) {
		c := *o
		c.Steps, c.wrote = slices.Clone(o.Steps), nil
		list = append(list, c)
	}
	return list
}

// Own tells how many deltas were what the desk itself had written.
func (d *Desk) Own() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.own
}

//go:embed page.html
var body string

// Handler serves the desk's page; POST /hook is its endpoint's URL.
func (d *Desk) Handler(nav func() page.Nav) http.Handler {
	t := page.Parse(body)
	mux := http.NewServeMux()
	mux.Handle("POST /hook", d)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		orders := d.Orders()
		page.Show(w, t, page.View{
			Title: "Service desk", Kind: "Receiver", Nav: nav(),
			Intro: "An ERP in small. Its endpoint asks for the subjects ticket:damage-report:* and nothing else. Each damage report becomes a work order. Bellhop captures its number from the desk's answer and tells the residence; what the desk decides later it writes itself. The event of its own write comes back, and is recognised.",
			Body:  map[string]any{"Count": d.Count(), "Own": d.Own(), "Orders": orders[:min(20, len(orders))]},
		})
	})
	mux.HandleFunc("POST /assign", func(w http.ResponseWriter, r *http.Request) {
		page.Back(w, r, d.Assign(r.Context(), r.FormValue("order"), "Sanitär Huber AG"))
	})
	mux.HandleFunc("POST /finish", func(w http.ResponseWriter, r *http.Request) {
		page.Back(w, r, d.Finish(r.Context(), r.FormValue("order")))
	})
	return mux
}
