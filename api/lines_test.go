package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop/bellhop"
)

// linesOf begins to read what is written to in, of which lines may be as long as limit.
func linesOf(t *testing.T, o Options, limit int64) (l *Lines, in *io.PipeWriter) {
	t.Helper()
	r, w := io.Pipe()
	c := &Call{
		kit: newToy(o).kit, w: answer{ResponseWriter: httptest.NewRecorder()},
		r: httptest.NewRequest("POST", "/lines", r), route: &Route{maxBody: limit},
	}
	l, err := c.Lines(250)
	if err != nil {
		t.Fatal(err)
	}
	return l, w
}

// holds is how much memory counts for the lines, and has to be that of their buffers.
func (l *Lines) holds(t *testing.T) int {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	memory := l.c.kit.memory
	memory.mu.Lock()
	defer memory.mu.Unlock()
	if books := memory.of[l.of]; books != l.held || l.held < waitBytes+int64(cap(l.text))+l.given {
		t.Errorf("%d bytes are in the books and %d are said to be held, where there are %d of text and %d of lines that are given", books, l.held, cap(l.text), l.given)
	}
	return int(l.held)
}

// TestLinesHoldWhatTheyTake: an idle stream holds no memory but for a small buffer, a line
// as much as it takes, and that until it is answered.
func TestLinesHoldWhatTheyTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, in := linesOf(t, Options{}, 1<<20)
		if got := l.holds(t); got != waitBytes {
			t.Errorf("a stream of which nothing came holds %d bytes", got)
		}
		for _, size := range []int{1, 3000, 262_200, 1, 1 << 20, 0} {
			text := strings.Repeat("x", size)
			_, _ = io.WriteString(in, text+"\n")
			if got, most := l.holds(t), max(2*size, 16*waitBytes)+2*waitBytes+readBytes; got > most {
				t.Errorf("a line of %d bytes that waits holds %d", size, got)
			}
			lines, err := l.Next()
			if err != nil || len(lines) != 1 || lines[0].Err != nil || string(lines[0].Text) != text {
				t.Fatalf("a line of %d bytes comes as %d lines, %v", size, len(lines), err)
			}
			if got := l.holds(t); got < waitBytes+size {
				t.Errorf("a line of %d bytes that is worked on holds %d", size, got)
			}
			done := make(chan struct{})
			go func() {
				_, _ = l.Next()
				close(done)
			}()
			if got := l.holds(t); got != waitBytes || cap(l.text)+cap(l.ends) > 0 {
				t.Errorf("after a line of %d bytes %d are held", size, got)
			}
			_, _ = io.WriteString(in, "\n")
			<-done
		}
		_ = in.Close()
		l.Close()
		if left := l.c.kit.memory.taken(); left != 0 {
			t.Errorf("a stream that has ended holds %d bytes", left)
		}
	})
}

// TestLinesWaitForMemory of their own without end, and for that of others a moment.
func TestLinesWaitForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, in := linesOf(t, Options{MaxMemory: 1 << 20}, 1<<20)
		memory := l.c.kit.memory
		others := func(bytes ...int64) (gone func()) {
			t.Helper()
			for i, n := range bytes {
				if !memory.take(share{key: bellhop.KeyID(1000 + i)}, n) {
					t.Fatal("there is no memory for others")
				}
			}
			return func() {
				for i, n := range bytes {
					memory.give(share{key: bellhop.KeyID(1000 + i)}, n)
				}
			}
		}
		line := strings.Repeat("x", 100_000) + "\n"
		send := func(text string) { _, _ = io.WriteString(in, text) }
		next := func(want bellhop.Code, length int, after time.Duration) {
			t.Helper()
			began := time.Now()
			lines, err := l.Next()
			if err != nil || len(lines) != 1 || bellhop.CodeOf(lines[0].Err) != want || len(lines[0].Text) != length {
				t.Fatalf("%d lines, %+v, %v", len(lines), lines[0].Err, err)
			}
			if took := time.Since(began); took < after || took > after+roomBeat {
				t.Errorf("a line came after %v", took)
			}
		}

		// The first line is worked on for long, and there is no room for two more.
		gone := others(400_000)
		send(line)
		next("", 100_000, 0)
		go send(line + line)
		time.Sleep(time.Minute)
		next("", 100_000, 0)
		time.Sleep(time.Minute)
		next("", 100_000, 0)
		gone()

		for _, c := range []struct {
			gone, after time.Duration
			code        bellhop.Code
			length      int
		}{
			{roomPatience / 2, roomPatience / 2, "", 100_000},
			{2 * roomPatience, roomPatience, CodeBusy, 0},
		} {
			time.AfterFunc(roomPatience/10, func() {
				time.AfterFunc(c.gone, others(500_000, 250_000))
				go send(line)
			})
			next(c.code, c.length, roomPatience/10+c.after)
			if c.code == "" {
				continue
			}
			if got := l.holds(t); got != waitBytes {
				t.Errorf("a refused line holds %d bytes", got)
			}
		}
		time.Sleep(2 * roomPatience)
		send(line)
		next("", 100_000, 0)
		_ = in.Close()
		l.Close()
	})
}

// TestLinesComeAsTheyAre, in whatever pieces, and beside others that take the memory now and
// then.
func TestLinesComeAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 300_000
		random := rand.New(rand.NewPCG(1, 2))
		l, in := linesOf(t, Options{MaxMemory: 4 << 20}, limit)
		var sent [][]byte
		for i := range 3000 {
			size := random.IntN(300)
			switch random.IntN(100) {
			case 0:
				size = random.IntN(limit + 1000)
			case 1:
				size = random.IntN(50_000)
			}
			sent = append(sent, bytes.Repeat(fmt.Appendf(nil, "%d ", i), size/5))
		}
		go func() {
			all := append(bytes.Join(sent, []byte("\n")), '\n')
			for len(all) > 0 {
				n := min(len(all), 1+random.IntN(100_000))
				_, _ = in.Write(all[:n])
				all = all[n:]
			}
			_ = in.Close()
		}()
		var got []Line
		memory, busy := l.c.kit.memory, 0
		for n := 0; ; n++ {
			took := map[share]int64{}
			if n%3 == 0 { // others take nearly all
				l.holds(t)
				for i := range 20 {
					memory.mu.Lock()
					free := memory.most - memory.used
					memory.mu.Unlock()
					if s := (share{key: bellhop.KeyID(1000 + i)}); memory.take(s, free/2) {
						took[s] = free / 2
					}
				}
			}
			lines, err := l.Next()
			for s, n := range took {
				memory.give(s, n)
			}
			if got = append(got, lines...); errors.Is(err, io.EOF) {
				break
			}
		}
		l.Close()
		if len(got) != len(sent) {
			t.Fatalf("of %d lines %d came", len(sent), len(got))
		}
		for i, line := range got {
			switch code := bellhop.CodeOf(line.Err); {
			case code == CodeBusy:
				busy++
			case (code == bellhop.CodeTooLarge) != (len(sent[i]) > limit):
				t.Errorf("a line of %d bytes: %v", len(sent[i]), line.Err)
			case code == "" && !bytes.Equal(line.Text, sent[i]):
				t.Fatalf("line %d of %d bytes is another one", i, len(sent[i]))
			}
		}
		if left := memory.taken(); left != 0 || busy > len(sent)/2 {
			t.Errorf("%d bytes are left, and %d lines were refused", left, busy)
		}
	})
}
