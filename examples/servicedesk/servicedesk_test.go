package servicedesk_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/examples/servicedesk"
	"github.com/bellhop/bellhop/examples/signed"
)

// platform notes what is written to it, unless it is down.
type platform struct {
	down  bool
	wrote []map[string]string
}

func (p *platform) UpdateTicket(_ context.Context, ticket string, fields map[string]string) error {
	if p.down {
		return errors.New("the residence is down")
	}
	fields = maps.Clone(fields)
	fields["ticket"] = ticket
	p.wrote = append(p.wrote, fields)
	return nil
}

const created = `{"id":"5f2b","number":"T-1","title":"Heating","category":{"id":"damage-report"},"status":"waiting-for-agent","tenant":{"name":"Ayşe"},"unit":{"name":"3rd"}}`

func open(t *testing.T, p *platform) (*servicedesk.Desk, func(id, eventType, data string) int) {
	t.Helper()
	d, err := servicedesk.New("s3cr3t", p, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return d, func(id, eventType, data string) int {
		t.Helper()
		status, _, err := signed.Send(d, "allthings", "s3cr3t", id, eventType, "ticket:damage-report:5f2b", data)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
}

func changed(field, to string) string {
	return fmt.Sprintf(`{"id":"5f2b","category":{"id":"damage-report"},"delta":{%q:{"from":null,"to":%q}}}`, field, to)
}

// TestOwnWritesGoRoundOnce: what the desk writes comes back and is left at that; what
// others write is followed.
func TestOwnWritesGoRoundOnce(t *testing.T) {
	p := &platform{}
	d, send := open(t, p)
	send("evt_1", "ticket.created", created)
	send("evt_2", "ticket.updated", changed("workOrder", "WO-1001"))
	if len(p.wrote) != 0 || d.Own() != 1 {
		t.Errorf("wrote %v, own %d", p.wrote, d.Own())
	}
	if err := d.Assign(t.Context(), "WO-1001", "Huber"); err != nil {
		t.Fatal(err)
	}
	send("evt_3", "ticket.updated", `{"id":"5f2b","delta":{"status":{"from":"waiting-for-agent","to":"in-progress"},"craftsperson":{"from":null,"to":"Huber"}}}`)
	send("evt_4", "ticket.updated", changed("status", "completed"))
	send("evt_5", "ticket.updated", changed("status", "in-progress")) // somebody opened it again
	o := d.Orders()
	if len(o) != 1 || o[0].Status != "in-progress" || o[0].Craftsperson != "Huber" || d.Own() != 2 || len(p.wrote) != 1 || p.wrote[0]["craftsperson"] != "Huber" || p.wrote[0]["ticket"] != "5f2b" {
		t.Errorf("%+v, own %d, wrote %v", o, d.Own(), p.wrote)
	}
	if err := d.Finish(t.Context(), "WO-9"); err == nil {
		t.Error("an order that is not there is finished")
	}
	p.down = true
	if err := d.Finish(t.Context(), "WO-1001"); err == nil || d.Orders()[0].Status == "completed" {
		t.Errorf("%v, and the order is %s", err, d.Orders()[0].Status)
	}
}

// TestRepeatIsAnsweredTheSame: an answer that was lost is not the end of what it says.
func TestRepeatIsAnsweredTheSame(t *testing.T) {
	d, err := servicedesk.New("s3cr3t", &platform{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"evt_1", "evt_1", "evt_2"} {
		status, body, err := signed.Send(d, "allthings", "s3cr3t", id, "ticket.created", "ticket:damage-report:5f2b", created)
		if status != 200 || body != `{"work_order":"WO-1001"}` || err != nil {
			t.Errorf("%s: %d %s, %v", id, status, body, err)
		}
	}
	if len(d.Orders()) != 1 || d.Count().Repeats != 1 {
		t.Errorf("%d orders, %+v", len(d.Orders()), d.Count())
	}
}

func TestDeltaBeforeItsTicket(t *testing.T) {
	d, send := open(t, &platform{})
	send("evt_2", "ticket.updated", changed("status", "in-progress"))
	send("evt_1", "ticket.created", created)
	if o := d.Orders(); len(o) != 1 || o[0].Status != "in-progress" {
		t.Errorf("%+v", o)
	}
}

func TestOtherCategoriesAreRefused(t *testing.T) {
	d, send := open(t, &platform{})
	if status := send("evt_1", "ticket.created", strings.Replace(created, "damage-report", "general-inquiry", 1)); status != 422 || len(d.Orders()) != 0 {
		t.Errorf("%d, %d orders", status, len(d.Orders()))
	}
	if status := send("evt_2", "booking.accepted", `{}`); status != 422 {
		t.Errorf("%d", status)
	}
}
