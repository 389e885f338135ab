package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
	"github.com/bellhop/bellhop/internal/testlong"
)

// program is a connection of somebody's program to the server's database.
type program struct {
	pg   *pgx.Conn
	lite *sqlite.Conn
}

func (s *server) program() *program {
	s.t.Helper()
	p := &program{}
	var err error
	if *storage == onSQLite {
		if p.lite, err = sqlite.OpenConn(s.db, sqlite.OpenReadWrite); err == nil {
			p.lite.SetBlockOnBusy()
		}
	} else {
		p.pg, err = pgx.Connect(s.t.Context(), s.direct)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if p.lite != nil {
			_ = p.lite.Close()
			return
		}
		_ = p.pg.Close(context.Background())
	})
	return p
}

// publish publishes n events of an app in one transaction. Their subjects are numbers from
// first on.
func (p *program) publish(app string, first, n int) error {
	if p.lite != nil {
		return sqlitex.Execute(p.lite, `WITH RECURSIVE g (g) AS (VALUES (?2) UNION ALL SELECT g + 1 FROM g WHERE g < ?3)
			INSERT INTO outbox (app, type, data, subject) SELECT ?1, 'order.paid', '{}', g FROM g`, &sqlitex.ExecOptions{Args: []any{app, first, first + n - 1}})
	}
	_, err := p.pg.Exec(context.Background(),
		"SELECT count(bellhop.publish($1, 'order.paid', '{}'::text, subject => g::text)) FROM generate_series($2::integer, $3::integer) g", app, first, first+n-1)
	return err
}

// lags are how long after their commit something happened to events.
type lags []time.Duration

// most is the lag that all but one in n have at most.
func (l lags) most(n int) time.Duration {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[len(l)-1-len(l)/n]
}

func (l lags) String() string {
	return fmt.Sprintf("half of %d %s, 90 %% %s, 98 %% %s, all %s", len(l),
		l.most(2).Round(time.Millisecond), l.most(10).Round(time.Millisecond), l.most(50).Round(time.Millisecond), l.most(len(l)+1).Round(time.Millisecond))
}

// One app floods the outbox, for an endpoint that keeps up and one that hangs. Another app's
// events are taken and arrive meanwhile, those that it publishes in transactions of its own
// and those that it publishes by the API.
func TestAFloodInTheOutbox(t *testing.T) {
	testlong.Only(t)
	const many = 60_000
	s := serve(t)
	s.app("flood")
	s.app("quiet")
	flooded, hanging, healthy := newReceiver(t, answers(http.StatusOK)), newReceiver(t, hangs), newReceiver(t, answers(http.StatusOK))
	s.endpoint("flood", flooded.URL, nil)
	s.endpoint("flood", hanging.URL, func(c *bellhop.EndpointChange) { c.Timeout = bellhop.Of(bellhop.Duration(5 * time.Second)) })
	s.endpoint("quiet", healthy.URL, nil)
	neighbour, flooder := s.program(), s.program()

	n := 0
	type measured struct{ taken, arrived, byAPI lags }
	during := func(what string, over func() bool) (m measured) {
		t.Helper()
		begun, from := time.Now(), n
		inOutbox, byAPI := map[string]time.Time{}, map[string]time.Time{}
		for next := begun; !over() || n-from < 50; next = next.Add(100 * time.Millisecond) {
			time.Sleep(time.Until(next))
			n++
			if n%2 == 0 {
				if err := neighbour.publish("quiet", n, 1); err != nil {
					t.Fatal(err)
				}
				inOutbox[strconv.Itoa(n)] = time.Now()
				continue
			}
			byAPI[strconv.Itoa(n)] = time.Now()
			s.publishAs(client.Publication{App: "quiet", Type: "order.paid", Data: bellhop.JSON("{}"), Subject: strconv.Itoa(n)})
		}
		took := time.Since(begun)
		healthy.wait(t, n)
		subjects := map[string]string{}
		for e, err := range s.api.Events(t.Context(), client.EventFilter{App: "quiet", Since: begun.Add(-time.Second)}) {
			if err != nil {
				t.Fatal(err)
			}
			subjects[e.ID.String()] = e.Subject
			if at, ok := inOutbox[e.Subject]; ok {
				m.taken = append(m.taken, max(0, e.CreatedAt.Sub(at)))
			}
		}
		for _, q := range healthy.requests() {
			subject := subjects[q.header.Get("webhook-id")]
			if at, ok := inOutbox[subject]; ok {
				m.arrived = append(m.arrived, q.at.Sub(at))
			}
			if at, ok := byAPI[subject]; ok {
				m.byAPI = append(m.byAPI, q.at.Sub(at))
			}
		}
		if len(m.taken) != len(inOutbox) || len(m.arrived) != len(inOutbox) || len(m.byAPI) != len(byAPI) {
			t.Errorf("%s: %d and %d were published, %d taken, %d and %d arrived", what, len(inOutbox), len(byAPI), len(m.taken), len(m.arrived), len(m.byAPI))
		}
		t.Logf("%s, %s:\n  taken    %s\n  arrived  %s\n  by API   %s", what, took.Round(time.Millisecond), m.taken, m.arrived, m.byAPI)
		return m
	}
	quiet := during("quiet", func() bool { return true })
	for _, parts := range []int{1, many / 100} {
		committed := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < parts && err == nil; i++ {
				err = flooder.publish("flood", 1, many/parts)
			}
			committed <- err
		}()
		begun, all := time.Now(), flooded.count()+many
		m := during(fmt.Sprintf("beside a flood of %d in %d transactions", many, parts), func() bool {
			if time.Since(begun) > 5*patience {
				t.Fatalf("%d of the flood are missing", all-flooded.count())
			}
			return flooded.count() >= all
		})
		if err := <-committed; err != nil {
			t.Fatal(err)
		}
		for what, l := range map[string][2]lags{"taken": {m.taken, quiet.taken}, "arrived": {m.arrived, quiet.arrived}, "by API": {m.byAPI, quiet.byAPI}} {
			if most := max(noticed, 10*l[1].most(2)); l[0].most(50) > most {
				t.Errorf("%s: 98 %% after %s, may be %s; without the flood half of them after %s", what, l[0].most(50), most, l[1].most(2))
			}
		}
	}
}
