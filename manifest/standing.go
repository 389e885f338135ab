package manifest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// standing is what is known of an object that comes from an Origin, by what an earlier import noted
// of the one of the server. Of other documents' objects, it is zero.
type standing struct {
	// origin and now are where the object comes from, and a fingerprint of what it is there.
	origin, now string
	// same tells that it has been taken over as it is there now: what differs here was changed here.
	same bool
	// lacks are the fields that it was taken over without, which are tried again, and those that
	// are no part of what it is there.
	lacks []string
}

// gone is the fingerprint of what is there no more, or can be taken over no more.
const gone = "gone"

// takes tells whether a field is made what the document says.
func (s standing) takes(field string) bool { return !s.same || slices.Contains(s.lacks, field) }

// stand finds out how an object of a document and that of the server, which may be nil, stand.
func (p *planner) stand(want, have *Object) standing {
	if p.options.Origin == nil || !want.Partial {
		return standing{}
	}
	s := standing{origin: p.options.Origin.source(), now: fingerprint(want)}
	if have == nil || p.options.Overwrite {
		return s
	}
	source, then, lacks := notedOf(have)
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
	source, _, _ := notedOf(have)
	return p.options.Origin != nil && source == p.options.Origin.source()
}

// notedOf reads what an import noted of an object of the server: where it came from, the fingerprint
// of what it was there, and the fields that it was taken over without.
func notedOf(have *Object) (source, fingerprint string, lacks []string) {
	text := have.Text("imported")
	i := strings.LastIndexByte(text, ' ')
	if i < 0 {
		return text, "", nil
	}
	fingerprint, without, some := strings.Cut(text[i+1:], "-")
	if some {
		lacks = strings.Split(without, ",")
	}
	return text[:i], fingerprint, lacks
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

// fingerprint tells one state of another product's object from others. It is made with the newest
// secret, where there is one, and so tells nobody what the object is who does not know it. Older
// secrets, which expire by themselves, and credentials, which cannot be compared, are not part of it.
func fingerprint(o *Object) string {
	var secrets []Secret
	_ = json.Unmarshal(o.Fields["secrets"], &secrets) // none, or written by encode
	key := ""
	if len(secrets) > 0 {
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
