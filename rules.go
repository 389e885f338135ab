package bellhop

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop/bellhop/internal/histogram"
)

// The rules that every store follows, in one place, so that no two of them differ.

// FirstPublish is what a store knows of the first event under an ExternalID.
type FirstPublish struct {
	Event      EventID
	Deliveries int
	Digest     [32]byte
	// Erased events have lost their digest: whatever is published under their
	// ExternalID counts as the same.
	Erased bool
}

func (p *FirstPublish) conflicts(n *NewEvent) bool { return !p.Erased && p.Digest != n.Digest }

// FindFirst looks an ExternalID of an app up; found is false if it is free.
type FindFirst func(app, externalID string) (first FirstPublish, found bool, err error)

// Receipts answers the events of an Enqueue: those with Duplicate set must not be
// stored. It fails with a CodeIDConflict error if an ExternalID was used for other
// content, and as find does.
func Receipts(events []NewEvent, find FindFirst) ([]Receipt, error) {
	receipts := make([]Receipt, len(events))
	var conflicts *Error
	var batch map[[2]string]FirstPublish
	for i := range events {
		n := &events[i]
		receipts[i] = Receipt{Event: n.Event.ID, Deliveries: n.Event.Deliveries}
		if n.Event.ExternalID == "" {
			continue
		}
		key := [2]string{n.Event.App, n.Event.ExternalID}
		first, repeated := batch[key]
		if !repeated {
			var err error
			if first, repeated, err = find(key[0], key[1]); err != nil {
				return nil, err
			}
		}
		switch {
		case !repeated:
			if batch == nil {
				batch = map[[2]string]FirstPublish{}
			}
			batch[key] = FirstPublish{Event: n.Event.ID, Deliveries: n.Event.Deliveries, Digest: n.Digest}
		case first.conflicts(n):
			whose := "event " + first.Event.String()
			if _, beside := batch[key]; beside {
				whose = "another event beside it" // which is not stored either
			}
			conflicts = conflicts.and(idConflict(i, len(events), whose))
		default:
			receipts[i] = Receipt{Event: first.Event, Deliveries: first.Deliveries, Duplicate: true}
		}
	}
	if conflicts != nil {
		return nil, conflicts
	}
	return receipts, nil
}

// and adds the fields of another error of the same kind.
func (e *Error) and(other *Error) *Error {
	if e == nil {
		return other
	}
	e.Fields = append(e.Fields, other.Fields...)
	return e
}

// StoredReceipts answers for events of which it is not known whether their Enqueue
// was done. Since they were stored all or nothing, one that is there tells that all
// were: those that are missing answer for others under their ExternalID, or have gone
// with their app since. Where none is there, it was done only if each of them repeats
// an earlier one.
func StoredReceipts(events []NewEvent, has func(EventID) (bool, error), find FindFirst) ([]Receipt, bool, error) {
	receipts := make([]Receipt, len(events))
	some, missing := false, false
	for i := range events {
		n := &events[i]
		receipts[i] = Receipt{Event: n.Event.ID, Deliveries: n.Event.Deliveries}
		there, err := has(n.Event.ID)
		if err != nil {
			return nil, false, err
		}
		if there {
			some = true
			continue
		}
		repeats := false
		if n.Event.ExternalID != "" {
			first, found, err := find(n.Event.App, n.Event.ExternalID)
			if err != nil {
				return nil, false, err
			}
			if repeats = found && !first.conflicts(n); repeats {
				receipts[i] = Receipt{Event: first.Event, Deliveries: first.Deliveries, Duplicate: true}
			}
		}
		missing = missing || !repeats
	}
	if missing && !some {
		return nil, false, nil
	}
	return receipts, true, nil
}

// idConflict is the error of event i among n.
func idConflict(i, n int, whose string) *Error {
	field := "id"
	if n > 1 {
		field = fmt.Sprintf("events[%d].id", i)
	}
	return &Error{
		Code:   CodeIDConflict,
		Detail: "The id was used before in this app, for different content",
		Fields: []FieldError{{field, string(CodeIDConflict), "belongs to " + whose + "; give each event its own id"}},
	}
}

