package manifest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
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
