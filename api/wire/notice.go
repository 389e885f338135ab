package wire

import (
	"time"

	"github.com/bellhop/bellhop"
)

// Chat is an incoming webhook of a channel that people read.
type Chat struct {
	ID   string           `json:"id" doc:"Names it, to keep it in the next PUT." example:"k3j5m8x2qa"`
	Kind bellhop.ChatKind `json:"kind" enum:"slack,teams" doc:"What its messages look like." example:"slack"`
	URL  string           `json:"url" doc:"Where it is; the rest is not shown, since whoever knows it can post there." example:"https://hooks.slack.com/…"`
}

// ChatInput is a chat as it is asked for.
type ChatInput struct {
	ID   string           `json:"id,omitempty" doc:"That of a chat that is there, to keep it or to give it another url."`
	Kind bellhop.ChatKind `json:"kind,omitempty" enum:"slack,teams" doc:"What its messages look like: slack (also for those that take its format, such as Mattermost) or teams. Default: by the url."`
	URL  string           `json:"url,omitempty" doc:"That of the channel's incoming webhook. Stored encrypted. May be left out with an id." example:"https://hooks.slack.com/services/T0/B0/x"`
}

// NoticesPut is what a PUT makes the notices of the operators.
type NoticesPut struct {
	Emails     []string          `json:"emails,omitempty" doc:"Addresses, at most 20, each of which gets a mail of its own." example:"[\"ops@example.com\"]"`
	Chats      []ChatInput       `json:"chats,omitempty" doc:"Channels of Slack or Teams, at most 5."`
	After      *bellhop.Duration `json:"after,omitempty" doc:"How long an endpoint must have failed, or been on hold, before that is told. Default: 5m." example:"5m"`
	Failures   int               `json:"failures,omitempty" minimum:"0" maximum:"100000" doc:"How many attempts in a row must have failed before that is told, if that comes first; 0 for any number." example:"10"`
	Digest     *bellhop.Duration `json:"digest,omitempty" doc:"How often it is told again what is still broken; 0s for never. Default: 1d." example:"1d"`
	Backlog    *int              `json:"backlog,omitempty" minimum:"0" maximum:"1000000000" doc:"How many deliveries may wait at an endpoint that works before that is told; 0 for any number. Default: 10000." example:"10000"`
	MaxPending *int              `json:"max_pending,omitempty" minimum:"0" maximum:"1000000000" doc:"How many deliveries may wait in all before that is told; 0 for any number. Default: 1000000." example:"1000000"`
}

// AppNoticesPut is what a PUT makes the notices of an app.
type AppNoticesPut struct {
	Emails   []string          `json:"emails,omitempty" doc:"Addresses, at most 20, each of which gets a mail of its own." example:"[\"ops@example.com\"]"`
	Chats    []ChatInput       `json:"chats,omitempty" doc:"Channels of Slack or Teams, at most 5."`
	After    *bellhop.Duration `json:"after,omitempty" doc:"How long an endpoint must have failed, or been on hold, before that is told. Default: 5m." example:"5m"`
	Failures int               `json:"failures,omitempty" minimum:"0" maximum:"100000" doc:"How many attempts in a row must have failed before that is told, if that comes first; 0 for any number." example:"10"`
	Digest   *bellhop.Duration `json:"digest,omitempty" doc:"How often it is told again what is still broken; 0s for never. Default: 1d." example:"1d"`
	Backlog  *int              `json:"backlog,omitempty" minimum:"0" maximum:"1000000000" doc:"How many deliveries may wait at an endpoint that works before that is told; 0 for any number. Default: 10000." example:"10000"`
	Page     string            `json:"page,omitempty" doc:"For admins to set: where the button of a message leads, such as your own page that shows the portal. {endpoint} stands for the endpoint's id. Default: the dashboard." example:"https://app.example.com/webhooks/{endpoint}"`
}

// Notices say whom to tell of what is broken, and when.
type Notices struct {
	Emails             []string         `json:"emails" doc:"Addresses, each of which gets a mail of its own."`
	Chats              []Chat           `json:"chats" doc:"Channels of Slack or Teams."`
	After              bellhop.Duration `json:"after" doc:"How long an endpoint must have failed before that is told." example:"5m"`
	Failures           int              `json:"failures" doc:"How many attempts in a row must have failed, if that comes first; 0 for any number."`
	Digest             bellhop.Duration `json:"digest" doc:"How often it is told again what is still broken; 0s for never." example:"1d"`
	Backlog            int64            `json:"backlog" doc:"How many deliveries may wait at an endpoint that works; 0 for any number." example:"10000"`
	MaxPending         int64            `json:"max_pending,omitempty" doc:"Of the operators: how many deliveries may wait in all."`
	Page               string           `json:"page,omitempty" doc:"Where the button of a message leads."`
	Unsubscribed       []string         `json:"unsubscribed" doc:"Those of the addresses that want to be told no more. One that is taken out and given anew is told again."`
	OwnersUnsubscribed []string         `json:"owners_unsubscribed,omitempty" doc:"Addresses of owners of the app's endpoints that want to be told no more."`
	MailOn             bool             `json:"mail_on" doc:"Whether anybody can be told by mail: whether the operator has set a mail server."`
	Status             *NoticeStatus    `json:"status,omitempty" doc:"Of the operators: how telling goes."`
	UpdatedAt          time.Time        `json:"updated_at,omitzero" doc:"When they were last changed; absent if they never were."`
}

// NoticeStatus is how telling people goes.
type NoticeStatus struct {
	MailServer string         `json:"mail_server,omitempty" doc:"The mail server (smtp_url)." example:"smtp://mail.example.com:587"`
	MailFrom   string         `json:"mail_from,omitempty" doc:"Who mails are from (smtp_from)."`
	MailSentAt time.Time      `json:"mail_sent_at,omitzero" doc:"When the mail server last took one; absent if it has not since the start."`
	Waiting    int            `json:"waiting" doc:"How many messages are still to be sent."`
	Since      time.Time      `json:"since,omitzero" doc:"Since when the oldest of them waits."`
	Failed     *NoticeFailure `json:"failed,omitempty" doc:"The last that could not be sent, unless a later one by the same channel was."`
}

// NoticeFailure is a message that could not be sent.
type NoticeFailure struct {
	At      time.Time `json:"at" doc:"When it was tried."`
	Channel string    `json:"channel" enum:"email,slack,teams,chat" doc:"By what."`
	Detail  string    `json:"detail" doc:"Why."`
}

// NoticesTest asks for a test of notices.
type NoticesTest struct {
	Email string `json:"email,omitempty" doc:"Of the operators: an address to send to instead of all who are told." example:"me@example.com"`
}

// NoticeTested is what came of a test message.
type NoticeTested struct {
	Channel string `json:"channel" enum:"email,slack,teams" doc:"By what it was sent."`
	To      string `json:"to" doc:"The address, or where the chat is."`
	OK      bool   `json:"ok" doc:"Whether it was taken."`
	Detail  string `json:"detail,omitempty" doc:"Why not."`
}
