package demo

import (
	"context"
	"fmt"
	"io"
	"time"
)

// story is one run of the check: what is done, and a line for each state that must come
// of it.
type story struct {
	*Demo
	ctx context.Context
	out io.Writer
	// patience is how long a state may take, and until when any may.
	patience time.Duration
	until    time.Time

	right, wrong int
}

const (
	patience = 15 * time.Second
	inAll    = 90 * time.Second
	// look is the pause between two looks at a state.
	look = 20 * time.Millisecond
)

// Check fires the story's events in their order, waits for what must come of each, prints
// a line per state, and tells whether all were right.
func (d *Demo) Check(ctx context.Context, out io.Writer) bool {
	s := &story{Demo: d, ctx: ctx, out: out, patience: patience, until: time.Now().Add(inAll)}
	return s.tell()
}

func (s *story) tell() bool {
	for _, chapter := range []struct {
		title string
		tell  func() error
	}{
		{"The pages", s.pages},
		{"Box office", s.boxOffice},
		{"Residence", s.residence},
		{"Repeats and forgeries", s.repeats},
		{"Troubles", s.trouble},
	} {
		if s.ctx.Err() != nil {
			return false
		}
		fmt.Fprintf(s.out, "%s\n", chapter.title)
		if err := chapter.tell(); err != nil { // the rest of the chapter builds on it
			s.note("the chapter ends early", err)
		}
	}
	fmt.Fprintf(s.out, "\n%d of %d states are right.\n", s.right, s.right+s.wrong)
	return s.wrong == 0
}

// expect waits until a state is right: until is gives no error.
func (s *story) expect(state string, is func() error) {
	deadline := time.Now().Add(s.patience)
	if s.until.Before(deadline) {
		deadline = s.until
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		err := is()
		if s.ctx.Err() != nil {
			return
		}
		if err == nil || time.Now().After(deadline) {
			s.note(state, err)
			return
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
		}
	}
}

func (s *story) note(state string, err error) {
	if err != nil {
		s.wrong++
		fmt.Fprintf(s.out, "  WRONG  %s: %v\n", state, err)
		return
	}
	s.right++
	fmt.Fprintf(s.out, "  right  %s\n", state)
}

// same is nil if what there is is what is wanted.
func same[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: %v, not %v", what, got, want)
	}
	return nil
}

// all gives the first error.
func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
