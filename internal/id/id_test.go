package id

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPrintAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := ID[Event](rapid.Int64Range(1, 1<<63-1).Draw(t, "id"))
		got, err := Parse[Event](want.String())
		if err != nil || got != want {
			t.Fatalf("Parse(%s) = %v, %v; want %d", want, got, err, want)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	good := ID[Event](12345).String()
	for _, s := range []string{"", "evt_", "ep_" + good[4:], good + "0", good[:len(good)-1], "evt_ZZZZZZZZZZZZZ", "evt_0000000000000", "evt_000000000000U", "evt_00000000000é"} {
		if v, err := Parse[Event](s); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", s, v)
		}
	}
	if v, err := Parse[Event]("evt_0000000000olI"); err != nil || v != 1<<5+1 {
		t.Errorf("look-alikes: got %d, %v", v, err)
	}
}

func TestGeneratorOnlyGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		floor := rapid.Int64Range(0, 1<<62).Draw(t, "floor")
		g := NewGenerator(rapid.IntRange(0, MaxNode).Draw(t, "node"), floor)
		last := ID[Event](floor)
		for range 200 {
			now := time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "now"))
			i := Next[Event](g, now)
			if i <= last {
				t.Fatalf("id %d after %d", i, last)
			}
			if int64(i)>>seqBits&MaxNode != g.node {
				t.Fatalf("id %d is not of node %d", i, g.node)
			}
			last = i
		}
	})
}

func TestGeneratorManyInOneMillisecond(t *testing.T) {
	g := NewGenerator(3, 0)
	now := time.UnixMilli(1_700_000_000_000)
	var last ID[Event]
	for range 3 << seqBits {
		i := Next[Event](g, now)
		if i <= last {
			t.Fatalf("id %d after %d", i, last)
		}
		last = i
	}
	if d := last.Time().Sub(now); d > 3*time.Millisecond {
		t.Errorf("ran %v ahead of the clock", d)
	}
}

func TestFirstBoundsARangeOfTime(t *testing.T) {
	g := NewGenerator(7, 0)
	at := time.UnixMilli(1_700_000_000_123)
	i := Next[Event](g, at)
	if First[Event](at) > i || First[Event](at.Add(time.Microsecond)) <= i {
		t.Errorf("First does not bound %d", i)
	}
	if !i.Time().Equal(at) {
		t.Errorf("Time() = %v, want %v", i.Time(), at)
	}
}

func TestTimesBeyondWhatIdsCarry(t *testing.T) {
	last := time.UnixMilli(1<<42 - 1)
	for _, at := range []time.Time{last.Add(1), last.Add(time.Millisecond), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Unix(1<<62, 0)} {
		if bound := First[Event](at); bound != 1<<63-1 {
			t.Errorf("First(%v) = %d, want the highest", at, bound)
		}
	}
	for _, at := range []time.Time{{}, time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, -1), time.Unix(-1<<62, 0)} {
		if bound := First[Event](at); bound != 0 {
			t.Errorf("First(%v) = %d, want the lowest", at, bound)
		}
	}
	if bound := First[Event](last); bound.Time() != last.UTC() {
		t.Errorf("First(%v) is of %v", last, bound.Time())
	}
	g := NewGenerator(MaxNode, 0)
	before := ID[Event](0)
	for _, now := range []time.Time{time.UnixMilli(1_700_000_000_000), last.Add(time.Hour), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<62, 0)} {
		for range 2 << seqBits {
			i := Next[Event](g, now)
			if i <= before {
				t.Fatalf("at %v, %d follows %d", now, i, before)
			}
			before = i
		}
	}
}

func TestTakeIsOneBlock(t *testing.T) {
	g := NewGenerator(3, 0)
	now := time.UnixMilli(1_700_000_000_000)
	blocks := make([][]ID[Event], 8)
	var takers sync.WaitGroup
	for i := range blocks {
		takers.Go(func() { blocks[i] = Take[Event](g, 1000, now) })
	}
	takers.Wait()
	all := map[ID[Event]]bool{}
	for _, block := range blocks {
		for i, x := range block {
			all[x] = true
			if i > 0 && int64(x)>>(nodeBits+seqBits) == int64(block[i-1])>>(nodeBits+seqBits) && x != block[i-1]+1 {
				t.Fatalf("%d after %d: something came between", x, block[i-1])
			}
		}
	}
	if len(all) != 8000 {
		t.Errorf("%d different ids, want 8000", len(all))
	}
	if next := Next[Event](g, now); all[next] || Take[Event](g, 0, now) != nil {
		t.Error("an id was made twice, or one too many")
	}
}
