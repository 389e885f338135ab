package residence

import (
	"context"
	"embed"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/bellhop/bellhop/examples/page"
)

//go:embed samples page.html tenant.html
var files embed.FS

func sample(name string) []byte {
	b, _ := files.ReadFile("samples/" + name + ".json") // embedded
	return b
}

// Handler serves the manager's page and a page for each tenant.
func (h *Residence) Handler(nav func() page.Nav) http.Handler {
	parse := func(name string) func(http.ResponseWriter, page.View) {
		b, _ := files.ReadFile(name) // embedded
		t := page.Parse(string(b))
		return func(w http.ResponseWriter, v page.View) { page.Show(w, t, v) }
	}
	manager, tenant := parse("page.html"), parse("tenant.html")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		manager(w, page.View{
			Title: "Seestrasse 12", Kind: "Platform", Nav: nav(),
			Intro: "The app of a house, with Allthings' events. Partners hear of what happens by webhook, and write back through the house's API.",
			Body: map[string]any{
				"Tenants": h.Tenants, "Assets": h.Assets, "Damage": damages[rand.IntN(len(damages))],
				"Tickets": first(h.Tickets(""), 12), "Bookings": first(h.Bookings(""), 8), "Codes": first(h.Codes(""), 8),
			},
		})
	})
	mux.HandleFunc("GET /tenants/{id}", func(w http.ResponseWriter, r *http.Request) {
		who, unit, err := h.tenant(r.PathValue("id"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		n := nav()
		n.Links = append([]page.Link{{Text: "The house", URL: "../"}}, n.Links...)
		tenant(w, page.View{
			Title: who.Name, Kind: "Tenant's page", Nav: n, Intro: unit.Name + ", Seestrasse 12, 8002 Zürich",
			Body: map[string]any{"Tickets": first(h.Tickets(who.ID), 10), "Bookings": first(h.Bookings(who.ID), 10), "Codes": first(h.Codes(who.ID), 5)},
		})
	})
	mux.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		_, err := h.Report(r.Context(), r.FormValue("tenant"), r.FormValue("category"), r.FormValue("title"), r.FormValue("description"))
		page.Back(w, r, err)
	})
	mux.HandleFunc("POST /update", func(w http.ResponseWriter, r *http.Request) {
		_, err := h.Update(r.Context(), r.FormValue("ticket"), Change{Status: r.FormValue("status")})
		page.Back(w, r, err)
	})
	mux.HandleFunc("POST /book", func(w http.ResponseWriter, r *http.Request) {
		asset, _ := strconv.Atoi(r.FormValue("asset"))
		hours, _ := strconv.Atoi(r.FormValue("hours"))
		from := h.now()
		_, err := h.Accept(r.Context(), r.FormValue("tenant"), asset, from, from.Add(time.Duration(hours)*time.Hour))
		page.Back(w, r, err)
	})
	mux.HandleFunc("POST /invite", func(w http.ResponseWriter, r *http.Request) {
		_, err := h.Invite(r.Context(), r.FormValue("tenant"))
		page.Back(w, r, err)
	})
	mux.HandleFunc("POST /post", func(w http.ResponseWriter, r *http.Request) {
		page.Back(w, r, h.Post(r.Context(), r.FormValue("title")))
	})
	return mux
}

func first[T any](list []T, n int) []T { return list[:min(n, len(list))] }

var damages = []struct{ Title, Description string }{
	{"Heating in the bathroom stays cold", "Since last night. <b>Please</b> ring before 6 pm & wait."},
	{"Window does not close", "The handle turns, and nothing happens."},
	{"Water below the sink", "About a litre an hour; there is a bucket below it."},
	{"Light in the cellar flickers", "Third lamp from the door."},
}

// Live has tenants and managers do things by themselves while running says so, until
// ctx ends.
func (h *Residence) Live(ctx context.Context, running func() bool) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(4*time.Second + rand.N(6*time.Second)):
		}
		if running() {
			h.happen(ctx)
		}
	}
}

// happen does what may happen in a house. What fails is not tried again: the next thing
// happens soon.
func (h *Residence) happen(ctx context.Context) {
	who := h.Tenants[rand.IntN(len(h.Tenants))].ID
	switch n := rand.IntN(10); {
	case n < 3:
		d := damages[rand.IntN(len(damages))]
		_, _ = h.Report(ctx, who, Damage, d.Title, d.Description)
	case n < 4:
		_, _ = h.Report(ctx, who, Inquiry, "Where may I put my bicycle?", "The cellar is full.")
	case n < 6:
		if open := h.Tickets(""); len(open) > 0 {
			t := open[rand.IntN(min(5, len(open)))]
			next := map[string]string{"waiting-for-agent": "in-progress", "in-progress": "completed"}
			_, _ = h.Update(ctx, t.ID, Change{Status: next[t.Status]})
		}
	case n < 8:
		from := h.now().Add(time.Duration(rand.IntN(48)-4) * time.Hour)
		_, _ = h.Accept(ctx, who, rand.IntN(len(h.Assets)), from, from.Add(time.Duration(2+rand.IntN(40))*time.Hour))
	case n < 9:
		_, _ = h.Invite(ctx, who)
	default:
		_ = h.Post(ctx, fmt.Sprintf("News of the house, no. %d", rand.IntN(100)))
	}
}
