package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/internal/testpostgres"
)

// numbers finds the n of {"n":…} in the bodies of requests.
func numbers(t testing.TB, requests []request) []int {
	t.Helper()
	var list []int
	for _, q := range requests {
		_, after, found := bytes.Cut(q.body, []byte(`{"n":`))
		var n int
		if _, err := fmt.Sscanf(string(after), "%d", &n); !found || err != nil {
			t.Fatalf("no number in %s", q.body)
		}
		list = append(list, n)
	}
	return list
}

func upTo(n int) []int {
	var list []int
	for i := range n {
		list = append(list, i)
	}
	return list
}

// oneAtATime makes the order of deliveries the order of arrivals.
func oneAtATime(c *bellhop.EndpointChange) { c.Concurrency = bellhop.Of(1) }

func TestPauseHoldsAcrossRestart(t *testing.T) {
	t.Parallel()
	const events = 30
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, oneAtATime)
	if _, err := s.api.PauseEndpoint(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	var last client.Receipt
	for i := range events {
		if i == events/2 {
			s.restart()
		}
		last = s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
	}
	s.restart()
	if x := s.explain(last.ID, e.ID); x.Outcome != bellhop.FateHeld || x.Reason != "paused" {
		t.Errorf("explained as %+v", x)
	}
	if n := s.pending(e.ID); n != events {
		t.Errorf("%d deliveries are pending", n)
	}
	if n := r.count(); n != 0 {
		t.Fatalf("a paused endpoint got %d requests", n)
	}
	if _, err := s.api.ResumeEndpoint(t.Context(), e.ID); err != nil {
		t.Fatal(err)
	}
	if got := numbers(t, r.wait(t, events)); !slices.Equal(got, upTo(events)) {
		t.Errorf("not oldest first: %v", got)
	}
	s.waitDone(e.ID)
}

func TestScheduledPublish(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	at := time.Now().Add(3 * time.Second)
	scheduled := s.publishAs(client.Publication{App: "acme", Type: "reminder.due", DeliverAt: &at, Data: bellhop.JSON(`{"n":1}`)})
	if x := s.explain(scheduled.ID, e.ID); x.Outcome != bellhop.FatePending || x.Reason != "scheduled" {
		t.Errorf("explained as %+v", x)
	}
	s.publish("acme", "reminder.made", `{"n":0}`)
	s.restart() // what is scheduled is not only in memory
	requests := r.wait(t, 2)
	if got := numbers(t, requests); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("arrivals %v", got)
	}
	if late := requests[1].at.Sub(at); late < 0 || late > slack {
		t.Errorf("arrived %s after its time", late)
	}
}

// With ordering by subject, a retry holds back its own subject and no other.
func TestOrderBySubject(t *testing.T) {
	t.Parallel()
	const events = 8
	s := serve(t)
	s.app("acme")
	var slowDone atomic.Int64 // events of the failing subject that were taken
	var tries atomic.Int64
	r := newReceiver(t, func(_ *receiver, w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("ce-subject") != "order:slow" {
			return
		}
		if tries.Add(1)%2 == 1 { // each of its events fails once
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		slowDone.Add(1)
	})
	e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
		c.Dialect = bellhop.Of("cloudevents-binary")
		c.Ordering = bellhop.Of(bellhop.OrderingSubject)
		c.Retry = delays(200*time.Millisecond, 200*time.Millisecond)
	})
	for i := range events {
		for _, subject := range []string{"order:slow", "order:quick"} {
			s.publishAs(client.Publication{App: "acme", Type: "order.updated", Subject: subject, Data: fmt.Appendf(nil, `{"n":%d}`, i)})
		}
	}
	s.waitDone(e.ID)
	var slow, quick []request
	var quickDone time.Time
	for _, q := range r.requests() {
		if q.header.Get("ce-subject") == "order:slow" {
			slow = append(slow, q)
			continue
		}
		quick, quickDone = append(quick, q), q.at
	}
	if got := numbers(t, quick); !slices.Equal(got, upTo(events)) {
		t.Errorf("the quick subject: %v", got)
	}
	var twice []int
	for i := range events {
		twice = append(twice, i, i)
	}
	if got := numbers(t, slow); !slices.Equal(got, twice) {
		t.Errorf("the slow subject: %v", got)
	}
	if last := slow[len(slow)-1].at; quickDone.After(last) {
		t.Errorf("the quick subject waited for the slow one: %s, %s", quickDone, last)
	}
}

