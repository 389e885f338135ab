package bellhop_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// published is what a store has, by app and external id.
type published map[[2]string]bellhop.FirstPublish

func (p published) find(app, externalID string) (bellhop.FirstPublish, bool, error) {
	first, found := p[[2]string{app, externalID}]
	return first, found, nil
}

func event(id bellhop.EventID, externalID string, digest byte) bellhop.NewEvent {
	return bellhop.NewEvent{
		Event: bellhop.Event{ID: id, App: "acme", ExternalID: externalID, Deliveries: int(id)}, Digest: [32]byte{digest},
	}
}

func TestReceipts(t *testing.T) {
	stored := published{
		{"acme", "old"}:  {Event: 1, Deliveries: 9, Digest: [32]byte{1}},
		{"acme", "gone"}: {Event: 2, Deliveries: 8, Erased: true},
	}
	got, err := bellhop.Receipts([]bellhop.NewEvent{
		event(10, "", 0), event(11, "new", 5), event(12, "old", 1), event(13, "gone", 7), event(14, "new", 5),
	}, stored.find)
	want := []bellhop.Receipt{
		{Event: 10, Deliveries: 10},
		{Event: 11, Deliveries: 11},
		{Event: 1, Deliveries: 9, Duplicate: true},
		{Event: 2, Deliveries: 8, Duplicate: true},
		{Event: 11, Deliveries: 11, Duplicate: true},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("receipts %+v, %v; want %+v", got, err, want)
	}
	for field, events := range map[string][]bellhop.NewEvent{
		"id":           {event(10, "old", 2)},
		"events[1].id": {event(10, "new", 1), event(11, "new", 2)},
	} {
		_, err := bellhop.Receipts(events, stored.find)
		e, ok := errors.AsType[*bellhop.Error](err)
		if !ok || e.Code != bellhop.CodeIDConflict || e.Fields[0].Field != field {
			t.Errorf("conflict at %s: %v", field, err)
		}
	}
	broken := errors.New("broken")
	_, err = bellhop.Receipts([]bellhop.NewEvent{event(10, "x", 0)}, func(string, string) (bellhop.FirstPublish, bool, error) {
		return bellhop.FirstPublish{}, false, broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("a store that broke: %v", err)
	}
}

func TestStoredReceipts(t *testing.T) {
	stored := published{{"acme", "old"}: {Event: 1, Deliveries: 9, Digest: [32]byte{1}}, {"acme", "new"}: {Event: 11, Deliveries: 11, Digest: [32]byte{5}}}
	has := func(id bellhop.EventID) (bool, error) { return id == 1 || id == 10 || id == 11, nil }
	for _, tc := range []struct {
		name   string
		events []bellhop.NewEvent
		want   []bellhop.Receipt
	}{
		{"all are there", []bellhop.NewEvent{event(10, "", 0), event(11, "new", 5)}, []bellhop.Receipt{{Event: 10, Deliveries: 10}, {Event: 11, Deliveries: 11}}},
		{"one repeats another of the batch", []bellhop.NewEvent{event(11, "new", 5), event(12, "new", 5)}, []bellhop.Receipt{
			{Event: 11, Deliveries: 11},
			{Event: 11, Deliveries: 11, Duplicate: true},
		}},
		{"one repeats an old one", []bellhop.NewEvent{event(12, "old", 1)}, []bellhop.Receipt{{Event: 1, Deliveries: 9, Duplicate: true}}},
		{"one has gone since", []bellhop.NewEvent{event(10, "", 0), event(12, "", 0)}, []bellhop.Receipt{{Event: 10, Deliveries: 10}, {Event: 12, Deliveries: 12}}},
		{"none is there", []bellhop.NewEvent{event(12, "", 0), event(13, "", 0)}, nil},
		{"one repeats an old one, and one is missing", []bellhop.NewEvent{event(12, "old", 1), event(13, "", 0)}, nil},
		{"one under a free id is missing", []bellhop.NewEvent{event(12, "free", 0)}, nil},
		{"one conflicts", []bellhop.NewEvent{event(12, "old", 2)}, nil},
	} {
		got, ok, err := bellhop.StoredReceipts(tc.events, has, stored.find)
		if err != nil || ok != (tc.want != nil) || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %+v, %v, %v; want %+v", tc.name, got, ok, err, tc.want)
		}
	}
}

