package demo

import (
	"encoding/csv"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/examples/boxoffice"
	"github.com/bellhop/bellhop/examples/mailbox"
	"github.com/bellhop/bellhop/examples/residence"
)

// pages: the link opens everything, and without it nothing opens.
func (s *story) pages() error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, Timeout: s.http.Timeout, Transport: s.http.Transport}
	get := func(c *http.Client, url, says string) error {
		resp, err := c.Get(url)
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // nothing was written
		text, err := io.ReadAll(resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || !strings.Contains(string(text), says)) {
			err = fmt.Errorf("%s answered %s, without %q", url, resp.Status, says)
		}
		return err
	}
	s.expect("strangers stay outside", func() error {
		if get(&http.Client{Transport: s.http.Transport}, s.base+"/", "") == nil {
			return errors.New("the pages are open to everybody")
		}
		return nil
	})
	s.expect("the link leads to the pages, and into the dashboard", func() error {
		errs := []error{get(browser, s.Link(), "A short story"), get(browser, s.bellhop+"/v1/session", `"role":"admin"`)}
		for path, title := range map[string]string{
			"/boxoffice/": "box office", "/residence/": "Seestrasse 12", "/residence/tenants/" + s.house.Tenants[0].ID: s.house.Tenants[0].Name,
			"/service-desk/": "Work orders", "/door-access/": "keypad", "/registration-codes/": "Download", "/back-office/": "Ledger",
			"/mailbox/": "Mailbox", "/chat/": "box-office", "/troubles/": "Flaky",
		} {
			errs = append(errs, get(browser, s.base+path, title))
		}
		return all(errs...)
	})
	s.expect("the platforms' customers get to their webhooks", func() error {
		return all(get(browser, s.base+"/portal/"+Hall, "<title>"), get(browser, s.base+"/portal/"+House, "<title>"))
	})
	return nil
}

// boxOffice sells, refunds, voids and transfers.
func (s *story) boxOffice() error {
	sell := func(name, email string, quantity int, subscribe bool) (boxoffice.Sale, error) {
		return s.hall.Sell(s.ctx, boxoffice.Order{Name: name, Email: email, Quantity: quantity, Subscribe: subscribe})
	}
	zoe, err1 := sell("Zoë Łukasz", "zoe@example.com", 2, true)
	tom, err2 := sell(`Tom & Ida "Larsen" <x>`, "larsen@example.net", 1, false)
	mai, err3 := sell("Nguyễn Thị Mai", "mai@example.com", 3, true)
	amir, err4 := sell("Amir Haddad", "amir@example.com", 1, false)
	if err := all(err1, err2, err3, err4); err != nil {
		return err
	}
	if err := all(
		s.hall.Refund(s.ctx, tom.Invoice.TransactionID),
		s.hall.Void(s.ctx, mai.Invoice.TransactionID),
		s.hall.Transfer(s.ctx, amir.Invoice.TransactionID, "Grace O'Malley", "grace@example.org"),
	); err != nil {
		return err
	}
	s.expect("down: its circuit opens, and it is listed as in trouble", s.downIsInTrouble)
	s.troubles.SetDown(false)
	ida, err := sell("Ida Larsen", "ida@example.net", 2, false)
	if err != nil {
		return err
	}
	total := func(v boxoffice.Invoice) int64 { return int64(v.GrossRevenue + v.TotalTax) }
	s.expect("back office: the ledger nets the refund and the void, to the cent", func() error {
		b := s.office.Books()
		return all(same("lines", len(b.Ledger), 7), same("open transactions", b.Open, 3),
			same("cents", b.Net, total(zoe.Invoice)+total(amir.Invoice)+total(ida.Invoice)))
	})
	s.expect("back office: each customer has a record with what they spent", func() error {
		b := s.office.Books()
		for _, c := range b.Customers {
			want := map[string]int64{"zoe@example.com": total(zoe.Invoice), "amir@example.com": total(amir.Invoice), "ida@example.net": total(ida.Invoice)}[c.Email]
			if err := same(c.Email+" spent", c.Spent, want); err != nil {
				return err
			}
		}
		return same("customers", len(b.Customers), 6)
	})
	s.expect("back office: only those who ticked the box are on the mailing list", func() error {
		list := s.office.Books().List
		slices.Sort(list)
		return same("list", strings.Join(list, " "), "mai@example.com zoe@example.com")
	})
	s.expect("back office: all nine events came with a right signature, once", func() error {
		c := s.office.Count()
		return all(same("taken", c.Taken, 9), same("forged", c.Forged, 0), same("failed", c.Failed, 0))
	})
	s.expect("back office: the webhook_event_uuid that it has logged leads back to the event", func() error {
		sale, err := s.event(Hall, zoe.Invoice.TransactionID+":purchase")
		if err != nil {
			return err
		}
		for e, err := range s.api.Events(s.ctx, client.EventFilter{App: Hall, UUID: s.office.UUIDOf(zoe.Invoice.TransactionID)}) {
			return all(err, same("event", e.ID, sale.ID))
		}
		return errors.New("no event is found")
	})
	s.expect("mailbox: each customer got their confirmation as HTML, by SMTP with TLS and a password", func() error {
		mails := s.mailbox.Mails()
		if err := same("mails", len(mails), 5); err != nil {
			return err
		}
		for _, sale := range []boxoffice.Sale{zoe, tom, mai, amir, ida} {
			v := sale.Invoice
			i := slices.IndexFunc(mails, func(m mailbox.Mail) bool { return m.To == v.CustomerEmail })
			if i < 0 {
				return fmt.Errorf("none to %s", v.CustomerEmail)
			}
			m := mails[i]
			if err := all(same("subject", m.Subject, "Your tickets for "+v.InvoiceItems[0].EventName), same("TLS and password", m.Secure, true)); err != nil {
				return err
			}
			for _, want := range []string{html.EscapeString(v.CustomerName), v.TicketItems[0].BarcodeString, v.GrossRevenue.String(), "<table"} {
				if !strings.Contains(html.UnescapeString(m.HTML), html.UnescapeString(want)) || strings.Contains(m.HTML, "<x>") {
					return fmt.Errorf("the mail to %s has no %q: %s", m.To, want, m.HTML)
				}
			}
		}
		return nil
	})
	s.expect("chat: a message of each sale, laid out and escaped", func() error {
		messages := s.channel.Messages() // the house tells of nothing yet
		if err := same("sales", len(messages), 5); err != nil {
			return err
		}
		var text strings.Builder
		for _, m := range messages {
			for _, part := range m.Parts() {
				fmt.Fprintln(&text, part.Lines, part.Fields)
			}
		}
		for _, want := range []string{"118.00 CAD", "Tom &amp; Ida", "&#60;x&#62;", "Zoë Łukasz", "2 × Harbour Lights"} {
			if !strings.Contains(text.String(), want) {
				return fmt.Errorf("there is no %q in %s", want, text.String())
			}
		}
		return nil
	})
	return nil
}