func TestResend(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r, other := newReceiver(t, answers(http.StatusOK)), newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	s.endpoint("acme", other.URL, nil)
	event := s.publish("acme", "invoice.purchase", `{"n":1}`)
	r.wait(t, 1)
	other.wait(t, 1)
	s.waitDone(e.ID)
	s.restart()
	made, err := s.api.Resend(t.Context(), event.ID, e.ID)
	if err != nil || len(made) != 1 || made[0].Trigger != bellhop.TriggerResend || made[0].Endpoint != e.ID {
		t.Fatalf("%+v, %v", made, err)
	}
	requests := r.wait(t, 2)
	if a, b := requests[0], requests[1]; a.header.Get("webhook-id") != b.header.Get("webhook-id") || !bytes.Equal(a.body, b.body) {
		t.Error("the resent event differs from the first")
	}
	s.waitDone(e.ID) // one that is still under way would be the answer to the next resend
	if made, err = s.api.Resend(t.Context(), event.ID, 0); err != nil || len(made) != 2 {
		t.Fatalf("%+v, %v", made, err)
	}
	r.wait(t, 3)
	if n := len(other.wait(t, 2)); n != 2 {
		t.Errorf("the other endpoint got %d requests", n)
	}
}

// A new endpoint gets the events from before it existed, in their order, in
// several calls; a dry run only counts.
func TestReplay(t *testing.T) {
	t.Parallel()
	const events = 7
	s := serve(t)
	s.app("acme")
	since := time.Now().Add(-time.Minute)
	for i := range events {
		s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
		s.publish("acme", "invoice.void", `{}`)
	}
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
		oneAtATime(c)
		c.Events = bellhop.Of([]string{"invoice.purchase"})
	})
	in := client.ReplayInput{Since: since, Status: bellhop.ReplayMissing, DryRun: true}
	if res, err := s.api.Replay(t.Context(), e.ID, in); err != nil || res.Matched != events || res.Enqueued != 0 || !res.Done {
		t.Fatalf("dry run: %+v, %v", res, err)
	}
	if n := r.count() + s.pending(e.ID); n != 0 {
		t.Fatalf("the dry run sent %d", n)
	}
	in.DryRun, in.Limit = false, 3
	calls := 0
	for {
		res, err := s.api.Replay(t.Context(), e.ID, in)
		if err != nil {
			t.Fatal(err)
		}
		calls++
		if res.Enqueued > 3 || res.Enqueued != res.Matched {
			t.Fatalf("call %d: %+v", calls, res)
		}
		if res.Done {
			break
		}
		in.Cursor = res.NextCursor
		if calls == 1 {
			s.restart() // the cursor is good after a restart
		}
	}
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
	if got := numbers(t, r.wait(t, events)); !slices.Equal(got, upTo(events)) {
		t.Errorf("arrivals %v", got)
	}
	s.waitDone(e.ID)
	if res, err := s.api.Replay(t.Context(), e.ID, client.ReplayInput{Since: since, Status: bellhop.ReplayMissing}); err != nil || res.Matched != 0 {
		t.Errorf("nothing is missing any more: %+v, %v", res, err)
	}
}

// Replaying what failed reaches an endpoint that had used up its retries.
func TestReplayFailed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, failsFirst(3))
	e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
		c.Retry = delays()
		oneAtATime(c)
	})
	for i := range 5 {
		s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
	}
	r.wait(t, 5)
	s.waitDone(e.ID)
	res, err := s.api.Replay(t.Context(), e.ID, client.ReplayInput{Since: time.Now().Add(-time.Minute), Status: bellhop.ReplayFailed})
	if err != nil || res.Matched != 3 || res.Enqueued != 3 {
		t.Fatalf("%+v, %v", res, err)
	}
	if got := numbers(t, r.wait(t, 8))[5:]; !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("replayed %v", got)
	}
}

