package demo

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/examples/dooraccess"
	"github.com/bellhop/bellhop/examples/signed"
	"github.com/bellhop/bellhop/examples/troubles"
)

type permit = dooraccess.Permit

// repeats sends everything again, and what was not signed by Bellhop.
func (s *story) repeats() error {
	sent := map[string]int{}
	for _, name := range []string{"desk", "doors", "sheet", "office", "mail"} {
		for d, err := range s.api.Deliveries(s.ctx, client.DeliveryFilter{Endpoint: s.endpoints[name]}) {
			if err != nil {
				return err
			}
			if _, err := s.api.Resend(s.ctx, d.Event, d.Endpoint); err != nil {
				return err
			}
			sent[name]++
		}
	}
	before := s.office.Books()
	s.expect("every event is sent again, and recognised by its id", func() error {
		return all(
			same("at the service desk", s.desk.Count().Repeats, sent["desk"]), same("at the doors", s.doors.Count().Repeats, sent["doors"]),
			same("at the sheet", s.sheet.Count().Repeats, sent["sheet"]), same("at the back office", s.office.Count().Repeats, sent["office"]),
			same("more than ten were sent", sent["desk"]+sent["doors"]+sent["sheet"]+sent["office"] > 10, true),
		)
	})
	s.expect("no state has changed by it", func() error {
		b := s.office.Books()
		return all(same("cents", b.Net, before.Net), same("ledger lines", len(b.Ledger), 7), same("work orders", len(s.desk.Orders()), 1),
			same("updates of the ticket", s.house.Updates(), 3), same("permits", len(s.doors.Permits()), 2), same("rows", len(s.sheet.Rows()), 4))
	})
	s.expect("mailbox: mail that is sent again has the same Message-ID, and is one mail", func() error {
		return all(same("arrived", s.mailbox.Arrived(), 5+sent["mail"]), same("mails", len(s.mailbox.Mails()), 5))
	})
	for _, f := range []struct {
		path, dialect, name string
		forged              func() int
	}{
		{"/service-desk/hook", "allthings", "the service desk", func() int { return s.desk.Count().Forged }},
		{"/door-access/hook", "allthings", "door access", func() int { return s.doors.Count().Forged }},
		{"/registration-codes/hook", "allthings", "the sheet", func() int { return s.sheet.Count().Forged }},
		{"/back-office/hook", "showpass", "the back office", func() int { return s.office.Count().Forged }},
	} {
		s.expect("a request signed with a foreign secret is refused by "+f.name, func() error {
			was := f.forged()
			status, err := s.forge(s.base+f.path, f.dialect)
			if err != nil {
				return err
			}
			return all(same("status", status, http.StatusUnauthorized), same("forged", f.forged(), was+1))
		})
	}
	return nil
}

// forge sends what looks like an event, signed with a secret that nobody knows.
func (s *story) forge(url, name string) (int, error) {
	req, err := signed.Request(url, name, "a foreign secret", dialect.Message{
		ID: "evt_forged", App: House, Type: "ticket.created", Subject: "ticket:damage-report:1", Time: s.now(), Data: []byte(`{"id":"1"}`),
	})
	if err != nil {
		return 0, err
	}
	resp, err := s.http.Do(req.WithContext(s.ctx))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// trouble looks at what Bellhop makes of receivers that are no good. The box office's
// nine events have gone to each of them.
func (s *story) trouble() error {
	var events []client.Event
	for e, err := range s.api.Events(s.ctx, client.EventFilter{App: Hall, Type: "invoice.*"}) {
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	slices.Reverse(events)
	has := func(name string, want func(client.Event) bool) error {
		got := s.troubles.Trouble(name).Got()
		n := 0
		for _, e := range events {
			if is := slices.Contains(got, e.UUID); is != want(e) {
				return fmt.Errorf("%s (%s): taken is %v", e.ID, e.Type, is)
			}
			if want(e) {
				n++
			}
		}
		return same("taken", len(got), n)
	}
	every := func(client.Event) bool { return true }
	attempts := func(name string, e client.Event) (list []client.Attempt, err error) {
		for a, err := range s.api.Attempts(s.ctx, client.AttemptFilter{Event: e.ID, Endpoint: s.endpoints[name]}) {
			if err != nil {
				return nil, err
			}
			list = append(list, a)
		}
		slices.Reverse(list)
		return list, nil
	}

	s.expect("slow: it gets everything", func() error { return has(troubles.Slow, every) })
	s.expect("flaky: it gets everything at the second attempt", func() error {
		for _, e := range events {
			list, err := attempts(troubles.Flaky, e)
			if err != nil {
				return err
			}
			if len(list) != 2 || list[0].ResponseStatus != 500 || list[1].Status != bellhop.AttemptSucceeded {
				return fmt.Errorf("%s has %d attempts", e.ID, len(list))
			}
		}
		return has(troubles.Flaky, every)
	})
	s.expect("picky: it gets everything but invoice.void, whose refusal is quoted", func() error {
		for _, e := range events {
			x, err := s.explain(Hall, e.ExternalID, troubles.Picky)
			if err != nil {
				return err
			}
			if refused := e.Type == "invoice.void"; refused && (x.Outcome != bellhop.FateFailed || !strings.Contains(x.Detail, "422")) || !refused && x.Outcome != bellhop.FateSucceeded {
				return fmt.Errorf("%s: %s, %s", e.Type, x.Outcome, x.Detail)
			}
		}
		return has(troubles.Picky, func(e client.Event) bool { return e.Type != "invoice.void" })
	})
	s.expect("picky: refusals do not open its circuit", func() error { return s.circuit(troubles.Picky, "closed") })
	s.expect("gone: its endpoint is disabled, and says why", func() error {
		e, err := s.api.Endpoint(s.ctx, s.endpoints[troubles.Gone])
		if err != nil {
			return err
		}
		return all(same("status", e.Status, bellhop.EndpointDisabled), same("it says 410", strings.Contains(e.DisabledReason, "410"), true))
	})
	s.expect("down: once it is repaired, a probe closes the circuit", func() error { return s.circuit(troubles.Down, "closed") })
	s.expect("down: nothing waits there any more", func() error {
		st, err := s.api.EndpointStats(s.ctx, s.endpoints[troubles.Down], client.StatsFilter{})
		return all(err, same("pending", st.Pending, 0))
	})
	failed := 0
	for sum, err := range s.api.ReplayAll(s.ctx, s.endpoints[troubles.Down], client.ReplayInput{Since: s.now().Add(-time.Hour), Status: bellhop.ReplayFailed}) {
		if err != nil {
			return err
		}
		failed = sum.Enqueued
	}
	s.expect("replay: what had failed for good is sent again, and it has everything", func() error {
		return all(same("something had failed", failed > 0, true), has(troubles.Down, every))
	})
	return nil
}

func (s *story) circuit(name, want string) error {
	st, err := s.api.EndpointStats(s.ctx, s.endpoints[name], client.StatsFilter{})
	return all(err, same("circuit", st.Lane.Circuit, want))
}

func (s *story) downIsInTrouble() error {
	list, err := s.api.TroubledEndpoints(s.ctx, Hall)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(t client.Troubled) bool { return t.Endpoint.ID == s.endpoints[troubles.Down] })
	if i < 0 {
		return fmt.Errorf("%d others are", len(list))
	}
	return all(same("reason", list[i].Reason, "circuit_open"), same("taken", len(s.troubles.Trouble(troubles.Down).Got()), 0))
}
