// Package dooraccess is a sample receiver: the system behind the doors' keypads. A
// booking that was accepted gets a PIN that opens its door in the booked time and at no
// other, and the PIN is written back to the residence, whose tenant sees it there.
package dooraccess

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/webhook"
)

// Platform is the residence's API, as far as the doors use it.
type Platform interface {
	// SetPIN notes the PIN of a booking.
	SetPIN(ctx context.Context, booking, pin string) error
}

// Permit is the right to open a door for a while.
type Permit struct {
	Booking, Door, Room, Tenant, PIN string
	From, Until                      time.Time
}

// Doors keeps the permits. It is safe for concurrent use.
type Doors struct {
	*webhook.Receiver
	platform Platform
	now      func() time.Time

	mu      sync.Mutex
	permits []Permit // newest last
	tried   string   // what came of the latest PIN at the keypad
}

const maxPermits = 300

// New takes what is signed with secret.
func New(secret string, platform Platform, now func() time.Time) (*Doors, error) {
	d := &Doors{platform: platform, now: now}
	r, err := webhook.New("allthings", secret, d.handle)
	d.Receiver = r
	return d, err
}

func (d *Doors) handle(ctx context.Context, e webhook.Event) (any, error) {
	if e.Type != "booking.accepted" {
		return nil, webhook.Refuse("the doors know no events of type %s", e.Type)
	}
	var b struct {
		ID          string
		Asset       struct{ Name, DoorID string }
		From, Until time.Time
		Tenant      struct{ Name string }
	}
	if err := json.Unmarshal(e.Data, &b); err != nil {
		return nil, webhook.Refuse("read the booking: %w", err)
	}
	if b.Asset.DoorID == "" || !b.Until.After(b.From) {
		return nil, webhook.Refuse("booking %s has no door, or no time", b.ID)
	}
	p, err := d.permit(Permit{Booking: b.ID, Door: b.Asset.DoorID, Room: b.Asset.Name, Tenant: b.Tenant.Name, From: b.From, Until: b.Until})
	if err != nil {
		return nil, err
	}
	if err := d.platform.SetPIN(ctx, p.Booking, p.PIN); err != nil {
		return nil, fmt.Errorf("write the PIN back to the residence: %w", err)
	}
	return map[string]any{"pin": p.PIN, "door": p.Door, "valid_from": p.From, "valid_until": p.Until}, nil
}

// permit gives the permit of a booking: the one that is there, or a new one with a PIN
// that no other permit of its door has.
func (d *Doors) permit(p Permit) (Permit, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.IndexFunc(d.permits, func(q Permit) bool { return q.Booking == p.Booking }); i >= 0 {
		return d.permits[i], nil
	}
	for p.PIN == "" || slices.ContainsFunc(d.permits, func(q Permit) bool { return q.Door == p.Door && q.PIN == p.PIN }) {
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return p, err
		}
		p.PIN = fmt.Sprintf("%06d", n)
	}
	if d.permits = append(d.permits, p); len(d.permits) > maxPermits {
		d.permits = d.permits[1:]
	}
	return p, nil
}

// Opens tells whether a PIN opens a door at a time.
func (d *Doors) Opens(door, pin string, at time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.permits, func(p Permit) bool {
		return p.Door == door && p.PIN == pin && !at.Before(p.From) && at.Before(p.Until)
	})
}

// Permits are those there are, newest first.
func (d *Doors) Permits() []Permit {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := slices.Clone(d.permits)
	slices.Reverse(list)
	return list
}

//go:embed page.html
var body string

// Handler serves the doors' page; POST /hook is their endpoint's URL.
func (d *Doors) Handler(nav func() page.Nav) http.Handler {
	t := page.Parse(body)
	mux := http.NewServeMux()
	mux.Handle("POST /hook", d)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		permits := d.Permits()
		d.mu.Lock()
		tried := d.tried
		d.mu.Unlock()
		page.Show(w, t, page.View{
			Title: "Door access", Kind: "Receiver", Nav: nav(),
			Intro: "The system behind the keypads. A booking that was accepted gets a PIN for the booked time only. The same event twice makes no second PIN.",
			Body:  map[string]any{"Count": d.Count(), "Permits": permits[:min(20, len(permits))], "Now": d.now(), "Tried": tried},
		})
	})
	mux.HandleFunc("POST /try", func(w http.ResponseWriter, r *http.Request) {
		door, pin := r.FormValue("door"), r.FormValue("pin")
		at := d.now()
		text := fmt.Sprintf("%s stays closed.", door)
		if d.Opens(door, pin, at) {
			text = fmt.Sprintf("%s opens.", door)
		}
		d.mu.Lock()
		d.tried = text
		d.mu.Unlock()
		page.Back(w, r, nil)
	})
	return mux
}
