// Package residence is a sample platform: the app of a house, in which tenants report
// damage, book rooms and register, with Allthings' events. Partners change its tickets
// and bookings through its API, and hear of changes through webhooks.
package residence

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/client"
)

// Publisher is how the platform tells what happened: a *client.Client.
type Publisher interface {
	Publish(context.Context, client.Publication) (client.Receipt, error)
}

// Named is something with an id and a name, as events show it.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Person is a tenant.
type Person struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// Ticket is what a tenant asked for: the data of ticket.created.
type Ticket struct {
	ID          string    `json:"id"`
	Number      string    `json:"number"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Category    Named     `json:"category"`
	Status      string    `json:"status"`
	Unit        Named     `json:"unit"`
	Tenant      Person    `json:"tenant"`
	Photos      []string  `json:"photos"`
	CreatedDate time.Time `json:"createdDate"`

	// What others know of it, which comes in deltas of ticket.updated.
	Craftsperson string `json:"-"`
	WorkOrder    string `json:"-"`
}

// Change is what to change of a ticket; what is "" stays.
type Change struct {
	Status       string `json:"status,omitempty"`
	Craftsperson string `json:"craftsperson,omitempty"`
	WorkOrder    string `json:"workOrder,omitempty"`
}

// Step is one change of one field: null was not set before.
type Step struct {
	From *string `json:"from"`
	To   string  `json:"to"`
}

// Update is the data of ticket.updated.
type Update struct {
	ID          string          `json:"id"`
	Number      string          `json:"number"`
	Category    Named           `json:"category"`
	Delta       map[string]Step `json:"delta"`
	UpdatedDate time.Time       `json:"updatedDate"`
}

// Asset is what can be booked.
type Asset struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	DoorID string `json:"doorId"`
}

// Booking is the data of booking.accepted.
type Booking struct {
	ID         string    `json:"id"`
	Asset      Asset     `json:"asset"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	Paid       bool      `json:"paid"`
	AcceptedBy Named     `json:"acceptedBy"`
	Tenant     Named     `json:"tenant"`

	// PIN opens the door; the door access system writes it.
	PIN string `json:"-"`
}

// Code lets a tenant register: the data of registration-code.created.
type Code struct {
	ID          string     `json:"id"`
	Code        string     `json:"code"`
	Unit        Unit       `json:"unit"`
	Tenant      Named      `json:"tenant"`
	Permanent   bool       `json:"permanent"`
	ExpiresDate *time.Time `json:"expiresDate"`
	CreatedDate time.Time  `json:"createdDate"`
}

// Unit is a flat.
type Unit struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

// Residence is the house. It is safe for concurrent use.
type Residence struct {
	app       string
	publisher Publisher
	now       func() time.Time
	Tenants   []Person
	Units     []Named // by tenant
	Assets    []Asset

	mu       sync.Mutex
	tickets  []*Ticket // newest last
	bookings []*Booking
	codes    []*Code
	updates  int
	number   int
}

// The categories of tickets.
const (
	Damage  = "damage-report"
	Inquiry = "general-inquiry"
)

const maxKept = 300

// New opens a house whose events belong to app.
func New(app string, publisher Publisher, now func() time.Time) *Residence {
	return &Residence{
		app: app, publisher: publisher, now: now, number: 10_481,
		Tenants: []Person{
			{"ten-771", "Ayşe Öztürk", "ayse@example.com", "+41 44 000 00 00"},
			{"ten-902", "Luca Bianchi", "luca@example.com", ""},
			{"ten-644", "Familie Gerber-Wüthrich", "gerber@example.org", ""},
		},
		Units:  []Named{{"u-3.04", "3rd floor right"}, {"u-1.02", "1st floor left"}, {"u-4.01", "Attic"}},
		Assets: []Asset{{"guest-room-2", "Guest room 2", "door-17"}, {"laundry", "Laundry", "door-03"}, {"roof", "Roof terrace", "door-40"}},
	}
}