func TestLastLineAndWhatItEnded(t *testing.T) {
	d := bellhop.Delivery{ID: 5, Event: 6, Endpoint: 7, App: "acme", Type: "a.b", Trigger: bellhop.TriggerReplay, Attempts: 3}
	for _, reason := range []string{bellhop.ReasonErased, bellhop.ReasonDeleted} {
		a := bellhop.LastLine(&d, 9, reason)
		if !a.Final || a.Status != bellhop.AttemptCanceled || a.Number != 4 || a.Reason != reason || a.Detail == "" {
			t.Errorf("last line %+v", a)
		}
		want := d
		want.Status, want.LastAttempt = bellhop.DeliveryCanceled, 9
		if got := a.Ended(); got != want {
			t.Errorf("it ended %+v, want %+v", got, want)
		}
	}
	if bellhop.LastLine(&d, 9, bellhop.ReasonErased).Detail == bellhop.LastLine(&d, 9, bellhop.ReasonDeleted).Detail {
		t.Error("the sentences are the same")
	}
}

func TestForget(t *testing.T) {
	for status, keeps := range map[int]bool{0: true, 299: true, 300: false, 399: false, 400: true} {
		a := bellhop.Attempt{
			ResponseStatus: status, Detail: "it said", RequestHeader: http.Header{"A": nil}, ResponseHeader: http.Header{}, ResponseBody: []byte("x"),
		}
		a.Forget()
		if a.RequestHeader != nil || a.ResponseHeader != nil || a.ResponseBody != nil || (a.Detail != "") != keeps {
			t.Errorf("of an answer %d is left: %+v", status, a)
		}
	}
}

func TestRenew(t *testing.T) {
	for _, tc := range []struct {
		old, changed bellhop.Endpoint
		want         bool
	}{
		{bellhop.Endpoint{Status: bellhop.EndpointDisabled}, bellhop.Endpoint{Status: bellhop.EndpointActive}, true},
		{bellhop.Endpoint{Status: bellhop.EndpointActive}, bellhop.Endpoint{Status: bellhop.EndpointActive, Name: "new"}, false},
		{bellhop.Endpoint{Status: bellhop.EndpointActive}, bellhop.Endpoint{Status: bellhop.EndpointPaused}, false},
		{bellhop.Endpoint{Status: bellhop.EndpointPaused, URL: "a"}, bellhop.Endpoint{Status: bellhop.EndpointPaused, URL: "b"}, true},
		{bellhop.Endpoint{}, bellhop.Endpoint{Headers: map[string]string{"X-Key": "new"}}, true},
		{bellhop.Endpoint{}, bellhop.Endpoint{Making: bellhop.Making{Auth: &bellhop.Auth{Type: bellhop.AuthBearer}}}, true},
	} {
		tc.old.Vitals = bellhop.Vitals{Revision: 1, Failures: 3}
		tc.changed.Revision = 7
		want := tc.old.Vitals
		if tc.want {
			want = bellhop.Vitals{Revision: 7, Since: noon}
		}
		if got := bellhop.Renew(&tc.old, &tc.changed, noon); got != want {
			t.Errorf("from %+v to %+v: %+v", tc.old, tc.changed, got)
		}
	}
}

func TestVitalsHealth(t *testing.T) {
	for _, tc := range []struct {
		v    bellhop.Vitals
		want bellhop.Health
	}{
		{bellhop.Vitals{}, bellhop.HealthUnknown},
		{bellhop.Vitals{Taken: true}, bellhop.HealthHealthy},
		{bellhop.Vitals{Taken: true, Failures: 2}, bellhop.HealthHealthy},
		{bellhop.Vitals{Taken: true, Failures: 3}, bellhop.HealthFailing},
		{bellhop.Vitals{Failures: 1}, bellhop.HealthFailing},
		{bellhop.Vitals{Taken: true, OpenSince: noon}, bellhop.HealthFailing},
	} {
		if got := tc.v.Health(); got != tc.want {
			t.Errorf("%+v: %s", tc.v, got)
		}
	}
}

func TestLatency(t *testing.T) {
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	a := bellhop.Attempt{
		ID: id.First[id.Attempt](at(10 * time.Second)), Event: id.First[id.Event](at(0)), Delivery: id.First[id.Delivery](at(4 * time.Second)),
		Duration: bellhop.Duration(100 * time.Millisecond),
	}
	for _, tc := range []struct {
		trigger bellhop.Trigger
		due     time.Time
		want    time.Duration
	}{
		{bellhop.TriggerPublish, time.Time{}, 10_100 * time.Millisecond},
		{bellhop.TriggerResend, time.Time{}, 6_100 * time.Millisecond},
		{bellhop.TriggerReplay, at(-time.Hour), 6_100 * time.Millisecond},
		{bellhop.TriggerPublish, at(9 * time.Second), 1_100 * time.Millisecond},
		{bellhop.TriggerPublish, at(time.Hour), 0},
	} {
		a.Trigger = tc.trigger
		if got := bellhop.Latency(&a, tc.due); got != tc.want {
			t.Errorf("%s, due %v: %v, want %v", tc.trigger, tc.due, got, tc.want)
		}
	}
}

