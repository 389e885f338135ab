package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// passed is an answer on its way.
type passed struct {
	bellhop.PassedAnswer
	at time.Time
}

// PassAnswer keeps an answer for another node.
func (s *Store) PassAnswer(ctx context.Context, a bellhop.PassedAnswer, now time.Time) error {
	return s.step(ctx, func() error {
		waiting := 0
		for _, p := range s.passed {
			if p.Endpoint == a.Endpoint {
				waiting++
			}
		}
		if waiting >= bellhop.MaxPassed {
			return bellhop.TooManyPassed()
		}
		s.passed = slices.DeleteFunc(s.passed, func(p passed) bool { return p.Endpoint == a.Endpoint && p.Request == a.Request })
		s.passed = append(s.passed, passed{a, now})
		return nil
	})
}

// TakeAnswers gives answers and removes them, with those that nobody took.
func (s *Store) TakeAnswers(ctx context.Context, requests []string, now time.Time) (answers []bellhop.PassedAnswer, err error) {
	err = s.step(ctx, func() error {
		s.passed = slices.DeleteFunc(s.passed, func(p passed) bool {
			old := p.at.Before(now.Add(-bellhop.PassedFor))
			if !old && slices.Contains(requests, p.Request) {
				answers = append(answers, p.PassedAnswer)
				return true
			}
			return old
		})
		return nil
	})
	return answers, err
}