func TestRotateSecret(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	hour := bellhop.Duration(time.Hour)

	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	rotated, err := s.api.RotateSecret(t.Context(), e.ID, &hour, "")
	if err != nil || !rotated.Overlap || len(rotated.Secrets.Secrets) != 2 {
		t.Fatalf("%+v, %v", rotated, err)
	}
	fresh := rotated.Secrets.Secrets[0].Secret
	s.restart()
	s.publish("acme", "invoice.purchase", `{"n":1}`)
	q := r.wait(t, 1)[0]
	q.verify(t, "standard", e.Secret)
	q.verify(t, "standard", fresh)
	checkAsReceiver(t, "standard", e.Secret, q)
	checkAsReceiver(t, "standard", fresh, q)

	none := bellhop.Duration(0)
	if rotated, err = s.api.RotateSecret(t.Context(), e.ID, &none, ""); err != nil || rotated.Overlap || len(rotated.Secrets.Secrets) != 1 {
		t.Fatalf("%+v, %v", rotated, err)
	}
	s.publish("acme", "invoice.purchase", `{"n":2}`)
	q = r.wait(t, 2)[1]
	q.verify(t, "standard", rotated.Secrets.Secrets[0].Secret)
	for _, old := range []string{e.Secret, fresh} {
		if dialect.Verify("standard", q.header, q.body, old) == nil {
			t.Error("an old secret still signs")
		}
	}

	// A dialect with one signature says that the old secret stops at once.
	single := newReceiver(t, answers(http.StatusOK))
	p := s.endpoint("acme", single.URL, func(c *bellhop.EndpointChange) { c.Dialect = bellhop.Of("showpass") })
	if rotated, err = s.api.RotateSecret(t.Context(), p.ID, &hour, "a secret of my own choice"); err != nil || rotated.Overlap {
		t.Fatalf("%+v, %v", rotated, err)
	}
	s.publish("acme", "invoice.purchase", `{"n":3}`)
	q = single.wait(t, 1)[0]
	q.verify(t, "showpass", "a secret of my own choice")
	if dialect.Verify("showpass", q.header, q.body, p.Secret) == nil {
		t.Error("the old secret still signs")
	}
}

// What is erased is gone from the disk, and not only from the answers; what is
// pending is canceled, and the log can still tell.
func TestErase(t *testing.T) {
	t.Parallel()
	const private = "Zoë Łukasz of Balcony 7"
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, echoes) // so that the log captures it as well
	done := s.endpoint("acme", r.URL, nil)
	waiting := s.endpoint("acme", r.URL, nil)
	if _, err := s.api.PauseEndpoint(t.Context(), waiting.ID); err != nil {
		t.Fatal(err)
	}
	person := client.Publication{App: "acme", Type: "guest.created", Subject: "guest:42", Data: bellhop.JSON(`{"name":"` + private + `"}`)}
	var events []client.Receipt
	for range 5 {
		events = append(events, s.publishAs(person))
	}
	s.publish("acme", "guest.created", `{"name":"somebody else, who stays"}`)
	r.wait(t, 6)
	s.waitDone(done.ID)
	if !s.keeps(private) {
		t.Fatal("the payload is not in the database's files even before it is erased: this test proves nothing")
	}
	if err := s.api.Erase(t.Context(), events[0].ID); err != nil {
		t.Fatal(err)
	}
	if n, err := s.api.EraseSubject(t.Context(), "acme", "guest:42"); err != nil || n != 4 {
		t.Fatalf("erased %d, %v", n, err)
	}
	for _, event := range events {
		e, err := s.api.Event(t.Context(), event.ID)
		if err != nil || !e.Erased || len(e.Data) != 0 {
			t.Errorf("%+v, %v", e, err)
		}
		a := s.attempts(event.ID, done.ID, 1)[0]
		if a.Status != bellhop.AttemptSucceeded || a.ResponseStatus != 200 || a.ResponseBody != "" {
			t.Errorf("the log after erasing: %+v", a)
		}
		if x := s.explain(event.ID, done.ID); x.Outcome != bellhop.FateSucceeded {
			t.Errorf("explained as %+v", x)
		}
		if x := s.explain(event.ID, waiting.ID); x.Outcome != bellhop.FateCanceled || x.Detail == "" {
			t.Errorf("explained as %+v", x)
		}
	}
	if _, err := s.api.Resend(t.Context(), events[0].ID, 0); client.CodeOf(err) != bellhop.CodeErased {
		t.Errorf("resend: %v", err)
	}
	if n := s.pending(waiting.ID); n != 1 {
		t.Errorf("%d deliveries are pending, wanted that of the one who stays", n)
	}
	s.stop()
	if s.keeps(private) {
		t.Error("the erased payload is still on the disk")
	}
	if !s.keeps("somebody else, who stays") {
		t.Error("another event's payload is gone")
	}
}