// residence reports, updates, books and invites.
func (s *story) residence() error {
	tenant := s.house.Tenants[0].ID
	damage, err1 := s.house.Report(s.ctx, tenant, residence.Damage, "Heating stays cold", "Since last night. <b>Please</b> ring.")
	inquiry, err2 := s.house.Report(s.ctx, tenant, residence.Inquiry, "Where may I put my bicycle?", "")
	if err := all(err1, err2); err != nil {
		return err
	}
	ticket := func() residence.Ticket {
		list := s.house.Tickets("")
		return list[slices.IndexFunc(list, func(t residence.Ticket) bool { return t.ID == damage.ID })]
	}
	s.expect("service desk: one work order, of the damage report alone; its number, captured from the answer, is at the ticket", func() error {
		orders := s.desk.Orders()
		if err := same("work orders", len(orders), 1); err != nil {
			return err
		}
		return all(same("ticket", orders[0].Ticket, damage.ID), same("number at the ticket", ticket().WorkOrder, orders[0].Number), same("captures", s.reacts.Count().Taken, 1))
	})
	if len(s.desk.Orders()) != 1 {
		return errors.New("there is no work order to go on with")
	}
	if err := s.desk.Assign(s.ctx, s.desk.Orders()[0].Number, "Sanitär Huber AG"); err != nil {
		return err
	}
	if _, err := s.house.Update(s.ctx, damage.ID, residence.Change{Status: "completed"}); err != nil {
		return err
	}
	s.expect("service desk: it writes a craftsperson, and follows what the house changes", func() error {
		t, o := ticket(), s.desk.Orders()[0]
		return all(same("craftsperson", t.Craftsperson, "Sanitär Huber AG"), same("status of the ticket", t.Status, "completed"), same("of the order", o.Status, "completed"))
	})
	s.expect("service desk: what it wrote came back twice, and went round no further", func() error {
		c := s.desk.Count()
		return all(same("updates of the ticket", s.house.Updates(), 3), same("own", s.desk.Own(), 2), same("taken", c.Taken, 4), same("failed", c.Failed, 0))
	})
	s.expect("explain: the inquiry did not go to the service desk, for its subject", func() error {
		x, err := s.explain(House, "ticket.created:"+inquiry.ID, "desk")
		if err != nil {
			return err
		}
		return all(same("outcome", x.Outcome, bellhop.FateNotSent), same("reason", x.Reason, "subject"))
	})

	if err := s.script(tenant); err != nil {
		return err
	}
	now := s.now()
	booking, err1 := s.house.Accept(s.ctx, tenant, 0, now.Add(-time.Hour), now.Add(time.Hour))
	later, err2 := s.house.Accept(s.ctx, tenant, 0, now.Add(24*time.Hour), now.Add(48*time.Hour))
	if err := all(err1, err2); err != nil {
		return err
	}
	s.expect("door access: a PIN opens the door in the booked time only", func() error {
		permits := s.doors.Permits()
		if err := same("permits", len(permits), 2); err != nil {
			return err
		}
		for _, p := range permits {
			d := booking.Asset.DoorID
			if err := all(
				same("before", s.doors.Opens(d, p.PIN, p.From.Add(-time.Second)), false), same("at the beginning", s.doors.Opens(d, p.PIN, p.From), true),
				same("at the end", s.doors.Opens(d, p.PIN, p.Until), false), same("another door", s.doors.Opens("door-03", p.PIN, p.From), false),
			); err != nil {
				return err
			}
		}
		return nil
	})
	s.expect("door access: the tenant's page shows the PINs", func() error {
		for _, b := range s.house.Bookings(tenant) {
			i := slices.IndexFunc(s.doors.Permits(), func(p permit) bool { return p.Booking == b.ID })
			if i < 0 || b.PIN == "" || b.PIN != s.doors.Permits()[i].PIN {
				return fmt.Errorf("booking %s has the PIN %q", b.ID, b.PIN)
			}
		}
		return same("bookings", len(s.house.Bookings(tenant)), 2)
	})
	_ = later
	return s.codes(tenant)
}

