package postgres

import (
	"context"
	"time"

	"github.com/bellhop/bellhop"
)

const (
	passAnswer = `INSERT INTO bellhop.listen_answers (endpoint, request, sealed, at)
		SELECT $1::bigint, $2::text, $3::bytea, $4::bigint WHERE (SELECT count(*) FROM bellhop.listen_answers WHERE endpoint = $1) < $5
		ON CONFLICT (endpoint, request) DO UPDATE SET sealed = excluded.sealed, at = excluded.at RETURNING 1`
	takeAnswers = `DELETE FROM bellhop.listen_answers WHERE request = ANY($1) OR at < $2
		RETURNING endpoint, request, sealed, at >= $2`
)

// PassAnswer keeps an answer for another node.
func (s *Store) PassAnswer(ctx context.Context, a bellhop.PassedAnswer, now time.Time) error {
	return s.write(ctx, asked, "pass an answer on", func(t *txn) error {
		var one int
		kept, err := t.one(into(&one), passAnswer, int64(a.Endpoint), a.Request, a.Sealed, micros(now), bellhop.MaxPassed)
		if err == nil && !kept {
			err = bellhop.TooManyPassed()
		}
		return err
	})
}

// TakeAnswers gives answers and removes them, with those that nobody took.
func (s *Store) TakeAnswers(ctx context.Context, requests []string, now time.Time) (answers []bellhop.PassedAnswer, err error) {
	if requests == nil {
		requests = []string{}
	}
	err = s.write(ctx, upkeep, "take answers", func(t *txn) error {
		answers = nil
		var a bellhop.PassedAnswer
		var fresh bool
		return t.each(scan(func() {
			if fresh {
				answers = append(answers, a)
			}
			a.Sealed = nil
		}, (*int64)(&a.Endpoint), &a.Request, &a.Sealed, &fresh), takeAnswers, requests, micros(now.Add(-bellhop.PassedFor)))
	})
	return answers, err
}