// IDConflictAt gives the place of the event that a CodeIDConflict error of a batch is
// about.
func IDConflictAt(err error) (i int, ok bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeIDConflict || len(e.Fields) == 0 {
		return 0, false
	}
	if e.Fields[0].Field == "id" {
		return 0, true
	}
	_, err = fmt.Sscanf(e.Fields[0].Field, "events[%d].id", &i)
	return i, err == nil
}

// NameTaken refuses to save an endpoint one of whose names belongs to another endpoint of an
// app.
func NameTaken(e *Endpoint, app, name string) *Error {
	field := "uid"
	if name != e.UID {
		field = "former_id"
	}
	return &Error{
		Code: CodeUIDConflict, Detail: "Another endpoint of the app has this " + field,
		Fields: []FieldError{{field, string(CodeUIDConflict), fmt.Sprintf("%q names another endpoint of the app %s: give each its own, or change that one first", Clip(name), Clip(app))}},
	}
}

// Settles tells whether a result that ended its delivery settles the older ones of the
// same event to the same endpoint: it was sent again, and has arrived.
func (r *Result) Settles() bool {
	return r.Attempt.Final && r.Attempt.Status == AttemptSucceeded && r.Attempt.Trigger.Again()
}

// LastLine is the line of the log that cancels a delivery without a request, for
// ReasonErased, ReasonDeleted or ReasonSettled.
func LastLine(d *Delivery, id AttemptID, reason string) Attempt {
	detail := "The endpoint was deleted before the event was delivered."
	switch reason {
	case ReasonErased:
		detail = "The event's data was erased before it was delivered."
	case ReasonSettled:
		detail = "The event was sent again and has arrived, by delivery " + d.Settled.String() + ": this one is not needed any more."
	}
	return Attempt{
		ID: id, Delivery: d.ID, Event: d.Event, Endpoint: d.Endpoint, App: d.App, Type: d.Type,
		Trigger: d.Trigger, Number: d.Attempts + 1,
		Status: AttemptCanceled, Final: true, Reason: reason, Detail: detail,
	}
}

// ExpiredLine is the line of the log that ends a delivery that became too old.
func ExpiredLine(d *Delivery, id AttemptID, detail string) Attempt {
	line := LastLine(d, id, ReasonExpired)
	line.Status, line.Detail = AttemptFailed, detail
	return line
}

// Born is when a delivery begins to age: when it was made or, if its event is to be
// delivered later, then. One that was held begins anew when it is let go.
func Born(d *Delivery, e *Event) time.Time {
	born := d.ID.Time()
	if at := e.DeliverAt; at != nil && d.Trigger == TriggerPublish && at.After(born) {
		born = *at
	}
	if d.ReleasedAt.After(born) {
		born = d.ReleasedAt
	}
	return born
}

// Releases tells whether a change of an endpoint lets its held deliveries go: it was
// made active, or a request to it is made in another way.
func Releases(old, changed *Endpoint) bool {
	return changed.Status == EndpointActive && old.Status != EndpointActive || !changed.MakesLike(old)
}

// The time that held deliveries have to be tried once let go, each and all of them.
const (
	releaseTime    = 2 * time.Millisecond
	maxReleaseTime = time.Minute
)

// JustReleased tells whether so many held deliveries of an endpoint, of which the oldest
// was let go last at the given time, have hardly been tried since: to let them go once
// more would only repeat that.
func JustReleased(oldest time.Time, held int64, now time.Time) bool {
	since := now.Sub(oldest)
	return since >= 0 && since < maxReleaseTime && int64(since/releaseTime) < held
}

// CanHold tells whether an attempt's delivery is held: by the settings of a revision of
// its endpoint, which are those of today.
func (r *Result) CanHold(revision int64) bool {
	return r.Held && !r.Attempt.Final && r.Revision == revision
}

// Reacts tells whether something is to be published of what an attempt has captured:
// it ended its delivery, which was no test.
func (a *Attempt) Reacts() bool {
	return len(a.Captured) > 0 && a.Final && a.Status == AttemptSucceeded && a.Trigger != TriggerTest
}

// GaveUp tells whether the attempt is the last of a delivery that was not taken, and was
// no test.
func (a *Attempt) GaveUp() bool {
	return a.Final && a.Status == AttemptFailed && a.Trigger != TriggerTest
}

