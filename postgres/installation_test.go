package postgres_test

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bellhop/bellhop/postgres"
)

func TestExclusivelyIsOneAfterTheOtherAmongProcesses(t *testing.T) {
	url := database(t)
	var inside, most, done atomic.Int32
	var crowd sync.WaitGroup
	for range 6 {
		s := openAt(t, url, postgres.Options{})
		crowd.Go(func() {
			err := s.Exclusively(t.Context(), func() error {
				most.Store(max(most.Load(), inside.Add(1)))
				defer inside.Add(-1)
				if err := s.NoteKeyCheck(t.Context(), []byte{1}); err != nil { // what is set up then
					return err
				}
				done.Add(1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	crowd.Wait()
	if most.Load() != 1 || done.Load() != 6 {
		t.Errorf("%d at once, %d done", most.Load(), done.Load())
	}
	failure := errors.New("failed")
	if err := openAt(t, url, postgres.Options{}).Exclusively(t.Context(), func() error { return failure }); !errors.Is(err, failure) {
		t.Errorf("what f says is not given: %v", err)
	}
}

func TestTheCheckOfTheMasterKeyIsKept(t *testing.T) {
	s := open(t, postgres.Options{})
	for _, want := range [][]byte{nil, {0, 1, 2}, {3}} {
		if want != nil {
			if err := s.NoteKeyCheck(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.KeyCheck(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v %v, want %v", got, err, want)
		}
	}
	if size, err := s.Size(t.Context()); err != nil || size < 1<<20 {
		t.Errorf("size %d, %v", size, err)
	}
}

func TestPeekLooksAndChangesNothing(t *testing.T) {
	url := database(t)
	i, err := postgres.Peek(t.Context(), url)
	if err != nil || i.Schema != postgres.Schema() || i.Version < 14 || !i.MayCreate || i.Connections < 1 || i.MostConnections < 100 || !i.Local || i.TLS || !i.Durable {
		t.Errorf("%+v %v", i, err)
	}
	run(t, url, "DROP SCHEMA bellhop CASCADE")
	if i, err = postgres.Peek(t.Context(), url); err != nil || i.Schema != 0 {
		t.Errorf("of an empty database: %+v %v", i, err)
	}
	if i, err = postgres.Peek(t.Context(), url); err != nil || i.Schema != 0 {
		t.Errorf("it has made something: %+v %v", i, err)
	}
}
