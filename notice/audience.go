package notice

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/internal/id"
)

// The kinds of audiences: who listens to events of an app, who is told of one, and who
// looks after endpoints of one. An audience's name begins with its kind and its app.
const (
	byEvents = "events"
	byPeople = "people"
	byOwner  = "owner"
)

// audience is who is told the same.
type audience struct {
	kind, app string
	// address is that of an owner.
	address  string
	settings *bellhop.NoticeSettings
	ills     []*ill
}

func (a *audience) name() string {
	if a.kind == byOwner {
		return Recipient(byOwner, a.app, a.address)
	}
	return a.kind + ":" + a.app
}

// Recipient names an address among those who are told of an app: as one of its people, or
// as an owner of endpoints.
func Recipient(kind, app, address string) string {
	return kind + ":" + app + ":" + strings.ToLower(address)
}

// step is how much of what an audience is told is noted in one transaction.
const step = 100

// tell looks, and tells each audience what it does not know.
func (t *Teller) tell(ctx context.Context) error {
	all, err := t.store.AllNoticeSettings(ctx)
	if err != nil {
		return err
	}
	settings := make(map[string]*bellhop.NoticeSettings, len(all))
	for i := range all {
		settings[all[i].App] = &all[i]
	}
	t.operators = Defaults(bellhop.AllApps)
	if s := settings[bellhop.AllApps]; s != nil {
		t.operators = *s
	}
	if t.told == nil {
		if err := t.readTold(ctx); err != nil {
			return err
		}
	}
	if len(t.told) == 0 && !t.anybody(settings) {
		return nil // most installations of developers
	}
	v, err := t.look(ctx, leastBacklog(settings))
	if err != nil {
		return err
	}
	off, err := t.silent(ctx)
	if err != nil {
		return err
	}
	list, err := t.audiences(ctx, v, settings, off)
	if err != nil {
		return err
	}
	if err := t.forget(ctx, v.now, list); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		a := list[name]
		if a.kind == byEvents {
			err = t.publish(ctx, v, a)
		} else {
			err = t.write(ctx, v, a, off)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mostGone is how many audiences of an app that are there no more are kept in mind.
const mostGone = 1000

// forget forgets what those were told who are there no more: who has no address any more,
// say, need not know. But how much an audience got lately is kept in mind until it would
// not matter: else who takes an address off and puts it on again could fill its mailbox.
func (t *Teller) forget(ctx context.Context, now time.Time, list map[string]*audience) error {
	gone := map[string][]string{}
	for name := range t.told {
		if list[name] == nil {
			_, app, _ := splitAudience(name)
			gone[app] = append(gone[app], name)
		}
	}
	for _, names := range gone {
		slices.SortFunc(names, func(x, y string) int { return t.own(y).At.Compare(t.own(x).At) })
		for i, name := range names {
			delete(t.freshSince, name)
			if i >= mostGone || now.Sub(t.own(name).At) > calm {
				if err := t.note(ctx, name, bellhop.Telling{Gone: true}); err != nil {
					return err
				}
				continue
			}
			about := slices.DeleteFunc(slices.Collect(maps.Keys(t.told[name])), func(about string) bool { return about == "" })
			for end := range slices.Chunk(about, step) {
				if err := t.note(ctx, name, bellhop.Telling{End: end}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// leastBacklog is the smallest that anybody is told of; a little less, to tell when it is
// over. 0: nobody is told of any.
func leastBacklog(settings map[string]*bellhop.NoticeSettings) int64 {
	least := int64(DefaultBacklog) // of those who have saved none
	for _, s := range settings {
		for _, n := range []int64{s.Backlog, s.MaxPending} {
			if n > 0 {
				least = min(least, n)
			}
		}
	}
	return max(least-least/5, 1)
}

func (t *Teller) readTold(ctx context.Context) error {
	rows, err := t.store.Told(ctx)
	if err != nil {
		return err
	}
	t.told = map[string]map[string]bellhop.Told{}
	for _, row := range rows {
		of := t.told[row.Audience]
		if of == nil {
			of = map[string]bellhop.Told{}
			t.told[row.Audience] = of
		}
		of[row.About] = row
	}
	return nil
}

// anybody tells whether there may be somebody to tell.
func (t *Teller) anybody(settings map[string]*bellhop.NoticeSettings) bool {
	for _, s := range settings {
		if len(s.Emails)+len(s.Chats) > 0 {
			return true
		}
	}
	for r := range t.e.Routes().Routes().All() {
		if len(r.Notify) > 0 || r.AsksForOwn() {
			return true
		}
	}
	return false
}

// silent gives those who want to be told no more.
func (t *Teller) silent(ctx context.Context) (map[string]bool, error) {
	list, err := t.store.Unsubscribed(ctx)
	if err != nil {
		return nil, err
	}
	off := make(map[string]bool, len(list))
	for _, u := range list {
		off[u.Audience] = true
	}
	return off, nil
}

// audiences are those whom there is somebody to tell, with what is broken in their sight.
func (t *Teller) audiences(ctx context.Context, v *view, settings map[string]*bellhop.NoticeSettings, off map[string]bool) (map[string]*audience, error) {
	list := map[string]*audience{}
	of := func(app string) *bellhop.NoticeSettings {
		if settings[app] == nil {
			s := Defaults(app)
			settings[app] = &s
		}
		return settings[app]
	}
	add := func(a audience) {
		a.settings = of(a.app)
		list[a.name()] = &a
	}
	for app, s := range settings {
		if len(s.Chats) > 0 || t.MailOn() && len(s.Emails) > 0 {
			add(audience{kind: byPeople, app: app})
		}
	}
	for r := range v.routes.All() {
		if r.Status != bellhop.EndpointDisabled && r.AsksForOwn() {
			for _, app := range r.Apps {
				if list[byEvents+":"+app] == nil {
					add(audience{kind: byEvents, app: app})
				}
			}
		}
		if t.MailOn() {
			for _, address := range r.Notify {
				a := audience{kind: byOwner, app: r.Apps[0], address: address}
				if name := a.name(); list[name] == nil && !off[name] {
					add(a)
				}
			}
		}
	}
	for _, about := range slices.Sorted(maps.Keys(v.ills)) {
		x := v.ills[about]
		see := func(name string) {
			if a := list[name]; a != nil {
				a.ills = append(a.ills, x)
			}
		}
		all := x
		see(byPeople + ":" + bellhop.AllApps)
		see(byEvents + ":" + bellhop.AllApps)
		if x.route == nil {
			continue
		}
		for _, app := range x.route.Apps {
			if app == bellhop.AllApps || list[byPeople+":"+app] == nil && list[byEvents+":"+app] == nil {
				continue
			}
			var err error
			if x, err = t.within(ctx, all, app); err != nil {
				return nil, err
			}
			see(byPeople + ":" + app)
			see(byEvents + ":" + app)
		}
		x = all
		for _, address := range x.route.Notify {
			see(Recipient(byOwner, x.route.Apps[0], address))
		}
	}
	return list, nil
}

// within is what the people of one app may know of what is broken: what others' events do
// at an endpoint that they share counts for nothing.
func (t *Teller) within(ctx context.Context, x *ill, app string) (*ill, error) {
	if len(x.route.Apps) == 1 {
		return x, nil
	}
	own := *x
	if x.state == stateBacklog {
		own.detail = "It takes deliveries more slowly than they come."
		own.shared = true
		return &own, nil
	}
	states, err := t.e.Health(ctx, bellhop.Only(app), x.route)
	if err != nil {
		return nil, err
	}
	own.health, own.detail = states[0], states[0].Detail
	if x.state == stateDisabling {
		own.detail = disablingDetail(&own.health)
	}
	return &own, nil
}

// news is what an audience does not know yet.
type news struct {
	broken []*ill
	// cured are what was told of and works again; ended what need not be told of.
	cured []bellhop.Told
	ended []string
	// still are what was told of and is so still.
	still []*ill
}

func (t *Teller) newsFor(v *view, a *audience) (n news) {
	told := t.told[a.name()]
	sees := make(map[string]bool, len(a.ills))
	for _, x := range a.ills {
		sees[x.about] = true
		old, known := told[x.about]
		var before *bellhop.Told
		if known {
			before = &old
		}
		switch {
		case known && !graver(x.state, old.State):
			n.still = append(n.still, x)
		case x.ripe(a.settings, before, v.now):
			n.broken = append(n.broken, x)
		case known:
			n.still = append(n.still, x)
		}
	}
	for _, about := range slices.Sorted(maps.Keys(told)) {
		old := told[about]
		x := v.ills[about]
		switch {
		case about == "":
		case sees[about] && (x.state != stateBacklog || old.State == stateBacklog && x.ripe(a.settings, &old, v.now)):
		case about == aboutBacklog, about == aboutStorage, v.health[about] == bellhop.HealthHealthy:
			// A backlog that is left of a failure is told by itself, if it is one.
			n.cured = append(n.cured, old)
		case v.health[about] == bellhop.HealthUnknown:
			// Somebody has changed something; whether it helps is not known yet.
		default:
			n.ended = append(n.ended, about) // paused, disabled or deleted by somebody
		}
	}
	over := make(map[string]bool, len(n.cured))
	for _, c := range n.cured {
		over[c.About] = true
	}
	n.still = slices.DeleteFunc(n.still, func(x *ill) bool { return over[x.about] })
	return n
}

// own is the row of an audience itself.
func (t *Teller) own(name string) bellhop.Told {
	own := t.told[name][""]
	own.Audience = name
	return own
}

// note has the store note what an audience was told.
func (t *Teller) note(ctx context.Context, name string, what bellhop.Telling) error {
	own := t.own(name)
	if what.Own.Audience == "" {
		what.Own = own
	}
	what.Own.Version = own.Version
	if err := t.store.Tell(ctx, what); err != nil {
		return fmt.Errorf("note who was told of what: %w", err)
	}
	if what.Gone {
		delete(t.told, name)
		return nil
	}
	of := t.told[name]
	if of == nil {
		of = map[string]bellhop.Told{}
		t.told[name] = of
	}
	what.Own.Version++
	of[""] = what.Own
	for _, about := range what.End {
		delete(of, about)
	}
	for _, row := range what.Set {
		of[row.About] = row
	}
	return nil
}

// publish tells those who listen to events, each thing by itself.
func (t *Teller) publish(ctx context.Context, v *view, a *audience) error {
	n := t.newsFor(v, a)
	for broken := range slices.Chunk(n.broken, step) {
		var what bellhop.Telling
		var events []engine.OwnEvent
		for _, x := range broken {
			events = append(events, t.eventOf(a.app, x))
			what.Set = append(what.Set, bellhop.Told{Audience: a.name(), About: x.about, State: x.state, Since: x.since, At: v.now})
		}
		if err := t.e.PublishOwn(ctx, a.app, events...); err != nil {
			return fmt.Errorf("publish what is broken: %w", err)
		}
		if err := t.note(ctx, a.name(), what); err != nil {
			return err
		}
	}
	for cured := range slices.Chunk(n.cured, step) {
		what := bellhop.Telling{End: n.ended}
		var events []engine.OwnEvent
		for _, old := range cured {
			events = append(events, recoveryOf(v, old))
			what.End = append(what.End, old.About)
		}
		if err := t.e.PublishOwn(ctx, a.app, events...); err != nil {
			return fmt.Errorf("publish what works again: %w", err)
		}
		if err := t.note(ctx, a.name(), what); err != nil {
			return err
		}
	}
	if len(n.cured) == 0 && len(n.ended) > 0 {
		return t.note(ctx, a.name(), bellhop.Telling{End: n.ended})
	}
	return nil
}

var typeOf = map[string]string{
	stateBacklog: engine.TypeEndpointBacklog, stateOnHold: engine.TypeEndpointOnHold, stateFailing: engine.TypeEndpointFailing,
	stateDisabling: engine.TypeEndpointDisabling, stateDisabled: engine.TypeEndpointDisabled, stateStorage: engine.TypeStorage,
}

// eventOf is the event that tells of something broken.
func (t *Teller) eventOf(app string, x *ill) engine.OwnEvent {
	o := engine.OwnEvent{Type: typeOf[x.state], Since: x.since}
	data := map[string]any{"detail": x.detail, "since": x.since}
	o.Data = data
	if x.pending > 0 && !x.shared {
		data["pending"] = x.pending
	}
	if x.route == nil {
		if x.state == stateBacklog {
			o.Type = engine.TypeBacklog
		}
		return o
	}
	if x.state == stateDisabled { // as told when it was done
		o.Endpoint, o.Data = x.route.ID, t.e.DisabledData(app, x.route)
		return o
	}
	o.Endpoint = x.route.ID
	data["endpoint"], data["url"], data["name"], data["apps"] = x.route.ID, x.route.URL, x.route.Name, x.route.Apps
	if app != bellhop.AllApps {
		data["apps"] = []string{app} // which others there are is none of its business
	}
	data["health"] = x.health.State
	for name, value := range map[string]any{
		"reason": x.health.Reason, "response_status": x.health.ResponseStatus, "consecutive_failures": x.health.ConsecutiveFailures,
	} {
		if value != "" && value != 0 {
			data[name] = value
		}
	}
	if !x.health.DisablesAt.IsZero() {
		data["disables_at"] = x.health.DisablesAt
	}
	return o
}

// recoveryOf is the event that tells that something works again.
func recoveryOf(v *view, old bellhop.Told) engine.OwnEvent {
	o := engine.OwnEvent{Since: old.Since}
	data := map[string]any{"was": old.State, "since": old.Since, "recovered_at": v.now.UTC().Truncate(time.Millisecond)}
	o.Data = data
	switch old.About {
	case aboutBacklog:
		o.Type = engine.TypeBacklogRecovered
		return o
	case aboutStorage:
		o.Type = engine.TypeStorageRecovered
		return o
	}
	o.Type = engine.TypeEndpointRecovered
	if r := v.endpoint(old.About); r != nil {
		o.Endpoint = r.ID
		data["endpoint"], data["url"], data["name"] = r.ID, r.URL, r.Name
	}
	return o
}

// write tells people, all at once: not before what breaks together has broken, and not
// too often.
func (t *Teller) write(ctx context.Context, v *view, a *audience, off map[string]bool) error {
	name := a.name()
	own := t.own(name)
	n := t.newsFor(v, a)
	if len(n.broken)+len(n.cured) == 0 {
		delete(t.freshSince, name)
		if len(n.ended) > 0 {
			return t.note(ctx, name, bellhop.Telling{End: n.ended})
		}
		return t.digest(ctx, v, a, n, off)
	}
	if t.freshSince[name].IsZero() {
		t.freshSince[name] = v.now
	}
	if v.now.Sub(own.At) > calm {
		own.Count = 0
	}
	if v.now.Sub(t.freshSince[name]) < t.o.Gather || v.now.Sub(own.At) < t.gap(own.Count) {
		return nil
	}
	byGravity(n.broken)
	m := message{Kind: kindNews, App: a.app, At: v.now.UTC()}
	what := bellhop.Telling{End: n.ended}
	for _, x := range n.broken {
		m.broken(t.itemOf(a, x))
		what.Set = append(what.Set, bellhop.Told{Audience: name, About: x.about, State: x.state, Since: x.since, At: v.now})
	}
	for _, old := range n.cured {
		m.cured(t.curedItem(a, v, old))
		what.End = append(what.End, old.About)
	}
	m.Subject, m.Button, m.Link = m.subject(), "Open "+m.target(), t.linkOf(a, m.only())
	own.At, own.Count = v.now, own.Count+1
	if len(n.broken) > 0 {
		own.Digest = v.now
	}
	what.Own, what.Notices = own, t.notices(v, a, off, m)
	// It is noted with the messages, all or nothing, unless it is so much that the store
	// would hold up others: then what comes later would be told again after a crash.
	for len(what.Set) > step || len(what.End) > step {
		set, end := min(len(what.Set), step), min(len(what.End), step)
		part := bellhop.Telling{Own: what.Own, Notices: what.Notices, Set: what.Set[:set], End: what.End[:end]}
		if err := t.note(ctx, name, part); err != nil {
			return err
		}
		what.Set, what.End, what.Notices = what.Set[set:], what.End[end:], nil
	}
	if err := t.note(ctx, name, what); err != nil {
		return err
	}
	delete(t.freshSince, name)
	t.wake()
	return nil
}

// calm is after how long without a message an audience is told as soon as at first.
const calm = 24 * time.Hour

// freely is how many messages an audience gets before the time between them grows, and
// mostGrown how often it doubles.
const (
	freely    = 4
	mostGrown = 5
)

func (t *Teller) gap(count int) time.Duration {
	if count == 0 {
		return 0
	}
	return t.o.Gap << min(max(count-freely, 0), mostGrown)
}

// digest tells now and then what is broken still.
func (t *Teller) digest(ctx context.Context, v *view, a *audience, n news, off map[string]bool) error {
	own := t.own(a.name())
	every := time.Duration(a.settings.Digest)
	if len(n.still) == 0 || every == 0 || v.now.Sub(own.Digest) < every {
		return nil
	}
	byGravity(n.still)
	m := message{Kind: kindDigest, App: a.app, At: v.now.UTC()}
	for _, x := range n.still {
		m.broken(t.itemOf(a, x))
	}
	m.Subject, m.Button, m.Link = m.subject(), "Open "+m.target(), t.linkOf(a, m.only())
	own.Digest = v.now
	if err := t.note(ctx, a.name(), bellhop.Telling{Own: own, Notices: t.notices(v, a, off, m)}); err != nil {
		return err
	}
	t.wake()
	return nil
}

// byGravity puts the gravest first and then those that are broken the longest.
func byGravity(list []*ill) {
	slices.SortStableFunc(list, func(x, y *ill) int {
		return cmp.Or(-cmp.Compare(slices.Index(gravity, x.state), slices.Index(gravity, y.state)), x.since.Compare(y.since))
	})
}

// notices are a message to each of an audience's recipients.
func (t *Teller) notices(v *view, a *audience, off map[string]bool, m message) (list []bellhop.Notice) {
	content := m.encode()
	add := func(recipient, to string) {
		list = append(list, bellhop.Notice{ID: id.Next[id.Notice](t.e.IDs(), v.now), Audience: recipient, To: to, Content: content, Due: v.now})
	}
	if a.kind == byOwner {
		add(a.name(), a.address)
		return list
	}
	if t.MailOn() {
		for _, address := range a.settings.Emails {
			if recipient := Recipient(byPeople, a.app, address); !off[recipient] {
				add(recipient, address)
			}
		}
	}
	for _, c := range a.settings.Chats {
		add(a.name(), c.ID)
	}
	return list
}
