package convoy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/manifest"
)

// Here is what a server that takes over has.
type Here struct {
	Apps      []bellhop.App
	Endpoints []bellhop.Endpoint
}

// appKey is a project and, in it, an owner of endpoints, or "".
type appKey struct{ project, owner string }

// name is what the operator calls it.
func (k appKey) name() string { return cmp.Or(k.owner, k.project) }

// String is what people are told of.
func (k appKey) String() string {
	if k.owner == "" {
		return "project " + k.project
	}
	return fmt.Sprintf("owner %q of the project %s", bellhop.Clip(k.owner), k.project)
}

// markPrefix begins the names of the metadata by which an app is found again: an id says nothing,
// since tenants that never were Convoy's may have the same.
const markPrefix = "convoy."

// joined is the mark of a project's app that was here, under a name of its own, which it keeps.
const joined = "project, with another name"

// left is the mark of an app whose owner has another one since.
const left = "left"

// mark is the metadata of the app that was made of a project or an owner. One app may have those
// of several projects.
func (k appKey) mark() (name, value string) {
	switch {
	case k.owner == "":
		value = "project"
	case len(k.owner) > 256: // more than metadata hold
		sum := sha256.Sum256([]byte(k.owner))
		value = "owner with the SHA-256 " + hex.EncodeToString(sum[:])
	default:
		value = "owner " + k.owner
	}
	return markPrefix + k.project, value
}

// idsOf are the ids that an app of an owner or a project may have, the best first.
func idsOf(k appKey) (ids []string) {
	if k.owner == "" {
		return []string{k.project}
	}
	if fitsAppID(k.owner) {
		ids = append(ids, k.owner)
	}
	// Of two owners whose names are no ids, it may be the same: then the sum tells them apart.
	clean, sum := cleanID(k.owner), sha256.Sum256([]byte(k.owner))
	return append(ids, k.project+"."+clean, k.project+"."+clean[:min(len(clean), 27)]+"-"+hex.EncodeToString(sum[:4]))
}

// here is what the server has, as far as it matters whose it is.
type here struct {
	// named are its apps by their ids and uids.
	named map[string]*bellhop.App
	// marked are those that an import has made or joined, by what of, and marks what of by the app's id.
	marked map[appKey][]*bellhop.App
	marks  map[string][]appKey
	// projects are those of this Convoy that apps are of, by the app's id: as their metadata say
	// or, where somebody has removed that, the endpoints that came from there.
	projects map[string]map[string]bool
	// former are endpoints by the id that they had in Convoy.
	former map[string][]*bellhop.Endpoint
}

// formerOf is the id of the endpoint or the subscription that an endpoint was made of.
func formerOf(e *bellhop.Endpoint) string {
	id, _, _ := strings.Cut(e.FormerID, ".")
	return id
}

