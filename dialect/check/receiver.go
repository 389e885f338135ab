package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bellhop/bellhop/dialect"
)

// Answer is what a receiver did with one request.
type Answer struct {
	// Status is that of its answer; 0 if none came, and Reason and Detail say why.
	Status         int
	Reason, Detail string
	Duration       time.Duration
	// Body is the beginning of its answer's body.
	Body []byte
	// Unmade says that no request could be made, for a reason that is not the receiver's.
	Unmade bool
}

// Shot is one request to send: a message signed by a signer and then, if Alter is
// not nil, changed. Alter may change the header and gives the body to be sent.
type Shot struct {
	Signer  *dialect.Signer
	Message dialect.Message
	Alter   func(h http.Header, body []byte) []byte
}

// Receiver is a receiver to be tried.
type Receiver struct {
	Dialect *dialect.Dialect
	// Secrets are those that are valid, newest first.
	Secrets []string
	// Message is the sample that is sent, whose ID and times Try chooses; its Data must be
	// JSON.
	Message dialect.Message
	// NewID gives ids of events that never were.
	NewID func() string
	Now   func() time.Time
	// Send sends, within a bounded time. It must be safe for concurrent use.
	Send func(ctx context.Context, s Shot) Answer
	// MaxData is the longest data that events carry, in bytes; 0 means 256 KiB.
	MaxData int
	// OneAtATime says that the receiver is never sent two requests at once.
	OneAtATime bool
	// Progress, if not nil, is told of each result as it comes.
	Progress func(Result)
}

// Marks of a Result.
const (
	Pass    = "pass"    // it does what it should
	Weak    = "weak"    // it works, and could be better or safer
	Fault   = "fault"   // events will be lost, or strangers believed
	Skipped = "skipped" // the dialect has no such thing; Detail says which
	Untried = "untried" // what came before makes it pointless
)

// Result is what a receiver did with a kind of request.
type Result struct {
	Name     string // one of the words below
	Mark     string
	Sent     string // what was sent, in words
	Expected string // how it should be answered
	Status   int    // of the answer; 0 if none came
	Duration time.Duration
	Detail   string // what came of it, a full sentence
	Remedy   string // what to do about it; "" for nothing
}

// Report is what came of trying a receiver.
type Report struct {
	// OK says that nothing is at fault.
	OK     bool
	Detail string // the verdict in a sentence
	// Results are in the order in which the requests were sent.
	Results []Result
}

// large is how much data the large request carries, in bytes.
const large = 256 << 10

// slow is an answer that makes one wonder what a busy day will be like.
const slow = 5 * time.Second

// trial is a receiver while it is tried.
type trial struct {
	Receiver
	signer  *dialect.Signer
	report  Report
	first   dialect.Message // the good one, for the duplicate
	timeout int             // how many requests were not answered
	gone    string          // why nothing more is sent
}

// Try sends the receiver a request as it should be, and others that it should refuse or
// that are out of the ordinary, one after the other, and says what it does with each. It
// makes at most ten requests.
func Try(ctx context.Context, r Receiver) (Report, error) {
	signer, err := r.Dialect.NewSigner(r.Secrets)
	if err != nil {
		return Report{}, fmt.Errorf("sign the requests: %w", err)
	}
	if r.MaxData == 0 {
		r.MaxData = large
	}
	t := &trial{Receiver: r, signer: signer}
	for _, step := range []func(context.Context) Result{
		t.good, t.duplicate, t.changed, t.stale, t.wrongSecret, t.unsigned, t.large, t.together,
	} {
		result := step(ctx)
		t.report.Results = append(t.report.Results, result)
		if t.Progress != nil {
			t.Progress(result)
		}
	}
	t.conclude()
	return t.report, ctx.Err()
}

func (t *trial) conclude() {
	faults, weak := 0, 0
	for _, r := range t.report.Results {
		switch r.Mark {
		case Fault:
			faults++
		case Weak:
			weak++
		}
	}
	t.report.OK = faults == 0
	switch {
	case t.gone != "" && faults > 0:
		t.report.Detail = "The receiver does not take events as they are sent: " + t.gone
	case faults == 1:
		t.report.Detail = "One thing is at fault."
	case faults > 1:
		t.report.Detail = fmt.Sprintf("%d things are at fault.", faults)
	case weak > 0:
		t.report.Detail = "The receiver takes what it should and refuses what it should; something could be better."
	default:
		t.report.Detail = "The receiver takes what it should and refuses what it should."
	}
}

