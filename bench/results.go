package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// figure is what is measured once in each round.
type figure struct {
	Key   string `json:"key"`
	Title string `json:"title"`
	Unit  string `json:"unit"`
	// LowerIsBetter says so; else higher is.
	LowerIsBetter bool `json:"lower_is_better,omitempty"`
	// Values are those of the rounds, and Limits what they are to be seen beside, measured
	// right beside them; empty where there is none.
	Values []float64 `json:"values"`
	Limits []float64 `json:"limits,omitempty"`
	// Limit says what Limits are.
	Limit string `json:"limit,omitempty"`
	// Must and Aim are bounds of the ratio to the limit or, where there is none, of the
	// value. 0: there is none.
	Must float64 `json:"must,omitempty"`
	Aim  float64 `json:"aim,omitempty"`
}

// ratios are the values over their limits, round by round: what else the machine does hits
// both alike.
func (f *figure) ratios() []float64 {
	if len(f.Limits) != len(f.Values) {
		return nil
	}
	ratios := make([]float64, len(f.Values))
	for i := range ratios {
		ratios[i] = f.Values[i] / f.Limits[i]
	}
	return ratios
}

// judged are what Must and Aim bound.
func (f *figure) judged() []float64 {
	if len(f.Limits) > 0 {
		return f.ratios()
	}
	return f.Values
}

// meets tells whether the median is within a bound.
func (f *figure) meets(bound float64) bool {
	m := median(f.judged())
	if f.LowerIsBetter {
		return m <= bound
	}
	return m >= bound
}

// spending is what a delivery of a scenario costs, the median of the rounds by name of what
// is spent.
type spending struct {
	Key    string               `json:"key"`
	Title  string               `json:"title"`
	Values map[string][]float64 `json:"values"`
}

// results are those of a run.
type results struct {
	Time      time.Time `json:"time"`
	Commit    string    `json:"commit"`
	Machine   string    `json:"machine"`
	Go        string    `json:"go"`
	Rounds    int       `json:"rounds"`
	Seconds   float64   `json:"seconds"`
	Size      int       `json:"size"`
	Publisher int       `json:"publisher_connections"`
	// Sizes are how much waits, is in the log, and so on, by flag.
	Sizes map[string]int `json:"sizes"`
	// Steady is for how long 500 events a second were published, in seconds; 0 in old files.
	Steady float64 `json:"steady_seconds,omitempty"`
	// Checked is how many deliveries were looked for, each of which arrived once.
	Checked  int64       `json:"deliveries_checked"`
	Figures  []*figure   `json:"figures"`
	Spending []*spending `json:"spending"`
	// Notes are what could not be measured, and why.
	Notes []string `json:"notes,omitempty"`
}

func newResults(o options) *results {
	commit, _ := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	return &results{
		Time: time.Now().UTC().Truncate(time.Second), Commit: strings.TrimSpace(string(commit)),
		Machine: strings.TrimSpace(fmt.Sprintf("%d × %s, %s/%s", runtime.NumCPU(), processorName(), runtime.GOOS, runtime.GOARCH)), Go: runtime.Version(),
		Rounds: o.rounds, Seconds: o.part.Seconds(), Size: o.size, Publisher: o.connections,
		Sizes:  map[string]int{"pending": o.pending, "history": o.history, "many": o.many, "hang": o.hang, "flood": o.flood},
		Steady: o.steady.Seconds(),
	}
}

// figure gives that of the key, made by the catalogue when it is first asked for.
func (r *results) figure(key string) *figure {
	for _, f := range r.Figures {
		if f.Key == key {
			return f
		}
	}
	f := &figure{Key: key, Title: key}
	if i := slices.IndexFunc(catalogue, func(c figure) bool { return c.Key == key }); i >= 0 {
		*f = catalogue[i]
		f.Title, _ = r.titled(f.Title)
	}
	r.Figures = append(r.Figures, f)
	return f
}

// add adds what a round has measured.
func (r *results) add(key string, value float64) {
	r.figure(key).Values = append(r.figure(key).Values, value)
}

// beside adds what a round has measured, and the limit that it is seen beside.
func (r *results) beside(key string, value, limit float64) {
	r.add(key, value)
	r.figure(key).Limits = append(r.figure(key).Limits, limit)
}

// spent adds what each delivery of a load has cost, and what a request of the bare loop
// beside it has (0: there was none).
func (r *results) spent(key, title string, l load, bare loop) {
	var s *spending
	for _, have := range r.Spending {
		if have.Key == key {
			s = have
		}
	}
	if s == nil {
		s = &spending{Key: key, Title: title, Values: map[string][]float64{}}
		r.Spending = append(r.Spending, s)
	}
	n := float64(max(l.Deliveries, 1))
	put := func(name string, v float64) { s.Values[name] = append(s.Values[name], v/n) }
	if all := l.Cost.Own + l.Cost.Publisher + l.Cost.Receiver; all > 0 {
		put("share", n*float64(bare.Sender+bare.Receiver)*n/float64(all))
	}
	put("own", micros(l.Cost.Own))
	put("publisher", micros(l.Cost.Publisher))
	put("receiver", micros(l.Cost.Receiver))
	put("allocations", l.Cost.Allocations)
	put("written", l.Cost.Written)
	for name, d := range l.Cost.Stages {
		put("stage."+name, micros(d))
	}
}

// note says what could not be measured.
func (r *results) note(format string, a ...any) {
	if text := fmt.Sprintf(format, a...); !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

func (r *results) save(path string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func loadResults(path string) (*results, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &results{}
	err = json.Unmarshal(b, r)
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no file of -json: %w", path, err)
	}
	r.entitle()
	return r, nil
}

// check says what a file lacks that -json has written. It may have no figures: where
// everything failed.
func (r *results) check() error {
	if r.Time.IsZero() || r.Rounds < 1 || r.Sizes == nil {
		return errors.New("it does not say when, how often and with what sizes it was measured")
	}
	for i, f := range r.Figures {
		if f == nil || f.Key == "" {
			return fmt.Errorf("entry %d of its figures is none", i+1)
		}
	}
	for i, s := range r.Spending {
		if s == nil || s.Key == "" {
			return fmt.Errorf("entry %d of its spending is none", i+1)
		}
	}
	return nil
}

// entitle has the titles say what was measured: those of a file may be of a bench whose
// titles were always of the usual sizes.
func (r *results) entitle() {
	for _, f := range r.Figures {
		i := slices.IndexFunc(catalogue, func(c figure) bool { return c.Key == f.Key })
		if i < 0 {
			continue
		}
		title, ok := r.titled(catalogue[i].Title)
		if !ok {
			continue
		}
		for _, s := range r.Spending {
			if s.Key == f.Key && s.Title == f.Title {
				s.Title = title
			}
		}
		f.Title = title
	}
}

// median is 0 of nothing.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	middle := len(list) / 2
	if len(list)%2 == 0 {
		return (list[middle-1] + list[middle]) / 2
	}
	return list[middle]
}
