package bellhop

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// OutboxStore keeps what programs publish in transactions of their own (package
// source/outbox, or plain SQL) until it is taken. Entries are there once such a
// transaction has committed, in whatever order they do.
type OutboxStore interface {
	// AwaitOutbox returns when there may be entries that nobody has taken, and with an
	// error if it cannot tell. It costs little while there are none.
	AwaitOutbox(ctx context.Context) error
	// ReadOutbox gives entries that nobody has taken: of each app the first ones, so that
	// those of one transaction, and those of one after the other, are in their order. The
	// entries of an app follow each other. It changes nothing.
	ReadOutbox(ctx context.Context, r OutboxRequest) (OutboxBatch, error)
	// TakeOutbox stores what was made of entries, and takes them out, all or nothing. It
	// fails with ErrOutboxMoved if they are not, or not any more, those to be taken next:
	// read again. For the rest it is like Enqueue; after ErrUnknown, Resolve tells what came
	// of its events, and reading again what came of the others.
	TakeOutbox(ctx context.Context, l Lease, routes int64, t OutboxTaking, now time.Time) ([]Receipt, error)

	// Refused lists what was refused, newest first, without Data.
	Refused(ctx context.Context, f RefusedFilter) ([]RefusedEntry, error)
	// RefusedEntry gives one with its Data. It fails with a CodeNotFound error if there is
	// none.
	RefusedEntry(ctx context.Context, id int64) (RefusedEntry, error)
	// ForgetRefused removes what was refused: one entry or, with id 0, at most limit of an
	// app ("": of all). It returns how many there were.
	ForgetRefused(ctx context.Context, id int64, app string, limit int, audit *AuditEntry) (int, error)
}

// OutboxEntry is an event as a program has published it, in a transaction of its own.
// Nothing of it was checked.
type OutboxEntry struct {
	// Tx numbers the transaction, where the store does; entries of an app are in the order
	// of Tx and then of ID. ID is unique.
	Tx, ID int64

	App        string
	Type       string
	Subject    string
	ExternalID string
	// DeliverAt is zero if that was not asked for.
	DeliverAt time.Time
	// Channels and Tags are as they were given.
	Channels, Tags []string
	// Retain is 0 if that was not asked for.
	Retain time.Duration
	// Data is nil if it is larger than it may be: Size says how large, in bytes.
	Data JSON
	Size int64
	// At is when it was published, by the database's clock.
	At time.Time
}

// OutboxRequest says what to read of the outbox.
type OutboxRequest struct {
	// After is the app whose turn was last: those behind it come first. Only, if not "",
	// is the only one that is asked for; Without are left out.
	After, Only string
	Without     []string
	// Limit bounds the entries, and Each those of one app. Reading stops early at MaxBytes
	// of data, after at least one.
	Limit, Each, MaxBytes int
	// MaxData is how large the data of one may be, in bytes, to be read at all.
	MaxData int
}

// OutboxBatch is what was read of the outbox.
type OutboxBatch struct {
	Entries []OutboxEntry
	// Mark names the state of the outbox that it was read in.
	Mark int64
}

// OutboxTaking is what was made of entries: events, or refusals.
type OutboxTaking struct {
	// Mark is that of the batch.
	Mark int64
	// Entries are those that are taken out: of each app the first ones of the batch. Their
	// Data is not looked at.
	Entries []OutboxEntry
	Events  []NewEvent
	Refused []RefusedEntry
	// Mended are refused entries that are taken out instead, since they are among the
	// Events now.
	Mended []int64
}

// RefusedEntry is an entry of the outbox that could not be accepted, and why.
type RefusedEntry struct {
	OutboxEntry
	RefusedAt time.Time
	// Code, Detail and Fields are what a publish by the API would have been answered.
	Code   Code
	Detail string
	Fields []FieldError
}

// RefusedFilter selects what was refused.
type RefusedFilter struct {
	App    string // "" is all
	Before int64  // cursor: the id of the last one seen
	Limit  int
}

// How much is kept of what was refused, of one app: beyond that, the oldest make room.
// What names an app that there is none of counts as one app's.
const (
	MaxRefused      = 1000
	MaxRefusedBytes = 32 << 20
)

// ErrOutboxMoved: others have taken some of the entries, or more came before them.
var ErrOutboxMoved = errors.New("the outbox has moved on")

// NoRefusedEntry is the error for a refused entry that is not there.
func NoRefusedEntry(id int64) *Error {
	return NotFound("refused entry of the outbox", strconv.FormatInt(id, 10))
}