// message is the sample as a new event.
func (t *trial) message() dialect.Message {
	m := t.Message
	m.ID, m.Time, m.Timestamp = t.NewID(), t.Now(), t.Now()
	return m
}

// send sends one request, unless there is no point in it any more.
func (t *trial) send(ctx context.Context, r *Result, s Shot) (Answer, bool) {
	if t.gone != "" {
		r.Mark, r.Detail = Untried, "Not tried: "+t.gone
		return Answer{}, false
	}
	a := t.Send(ctx, s)
	t.note(r, a)
	return a, true
}

func (t *trial) note(r *Result, a Answer) {
	r.Status, r.Duration = a.Status, a.Duration
	if a.Status == 0 && !a.Unmade {
		if t.timeout++; t.timeout == 2 {
			t.gone = "two requests were not answered."
		}
	}
}

func taken(a Answer) bool { return a.Status >= 200 && a.Status <= 299 }

// said is what came of a request, in a sentence.
func said(a Answer) string {
	if a.Status == 0 {
		return "No answer came: " + trimDot(a.Detail) + "."
	}
	text := fmt.Sprintf("It answered %d", a.Status)
	if name := http.StatusText(a.Status); name != "" {
		text += " " + name
	}
	return fmt.Sprintf("%s after %d ms.", text, a.Duration.Milliseconds())
}

func trimDot(s string) string { return strings.TrimRight(s, ".") }

func (t *trial) good(ctx context.Context) Result {
	r := Result{Name: "good", Sent: "A request as events will be: signed with the endpoint's secret.", Expected: "2xx"}
	t.first = t.message()
	a, _ := t.send(ctx, &r, Shot{Signer: t.signer, Message: t.first})
	r.Detail = said(a)
	switch {
	case a.Unmade:
		r.Mark, r.Detail = Fault, "No request could be made: "+trimDot(a.Detail)+"."
		t.gone = "no request can be made."
	case taken(a) && a.Duration > slow:
		r.Mark, r.Remedy = Weak, "Answer first and work later: put the event into a queue, and answer 2xx at once."
	case taken(a):
		r.Mark = Pass
	case a.Status == 0:
		r.Mark, r.Remedy = Fault, "See that the receiver runs, that its address is right, and what is between."
		t.gone = "it did not answer a good request."
	case a.Status == 401 || a.Status == 403 || a.Status == 400:
		r.Mark = Fault
		r.Remedy = "See that the receiver has this endpoint's secret and verifies the dialect " + t.Dialect.Name() + " over the body as it arrived; and that its own sign-in lets Bellhop through."
		t.gone = "it refused a good request, so that to refuse others says nothing."
	case a.Status >= 300 && a.Status <= 399:
		r.Mark, r.Remedy = Fault, "Redirects are not followed: give the endpoint the address to which it leads."
		t.gone = "it redirects."
	case a.Status == 404 || a.Status == 405:
		r.Mark, r.Remedy = Fault, "See that the path of the address is right, and that it takes POST."
		t.gone = "there is nothing at this address that takes requests."
	case a.Status == 410:
		r.Mark, r.Remedy = Fault, "410 says that no events are wanted any more, and disables the endpoint: answer 2xx."
		t.gone = "it answered that it wants no events."
	default:
		r.Mark, r.Remedy = Fault, "See in the receiver's log why it did not take the request."
		t.gone = "it did not take a good request."
	}
	return r
}

func (t *trial) duplicate(ctx context.Context) Result {
	r := Result{Name: "duplicate", Sent: "The same event once more, as a retry is: the same id, signed anew.", Expected: "2xx"}
	m := t.first
	m.Timestamp = t.Now()
	a, sent := t.send(ctx, &r, Shot{Signer: t.signer, Message: m})
	if !sent {
		return r
	}
	r.Detail = said(a)
	if taken(a) {
		r.Mark = Pass
		r.Remedy = "Whether it did the work twice only the receiver can tell: the id of the event is there to remember."
		return r
	}
	r.Mark, r.Remedy = Fault, "Answer 2xx to what was taken before: anything else is tried again, and counts as a failure."
	return r
}

