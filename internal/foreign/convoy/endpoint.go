package convoy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/foreign"
	"github.com/bellhop/bellhop/manifest"
)

// wish is what one of Bellhop's endpoints asks for, of the subscriptions of one of Convoy's.
type wish struct {
	formerID string
	events   []string // empty for all
	filter   bellhop.JSON
	retry    retry
}

// endpoint makes of an endpoint those of Bellhop: one, unless its subscriptions differ in
// more than event types.
func (r *reader) endpoint(e *endpointRow, app string) error {
	for _, s := range r.subscriptions[e.id] {
		if s.odd != nil {
			return fmt.Errorf("its subscription %s cannot be read: %w", s.id, s.odd)
		}
	}
	without := func(field string, err error) { r.out.GoWithout("endpoint", e.id, field, err) }
	var lost []error
	secrets, err := secretsOf(e.secrets, func(err error) { lost = append(lost, err) })
	if err != nil {
		return err
	}
	if !e.advanced {
		secrets, lost = secrets[:1], nil // by which alone simple signatures are made
	}
	lose := func(why string) {
		r.out.Lose("endpoint %s (%s): the whole endpoint, since %s", e.id, e.url, why)
		r.out.Unfit(e.id, why)
		for _, s := range r.subscriptions[e.id] {
			r.out.Unfit(s.id, why)
		}
	}
	switch e.contentType {
	case "", "application/json":
	case "application/x-www-form-urlencoded":
		lose("its requests are forms: make one with a transformation")
		return nil
	default:
		return fmt.Errorf("its content_type %q is not known", bellhop.Clip(e.contentType))
	}
	wishes := r.wishes(e)
	if len(wishes) == 0 {
		lose("no subscription that can be taken over asks for anything")
		return nil
	}
	o := manifest.Object{Partial: true, Source: "Convoy endpoint " + e.id}
	o.Put("apps", []string{app})
	o.Put("url", e.url)
	o.Put("name", e.name)
	o.Put("description", e.description)
	status, ok := statuses[e.status]
	if !ok {
		return fmt.Errorf("its status %q is not known", bellhop.Clip(e.status))
	}
	o.Put("status", status)
	if o.Fields["dialect"], err = r.dialectOf(r.projects[e.project], e.advanced); err != nil {
		return err
	}
	why, err := putAuth(&o, e)
	if err != nil {
		return err
	}
	if why != "" {
		lose(why)
		return nil
	}
	signs, err := foreign.Dialect(r.Dialects, o.Text("dialect"))
	if err != nil {
		return err
	}
	for _, err := range lost {
		without("an older secret", err)
	}
	o.Put("secrets", r.out.Secrets(e.id, secrets, signs))
	for _, s := range r.subscriptions[e.id] {
		if s.unretried != nil {
			without("retry", fmt.Errorf("of its subscription %s, %w", s.id, s.unretried))
		}
	}
	r.putLimits(&o, e)
	if e.slack {
		r.out.Lose("endpoint %s: the Slack channel that is told when it fails: set it for its app ('bellhop notices')", e.id)
	}
	if e.support {
		r.out.Lose("endpoint %s: the address that is told when it fails: set notify, if the server sends mail", e.id)
	}
	for _, w := range wishes {
		one := o
		one.Fields = map[string]bellhop.JSON{}
		for field, value := range o.Fields {
			one.Fields[field] = value
		}
		one.Put("former_id", w.formerID)
		one.Put("events", append([]string{}, w.events...))
		one.Put("filter", w.filter)
		r.putRetry(&one, w.retry)
		r.out.Document.Add(manifest.Endpoints, one)
	}
	return nil
}

// statuses are how endpoints are, in Bellhop's words, by Convoy's. One that Convoy tries once more,
// after it has failed, is active.
var statuses = map[string]bellhop.EndpointStatus{
	"active": bellhop.EndpointActive, "pending": bellhop.EndpointActive,
	"inactive": bellhop.EndpointDisabled, "paused": bellhop.EndpointPaused,
}

