package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testsmtp"
)

// TestTheOwnerIsTold: a receiver breaks, its owner gets one mail, also over crashes; it is
// repaired, what waited is tried now, the owner is told, and the receiver has each event once.
func TestTheOwnerIsTold(t *testing.T) {
	t.Parallel()
	post, err := testsmtp.Listen("127.0.0.1:0", testsmtp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer post.Close()
	s := serve(t,
		"--smtp-url", post.URL(), "--smtp-from", "Bellhop <bellhop@ours.example>", "--public-url", "https://hooks.ours.example",
		"--notice-gather", "1s", "--notice-gap", "1s")
	s.app("acme")
	var broken atomic.Bool
	r := newReceiver(t, func(_ *receiver, w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	e := s.endpoint("acme", r.URL, func(c *bellhop.EndpointChange) {
		c.Name, c.Notify = bellhop.Of("Door"), bellhop.Of([]string{"owner@door.example"})
		c.Retry = delays(time.Hour)
	})
	if _, err := s.api.PutAppNotices(t.Context(), "acme", client.AppNoticesPut{Failures: 3}); err != nil {
		t.Fatal(err)
	}
	first := s.publish("acme", "invoice.purchase", `{"n":0}`)
	s.attempts(first.ID, e.ID, 1)
	broken.Store(true)
	events := []client.Receipt{}
	for range 4 {
		events = append(events, s.publish("acme", "invoice.purchase", `{"n":1}`))
		s.attempts(events[len(events)-1].ID, e.ID, 1)
	}
	subjects := func() (list []string) {
		for _, m := range post.Messages() {
			c, err := m.Parse()
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(m.To, "owner@door.example") {
				list = append(list, c.Subject)
			}
		}
		return list
	}
	eventually(t, "the owner is told", func() bool { return len(subjects()) == 1 })
	for range 2 {
		s.kill()
		s.start()
	}
	c, err := post.Messages()[0].Parse()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Text, "https://hooks.ours.example/endpoints/"+e.ID.String()) || !strings.Contains(c.Text, "503") || c.Header.Get("List-Unsubscribe-Post") == "" {
		t.Errorf("the mail:\n%s", post.Messages()[0].Data)
	}

	broken.Store(false)
	s.cli("endpoints", "try", e.ID.String())
	s.waitDone(e.ID)
	eventually(t, "the owner is told of the recovery", func() bool { return len(subjects()) == 2 })
	want := []string{"Endpoint Door fails", "Endpoint Door works again"}
	if got := subjects(); !slices.Equal(got, want) {
		t.Errorf("the owner was told %q, want %q", got, want)
	}
	taken := map[string]int{}
	for _, q := range r.requests() {
		taken[q.header.Get("webhook-id")]++
	}
	for _, event := range events { // once in vain, and once taken
		if n := taken[event.ID.String()]; n != 2 {
			t.Errorf("the receiver got event %s %d times", event.ID, n)
		}
	}

	// The link in the mail works without a key.
	link := strings.Trim(c.Header.Get("List-Unsubscribe"), "<>")
	path := strings.TrimPrefix(link, "https://hooks.ours.example")
	if status, _, body := s.post(t.Context(), "", http.MethodPost, path, []byte("List-Unsubscribe=One-Click")); status != http.StatusOK || !strings.Contains(string(body), "Unsubscribed") {
		t.Errorf("unsubscribing: %d %s", status, body)
	}
	if out := s.cli("notices", "show", "--app", "acme"); !strings.Contains(out, "owner@door.example") {
		t.Errorf("who unsubscribed is not shown:\n%s", out)
	}
	if out := s.cli("notices", "test", "--email", "ops@ours.example"); !strings.Contains(out, "ops@ours.example") {
		t.Errorf("the test says:\n%s", out)
	}
}
