package dooraccess_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bellhop/bellhop/examples/dooraccess"
	"github.com/bellhop/bellhop/examples/signed"
)

type pins map[string]string

func (p pins) SetPIN(_ context.Context, booking, pin string) error {
	p[booking] = pin
	return nil
}

type failing struct {
	pins
	down *bool
}

func (f failing) SetPIN(ctx context.Context, booking, pin string) error {
	if *f.down {
		return errors.New("the residence is down")
	}
	return f.pins.SetPIN(ctx, booking, pin)
}

func TestPINsOpenInTheBookedTimeOnly(t *testing.T) {
	sample, err := os.ReadFile("../residence/samples/booking-accepted.json")
	if err != nil {
		t.Fatal(err)
	}
	written := pins{}
	d, err := dooraccess.New("s3cr3t", written, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	send := func(id, data string) (int, string) {
		t.Helper()
		status, body, err := signed.Send(d, "allthings", "s3cr3t", id, "booking.accepted", "booking:1", data)
		if err != nil {
			t.Fatal(err)
		}
		return status, body
	}
	status, body := send("evt_1", string(sample))
	pin := written["bk-20931"]
	if status != 200 || len(pin) != 6 || !strings.Contains(body, pin) {
		t.Fatalf("%d %s, wrote %v", status, body, written)
	}
	from, until := time.Date(2027, 2, 5, 14, 0, 0, 0, time.UTC), time.Date(2027, 2, 7, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		door, pin string
		at        time.Time
		opens     bool
	}{
		{"door-17", pin, from.Add(-time.Millisecond), false},
		{"door-17", pin, from, true},
		{"door-17", pin, until.Add(-time.Millisecond), true},
		{"door-17", pin, until, false},
		{"door-18", pin, from, false},
		{"door-17", "000000x", from, false},
	} {
		if got := d.Opens(c.door, c.pin, c.at); got != c.opens {
			t.Errorf("%s with %s at %s: %v", c.door, c.pin, c.at, got)
		}
	}
	// A residence that is down has the event come again, and the PIN is the same.
	down := true
	d2, err := dooraccess.New("s3cr3t", failing{pins: written, down: &down}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, err := signed.Send(d2, "allthings", "s3cr3t", "evt_1", "booking.accepted", "", string(sample)); status != 500 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	first := d2.Permits()[0].PIN
	down = false
	if status, _, err := signed.Send(d2, "allthings", "s3cr3t", "evt_1", "booking.accepted", "", string(sample)); status != 200 || err != nil || written["bk-20931"] != first {
		t.Errorf("%d, %v, wrote %v after %s", status, err, written, first)
	}
	written["bk-20931"] = pin

	// The booking in another event, as after a restart of the platform, has its PIN.
	send("evt_1", string(sample))
	send("evt_2", string(sample))
	if len(d.Permits()) != 1 || written["bk-20931"] != pin {
		t.Errorf("%+v, wrote %v", d.Permits(), written)
	}
	if status, _ := send("evt_3", `{"id":"bk-1","asset":{"doorId":"d"},"from":"2027-01-02T00:00:00Z","until":"2027-01-01T00:00:00Z"}`); status != 422 {
		t.Errorf("a booking that ends before it begins: %d", status)
	}
}
