package send

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/engine/routes"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/recipe"
)

// recipeWay is what a recipe wants done around a request.
type recipeWay struct {
	recipe *recipe.Recipe
	// lookup, if not nil, is asked first.
	lookup *recipe.Check
	// captured is kept with a delivery that was taken.
	captured map[string]string
}

// byRecipe makes the request of an endpoint that follows a recipe.
func (s *Sender) byRecipe(r *routes.Route, b *recipe.Bound, signer *dialect.Signer, m dialect.Message) (Made, *bellhop.Outcome) {
	secret, err := r.Secret(m.Timestamp)
	if err != nil {
		o := ours(r, "The endpoint's secret cannot be used: "+err.Error())
		return Made{}, &o
	}
	q, err := b.Make(recipe.Event{
		ID: m.ID, App: m.App, Type: m.Type, Subject: m.Subject, Time: m.Time, Data: m.Data, Key: []byte(secret),
	})
	var skipped *recipe.Skipped
	switch {
	case errors.As(err, &skipped):
		return Made{}, &bellhop.Outcome{
			Class: bellhop.ClassSkipped, Reason: bellhop.ReasonSkipped, Detail: skipped.Reason, Exchange: bellhop.Exchange{URL: r.URL},
		}
	case err != nil:
		return Made{}, held(r, "No request can be made of this event: "+err.Error()+".")
	}
	made := Made{KeepBody: true, way: &recipeWay{recipe: b.Recipe(), lookup: q.Lookup, captured: q.Captured}}
	if q.Mail != nil {
		made.Mail = &mail.Message{From: q.Mail.From, To: q.Mail.To, ReplyTo: q.Mail.ReplyTo, Subject: q.Mail.Subject, Text: q.Mail.Text, HTML: q.Mail.HTML}
		if _, err := made.Mail.Parse(); err != nil {
			return Made{}, held(r, "No mail can be made of this event: "+err.Error()+".")
		}
	}
	rendered := dialect.Request{Body: q.Body}
	if b.Recipe().Definition().Signed {
		m.Body = q.Body
		s.chooseOptions(r, &m)
		if rendered, err = signer.Render(m); err != nil {
			o := ours(r, "The dialect "+r.Dialect+" cannot sign what the recipe makes of this event: "+err.Error())
			return Made{}, &o
		}
	}
	rendered.Headers = slices.Clone(rendered.Headers)
	for _, h := range q.Headers {
		rendered.Headers = slices.DeleteFunc(rendered.Headers, func(o dialect.Header) bool { return strings.EqualFold(o.Name, h.Name) })
		rendered.Headers = append(rendered.Headers, dialect.Header(h))
	}
	s.request(&made.Request, r, m.App, rendered)
	if q.Mail == nil {
		made.Request.Method, made.Request.URL = q.Method, q.URL
	}
	made.ShownURL, made.ShownHeader = made.Request.URL, made.Request.Header
	if made.Mail != nil {
		return made, s.compose(r, &made, m)
	}
	conceal(r, &made)
	return made, nil
}

// lacking says that an endpoint does not have a credential that its recipe needs; nil if
// it has all. Whoever authenticates in another way than the recipe proposes knows why.
func lacking(r *routes.Route) *bellhop.Outcome {
	if r.Follows() == nil {
		return nil
	}
	a := r.Follows().Recipe().Definition().Auth
	if a == nil || a.Optional && r.Auth == nil || r.Auth != nil && string(r.Auth.Type) != a.Type {
		return nil
	}
	for _, name := range a.Secrets() {
		if len(r.Sealed[name]) == 0 {
			return held(r, "The recipe "+r.Recipe+" needs "+name+", which the endpoint does not have: enter it, and what is held goes out.")
		}
	}
	return nil
}

// held is the outcome of an event that no request can be made of by the endpoint's
// present settings.
func held(r *routes.Route, detail string) *bellhop.Outcome {
	return &bellhop.Outcome{
		Class: bellhop.ClassHeld, Reason: bellhop.ReasonRecipe, Detail: detail, Exchange: bellhop.Exchange{URL: r.URL},
	}
}

// maxLookup is how much of the answer to a lookup is looked through, in bytes.
const maxLookup = 1 << 20

// once makes the exchange of a parcel, with what its recipe wants done before and after
// it. Where a lookup settles it, that is the exchange, and made is changed to say so.
func (s *Sender) once(ctx context.Context, p Parcel, made *Made) safehttp.Response {
	if made.way == nil {
		return s.exchange(ctx, p)
	}
	begun := s.o.Now()
	made.Looked, made.Found, made.differs = false, false, ""
	if made.way.lookup != nil {
		if res, settled := s.lookUp(ctx, p, made); settled {
			return res
		}
		p.Request.Once = true // whoever has to be asked first does not know repeats
		p.Request.Timeout = max(p.Request.Timeout-s.o.Now().Sub(begun), time.Millisecond)
	}
	res := s.exchange(ctx, p)
	if to, ok := permitted(made, p.Request.URL, res); ok {
		res = s.o.HTTP.Do(ctx, safehttp.Request{
			URL: to, Method: http.MethodGet, Timeout: max(p.Request.Timeout-res.Duration, time.Millisecond), MaxBody: s.o.MaxBody, App: p.App,
		})
	}
	res.Duration = s.o.Now().Sub(begun)
	return res
}

