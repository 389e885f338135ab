// Package lane owns sending in time: which delivery goes when, at most how many at
// once, and what an answer means for the next one.
//
// Machine decides it: Step takes what has happened and the time, and gives what is to
// be done. It has no goroutine, lock, clock or random source, so what a lane does can
// be read here, tested as a table, and simulated. lane.go is one endpoint's lane,
// fetch.go what it brings from the store, breaker.go its circuit, standing.go what is
// known of it; slots.go and memory.go are what all lanes share, decide.go the fate of a
// delivery; step.go lists the inputs and effects. Dispatcher (dispatch.go) is the
// shell: it runs the effects and feeds their results back.
package lane

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
)

// Settings adjust a Machine.
type Settings struct {
	// MaxInFlight bounds the requests of all lanes together.
	MaxInFlight int
	// MaxConcurrency is how far the requests in flight to one endpoint may grow beyond its
	// concurrency, where nobody has fixed that.
	MaxConcurrency int
	// QueueBytes bounds the deliveries that all lanes hold, in bytes: reserved, being claimed,
	// queued, in flight, being recorded. It is half of that and one delivery of the largest
	// event, where that is more.
	QueueBytes int64
	// MaxData is how large the data of an event may be, in bytes.
	MaxData int
	// DisableAfter is how long an endpoint may fail without one success before a
	// verdict asks for it to be disabled, if its schedule does not last longer.
	DisableAfter time.Duration
}

// Machine is the lanes of one node. Make one with NewMachine. It is not safe for
// concurrent use.
type Machine struct {
	Settings
	lanes map[bellhop.EndpointID]*lane
	// closed are lanes of endpoints that are gone, as long as they have something in
	// flight.
	closed map[bellhop.EndpointID]*lane
	slots  slots
	memory memory
	// owed are the jobs that made room for others before what came of them is durable, and
	// owedBytes what of their outcomes is in memory for that.
	owed      int
	owedBytes int64
	running   bool
	lease     bellhop.Lease
	// buckets are all that there are, with the lanes in them. distrusted: the lease may be
	// over, for all that is known.
	buckets    [bellhop.Buckets]holding
	leaving    int // how many of them are
	distrusted bool
	// settled: the node knows which buckets it has under its lease.
	settled bool
	// shared: there are other nodes, who may send to the same endpoints.
	shared bool

	// early is what was noted of endpoints that the machine has not been told of: an
	// event may be published to a new one before that.
	early map[bellhop.EndpointID]dues

	// timers has the lanes that something can be done for at a time; alarm is the
	// time that the last SetTimer asked for.
	timers timers
	alarm  time.Time

	// underWay counts the reservations and claims that have not come to an end. As
	// long as there are any, they may bring what is gone: graves remember that.
	underWay int
	graves   graves
	// latest is the latest time that was seen, of the clock on the wall or as the date
	// of an event: a clock that was set back leaves events that are ahead of it.
	latest time.Time

	effects []Effect
}

// NewMachine gives a Machine without lanes, which does not run yet.
func NewMachine(s Settings) *Machine {
	return &Machine{
		Settings: s, slots: slots{max: s.MaxInFlight}, memory: memory{max: s.QueueBytes, largest: int64(weigh(s.MaxData))},
		lanes: map[bellhop.EndpointID]*lane{}, closed: map[bellhop.EndpointID]*lane{}, early: map[bellhop.EndpointID]dues{},
	}
}

// maxEarly bounds what is noted of endpoints without a lane: of one that is gone,
// nothing will ever take it up.
const maxEarly = 10_000

// Step takes what has happened and answers what is to be done, in this order.
func (m *Machine) Step(in Input, now time.Time) []Effect { return m.step(nil, in, now) }

