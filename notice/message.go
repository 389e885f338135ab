package notice

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/mail"
)

// The kinds of messages.
const (
	kindNews   = "news"
	kindDigest = "digest"
	kindTest   = "test"
)

// message is what people are told at once, as it waits in the store.
type message struct {
	Kind    string
	App     string
	At      time.Time
	Subject string
	// Broken and Cured are at most mostItems each, of so many.
	Broken, Cured     []item
	BrokenOf, CuredOf int
	Button, Link      string
}

// item is one thing that is broken, or works again.
type item struct {
	Name  string
	State string
	App   string // for operators
	// Detail is a sentence.
	Detail string
	Link   string
	// Of says whether it is an endpoint.
	Endpoint bool
	id       string
}

// mostItems bounds how many things a message names; of the rest it gives the number.
const mostItems = 20

func (m *message) broken(i item) {
	if m.BrokenOf++; len(m.Broken) < mostItems {
		m.Broken = append(m.Broken, i)
	}
}

func (m *message) cured(i item) {
	if m.CuredOf++; len(m.Cured) < mostItems {
		m.Cured = append(m.Cured, i)
	}
}

// only is the one thing that it is about, or nil if there are several.
func (m *message) only() *item {
	switch {
	case m.BrokenOf == 1 && m.CuredOf == 0:
		return &m.Broken[0]
	case m.CuredOf == 1 && m.BrokenOf == 0:
		return &m.Cured[0]
	}
	return nil
}

func (m *message) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic("notice: " + err.Error()) // texts and numbers
	}
	return b
}

// verbs say in a subject what is the matter with one endpoint.
var verbs = map[string]string{
	stateBacklog: "falls behind", stateOnHold: "is on hold", stateFailing: "fails",
	stateDisabling: "will be disabled in 24 hours", stateDisabled: "was disabled",
}

// subject says the most important thing in a line.
func (m *message) subject() string {
	if x := m.only(); x != nil {
		switch {
		case m.CuredOf == 1 && x.Endpoint:
			return fmt.Sprintf("Endpoint %s works again", x.Name)
		case m.CuredOf == 1:
			return x.Name + " is well again"
		case !x.Endpoint && m.Kind == kindDigest:
			return x.Name + " is still in need"
		case !x.Endpoint:
			return x.Name + " is in need"
		case m.Kind == kindDigest:
			return fmt.Sprintf("Endpoint %s still %s", x.Name, verbs[x.State])
		}
		return fmt.Sprintf("Endpoint %s %s", x.Name, verbs[x.State])
	}
	need := "need attention"
	if m.Kind == kindDigest {
		need = "still need attention"
	}
	switch {
	case m.CuredOf == 0:
		return fmt.Sprintf("%d endpoints %s", m.BrokenOf, need)
	case m.BrokenOf == 0:
		return fmt.Sprintf("%d endpoints work again", m.CuredOf)
	case m.BrokenOf == 1:
		return fmt.Sprintf("%s, and %d more changed for the better", strings.TrimSuffix(m.Broken[0].headline(), "."), m.CuredOf)
	}
	return fmt.Sprintf("%d endpoints %s, %d work again", m.BrokenOf, need, m.CuredOf)
}

// headline is a line about one thing.
func (i *item) headline() string {
	if !i.Endpoint {
		return i.Name
	}
	return fmt.Sprintf("Endpoint %s %s", i.Name, verbs[i.State])
}

// target is what the button opens.
func (m *message) target() string {
	switch x := m.only(); {
	case x == nil:
		return "the endpoints"
	case x.Endpoint:
		return "the endpoint"
	}
	return "the dashboard"
}

// plain is what strangers wrote, fit for a line of a message: without what controls
// anything, turns text around or cannot be seen, and not endless.
func plain(s string) string {
	s = mail.OneLine(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > 80 {
		s = string(r[:79]) + "…"
	}
	return s
}

func nameOf(r *routes.Route) string {
	if name := plain(r.Name); name != "" {
		return name
	}
	if u, err := url.Parse(r.URL); err == nil && u.Host != "" {
		return plain(u.Host)
	}
	return r.ID.String()
}

func (t *Teller) itemOf(a *audience, x *ill) item {
	if x.route == nil {
		name := "The backlog of Bellhop"
		if x.about == aboutStorage {
			name = "The storage of Bellhop"
		}
		return item{Name: name, State: x.state, Detail: x.detail, Link: t.o.PublicURL + "/"}
	}
	i := item{Name: nameOf(x.route), State: x.state, Detail: plainSentence(x.detail), Endpoint: true, id: x.about}
	if a.app == bellhop.AllApps {
		i.App = appsText(x.route.Apps)
	}
	i.Link = t.linkOf(a, &i)
	return i
}

// plainSentence is a detail, in which servers' words may be, fit for a paragraph.
func plainSentence(s string) string {
	s = mail.OneLine(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s))
	return s
}

func appsText(apps []string) string {
	if len(apps) == 1 && apps[0] == bellhop.AllApps {
		return ""
	}
	if len(apps) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(apps[:3], ", "), len(apps)-3)
	}
	return strings.Join(apps, ", ")
}

func (t *Teller) curedItem(a *audience, v *view, old bellhop.Told) item {
	i := item{State: old.State, Detail: fmt.Sprintf("It works again, after %s.", lasted(v.now.Sub(old.Since)))}
	switch old.About {
	case aboutBacklog:
		i.Name, i.Detail, i.Link = "The backlog of Bellhop", "No more deliveries wait than may.", t.o.PublicURL+"/"
		return i
	case aboutStorage:
		i.Name, i.Detail, i.Link = "The storage of Bellhop", "There is room again.", t.o.PublicURL+"/"
		return i
	}
	i.Endpoint, i.id, i.Name = true, old.About, old.About
	if old.State == stateBacklog {
		i.Detail = "It has caught up."
	}
	if r := v.endpoint(old.About); r != nil {
		i.Name = nameOf(r)
		if a.app == bellhop.AllApps {
			i.App = appsText(r.Apps)
		}
	}
	i.Link = t.linkOf(a, &i)
	return i
}

func (v *view) endpoint(about string) *routes.Route {
	e, err := id.Parse[id.Endpoint](about)
	if err != nil {
		return nil
	}
	return v.routes.Endpoint(e)
}

func lasted(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return "a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// linkOf is the page where one thing is repaired or, for several, where they are listed.
func (t *Teller) linkOf(a *audience, x *item) string {
	about := ""
	if x != nil {
		if !x.Endpoint {
			return t.o.PublicURL + "/"
		}
		about = x.id
	}
	if a.settings.Page != "" && a.app != bellhop.AllApps {
		return strings.ReplaceAll(a.settings.Page, "{endpoint}", about)
	}
	switch {
	case about != "":
		return t.o.PublicURL + "/endpoints/" + about
	case a.app != bellhop.AllApps:
		return t.o.PublicURL + "/endpoints?app=" + url.QueryEscape(a.app)
	}
	return t.o.PublicURL + "/"
}