// lookUp asks whether the event was done before. It settles the delivery where it was,
// and where it cannot be known: better late than twice.
func (s *Sender) lookUp(ctx context.Context, p Parcel, made *Made) (res safehttp.Response, settled bool) {
	ask := p
	ask.Request.Method, ask.Request.URL, ask.Request.Body, ask.Request.MaxBody = http.MethodGet, made.lookupURL(), nil, maxLookup
	ask.Request.Header = made.Request.Header.Clone()
	ask.Request.Header.Del("Content-Type")
	if unmade := p.credentials.put(&ask.Request); unmade != nil {
		return safehttp.Response{Reason: safehttp.ReasonURL, Detail: unmade.Detail}, true
	}
	res = s.exchange(ctx, ask)
	p.credentials.mask(&res)
	answered := res.Reason == "" && res.Status >= 200 && res.Status <= 299
	var found recipe.Finding
	if answered {
		found = made.way.lookup.Find(res.Body)
	}
	if answered && found.Element == nil && !res.Truncated {
		return res, false
	}
	made.Looked, made.Found, made.differs = true, found.Element != nil, found.Differs
	if made.Found {
		res.Body, res.Truncated = found.Element, false // the others of the list are no business of this delivery
	}
	res.Truncated = res.Truncated || int64(len(res.Body)) > s.o.MaxBody
	res.Body = res.Body[:min(int64(len(res.Body)), s.o.MaxBody)]
	return res, true
}

// permitted is where the one redirect leads that a recipe permits: to a host that it
// names, or to where the request went. All else stays unfollowed.
func permitted(made *Made, from string, res safehttp.Response) (to string, ok bool) {
	redirect := made.way.recipe.Definition().Redirect
	if redirect == nil || res.Reason != "" || res.Status != http.StatusFound && res.Status != http.StatusSeeOther {
		return "", false
	}
	base, err := url.Parse(from)
	if err != nil {
		return "", false
	}
	u, err := base.Parse(res.Header.Get("Location"))
	if err != nil || res.Header.Get("Location") == "" || u.User != nil {
		return "", false
	}
	u.Fragment, u.RawFragment = "", ""
	here := u.Scheme == base.Scheme && u.Host == base.Host
	named := u.Scheme == "https" && u.Port() == "" && recipe.HostIn(u.Hostname(), redirect.Hosts)
	return u.String(), here || named
}

// judge lets the recipe say what an answer means.
func (s *Sender) judge(o *bellhop.Outcome, made *Made, res *safehttp.Response) {
	w := made.way
	if w == nil || res.Reason != "" {
		return
	}
	if made.Mail != nil { // classifyMail has said it
		if o.Class == bellhop.ClassTaken {
			o.Captured = w.captured
		}
		return
	}
	j := w.recipe.Judge(res.Status, res.Body)
	switch {
	case made.differs != "":
		o.Class, o.Reason, o.Detail = bellhop.ClassRefused, bellhop.ReasonAnswer, made.differs
	case made.Found:
		o.Detail = "It was done before, as the receiver's list shows: no request was made again."
	case made.Looked && o.Class == bellhop.ClassTaken:
		o.Class, o.Reason = bellhop.ClassAgain, bellhop.ReasonAnswer
		o.Detail = "Whether it was done before cannot be known: the receiver's list is longer than 1 MiB. Remove what is old from it."
	case j.Means == recipe.Taken && !made.Looked:
		o.Class, o.Reason, o.After = bellhop.ClassTaken, "", 0
		if j.Detail != "" || res.Status > 299 {
			o.Detail = j.Detail
		}
	case j.Means != "" && j.Means != recipe.Taken:
		s.judgeFailed(o, j, *res)
	}
	if o.Class == bellhop.ClassTaken {
		o.Captured = w.captured
	}
}

// judgeFailed says of an outcome what the recipe says of an answer that is no success.
func (s *Sender) judgeFailed(o *bellhop.Outcome, j recipe.Judgement, res safehttp.Response) {
	o.Class = classes[j.Means]
	o.After = retryAfter(res.Header, s.o.Now())
	if o.Reason = bellhop.ReasonStatus; res.Status >= 200 && res.Status <= 299 {
		o.Reason = bellhop.ReasonAnswer
	}
	if j.Detail != "" {
		o.Detail = j.Detail
	} else if o.Detail == "" {
		o.Detail = statusDetail(res)
	}
}

var classes = map[string]bellhop.Class{
	recipe.Taken: bellhop.ClassTaken, recipe.Again: bellhop.ClassAgain, recipe.Refused: bellhop.ClassRefused,
	recipe.Overloaded: bellhop.ClassOverloaded, recipe.Gone: bellhop.ClassGone,
}
