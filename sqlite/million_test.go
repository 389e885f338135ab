package sqlite

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/id"
	"github.com/bellhop/bellhop/internal/timeslice"
)

// million is a file with as many attempts, spread over 30 days, 20 apps and 200
// endpoints of unequal sizes: 1 in 20 failed. It is kept in the folder that
// BELLHOP_BENCH names, if any, since making it takes a while.
func million(b *testing.B) (s *Store, end time.Time) {
	b.Helper()
	end = time.Date(2026, 3, 31, 12, 34, 56, 0, time.UTC)
	folder := os.Getenv("BELLHOP_BENCH")
	if folder == "" {
		folder = b.TempDir()
	}
	path := filepath.Join(folder, "million.db")
	_, err := os.Stat(path)
	made := err == nil
	if s, err = Open(b.Context(), path, Options{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	if made {
		return s, end
	}
	r, ids := rand.New(rand.NewPCG(1, 2)), id.NewGenerator(1, 0)
	body := make([]byte, 200)
	const count, step = 1_000_000, 2000
	for i := 0; i < count; i += step {
		err := s.write(b.Context(), "fill", 1, func(w *writer) error {
			for j := i; j < i+step; j++ {
				at := end.Add(-30 * 24 * time.Hour).Add(time.Duration(float64(j) / count * float64(30*24*time.Hour)))
				// The first endpoints have the most.
				e := int(math.Floor(200 * math.Pow(r.Float64(), 3)))
				a := bellhop.Attempt{
					Delivery: bellhop.DeliveryID(id.First[id.Delivery](at.Add(-time.Duration(r.ExpFloat64() * float64(time.Second))))),
					ID:       id.Next[id.Attempt](ids, at), Event: bellhop.EventID(id.First[id.Event](at)) + bellhop.EventID(j), Endpoint: bellhop.EndpointID(e + 1),
					App: fmt.Sprintf("app-%02d", e%20), Type: fmt.Sprintf("type.t%d", r.IntN(30)), Trigger: bellhop.TriggerPublish,
					Number: 1, Status: bellhop.AttemptSucceeded, Final: true, URL: "https://example.com/hook", ResponseStatus: 200,
					Duration: bellhop.Duration(20_000_000 * math.Exp(r.NormFloat64())), ResponseBody: body,
				}
				if r.IntN(20) == 0 {
					a.Status, a.Final, a.Reason = bellhop.AttemptFailed, r.IntN(4) == 0, "timeout"
				}
				if err := w.addAttempt(&a, time.Time{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s, end
}

// BenchmarkStats counts 30 days with a million attempts, before and after they were
// rolled up, and measures that, too.
func BenchmarkStats(b *testing.B) {
	s, end := million(b)
	if err := s.write(b.Context(), "begin anew", 1, func(w *writer) error {
		w.state.rolled = timeslice.Marks{}
		w.watchLate()
		return execAll(w.conn, "DELETE FROM rollups", "DELETE FROM rolled")
	}); err != nil {
		b.Fatal(err)
	}
	since := end.Add(-30 * 24 * time.Hour)
	filters := []struct {
		name string
		f    bellhop.StatsFilter
	}{
		{"30 days", bellhop.StatsFilter{Scope: bellhop.Everything(), Since: since, Bucket: 12 * time.Hour}},
		{"30 days in hours and a half", bellhop.StatsFilter{Scope: bellhop.Everything(), Since: since, Bucket: 90 * time.Minute}},
		{"30 days, app", bellhop.StatsFilter{Scope: bellhop.Only("app-03"), Since: since, Bucket: 12 * time.Hour}},
		{"30 days, endpoint", bellhop.StatsFilter{Scope: bellhop.Everything(), Since: since, Bucket: 12 * time.Hour, Endpoint: 1}},
		{"30 days, app, type", bellhop.StatsFilter{Scope: bellhop.Only("app-03"), Since: since, Bucket: 12 * time.Hour, Type: "type.t7"}},
		{"30 days, type", bellhop.StatsFilter{Scope: bellhop.Everything(), Since: since, Bucket: 12 * time.Hour, Type: "type.t7"}},
		{"a day", bellhop.StatsFilter{Scope: bellhop.Everything(), Since: end.Add(-24 * time.Hour), Bucket: 15 * time.Minute}},
		{"an hour", bellhop.StatsFilter{Scope: bellhop.Everything(), Since: end.Add(-time.Hour), Bucket: time.Minute}},
	}
	measure := func(state string) (list []bellhop.Stats) {
		for _, x := range filters {
			x.f.Until = end
			var last bellhop.Stats
			b.Run(x.name+", "+state, func(b *testing.B) {
				for b.Loop() {
					var err error
					if last, err = s.Stats(b.Context(), x.f); err != nil {
						b.Fatal(err)
					}
				}
			})
			list = append(list, last)
		}
		return list
	}
	raw := measure("raw")
	begun, longest, steps := time.Now(), time.Duration(0), 0
	for more := true; more; steps++ {
		step := time.Now()
		var err error
		if more, err = s.RollUp(b.Context(), end.Add(-5*time.Minute)); err != nil {
			b.Fatal(err)
		}
		longest = max(longest, time.Since(step))
	}
	b.Logf("rolled up in %s: %d steps, the longest %s", time.Since(begun), steps, longest)
	rolledUp := measure("rolled up")
	for i, x := range filters {
		if !slices.Equal(raw[i].Buckets, rolledUp[i].Buckets) || raw[i].Total != rolledUp[i].Total {
			b.Errorf("%s: rolled up it is %+v, want %+v", x.name, rolledUp[i].Total, raw[i].Total)
		}
	}
	for what, sql := range map[string]string{"rollup rows": "SELECT count(*) FROM rollups", "file MB": "SELECT page_count * page_size / 1000000 FROM pragma_page_count, pragma_page_size"} {
		if err := s.read(b.Context(), what, func(c *sqlite.Conn) error {
			return each(c, func(st *sqlite.Stmt) { b.Logf("%s: %d", what, st.ColumnInt64(0)) }, sql)
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAttempts lists pages of a million attempts by every kind of filter, from
// the newest and from the middle on.
func BenchmarkAttempts(b *testing.B) {
	s, end := million(b)
	middle := end.Add(-15 * 24 * time.Hour)
	for name, f := range map[string]bellhop.AttemptFilter{
		"all":                     {Scope: bellhop.Everything()},
		"failed":                  {Scope: bellhop.Everything(), Status: bellhop.AttemptFailed},
		"succeeded":               {Scope: bellhop.Everything(), Status: bellhop.AttemptSucceeded},
		"canceled":                {Scope: bellhop.Everything(), Status: bellhop.AttemptCanceled},
		"type":                    {Scope: bellhop.Everything(), Type: "type.t7"},
		"type prefix":             {Scope: bellhop.Everything(), Type: "type.t2*"},
		"no such type":            {Scope: bellhop.Everything(), Type: "no.such"},
		"no such prefix":          {Scope: bellhop.Everything(), Type: "no.*"},
		"failed type":             {Scope: bellhop.Everything(), Status: bellhop.AttemptFailed, Type: "type.t7"},
		"failed, no such type":    {Scope: bellhop.Everything(), Status: bellhop.AttemptFailed, Type: "no.such"},
		"succeeded type":          {Scope: bellhop.Everything(), Status: bellhop.AttemptSucceeded, Type: "type.t7"},
		"app":                     {Scope: bellhop.Only("app-03")},
		"app failed":              {Scope: bellhop.Only("app-03"), Status: bellhop.AttemptFailed},
		"app type":                {Scope: bellhop.Only("app-03"), Type: "type.t7"},
		"app prefix":              {Scope: bellhop.Only("app-03"), Type: "type.t2*"},
		"app, no such type":       {Scope: bellhop.Only("app-00"), Type: "no.such"},
		"app, no such prefix":     {Scope: bellhop.Only("app-00"), Type: "no.*"},
		"app failed, no such":     {Scope: bellhop.Only("app-00"), Status: bellhop.AttemptFailed, Type: "no.such"},
		"apps":                    {Scope: bellhop.Only("app-03", "app-04", "app-05")},
		"endpoint":                {Scope: bellhop.Everything(), Endpoint: 150},
		"endpoint failed":         {Scope: bellhop.Everything(), Endpoint: 1, Status: bellhop.AttemptFailed},
		"endpoint type":           {Scope: bellhop.Everything(), Endpoint: 1, Type: "type.t7"},
		"endpoint, no such type":  {Scope: bellhop.Everything(), Endpoint: 1, Type: "no.such"},
		"endpoint app":            {Endpoint: 1, Scope: bellhop.Only("app-00")},
		"endpoint of another app": {Endpoint: 1, Scope: bellhop.Only("app-01")},
		"endpoint canceled":       {Scope: bellhop.Everything(), Endpoint: 1, Status: bellhop.AttemptCanceled},
		"week":                    {Scope: bellhop.Everything(), Since: middle, Until: middle.Add(7 * 24 * time.Hour)},
		"week app type":           {Since: middle, Until: middle.Add(7 * 24 * time.Hour), Scope: bellhop.Only("app-03"), Type: "type.t7"},
		"week failed type":        {Scope: bellhop.Everything(), Since: middle, Until: middle.Add(7 * 24 * time.Hour), Status: bellhop.AttemptFailed, Type: "type.t7"},
		"week, no such type":      {Scope: bellhop.Everything(), Since: middle, Until: middle.Add(7 * 24 * time.Hour), Type: "no.such"},
	} {
		f.Limit = 51
		for _, from := range []string{"newest", "middle", "middle, oldest first"} {
			if from != "newest" {
				f.Before = bellhop.AttemptID(timeslice.FirstID(middle.UnixMilli()))
				if !f.Since.IsZero() {
					continue
				}
			}
			if from == "middle, oldest first" {
				f.Before, f.After = 0, f.Before
			}
			b.Run(name+", "+from, func(b *testing.B) {
				rows := 0
				for b.Loop() {
					list, err := s.Attempts(b.Context(), f)
					if err != nil {
						b.Fatal(err)
					}
					rows = len(list)
				}
				b.ReportMetric(float64(rows), "rows")
			})
		}
	}
}

// BenchmarkEndedDeliveries lists pages of deliveries that have ended, of which a million have
// attempts, from the newest and from the middle on.
func BenchmarkEndedDeliveries(b *testing.B) {
	s, end := million(b)
	middle := bellhop.DeliveryID(timeslice.FirstID(end.Add(-15 * 24 * time.Hour).UnixMilli()))
	for name, f := range map[string]bellhop.DeliveryFilter{
		"all":                    {Scope: bellhop.Everything()},
		"app":                    {Scope: bellhop.Only("app-00")},
		"app succeeded":          {Scope: bellhop.Only("app-00"), Status: bellhop.DeliverySucceeded},
		"app failed":             {Scope: bellhop.Only("app-00"), Status: bellhop.DeliveryFailed},
		"app, no such type":      {Scope: bellhop.Only("app-00"), Type: "no.such"},
		"endpoint":               {Scope: bellhop.Everything(), Endpoint: 1},
		"endpoint type":          {Scope: bellhop.Everything(), Endpoint: 1, Type: "type.t7"},
		"endpoint, no such type": {Scope: bellhop.Everything(), Endpoint: 1, Type: "no.such"},
		"small endpoint":         {Scope: bellhop.Everything(), Endpoint: 150},
	} {
		f.Limit = 51
		for _, from := range []string{"newest", "middle", "middle, oldest first"} {
			switch from {
			case "middle":
				f.Before = middle
			case "middle, oldest first":
				f.Before, f.After = 0, middle
			}
			b.Run(name+", "+from, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Deliveries(b.Context(), f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEvents lists pages of a million events of 20 apps and 30 types, of which one is
// rare, from the newest and from the middle on.
func BenchmarkEvents(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "events.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	r, ids, at := rand.New(rand.NewPCG(1, 2)), id.NewGenerator(1, 0), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	data := make([]byte, 300)
	middle := bellhop.EventID(0)
	const count, step = 1_000_000, 2000
	for i := 0; i < count; i += step {
		err := s.write(b.Context(), "fill", 1, func(w *writer) error {
			for range step {
				at = at.Add(time.Millisecond)
				n := bellhop.NewEvent{Event: bellhop.Event{ID: id.Next[id.Event](ids, at), App: "app-00", Type: fmt.Sprintf("type.t%d", r.IntN(30)), Data: data}}
				if r.IntN(2) == 0 { // one app has half of them
					n.Event.App = fmt.Sprintf("app-%02d", 1+r.IntN(19))
				}
				if r.IntN(20_000) == 0 {
					n.Event.Type = "type.rare"
				}
				if err := w.accept(&n, 0, at, false); err != nil {
					return err
				}
				if i == count/2 {
					middle = n.Event.ID
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for name, f := range map[string]bellhop.EventFilter{
		"all":             {Scope: bellhop.Everything()},
		"app":             {Scope: bellhop.Only("app-00")},
		"small app":       {Scope: bellhop.Only("app-07")},
		"type":            {Scope: bellhop.Everything(), Type: "type.t7"},
		"rare":            {Scope: bellhop.Everything(), Type: "type.rare"},
		"prefix":          {Scope: bellhop.Everything(), Type: "type.r*"},
		"app type":        {Scope: bellhop.Only("app-00"), Type: "type.t7"},
		"app, rare":       {Scope: bellhop.Only("app-00"), Type: "type.rare"},
		"app, no such":    {Scope: bellhop.Only("app-00"), Type: "no.such"},
		"small app, none": {Scope: bellhop.Only("app-07"), Type: "no.such"},
		"app, prefix":     {Scope: bellhop.Only("app-00"), Type: "type.r*"},
	} {
		f.Limit = 51
		for _, f.Before = range []bellhop.EventID{0, middle} {
			from := "newest"
			if f.Before != 0 {
				from = "middle"
			}
			b.Run(name+", "+from, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Events(b.Context(), f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