// wishes is what the subscriptions of an endpoint ask for: those without a filter together,
// every other one apart.
func (r *reader) wishes(e *endpointRow) []wish {
	var all []wish
	for _, s := range r.subscriptions[e.id] {
		lose := func(why string) {
			r.out.Lose("subscription %s of the endpoint %s (%s): the whole subscription, since %s", s.id, e.id, e.url, why)
			r.out.Unfit(s.id, why)
		}
		switch {
		case s.function:
			lose("a function changes its events: make an endpoint with a transformation")
			continue
		case s.filtersHead:
			lose("it filters by headers, which events do not have here")
			continue
		case s.filtersElse:
			lose("it filters by the query or the path of requests, which events do not have here")
			continue
		case len(s.events) == 0:
			lose("its event_types are an empty list, by which it gets nothing, and here it would get everything")
			continue
		case slices.ContainsFunc(s.events, func(event string) bool { return event != "*" && strings.Contains(event, "*") }):
			lose("its event_types have a * beside other letters, which stands for itself there, and for any letters here")
			continue
		}
		if s.retry.most < 1 || s.retry.seconds < 1 {
			s.retry = r.projects[e.project].strategy
		}
		own, why := s.wishes()
		if why != "" {
			lose(why)
			continue
		}
		if s.once {
			r.out.Lose("subscription %s of the endpoint %s: that events are delivered at most once: they are delivered at least once", s.id, e.id)
		}
		if s.mode != "" {
			r.out.Lose("subscription %s of the endpoint %s: its delivery_mode %q, which is not known: events are delivered at least once", s.id, e.id, bellhop.Clip(s.mode))
		}
		for _, w := range own {
			same := slices.IndexFunc(all, func(o wish) bool { return len(o.filter) == 0 && len(w.filter) == 0 && o.retry == w.retry })
			if same < 0 {
				all = append(all, w)
				continue
			}
			r.out.Unfit(w.formerID, "another endpoint of "+e.id+" asks for the same now")
			if len(all[same].events) > 0 {
				all[same].events = append(all[same].events, w.events...)
			}
			if len(w.events) == 0 {
				all[same].events = nil
			}
		}
	}
	for i := range all {
		slices.Sort(all[i].events)
		all[i].events = slices.Compact(all[i].events)
	}
	if len(all) > 0 {
		r.out.Unfit(all[0].formerID, "the endpoint "+e.id+" asks for the same now")
		all[0].formerID = e.id
	}
	return all
}

// wishes of a subscription: one, unless its event types have filters that differ. If it
// cannot be said with Bellhop's filters, why says why not.
func (s *subscription) wishes() (list []wish, why string) {
	every := slices.Contains(s.events, "*")
	usual := s.body
	if f, ok := s.filters["*"]; ok {
		usual = f
	}
	add := func(event string, filter bellhop.JSON) string {
		translated, err := translate(filter)
		if err != nil {
			return "its filter " + err.Error() + ", which filters here cannot do"
		}
		for i := range list {
			if string(list[i].filter) == string(translated) {
				list[i].events = append(list[i].events, event)
				return ""
			}
		}
		w := wish{formerID: s.id, events: []string{event}, filter: translated, retry: s.retry}
		if len(list) > 0 {
			w.formerID = s.id + "." + cleanID(event)
		}
		if every {
			w.events = nil
		}
		list = append(list, w)
		return ""
	}
	if every {
		for event, f := range s.filters {
			if event != "*" && string(f) != string(usual) {
				return nil, "it asks for all event types, and for some with another filter"
			}
		}
		why = add("", usual)
		return list, why
	}
	for _, event := range s.events {
		filter := usual
		if f, ok := s.filters[event]; ok {
			filter = f
		}
		if why = add(event, filter); why != "" {
			return nil, why
		}
	}
	return list, ""
}

