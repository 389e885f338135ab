package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellhop/bellhop"
)

func replyHash(name string) bellhop.ReplyHash { return sha256.Sum256([]byte(name)) }

// reply is one to a request of a token, of some bytes.
func (f *fixture) reply(request, token string, size int) bellhop.Reply {
	return bellhop.Reply{Request: replyHash(request), Token: replyHash(token), At: f.now, Sealed: bytes.Repeat([]byte{1}, size)}
}

// claimReply claims a request for a minute.
func (f *fixture) claimReply(request, by string) (bellhop.Reply, bool) {
	f.Helper()
	r, free, err := f.s.ClaimReply(f.Context(), replyHash(request), by, time.Minute, f.now)
	f.must(err)
	return r, free
}

func (f *fixture) keepReply(r bellhop.Reply, claimed, by string) {
	f.Helper()
	f.must(f.s.KeepReply(f.Context(), r, replyHash(claimed), by))
}

// hasReply tells whether a request is answered already.
func (f *fixture) hasReply(request string) bool {
	f.Helper()
	r, free := f.claimReply(request, "looks")
	if free {
		f.must(f.s.FreeReply(f.Context(), replyHash(request), "looks"))
	}
	return !free && r.Sealed != nil
}

var replyTests = []test{
	{"a request is done by one, and answered the same afterwards", func(f *fixture) {
		none := bellhop.Reply{}
		check := func(what, request, by string, want bellhop.Reply, free bool) {
			f.Helper()
			got, is := f.claimReply(request, by)
			same(f, what, got, want)
			same(f, what+": free", is, free)
		}
		check("the first", "r", "one", none, true)
		check("the first once more", "r", "one", none, true)
		check("another", "r", "two", none, false)
		check("another request", "s", "two", none, true)
		f.must(f.s.FreeReply(f.Context(), replyHash("r"), "two")) // which does not have it
		check("another still", "r", "two", none, false)
		f.must(f.s.FreeReply(f.Context(), replyHash("r"), "one"))
		check("once it is free", "r", "two", none, true)
		first := f.reply("r", "t", 3)
		f.keepReply(first, "r", "two")
		check("afterwards", "r", "three", first, false)
		check("the other request", "s", "three", none, false)
		f.keepReply(f.reply("other", "t", 3), "s", "two") // it was known by another hash in the end
		check("the claim has ended", "s", "three", none, true)
		second := f.reply("r", "t", 5)
		f.keepReply(second, "r", "four")
		check("replaced", "r", "five", second, false)
		f.must(f.s.ForgetReply(f.Context(), replyHash("r")))
		check("forgotten", "r", "five", none, true)
	}},
	{"that a caller waits no longer says nothing of the store", func(f *fixture) {
		late, cancel := context.WithTimeout(f.Context(), -time.Second)
		defer cancel()
		gone, cancel := context.WithCancel(f.Context())
		cancel()
		for _, ctx := range []context.Context{late, gone} {
			_, _, claimed := f.s.ClaimReply(ctx, replyHash("r"), "one", time.Minute, f.now)
			_, read := f.s.Versions(ctx)
			for what, err := range map[string]error{"claim": claimed, "keep": f.s.KeepReply(ctx, f.reply("r", "t", 3), replyHash("r"), "one"), "read": read} {
				if err != nil && !errors.Is(err, ctx.Err()) || errors.Is(err, bellhop.ErrUnavailable) {
					f.Errorf("%s: %v", what, err)
				}
			}
		}
	}},
	{"a claim ends with its time", func(f *fixture) {
		_, free, err := f.s.ClaimReply(f.Context(), replyHash("r"), "one", 0, f.now)
		f.must(err)
		same(f, "claimed", free, true)
		_, free = f.claimReply("r", "two")
		same(f, "taken over", free, true)
		_, free = f.claimReply("r", "one")
		same(f, "lost", free, false)
	}},
	{"of many at once, one does the request", func(f *fixture) {
		var won atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if _, free, err := f.s.ClaimReply(f.Context(), replyHash("r"), fmt.Sprint(i), time.Minute, f.now); err != nil {
					f.Error(err)
				} else if free {
					won.Add(1)
				}
			})
		}
		all.Wait()
		same(f, "how many", won.Load(), 1)
	}},
	{"replies expire", func(f *fixture) {
		f.keepReply(f.reply("old", "t", 1), "old", "one")
		f.pass(time.Second)
		f.keepReply(f.reply("new", "t", 1), "new", "one")
		f.pass(bellhop.ReplyFor - time.Second)
		same(f, "the old one", f.hasReply("old"), false)
		same(f, "the new one", f.hasReply("new"), true)
		n, err := f.s.ExpireReplies(f.Context(), f.now, 10)
		f.must(err)
		same(f, "expired", n, 1)
		f.now = f.now.Add(-time.Minute) // as if it had been there
		same(f, "the old one is gone", f.hasReply("old"), false)
	}},
	{"a token's oldest replies make room, and nobody else's", func(f *fixture) {
		f.keepReply(f.reply("neighbour", "other", 1), "neighbour", "one")
		const most = bellhop.MaxRepliesOfToken
		count := func() (n int) {
			for i := range most + 2 {
				if f.hasReply(fmt.Sprint(i)) {
					n++
				}
			}
			return n
		}
		for i := range most {
			f.pass(time.Millisecond)
			f.keepReply(f.reply(fmt.Sprint(i), "t", 1), "", "one")
		}
		same(f, "as many as may be", count(), most)
		for i := range 2 {
			f.pass(time.Millisecond)
			f.keepReply(f.reply(fmt.Sprint(most+i), "t", 1), "", "one")
		}
		same(f, "with two more", count(), bellhop.RepliesLeft(most)+1)
		for request, want := range map[string]bool{"neighbour": true, "0": false, "1": false, fmt.Sprint(most): true, fmt.Sprint(most + 1): true} {
			same(f, request, f.hasReply(request), want)
		}
		for _, request := range []string{"large", "larger"} {
			f.pass(time.Millisecond)
			f.keepReply(f.reply(request, "t", bellhop.MaxReplyOfToken*2/3), "", "one")
		}
		for request, want := range map[string]bool{"neighbour": true, "larger": true, "large": false, fmt.Sprint(most + 1): false} {
			same(f, request, f.hasReply(request), want)
		}
	}},
	{"in all, the oldest make room", func(f *fixture) {
		const each = 1 << 20
		n := bellhop.MaxReplyBytes/each + 3
		for i := range n {
			f.pass(time.Millisecond)
			f.keepReply(f.reply(fmt.Sprint(i), fmt.Sprint("token", i), each), "", "one")
		}
		gone, err := f.s.ExpireReplies(f.Context(), f.now, 2)
		f.must(err)
		same(f, "at most", gone, 2)
		gone, err = f.s.ExpireReplies(f.Context(), f.now, 2)
		f.must(err)
		same(f, "then", gone, 1)
		for request, want := range map[string]bool{"0": false, "2": false, "3": true, fmt.Sprint(n - 1): true} {
			same(f, request, f.hasReply(request), want)
		}
	}},
}