// refused judges an answer to a request that must not be believed.
func (r *Result) refused(a Answer, believed, remedy string) {
	r.Detail = said(a)
	switch {
	case a.Unmade:
		r.Mark, r.Detail = Skipped, "No request could be made: "+trimDot(a.Detail)+"."
	case taken(a):
		r.Mark, r.Detail, r.Remedy = Fault, r.Detail+" "+believed, remedy
	case a.Status >= 400 && a.Status <= 499:
		r.Mark = Pass
	case a.Status == 0:
		r.Mark, r.Remedy = Weak, "Answer 401 at once: a request that is not answered keeps a connection busy."
	case a.Status >= 500:
		r.Mark, r.Remedy = Weak, "Answer 401: a 5xx says that the receiver is broken. See in its log what was thrown."
	default:
		r.Mark, r.Remedy = Weak, "Answer 401 to what cannot be verified."
	}
}

func (t *trial) changed(ctx context.Context) Result {
	r := Result{Name: "changed_body", Sent: "A good signature over another body: one letter was changed on the way.", Expected: "401 or 400"}
	covered := true
	a, sent := t.send(ctx, &r, Shot{Signer: t.signer, Message: t.message(), Alter: func(h http.Header, body []byte) []byte {
		altered, ok := t.alter(h, body)
		covered = ok
		return altered
	}})
	switch {
	case !sent:
	case !covered:
		r.Mark, r.Detail, r.Status, r.Duration = Skipped, "The dialect "+t.Dialect.Name()+" does not sign the body as a whole, so that a change of it cannot be noticed.", 0, 0
	default:
		r.refused(a, "It takes what was not signed: whoever is in between can change events.",
			"Verify the signature over the body as it arrived, and answer 401 if it does not match. 'bellhop verify --code' writes the code.")
	}
	return r
}

// alter changes a letter of the body so that the signature does not fit any more. It
// gives the body as it is where the signature fits all the same.
func (t *trial) alter(h http.Header, body []byte) (altered []byte, ok bool) {
	isJSON := json.Valid(body)
	tried := 0
	for i := len(body) - 1; i >= 0 && tried < 64; i-- {
		c := body[i]
		if c < 'a' || c > 'y' {
			continue
		}
		altered := bytes.Clone(body)
		altered[i] = c + 1
		if isJSON && !json.Valid(altered) {
			continue
		}
		tried++
		for _, s := range t.Secrets {
			ok = ok || t.Dialect.Signed(dialect.Received{Header: h, Body: altered}, s)
		}
		if !ok {
			return altered, true
		}
		ok = false
	}
	return body, false
}

func (t *trial) stale(ctx context.Context) Result {
	age := max(24*time.Hour, 2*t.Dialect.MaxAge())
	r := Result{Name: "stale_time", Sent: "A good signature, made a day ago: an old request that somebody sends again.", Expected: "401 or 400"}
	if t.Dialect.MaxAge() == 0 {
		r.Mark, r.Detail = Skipped, "The dialect "+t.Dialect.Name()+" sends no time, so that an old request cannot be told from a new one."
		return r
	}
	m := t.message()
	m.Time, m.Timestamp = m.Time.Add(-age), m.Timestamp.Add(-age)
	a, sent := t.send(ctx, &r, Shot{Signer: t.signer, Message: m})
	if !sent {
		return r
	}
	r.refused(a, "It takes old requests: whoever has seen one can send it again.",
		"Refuse requests whose time is more than "+strings.TrimSuffix(t.Dialect.MaxAge().String(), "0s")+" away from now.")
	if r.Mark == Fault {
		r.Mark = Weak // strangers cannot make one up
	}
	return r
}

func (t *trial) wrongSecret(ctx context.Context) Result {
	r := Result{Name: "wrong_secret", Sent: "A request signed with another secret.", Expected: "401 or 400"}
	secret, err := t.Dialect.NewSecret()
	var signer *dialect.Signer
	if err == nil {
		signer, err = t.Dialect.NewSigner([]string{secret})
	}
	if err != nil {
		r.Mark, r.Detail = Skipped, "No other secret could be made: "+err.Error()+"."
		return r
	}
	a, sent := t.send(ctx, &r, Shot{Signer: signer, Message: t.message()})
	if sent {
		r.refused(a, "It believes anybody: the signature is not verified.",
			"Verify the signature with this endpoint's secret before anything else, and answer 401 if it does not match. 'bellhop verify --code' writes the code.")
	}
	return r
}

