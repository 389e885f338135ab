package bellhop

import (
	"context"
	"time"
)

// NoticeStore keeps whom to tell of what is broken, what each was told of, and the
// notices that are still to be sent. So a restart tells nobody twice, and nobody never.
type NoticeStore interface {
	// NoticeSettings gives the settings of an app, or of AllApps those of the operators;
	// without App where none were saved.
	NoticeSettings(ctx context.Context, app string) (NoticeSettings, error)
	// AllNoticeSettings gives all that were saved.
	AllNoticeSettings(ctx context.Context) ([]NoticeSettings, error)
	// SaveNoticeSettings creates (Revision 0) or replaces them, if their Revision is that of
	// the stored ones; else it fails with ErrRevision. Those of an app go with the app.
	SaveNoticeSettings(ctx context.Context, s NoticeSettings, audit *AuditEntry) error

	// Told gives what audiences were told of that has not ended for them.
	Told(ctx context.Context) ([]Told, error)
	// Tell notes what an audience was told, and keeps the notices that tell it, until they
	// are sent. It fails with ErrRevision, and has done nothing, unless the audience's
	// Version is that of the stored one: another node was faster.
	Tell(ctx context.Context, t Telling) error
	// ClaimNotices gives at most limit notices that are due, the longest first, and puts
	// them off until a time: until then they are the caller's to send.
	ClaimNotices(ctx context.Context, now, until time.Time, limit int) ([]Notice, error)
	// PutOffNotice notes that a notice was tried in vain.
	PutOffNotice(ctx context.Context, n NoticeID, tries int, due time.Time) error
	// EndNotices takes notices away that are sent, or given up.
	EndNotices(ctx context.Context, ids []NoticeID) error
	// WaitingNotices counts the notices that are still to be sent, and gives the oldest.
	WaitingNotices(ctx context.Context) (count int, oldest NoticeID, err error)

	// Unsubscribed gives the audiences that want to be told no more.
	Unsubscribed(ctx context.Context) ([]Unsubscription, error)
	// Unsubscribe notes that an audience wants to be told no more or, with a zero At, that
	// it does again.
	Unsubscribe(ctx context.Context, u Unsubscription, audit *AuditEntry) error
}

// NoticeSettings say whom to tell of what is broken in an app, and when. Those of AllApps
// are the operators', who are told of every app and of the installation.
type NoticeSettings struct {
	App string
	// Emails are addresses, each of which gets a mail of its own.
	Emails []string
	Chats  []Chat
	// After is how long an endpoint must have failed, and Failures how often in a row,
	// before that is told: whichever comes first. 0 Failures: however often. 0 After: at
	// the first look.
	After    Duration
	Failures int
	// Digest is how often it is told again what is still broken; 0: never.
	Digest Duration
	// Backlog is how many deliveries may wait at an endpoint that works, and MaxPending (of
	// the operators) how many in all; 0: any number.
	Backlog    int64
	MaxPending int64
	// Page is where the button of a notice leads, for people who do not use the dashboard;
	// {endpoint} in it stands for an endpoint's id.
	Page string

	UpdatedAt time.Time
	// Revision counts changes, as that of an App.
	Revision int64
}

// Chat is an incoming webhook of a channel that people read.
type Chat struct {
	// ID names it among those of its app.
	ID   string
	Kind ChatKind
	// Shown is its URL as it may be seen: whoever knows the whole of it can post there.
	Shown string
	// Sealed is the URL, encrypted.
	Sealed []byte
}

// ChatKind says what a Chat's messages look like.
type ChatKind string

// The kinds of chats.
const (
	ChatSlack ChatKind = "slack" // and those that take its format, such as Mattermost
	ChatTeams ChatKind = "teams"
)

// Told says that an audience was told of something.
type Told struct {
	Audience string
	// About is an endpoint's id, or a word for a part of the installation; "" is the
	// audience itself.
	About string
	// State is what was told of it, such as "failing".
	State string
	// Since is when that began.
	Since time.Time
	// At is when it was told; of the audience, when it was last told of anything, and
	// Digest, when of what is still broken.
	At, Digest time.Time
	// Count is how many notices an audience got lately.
	Count int
	// Version counts, for About "", the tellings.
	Version int64
}

// Telling is what an audience is told at once.
type Telling struct {
	// Own is the row of the audience itself from now on. Its Version is that of the stored
	// one, 0 if there is none, and counts on.
	Own Told
	// Set are replaced, End forgotten, by About.
	Set []Told
	End []string
	// Gone says that all that is known of the audience is forgotten.
	Gone bool
	// Notices are to be sent.
	Notices []Notice
}

// Notice is a message to one recipient.
type Notice struct {
	ID NoticeID
	// Audience is whom it tells.
	Audience string
	// To is an address, or the ID of a Chat.
	To string
	// Content is the message, made by whoever sends it.
	Content []byte
	Tries   int
	Due     time.Time
}

// Unsubscription says that an audience wants to be told no more.
type Unsubscription struct {
	Audience string
	At       time.Time
}
