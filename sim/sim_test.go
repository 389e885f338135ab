package sim

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seeds = flag.Int("seeds", manySeeds, "how many seeds to play")
	seed  = flag.Uint64("seed", 0, "play this one alone, and show its whole trace")
	hunt  = flag.Bool("hunt", false, "stop at the first broken promise, and say no more than which it was")
)

// TestSeeds plays histories: first those that broke a promise once, then seeds 1, 2, 3
// and so on, each twice. No promise may be broken, both runs must be the same, and of
// enough seeds each situation must come about in one.
func TestSeeds(t *testing.T) {
	debug.SetGCPercent(400) // a history keeps little, and makes much
	if *seed != 0 {
		if r := Run(*seed, os.Stdout); r.Broken != nil {
			t.Fatal(r.Broken)
		}
		return
	}
	var list []uint64
	if !*hunt {
		list = kept(t)
	}
	for s := range *seeds {
		list = append(list, uint64(s+1))
	}
	found, reached, steps, longest := play(list)
	if *hunt {
		if found != nil {
			t.Fatalf("after %d seeds: %v", found.Seed, firstLine(found.Broken))
		}
		return
	}
	if found != nil {
		t.Fatalf("seed %d: %v\n\n%s\nThe whole of it: go test ./sim -run TestSeeds -seed %d\nKeep it in sim/testdata/seeds.txt once it is mended.",
			found.Seed, found.Broken, found.Broken.Tail, found.Seed)
	}
	t.Logf("%d seeds, %d steps each on average, %d at most", len(list), steps/len(list), longest)
	for _, s := range situations {
		if reached[s] == 0 && *seeds >= 1000 {
			t.Errorf("no seed came to this: %s", s)
		}
		if testing.Verbose() {
			t.Logf("%5d %s", reached[s], s)
		}
		delete(reached, s)
	}
	for s := range reached {
		t.Errorf("this situation is not in the list: %s", s)
	}
}

// play runs each seed, one in four twice, on all processors. It answers the first seed of the list
// that broke a promise, and how many came to which situation.
func play(list []uint64) (found *Result, reached map[string]int, steps, longest int) {
	var (
		mu   sync.Mutex
		at   int
		work sync.WaitGroup
		next atomic.Int64
		end  atomic.Int64 // nobody need look beyond what has failed
	)
	reached = map[string]int{}
	end.Store(int64(len(list)))
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := next.Add(1) - 1; i < end.Load(); i = next.Add(1) - 1 {
				r := Run(list[i], nil)
				if i%4 == 0 {
					r.Broken = cmp.Or(r.Broken, differs(list[i], r))
				}
				mu.Lock()
				steps, longest = steps+r.Steps, max(longest, r.Steps)
				for s := range r.Reached {
					reached[s]++
				}
				if r.Broken != nil && (found == nil || int(i) < at) {
					found, at = &r, int(i)
					end.Store(i)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return found, reached, steps, longest
}

// differs runs a seed again: a history that is not the same again could not be looked into.
func differs(seed uint64, r Result) *Broken {
	again := Run(seed, nil)
	if again.Hash == r.Hash && again.Steps == r.Steps {
		return nil
	}
	return &Broken{Promise: "none: it differs", How: fmt.Sprintf("%d steps, hash %x; %d steps, hash %x", r.Steps, r.Hash, again.Steps, again.Hash)}
}

// kept reads the seeds that are kept.
func kept(t *testing.T) (list []uint64) {
	t.Helper()
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		word, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if word == "" || word[0] == '#' {
			continue
		}
		s, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := cmp.Or(lines.Err(), f.Close()); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	return list
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func TestSituationsAreNamedOnce(t *testing.T) {
	list := slices.Sorted(slices.Values(situations))
	if len(slices.Compact(list)) != len(situations) {
		t.Error("a situation is in the list twice")
	}
}

func BenchmarkSeed(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		Run(uint64(i%200+1), nil)
	}
}
