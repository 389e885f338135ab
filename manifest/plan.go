package manifest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/strictjson"
)

// Action is what a step does with an object.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Delete Action = "delete"
)

// Step makes one object what the document says.
type Step struct {
	Action Action `json:"action"`
	// Kind is what a single object of the kind is called, such as "event type".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Source says where the document speaks of the object; "" of one that is deleted.
	Source string `json:"source,omitempty"`
	// Fields are what differs, or what a new object is given.
	Fields []Difference `json:"fields,omitempty"`
	// Without are fields that the server refuses and the object can be without: of objects that
	// are Partial.
	Without []Lack `json:"without,omitempty"`

	kind       Kind
	want, have *Object
	// standing is what is known of an object that comes from an Origin.
	standing standing
	// rotations are the secrets that are put before those that there are, the oldest first,
	// each with how long the one that it replaces stays.
	rotations []rotation
	// refusal says why the step cannot be made, where that is known before it is tried.
	refusal error
}

// Lack is a field that an object is not given, and why.
type Lack struct {
	Field string `json:"field"`
	Why   string `json:"why"`
}

// Difference is one field of a step. Secrets are shown as [bellhop.Hidden].
type Difference struct {
	Field string `json:"field"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

type rotation struct {
	secret string
	grace  bellhop.Duration
}

// Plan is what has to be done so that a server has what a document says. Steps are in the
// order in which they can be made.
type Plan struct {
	Steps []Step
	// Same counts objects that are as they shall be.
	Same int
	// Notes are sentences about what is not as its origin has it, whatever the steps do.
	Notes []string

	progress func(what string, n int)
	origin   string            // what its Origin is called; "" if there is none
	have     map[Kind][]Object // what the server has of the kinds that are spoken of
}

// PlanOptions say how far a plan goes.
type PlanOptions struct {
	// Prune deletes what the server has of the kinds that the document speaks of, and the
	// document does not have.
	Prune bool
	// PruneAll lets Prune delete everything of a kind, where the document's list of it is
	// empty; otherwise MakePlan fails with an [EmptyError].
	PruneAll bool
	// Credentials gives endpoints the passwords and tokens of the document even if they have
	// some: which ones they have cannot be read, and so not be compared.
	Credentials bool
	// Origin is where the document was taken from; nil if nobody keeps another list. Objects that
	// did not change there since they were taken over are left as they are here.
	Origin *Origin
	// Overwrite makes these, too, what Origin says.
	Overwrite bool
	// DisableDeleted disables endpoints that came from Origin and were deleted there.
	DisableDeleted bool
	// Progress, if not nil, is told how many objects of the document have been compared or, by
	// Check, how many steps have been checked: which asks the server for each.
	Progress func(what string, n int)
	// Now is the time by which secrets have expired; zero is the present.
	Now time.Time
}

// Origin is another installation, or product, that an import followed earlier: what came from
// it and is gone there is found by it.
type Origin struct {
	// Name is what people call it, such as "Svix".
	Name string
	// Source tells it from others of the product, in what came from it, at most 150 bytes; by
	// default it is Name.
	Source string
	// Apps are the ids of all apps that it has or had.
	Apps map[string]bool
	// Deleted are the ids of those that were deleted.
	Deleted map[string]bool
	// Known are the former ids of endpoints, by the part before a dot, that it has or had for certain,
	// whatever app they are in here.
	Known map[string]bool
	// Calls tells whether a former id is one as it gives them: of endpoints of its apps that came before
	// imports noted what they took over. nil tells that none is.
	Calls func(formerID string) bool
	// Unfit are the former ids of endpoints that it has and that cannot be taken over truly,
	// with the reason and what to do. A former id may go on after a dot.
	Unfit map[string]string
	// Moved are the ids here of endpoints that are another app's there now, with what to say of these,
	// which are left in the app of before: they are disabled.
	Moved map[string]string
	// Unread are the ids of what it has and cannot be read: what was taken over of it earlier
	// stays as it is.
	Unread map[string]bool
}

// source is what tells it from others.
func (o *Origin) source() string { return cmp.Or(o.Source, o.Name) }

// has tells whether an app is, or was, of the origin, which may be nil.
func (o *Origin) has(app string) bool { return o != nil && o.Apps[app] }

// unfit says why an endpoint cannot be taken over; "" if it can, or is gone.
func (o *Origin) unfit(formerID string) string {
	if why, ok := o.Unfit[formerID]; ok {
		return why
	}
	before, _, _ := strings.Cut(formerID, ".")
	return o.Unfit[before]
}

// unread tells whether it has an endpoint that cannot be read.
func (o *Origin) unread(formerID string) bool {
	before, _, _ := strings.Cut(formerID, ".")
	return o.Unread[formerID] || o.Unread[before]
}

// sent tells whether an endpoint of the server is one that it had. Others of the product may have the same
// Source: what is in none of its apps is theirs.
func (o *Origin) sent(endpoint *Object) bool {
	source, _, _ := Noted(endpoint.Text("imported"))
	former := endpoint.Text("former_id")
	if source != o.source() && (source != "" || o.Calls == nil || !o.Calls(former)) {
		return false // made here, or brought by somebody else
	}
	before, _, _ := strings.Cut(former, ".")
	return o.Known[before] || slices.ContainsFunc(endpoint.Apps(), o.has)
}

// EmptyError says that pruning would delete everything of a kind, or that the document says
// nothing at all: as a rule, files got lost.
type EmptyError struct {
	// Kind is the kind; "" if the document says nothing.
	Kind Kind
	// Count is how many objects there are.
	Count int
}

func (e *EmptyError) Error() string {
	if e.Kind == "" {
		return "the document has no list at all: there is nothing to go by in deleting what it does not have"
	}
	return fmt.Sprintf("the document's list %s is empty, and all %d that the server has would be deleted", e.Kind, e.Count)
}

// MakePlan compares a document with what a server has, and changes nothing.
func MakePlan(ctx context.Context, c *client.Client, want Document, options PlanOptions) (*Plan, error) {
	if err := want.check(); err != nil {
		return nil, err
	}
	if options.Now.IsZero() {
		options.Now = time.Now()
	}
	if options.Prune && len(want.Objects) == 0 {
		return nil, &EmptyError{}
	}
	if options.Progress == nil {
		options.Progress = func(string, int) {}
	}
	p := planner{c: c, options: options, plan: &Plan{progress: options.Progress}, taken: map[*Object]error{}}
	spoken := slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool {
		_, ok := want.Objects[k]
		return !ok && (options.Origin == nil || k != Apps && k != Endpoints)
	})
	have, err := fetch(ctx, c, spoken)
	if err != nil {
		return nil, err
	}
	p.plan.have = have
	if options.Origin != nil {
		p.plan.origin = options.Origin.Name
	}
	var deletions []Step
	for _, kind := range spoken {
		found := index(kind, have[kind])
		olds, kept, err := found.match(kind, want.Objects[kind])
		if err != nil {
			return nil, err
		}
		list := want.Objects[kind]
		standings := make([]standing, len(list))
		for i := range list {
			standings[i] = p.stand(&list[i], olds[i])
		}
		for n, turn := range p.turns(kind, found, list, olds, standings) {
			p.plan.Steps = append(p.plan.Steps, turn.frees...)
			if err := p.object(ctx, kind, &list[turn.at], olds[turn.at], standings[turn.at]); err != nil {
				return nil, err
			}
			options.Progress(strings.ReplaceAll(string(kind), "_", " ")+" compared", n+1)
		}
		if options.Origin != nil {
			p.orphans(kind, list, have[kind], kept)
		}
		if !options.Prune {
			continue
		}
		if len(want.Objects[kind]) == 0 && len(have[kind]) > 0 && !options.PruneAll {
			return nil, &EmptyError{kind, len(have[kind])}
		}
		for i := range have[kind] {
			if o := &have[kind][i]; !kept[o] && string(o.Fields["current"]) != "true" {
				deletions = append(deletions, Step{Action: Delete, Kind: kind.one(), Name: name(kind, o), kind: kind, have: o})
			}
		}
	}
	// Endpoints go before the apps that they listen to and the types that they ask for.
	slices.Reverse(deletions)
	slices.SortStableFunc(deletions, func(x, y Step) int { return slices.Index(kinds, y.kind) - slices.Index(kinds, x.kind) })
	p.plan.Steps = append(p.plan.Steps, deletions...)
	return p.plan, nil
}

// found is what a server has, by identity.
type found map[string]*Object

// index makes a found of objects of the server.
func index(kind Kind, list []Object) found {
	f := found{}
	for i := range list {
		ids, _ := identities(kind, &list[i]) // those of the server have some
		for _, id := range append(ids, uidsOf(kind, &list[i])...) {
			f[id] = &list[i]
		}
	}
	return f
}

// match gives the object of the server that each of a document is, or nil, and those of the
// server that the document has. What never changes, ids and former ids, counts before uids,
// which move from one object to another.
func (f found) match(kind Kind, list []Object) (olds []*Object, kept map[*Object]bool, err error) {
	olds, kept = make([]*Object, len(list)), map[*Object]bool{}
	for i := range list {
		if olds[i] = f.find(lasting(kind, &list[i])); olds[i] == nil {
			continue
		}
		if kept[olds[i]] {
			return nil, nil, fmt.Errorf("%s: this %s is %s of the server, which the document has already; remove one of them", list[i].Source, kind.one(), name(kind, olds[i]))
		}
		kept[olds[i]] = true
	}
	for i := range list {
		if olds[i] != nil || kind != Endpoints {
			continue
		}
		old := f.find(uidsOf(kind, &list[i]))
		if old == nil || kept[old] || list[i].Text("former_id") != "" && old.Text("former_id") != "" {
			continue // another one, which has the uid still
		}
		olds[i], kept[old] = old, true
	}
	return olds, kept, nil
}

// find gives the first object that has one of the identities, or nil.
func (f found) find(ids []string) *Object {
	for _, id := range ids {
		if old := f[id]; old != nil {
			return old
		}
	}
	return nil
}

// lasting are the identities of an object that never change, the strongest first.
func lasting(kind Kind, o *Object) []string {
	ids, _ := identities(kind, o) // checked before
	ids = slices.DeleteFunc(ids, func(id string) bool { return strings.HasPrefix(id, "uid@") })
	if id := o.Text("id"); kind == Endpoints && id != "" {
		// Where it was moved to, its id is its former id.
		for _, app := range o.Apps() {
			ids = append(ids, "former_id@"+app+" "+id)
		}
	}
	return ids
}

// uidsOf are an object's uid, in each of the apps in which no other endpoint may have it.
func uidsOf(kind Kind, o *Object) (ids []string) {
	uid := o.Text("uid")
	switch {
	case uid == "":
	case kind == Apps:
		ids = append(ids, "uid "+uid)
	case kind == Endpoints:
		for _, app := range o.Apps() {
			ids = append(ids, "uid@"+app+" "+uid)
		}
	}
	return ids
}

// planner makes a plan.
type planner struct {
	c       *client.Client
	options PlanOptions
	plan    *Plan
	// taken are objects whose uid another one of the server has, with what to say of it.
	taken map[*Object]error
	// moved are endpoints of the server, by former id, that are another app's now; nil until they are
	// looked for.
	moved map[string][]*Object
}

// turn is when an object of a document comes, by its index, and what is done right before.
type turn struct {
	at    int
	frees []Step
}

// turns puts objects in an order in which a uid that one has here and another gets is taken from the
// first right before the second gets it: meanwhile it is nobody's. An object that the document does not
// have keeps its own, and the server refuses it to others, unless it is deleted, or the document comes
// from where both were.
func (p *planner) turns(kind Kind, found found, list []Object, olds []*Object, standings []standing) (order []turn) {
	names := map[string]bool{} // those that never change, beside which there can be no uid
	learn := func(o *Object) {
		for _, name := range lastingNames(kind, o) {
			names[name] = true
		}
	}
	at := map[*Object]int{} // the object of the document that one of the server is
	for i := range list {
		learn(&list[i])
		if olds[i] != nil {
			at[olds[i]] = i
		}
	}
	for _, o := range found {
		learn(o)
	}
	holders := make([][]*Object, len(list)) // of the uids that an object gets
	takers := map[*Object][]int{}
	for i := range list {
		if !standings[i].takes("uid") {
			continue
		}
		if list[i].Partial {
			if err := uidAmong(names, kind, &list[i]); err != nil {
				p.taken[&list[i]] = refusal{err}
				continue
			}
		}
		for _, id := range uidsOf(kind, &list[i]) {
			holder := found[id]
			if holder == nil || holder == olds[i] || slices.Contains(holders[i], holder) {
				continue
			}
			if why := p.keepsUID(kind, holder, &list[i], at, standings); why != "" {
				p.taken[&list[i]] = refusal{&bellhop.Error{Code: bellhop.CodeConflict, Detail: "The uid is not free", Fields: []bellhop.FieldError{{
					Field: "uid", Code: "taken", Detail: fmt.Sprintf("%q is that of the %s %s, %s", clip(list[i].Text("uid"), 80), kind.one(), name(kind, holder), why),
				}}}}
				continue
			}
			holders[i] = append(holders[i], holder)
			takers[holder] = append(takers[holder], i)
		}
	}
	const waiting, coming, done = 0, 1, 2
	state := make([]int, len(list))
	freed := map[*Object]bool{}
	var come func(i int)
	come = func(i int) {
		state[i] = coming
		if old := olds[i]; old != nil { // before it has another uid, others take those that it has
			for _, taker := range takers[old] {
				if state[taker] == waiting {
					come(taker)
				}
			}
		}
		t := turn{at: i}
		for _, holder := range holders[i] {
			if j, listed := at[holder]; freed[holder] || listed && state[j] == done && len(list[j].Fields["uid"]) > 0 {
				continue // in a ring, the first one has another uid by now
			}
			freed[holder] = true
			t.frees = append(t.frees, Step{
				Action: Change, Kind: kind.one(), Name: name(kind, holder), Source: list[i].Source,
				Fields: []Difference{{Field: "uid", From: holder.Text("uid")}}, kind: kind, want: &Object{}, have: holder,
			})
		}
		order = append(order, t)
		state[i] = done
	}
	for i := range list {
		if state[i] == waiting {
			come(i)
		}
	}
	return order
}

// keepsUID says why an object of the server does not lose its uid to one of a document; "" if it does.
func (p *planner) keepsUID(kind Kind, holder, want *Object, at map[*Object]int, standings []standing) string {
	j, listed := at[holder]
	switch {
	case listed && !standings[j].takes("uid"):
		return "to which it was given here"
	case listed || p.options.Prune:
		return ""
	case want.Partial && (kind != Apps && p.came(holder) || kind == Apps && p.options.Origin.has(holder.Text("id"))):
		return ""
	}
	return "which the document does not have"
}

// lastingNames are what an object is found by beside its uid, of which it has none that another has.
func lastingNames(kind Kind, o *Object) (names []string) {
	former := o.Text("former_id")
	switch {
	case kind == Apps:
		names = append(names, o.Text("id"))
	case kind == Endpoints && former != "":
		for _, app := range o.Apps() {
			names = append(names, app+" "+former)
		}
	}
	return names
}

// uidAmong refuses an object's uid that is another one's lasting name; nil if it is none.
func uidAmong(names map[string]bool, kind Kind, o *Object) error {
	uid := o.Text("uid")
	switch {
	case uid == "":
	case kind == Apps && names[uid] && uid != o.Text("id"):
		return bellhop.AppNameTaken("uid", uid)
	case kind == Endpoints && uid != o.Text("former_id"):
		for _, app := range o.Apps() {
			if names[app+" "+uid] {
				return bellhop.NameTaken(&bellhop.Endpoint{UID: uid}, app, uid)
			}
		}
	}
	return nil
}

// orphans looks at what came from the origin and is not in the document. Endpoints that it
// wants otherwise than can be had here must not get more than they asked for: they are
// disabled. Those that were deleted there are, if that is asked for.
func (p *planner) orphans(kind Kind, list, have []Object, kept map[*Object]bool) {
	origin := p.options.Origin
	note := func(format string, args ...any) { p.plan.Notes = append(p.plan.Notes, fmt.Sprintf(format, args...)) }
	followed := map[string]bool{} // former ids that the document has
	for i := range list {
		followed[list[i].Text("former_id")] = true
	}
	for i := range have {
		o := &have[i]
		if kept[o] {
			continue
		}
		if kind == Apps && origin.Deleted[o.Text("id")] {
			note("app %s: it was deleted in %s, and is here still: 'bellhop apps delete' deletes it with all that happened in it", name(kind, o), origin.Name)
		}
		former, moved := o.Text("former_id"), origin.Moved[o.Text("id")]
		if kind != Endpoints || former == "" || o.Text("status") == string(bellhop.EndpointDisabled) || moved == "" && origin.unread(former) {
			continue
		}
		why := origin.unfit(former)
		if moved == "" && !origin.sent(o) && (why == "" || !slices.ContainsFunc(o.Apps(), origin.has)) {
			continue
		}
		switch {
		case moved != "":
			note("endpoint %s: it is disabled, since %s", name(kind, o), moved)
		case why != "":
			note("endpoint %s: it was taken over from %s earlier, and no longer can be: it is disabled, since %s", name(kind, o), origin.Name, why)
		case p.options.DisableDeleted:
			note("endpoint %s: it is disabled, since it is gone in %s", name(kind, o), origin.Name)
		default:
			note("endpoint %s: it is gone in %s, and here it is %s still: --disable-deleted disables it", name(kind, o), origin.Name, o.Text("status"))
			continue
		}
		want := &Object{}
		want.Put("status", bellhop.EndpointDisabled)
		step := Step{
			Action: Change, Kind: kind.one(), Name: name(kind, o),
			Fields: []Difference{{"status", o.Text("status"), string(bellhop.EndpointDisabled)}}, kind: kind, want: want, have: o,
			standing: standing{origin: origin.source(), now: gone + "." + o.Text("status")}, // so that it is so again once it is there again
		}
		if moved != "" && followed[former] {
			step.standing.now = gone // its status went along
		}
		step.note()
		p.plan.Steps = append(p.plan.Steps, step)
	}
}

// object compares an object with that of the server, which is nil if there is none.
func (p *planner) object(ctx context.Context, kind Kind, want, have *Object, standing standing) error {
	listed := want
	if kind == Endpoints {
		var err error
		if want, err = p.follow(ctx, want, have, standing); err != nil {
			return err
		}
	}
	step := Step{Action: Change, Kind: kind.one(), Source: want.Source, kind: kind, want: want, have: have, standing: standing}
	if kind == Endpoints {
		step.refusal = keepHeaders(want, have)
	}
	if step.refusal == nil {
		step.refusal = p.taken[listed]
		if step.goWithout(step.refusal) {
			step.refusal, want = nil, step.want
		}
	}
	step.note()
	if end := want.expiry(); kind == Keys && !end.IsZero() && !end.After(p.options.Now) {
		return nil // no token opens anything any more
	}
	if have == nil {
		step.Action, step.Name = Create, name(kind, want)
		for _, field := range fieldsOf(kind) {
			if value := want.Fields[field]; len(value) > 0 && !slices.Contains(unshown, field) {
				step.Fields = append(step.Fields, Difference{Field: field, To: shown(field, value)})
			}
		}
		p.plan.Steps = append(p.plan.Steps, step)
		return nil
	}
	step.Name = name(kind, have)
	var left []string
	for _, field := range fieldsOf(kind) {
		switch differs := p.differs(kind, field, want, have); {
		case differs && (standing.takes(field) || p.options.Credentials && len(credentials(map[string]bellhop.JSON{field: want.Fields[field]})) > 0):
			step.Fields = append(step.Fields, Difference{field, shown(field, have.Fields[field]), shown(field, want.Fields[field])})
		case differs:
			left = append(left, field)
		}
	}
	if len(left) > 0 {
		p.plan.Notes = append(p.plan.Notes, fmt.Sprintf("%s %s: it was changed here (%s), and is left so, since it has not changed in %s: --overwrite makes it what it is there",
			kind.one(), step.Name, strings.Join(left, ", "), p.options.Origin.Name))
	}
	if kind == Endpoints && len(want.Fields["secrets"]) > 0 {
		var err error
		var here bool
		if step.rotations, here, err = p.rotations(ctx, want, have, standing.takes("secrets")); err != nil {
			return err
		}
		if here && p.options.Origin != nil {
			p.plan.Notes = append(p.plan.Notes, fmt.Sprintf("%s %s: it was changed here (secrets), and its newest secret stays, which its receiver has by now: --overwrite leaves that, too", kind.one(), step.Name))
		}
		if len(step.rotations) > 0 {
			step.Fields = append(step.Fields, Difference{Field: "secrets", From: bellhop.Hidden, To: bellhop.Hidden})
		}
	}
	if len(step.Fields)+len(step.Without) == 0 {
		p.plan.Same++
		if !step.noted() {
			return nil
		}
	}
	p.plan.Steps = append(p.plan.Steps, step)
	return nil
}

// unshown are fields of a new object of which nobody need be told.
var unshown = []string{"id", "imported"}

// fixed are fields that are given once: identities, and secrets, which are rotated.
var fixed = []string{"id", "former_id", "secret", "secrets", "token_sha256", "expires_at"}

// differs tells whether a field is to be changed.
func (p *planner) differs(kind Kind, field string, want, have *Object) bool {
	value, given := want.Fields[field]
	switch {
	case slices.Contains(fixed, field):
		return false
	case !given && (want.Partial || field == "imported" || kind == Endpoints && slices.Contains(Kept, field)):
		return false
	case field == "imported" && p.options.Origin != nil:
		return false // noted with what is taken over
	case field == "status" && want.Partial && want.Text(field) == string(bellhop.EndpointActive) && have.Text(field) == string(bellhop.EndpointPaused):
		return false // a pause is the operator's: not every product has one, and none undoes it
	case canonical(field, value) != canonical(field, have.Fields[field]):
		return true
	}
	gives := credentials(map[string]bellhop.JSON{field: value})
	if len(gives) == 0 {
		return false
	}
	var has []string
	_ = json.Unmarshal(have.Fields["credentials"], &has) // a list of the API's
	return p.options.Credentials || slices.ContainsFunc(gives, func(name string) bool { return !slices.Contains(has, name) })
}

// rotations says which secrets of the document an endpoint lacks, if it is to have them, and whether it
// has a newer one.
func (p *planner) rotations(ctx context.Context, want, have *Object, takes bool) (list []rotation, newer bool, err error) {
	var wanted []Secret
	if err := json.Unmarshal(want.Fields["secrets"], &wanted); err != nil {
		return nil, false, fmt.Errorf("%s: secrets: %w", want.Source, plain(err))
	}
	there, err := secretsOf(ctx, p.c, have)
	if err != nil {
		return nil, false, fmt.Errorf("read the secrets of %s: %w", name(Endpoints, have), err)
	}
	has := func(s Secret) bool {
		return slices.ContainsFunc(there, func(t Secret) bool { return t.Secret == s.Secret })
	}
	if len(wanted) == 0 || !takes || has(wanted[0]) {
		// The same, or it was rotated here since.
		return nil, len(wanted) > 0 && len(there) > 0 && there[0].Secret != wanted[0].Secret, nil
	}
	previous := func(i int) bellhop.Duration {
		// How long the secret after this one stays valid.
		if i+1 >= len(wanted) {
			return 0
		}
		return bellhop.Duration(min(max(0, wanted[i+1].ExpiresAt.Sub(p.options.Now)), LongestGrace).Round(time.Second))
	}
	for i, s := range slices.Backward(wanted) {
		if !has(s) && (s.ExpiresAt.IsZero() || s.ExpiresAt.After(p.options.Now)) {
			list = append(list, rotation{s.Secret, previous(i)})
		}
	}
	return list, false, nil
}

// Applied tells of a step that was made, or not: Err says why.
type Applied struct {
	Step *Step
	Err  error
}

// Apply makes the steps, one after the other, and tells of each, but for those that only note
// where an object came from. A step that the server
// refuses, by a *client.Problem of its own, does not keep others from being made; Apply ends
// with an error where none of them can be. It may be called again with a new plan, and goes
// on then.
func (p *Plan) Apply(ctx context.Context, c *client.Client, done func(Applied)) error {
	for i := range p.Steps {
		step := &p.Steps[i]
		err := step.tried(ctx, c)
		if err != nil && !refused(err) {
			return fmt.Errorf("%s the %s %s: %w", step.Action, step.Kind, step.Name, err)
		}
		if err != nil || !step.quiet() {
			done(Applied{step, err})
		}
	}
	return nil
}

// refused tells whether an error is about the one object.
func refused(err error) bool {
	if _, ok := errors.AsType[ownKey](err); ok {
		return true
	}
	if _, ok := errors.AsType[refusal](err); ok {
		return true
	}
	p, ok := errors.AsType[*client.Problem](err)
	return ok && p.Status >= 400 && p.Status < 500 && p.Status != http.StatusUnauthorized
}

// ownKey refuses to change the key with which the server is asked.
type ownKey struct{ error }

// patience is how often a step is tried again that the server has no time for.
const patience = 20

// tried makes a step, again if the server says when, and without what it is not to have.
func (s *Step) tried(ctx context.Context, c *client.Client) error {
	for {
		err := again(ctx, func() error { return s.apply(ctx, c) })
		if !s.goWithout(err) {
			return err
		}
	}
}

// spare are the fields that an object of another product can be without: nobody gets more or less
// for it. What says who gets what, and how it is made, is not among them.
var spare = map[Kind][]string{
	Apps:       {"uid", "name", "metadata"},
	EventTypes: {"description", "group", "schema", "schema_version", "earlier_schemas"},
	Endpoints:  {"uid", "name", "description", "metadata"},
}

// goWithout takes the fields from a step that an error is about, and tells whether it may be tried
// again then.
func (s *Step) goWithout(err error) bool {
	if err == nil || s.want == nil || !s.want.Partial || !refused(err) {
		return false
	}
	var wrong []bellhop.FieldError
	if p, ok := errors.AsType[*client.Problem](err); ok && (p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusConflict) {
		wrong = p.Errors
	} else if e, ok := errors.AsType[*bellhop.Error](err); ok && slices.Contains([]bellhop.Code{bellhop.CodeInvalid, bellhop.CodeConflict, bellhop.CodeUIDConflict}, e.Code) {
		wrong = e.Fields
	}
	var lacks []Lack
	also := map[string]int{}
	for _, f := range wrong {
		field := f.Field[:len(f.Field)-len(strings.TrimLeft(f.Field, "abcdefghijklmnopqrstuvwxyz_"))]
		if !slices.Contains(spare[s.kind], field) || len(s.want.Fields[field]) == 0 {
			return false
		}
		if also[field]++; also[field] > 1 {
			continue // a field may have thousands of parts, and goes as a whole
		}
		why := f.Detail
		if f.Field != field {
			why = f.Field + ": " + why
		}
		lacks = append(lacks, Lack{Field: field, Why: why})
	}
	for i := range lacks {
		if more := also[lacks[i].Field] - 1; more > 0 {
			lacks[i].Why += fmt.Sprintf(" (and %d more)", more)
		}
	}
	if len(lacks) == 0 {
		return false
	}
	want := *s.want
	want.Fields, s.want = maps.Clone(s.want.Fields), &want
	for _, lack := range lacks {
		for _, field := range together(lack.Field) {
			s.lose(field)
		}
	}
	s.Without = append(s.Without, lacks...)
	s.note()
	return true
}

// together are the fields that an object can only be without together.
func together(field string) []string {
	if field == "schema" || field == "schema_version" {
		return []string{"schema", "schema_version", "earlier_schemas"}
	}
	return []string{field}
}

// lose takes a field from what is wanted.
func (s *Step) lose(field string) {
	delete(s.want.Fields, field)
	s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(d Difference) bool { return d.Field == field })
}

// Nothing tells whether a change has nothing left to be made, but for a note of where the object
// came from.
func (s *Step) Nothing() bool {
	return s.Action == Change && len(s.Fields) == 0 && len(s.rotations) == 0
}

// quiet tells whether a step has nothing of which people need be told.
func (s *Step) quiet() bool { return s.Nothing() && len(s.Without) == 0 }

// again asks for something, and once more as often as the server says when.
func again(ctx context.Context, ask func() error) error {
	for n := 1; ; n++ {
		err := ask()
		p, ok := errors.AsType[*client.Problem](err)
		if !ok || p.RetryAfter <= 0 || n == patience {
			return err
		}
		wait := time.NewTimer(p.RetryAfter)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

// apply makes one step.
func (s *Step) apply(ctx context.Context, c *client.Client) error {
	if s.refusal != nil {
		return s.refusal
	}
	if s.Nothing() && !s.noted() {
		return nil
	}
	if err := s.fits(); err != nil {
		return err
	}
	switch s.kind {
	case Apps:
		return s.app(ctx, c)
	case EventTypes:
		return s.eventType(ctx, c)
	case Keys:
		return s.key(ctx, c)
	}
	return s.endpoint(ctx, c)
}

// maxRequest is how many bytes of fields are sent at once: a request may have 1 MiB, and a few
// of them are its own.
const maxRequest = 1<<20 - 4<<10

// fits refuses a step whose fields are not as those of a request may be, and names them, or the largest
// of them, where they are more than a request may have: a server would name none, and not read all of it.
func (s *Step) fits() error {
	if s.Action == Delete {
		return nil
	}
	fields := given(s.want.Fields)
	switch {
	case s.kind == EventTypes:
		fields = s.wholeEventType()
	case s.have != nil:
		fields = s.changed()
	}
	all, most, largest := 0, 0, ""
	var wrongs []bellhop.FieldError
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		b, _ := json.Marshal(fields[field]) // as the client does; what is no JSON is refused where it is read
		if all += len(b); len(b) > most {
			most, largest = len(b), field
		}
		body, _ := json.Marshal(map[string]bellhop.JSON{field: fields[field]})
		if e, ok := errors.AsType[*strictjson.Error](strictjson.Check(body, strictjson.Bodies)); ok {
			wrongs = append(wrongs, bellhop.FieldError{Field: field, Code: e.Code, Detail: e.Detail})
		}
	}
	if len(wrongs) > 0 {
		return wrong("It is not as a request may be", wrongs)
	}
	if all <= maxRequest {
		return nil
	}
	return wrong("It is larger than a request may be", []bellhop.FieldError{{
		Field: largest, Code: "length", Detail: fmt.Sprintf("is %d bytes, with which it is larger than the %d that may be sent of one object", most, maxRequest),
	}})
}

// changed are the fields that a change sends: null, which stands for none, for those that the
// document does not have.
func (s *Step) changed() map[string]bellhop.JSON {
	fields := map[string]bellhop.JSON{}
	for _, d := range s.Fields {
		if slices.Contains(fixed, d.Field) {
			continue
		}
		if fields[d.Field] = s.want.Fields[d.Field]; canonical(d.Field, fields[d.Field]) == "" {
			fields[d.Field] = bellhop.JSON("null")
		}
	}
	if s.noted() {
		fields["imported"] = s.want.Fields["imported"]
	}
	return fields
}

// given are the fields of a new object that say something.
func given(fields map[string]bellhop.JSON) map[string]bellhop.JSON {
	fields = maps.Clone(fields)
	maps.DeleteFunc(fields, func(field string, value bellhop.JSON) bool {
		// An endpoint that leaves out its events has those of its recipe.
		return canonical(field, value) == "" && field != "events"
	})
	return fields
}

// as reads fields as a request of the API.
func as[T any](fields map[string]bellhop.JSON) (in T, err error) {
	b, err := encode(fields)
	if err == nil {
		err = json.Unmarshal(b, &in)
	}
	return in, err
}

func (s *Step) app(ctx context.Context, c *client.Client) error {
	switch s.Action {
	case Delete:
		return c.DeleteApp(ctx, s.have.Text("id"))
	case Create:
		in, err := as[client.AppInput](given(s.want.Fields))
		if err == nil {
			_, err = c.CreateApp(ctx, in)
		}
		return err
	}
	in, err := as[client.AppPatch](s.changed())
	if err == nil {
		_, err = c.PatchApp(ctx, s.have.Text("id"), in)
	}
	return err
}

func (s *Step) eventType(ctx context.Context, c *client.Client) error {
	if s.Action == Delete {
		return c.DeleteEventType(ctx, s.have.Text("name"))
	}
	in, err := as[client.EventTypePut](s.wholeEventType())
	if err == nil {
		_, err = c.PutEventType(ctx, s.Name, in)
	}
	return err
}

// wholeEventType is an event type as it is to be: it is replaced as a whole.
func (s *Step) wholeEventType() map[string]bellhop.JSON {
	fields := given(s.want.Fields)
	if s.have != nil {
		fields = maps.Clone(s.have.Fields)
		maps.Copy(fields, s.changed())
	}
	delete(fields, "name")
	if s.want.Partial && canonical("schema", fields["schema"]) == "" {
		delete(fields, "validate") // there is nothing to go by any more
	}
	return fields
}

func (s *Step) endpoint(ctx context.Context, c *client.Client) error {
	if s.Action == Create {
		fields := given(s.want.Fields)
		if len(fields["former_id"]) == 0 && len(fields["id"]) > 0 {
			fields["former_id"] = fields["id"]
		}
		delete(fields, "id")
		if secrets := fields["secrets"]; len(secrets) > 0 {
			fields["secrets"] = valid(secrets)
		}
		in, err := as[client.EndpointInput](fields)
		if err == nil {
			_, err = c.CreateEndpoint(ctx, in.Change())
		}
		return err
	}
	var id bellhop.EndpointID
	if err := id.UnmarshalText([]byte(s.have.Text("id"))); err != nil {
		return err
	}
	if s.Action == Delete {
		return c.DeleteEndpoint(ctx, id)
	}
	update := func(fields map[string]bellhop.JSON) error {
		if len(fields) == 0 {
			return nil
		}
		in, err := as[client.EndpointInput](fields)
		if err == nil {
			_, err = c.UpdateEndpoint(ctx, id, in.Change())
		}
		return err
	}
	fields := s.changed()
	if len(s.rotations) == 0 {
		return update(fields)
	}
	// Taken over is what has the secrets, too.
	note := map[string]bellhop.JSON{}
	if s.noted() {
		note["imported"] = fields["imported"]
		delete(fields, "imported")
	}
	if err := update(fields); err != nil {
		return err
	}
	for _, r := range s.rotations {
		if _, err := c.RotateSecret(ctx, id, &r.grace, r.secret); err != nil {
			return err
		}
	}
	return update(note)
}

// LongestGrace is how long a server lets a secret that was rotated away be valid, less what
// the request may take.
const LongestGrace = 30*24*time.Hour - time.Minute

// valid are the secrets that have not expired: there is no use in others.
func valid(secrets bellhop.JSON) bellhop.JSON {
	var list []Secret
	if json.Unmarshal(secrets, &list) != nil {
		return secrets // the server says what is wrong with them
	}
	now := time.Now()
	list = slices.DeleteFunc(list, func(s Secret) bool { return !s.ExpiresAt.IsZero() && !s.ExpiresAt.After(now) })
	for i := range list {
		if latest := now.Add(LongestGrace); list[i].ExpiresAt.After(latest) {
			list[i].ExpiresAt = latest
		}
	}
	b, _ := encode(list) // of text and times
	return b
}

func (s *Step) key(ctx context.Context, c *client.Client) error {
	if s.have != nil {
		if string(s.have.Fields["current"]) == "true" {
			return ownKey{errors.New("it is the key that asks, and cannot be replaced by itself: use another one")}
		}
		var id bellhop.KeyID
		if err := id.UnmarshalText([]byte(s.have.Text("id"))); err != nil {
			return err
		}
		// A key cannot be changed: it is made anew for the same token.
		if err := c.DeleteKey(ctx, id); err != nil || s.Action == Delete {
			return err
		}
	}
	in, err := s.keyInput()
	if err == nil {
		_, err = c.CreateKey(ctx, in)
	}
	return err
}

// keyInput is the key that a step makes.
func (s *Step) keyInput() (client.KeyInput, error) {
	fields := given(s.want.Fields)
	expires := s.want.expiry()
	delete(fields, "expires_at")
	in, err := as[client.KeyInput](fields)
	if !expires.IsZero() {
		in.ExpiresIn = bellhop.Duration(time.Until(expires).Round(time.Second))
	}
	return in, err
}

// expiry is when a key ends; zero if it does not.
func (o *Object) expiry() (at time.Time) {
	_ = json.Unmarshal(o.Fields["expires_at"], &at) // checked when it was read
	return at
}

// Summary is the plan in a sentence.
func (p *Plan) Summary() string {
	count := map[Action]int{}
	for i := range p.Steps {
		if !p.Steps[i].Nothing() {
			count[p.Steps[i].Action]++
		}
	}
	quiet := !slices.ContainsFunc(p.Steps, func(s Step) bool { return !s.quiet() })
	switch {
	case len(count) == 0 && quiet && p.origin != "":
		return fmt.Sprintf("nothing to do: nothing that is to be taken over has changed in %s, of %d objects", p.origin, p.Same)
	case len(count) == 0 && quiet:
		return fmt.Sprintf("nothing to do: all %d objects are as the document says", p.Same)
	case len(count) == 0 && p.origin != "":
		return fmt.Sprintf("nothing to do that the server takes, of what has changed in %s: %d objects stay as they are", p.origin, p.Same)
	case len(count) == 0:
		return fmt.Sprintf("nothing to do that the server takes: %d objects are as the document says", p.Same)
	}
	var parts []string
	for _, a := range []Action{Create, Change, Delete} {
		if count[a] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", count[a], a))
		}
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(", %d as they are", p.Same)
}
