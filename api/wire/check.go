package wire

import (
	"time"

	"github.com/bellhop/bellhop"
)

// CheckRequestInput asks what is wrong with a request that a receiver refused.
type CheckRequestInput struct {
	Attempt    bellhop.AttemptID  `json:"attempt,omitzero" doc:"An attempt that made the request. What is left out below is taken from it; what is given is compared with what was sent."`
	Endpoint   bellhop.EndpointID `json:"endpoint,omitzero" doc:"The endpoint whose secret should have signed it: one that the key may change. Default: the attempt's or, without a secret, any of them."`
	Headers    string             `json:"headers,omitempty" doc:"The headers as they arrived: lines \"Name: value\", or a JSON object. At most 64 KiB." example:"webhook-id: evt_38G04Y6NR0400"`
	Body       *string            `json:"body,omitempty" doc:"The body as it arrived, byte for byte. At most 1 MiB." example:"\"{}\""`
	BodyBase64 []byte             `json:"body_base64,omitempty" doc:"The body in base64, in place of body."`
	Secret     string             `json:"secret,omitempty" doc:"The secret that the receiver has. It is not kept."`
	Dialect    string             `json:"dialect,omitempty" doc:"The dialect that it should speak. Default: the endpoint's, or told from the headers." example:"standard"`
	At         time.Time          `json:"at,omitzero" doc:"When it arrived. Default: when the attempt was made, or now."`
	AnyTime    bool               `json:"any_time,omitempty" doc:"Do not judge its time."`
}

// CheckedRequest is what was found out about a request.
type CheckedRequest struct {
	OK       bool               `json:"ok" doc:"The request is as it should be."`
	Detail   string             `json:"detail" doc:"The verdict in a sentence."`
	Dialect  string             `json:"dialect,omitempty" doc:"The dialect that it was checked as."`
	Guessed  bool               `json:"guessed,omitempty" doc:"The dialect was told from the headers."`
	Endpoint bellhop.EndpointID `json:"endpoint,omitzero" doc:"The endpoint whose secret signed it, if it is known."`
	SecretAt time.Time          `json:"secret_created_at,omitzero" doc:"When that secret was made."`
	At       time.Time          `json:"at" doc:"The time by which its age was judged."`
	Bytes    int                `json:"bytes" doc:"The length of its body."`
	Sent     bool               `json:"sent,omitempty" doc:"What was checked is what Bellhop sent: nothing that arrived was given."`
	Findings []CheckFinding     `json:"findings" doc:"What is wrong, the most certain first."`
}

// CheckFinding is one thing that is wrong with a request.
type CheckFinding struct {
	Code       string `json:"code" doc:"A stable word, such as changed_body, wrong_secret, stale_time, missing_header, renamed_header, other_dialect."`
	Confidence string `json:"confidence" enum:"certain,likely,possible" doc:"certain: a signature that matches, or the request itself, shows it. likely: what most often looks like this. possible: cannot be told from others."`
	Detail     string `json:"detail" doc:"What is wrong."`
	Remedy     string `json:"remedy,omitempty" doc:"What to do about it."`
}

// CheckedReceiver is what a receiver does with requests good and bad.
type CheckedReceiver struct {
	OK      bool          `json:"ok" doc:"Nothing is at fault."`
	Detail  string        `json:"detail" doc:"The verdict in a sentence."`
	Results []CheckResult `json:"results" doc:"In the order in which the requests were sent."`
}

// CheckResult is what a receiver did with one kind of request.
type CheckResult struct {
	Name       string `json:"name" enum:"good,duplicate,changed_body,stale_time,wrong_secret,unsigned,large,together" doc:"Which."`
	Mark       string `json:"mark" enum:"pass,weak,fault,skipped,untried" doc:"pass: as it should be. weak: it works and could be better. fault: events will be lost, or strangers believed. skipped: there is no such thing in this dialect. untried: what came before makes it pointless."`
	Sent       string `json:"sent" doc:"What was sent."`
	Expected   string `json:"expected" doc:"How it should be answered." example:"401 or 400"`
	Status     int    `json:"status,omitempty" doc:"The status of the answer; left out if none came."`
	DurationMS int64  `json:"duration_ms" doc:"How long the answer took."`
	Detail     string `json:"detail" doc:"What came of it."`
	Remedy     string `json:"remedy,omitempty" doc:"What to do about it."`
}