// step is Step that adds to effects.
func (m *Machine) step(effects []Effect, in Input, now time.Time) []Effect {
	m.effects = effects
	m.saw(now)
	switch in := in.(type) {
	case Start:
		m.running, m.lease = true, in.Lease
		m.pumpAll(now)
	case Stop:
		m.running = false
	case LeaseLost:
		m.lease = bellhop.Lease{}
		m.loseAll()
		for _, l := range m.lanes {
			l.drop(func(*bellhop.Work) bool { return true })
			l.doubtful = false // all that was owned is released
		}
	case Joined:
		m.lease = in.Lease
		m.pumpAll(now)
	case Trusted:
		if m.distrusted = !in.Lease; in.Lease {
			m.pumpAll(now)
		}
	case BucketsTaken:
		m.taken(in, now)
	case BucketLeaving:
		m.handOver(in.Bucket, true, now)
	case BucketKept:
		m.handOver(in.Bucket, false, now)
	case BucketLost:
		m.lost(in.Bucket, in.Epoch, now)
	case Configured:
		m.configure(in, now)
	case Forgotten:
		m.forget(in.Gone, now)
	case Heartbeat:
		clear(m.early) // those that there are have been noted anew
		m.graves.tidy(now)
		m.pumpAll(now)
	case Tick:
		m.alarm = time.Time{}
		var due []*lane // each once, whatever time it asks for next
		for len(m.timers) > 0 && !m.timers[0].wakeAt.After(now) {
			due = append(due, m.timers[0])
			m.timers[0].wakeBy(time.Time{})
		}
		hung := false
		for _, l := range due {
			hung = l.hang(now) || hung
			l.pump(now)
		}
		if hung {
			m.offerSlots(now)
		}
	case Sent:
		in.Job.lane.sent(in, now)
	case Recorded:
		m.recorded(in, now)
	case Claimed:
		m.claimed(in, now)
	case Admitted:
		m.underWay--
		if l := m.lanes[in.Work.Delivery.Endpoint]; l != nil {
			l.admit(in.Work, now)
		} else {
			m.memory.hold(proven, -int64(weightOf(&in.Work)))
			m.giveUp(in.Work.Delivery.Endpoint, in.Work.Lease, []bellhop.DeliveryID{in.Work.Delivery.ID})
		}
	case Unreserved:
		m.underWay--
		if l := m.lanes[in.Endpoint]; l != nil {
			l.unreserve(in.Bytes)
			l.pump(now)
		} else {
			m.memory.hold(proven, -int64(weigh(in.Bytes)))
		}
	case Noted:
		m.note(in.Backlog, now)
		if l := m.lanes[in.Endpoint]; l != nil {
			l.pump(now)
		}
	case Released:
		if l := m.lanes[in.Endpoint]; l != nil {
			l.releasing = false
			if !l.mine() {
				l.elsewhere()
			}
			l.pump(now)
		}
	case Disowned:
		if l := m.lanes[in.Endpoint]; l != nil {
			l.disowning = false
			l.someDue(now)
			l.pump(now)
		}
	case Stirred:
		if l := m.lanes[in.Endpoint]; l != nil {
			l.pump(now)
		}
	case Hastened:
		if l := m.lanes[in.Endpoint]; l != nil {
			l.breaker.hasten(now)
			l.due(retry, now, now)
			l.pump(now)
		}
	case Vouched:
		if l := m.lanes[in.Route.ID]; l != nil {
			l.vouch(in.Route, now)
		}
	case Vindicated:
		if l := m.lanes[in.Endpoint]; l != nil && l.vitals.FailingSince.Equal(in.Since) {
			l.vitals.FailingSince = time.Time{} // the next failure begins anew
		}
	}
	m.offerMemory(now)
	if m.underWay == 0 {
		m.graves.events, m.graves.apps = nil, nil
	}
	m.drains()
	m.setTimer()
	effects, m.effects = m.effects, nil
	return effects
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

// setTimer keeps the one timer at the time of the earliest lane.
func (m *Machine) setTimer() {
	var at time.Time
	if m.running && len(m.timers) > 0 {
		at = m.timers[0].wakeAt
	}
	if !at.Equal(m.alarm) {
		m.alarm = at
		m.do(SetTimer{at})
	}
}

// lane gives the lane of an endpoint, made if there is none.
func (m *Machine) lane(r *routes.Route) *lane {
	l := m.lanes[r.ID]
	if l == nil {
		l = newLane(m, r)
		l.nextDue = m.early[r.ID]
		delete(m.early, r.ID)
		m.lanes[r.ID] = l
		if l.bucket.lanes == nil {
			l.bucket.lanes = map[bellhop.EndpointID]*lane{}
		}
		l.bucket.lanes[r.ID] = l
	}
	return l
}

// note takes in what the store has for an endpoint.
func (m *Machine) note(b bellhop.Backlog, now time.Time) {
	if l := m.lanes[b.Endpoint]; l != nil {
		l.due(kindOf(b.Retries), b.Due, now)
	} else if of := bellhop.BucketOf(b.Endpoint); m.running && m.buckets[of].epoch == 0 {
		if !b.Due.After(now) {
			m.do(Tell{of})
		}
	} else if len(m.early) < maxEarly {
		noted := m.early[b.Endpoint]
		noted.note(kindOf(b.Retries), ours(b.Due, now))
		m.early[b.Endpoint] = noted
	}
}

func (m *Machine) pumpAll(now time.Time) {
	for _, l := range m.busy() {
		l.pump(now)
	}
}

// busy gives the lanes that have something to do, in the order of their endpoints, so
// that every run is alike. Most lanes have nothing.
func (m *Machine) busy() []*lane {
	var busy []*lane
	for _, l := range m.lanes {
		if l.queue.len() > 0 || l.nextDue != (dues{}) || l.mustRelease || l.doubtful {
			busy = append(busy, l)
		}
	}
	slices.SortFunc(busy, inOrder)
	return busy
}

func inOrder(x, y *lane) int { return cmp.Compare(x.id, y.id) }

func sorted(lanes map[bellhop.EndpointID]*lane) []*lane {
	list := make([]*lane, 0, len(lanes))
	for _, l := range lanes {
		list = append(list, l)
	}
	slices.SortFunc(list, inOrder)
	return list
}

func (m *Machine) configure(in Configured, now time.Time) {
	for _, e := range in.Gone {
		if l := m.lanes[e]; l != nil {
			delete(m.lanes, e)
			delete(l.bucket.lanes, e)
			if l.close(); len(l.unfinished) > 0 {
				m.closed[e] = l
			}
		}
	}
	for _, r := range in.Changed {
		m.lane(r).configure(r, now)
	}
}

// Reserve promises room for a delivery that is about to be committed as owned by this
// node: Admitted or Unreserved must follow. It refuses while older ones wait in the
// store, so that they are not overtaken, and where another node is to send.
func (m *Machine) Reserve(r *routes.Route, bytes int, now time.Time) bool {
	if !m.running || m.distrusted || !m.settled || m.lease == (bellhop.Lease{}) {
		return false
	}
	if l := m.lanes[r.ID]; l == nil || !l.reserve(bytes, now) {
		return false
	}
	m.underWay++
	return true
}

// claimed takes the answer to a Claim.
func (m *Machine) claimed(in Claimed, now time.Time) {
	m.underWay--
	if l := m.lanes[in.Claim.Endpoint]; l != nil {
		l.hold(-in.Claim.weight)
		l.claimed(in, now)
		return
	}
	m.memory.hold(proven, -in.Claim.weight)
	var ids []bellhop.DeliveryID
	for _, w := range in.Answer.Work {
		ids = append(ids, w.Delivery.ID)
	}
	switch {
	case in.Result == Unknown && m.closed[in.Claim.Endpoint] != nil:
		m.closed[in.Claim.Endpoint].disown()
	case in.Result == Unknown:
		m.do(Disown{Endpoint: in.Claim.Endpoint, Lease: in.Claim.Lease})
	case len(ids) > 0:
		m.giveUp(in.Claim.Endpoint, in.Claim.Lease, ids)
	}
}

// giveUp gives deliveries back to the store that are not to be sent any more: it ends
// them, or knows best whether anything is left of them.
func (m *Machine) giveUp(e bellhop.EndpointID, l bellhop.Lease, ids []bellhop.DeliveryID) {
	m.do(Release{Endpoint: e, Lease: l, Deliveries: ids, Aside: true})
}

// recorded ends a job, and its request if that has not made room for others before.
func (m *Machine) recorded(in Recorded, now time.Time) {
	l := in.Job.lane
	l.recorded(in, now)
	if in.Job.owed {
		m.owed--
		m.owedBytes -= in.Job.owes
		l.pump(now)
	} else {
		m.landed(in.Job, now)
	}
	if l.closed && l.doubtful {
		l.disown() // its lane does nothing more that would
	}
	if l.closed && len(l.unfinished) == 0 {
		delete(m.closed, l.id)
	}
}

// owedShare is the part of QueueBytes that outcomes may take which are not durable yet.
const owedShare = 8

// mayOwe tells whether the memory allows it, and counts it: where the store does not keep
// up, requests wait for it. What was sent is held until then as well.
func (m *Machine) mayOwe(job *Job, a *bellhop.Attempt) bool {
	bytes := outcomeBytes(a)
	if m.owed >= m.MaxInFlight || m.owedBytes+bytes > m.QueueBytes/owedShare || m.memory.free() < 0 {
		return false
	}
	job.owes = bytes
	m.owed++
	m.owedBytes += bytes
	return true
}

// outcomeBytes is about what an outcome takes in memory.
func outcomeBytes(a *bellhop.Attempt) int64 {
	return int64(1<<10 + len(a.RequestBody) + len(a.ResponseBody))
}

// offers is to how many lanes of each standing that want one a slot is offered when it is
// returned. While slots are scarce, most have their share already: what they have in flight
// comes back.
const offers = 16

// landed gives the slot of a request that has ended to whoever can make use of it.
func (m *Machine) landed(job *Job, now time.Time) {
	job.lane.landed(job, now)
	m.slots.give(job.as, tenant(job.Route))
	job.lane.pump(now)
	m.offerSlots(now)
}

// offerSlots gives slots that are free to lanes that wait for them, each of which is asked once.
// There may be several: with one more, an app may have come below what lets it have others.
func (m *Machine) offerSlots(now time.Time) {
	m.slots.offering = true
	for of := range standings {
		for left := offers; left > 0; {
			next := m.slots.next(of)
			if next == nil {
				break
			}
			// Those that want nothing any more, such as those that are paused by now, or that
			// wait among others from here on, cost nothing but this look: where they counted,
			// none might be left for the rest.
			before := next.flying
			if next.pump(now); next.flying == before && next.starved && next.waitsAs == of {
				left--
			}
		}
	}
	m.slots.offered()
}

// forget drops what is queued of events and apps that are gone.
func (m *Machine) forget(g Gone, now time.Time) {
	if m.underWay > 0 {
		m.graves.dig(g, now, m.latest)
	}
	for _, l := range m.busy() {
		if l.giveUp(func(w *bellhop.Work) bool { return g.has(w.Event) }) > 0 {
			l.pump(now)
		}
	}
}

// has tells whether an event is among what is gone.
func (g Gone) has(e *bellhop.Event) bool {
	return g.Events[e.ID] || g.App != "" && g.App == e.App
}

// State tells what an endpoint's lane is doing.
func (m *Machine) State(r *routes.Route, now time.Time) bellhop.LaneState {
	l := m.lanes[r.ID]
	if l == nil {
		l = newLane(m, r) // to ask it, not to keep it
	}
	return l.state(now)
}

// View is what a lane knows of its endpoint's receiver.
type View struct {
	Vitals bellhop.Vitals
	// NextTry is when the next delivery that waits is tried; zero: now, or there is none.
	NextTry time.Time
}

// View tells what an endpoint's lane knows of the receiver.
func (m *Machine) View(r *routes.Route, now time.Time) View {
	l := m.lanes[r.ID]
	if l == nil {
		return View{Vitals: r.Vitals}
	}
	return View{l.vitals, l.nextTry(now)}
}

// OldestDue is when the next delivery in an endpoint's queue was due; zero if nothing
// is queued.
func (m *Machine) OldestDue(e bellhop.EndpointID) time.Time {
	l := m.lanes[e]
	if l == nil || l.queue.len() == 0 {
		return time.Time{}
	}
	return l.queue.oldestDue()
}

// Load tells what keeps an endpoint's lane from sending more.
func (m *Machine) Load(e bellhop.EndpointID, now time.Time) Load {
	l := m.lanes[e]
	if l == nil {
		return Load{}
	}
	return l.load(now)
}

// CircuitsOpen counts the endpoints whose circuit is open.
func (m *Machine) CircuitsOpen() (open int) {
	for _, l := range m.lanes {
		if l.breaker.open() {
			open++
		}
	}
	return open
}

// windowOf says where the requests in flight to an endpoint begin, how far they may grow,
// and whether somebody has fixed that. Who has a program listening, or a mail server, is
// not asked for more than is set up.
func (m *Machine) windowOf(r *routes.Route) (from, most int, exact bool) {
	if most = m.MaxConcurrency; r.Listened() || !strings.HasPrefix(r.URL, "http") {
		most = 0
	}
	if from = r.Concurrency; most > 0 && !r.ExactConcurrency {
		from = min(from, most)
	}
	return from, most, r.ExactConcurrency
}

// HeldBytes is what all lanes hold in memory.
func (m *Machine) HeldBytes() int64 { return m.memory.held }

// Hungry tells whether an endpoint's lane has nothing in hand and waits for memory.
func (m *Machine) Hungry(e bellhop.EndpointID) bool {
	l := m.lanes[e]
	return l != nil && l.hungry
}

// InFlight counts the requests that are under way.
func (m *Machine) InFlight() int { return m.slots.inUse }

// saw notes a time.
func (m *Machine) saw(at time.Time) {
	if at = at.Round(0); at.After(m.latest) {
		m.latest = at
	}
}

// graves remember what is gone until nothing that was begun before can bring it back.
// What takes longer than graveTime has failed by then.
type graves struct {
	events map[bellhop.EventID]grave
	apps   map[string]grave
	// deaths counts what was buried.
	deaths int
}

// grave is when something was forgotten, as which death, and up to which date what
// belongs to it is gone.
type grave struct {
	dug, upTo time.Time
	death     int
}

const graveTime = 10 * time.Minute

func (g *graves) dig(gone Gone, now, upTo time.Time) {
	if g.events == nil {
		g.events, g.apps = map[bellhop.EventID]grave{}, map[string]grave{}
	}
	g.deaths++
	of := grave{now, upTo, g.deaths}
	for e := range gone.Events {
		g.events[e] = of
	}
	if gone.App != "" {
		g.apps[gone.App] = of
	}
}

// has tells whether an event is gone. An app may be made anew under its old id: its
// new events are later than its grave, or dated before it where a clock was set back or is
// behind. What the store gives to who has asked after that death is of the new one.
func (g *graves) has(e *bellhop.Event, deaths int) bool {
	if _, ok := g.events[e.ID]; ok {
		return true
	}
	of, ok := g.apps[e.App]
	return ok && of.death > deaths && !e.CreatedAt().After(of.upTo)
}

func (g *graves) tidy(now time.Time) {
	for e, of := range g.events {
		if now.Sub(of.dug) > graveTime {
			delete(g.events, e)
		}
	}
	for a, of := range g.apps {
		if now.Sub(of.dug) > graveTime {
			delete(g.apps, a)
		}
	}
}

// timers is a heap of the lanes that wait for a time. Lanes of one time are in the
// order of their endpoints, so that every run is alike.
type timers []*lane

var _ heap.Interface = (*timers)(nil)

func (t timers) Len() int { return len(t) }

func (t timers) Less(i, j int) bool {
	if !t[i].wakeAt.Equal(t[j].wakeAt) {
		return t[i].wakeAt.Before(t[j].wakeAt)
	}
	return t[i].id < t[j].id
}

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	l := x.(*lane)
	l.place = len(*t)
	*t = append(*t, l)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := len(*t) - 1
	l := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	l.place = nowhere
	return l
}

const nowhere = -1

// wakeBy has the lane pumped at a time; zero means that only another input can help.
func (l *lane) wakeBy(at time.Time) {
	switch {
	case at.Equal(l.wakeAt):
	case at.IsZero():
		heap.Remove(&l.m.timers, l.place)
		l.wakeAt = at
	case l.place == nowhere:
		l.wakeAt = at
		heap.Push(&l.m.timers, l)
	default:
		l.wakeAt = at
		heap.Fix(&l.m.timers, l.place)
	}
}