// lookHere finds out what of the server came from this Convoy. What did not is left alone, also
// where it is in the same app.
func (r *reader) lookHere(ctx context.Context) error {
	h := here{named: map[string]*bellhop.App{}, marked: map[appKey][]*bellhop.App{}, marks: map[string][]appKey{}, projects: map[string]map[string]bool{}, former: map[string][]*bellhop.Endpoint{}}
	r.here = h
	is := func(app, project string) {
		if h.projects[app] == nil {
			h.projects[app] = map[string]bool{}
		}
		h.projects[app][project] = true
	}
	keys := map[[2]string]appKey{} // by their marks
	learn := func(k appKey) {
		name, value := k.mark()
		keys[[2]string{name, value}] = k
		if k.owner == "" {
			keys[[2]string{name, joined}] = k
		}
	}
	for id := range r.projects {
		learn(appKey{id, ""})
	}
	for i := range r.endpoints {
		learn(appKey{r.endpoints[i].project, r.endpoints[i].owner})
	}
	for i := range r.Here.Apps {
		app := &r.Here.Apps[i]
		h.named[app.ID] = app
		if app.UID != "" {
			h.named[app.UID] = app
		}
		for name, value := range app.Metadata {
			project, ok := strings.CutPrefix(name, markPrefix)
			if _, known := r.known[project]; !ok || !known {
				continue
			}
			is(app.ID, project)
			r.out.Origin.Apps[app.ID] = true
			if k, ok := keys[[2]string{name, value}]; ok {
				h.marked[k] = append(h.marked[k], app)
				h.marks[app.ID] = append(h.marks[app.ID], k)
			}
		}
	}
	for i := range r.Here.Endpoints {
		if e := &r.Here.Endpoints[i]; e.FormerID != "" {
			h.former[formerOf(e)] = append(h.former[formerOf(e)], e)
		}
	}
	if len(h.former) == 0 {
		return nil
	}
	marked := map[string]bool{}
	for id := range h.projects {
		marked[id] = true
	}
	known := r.out.Origin.Known
	for _, table := range []string{"endpoints", "subscriptions"} {
		err := r.db.Each(ctx, `SELECT id, project_id FROM convoy.`+table, nil, func(row foreign.Row) error {
			id := row.Name("id")
			for _, e := range h.former[id] {
				known[id] = true
				for _, app := range e.Apps {
					if !marked[app] {
						is(app, row.Name("project_id"))
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for id, list := range h.former {
		for _, e := range list {
			// One of which Convoy has no trace left was its own, if the app is, and it is called as
			// neither Svix nor Bellhop call theirs.
			if !known[id] && (!r.out.Origin.Calls(id) || !slices.ContainsFunc(e.Apps, func(app string) bool { return len(h.projects[app]) > 0 })) {
				r.out.Origin.Unread[e.FormerID] = true
			}
		}
	}
	return nil
}

// stranger tells whether an app did not come from this Convoy.
func (h *here) stranger(app *bellhop.App) bool { return len(h.projects[app.ID]) == 0 }

// earlier is the app that was made of a project or an owner by an earlier import; nil if none was.
func (h *here) earlier(k appKey) *bellhop.App {
	if list := h.marked[k]; len(list) > 0 {
		return slices.MaxFunc(list, func(x, y *bellhop.App) int { return cmp.Compare(h.endpointsOf(x.ID), h.endpointsOf(y.ID)) })
	}
	for _, id := range idsOf(k) {
		if app := h.named[id]; app != nil && app.ID == id && h.projects[id][k.project] && !isMarked(app, k.project) {
			return app
		}
	}
	return nil
}

// isMarked tells whether an app was made of something of a project, whatever it was.
func isMarked(app *bellhop.App, project string) bool {
	_, ok := app.Metadata[markPrefix+project]
	return ok
}

// endpointsOf counts the endpoints of an app that were taken over.
func (h *here) endpointsOf(app string) (n int) {
	for _, list := range h.former {
		for _, e := range list {
			if slices.Contains(e.Apps, app) {
				n++
			}
		}
	}
	return n
}

// apps makes an app of each project, for endpoints that nobody owns, and of each owner, and gives
// their ids. Those that are left out have none.
func (r *reader) apps() (map[appKey]string, error) {
	count, owned := map[appKey]int{}, map[string]int{} // endpoints, and projects by owner
	for i := range r.endpoints {
		if e := &r.endpoints[i]; e.odd == nil {
			k := appKey{e.project, e.owner}
			if count[k]++; count[k] == 1 {
				owned[e.owner]++
			}
		}
	}
	var keys []appKey
	for _, p := range r.order {
		keys = append(keys, appKey{p.id, ""})
		var owners []string
		for k := range count {
			if k.project == p.id && k.owner != "" {
				owners = append(owners, k.owner)
			}
		}
		slices.Sort(owners)
		for _, owner := range owners {
			keys = append(keys, appKey{p.id, owner})
		}
		if len(owners) > 0 {
			r.out.Lose("project %s: publishing to all endpoints of all its owners at once (broadcast), since an app is one owner here: publish to each", p.id)
		}
	}
	earlier := map[appKey]string{}
	for _, k := range keys {
		if app := r.here.earlier(k); app != nil {
			earlier[k], r.out.Origin.Apps[app.ID] = app.ID, true
		}
	}
	ids, err := r.mapped(keys, earlier)
	if err != nil {
		return nil, err
	}
	taken := map[string]appKey{}
	for k, id := range ids {
		taken[id] = k
	}
	for _, k := range keys { // first those that have one; two projects have one together if the operator said so
		id := earlier[k]
		if by, ok := taken[id]; id != "" && ids[k] == "" && (!ok || by.owner == k.owner) {
			ids[k], taken[id] = id, k
		}
	}
	for _, k := range keys {
		if ids[k] == "" {
			id, err := r.free(k, k.owner == "" || owned[k.owner] == 1 && r.projects[k.owner] == nil, taken)
			if err != nil {
				kind := "owner"
				if k.owner == "" {
					kind = "project"
				}
				if count[k] == 0 {
					continue // nothing would go there
				}
				r.out.LeaveOut(kind, k.name(), fmt.Errorf("%w; its %d endpoints are left out, too", err, count[k]))
				continue
			}
			ids[k], taken[id] = id, k
		}
		r.made[ids[k]] = append(r.made[ids[k]], k)
	}
	for _, k := range keys {
		if of := r.made[ids[k]]; len(of) > 0 && of[0] == k {
			r.app(ids[k], of, count, owned[k.owner] == 1, ids)
		}
	}
	for i := range r.Here.Apps {
		app := &r.Here.Apps[i]
		if len(r.made[app.ID]) > 0 {
			continue
		}
		if metadata, changed := r.remark(app, ids); changed {
			o := manifest.Object{Partial: true, Source: "Convoy project " + r.here.marks[app.ID][0].project}
			o.Put("id", app.ID)
			o.PutOurs("metadata", metadata)
			r.out.Document.Add(manifest.Apps, o)
		}
	}
	return ids, nil
}

// remark is the metadata of an app that is here, nil if it is not, with the marks of what has another app now
// changed: two apps that seem to be of one owner would be its app in turn.
func (r *reader) remark(app *bellhop.App, ids map[appKey]string) (metadata map[string]string, changed bool) {
	if app == nil {
		return map[string]string{}, false
	}
	metadata = map[string]string{}
	maps.Copy(metadata, app.Metadata)
	for _, k := range r.here.marks[app.ID] {
		if id := ids[k]; id != "" && id != app.ID {
			name, _ := k.mark()
			metadata[name], changed = left, true
		}
	}
	return metadata, changed
}

// mapped are the apps that the operator names. One that another has, of those that have one by an
// earlier import, is refused.
func (r *reader) mapped(keys []appKey, earlier map[appKey]string) (map[appKey]string, error) {
	ids, names := map[appKey]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.Apps)) {
		id := r.Apps[name]
		if app := r.here.named[id]; app != nil {
			id = app.ID
		}
		if !fitsAppID(id) {
			return nil, fmt.Errorf("%q, which --app gives for %q, cannot be the id of an app: it is 1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit. Nothing was changed", bellhop.Clip(id), bellhop.Clip(name))
		}
		other, both := names[id]
		names[id] = name
		found := false
		for _, k := range keys {
			if k.name() == name {
				ids[k], found = id, true
			} else if _, given := r.Apps[k.name()]; earlier[k] == id && !given {
				other, both = k.name(), true
			}
		}
		switch {
		case both:
			return nil, fmt.Errorf("--app gives %q the app %s, which is that of %q: each would hear what is meant for the other. Nothing was changed", bellhop.Clip(name), id, bellhop.Clip(other))
		case !found:
			return nil, fmt.Errorf("this Convoy has no owner of endpoints, and no project that sends, that is called %q, to which --app gives an app. Nothing was changed", bellhop.Clip(name))
		}
	}
	return ids, nil
}

// free is the best id for the app of a project or an owner that has none. It fails where this is that of
// an app that did not come from this Convoy: as a rule, it is another tenant's.
func (r *reader) free(k appKey, sole bool, taken map[string]appKey) (string, error) {
	for _, id := range idsOf(k) {
		if id == k.owner && !sole {
			continue
		}
		app := r.here.named[id]
		if app != nil {
			id = app.ID
		}
		if _, ok := taken[id]; ok || app != nil && !r.here.stranger(app) {
			continue
		}
		if app == nil || r.IntoExisting || unmarked(app) {
			return id, nil
		}
		return "", fmt.Errorf("the app %s, which is here, did not come from this Convoy, and what is published to it would go to this one's endpoints: if both are the same customer's, --into-existing-apps puts them there, and if not, '--app %s=ANOTHER' elsewhere",
			id, bellhop.Clip(k.name()))
	}
	return "", fmt.Errorf("the ids that its app could have are those of others: give it one with '--app %s=ANOTHER'", bellhop.Clip(k.name()))
}

// unmarked tells whether an import made an app, and people have removed what of.
func unmarked(app *bellhop.App) bool {
	source, _, _ := manifest.Noted(app.Imported)
	for name := range app.Metadata {
		if strings.HasPrefix(name, markPrefix) {
			return false // of another Convoy's project
		}
	}
	return source == product
}

// app makes the app of a project or an owner, or of an owner in several projects. Convoy has no other
// name of an owner than its id.
func (r *reader) app(id string, of []appKey, count map[appKey]int, sole bool, ids map[appKey]string) {
	r.out.Origin.Apps[id] = true
	k := of[0]
	o := manifest.Object{Partial: true, Source: "Convoy project " + k.project}
	o.Put("id", id)
	is, most := r.here.named[id], usualEndpoints
	if is != nil {
		most = max(most, is.MaxEndpoints)
	}
	metadata, marked := r.remark(is, ids)
	endpoints := 0
	for _, k := range of {
		endpoints += count[k]
		name, value := k.mark()
		_, given := r.Apps[k.name()]
		if old, ok := metadata[name]; !ok || given && old != value && old != joined {
			if is != nil && k.owner == "" && is.Name != r.projects[k.project].name {
				value = joined
			}
			metadata[name], marked = value, true
		}
	}
	name, _ := k.mark()
	switch {
	case k.owner == "" && id == k.project && metadata[name] != joined:
		o.Put("name", r.projects[k.project].name)
	case k.owner != "" && id != k.owner:
		called := r.here.named[k.owner]
		switch other := called != nil && called.ID != id; {
		case other || len(r.made[k.owner]) > 0:
			r.out.Lose("%s: the owner's name as the app's id, which is %s, and as its uid, since another app is called so", k, id)
		default:
			r.out.Lose("%s: the owner's name as the app's id, which is %s", k, id)
			if is == nil && sole && fitsUID(k.owner) {
				o.PutOurs("uid", k.owner)
			}
		}
	}
	if marked {
		o.PutOurs("metadata", metadata)
	}
	if endpoints > most {
		o.PutOurs("max_endpoints", min(endpoints, mostEndpoints))
	}
	r.out.Document.Add(manifest.Apps, o)
}

// moved notes those that were made of an endpoint in another app than is its owner's now: they would
// hear what is no longer meant for it. Where the owner has no app, only those are that are in one which is
// another's for certain.
func (r *reader) moved(e *endpointRow, app string) {
	others := func(id string) bool {
		return r.here.named[id] != nil && isMarked(r.here.named[id], e.project) || len(r.made[id]) > 0
	}
	ids := []string{e.id}
	for _, s := range r.subscriptions[e.id] {
		ids = append(ids, s.id)
	}
	of := appKey{e.project, e.owner}
	for _, id := range ids {
		for _, was := range r.here.former[id] {
			switch {
			case slices.Contains(was.Apps, app) || app == "" && !slices.ContainsFunc(was.Apps, others):
			case slices.ContainsFunc(was.Apps, func(app string) bool { return r.out.Origin.Apps[app] }):
				why := fmt.Sprintf("in Convoy it is of the %s", of)
				if app != "" {
					why += ", whose app is " + app + ": there it goes on, with the same secrets"
				}
				r.out.Origin.Moved[was.ID.String()] = why
			case was.Status != bellhop.EndpointDisabled:
				r.out.Lose("endpoint %s: that it is of the %s alone: it is %s in the app %s, too, which is not known to come from Convoy: disable it there, unless it is meant so", e.id, of, was.Status, strings.Join(was.Apps, ", "))
			}
		}
	}
}

// usualEndpoints is how many endpoints an app may have where nobody says otherwise, and
// mostEndpoints how many one may have at all.
const (
	usualEndpoints = 1000
	mostEndpoints  = 100_000
)

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// fitsAppID tells whether an app may have this id.
func fitsAppID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Contains(letters, s[:1]) && strings.Trim(s, letters+".-_") == ""
}

// fitsUID tells whether an app may have this uid.
func fitsUID(s string) bool {
	return len(s) <= 256 && strings.Trim(s, letters+".-_") == "" && strings.Trim(s, ".") != ""
}

// cleanID makes of any text the end of an id.
func cleanID(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x80 && strings.ContainsRune(letters+".-_", c) {
			return c
		}
		return '_'
	}, s)
	return s[:min(len(s), 36)]
}
