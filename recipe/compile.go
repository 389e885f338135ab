package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"
)

// Recipe is a compiled [Definition], safe for concurrent use.
type Recipe struct {
	definition Definition
	fields     []field
	address    template // of the default address; nil if there is none
	skip       []skip
	lookup     *lookup
	method     string
	url        template
	headers    []headerTemplate
	body       template
	json       bool
	mail       *mailTemplates
	answers    []answer
	captured   []headerTemplate
	escape     func(string) string
}

type skip struct {
	when   condition
	reason string
}

type lookup struct {
	url         template
	in          []step
	where, same []lookupPart
	otherwise   string
}

// lookupPart is what an element has at a path.
type lookupPart struct {
	path  []step
	place string
	value template
}

type headerTemplate struct {
	name  string
	value template
}

type mailTemplates struct {
	from, replyTo, subject, text, html template
	to                                 []template
}

// Bounds that no honest definition meets.
const (
	maxFields  = 32
	maxHeaders = 32
	maxName    = 63
	maxHelp    = 4096
)

// Compile checks a definition and makes it a recipe. Its error lists every problem,
// each with the field and the remedy. A definition that compiles can be trusted:
// Compile has made the request of its sample.
func Compile(def Definition) (*Recipe, error) {
	c := compiler{r: &Recipe{definition: def}}
	c.all()
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	if err := c.r.rehearse(); err != nil {
		return nil, fmt.Errorf("sample: %w", err)
	}
	return c.r, nil
}

// Name is how endpoints choose the recipe.
func (r *Recipe) Name() string { return r.definition.Name }

// Definition is what the recipe was compiled from. It must not be changed.
func (r *Recipe) Definition() Definition { return r.definition }

type compiler struct {
	r        *Recipe
	problems []error
}

func (c *compiler) problem(field, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s %s", field, fmt.Sprintf(format, args...)))
}

func (c *compiler) all() {
	r, d := c.r, &c.r.definition
	if !isLabel(d.Name, "-") {
		c.problem("name", "%.70q is not a name; use 1 to %d lower-case letters, digits and hyphens", d.Name, maxName)
	}
	if strings.TrimSpace(d.Title) == "" {
		c.problem("title", "is empty; say what people call the target")
	}
	if len(d.Description) > maxHelp {
		c.problem("description", "is %d bytes long; shorten it to %d", len(d.Description), maxHelp)
	}
	for i, pattern := range d.Events {
		if strings.Contains(strings.TrimSuffix(pattern, "*"), "*") || pattern == "" {
			c.problem(fmt.Sprintf("events[%d]", i), "%.70q is not a pattern; give an event type, or the beginning of some and *", pattern)
		}
	}
	c.fields()
	if d.Address.Default != "" {
		r.address = c.template("address.default", d.Address.Default, urlText{})
		r.address.each(func(s *source) {
			if s.root != "" && s.root != "field" {
				c.problem("address.default", "has ${%s}; use fields only", s)
			}
		})
	}
	for i, host := range d.Address.Hosts {
		c.host(fmt.Sprintf("address.hosts[%d]", i), host)
	}
	for i, s := range d.Skip {
		when, err := parseCondition(s.When)
		if err != nil {
			c.problem(fmt.Sprintf("skip[%d].when", i), "%s", err)
		}
		if s.Reason == "" {
			c.problem(fmt.Sprintf("skip[%d].reason", i), "is empty; say in a sentence why nothing is to be done")
		}
		r.skip = append(r.skip, skip{when, s.Reason})
	}
	c.auth()
	c.answers()
	if d.Redirect != nil {
		if len(d.Redirect.Hosts) == 0 {
			c.problem("redirect.hosts", "is empty; name the hosts that may be led to")
		}
		for i, host := range d.Redirect.Hosts {
			c.host(fmt.Sprintf("redirect.hosts[%d]", i), host)
		}
	}
	if l := d.RateLimit; l != nil && (l.PerSecond <= 0 || l.PerSecond > 100_000 || l.Burst < 0) {
		c.problem("rate_limit", "must be above 0 per second, with a burst of 0 or more")
	}
	if d.Concurrency < 0 || d.Concurrency > 1000 {
		c.problem("concurrency", "is %d; give 1 to 1000, or leave it out", d.Concurrency)
	}
	switch d.Escape {
	case "":
	case "slack":
		r.escape = escapeSlack
	case "markdown":
		r.escape = escapeMarkdown
	default:
		c.problem("escape", "%.70q is unknown; use slack or markdown, or leave it out", d.Escape)
	}
	for _, name := range sortedNames(d.Capture) {
		r.captured = append(r.captured, headerTemplate{name, c.template("capture."+name, d.Capture[name], plain{slotText})})
	}
	if d.Mail != nil {
		c.mail(d)
	} else {
		c.request(d)
	}
	if !json.Valid([]byte(d.Sample.Data)) || d.Sample.Type == "" {
		c.problem("sample", "needs a type, and data that is JSON")
	}
}