// translate says a filter of Convoy's over an event's body in Bellhop's words.
func translate(filter bellhop.JSON) (bellhop.JSON, error) {
	if len(filter) == 0 {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(filter, &fields); err != nil {
		return nil, errors.New("is no object")
	}
	pattern, err := translateObject(fields, 0)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err = enc.Encode(pattern)
	return bytes.TrimSpace(b.Bytes()), err
}

func translateObject(fields map[string]json.RawMessage, depth int) (map[string]any, error) {
	if depth > 10 {
		return nil, errors.New("is nested deeply")
	}
	pattern := map[string]any{}
	for key, value := range fields {
		if key == "$or" {
			var list []map[string]json.RawMessage
			if json.Unmarshal(value, &list) != nil {
				return nil, errors.New("has an $or that is no list of objects")
			}
			or := make([]any, len(list))
			for i := range list {
				one, err := translateObject(list[i], depth+1)
				if err != nil {
					return nil, err
				}
				or[i] = one
			}
			if len(or) == 0 {
				return nil, errors.New("has an $or without a choice")
			}
			pattern["$or"] = or
			continue
		}
		if strings.HasPrefix(key, "$") {
			return nil, fmt.Errorf("uses %s", key)
		}
		path := strings.Split(key, ".")
		if slices.ContainsFunc(path, func(p string) bool { return p == "" || strings.HasPrefix(p, "$") }) {
			return nil, errors.New("looks into lists ($)")
		}
		leaf, err := translateValue(value, depth+1)
		if err != nil {
			return nil, err
		}
		at := pattern
		for _, p := range path[:len(path)-1] {
			if at[p] == nil {
				at[p] = map[string]any{}
			}
			next, ok := at[p].(map[string]any)
			if !ok {
				return nil, errors.New("names a field and what lies below it")
			}
			at = next
		}
		if at[path[len(path)-1]] != nil {
			return nil, errors.New("names a field twice")
		}
		at[path[len(path)-1]] = leaf
	}
	return pattern, nil
}

// translateValue is what a field must be: a value, a comparison, or an object of its own.
func translateValue(value json.RawMessage, depth int) (any, error) {
	value = json.RawMessage(strings.TrimSpace(string(value)))
	switch {
	case len(value) == 0 || value[0] == '[':
		return nil, errors.New("compares with a list")
	case value[0] != '{':
		return []any{value}, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(value, &fields); err != nil {
		return nil, errors.New("is not valid")
	}
	operators := 0
	for key := range fields {
		if strings.HasPrefix(key, "$") && key != "$or" && key != "$and" {
			operators++
		}
	}
	if len(fields) == 0 {
		return nil, errors.New("compares with an empty object")
	}
	if operators == 0 {
		return translateObject(fields, depth)
	}
	if operators < len(fields) {
		return nil, errors.New("mixes comparisons and fields")
	}
	bounds := map[string]string{"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
	var numeric, tests []any
	for _, key := range []string{"$gt", "$gte", "$lt", "$lte", "$eq", "$neq", "$in", "$nin", "$exist"} {
		v, ok := fields[key]
		if !ok {
			continue
		}
		delete(fields, key)
		switch key {
		case "$eq":
			if v[0] == '[' || v[0] == '{' {
				return nil, errors.New("compares with a list or an object")
			}
			tests = append(tests, v)
		case "$neq":
			tests = append(tests, map[string]any{"anything-but": v})
		case "$in", "$nin":
			var list []json.RawMessage
			if json.Unmarshal(v, &list) != nil || len(list) == 0 {
				return nil, fmt.Errorf("has a %s without a list", key)
			}
			if key == "$nin" {
				tests = append(tests, map[string]any{"anything-but": list})
				continue
			}
			// Alternatives, of which the whole test is one.
			if operators > 1 {
				return nil, errors.New("makes several comparisons with one field")
			}
			for _, one := range list {
				tests = append(tests, one)
			}
		case "$exist":
			tests = append(tests, map[string]any{"exists": v})
		default:
			if _, err := strconv.ParseFloat(string(v), 64); err != nil {
				return nil, errors.New("compares what is no number")
			}
			numeric = append(numeric, bounds[key], v)
		}
	}
	for key := range fields {
		return nil, fmt.Errorf("uses %s", key)
	}
	if len(numeric) > 0 {
		tests = append(tests, map[string]any{"numeric": numeric})
	}
	// A list is of alternatives here; all of Convoy's comparisons have to hold.
	if len(numeric) > 0 && len(tests) > 1 || len(numeric) == 0 && operators > 1 {
		return nil, errors.New("makes several comparisons with one field")
	}
	return tests, nil
}

// seconds reads a length of time as Convoy has it: a number of seconds or, in earlier
// versions, a text such as "1m".
func seconds(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		err = fmt.Errorf("%q is no length of time, or too long", bellhop.Clip(text))
	}
	return d, err
}

// The bounds of an endpoint's settings here.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 2 * time.Minute
	minRate    = 0.001
	maxRate    = 100_000
	maxRetries = 200
	maxSpan    = 30 * 24 * time.Hour
)

func (r *reader) putLimits(o *manifest.Object, e *endpointRow) {
	without := func(field string, err error) { r.out.GoWithout("endpoint", e.id, field, err) }
	timeout, err := seconds(e.timeout)
	switch {
	case err != nil:
		without("timeout", err)
	case e.timeout == "":
	case timeout <= 0:
		without("timeout", fmt.Errorf("its http_timeout, %s, is none", bellhop.Clip(e.timeout)))
	case timeout > maxTimeout:
		r.out.Lose("endpoint %s: its timeout of %s, which is %s here at most", e.id, timeout, maxTimeout)
		o.Put("timeout", bellhop.Duration(maxTimeout))
	case timeout < minTimeout:
		r.out.Lose("endpoint %s: its timeout of %s, which is %s here at least", e.id, timeout, minTimeout)
		o.Put("timeout", bellhop.Duration(minTimeout))
	default:
		o.Put("timeout", bellhop.Duration(timeout))
	}
	per, err := seconds(e.rateDuration)
	if err == nil {
		err = e.unlimited
	}
	switch {
	case err != nil:
		without("rate_limit", err)
		return
	case e.rate < 0:
		err = fmt.Errorf("its rate_limit, %d, is none", e.rate)
	case e.rate > 0 && per <= 0:
		err = fmt.Errorf("its rate_limit of %d is for no length of time: its rate_limit_duration is %s", e.rate, cmp.Or(bellhop.Clip(e.rateDuration), "missing"))
	case e.rate > 0:
		perSecond := float64(e.rate) / per.Seconds()
		limit := bellhop.RateLimit{PerSecond: min(max(perSecond, minRate), maxRate), Burst: min(e.rate, maxRate)}
		if limit.PerSecond != perSecond || limit.Burst != e.rate {
			r.out.Lose("endpoint %s: its rate limit of %d in %s: it is %g a second here, at most %d at once", e.id, e.rate, per, limit.PerSecond, limit.Burst)
		}
		o.Put("rate_limit", limit)
		return
	}
	if err != nil {
		without("rate_limit", err)
	}
	o.Put("rate_limit", nil)
}

func (r *reader) putRetry(o *manifest.Object, how retry) {
	switch {
	case how.most < 1 || how.seconds < 1:
		return
	case how.kind != "linear":
		r.out.Lose("endpoint %s: its %s retry schedule: the server's own holds, or set retry", o.Text("former_id"), how.kind)
		return
	case how.most > maxRetries || how.seconds > int(maxSpan/time.Second) || time.Duration(how.most*how.seconds)*time.Second > maxSpan:
		r.out.Lose("endpoint %s: its retry schedule of %d attempts, %d s apart, which is longer than one can be here: the server's own holds", o.Text("former_id"), how.most, how.seconds)
		return
	}
	// The first attempt is one of them.
	delays := make([]bellhop.Duration, how.most-1)
	for i := range delays {
		delays[i] = bellhop.Duration(time.Duration(how.seconds) * time.Second)
	}
	o.Put("retry", delays)
}

// putAuth sets how requests authenticate; why says why that cannot be here.
func putAuth(o *manifest.Object, e *endpointRow) (why string, err error) {
	auth := map[string]any{}
	present := func(text string) bool { return !isEmpty(text) }
	kind := e.authType
	if kind == "" { // as versions wrote it that had no other way
		switch {
		case present(e.oauth2):
			kind = "oauth2"
		case present(e.basic):
			kind = "basic_auth"
		case e.authName != "" || e.authValue != "":
			return "", errors.New("it has an API key, and no authentication_type")
		}
	}
	switch kind {
	case "":
	case "oauth2":
		var c struct {
			URL          string `json:"url"`
			GrantType    string `json:"grant_type"`
			ClientID     string `json:"client_id"`
			ClientSecret string `json:"client_secret"`
			Type         string `json:"authentication_type"`
			Scope        string `json:"scope"`
			Audience     string `json:"audience"`
			// Fields are what members of the answer are called, where that is not usual.
			Fields map[string]string `json:"field_mapping"`
		}
		if !present(e.oauth2) {
			return "", errors.New("its authentication_type is oauth2, and it has no oauth2_config")
		}
		if json.Unmarshal([]byte(e.oauth2), &c) != nil {
			return "", errors.New("its oauth2_config cannot be read")
		}
		if c.GrantType != "" && c.GrantType != "client_credentials" {
			return "", fmt.Errorf("the grant_type %q of its oauth2_config is not known", bellhop.Clip(c.GrantType))
		}
		for field, name := range c.Fields {
			if name != "" && name != field {
				return fmt.Sprintf("its OAuth2 tokens come in an answer of its own, whose %s is called %q", bellhop.Clip(field), bellhop.Clip(name)), nil
			}
		}
		if c.ClientSecret == "" || c.Type != "" && c.Type != "shared_secret" {
			return "it gets its OAuth2 tokens with a signed assertion, and not with a client secret", nil
		}
		if c.URL == "" || c.ClientID == "" {
			return "", errors.New("its oauth2_config has no url or no client_id")
		}
		auth = map[string]any{"type": bellhop.AuthClientCredentials, "token_url": c.URL, "client_id": c.ClientID, "client_secret": c.ClientSecret}
		if c.Scope != "" {
			auth["scopes"] = strings.Fields(c.Scope)
		}
		if c.Audience != "" {
			auth["params"] = map[string]string{"audience": c.Audience}
		}
	case "basic_auth":
		if !present(e.basic) {
			return "", errors.New("its authentication_type is basic_auth, and it has no basic_auth_config")
		}
		var c struct {
			Username string `json:"username"`
			Password string `json:"password"`
		}
		if json.Unmarshal([]byte(e.basic), &c) != nil {
			return "", errors.New("its basic_auth_config cannot be read")
		}
		auth = map[string]any{"type": bellhop.AuthBasic, "username": c.Username, "password": c.Password}
	case "api_key":
		if e.authName == "" || e.authValue == "" {
			return "", errors.New("its authentication_type is api_key, and it has no name or no value of the header")
		}
		auth = map[string]any{"type": bellhop.AuthHeader, "name": e.authName, "value": e.authValue}
	default:
		return "", fmt.Errorf("its authentication_type %q is not known", bellhop.Clip(kind))
	}
	if len(auth) > 0 {
		o.Put("auth", auth)
	} else {
		o.Put("auth", nil)
	}
	if !present(e.clientCert) {
		return "", nil
	}
	var c struct {
		Certificate string `json:"client_cert"`
		Key         string `json:"client_key"`
	}
	if json.Unmarshal([]byte(e.clientCert), &c) != nil {
		return "", errors.New("its mtls_client_cert cannot be read")
	}
	if c.Certificate == "" || c.Key == "" {
		return "", errors.New("its mtls_client_cert has no client_cert or no client_key")
	}
	o.Put("tls", map[string]string{"certificate": c.Certificate, "key": c.Key})
	return "", nil
}
