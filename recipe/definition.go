package recipe

// Definition describes a recipe. It is what an operator writes in the configuration
// file and what the API shows. [Compile] turns it into a [Recipe]; the package
// documentation explains templates.
type Definition struct {
	// Name is how endpoints choose the recipe: lower-case letters, digits and
	// hyphens, at most 63.
	Name string `yaml:"name" json:"name"`
	// Title is its name for people, and Description what it does, in a sentence or two.
	Title       string `yaml:"title" json:"title"`
	Description string `yaml:"description,omitempty" json:"description,omitempty"`
	// Category is the heading that it is listed under, such as "Chat".
	Category string `yaml:"category,omitempty" json:"category,omitempty"`
	// Docs is the address of the target's own documentation.
	Docs string `yaml:"docs,omitempty" json:"docs,omitempty"`
	// Events are the patterns of the event types that it fits; none means all.
	Events []string `yaml:"events,omitempty" json:"events,omitempty"`

	// Address is what an endpoint's url is.
	Address Address `yaml:"address" json:"address"`
	// Fields are what else an endpoint's owner is asked for.
	Fields []Field `yaml:"fields,omitempty" json:"fields,omitempty"`
	// Auth is how its requests authenticate; nil if the address is all that is needed.
	Auth *Auth `yaml:"auth,omitempty" json:"auth,omitempty"`

	// Skip lists events that need nothing done.
	Skip []Skip `yaml:"skip,omitempty" json:"skip,omitempty"`
	// Lookup, if not nil, finds out first whether it was done before.
	Lookup *Lookup `yaml:"lookup,omitempty" json:"lookup,omitempty"`

	// Method is the request's; empty means POST.
	Method string `yaml:"method,omitempty" json:"method,omitempty"`
	// URL is a template that begins with ${url}; empty means ${url}.
	URL string `yaml:"url,omitempty" json:"url,omitempty"`
	// ContentType of the body; empty means application/json. It decides how values are
	// escaped: JSON, application/x-www-form-urlencoded, text/html, or else text.
	ContentType string `yaml:"content_type,omitempty" json:"content_type,omitempty"`
	// Headers are sent in this order, after Content-Type. One that renders empty is not
	// sent.
	Headers []Header `yaml:"headers,omitempty" json:"headers,omitempty"`
	// Body is a template; empty means ${data}.
	Body string `yaml:"body,omitempty" json:"body,omitempty"`
	// Escape takes from each text of the event in the body what the target takes for
	// its own: slack, markdown, or empty for nothing.
	Escape string `yaml:"escape,omitempty" json:"escape,omitempty"`
	// Signed adds the headers of the endpoint's dialect, signature included.
	Signed bool `yaml:"signed,omitempty" json:"signed,omitempty"`
	// Mail makes a mail of the event, in place of a request.
	Mail *Mail `yaml:"mail,omitempty" json:"mail,omitempty"`

	// Answers say what the target's answers mean where the status alone does not: the
	// first that fits counts. If one of them means taken, a 2xx that fits none is no
	// success.
	Answers []Answer `yaml:"answers,omitempty" json:"answers,omitempty"`
	// Redirect is the one kind of redirect that is followed.
	Redirect *Redirect `yaml:"redirect,omitempty" json:"redirect,omitempty"`
	// Capture names values of the event that are kept with a delivery that was taken,
	// by templates: what was made here and others must hear of, such as a PIN.
	Capture map[string]string `yaml:"capture,omitempty" json:"capture,omitempty"`

	// RateLimit and Concurrency are what the target allows: the defaults of endpoints.
	RateLimit   *RateLimit `yaml:"rate_limit,omitempty" json:"rate_limit,omitempty"`
	Concurrency int        `yaml:"concurrency,omitempty" json:"concurrency,omitempty"`

	// Sample is an event to show what the request looks like.
	Sample Sample `yaml:"sample" json:"sample"`
}

// Address says what an endpoint's url is.
type Address struct {
	// Title and Help are for the form, such as "Webhook URL".
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	Help  string `yaml:"help,omitempty" json:"help,omitempty"`
	// Default is a template over the fields; with one, the url may be left out.
	Default string `yaml:"default,omitempty" json:"default,omitempty"`
	// Placeholder shows its form where there is no default.
	Placeholder string `yaml:"placeholder,omitempty" json:"placeholder,omitempty"`
	// Hosts are the hosts that it may name, "*.example.com" for all below; none means
	// any. Servers run with --dev take any.
	Hosts []string `yaml:"hosts,omitempty" json:"hosts,omitempty"`
}

// The kinds of fields.
const (
	KindText       = "text"       // one line
	KindEmail      = "email"      // one address
	KindNumber     = "number"     // a decimal number
	KindTimezone   = "timezone"   // an IANA name such as Europe/Zurich
	KindTemplate   = "template"   // text with values of the event in it
	KindHTML       = "html"       // HTML with values of the event in it
	KindRecipients = "recipients" // addresses with commas between, or values that are addresses
)

// Field is something that an endpoint's owner is asked for. It is never a secret.
type Field struct {
	// Name is of lower-case letters, digits and underscores, at most 63.
	Name  string `yaml:"name" json:"name"`
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	Help  string `yaml:"help,omitempty" json:"help,omitempty"`
	// Kind is one of the kinds above; empty means text.
	Kind     string `yaml:"kind,omitempty" json:"kind,omitempty"`
	Required bool   `yaml:"required,omitempty" json:"required,omitempty"`
	Default  string `yaml:"default,omitempty" json:"default,omitempty"`
	// Pattern is a regular expression (RE2) that all of a text must match, and Choices
	// are the only values that there are.
	Pattern string   `yaml:"pattern,omitempty" json:"pattern,omitempty"`
	Choices []string `yaml:"choices,omitempty" json:"choices,omitempty"`
}