// request compiles what is sent over HTTP.
func (c *compiler) request(d *Definition) {
	r := c.r
	if r.method = d.Method; r.method == "" {
		r.method = "POST"
	}
	if !slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE", "GET"}, r.method) {
		c.problem("method", "%.20q is not allowed; use POST, PUT, PATCH, DELETE or GET", d.Method)
	}
	if d.Signed && (r.method != "POST" || d.URL != "" && d.URL != "${url}") {
		c.problem("signed", "goes with POST to ${url} only; leave method and url out")
	}
	r.url = c.template("url", or(d.URL, "${url}"), urlText{})
	if len(r.url) > 0 && r.url[0].slot != slotBase {
		c.problem("url", "must begin with ${url}")
	}
	if len(r.url) == 1 {
		r.url[0].slot = slotText // nothing is put behind it: it is taken as it is
	}
	if l := d.Lookup; l != nil {
		r.lookup = &lookup{
			url: c.template("lookup.url", or(l.URL, "${url}"), urlText{}), otherwise: l.Otherwise,
			where: c.lookupParts("lookup.where", l.Where), same: c.lookupParts("lookup.same", l.Same),
		}
		var err error
		if l.In != "" {
			if r.lookup.in, err = parsePath(l.In); err != nil {
				c.problem("lookup.in", "%s", err)
			}
		}
		if len(l.Where) == 0 {
			c.problem("lookup.where", "is empty; say by what an element is known")
		}
		if len(l.Same) > 0 && l.Otherwise == "" {
			c.problem("lookup.otherwise", "is empty; say in a sentence what to do where an element is known and not the same")
		}
	}
	if len(d.Headers) > maxHeaders {
		c.problem("headers", "are %d; keep at most %d", len(d.Headers), maxHeaders)
	}
	for i, h := range d.Headers {
		field := fmt.Sprintf("headers[%d]", i)
		if !isToken(h.Name) || slices.Contains([]string{"content-type", "content-length", "host", "authorization", "cookie", "transfer-encoding", "connection", "te", "trailer", "upgrade", "proxy-authorization"}, strings.ToLower(h.Name)) {
			c.problem(field+".name", "%.70q cannot be a recipe's header; give another, credentials under auth and the type under content_type", h.Name)
		}
		r.headers = append(r.headers, headerTemplate{h.Name, c.template(field+".value", h.Value, plain{slotHeader})})
	}
	kind, _, err := mime.ParseMediaType(r.contentType())
	if err != nil {
		c.problem("content_type", "%.70q is no content type; give one such as application/json", d.ContentType)
	}
	var l lexer = plain{slotText}
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		l, r.json = jsonText{}, true
	case kind == "application/x-www-form-urlencoded":
		l = plain{slotForm}
	case kind == "text/html":
		l = htmlText{}
	}
	if r.method != "GET" {
		r.body = c.template("body", or(d.Body, "${data}"), l)
	}
}

func (c *compiler) lookupParts(place string, parts map[string]string) (list []lookupPart) {
	for _, name := range sortedNames(parts) {
		path, err := parsePath(name)
		if err != nil {
			c.problem(place, "%s", err)
		}
		list = append(list, lookupPart{path, place + "." + name, c.template(place+"."+name, parts[name], plain{slotText})})
	}
	return list
}

