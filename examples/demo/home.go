package demo

import (
	_ "embed"
	"fmt"
	"net/http"

	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/troubles"
)

//go:embed home.html
var homeBody string

// card is a program with what it has to tell at a glance.
type card struct{ Title, Path, Does, State string }

func (d *Demo) cards() (platforms, receivers []card) {
	orders, permits, rows := d.desk.Orders(), d.doors.Permits(), d.sheet.Rows()
	books, mails, messages := d.office.Books(), d.mailbox.Mails(), d.channel.Messages()
	requests := 0
	for _, name := range d.troubles.Names() {
		n, _ := d.troubles.Trouble(name).Requests()
		requests += n
	}
	platforms = []card{
		{"Harbour Hall box office", "boxoffice/", "A ticket seller with Showpass's events and Invoice.", many(len(d.hall.Sales(500)), "sale")},
		{"Seestrasse 12", "residence/", "The app of a house, with Allthings' events. Its tenants have pages of their own.", many(len(d.house.Tickets("")), "ticket") + ", " + many(len(d.house.Bookings("")), "booking")},
	}
	receivers = []card{
		{"Service desk", "service-desk/", "An ERP: work orders from damage reports, written back.", many(len(orders), "work order")},
		{"Door access", "door-access/", "PINs that open a door in the booked time only.", many(len(permits), "permit")},
		{"Registration codes", "registration-codes/", "A spreadsheet of new codes.", many(len(rows), "row")},
		{"Back office", "back-office/", "Customers, ledger, mailing list.", many(len(books.Ledger), "ledger line")},
		{"Mailbox", "mailbox/", "Confirmations as HTML e-mail, by SMTP.", many(len(mails), "mail")},
		{"Chat", "chat/", "A Slack-compatible incoming webhook.", many(len(messages), "message")},
		{"Troubles", "troubles/", "Slow, flaky, down, refusing, gone: see retries, circuit, pause, explain, replay.", many(requests, "request")},
	}
	return platforms, receivers
}

func many(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func (d *Demo) homePage(mux *http.ServeMux) {
	t := page.Parse(homeBody)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		platforms, receivers := d.cards()
		page.Show(w, t, page.View{
			Title: "Bellhop demo",
			Intro: "Two platforms publish what happens to them. Bellhop, which runs here for as long as this demo does, signs each event in the platform's own format and carries it to every receiver that asked for it.",
			Nav: page.Nav{Links: []page.Link{
				{Text: "Dashboard", URL: d.bellhop + "/"}, {Text: "Events", URL: d.bellhop + "/events"}, {Text: "Logs", URL: d.bellhop + "/logs"}, {Text: "API", URL: d.bellhop + "/docs"},
			}},
			Body: map[string]any{
				"Platforms": platforms, "Receivers": receivers, "Busy": d.busy.Load(), "Dashboard": d.bellhop, "Tenant": d.house.Tenants[0],
				"Down": d.dashboardOf(troubles.Down), "Slow": d.dashboardOf(troubles.Slow), "Porter": d.dashboardOf("porter"),
			},
		})
	})
	mux.HandleFunc("POST /traffic", func(w http.ResponseWriter, r *http.Request) {
		d.busy.Store(r.FormValue("on") != "")
		page.Back(w, r, nil)
	})
}
