package bellhop

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"
)

// InboxStore keeps the inboxes, and the newest requests of each, where every node finds
// them. What an inbox is, and how it answers, package engine/send/inbox knows.
type InboxStore interface {
	// AddInbox keeps a new inbox. It fails with a CodeConflict error where there are as
	// many, of its app or in all, as the bounds say; those that ended by then do not count.
	AddInbox(ctx context.Context, in StoredInbox, b InboxBounds, now time.Time) error
	// Inbox fails with a CodeNotFound error if there is none of this name, or if it ended.
	Inbox(ctx context.Context, name InboxName, now time.Time) (StoredInbox, error)
	// Inboxes gives those of the scope's apps that have not ended, newest first.
	Inboxes(ctx context.Context, s Scope, now time.Time) ([]StoredInbox, error)
	// SetAnswer changes how an inbox answers, and how many requests are to fail before.
	// It fails as Inbox does.
	SetAnswer(ctx context.Context, name InboxName, answer JSON, failLeft int, now time.Time) error
	// DeleteInbox removes an inbox with its requests, if there is one of this name.
	DeleteInbox(ctx context.Context, name InboxName) error
	// Arrive counts a request to an inbox and keeps it, with the next number, while older
	// ones make room (InboxBounds); one of an event that is erased or gone is counted and
	// not kept (ID 0). One of those that are to fail is answered with FailStatus. It fails
	// as Inbox does.
	Arrive(ctx context.Context, name InboxName, r InboxRequest, b InboxBounds, now time.Time) (Arrived, error)
	// InboxRequests gives the requests that are kept, newest first, with a number above
	// after.
	InboxRequests(ctx context.Context, name InboxName, after int64) ([]InboxRequest, error)
	// ExpireInboxes removes inboxes that have ended, with their requests, at most limit of
	// them. It returns how many.
	ExpireInboxes(ctx context.Context, now time.Time, limit int) (int, error)
}

// InboxName is what an inbox is kept under: a hash of its token, so that the time which a
// search takes, or who reads the database, learns nothing of tokens.
type InboxName [sha256.Size]byte

// NameOfInbox is the name of the inbox with a token.
func NameOfInbox(token string) InboxName { return sha256.Sum256([]byte(token)) }

// StoredInbox is an inbox as a store keeps it.
type StoredInbox struct {
	Name InboxName
	// Sealed is the token, encrypted by the engine.
	Sealed []byte
	App    string
	// Answer is how it answers.
	Answer JSON
	// FailLeft is how many of the next requests fail.
	FailLeft  int
	CreatedAt time.Time
	ExpiresAt time.Time
	// Received counts the requests that came, those that made room included.
	Received int64
}

// InboxRequest is a request that an inbox received, as a store keeps it.
type InboxRequest struct {
	// ID counts the inbox's requests from 1.
	ID int64
	// App and Event are those of the delivery that it is; Event is 0 where it is none.
	App   string
	Event EventID
	At    time.Time
	// Answered is the HTTP status that it was answered with; FailStatus, not kept, is that
	// of a request that is to fail, and 0 where none does.
	Answered   int
	FailStatus int
	// Content is the rest, as the inbox wrote it.
	Content []byte
}

// Arrived says what became of a request to an inbox.
type Arrived struct {
	// ID is the number that it is kept under; 0: it was not kept.
	ID int64
	// Failed says that it was one of those that were to fail.
	Failed bool
}

// InboxBounds say how many inboxes there may be, and how much is kept in each. Bytes are
// those of Content, and a share for each request.
type InboxBounds struct {
	PerApp, All int
	Requests    int
	Bytes       int64
}

// InboxRequestShare is what a request takes besides its Content, in bytes.
const InboxRequestShare = 512

// Full is the error of an inbox too many, where there are so many of the app and in all;
// nil where there is room.
func (b InboxBounds) Full(ofApp, all int) error {
	switch {
	case ofApp >= b.PerApp:
		return &Error{Code: CodeConflict, Detail: fmt.Sprintf("The app has %d inboxes, which is the most: delete one first", ofApp)}
	case all >= b.All:
		return &Error{Code: CodeConflict, Detail: fmt.Sprintf("There are %d inboxes, which is the most: try again when some have expired", all)}
	}
	return nil
}