func (c *compiler) mail(d *Definition) {
	m := &mailTemplates{
		from:    c.template("mail.from", d.Mail.From, addressText{}),
		replyTo: c.template("mail.reply_to", d.Mail.ReplyTo, addressText{}),
		subject: c.template("mail.subject", d.Mail.Subject, plain{slotLine}),
		text:    c.template("mail.text", d.Mail.Text, plain{slotText}),
		html:    c.template("mail.html", d.Mail.HTML, htmlText{}),
	}
	for i, to := range d.Mail.To {
		m.to = append(m.to, c.template(fmt.Sprintf("mail.to[%d]", i), to, addressText{}))
	}
	if len(m.from) == 0 || len(m.to) == 0 || len(m.subject) == 0 || len(m.text) == 0 && len(m.html) == 0 {
		c.problem("mail", "needs from, to, subject, and text or html")
	}
	if d.Signed || d.Method != "" || d.URL != "" || d.ContentType != "" || len(d.Headers) > 0 || d.Body != "" || d.Lookup != nil || d.Redirect != nil {
		c.problem("mail", "stands alone; leave signed, method, url, content_type, headers, body, lookup and redirect out")
	}
	c.r.mail = m
}

func (c *compiler) auth() {
	a := c.r.definition.Auth
	if a == nil {
		return
	}
	switch a.Type {
	case "basic", "bearer", "oauth2_client_credentials", "oauth2_refresh_token":
	case "header", "query":
		if a.Header == "" {
			c.problem("auth.name", "is empty; give the name of the %s", map[string]string{"header": "header", "query": "query parameter"}[a.Type])
		}
	default:
		c.problem("auth.type", "%.70q is unknown; use basic, bearer, header, query, oauth2_client_credentials or oauth2_refresh_token", a.Type)
	}
}

// template compiles text whose values stand where the lexer says.
func (c *compiler) template(place, text string, l lexer) template {
	t, err := parse(text)
	if err == nil {
		var end lexer
		if end, err = t.place(l); err == nil && end != l {
			switch end.(type) {
			case jsonText, htmlText, addressText:
				err = errors.New("does not end where it began; close the quotes or tags that are open")
			}
		}
	}
	if err != nil {
		c.problem(place, "%s", err)
		return nil
	}
	t.each(func(s *source) {
		if s.root == "field" && !slices.ContainsFunc(c.r.fields, func(f field) bool { return f.Name == s.path[0].name }) {
			c.problem(place, "has ${%s}, which fields do not have; add it there", s)
		}
	})
	return t
}

func (c *compiler) host(field, pattern string) {
	if name := strings.TrimPrefix(pattern, "*."); !isHost(name) {
		c.problem(field, "%.70q is no host; give one such as api.example.com, or *.example.com", pattern)
	}
}

// contentType is what the request says its body is.
func (r *Recipe) contentType() string { return or(r.definition.ContentType, "application/json") }

// rehearse makes the request of the sample.
func (r *Recipe) rehearse() error {
	d := &r.definition
	set := Settings{URL: "https://example.com", Fields: d.Sample.Fields}
	if r.address != nil {
		url, err := r.DefaultURL(d.Sample.Fields)
		if err != nil {
			return err
		}
		set.URL = url
	} else if d.Address.Placeholder != "" {
		set.URL = d.Address.Placeholder
	}
	if wrong := r.CheckURL(set.URL); wrong != "" {
		return fmt.Errorf("the address %s", wrong)
	}
	b, wrong := r.Bind(set)
	if len(wrong) > 0 {
		return fmt.Errorf("field %s %s", wrong[0].Field, wrong[0].Detail)
	}
	_, err := b.Make(r.SampleEvent())
	return err
}

// SampleEvent is the recipe's sample, as an event.
func (r *Recipe) SampleEvent() Event {
	s := r.definition.Sample
	return Event{
		ID: "evt_06f3a5rq8s7g04p9zk1v2m3n4c", App: "acme", Type: s.Type, Subject: s.Subject,
		Time: time.Date(2027, 1, 15, 9, 30, 0, 0, time.UTC), Data: []byte(s.Data), Key: []byte("sample"),
	}
}

// parsePath reads a path that begins with a member or with [.
func parsePath(text string) ([]step, error) {
	prefix := "data."
	if strings.HasPrefix(text, "[") {
		prefix = "data"
	}
	tokens, rest, err := scan(prefix + text + "}")
	if err != nil || rest != "" {
		return nil, fmt.Errorf("%.70q is no path; write one such as items[*].name", text)
	}
	p := parser{tokens: tokens}
	s, err := p.source()
	if err == nil {
		err = p.end()
	}
	return s.path, err
}

func isLabel(s, also string) bool {
	return s != "" && len(s) <= maxName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789"+also) == ""
}

func isToken(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= 0x20 || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return true
}

func isHost(s string) bool {
	return s != "" && len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && s[0] != '.' && !strings.HasSuffix(s, ".")
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