// Auth is the part of an endpoint's auth that the recipe knows; the secrets are the
// endpoint owner's to give.
type Auth struct {
	// Type is basic, bearer, header, query, oauth2_client_credentials or
	// oauth2_refresh_token.
	Type string `yaml:"type" json:"type"`
	// Optional says that the target can do without.
	Optional bool `yaml:"optional,omitempty" json:"optional,omitempty"`
	// Title and Help say which credential is asked for, and where it is found.
	Title string `yaml:"title,omitempty" json:"title,omitempty"`
	Help  string `yaml:"help,omitempty" json:"help,omitempty"`

	Username   string            `yaml:"username,omitempty" json:"username,omitempty"`
	Header     string            `yaml:"name,omitempty" json:"name,omitempty"` // of the header or query parameter
	Prefix     string            `yaml:"prefix,omitempty" json:"prefix,omitempty"`
	TokenURL   string            `yaml:"token_url,omitempty" json:"token_url,omitempty"`
	Scopes     []string          `yaml:"scopes,omitempty" json:"scopes,omitempty"`
	ClientAuth string            `yaml:"client_auth,omitempty" json:"client_auth,omitempty"`
	Params     map[string]string `yaml:"params,omitempty" json:"params,omitempty"`
}

// Secrets are the names of the credentials that an endpoint must have, as it shows them.
func (a *Auth) Secrets() []string {
	switch a.Type {
	case "basic":
		return []string{"auth.password"}
	case "bearer":
		return []string{"auth.token"}
	case "oauth2_client_credentials":
		return []string{"auth.client_secret"}
	case "oauth2_refresh_token":
		return []string{"auth.client_secret", "auth.refresh_token"}
	}
	return []string{"auth.value"}
}

// Skip is a condition under which an event needs nothing done.
type Skip struct {
	// When is a condition as that of a section, such as
	// data.subscribe_to_venue != true.
	When   string `yaml:"when" json:"when"`
	Reason string `yaml:"reason" json:"reason"`
}

// Lookup is a GET that is made before the request, with the same credentials. Where its
// JSON answer has an element that was made of the event before, no request is made: the
// element is the answer, also to what is captured.
type Lookup struct {
	URL string `yaml:"url" json:"url"` // a template that begins with ${url}
	// In is the path of the list of elements, such as orders; empty if the answer is
	// the list.
	In string `yaml:"in,omitempty" json:"in,omitempty"`
	// Where are templates of what the element has, by its path in the element: by that
	// it is known.
	Where map[string]string `yaml:"where" json:"where"`
	// Same are templates of what the element must have besides; dates may be written
	// differently. An element that is known and has something else is another's, or out
	// of date: the event is refused, and Otherwise says in a sentence what to do.
	Same      map[string]string `yaml:"same,omitempty" json:"same,omitempty"`
	Otherwise string            `yaml:"otherwise,omitempty" json:"otherwise,omitempty"`
}

// Header is a header of a recipe; its value is a template.
type Header struct {
	Name  string `yaml:"name" json:"name"`
	Value string `yaml:"value" json:"value"`
}

// Mail is a mail; all parts are templates.
type Mail struct {
	From    string   `yaml:"from" json:"from"`
	To      []string `yaml:"to" json:"to"`
	ReplyTo string   `yaml:"reply_to,omitempty" json:"reply_to,omitempty"`
	Subject string   `yaml:"subject" json:"subject"`
	Text    string   `yaml:"text,omitempty" json:"text,omitempty"`
	HTML    string   `yaml:"html,omitempty" json:"html,omitempty"`
}

// The meanings of answers, which are those of package bellhop's classes.
const (
	Taken      = "taken"      // the event was taken
	Again      = "again"      // worth another try
	Refused    = "refused"    // this event is not wanted
	Overloaded = "overloaded" // the target asks for less
	Gone       = "gone"       // it wants no more events
)

// Answer says what an answer means. All that it names must fit.
type Answer struct {
	// Status are codes; none means any.
	Status []int `yaml:"status,omitempty" json:"status,omitempty"`
	// Text is the whole body, without white space around it; Contains a part of it.
	Text     string `yaml:"text,omitempty" json:"text,omitempty"`
	Contains string `yaml:"contains,omitempty" json:"contains,omitempty"`
	// JSON are values of a JSON body by their path, such as ok: "true".
	JSON map[string]string `yaml:"json,omitempty" json:"json,omitempty"`
	// NotJSON fits a body that is no JSON.
	NotJSON bool `yaml:"not_json,omitempty" json:"not_json,omitempty"`

	// Means is one of taken, again, refused, overloaded and gone.
	Means string `yaml:"means" json:"means"`
	// Detail is a sentence for the log: what it means and what to do.
	Detail string `yaml:"detail,omitempty" json:"detail,omitempty"`
}

// Redirect is followed once, as a GET without credentials, body or the recipe's
// headers.
type Redirect struct {
	// Hosts may be led to, by the rules of Address.Hosts; and the endpoint's own.
	Hosts []string `yaml:"hosts" json:"hosts"`
}

// RateLimit is how many requests a target takes.
type RateLimit struct {
	PerSecond float64 `yaml:"per_second" json:"per_second"`
	Burst     int     `yaml:"burst,omitempty" json:"burst,omitempty"`
}

// Sample is an event.
type Sample struct {
	Type    string `yaml:"type" json:"type"`
	Subject string `yaml:"subject,omitempty" json:"subject,omitempty"`
	// Data is JSON, written as text in the configuration file.
	Data string `yaml:"data" json:"data"`
	// Fields are what the form shows as examples.
	Fields map[string]string `yaml:"fields,omitempty" json:"fields,omitempty"`
}