func (h *Residence) tenant(id string) (Person, Named, error) {
	i := slices.IndexFunc(h.Tenants, func(p Person) bool { return p.ID == id })
	if i < 0 {
		return Person{}, Named{}, errors.New("there is no such tenant")
	}
	return h.Tenants[i], h.Units[i], nil
}

// Report opens a ticket of a tenant, and publishes ticket.created. Its subject names the
// category, so that an endpoint can ask for damage reports alone.
func (h *Residence) Report(ctx context.Context, tenant, category, title, description string) (Ticket, error) {
	who, unit, err := h.tenant(tenant)
	if err != nil {
		return Ticket{}, err
	}
	names := map[string]string{Damage: "Damage report", Inquiry: "General inquiry"}
	if names[category] == "" || strings.TrimSpace(title) == "" {
		return Ticket{}, errors.New("a ticket needs a title and a category that exists")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.number++
	t := &Ticket{
		ID: id(""), Number: fmt.Sprintf("T-%d", h.number), Title: title, Description: description, Category: Named{category, names[category]},
		Status: "waiting-for-agent", Unit: unit, Tenant: who, Photos: []string{}, CreatedDate: h.now().UTC(),
	}
	if err := h.publish(ctx, "ticket.created", t.subject(), t.ID, t); err != nil {
		return Ticket{}, err
	}
	h.tickets = keep(h.tickets, t)
	return *t, nil
}

func (t *Ticket) subject() string { return "ticket:" + t.Category.ID + ":" + t.ID }

// Update changes a ticket, and publishes ticket.updated with what has changed. Where
// nothing changes, nothing is published: otherwise two systems that write to each other
// would never stop.
func (h *Residence) Update(ctx context.Context, ticket string, c Change) (Ticket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.tickets, func(t *Ticket) bool { return t.ID == ticket })
	if i < 0 {
		return Ticket{}, errNotFound
	}
	t, delta := *h.tickets[i], map[string]Step{}
	for _, f := range []struct {
		name string
		to   string
		at   *string
	}{{"status", c.Status, &t.Status}, {"craftsperson", c.Craftsperson, &t.Craftsperson}, {"workOrder", c.WorkOrder, &t.WorkOrder}} {
		if f.to == "" || f.to == *f.at {
			continue
		}
		step := Step{To: f.to}
		if was := *f.at; was != "" {
			step.From = &was
		}
		delta[f.name], *f.at = step, f.to
	}
	if len(delta) == 0 {
		return t, nil
	}
	u := Update{t.ID, t.Number, t.Category, delta, h.now().UTC()}
	if err := h.publish(ctx, "ticket.updated", t.subject(), fmt.Sprint(t.ID, ":", h.updates+1), u); err != nil {
		return Ticket{}, err
	}
	h.updates++
	*h.tickets[i] = t
	return t, nil
}

var errNotFound = errors.New("not found")