// FailingFrom is the attempt that makes a delivery one that is failing, if it fails as those
// before did.
const FailingFrom = 4

// BeginsToFail tells whether the attempt is the failure by which its delivery, which goes on
// and is no test, begins to be failing: each delivery has at most one such.
func (a *Attempt) BeginsToFail() bool {
	return a.Number == FailingFrom && !a.Final && a.Status == AttemptFailed && a.Trigger != TriggerTest
}

// Recovers tells whether the attempt ends a delivery in success that was failing.
func (a *Attempt) Recovers() bool {
	return a.Number > FailingFrom && a.Final && a.Status == AttemptSucceeded && a.Trigger != TriggerTest
}

// Reacts tells whether something is to be published of a result: of what was captured, or
// how its delivery goes, where somebody wants to hear of that.
func (r *Result) Reacts() bool {
	a := &r.Attempt
	return a.Reacts() || r.Tells && (a.GaveUp() || a.BeginsToFail() || a.Recovers())
}

// Resumed is the ResumedAt of an endpoint after a change. Where there is an order, to let
// held deliveries go (there are some if holds is set) is as to resume it: what waited
// behind them did so for no fault of the receiver.
func Resumed(old, changed *Endpoint, holds bool, now time.Time) time.Time {
	if old.Status == EndpointPaused && changed.Status != EndpointPaused ||
		holds && old.Ordering != OrderingNone && Releases(old, changed) {
		return now
	}
	return old.ResumedAt
}

// Forget drops what was captured of an attempt, for an event that is erased. What is
// said of it may quote the event or the answer; and where a request was made from the
// event, rather than by a dialect, so may its URL.
func (a *Attempt) Forget() {
	made := a.RequestBody != nil || a.Method != ""
	if made {
		a.URL = ""
	}
	if made || a.ResponseStatus >= 300 && a.ResponseStatus <= 399 || slices.Contains(Quoting, a.Reason) {
		a.Detail = ""
	}
	a.RequestHeader, a.RequestBody, a.ResponseHeader, a.ResponseBody, a.Captured = nil, nil, nil, nil, nil
	a.Proof = BodyProof{} // what is little enough to be guessed could be told by its hash
}

// Quoting are the reasons of attempts whose detail may quote the event, or the answer.
var Quoting = []string{ReasonTransform, ReasonTransformTimeout, ReasonTransformMemory, ReasonTransformResult, ReasonRecipe, ReasonAnswer}

// Counts tells whether statistics count an attempt. A test is no delivery, and the last
// line of a copy that was settled is neither a request nor a failure.
func (a *Attempt) Counts() bool { return a.Trigger != TriggerTest && a.Reason != ReasonSettled }

// MakeLate marks an attempt of a delivery that its node no longer owns. Whatever
// came of it, it did not end the delivery: each delivery has one final line.
func (a *Attempt) MakeLate() { a.Final, a.NextAt = false, time.Time{} }

// Ended is the delivery that ended with this attempt.
func (a *Attempt) Ended() Delivery {
	d := Delivery{
		ID: a.Delivery, Event: a.Event, Endpoint: a.Endpoint, App: a.App, Type: a.Type, Trigger: a.Trigger,
		Attempts: a.Number, LastAttempt: a.ID,
	}
	switch a.Status {
	case AttemptSucceeded:
		d.Status = DeliverySucceeded
	case AttemptFailed:
		d.Status = DeliveryFailed
	case AttemptCanceled:
		d.Status = DeliveryCanceled
	}
	if a.Status == AttemptCanceled || a.Reason == ReasonExpired {
		d.Attempts-- // its last line is not a request
	}
	return d
}

// Unfinished is the status of a delivery that has not ended: by that of its endpoint,
// and by whether it is held itself.
func Unfinished(e EndpointStatus, held bool) DeliveryStatus {
	if held || e == EndpointPaused || e == EndpointDisabled {
		return DeliveryHeld
	}
	return DeliveryPending
}

// SpreadDue is when a delivery that Spread makes is due.
func SpreadDue(e *Event, now time.Time) time.Time {
	if e.DeliverAt != nil && e.DeliverAt.After(now) {
		return *e.DeliverAt
	}
	return now
}