// script breaks the porter's script, and repairs it.
func (s *story) script(tenant string) error {
	told := func(want int) error {
		n := 0
		for _, m := range s.channel.Messages() {
			if strings.HasPrefix(m.Text, "*Inquiry*") {
				n++
			}
		}
		return same("inquiries in the chat", n, want)
	}
	s.expect("script: the chat is told of the inquiry, and the damage report is skipped", func() error {
		var damage string
		for _, t := range s.house.Tickets("") {
			if t.Category.ID == residence.Damage {
				damage = t.ID
			}
		}
		x, err := s.explain(House, "ticket.created:"+damage, "porter")
		return all(err, told(1), same("outcome", x.Outcome, bellhop.FateCanceled), same("reason", x.Reason, bellhop.ReasonSkipped))
	})
	change := func(code string) error {
		_, err := s.api.UpdateEndpoint(s.ctx, s.endpoints["porter"], bellhop.EndpointChange{Transform: bellhop.Of(&bellhop.Transform{Code: code})})
		return err
	}
	if err := change("function transform(event) {\n  return { body: event.data.nobody.name };\n}"); err != nil {
		return err
	}
	held, err := s.house.Report(s.ctx, tenant, residence.Inquiry, "Is there a ladder?", "")
	if err != nil {
		return err
	}
	s.expect("script: what it fails on is held, and explained with line and column", func() error {
		x, err := s.explain(House, "ticket.created:"+held.ID, "porter")
		return all(err, told(1), same("outcome", x.Outcome, bellhop.FateHeld), same("reason", x.Reason, bellhop.ReasonTransform), same("it names line 2", strings.Contains(x.Detail, "2:"), true))
	})
	if err := change(porterScript); err != nil {
		return err
	}
	s.expect("script: once it is corrected, what was held goes out", func() error { return told(2) })
	return nil
}

// codes makes registration codes, one of them while the sheet is paused.
func (s *story) codes(tenant string) error {
	var want []string
	invite := func() (residence.Code, error) {
		c, err := s.house.Invite(s.ctx, tenant)
		want = append(want, c.ID)
		return c, err
	}
	rows := func() error {
		b, err := s.sheet.File()
		if err != nil {
			return err
		}
		list, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
		if err != nil || len(list) == 0 {
			return fmt.Errorf("the file is no sheet: %w", err)
		}
		var ids []string
		for _, row := range list[1:] {
			ids = append(ids, row[0])
		}
		return same("rows", strings.Join(ids, " "), strings.Join(want, " "))
	}
	for range 3 {
		if _, err := invite(); err != nil {
			return err
		}
	}
	s.expect("registration codes: three rows in the CSV file, in their order", rows)
	if _, err := s.api.PauseEndpoint(s.ctx, s.endpoints["sheet"]); err != nil {
		return err
	}
	held, err := invite()
	if err != nil {
		return err
	}
	s.expect("pause: a code that comes meanwhile is held, and explained", func() error {
		x, err := s.explain(House, "registration-code.created:"+held.ID, "sheet")
		if err != nil {
			return err
		}
		return all(same("outcome", x.Outcome, bellhop.FateHeld), same("reason", x.Reason, "paused"), same("rows", len(s.sheet.Rows()), 3))
	})
	if _, err := s.api.ResumeEndpoint(s.ctx, s.endpoints["sheet"]); err != nil {
		return err
	}
	s.expect("resume: it is the fourth row", rows)
	return nil
}

// event gives the event that was published with an id.
func (s *story) event(app, external string) (client.Event, error) {
	for e, err := range s.api.Events(s.ctx, client.EventFilter{App: app, ExternalID: external}) {
		return e, err
	}
	return client.Event{}, fmt.Errorf("there is no event %s", external)
}

// explain gives what became of an event at an endpoint.
func (s *story) explain(app, external, endpoint string) (bellhop.Explanation, error) {
	e, err := s.event(app, external)
	if err != nil {
		return bellhop.Explanation{}, err
	}
	for x, err := range s.api.Explain(s.ctx, e.ID) {
		if err != nil || x.Endpoint == s.endpoints[endpoint] {
			return x, err
		}
	}
	return bellhop.Explanation{}, fmt.Errorf("event %s is not explained at %s", external, endpoint)
}
