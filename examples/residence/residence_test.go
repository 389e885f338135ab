package residence_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/examples/residence"
	"github.com/bellhop/bellhop/examples/signed"
)

// told is what was published, unless publishing fails.
type told struct {
	list []client.Publication
	err  error
}

func (t *told) Publish(_ context.Context, p client.Publication) (client.Receipt, error) {
	if t.err == nil {
		t.list = append(t.list, p)
	}
	return client.Receipt{}, t.err
}

func TestChangesAreToldAsDeltas(t *testing.T) {
	got := &told{}
	h := residence.New("house", got, time.Now)
	ticket, err := h.Report(t.Context(), "ten-771", residence.Damage, "Heating", "")
	if err != nil || got.list[0].Subject != "ticket:damage-report:"+ticket.ID {
		t.Fatalf("%+v, %v", got.list, err)
	}
	change := residence.Change{Status: "in-progress", Craftsperson: "Huber"}
	for range 2 { // the second changes nothing, and tells nothing
		if _, err := h.Update(t.Context(), ticket.ID, change); err != nil {
			t.Fatal(err)
		}
	}
	var u residence.Update
	if err := json.Unmarshal(got.list[1].Data, &u); err != nil || len(got.list) != 2 || len(u.Delta) != 2 ||
		*u.Delta["status"].From != "waiting-for-agent" || u.Delta["craftsperson"].From != nil || u.Delta["craftsperson"].To != "Huber" {
		t.Errorf("%d told, %s, %v", len(got.list), got.list[1].Data, err)
	}

	// What could not be told has not happened.
	got.err = errors.New("Bellhop is down")
	if _, err := h.Update(t.Context(), ticket.ID, residence.Change{Status: "completed"}); err == nil {
		t.Error("no error")
	}
	if _, err := h.Invite(t.Context(), "ten-771"); err == nil || len(h.Codes("")) != 0 {
		t.Errorf("%v, %d codes", err, len(h.Codes("")))
	}
	if s := h.Tickets("")[0].Status; s != "in-progress" || h.Updates() != 1 {
		t.Errorf("%s after %d updates", s, h.Updates())
	}
}

func TestAPI(t *testing.T) {
	h := residence.New("house", &told{}, time.Now)
	api := h.API("token")
	ticket, err1 := h.Report(t.Context(), "ten-771", residence.Damage, "Heating", "")
	booking, err2 := h.Accept(t.Context(), "ten-902", 1, time.Now(), time.Now().Add(time.Hour))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, c := range []struct {
		token, path, body string
		want              int
	}{
		{"token", "/tickets/" + ticket.ID, `{"workOrder":"WO-1"}`, 200},
		{"token", "/bookings/" + booking.ID, `{"pin":"471100"}`, 200},
		{"guess", "/tickets/" + ticket.ID, `{"status":"completed"}`, 401},
		{"token", "/tickets/other", `{"status":"completed"}`, 404},
		{"token", "/bookings/other", `{"pin":"1"}`, 404},
		{"token", "/tickets/" + ticket.ID, `{`, 400},
	} {
		r := httptest.NewRequest(http.MethodPatch, c.path, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer "+c.token)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s with %s: %d %s, want %d", c.path, c.body, w.Code, w.Body, c.want)
		}
	}
	if h.Tickets("ten-771")[0].WorkOrder != "WO-1" || h.Bookings("ten-902")[0].PIN != "471100" || len(h.Bookings("ten-771")) != 0 {
		t.Errorf("%+v %+v", h.Tickets(""), h.Bookings(""))
	}
}

// TestCapturedNumbersReachTheirTicket: by the subject of the event that was answered.
func TestCapturedNumbersReachTheirTicket(t *testing.T) {
	h := residence.New("house", &told{}, time.Now)
	ticket, err := h.Report(t.Context(), "ten-771", residence.Damage, "Heating", "")
	if err != nil {
		t.Fatal(err)
	}
	l, err := h.Listener("s3cr3t")
	if err != nil {
		t.Fatal(err)
	}
	for id, c := range map[string]struct {
		eventType, subject, captured string
		want                         int
	}{
		"evt_1": {"bellhop.delivery.captured", "ticket:damage-report:" + ticket.ID, `{"work_order":"WO-7"}`, 200},
		"evt_2": {"bellhop.delivery.captured", "booking:1", `{"pin":"1"}`, 200},
		"evt_3": {"bellhop.delivery.captured", "ticket:damage-report:other", `{"work_order":"WO-8"}`, 422},
		"evt_4": {"ticket.created", "ticket:damage-report:" + ticket.ID, `{"work_order":"WO-9"}`, 422},
	} {
		data := `{"subject":"` + c.subject + `","captured":` + c.captured + `}`
		if status, body, err := signed.Send(l, "allthings", "s3cr3t", id, c.eventType, c.subject, data); status != c.want || err != nil {
			t.Errorf("%s: %d %s, %v", id, status, body, err)
		}
	}
	if n := h.Tickets("")[0].WorkOrder; n != "WO-7" {
		t.Errorf("the ticket has %q", n)
	}
}

// TestEventTypesHaveExamples: whether an example fits its schema, Bellhop says on saving;
// here, that there is one for each type, with an id.
func TestEventTypesHaveExamples(t *testing.T) {
	types := residence.EventTypes()
	if len(types) != 5 {
		t.Errorf("%d types", len(types))
	}
	for name, et := range types {
		var example struct{ ID string }
		if err := json.Unmarshal(et.Example, &example); err != nil || example.ID == "" || et.Description == "" {
			t.Errorf("%s: %s, %v", name, et.Example, err)
		}
	}
}