// SpreadPosition is the place in the order of a delivery that Spread makes: the one
// that it would have had at the event's acceptance.
func SpreadPosition(e *Event, d DeliveryID) DeliveryID {
	return OrderPosition(e, TriggerPublish, d, e.CreatedAt())
}

// SpreadApps is how many apps share a step of Spread: enough for a small fan-out to
// get through beside large ones, and few enough for a step to be a good piece of each.
const SpreadApps = 4

// SpreadShare is what the next of some apps (at least one) gets of the n deliveries
// that a step may still make. What it leaves is shared by those after it.
func SpreadShare(n, apps int) int { return (n + apps - 1) / apps }

// HeldBackBy are the apps whose earlier events, as long as their fan-out goes on, hold
// back an ordered delivery to an endpoint that listens to apps: its own and, where the
// order is that of the whole endpoint, all that the endpoint listens to. Other apps
// have nothing to do with it.
func HeldBackBy(d *Delivery, apps []string) []string {
	if d.OrderKey != OrderingEndpoint.OrderKey(nil) || slices.Contains(apps, d.App) && len(apps) == 1 {
		return []string{d.App}
	}
	return append([]string{d.App}, apps...)
}

// SpreadWait is when to ask again for an ordered delivery that the unfinished
// fan-out of an earlier event holds back.
const SpreadWait = 20 * time.Millisecond

// Latest picks, of the deliveries of one event to one endpoint (at least one), the one
// that tells how the event stands there. That is the newest one, whichever ended last;
// but as long as another is unfinished, one that failed or was canceled tells nothing:
// the event is still on its way.
//
// So an event has arrived once a resend of it has succeeded, although the retries of
// the delivery before run out later; and explain, the status of a replay and the list
// of an event's deliveries say the same of it.
func Latest(of ...Delivery) Delivery {
	var newest, unfinished Delivery
	for _, d := range of {
		if d.ID > newest.ID {
			newest = d
		}
		if (d.Status == DeliveryPending || d.Status == DeliveryHeld) && d.ID > unfinished.ID {
			unfinished = d
		}
	}
	if newest.Status != DeliverySucceeded && unfinished.ID != 0 {
		return unfinished
	}
	return newest
}

// ArrivedOrLatest picks as Latest does, but what has arrived once has, whatever became of
// sending it again: where the latest failed or was canceled, it picks the newest that
// succeeded, if one did.
func ArrivedOrLatest(of ...Delivery) Delivery {
	latest := Latest(of...)
	if latest.Status != DeliveryFailed && latest.Status != DeliveryCanceled {
		return latest
	}
	arrived := Delivery{}
	for _, d := range of {
		if d.Status == DeliverySucceeded && d.ID > arrived.ID {
			arrived = d
		}
	}
	if arrived.ID != 0 {
		return arrived
	}
	return latest
}

// afterBacklogFull is when to come again with what found no room. Endpoints that are well
// work off thousands of deliveries a second: who came much later would leave them idle.
const afterBacklogFull = 2 * time.Second

// BacklogFull refuses to let more wait than may; Redelivery and Enqueue do. At are the
// places of the events of an Enqueue for which there is no room.
func BacklogFull(bound BacklogBound, most int64, at ...int) *Error {
	detail := fmt.Sprintf("The app has %d or more unfinished deliveries, which is as many as it may: resume, mend or delete the endpoints that they wait for, or let them be worked off", most)
	if bound == FullEndpoint {
		detail = fmt.Sprintf("As many as %d deliveries of replays and resends wait at the endpoint already, which is as many as may: resume it or mend it, and go on once they are worked off", most)
	}
	return &Error{Code: CodeBacklogFull, Detail: detail, RetryAfter: afterBacklogFull, full: at}
}

// BacklogFullAt gives the places of the events that a CodeBacklogFull error of an Enqueue is
// about: the others of it are duplicates, or events of apps that have room.
func BacklogFullAt(err error) []int {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return nil
	}
	return e.full
}

// FirstsWithoutRoom refuses what an Enqueue may not add: those events that are no duplicates,
// as their receipts say, and for whose app full tells that there is no room.
func FirstsWithoutRoom(events []NewEvent, receipts []Receipt, full func(i int) bool) error {
	var at []int
	for i := range events {
		if !receipts[i].Duplicate && full(i) {
			at = append(at, i)
		}
	}
	if at == nil {
		return nil
	}
	return BacklogFull(FullApp, events[at[0]].MaxPending, at...)
}