func TestTally(t *testing.T) {
	var a, b bellhop.Tally
	a.Add(bellhop.AttemptSucceeded, true, 30*time.Millisecond, time.Second)
	a.Add(bellhop.AttemptFailed, false, 50*time.Millisecond, 0)
	b.Add(bellhop.AttemptFailed, true, 10*time.Millisecond, 0)
	b.Add(bellhop.AttemptCanceled, true, 0, 0)
	a.Merge(&b)
	got := a.Bucket(noon)
	if got.Succeeded != 1 || got.Failed != 2 || got.Exhausted != 2 || got.DurationMS != 90 || got.MaxDurationMS != 50 || !got.Start.Equal(noon) {
		t.Errorf("bucket %+v", got)
	}
	if a.Durations.Count() != 3 || a.Latencies.Count() != 1 || got.Latency.P50 < 950 || got.Latency.P50 > 1050 {
		t.Errorf("%d durations, %d latencies, %+v", a.Durations.Count(), a.Latencies.Count(), got.Latency)
	}
}

func TestBacklogThinner(t *testing.T) {
	thin := bellhop.BacklogThinner{Filter: bellhop.BacklogFilter{Since: noon, Until: noon.Add(time.Hour), Points: 3}}
	thin.Before(bellhop.SampleOf(noon, 7, id.First[id.Delivery](noon.Add(-time.Minute))))
	for i, pending := range []int64{1, 5, 2, 3} {
		thin.Add(bellhop.SampleOf(noon.Add(time.Duration(i)*15*time.Minute), pending, 0))
	}
	var got []int64
	for _, s := range thin.Samples {
		got = append(got, s.Pending)
	}
	if !slices.Equal(got, []int64{7, 5, 3}) || thin.Samples[0].OldestAgeMS != 60_000 {
		t.Errorf("samples %+v", thin.Samples)
	}
}

func TestSpread(t *testing.T) {
	at := noon.Add(time.Hour)
	e := bellhop.Event{ID: id.First[id.Event](noon), DeliverAt: &at}
	// Long after its time, it is due at once, but has kept its place.
	if due := bellhop.SpreadDue(&e, at.Add(time.Minute)); !due.Equal(at.Add(time.Minute)) {
		t.Errorf("due %v", due)
	}
	if due := bellhop.SpreadDue(&e, noon); !due.Equal(at) {
		t.Errorf("due %v", due)
	}
	if pos := bellhop.SpreadPosition(&e, 1); pos != id.First[id.Delivery](at) {
		t.Errorf("position %d", pos)
	}
	e.DeliverAt = nil
	if pos := bellhop.SpreadPosition(&e, 1); pos != bellhop.DeliveryID(e.ID) {
		t.Errorf("position %d", pos)
	}
	for status, want := range map[bellhop.EndpointStatus]bellhop.DeliveryStatus{
		"": bellhop.DeliveryPending, bellhop.EndpointActive: bellhop.DeliveryPending,
		bellhop.EndpointPaused: bellhop.DeliveryHeld, bellhop.EndpointDisabled: bellhop.DeliveryHeld,
	} {
		if got := bellhop.Unfinished(status, false); got != want {
			t.Errorf("at an endpoint that is %q: %s", status, got)
		}
		if got := bellhop.Unfinished(status, true); got != bellhop.DeliveryHeld {
			t.Errorf("held itself, at an endpoint that is %q: %s", status, got)
		}
	}
}

func TestJustReleased(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, x := range []struct {
		ago  time.Duration
		held int64
		want bool
	}{
		{time.Millisecond, 1, true},
		{10 * time.Millisecond, 1, false},
		{10 * time.Second, 20_000, true},
		{time.Minute, 1_000_000, false},
		{-time.Second, 10, false},
	} {
		if got := bellhop.JustReleased(now.Add(-x.ago), x.held, now); got != x.want {
			t.Errorf("%v ago, %d: %v", x.ago, x.held, got)
		}
	}
	if bellhop.JustReleased(time.Time{}, 20_000, now) {
		t.Error("those that were never let go were so a moment ago")
	}
}
