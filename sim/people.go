package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/lane"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
)

// What people do to endpoints and events, by way of the node that is there.

func (w *world) newURL() string {
	w.urls++
	return fmt.Sprintf("https://r%d.example/", w.urls)
}

// anyEndpoint draws one that is there; nil if none is.
func (w *world) anyEndpoint() *door {
	var list []*door
	for _, d := range w.ledger.list {
		if !d.deleted {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pick(&w.loop, list)
}

// endpointID makes one that falls into one of the buckets that are shared here.
func (n *node) endpointID() bellhop.EndpointID {
	for {
		if e := id.Next[id.Endpoint](n.ids, n.clock()); bellhop.BucketOf(e) < buckets {
			return e
		}
	}
}

// endpoint draws a new one.
func (w *world) endpoint(n *node) bellhop.Endpoint {
	e := bellhop.Endpoint{
		ExactConcurrency: w.chance(0.3),
		ID:               n.endpointID(), URL: w.newURL(), Dialect: theDialect,
		Events: []string{}, Subjects: []string{}, Status: bellhop.EndpointActive,
		Timeout:     bellhop.Duration(w.between(500*time.Millisecond, maxTimeout)),
		Retry:       w.retry(),
		Concurrency: w.number(1, 8), Ordering: w.ordering(),
		Secrets: []bellhop.Secret{{Sealed: []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}},
	}
	for i := range w.plan.apps {
		if w.chance(0.6) {
			e.Apps = append(e.Apps, appName(i))
		}
	}
	if len(e.Apps) == 0 {
		e.Apps = []string{appName(0)}
	}
	if w.chance(0.4) {
		e.Events = pick(&w.loop, [][]string{{"order.*"}, {"order.paid", "user.made"}, {"user.*", "bellhop.*"}, {"*"}})
	}
	if w.chance(0.2) {
		e.Subjects = pick(&w.loop, [][]string{{"thing:*"}, {"thing:1", "thing:2"}})
	}
	if w.chance(0.3) {
		e.RateLimit = w.rate()
	}
	if !w.alone() && w.chance(0.2) {
		e.URL = bellhop.ListenPrefix + e.URL
	}
	return e
}

const maxTimeout = 15 * time.Second

func (w *world) ordering() bellhop.Ordering {
	return pick(&w.loop, []bellhop.Ordering{bellhop.OrderingNone, bellhop.OrderingNone, bellhop.OrderingSubject, bellhop.OrderingEndpoint})
}

func (w *world) rate() *bellhop.RateLimit {
	if w.chance(0.2) {
		return nil
	}
	return &bellhop.RateLimit{PerSecond: 0.5 + 10*w.rand.Float64(), Burst: w.number(0, 4)}
}

func (w *world) retry() bellhop.RetryPolicy {
	if w.chance(0.2) {
		return bellhop.RetryPolicy{
			Initial: bellhop.Duration(time.Second), Factor: 2,
			Max: bellhop.Duration(30 * time.Second), Until: bellhop.Duration(w.between(20*time.Second, 4*time.Minute)),
		}
	}
	p := bellhop.RetryPolicy{Delays: []bellhop.Duration{}}
	for range w.number(0, 6) {
		p.Delays = append(p.Delays, bellhop.Duration(w.between(100*time.Millisecond, time.Minute)))
	}
	return p
}

func (w *world) createEndpoint() {
	if n := w.some(); n != nil {
		e := w.endpoint(n)
		w.newReceiver(e.URL, pick(&w.loop, w.plan.moods))
		n.save(e)
	}
}

// createHealthy makes an endpoint that nothing ever happens to, so that nothing but
// others can delay what it gets.
func (w *world) createHealthy() {
	n := w.some()
	if n == nil {
		if w.mended == 0 {
			w.after(time.Second, "healthy endpoint", 0, w.createHealthy)
		}
		return
	}
	e := w.endpoint(n)
	e.Apps, e.Events, e.Subjects = []string{appName(0)}, []string{"order.*", "user.*"}, []string{}
	e.Ordering, e.RateLimit, e.Concurrency, e.ExactConcurrency = bellhop.OrderingNone, nil, 8, false
	e.URL = strings.TrimPrefix(e.URL, bellhop.ListenPrefix)
	w.newReceiver(e.URL, well).pace = 10 * time.Millisecond
	w.healthy = e.ID
	n.save(e)
}

// save creates or changes an endpoint, and has the change loaded.
func (n *node) save(e bellhop.Endpoint) {
	w := n.w
	now := n.clock()
	n.write(writing{what: "save", endpoint: e.ID, do: func() error {
		err := w.store.SaveEndpoint(ctx, e, nil, now)
		if err == nil {
			w.ledger.saved(e)
		}
		return err
	}}, func(err error) {
		if err == nil || errors.Is(err, bellhop.ErrUnknown) || errors.Is(err, bellhop.ErrRevision) {
			n.load(func(error) {})
			n.tell(bellhop.Wakeup{Routes: true})
		}
	})
}

// target draws an endpoint that people may do something to; nil if there is none.
// Where much goes on, most can go wrong.
func (w *world) target() *door {
	if n := w.some(); n != nil && w.chance(0.5) {
		for _, d := range w.ledger.list {
			if !d.deleted && n.asking[d.id] > 0 && d.id != w.healthy {
				return d
			}
		}
	}
	if d := w.anyEndpoint(); d != nil && d.id != w.healthy {
		return d
	}
	return nil
}

// change has an endpoint changed, as one of the nodes knows it.
func (w *world) change(d *door, note string, f func(e *bellhop.Endpoint)) {
	n := w.some()
	if n == nil || d == nil {
		return
	}
	r := n.table.Routes().Endpoint(d.id)
	if r == nil {
		return
	}
	w.log(note, int64(d.id), 0, "")
	e := r.Endpoint
	f(&e)
	n.save(e)
}

func (w *world) pause() {
	d := w.target()
	if w.chance(0.3) {
		w.blink(d)
		return
	}
	w.change(d, "pause", func(e *bellhop.Endpoint) { e.Status = bellhop.EndpointPaused })
}

// blink pauses an endpoint for a moment, in which more comes and not all is given back.
func (w *world) blink(d *door) {
	w.change(d, "blink", func(e *bellhop.Endpoint) {
		e.Status = bellhop.EndpointPaused
		for range 3 {
			w.after(w.between(time.Millisecond, time.Second), "publish", int64(e.ID), w.publish)
		}
		w.after(w.between(time.Millisecond, time.Second), "resume soon", int64(e.ID), func() { w.activate(d) })
	})
}

// meddle does something to an endpoint whose lane waits for an answer: that would be
// rare by chance.
func (w *world) meddle(d *door) {
	if w.mended > 0 || d == nil || d.deleted || d.id == w.healthy {
		return
	}
	switch w.rand.IntN(4) {
	case 0, 1:
		w.blink(d)
	case 2:
		w.reorderAt(d)
	default:
		if n := w.some(); n != nil && len(d.pending) > 0 {
			n.erase(bellhop.EraseSelector{Event: pick(&w.loop, d.pending).event.id})
		}
	}
}

// activate resumes or enables an endpoint.
func (w *world) activate(d *door) {
	n := w.some()
	if n == nil || d.deleted || d.now.Status == bellhop.EndpointActive {
		return
	}
	if r := n.table.Routes().Endpoint(d.id); r != nil {
		w.log("activate", int64(d.id), 0, "")
		e := r.Endpoint
		e.Status, e.DisabledReason = bellhop.EndpointActive, ""
		n.save(e)
	}
}

func (w *world) disable() {
	w.change(w.target(), "disable", func(e *bellhop.Endpoint) { e.Status = bellhop.EndpointDisabled })
}

func (w *world) resume() {
	w.change(w.target(), "resume", func(e *bellhop.Endpoint) { e.Status, e.DisabledReason = bellhop.EndpointActive, "" })
}

func (w *world) move() {
	d := w.target()
	w.change(d, "move", func(e *bellhop.Endpoint) {
		e.URL = w.newURL()
		if d.listenedAt() {
			e.URL = bellhop.ListenPrefix + e.URL
		}
		w.newReceiver(e.URL, pick(&w.loop, w.plan.moods))
	})
}

// letGo has the held deliveries of an endpoint tried again as it is.
func (w *world) letGo() { w.letGoAt(w.target()) }

func (w *world) letGoAt(d *door) {
	n := w.some()
	if n == nil || d == nil || d.deleted {
		return
	}
	now := n.clock()
	n.write(writing{what: "let go", endpoint: d.id, do: func() error {
		n, err := w.store.ReleaseHeld(ctx, d.id, nil, now)
		if err == nil && n > 0 {
			w.ledger.letGo(d)
		}
		return err
	}}, func(err error) {
		if err == nil || errors.Is(err, bellhop.ErrUnknown) {
			n.load(func(error) { n.noteOverdue(func(error) {}) })
			n.tell(bellhop.Wakeup{Buckets: []bellhop.Bucket{bellhop.BucketOf(d.id)}})
		}
	})
}

// hasten has what failed and waits at an endpoint tried now.
func (w *world) hasten() {
	n, d := w.some(), w.target()
	if n == nil || d == nil || d.deleted {
		return
	}
	list, _, err := w.store.Retrying(ctx, bellhop.RetryingFilter{Scope: bellhop.Everything(), Endpoint: d.id, Scan: w.number(1, 20)})
	if err != nil {
		return
	}
	now := n.clock()
	n.write(writing{what: "hasten", endpoint: d.id, do: func() error {
		moved, err := w.store.Hasten(ctx, d.id, list, now)
		if err == nil && moved > 0 {
			w.ledger.hasten(d, list)
			w.reached("deliveries were tried before their time")
		}
		return err
	}}, func(err error) {
		if err == nil {
			n.do(lane.Hastened{Endpoint: d.id})
		}
	})
}

func (w *world) reorder() { w.reorderAt(w.target()) }

func (w *world) reorderAt(d *door) {
	w.change(d, "reorder", func(e *bellhop.Endpoint) { e.Ordering = w.ordering() })
}

func (w *world) changeConcurrency() {
	w.change(w.target(), "concurrency", func(e *bellhop.Endpoint) { e.Concurrency, e.ExactConcurrency = w.number(1, 8), w.chance(0.5) })
}

func (w *world) changeRate() {
	w.change(w.target(), "rate limit", func(e *bellhop.Endpoint) { e.RateLimit = w.rate() })
}

// release lets go of whatever is held, at the end.
func (w *world) release(n *node) {
	for _, d := range w.ledger.list {
		// A rate limit that would take an hour over what there is tells nothing new.
		slow := d.now.RateLimit != nil && len(d.pending) > 50
		if slices.ContainsFunc(d.pending, func(o *delivery) bool { return o.held && !o.ended }) {
			w.letGoAt(d)
		}
		if d.deleted || d.now.Status == bellhop.EndpointActive && !slow {
			continue
		}
		if r := n.table.Routes().Endpoint(d.id); r != nil {
			e := r.Endpoint
			e.Status = bellhop.EndpointActive
			if slow {
				e.RateLimit = nil
			}
			n.save(e)
		}
	}
}

func (w *world) deleteEndpoint() {
	n, d := w.some(), w.target()
	if n == nil || d == nil {
		return
	}
	now := n.clock()
	n.write(writing{what: "delete", endpoint: d.id, do: func() error {
		err := w.store.DeleteEndpoint(ctx, d.id, nil, now)
		if err == nil {
			d.deleted = true
		}
		return err
	}}, func(err error) {
		if err == nil || errors.Is(err, bellhop.ErrUnknown) {
			n.load(func(error) { n.wakeUpkeep() })
			n.tell(bellhop.Wakeup{Routes: true})
		}
	})
}

// anyEvent draws one of the latest events; nil if there is none.
func (w *world) anyEvent() *event {
	list := w.ledger.inOrder
	if len(list) == 0 {
		return nil
	}
	if e := pick(&w.loop, list[max(0, len(list)-10):]); !e.gone {
		return e
	}
	return nil
}

func (w *world) eraseEvent() {
	if n, e := w.some(), w.anyEvent(); n != nil && e != nil {
		n.erase(bellhop.EraseSelector{Event: e.id})
	}
}

func (w *world) eraseSubject() {
	if n, e := w.some(), w.anyEvent(); n != nil && e != nil && e.Subject != "" {
		n.erase(bellhop.EraseSelector{App: e.App, Subject: e.Subject})
	}
}

// erase has events erased. An answer that is lost is asked for again. Then what is
// forgotten is all that is erased of what was selected: an Erase that is repeated does
// not name what was erased before.
func (n *node) erase(sel bellhop.EraseSelector) {
	w := n.w
	var erased []bellhop.EventID
	var try func(wait time.Duration)
	try = func(wait time.Duration) {
		now := n.clock()
		n.write(writing{what: "erase", of: int64(sel.Event), do: func() (err error) {
			if erased, err = w.store.Erase(ctx, sel, nil, now); err == nil {
				w.ledger.erased(erased)
			}
			return err
		}}, func(err error) {
			if err == nil {
				n.forget(sel)
			} else if !errors.Is(err, bellhop.ErrUnavailable) || wait > firstWait {
				n.after(wait, "erase again", 0, func() { try(min(2*wait, 5*time.Second)) })
			}
		})
	}
	try(firstWait)
}

const firstWait = 50 * time.Millisecond

func (n *node) forget(sel bellhop.EraseSelector) {
	w := n.w
	n.doubt() // where the lease is to be believed again, what was queued goes before it is forgotten
	forget := map[bellhop.EventID]bool{}
	for _, e := range w.ledger.inOrder {
		if e.erased && (e.id == sel.Event || sel.Event == 0 && e.App == sel.App && e.Subject == sel.Subject) {
			forget[e.id], n.forgot[e.id] = true, true
		}
	}
	n.do(lane.Forgotten{Gone: lane.Gone{Events: forget}})
	n.tell(bellhop.Wakeup{Erased: true})
	for _, r := range n.table.Routes().Of(appOf(w, forget, sel)) {
		if r.Ordering != bellhop.OrderingNone {
			n.NoteDue(bellhop.Backlog{Endpoint: r.ID, Due: n.now()}) // what waited for an erased one may go
		}
	}
	n.wakeUpkeep()
}

func appOf(w *world, events map[bellhop.EventID]bool, sel bellhop.EraseSelector) string {
	for e := range events {
		return w.ledger.events[e].App // all are of one
	}
	return sel.App
}

// resend has an event sent again to one of the endpoints of its app.
func (w *world) resend() {
	n, e := w.some(), w.anyEvent()
	if n == nil || e == nil {
		return
	}
	list := n.table.Routes().Of(e.App)
	if len(list) == 0 {
		return
	}
	now := n.clock()
	ds := []bellhop.Delivery{n.delivery(e, pick(&w.loop, list), now)}
	var try func(wait time.Duration)
	try = func(wait time.Duration) {
		lease := n.lease
		n.write(writing{what: "redeliver", endpoint: ds[0].Endpoint, of: int64(ds[0].ID), do: func() error {
			_, err := w.store.Redeliver(ctx, lease, bellhop.Redelivery{Deliveries: ds}, now)
			if err == nil {
				w.ledger.redelivered(ds)
			}
			return err
		}}, func(err error) {
			switch {
			case errors.Is(err, bellhop.ErrUnknown): // to repeat it adds nothing twice
				n.after(wait, "redeliver again", 0, func() { try(min(2*wait, 5*time.Second)) })
			case err == nil:
				n.NoteDue(bellhop.Backlog{Endpoint: ds[0].Endpoint, Due: ds[0].Due})
			}
		})
	}
	try(50 * time.Millisecond)
}

// delivery is engine.Engine.NewDelivery for a resend.
func (n *node) delivery(e *event, r *routes.Route, now time.Time) bellhop.Delivery {
	d := bellhop.Delivery{
		ID: id.Next[id.Delivery](n.ids, now), Event: e.id, Endpoint: r.ID, App: e.App, Type: e.kind,
		Trigger: bellhop.TriggerResend, Status: bellhop.DeliveryPending, Due: now, OrderKey: r.Ordering.OrderKey(&e.Event),
	}
	d.OrderPos = bellhop.OrderPosition(&e.Event, bellhop.TriggerResend, d.ID, now)
	return d
}

// deleteApp deletes one of the later apps, and sometimes makes it anew.
func (w *world) deleteApp() {
	n := w.some()
	if n == nil || w.plan.apps < 2 {
		return
	}
	app := appName(w.number(1, w.plan.apps-1))
	if _, there := n.table.Routes().App(app); !there {
		n.write(writing{what: "make app", do: func() error { return w.store.SaveApp(ctx, bellhop.App{ID: app}, nil) }}, func(error) {
			n.load(func(error) {})
		})
		return
	}
	w.log("delete app", 0, 0, app)
	var try func(wait time.Duration)
	try = func(wait time.Duration) {
		n.write(writing{what: "delete app", do: func() error {
			err := w.store.DeleteApp(ctx, app, nil)
			if err == nil {
				w.ledger.appDeleted(app)
			}
			return err
		}}, func(err error) {
			switch {
			case err == nil, bellhop.IsNotFound(err):
				n.forgotApps[app] = w.at
				n.do(lane.Forgotten{Gone: lane.Gone{App: app}})
				n.load(func(error) { n.wakeUpkeep() })
				n.tell(bellhop.Wakeup{Routes: true})
			case errors.Is(err, bellhop.ErrUnknown):
				n.after(wait, "delete app again", 0, func() { try(min(2*wait, 5*time.Second)) })
			}
		})
	}
	try(firstWait)
}
