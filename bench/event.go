package main

import (
	"bytes"
	"strconv"
	"strings"
)

// Events carry their number and when they were due to be published, both of a fixed
// width, so that they can be patched into a request that is ready:
//
//	{"n":100000000042,"sent_ns":1764506400000000000,"fill":"xxx…"}
//
// The number is counted from firstNumber+1; firstNumber itself says that nobody looks
// whether the event arrives, and when.
const (
	firstNumber = 100_000_000_000
	sentLength  = 19
)

var (
	numberKey = []byte(`"n":`)
	sentKey   = []byte(`"sent_ns":`)
)

// unwatched is an event that is not to arrive, or not to be counted.
const unwatched = -1

// eventData makes data of about the size.
func eventData(size int) []byte {
	head := `{"n":` + strconv.Itoa(firstNumber) + `,"sent_ns":1000000000000000000,"fill":"`
	return []byte(head + strings.Repeat("x", max(size-len(head)-2, 0)) + `"}`)
}

// readEvent finds number and time in the body of a delivery.
func readEvent(body []byte) (number, sent int64, ok bool) {
	i := bytes.Index(body, numberKey)
	if i < 0 {
		return 0, 0, false
	}
	rest := body[i+len(numberKey):]
	n, err := digits(rest)
	if err != nil {
		return 0, 0, false
	}
	if i = bytes.Index(rest, sentKey); i < 0 || len(rest) < i+len(sentKey)+sentLength {
		return 0, 0, false
	}
	for _, c := range rest[i+len(sentKey):][:sentLength] {
		sent = sent*10 + int64(c-'0')
	}
	return int64(n) - firstNumber - 1, sent, true
}

// patch writes a number over digits, right-aligned.
func patch(at []byte, n int64) {
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = byte('0' + n%10)
		n /= 10
	}
}

const typeDigits = 5

// eventType is that of the i-th endpoint.
func eventType(i int) string {
	text := []byte("bench.00000")
	patch(text[len(text)-typeDigits:], int64(i))
	return string(text)
}

// slot is where one event stands in a request.
type slot struct{ kind, number, sent []byte }

// slotsOf finds the events in a request.
func slotsOf(request []byte) (slots []slot) {
	typeKey := []byte(`"type":"bench.`)
	for {
		i := bytes.Index(request, typeKey)
		if i < 0 {
			return slots
		}
		request = request[i+len(typeKey):]
		s := slot{kind: request[:typeDigits]}
		request = request[bytes.Index(request, numberKey)+len(numberKey):]
		s.number = request[:len(strconv.Itoa(firstNumber))]
		request = request[bytes.Index(request, sentKey)+len(sentKey):]
		s.sent = request[:sentLength]
		slots = append(slots, s)
	}
}

func (s slot) set(kind int, number, sent int64) {
	patch(s.kind, int64(kind))
	patch(s.number, firstNumber+1+number)
	patch(s.sent, sent)
}