// keeps looks for text in all files of a server, and in what its database can show: a
// PostgreSQL's files are the affair of whoever runs it.
func (s *server) keeps(text string) bool {
	s.t.Helper()
	if *storage != onSQLite && bytes.Contains(testpostgres.Dump(s.t, s.direct, "bellhop"), []byte(text)) {
		return true
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil || len(files) == 0 {
		s.t.Fatal("no files: ", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if os.IsNotExist(err) {
			continue // the log of a database that was just closed
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

func TestIdempotentPublishAcrossRestart(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	p := client.Publication{App: "acme", Type: "invoice.purchase", ID: "order-118", Data: bellhop.JSON(`{"n":1}`)}
	first := s.publishAs(p)
	for range 3 {
		again := s.publishAs(p)
		if !again.Duplicate || again.ID != first.ID || again.Deliveries != 1 || !again.CreatedAt.Equal(first.CreatedAt) {
			t.Errorf("%+v, first %+v", again, first)
		}
		s.restart()
	}
	p.Data = bellhop.JSON(`{"n":2}`)
	if _, err := s.api.Publish(t.Context(), p); client.CodeOf(err) != bellhop.CodeIDConflict {
		t.Errorf("other content under the same id: %v", err)
	}
	s.waitDone(e.ID)
	if n := r.count(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// History is deleted after the retention, with its idempotency keys.
func TestRetention(t *testing.T) {
	t.Parallel()
	const old = "a payload that is to expire"
	s := serve(t, "--retention", "2s")
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	p := client.Publication{App: "acme", Type: "invoice.purchase", ID: "order-118", Data: bellhop.JSON(`"` + old + `"`)}
	event := s.publishAs(p)
	r.wait(t, 1)
	s.attempts(event.ID, e.ID, 1)
	eventually(t, "the event and its attempts are gone", func() bool {
		_, err := s.api.Event(t.Context(), event.ID)
		if err != nil && client.CodeOf(err) != bellhop.CodeNotFound {
			t.Fatal(err)
		}
		for range s.api.Attempts(t.Context(), client.AttemptFilter{Endpoint: e.ID}) {
			return false
		}
		return err != nil
	})
	s.stop()
	if s.keeps(old) {
		t.Error("the expired payload is still on the disk")
	}
	s.start()
	if again := s.publishAs(p); again.Duplicate || again.ID == event.ID {
		t.Errorf("the id of an event that is gone: %+v", again)
	}
	if got := strings.Count(s.output.String(), "deleted expired history"); got == 0 {
		t.Error("the log does not say that history was deleted")
	}
}

// An erasure also reaches what is under way: the answer of a request that was in
// flight is not captured after all.
func TestEraseInFlight(t *testing.T) {
	t.Parallel()
	const private = "Ayşe Öztürk, second floor"
	s := serve(t)
	s.app("acme")
	release := make(chan struct{})
	r := newReceiver(t, func(r *receiver, w http.ResponseWriter, req *http.Request) {
		holds(release)(r, w, req)
		echoes(r, w, req)
	})
	e := s.endpoint("acme", r.URL, nil)
	event := s.publishAs(client.Publication{App: "acme", Type: "guest.created", Subject: "guest:7", Data: bellhop.JSON(`{"name":"` + private + `"}`)})
	r.wait(t, 1)
	if n, err := s.api.EraseSubject(t.Context(), "acme", "guest:7"); err != nil || n != 1 {
		t.Fatalf("erased %d, %v", n, err)
	}
	close(release)
	s.stop() // waits for the request under way
	if s.keeps(private) {
		t.Error("what was erased came back to the disk with the answer")
	}
	s.start()
	for _, a := range s.attempts(event.ID, e.ID, 1) {
		if a.ResponseBody != "" {
			t.Errorf("attempt %d holds the answer's body: %s", a.Number, a.ResponseBody)
		}
	}
	if x := s.explain(event.ID, e.ID); x.Detail == "" {
		t.Errorf("explained as %+v", x)
	}
	if n := s.pending(e.ID); n != 0 || r.count() != 1 {
		t.Errorf("%d deliveries are pending after %d requests", n, r.count())
	}
}

// What is deleted while a request is under way is gone, and the server goes on.
func TestDeleteInFlight(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.app("acme")
	s.app("other")
	release := make(chan struct{})
	r := newReceiver(t, holds(release))
	first := s.endpoint("acme", r.URL, nil)
	s.endpoint("other", r.URL, nil)
	stays := s.endpoint("acme", r.URL, nil)
	event := s.publish("acme", "invoice.purchase", `{"n":1}`)
	s.publish("other", "invoice.purchase", `{"of":"the app that goes"}`)
	r.wait(t, 3)
	if err := s.api.DeleteEndpoint(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.api.DeleteApp(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	close(release)
	s.waitDone(stays.ID)
	s.stop()
	if s.keeps("the app that goes") {
		t.Error("the payload of a deleted app is still on the disk")
	}
	s.start()
	if x := s.explain(event.ID, stays.ID); x.Outcome != bellhop.FateSucceeded {
		t.Errorf("%+v", x)
	}
	if x := s.explain(event.ID, first.ID); x.Outcome != bellhop.FateSucceeded || x.Attempts != 1 {
		t.Errorf("what was in flight to the deleted endpoint, and taken: %+v", x)
	}
	s.app("other") // its id is free again, and nothing of the old one is left
	for e := range s.api.Events(t.Context(), client.EventFilter{App: "other"}) {
		t.Errorf("an event of a deleted app: %+v", e)
	}
	for a := range s.api.Attempts(t.Context(), client.AttemptFilter{App: "other"}) {
		t.Errorf("an attempt of a deleted app: %+v", a)
	}
	if n := r.count(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// Publishers that race with the same id make one event; with other content, one
// of them wins and the others are told.
func TestRacingPublishers(t *testing.T) {
	t.Parallel()
	const publishers = 24
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	e := s.endpoint("acme", r.URL, nil)
	for round := range 5 {
		var fresh, repeated, refused atomic.Int64
		var event atomic.Int64
		var wg sync.WaitGroup
		for i := range publishers {
			wg.Go(func() {
				receipt, err := s.api.Publish(t.Context(), client.Publication{
					App: "acme", Type: "invoice.purchase", ID: fmt.Sprint("round-", round), Data: fmt.Appendf(nil, `{"n":%d}`, i%2),
				})
				switch {
				case client.CodeOf(err) == bellhop.CodeIDConflict:
					refused.Add(1)
				case err != nil:
					t.Error(err)
				case receipt.Duplicate:
					repeated.Add(1)
				default:
					fresh.Add(1)
					event.Store(int64(receipt.ID))
				}
			})
		}
		wg.Wait()
		if fresh.Load() != 1 || repeated.Load() != publishers/2-1 || refused.Load() != publishers/2 {
			t.Errorf("round %d: %d were first, %d repeated, %d refused", round, fresh.Load(), repeated.Load(), refused.Load())
		}
	}
	s.waitDone(e.ID)
	if n := r.count(); n != 5 {
		t.Errorf("%d requests for 5 events", n)
	}
	// The same id twice in one batch is one event as well.
	p := client.Publication{App: "acme", Type: "invoice.purchase", ID: "twice", Data: bellhop.JSON(`{"n":9}`)}
	receipts, err := s.api.PublishBatch(t.Context(), []client.Publication{p, p})
	if err != nil || len(receipts) != 2 || receipts[0].ID != receipts[1].ID || receipts[0].Duplicate || !receipts[1].Duplicate {
		t.Errorf("%+v, %v", receipts, err)
	}
	other := p
	other.Data = bellhop.JSON(`{"n":10}`)
	other.ID, p.ID = "contradiction", "contradiction"
	if _, err := s.api.PublishBatch(t.Context(), []client.Publication{p, other}); client.CodeOf(err) != bellhop.CodeIDConflict {
		t.Errorf("a batch that contradicts itself: %v", err)
	}
	s.waitDone(e.ID)
	if n := len(r.wait(t, 6)); n != 6 {
		t.Errorf("%d requests for 6 events", n)
	}
}

// A rate limit spreads deliveries over time, from the first one after a start.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	const events = 16
	s := serve(t)
	s.app("acme")
	r := newReceiver(t, answers(http.StatusOK))
	s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
		c.RateLimit = bellhop.Of(&bellhop.RateLimit{PerSecond: 10, Burst: 2})
	})
	for i := range events {
		s.publish("acme", "invoice.purchase", fmt.Sprintf(`{"n":%d}`, i))
	}
	s.restart()
	requests := r.wait(t, events)
	// After the restart at the latest it is at most 10 a second.
	for i := range requests[:len(requests)-5] {
		if took := requests[i+5].at.Sub(requests[i].at); took < 250*time.Millisecond {
			t.Errorf("requests %d to %d came within %s", i, i+5, took)
		}
	}
}