// Latency is how long a delivery took that ended with the attempt: from the event's
// acceptance or, if it was sent again, from the request to do so; and from when it
// was due, if that was later.
func Latency(a *Attempt, due time.Time) time.Duration {
	from := a.Delivery.Time()
	if a.Trigger == TriggerPublish {
		from = a.Event.Time()
	}
	if due.After(from) {
		from = due
	}
	return max(a.StartedAt().Sub(from)+time.Duration(a.Duration), 0)
}

// Tally is what attempts add up to.
type Tally struct {
	Succeeded, Failed, Exhausted int64
	// DurationMS is the sum and LongestMS the maximum of the durations.
	DurationMS, LongestMS int64
	// Durations and Latencies are in microseconds.
	Durations, Latencies histogram.Histogram
}

// Add counts an attempt; latency matters for one that ended its delivery in
// success. The line of a cancellation is no request: it counts only as a delivery
// that ended without success.
func (t *Tally) Add(status AttemptStatus, final bool, duration, latency time.Duration) {
	switch status {
	case AttemptSucceeded:
		t.Succeeded++
		if final {
			t.Latencies.Add(latency.Microseconds())
		}
	case AttemptFailed:
		t.Failed++
	}
	if final && status != AttemptSucceeded {
		t.Exhausted++
	}
	if duration.Microseconds() > 0 { // else there was no exchange
		t.Durations.Add(duration.Microseconds())
	}
	t.DurationMS += duration.Milliseconds()
	t.LongestMS = max(t.LongestMS, duration.Milliseconds())
}

// Merge adds what another tally has counted.
func (t *Tally) Merge(o *Tally) {
	t.Succeeded += o.Succeeded
	t.Failed += o.Failed
	t.Exhausted += o.Exhausted
	t.DurationMS += o.DurationMS
	t.LongestMS = max(t.LongestMS, o.LongestMS)
	t.Durations.Merge(&o.Durations)
	t.Latencies.Merge(&o.Latencies)
}

// Bucket is the tally as Stats gives it.
func (t *Tally) Bucket(start time.Time) StatsBucket {
	return StatsBucket{
		Start: start, Succeeded: t.Succeeded, Failed: t.Failed, Exhausted: t.Exhausted,
		DurationMS: t.DurationMS, MaxDurationMS: t.LongestMS,
		Duration: percentiles(&t.Durations), Latency: percentiles(&t.Latencies),
	}
}

func percentiles(h *histogram.Histogram) Percentiles {
	ms := func(q float64) float64 { return float64(h.Quantile(q)) / 1000 }
	return Percentiles{P50: ms(0.5), P95: ms(0.95), P99: ms(0.99)}
}

// SampleOf is a sample of the backlog, whose oldest delivery is given (0: none).
func SampleOf(at time.Time, pending int64, oldest DeliveryID) BacklogSample {
	b := BacklogSample{At: at.UTC(), Pending: pending}
	if oldest != 0 {
		b.OldestAgeMS = max(at.Sub(oldest.Time()).Milliseconds(), 0)
	}
	return b
}

// BacklogThinner gathers samples for BacklogSamples, as many as the filter asks
// for.
type BacklogThinner struct {
	Filter  BacklogFilter
	Samples []BacklogSample

	part, last time.Duration
}

// Before takes the last sample from before the range, moved to its start. It comes
// before all others.
func (t *BacklogThinner) Before(s BacklogSample) { t.Samples = append(t.Samples, s) }

// Add takes the next sample of the range.
func (t *BacklogThinner) Add(s BacklogSample) {
	if t.part == 0 {
		t.part = max(t.Filter.Until.Sub(t.Filter.Since)/time.Duration(max(t.Filter.Points-len(t.Samples), 1))+1, 1)
		t.last = -1
	}
	switch part := s.At.Sub(t.Filter.Since) / t.part; {
	case part != t.last:
		t.Samples, t.last = append(t.Samples, s), part
	case s.Pending >= t.Samples[len(t.Samples)-1].Pending:
		t.Samples[len(t.Samples)-1] = s
	}
}
