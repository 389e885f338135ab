package move

import (
	"errors"
	"fmt"
	"time"
)

// Refusal says why a move cannot be made, and what to do.
type Refusal struct {
	// Kind is one of the errors below.
	Kind     error
	Sentence string
}

// The kinds of a Refusal.
var (
	ErrNotEmpty  = errors.New("the target is not empty")
	ErrOther     = errors.New("another move has begun to fill the target")
	ErrChanged   = errors.New("the source was changed since the move began")
	ErrOvertaken = errors.New("another process makes the same move")
	ErrDiffers   = errors.New("the copy differs from the source")
	ErrInUse     = errors.New("in use")
)

func (e *Refusal) Error() string { return e.Sentence }

// Unwrap gives the kind.
func (e *Refusal) Unwrap() error { return e.Kind }

func refuse(kind error, format string, args ...any) error {
	return &Refusal{kind, fmt.Sprintf(format, args...)}
}

// NotEmpty says that the target has rows of a table. Empty is how it becomes empty.
func NotEmpty(target, table, empty string) error {
	return refuse(ErrNotEmpty, "%s is not empty (there is something in %s): a move fills only what is; %s", target, table, empty)
}

// Other says that the target holds a part of a move from elsewhere, or from the same
// source as it was before.
func Other(target, wanted, begun, empty string) error {
	if wanted == begun {
		return refuse(ErrChanged, "%s was served or changed since the move into %s began: begin anew with an empty target; %s", wanted, target, empty)
	}
	return refuse(ErrOther, "%s holds a part of what was moved from %s: go on with that move, or begin anew with an empty target; %s", target, begun, empty)
}

// InUse says that a node may still work with the source, and until when it does at most
// if it is not.
func InUse(source, node string, left time.Duration) error {
	return refuse(ErrInUse, "%s is in use by %s: stop it, or if it was killed, wait until its lease is over, in %v", source, node, left.Round(time.Second)+time.Second)
}

// Overtaken says that somebody else writes into the target.
func Overtaken(target string) error {
	return refuse(ErrOvertaken, "another process is moving into %s at this moment: let it finish", target)
}
