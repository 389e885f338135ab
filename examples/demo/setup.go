package demo

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/examples/boxoffice"
	"github.com/bellhop/bellhop/examples/residence"
	"github.com/bellhop/bellhop/examples/troubles"
)

// setUp makes the catalogue and the endpoints, as an operator and the receivers' people
// would: by the API.
func (d *Demo) setUp(ctx context.Context) error {
	for _, catalogue := range []map[string]client.EventTypePut{boxoffice.EventTypes(), residence.EventTypes()} {
		for _, name := range slices.Sorted(maps.Keys(catalogue)) {
			if _, err := d.api.PutEventType(ctx, name, catalogue[name]); err != nil {
				return fmt.Errorf("make the event type %s: %w", name, err)
			}
		}
	}
	for _, e := range d.wanted() {
		made, err := d.api.CreateEndpoint(ctx, e.change)
		if err != nil {
			return fmt.Errorf("make the endpoint %s: %w", e.change.Name.Value, err)
		}
		d.endpoints[e.name] = made.ID
	}
	return nil
}

// wish is an endpoint to make.
type wish struct {
	name   string
	change bellhop.EndpointChange
}

// wanted are the endpoints of all receivers. None of them names its dialect: that is the
// platform's.
func (d *Demo) wanted() []wish {
	hook := func(name, app, title, path string, more func(*bellhop.EndpointChange)) wish {
		c := bellhop.EndpointChange{
			Apps: bellhop.Of([]string{app}), URL: bellhop.Of(d.base + path), Name: bellhop.Of(title), Secret: bellhop.Of(d.secrets[name]),
		}
		more(&c)
		return wish{name, c}
	}
	events := func(patterns ...string) func(*bellhop.EndpointChange) {
		return func(c *bellhop.EndpointChange) { c.Events = bellhop.Of(patterns) }
	}
	list := []wish{
		hook("desk", House, "Service desk", "/service-desk/hook", func(c *bellhop.EndpointChange) {
			c.Description = bellhop.Of("Makes work orders of damage reports.")
			c.Events = bellhop.Of([]string{"ticket.created", "ticket.updated"})
			c.Subjects = bellhop.Of([]string{"urn:allthings:app:" + House + ":ticket:damage-report:*"})
			c.Ordering = bellhop.Of(bellhop.OrderingSubject)
			c.Capture = bellhop.Of(map[string]string{"work_order": "/work_order"})
		}),
		hook("house", House, "The house itself", "/residence/hook", func(c *bellhop.EndpointChange) {
			c.Description = bellhop.Of("Hears what was captured of partners' answers.")
			c.Events = bellhop.Of([]string{"bellhop.delivery.captured"})
		}),
		hook("doors", House, "Door access", "/door-access/hook", events("booking.accepted")),
		hook("sheet", House, "Registration codes", "/registration-codes/hook", func(c *bellhop.EndpointChange) {
			c.Events = bellhop.Of([]string{"registration-code.created"})
			c.Ordering = bellhop.Of(bellhop.OrderingEndpoint) // so that the sheet's rows are
		}),
		hook("office", Hall, "Back office", "/back-office/hook", events("invoice.*")),
	}
	// Slack signs nothing and wants nothing signed: who knows the URL may post.
	list = append(list, wish{"chat", bellhop.EndpointChange{
		Apps: bellhop.Of([]string{Hall}), URL: bellhop.Of(d.base + "/chat" + d.channel.Path), Name: bellhop.Of("Chat"),
		Events: bellhop.Of([]string{"invoice.purchase"}), Recipe: bellhop.Of("slack"),
	}})
	// What no recipe fits, a script does.
	list = append(list, wish{"porter", bellhop.EndpointChange{
		Apps: bellhop.Of([]string{House}), URL: bellhop.Of(d.base + "/chat" + d.channel.Path), Name: bellhop.Of("Porter's chat"),
		Description: bellhop.Of("Tells the chat of inquiries, by a script."), Events: bellhop.Of([]string{"ticket.created"}),
		Transform: bellhop.Of(&bellhop.Transform{Code: porterScript}), RateLimit: bellhop.Of(&bellhop.RateLimit{PerSecond: 1}),
		Verify: bellhop.Of(false), // the test event is no ticket
	}})
	list = append(list, wish{"mail", bellhop.EndpointChange{
		Apps: bellhop.Of([]string{Hall}), URL: bellhop.Of(d.mailbox.URL), Name: bellhop.Of("Confirmations"),
		Description: bellhop.Of("Sends a mail to each customer."), Events: bellhop.Of([]string{"invoice.purchase"}), Recipe: bellhop.Of("email"),
		RecipeFields: bellhop.Of(map[string]string{
			"from": "tickets@harbour-hall.example", "from_name": "Harbour Hall",
			"to": "${data.customer_email}", "subject": "Your tickets for ${data.ticket_items[0].event_name}", "text": mailText, "html": mailHTML,
		}),
		Auth: bellhop.Of(&bellhop.AuthChange{Auth: bellhop.Auth{Type: bellhop.AuthBasic, Username: d.mailbox.User}, Password: d.mailbox.Password}),
		TLS:  bellhop.Of(&bellhop.ClientTLSChange{ClientTLS: bellhop.ClientTLS{CA: d.mailbox.CA}}),
	}})
	for _, name := range d.troubles.Names() {
		t := d.troubles.Trouble(name)
		list = append(list, hook(name, Hall, "Trouble: "+t.Title, "/troubles/"+name+"/hook", func(c *bellhop.EndpointChange) {
			c.Description = bellhop.Of(t.Does)
			c.Events = bellhop.Of([]string{"invoice.*"})
			// Much shorter than the default of seven days, so that one can watch it end.
			delays := []bellhop.Duration{bellhop.Duration(time.Second), bellhop.Duration(2 * time.Second)}
			if name == troubles.Down {
				delays = delays[:1] // so that some has failed for good when it is repaired
			}
			c.Retry = bellhop.Of(bellhop.RetryPolicy{Delays: delays})
		}))
	}
	return list
}

// porterScript makes a chat's message of an inquiry.
//
//go:embed porter.js
var porterScript string

// The mail that customers get, with values of the invoice.
var (
	//go:embed mail.txt
	mailText string
	//go:embed mail.html
	mailHTML string
)