// Accept accepts a tenant's booking, and publishes booking.accepted.
func (h *Residence) Accept(ctx context.Context, tenant string, asset int, from, until time.Time) (Booking, error) {
	who, _, err := h.tenant(tenant)
	if err != nil {
		return Booking{}, err
	}
	if asset < 0 || asset >= len(h.Assets) || !until.After(from) {
		return Booking{}, errors.New("a booking needs an asset, and an end after its beginning")
	}
	b := &Booking{
		ID: id("bk-"), Asset: h.Assets[asset], From: from.UTC().Truncate(time.Second), Until: until.UTC().Truncate(time.Second), Paid: true,
		AcceptedBy: Named{"agent-9", "R. Meier"}, Tenant: Named{who.ID, who.Name},
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.publish(ctx, "booking.accepted", "booking:"+b.Asset.ID+":"+b.ID, b.ID, b); err != nil {
		return Booking{}, err
	}
	h.bookings = keep(h.bookings, b)
	return *b, nil
}

// SetPIN notes the PIN that opens the door of a booking.
func (h *Residence) SetPIN(booking, pin string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.bookings {
		if b.ID == booking {
			b.PIN = pin
			return nil
		}
	}
	return errNotFound
}

// Invite makes a registration code for a tenant, and publishes registration-code.created.
func (h *Residence) Invite(ctx context.Context, tenant string) (Code, error) {
	who, unit, err := h.tenant(tenant)
	if err != nil {
		return Code{}, err
	}
	now := h.now().UTC().Truncate(time.Second)
	ends := now.AddDate(0, 0, 60)
	letters := rand.Text()
	c := &Code{
		ID: id("rc-"), Code: letters[:4] + "-" + letters[4:8], Unit: Unit{unit.ID, "Seestrasse 12, 8002 Zürich"},
		Tenant: Named{who.ID, who.Name}, ExpiresDate: &ends, CreatedDate: now,
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.publish(ctx, "registration-code.created", "registration-code:"+c.ID, c.ID, c); err != nil {
		return Code{}, err
	}
	h.codes = keep(h.codes, c)
	return *c, nil
}

// Post publishes an article to all tenants: community-article.published.
func (h *Residence) Post(ctx context.Context, title string) error {
	i := id("art-")
	return h.publish(ctx, "community-article.published", "community-article:"+i, i, map[string]string{"id": i, "title": title})
}

func id(prefix string) string { return prefix + strings.ToLower(rand.Text()[:10]) }

func keep[T any](list []*T, one *T) []*T {
	if list = append(list, one); len(list) > maxKept {
		list = list[1:]
	}
	return list
}

// Tickets are those of a tenant, or ("") of all, newest first.
func (h *Residence) Tickets(tenant string) []Ticket {
	return newest(h, h.tickets, func(t *Ticket) bool { return tenant == "" || t.Tenant.ID == tenant })
}

// Bookings are those of a tenant, or of all, newest first.
func (h *Residence) Bookings(tenant string) []Booking {
	return newest(h, h.bookings, func(b *Booking) bool { return tenant == "" || b.Tenant.ID == tenant })
}

// Codes are those of a tenant, or of all, newest first.
func (h *Residence) Codes(tenant string) []Code {
	return newest(h, h.codes, func(c *Code) bool { return tenant == "" || c.Tenant.ID == tenant })
}

// Updates tells how often ticket.updated was published.
func (h *Residence) Updates() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.updates
}

func newest[T any](h *Residence, list []*T, want func(*T) bool) []T {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []T
	for _, one := range slices.Backward(list) {
		if want(one) {
			found = append(found, *one)
		}
	}
	return found
}

// publish tells of what happened. The id makes it safe to repeat: the same id is the
// same event.
func (h *Residence) publish(ctx context.Context, eventType, subject, id string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = h.publisher.Publish(ctx, client.Publication{App: h.app, Type: eventType, Subject: subject, ID: eventType + ":" + id, Data: b})
	if err != nil {
		return fmt.Errorf("publish %s: %w", eventType, err)
	}
	return nil
}

// EventTypes are the entries of the catalogue.
func EventTypes() map[string]client.EventTypePut {
	text := map[string]any{"type": "string"}
	object := func(required ...string) []byte {
		properties := map[string]any{}
		for _, name := range required {
			properties[name] = map[string]any{}
		}
		properties["id"] = text
		b, _ := json.Marshal(map[string]any{"type": "object", "required": required, "properties": properties}) // of plain values
		return b
	}
	return map[string]client.EventTypePut{
		"ticket.created":              {Description: "A tenant opened a ticket.", Schema: object("id", "number", "title", "category", "status", "tenant"), Example: sample("ticket-created"), Validate: true},
		"ticket.updated":              {Description: "Fields of a ticket changed; delta says from what to what.", Schema: object("id", "number", "category", "delta"), Example: sample("ticket-updated"), Validate: true},
		"booking.accepted":            {Description: "A tenant's booking was accepted.", Schema: object("id", "asset", "from", "until", "tenant"), Example: sample("booking-accepted"), Validate: true},
		"registration-code.created":   {Description: "A code to register with was made.", Schema: object("id", "code", "unit", "tenant"), Example: sample("registration-code-created"), Validate: true},
		"community-article.published": {Description: "An article was posted for all tenants.", Schema: object("id", "title"), Example: []byte(`{"id":"art-5","title":"Summer party in the yard"}`), Validate: true},
	}
}
