package manifest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
)

// standing is what is known of an object that comes from an Origin, by what an earlier import noted
// of the one of the server. Of other documents' objects, it is zero.
type standing struct {
	// origin and now are where the object comes from, and a fingerprint of what it is there.
	origin, now string
	// same tells that it has been taken over as it is there now: what differs here was changed here.
	same bool
	// back tells that there is none here, or that an import disabled it when it was gone.
	back bool
	// was is the status that it had when an import disabled it.
	was string
	// lacks are the fields that it was taken over without, which are tried again, and those that
	// are no part of what it is there.
	lacks []string
}

// gone is the fingerprint of what is there no more, or can be taken over no more. After a dot comes
// the status that it had until then, unless it goes on in another app.
const gone = "gone"

// goneWith reads a fingerprint that may say that an object is gone, and the status that it had.
func goneWith(fingerprint string) (status string, ok bool) {
	if status, ok = strings.CutPrefix(fingerprint, gone+"."); ok {
		return status, true
	}
	return "", fingerprint == gone
}

// takes tells whether a field is made what the document says.
func (s standing) takes(field string) bool { return !s.same || slices.Contains(s.lacks, field) }

// stand finds out how an object of a document and that of the server, which may be nil, stand.
func (p *planner) stand(want, have *Object) standing {
	if p.options.Origin == nil || !want.Partial {
		return standing{}
	}
	s := standing{origin: p.options.Origin.source(), now: fingerprint(want)}
	if have == nil {
		s.back = true
		return s
	}
	source, then, lacks := Noted(have.Text("imported"))
	if source == s.origin {
		s.was, s.back = goneWith(then)
	}
	if p.options.Overwrite {
		return s
	}
	if s.same = source == s.origin && then == s.now; s.same {
		for _, field := range lacks {
			s.lacks = append(s.lacks, together(field)...)
		}
		s.lacks = append(s.lacks, slices.Collect(maps.Keys(want.ours))...)
	}
	return s
}

// came tells whether an object of the server came from the origin.
func (p *planner) came(have *Object) bool {
	source, _, _ := Noted(have.Text("imported"))
	return p.options.Origin != nil && source == p.options.Origin.source()
}

// Noted reads what an import noted of an object of the server in its field imported: where it came from,
// the fingerprint of what it was there, and the fields that it was taken over without.
func Noted(imported string) (source, fingerprint string, lacks []string) {
	i := strings.LastIndexByte(imported, ' ')
	if i < 0 {
		return imported, "", nil
	}
	fingerprint, without, some := strings.Cut(imported[i+1:], "-")
	if some {
		lacks = strings.Split(without, ",")
	}
	return imported[:i], fingerprint, lacks
}

// before is the endpoint of the server that one of a document was until now, in an app that is another
// one's now; nil if there is none. What people made of it here goes along.
func (p *planner) before(want, have *Object) *Object {
	if p.options.Origin == nil || len(p.options.Origin.Moved) == 0 {
		return nil
	}
	if p.moved == nil {
		p.moved = map[string][]*Object{}
		for i := range p.plan.have[Endpoints] {
			if o := &p.plan.have[Endpoints][i]; p.options.Origin.Moved[o.Text("id")] != "" {
				p.moved[o.Text("former_id")] = append(p.moved[o.Text("former_id")], o)
			}
		}
	}
	var last *Object
	for _, o := range p.moved[want.Text("former_id")] {
		if o == have {
			continue
		}
		_, then, _ := Noted(o.Text("imported"))
		switch status, ok := goneWith(then); {
		case !ok:
			return o
		case status != "":
			last = o // disabled when it was nobody's that has an app
		}
	}
	return last
}

// follow gives an endpoint that comes back, or to another app, the pause and the secrets that it had here
// until then.
func (p *planner) follow(ctx context.Context, want, have *Object, s standing) (*Object, error) {
	if !s.back || len(want.Fields["former_id"]) == 0 {
		return want, nil
	}
	followed := *want
	followed.Fields = maps.Clone(want.Fields)
	status, before := s.was, p.before(want, have)
	if before != nil {
		status = before.Text("status")
		if _, then, _ := Noted(before.Text("imported")); strings.HasPrefix(then, gone) {
			status, _ = goneWith(then)
		}
		theirs := secretsIn(want.Fields["secrets"])
		ours, err := secretsOf(ctx, p.c, before)
		if err != nil {
			return nil, fmt.Errorf("read the secrets of %s: %w", name(Endpoints, before), err)
		}
		same := p.onlyMoved(want, before)
		if same || len(theirs) > 0 && slices.ContainsFunc(ours, func(s Secret) bool { return s.Secret == theirs[0].Secret }) {
			followed.Set("secrets", ours)
		}
		if status == string(bellhop.EndpointDisabled) && !same && p.came(before) {
			status = "" // it may have been disabled there
		}
	}
	if status != "" && want.Text("status") == string(bellhop.EndpointActive) {
		followed.Put("status", status)
	}
	return &followed, nil
}

// note writes down what is taken over, for later imports: in one request with the object, so that
// they agree whenever an import ends.
func (s *Step) note() {
	if s.standing.origin == "" {
		return
	}
	text := s.standing.origin + " " + s.standing.now
	if len(s.Without) > 0 {
		var lacks []string
		for _, lack := range s.Without {
			lacks = append(lacks, lack.Field)
		}
		slices.Sort(lacks)
		text += "-" + strings.Join(slices.Compact(lacks), ",")
	}
	want := *s.want
	want.Fields, s.want = maps.Clone(s.want.Fields), &want
	s.want.Put("imported", text)
}

// noted tells whether there is something to be written down that is not yet.
func (s *Step) noted() bool {
	return s.standing.origin != "" && (s.have == nil || s.have.Text("imported") != s.want.Text("imported"))
}

// onlyMoved tells whether nothing has changed of an endpoint at the origin but whose it is.
func (p *planner) onlyMoved(want, before *Object) bool {
	_, then, _ := Noted(before.Text("imported"))
	was := *want
	was.Fields = maps.Clone(want.Fields)
	return p.came(before) && slices.ContainsFunc(before.Apps(), func(app string) bool {
		was.Put("apps", []string{app})
		return fingerprint(&was) == then
	})
}

// secretsIn are those of an endpoint's field.
func secretsIn(field bellhop.JSON) (secrets []Secret) {
	_ = json.Unmarshal(field, &secrets) // none, or written by encode
	return secrets
}

// fingerprint tells one state of another product's object from others. It is made with the newest
// secret, where there is one, and so tells nobody what the object is who does not know it. Older
// secrets, which expire by themselves, and credentials, which cannot be compared, are not part of it.
func fingerprint(o *Object) string {
	key := ""
	if secrets := secretsIn(o.Fields["secrets"]); len(secrets) > 0 {
		key = secrets[0].Secret
	}
	h := hmac.New(sha256.New, []byte(key))
	for _, field := range slices.Sorted(maps.Keys(o.Fields)) {
		if field != "secrets" && !o.ours[field] {
			fmt.Fprintf(h, "%s %q\n", field, canonical(field, o.Fields[field]))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
