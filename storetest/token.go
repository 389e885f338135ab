package storetest

import (
	"time"

	"github.com/bellhop/bellhop"
)

var tokenTests = []test{
	{"a token is replaced by who knows the last one", func(f *fixture) {
		e := f.endpoint()
		get := func() bellhop.Token {
			t, err := f.s.Token(f.Context(), e.ID)
			f.must(err)
			return t
		}
		same(f, "none", get(), bellhop.Token{})
		first := bellhop.Token{Sealed: []byte{1, 0, 2}, ExpiresAt: f.now.Add(time.Hour)}
		version, err := f.s.SaveToken(f.Context(), e.ID, first)
		f.must(err)
		first.Version = version
		same(f, "kept", get(), first)
		second := bellhop.Token{Version: version, Sealed: []byte("two")}
		version, err = f.s.SaveToken(f.Context(), e.ID, second)
		f.must(err)
		for _, stale := range []int64{0, first.Version, version + 1} {
			if _, err := f.s.SaveToken(f.Context(), e.ID, bellhop.Token{Version: stale, Sealed: []byte("stale")}); err != bellhop.ErrRevision {
				f.Errorf("replacing version %d: %v", stale, err)
			}
		}
		second.Version = version
		same(f, "kept then", get(), second)
		same(f, "revision", f.stored(e.ID).Revision, e.Revision)
		f.save(e)
		same(f, "kept through a change", get(), second)
		f.must(f.s.DeleteEndpoint(f.Context(), e.ID, nil, f.now))
		same(f, "gone with the endpoint", get(), bellhop.Token{})
		_, err = f.s.SaveToken(f.Context(), e.ID, bellhop.Token{Sealed: []byte("late")})
		same(f, "saved late", bellhop.CodeOf(err), bellhop.CodeNotFound)
	}},
	{"a token goes with the last app of its endpoint", func(f *fixture) {
		f.app("acme")
		e := f.endpoint()
		_, err := f.s.SaveToken(f.Context(), e.ID, bellhop.Token{Sealed: []byte("one")})
		f.must(err)
		f.must(f.s.DeleteApp(f.Context(), "acme", nil))
		t, err := f.s.Token(f.Context(), e.ID)
		f.must(err)
		same(f, "left", t, bellhop.Token{})
	}},
	{"one at a time may ask for the next token of an endpoint, for a while", func(f *fixture) {
		e, other := f.endpoint(), f.endpoint()
		claim := func(what string, e bellhop.EndpointID, by string, want bool) {
			free, err := f.s.ClaimToken(f.Context(), e, by, time.Minute, f.now)
			f.must(err)
			same(f, what, free, want)
		}
		claim("the first", e.ID, "one", true)
		claim("another", e.ID, "two", false)
		claim("the first again", e.ID, "one", true)
		claim("of another endpoint", other.ID, "two", true)
		f.must(f.s.FreeToken(f.Context(), e.ID, "two"))
		claim("after somebody else freed it", e.ID, "two", false)
		f.must(f.s.FreeToken(f.Context(), e.ID, "one"))
		claim("once it is free", e.ID, "two", true)
		f.pass(59 * time.Second)
		claim("while it lasts", e.ID, "one", false)
		f.pass(time.Second)
		claim("when it is over", e.ID, "one", true)
	}},
}
