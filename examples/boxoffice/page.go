package boxoffice

import (
	"context"
	_ "embed"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/bellhop/bellhop/examples/page"
)

//go:embed invoice.json
var example string

//go:embed page.html
var body string

// Handler serves the office's page.
func (o *Office) Handler(nav func() page.Nav) http.Handler {
	t := page.Parse(body)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		page.Show(w, t, page.View{
			Title: "Harbour Hall box office", Kind: "Platform", Nav: nav(),
			Intro: "A ticket seller with Showpass's events and Invoice object. Whatever happens here is published to Bellhop, once, and that is all that this program knows of webhooks.",
			Body:  map[string]any{"Shows": o.Shows, "Sales": o.Sales(15), "Buyer": people[rand.IntN(len(people))]},
		})
	})
	mux.HandleFunc("POST /sell", func(w http.ResponseWriter, r *http.Request) {
		show, _ := strconv.Atoi(r.FormValue("show"))
		quantity, _ := strconv.Atoi(r.FormValue("quantity"))
		_, err := o.Sell(r.Context(), Order{
			Name: r.FormValue("name"), Email: r.FormValue("email"), Show: show, Quantity: quantity, Subscribe: r.FormValue("subscribe") != "",
		})
		page.Back(w, r, err)
	})
	mux.HandleFunc("POST /refund", func(w http.ResponseWriter, r *http.Request) {
		page.Back(w, r, o.Refund(r.Context(), r.FormValue("transaction")))
	})
	mux.HandleFunc("POST /void", func(w http.ResponseWriter, r *http.Request) {
		page.Back(w, r, o.Void(r.Context(), r.FormValue("transaction")))
	})
	mux.HandleFunc("POST /transfer", func(w http.ResponseWriter, r *http.Request) {
		to := people[rand.IntN(len(people))]
		page.Back(w, r, o.Transfer(r.Context(), r.FormValue("transaction"), to.Name, to.Email))
	})
	return mux
}

// people buy tickets.
var people = []struct{ Name, Email string }{
	{"Zoë Łukasz", "zoe@example.com"},
	{"Amir Haddad", "amir.haddad@example.com"},
	{"Grace O'Malley", "grace@example.org"},
	{"Nguyễn Thị Mai", "mai.nguyen@example.com"},
	{"Jean-Luc Béchard", "jl.bechard@example.org"},
	{"Priya Raman", "priya@example.com"},
	{"Tom & Ida Larsen", "larsen@example.net"},
	{"Søren Kirk", "soren@example.net"},
}

// Live has customers come and go by themselves while running says so, until ctx ends.
func (o *Office) Live(ctx context.Context, running func() bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(3*time.Second + rand.N(5*time.Second)):
		}
		if running() {
			o.happen(ctx)
		}
	}
}

// happen does what may happen in a box office. What fails is tried no more: this
// customer has left.
func (o *Office) happen(ctx context.Context) {
	if sales := o.Sales(20); len(sales) > 3 && rand.IntN(10) < 3 {
		s := sales[rand.IntN(len(sales))]
		switch rand.IntN(4) {
		case 0:
			_ = o.Void(ctx, s.Invoice.TransactionID)
		case 1:
			to := people[rand.IntN(len(people))]
			_ = o.Transfer(ctx, s.Invoice.TransactionID, to.Name, to.Email)
		default:
			_ = o.Refund(ctx, s.Invoice.TransactionID)
		}
		return
	}
	who := people[rand.IntN(len(people))]
	_, _ = o.Sell(ctx, Order{Name: who.Name, Email: who.Email, Show: rand.IntN(len(o.Shows)), Quantity: 1 + rand.IntN(4), Subscribe: rand.IntN(2) == 0})
}
