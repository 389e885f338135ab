package manifest

import (
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

// Apply makes the steps, one after the other, and tells of each, but for those that only note
// where an object came from. A step that the server refuses, by a *client.Problem of its own,
// does not keep others from being made; Apply ends with an error where none of them can be. It
// may be called again with a new plan, and goes on then.
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
