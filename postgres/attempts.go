package postgres

import (
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// addAttempts stores lines of the log.
const addAttempts = `INSERT INTO bellhop.attempts (id, delivery, event, endpoint, next_at, duration, latency, number, response_status, status, final, truncated, request_truncated,
		app, type, trigger, url, reason, detail, method, captured, dialect, request_proof, request_header, response_header, response_body, request_body)
	SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::integer[], $9::integer[], $10::smallint[],
		$11::boolean[], $12::boolean[], $13::boolean[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],
		$23::bytea[], $24::text[], $25::text[], $26::bytea[], $27::bytea[])`

func attemptRows(results []bellhop.Result) []any {
	n := len(results)
	ids, deliveries, events, endpoints, nexts, durations := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	latencies, numbers, responses, statuses := make([]int64, n), make([]int32, n), make([]int32, n), make([]int16, n)
	finals, truncated, requestTruncated := make([]bool, n), make([]bool, n), make([]*bool, n)
	apps, types, triggers, urls, reasons, details := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	methods, captured, dialects := make([]*string, n), make([]*string, n), make([]*string, n)
	requestHeaders, responseHeaders := make([]*string, n), make([]*string, n)
	proofs, responseBodies, requestBodies := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i := range results {
		a := &results[i].Attempt
		ids[i], deliveries[i], events[i], endpoints[i] = int64(a.ID), int64(a.Delivery), int64(a.Event), int64(a.Endpoint)
		nexts[i], durations[i] = micros(a.NextAt), time.Duration(a.Duration).Microseconds()
		latencies[i] = latencyOf(a, results[i].Due)
		numbers[i], responses[i], statuses[i] = int32(a.Number), int32(a.ResponseStatus), int16(column.Status(a.Status))
		finals[i], truncated[i] = a.Final, a.ResponseTruncated
		if a.RequestTruncated {
			requestTruncated[i] = &a.RequestTruncated
		}
		apps[i], types[i], triggers[i], urls[i], reasons[i], details[i] = a.App, a.Type, string(a.Trigger), a.URL, a.Reason, a.Detail
		methods[i], dialects[i] = textOrNull(a.Method), textOrNull(a.Dialect)
		if len(a.Captured) > 0 {
			text, _ := toJSON(a.Captured).(string)
			captured[i] = &text
		}
		proofs[i], requestHeaders[i], responseHeaders[i] = column.Proof(a), headerJSON(a.RequestHeader), headerJSON(a.ResponseHeader)
		responseBodies[i], requestBodies[i] = a.ResponseBody, a.RequestBody
	}
	return []any{
		ids, deliveries, events, endpoints, nexts, durations, latencies, numbers, responses, statuses, finals, truncated, requestTruncated,
		apps, types, triggers, urls, reasons, details, methods, captured, dialects, proofs, requestHeaders, responseHeaders, responseBodies, requestBodies,
	}
}

// textOrNull is how an optional text is one of many.
func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	s = storable(s)
	return &s
}

// addAttempts stores lines of the log.
func (t *txn) addAttempts(results []bellhop.Result) error {
	if len(results) == 0 {
		return nil
	}
	_, err := t.exec(addAttempts, attemptRows(results)...)
	if err == nil {
		_, err = t.exec(addLate, lateRows(results)...)
	}
	return err
}

const addReactions = "INSERT INTO bellhop.reactions (app, attempt) SELECT * FROM unnest($1::text[], $2::bigint[])"

// reactionsOf are the columns of addReactions: attempts that something is to be published
// of.
func reactionsOf(results []bellhop.Result) (apps []string, ids []int64) {
	for i := range results {
		if r := &results[i]; r.Reacts() {
			apps, ids = append(apps, r.Attempt.App), append(ids, int64(r.Attempt.ID))
		}
	}
	return apps, ids
}

// uncounted is the latency of an attempt that statistics leave out.
const uncounted = -1

// latencyOf is how long a delivery took that ended in success, in microseconds.
func latencyOf(a *bellhop.Attempt, scheduled time.Time) int64 {
	switch {
	case !a.Counts():
		return uncounted
	case a.Status == bellhop.AttemptSucceeded && a.Final:
		return bellhop.Latency(a, scheduled).Microseconds()
	}
	return 0
}