func (t *trial) unsigned(ctx context.Context) Result {
	r := Result{Name: "unsigned", Sent: "A request without a signature.", Expected: "401 or 400"}
	signer, err := t.Dialect.NewSigner(nil)
	if err != nil {
		r.Mark, r.Detail = Skipped, "The dialect "+t.Dialect.Name()+" does not make one: "+err.Error()+"."
		return r
	}
	a, sent := t.send(ctx, &r, Shot{Signer: signer, Message: t.message()})
	if !sent {
		return r
	}
	r.refused(a, "It believes whoever leaves the signature out.", "Refuse a request without the header that carries the signature.")
	if r.Mark == Fault && t.Dialect.UnsignedTests() {
		r.Mark, r.Detail, r.Remedy = Pass, said(a)+" Tests of the dialect "+t.Dialect.Name()+" are unsigned, so that its receivers take them.", ""
	}
	return r
}

func (t *trial) large(ctx context.Context) Result {
	n := min(large, t.MaxData)
	r := Result{Name: "large", Sent: fmt.Sprintf("A good request with %d KiB of data.", n>>10), Expected: "2xx"}
	m := t.message()
	m.Data = padded(m.Data, n)
	a, sent := t.send(ctx, &r, Shot{Signer: t.signer, Message: m})
	if !sent {
		return r
	}
	r.Detail = said(a)
	switch {
	case a.Unmade:
		r.Mark, r.Detail = Skipped, "No request could be made: "+trimDot(a.Detail)+"."
	case taken(a):
		r.Mark = Pass
	case a.Status == http.StatusRequestEntityTooLarge:
		r.Mark, r.Remedy = Weak, "Raise the limit of bodies, of the receiver and of proxies before it, if events can be as large."
	case a.Status == 401 || a.Status == 400 || a.Status == 403:
		r.Mark, r.Remedy = Weak, "It refuses a good signature under a large body: see whether something cuts the body before it is verified."
	default:
		r.Mark, r.Remedy = Weak, "See in the receiver's log why it does not take large events."
	}
	return r
}

// padded is data of a length, with what it had if it is an object.
func padded(data []byte, n int) []byte {
	const name = `"padding":"`
	data = bytes.TrimSpace(bytes.Clone(data)) // it is sent again
	head := []byte("{")
	if bytes.HasPrefix(data, []byte("{")) && bytes.HasSuffix(data, []byte("}")) && len(data) > 2 {
		head = append(bytes.TrimRight(data[:len(data)-1], " \t\r\n"), ',')
	}
	out := append(head, name...)
	if room := n - len(out) - len(`"}`); room > 0 {
		out = append(out, bytes.Repeat([]byte("x"), room)...)
	}
	return append(out, `"}`...)
}

func (t *trial) together(ctx context.Context) Result {
	r := Result{Name: "together", Sent: "Two good requests at once.", Expected: "2xx to both"}
	if t.OneAtATime {
		r.Mark, r.Detail = Skipped, "The endpoint is set to be sent one request at a time."
		return r
	}
	if t.gone != "" {
		r.Mark, r.Detail = Untried, "Not tried: "+t.gone
		return r
	}
	var answers [2]Answer
	var wg sync.WaitGroup
	shots := [2]Shot{{Signer: t.signer, Message: t.message()}, {Signer: t.signer, Message: t.message()}}
	for i := range shots {
		wg.Go(func() { answers[i] = t.Send(ctx, shots[i]) })
	}
	wg.Wait()
	worse := answers[0]
	if taken(worse) && (!taken(answers[1]) || answers[1].Duration > worse.Duration) {
		worse = answers[1]
	}
	t.note(&r, worse)
	r.Detail = said(worse)
	switch {
	case worse.Unmade:
		r.Mark, r.Detail = Skipped, "No request could be made: "+trimDot(worse.Detail)+"."
	case taken(answers[0]) && taken(answers[1]):
		r.Mark, r.Detail = Pass, fmt.Sprintf("Both were taken, after %d and %d ms.", answers[0].Duration.Milliseconds(), answers[1].Duration.Milliseconds())
	case worse.Status == http.StatusTooManyRequests || worse.Status == http.StatusServiceUnavailable:
		r.Mark, r.Remedy = Weak, "Set the endpoint's concurrency to 1, or a rate limit, or let the receiver take more at once."
	default:
		r.Mark, r.Remedy = Weak, "See in the receiver's log why it does not take two requests at once; or set the endpoint's concurrency to 1."
	}
	return r
}
