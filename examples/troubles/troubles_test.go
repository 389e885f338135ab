package troubles_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop/dialect"
	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/signed"
	"github.com/bellhop/bellhop/examples/troubles"
)

func TestEachIsNoGoodInItsOwnWay(t *testing.T) {
	secrets := map[string]string{}
	for _, name := range troubles.New(nil, 0).Names() {
		secrets[name] = "secret of " + name
	}
	ts := troubles.New(secrets, 0)
	h := ts.Handler(func() page.Nav { return page.Nav{} }, func(string) string { return "" })
	send := func(name, secret, id, eventType string) (status int) {
		t.Helper()
		req, err := signed.Request("/"+name+"/hook", "showpass", secret, dialect.Message{ID: id, Type: eventType, Data: []byte(`{}`)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if recover() == http.ErrAbortHandler { // the connection breaks
				status = 0
			}
		}()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Code
	}
	for _, c := range []struct {
		name, id, eventType string
		want                int
	}{
		{troubles.Slow, "evt_1", "invoice.purchase", 200},
		{troubles.Flaky, "evt_1", "invoice.purchase", 500},
		{troubles.Flaky, "evt_1", "invoice.purchase", 200},
		{troubles.Flaky, "evt_2", "invoice.purchase", 500},
		{troubles.Down, "evt_1", "invoice.purchase", 0},
		{troubles.Picky, "evt_1", "invoice.void", 422},
		{troubles.Picky, "evt_2", "invoice.refund", 200},
		{troubles.Gone, "evt_1", "invoice.purchase", 410},
	} {
		if got := send(c.name, secrets[c.name], c.id, c.eventType); got != c.want {
			t.Errorf("%s, %s of %s: %d, want %d", c.name, c.id, c.eventType, got, c.want)
		}
	}
	ts.SetDown(false)
	if got := send(troubles.Down, secrets[troubles.Down], "evt_1", "invoice.purchase"); got != 200 {
		t.Errorf("repaired, it answers %d", got)
	}
	for name := range secrets {
		if got := send(name, "a foreign secret", "evt_9", "invoice.purchase"); got != 401 {
			t.Errorf("%s answers %d to a forgery", name, got)
		}
		if _, forged := ts.Trouble(name).Requests(); forged != 1 {
			t.Errorf("%s counts %d forgeries", name, forged)
		}
	}
	if got := ts.Trouble(troubles.Picky).Got(); len(got) != 1 {
		t.Errorf("took %v", got)
	}
}

// TestDownForAWhile: it comes back by itself, unless nothing is to happen by itself.
func TestDownForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := troubles.New(map[string]string{troubles.Down: "s3cr3t"}, 0)
		h := ts.Handler(func() page.Nav { return page.Nav{} }, func(string) string { return "" })
		works := func() bool {
			req, err := signed.Request("/down/hook", "showpass", "s3cr3t", dialect.Message{ID: "evt_1", Type: "invoice.purchase", Data: []byte(`{}`)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = recover() }() // the connection breaks
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			return w.Code == 200
		}
		ctx, stop := context.WithCancel(t.Context())
		var running atomic.Bool
		running.Store(true)
		go ts.Live(ctx, running.Load)
		for minute, want := range []bool{false, false, true, true, true, false, false, true} {
			if works() != want {
				t.Errorf("in minute %d it works: %v", minute, !want)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		running.Store(false)
		time.Sleep(time.Hour)
		if !works() {
			t.Error("it went down although nothing was to happen by itself")
		}
		stop()
		synctest.Wait()
	})
}
