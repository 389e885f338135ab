package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// inbox is an inbox with its requests, oldest first.
type inbox struct {
	bellhop.StoredInbox
	requests []bellhop.InboxRequest
	bytes    int64
}

func weighRequest(r *bellhop.InboxRequest) int64 {
	return int64(len(r.Content)) + bellhop.InboxRequestShare
}

// inboxNamed gives a live inbox.
func (s *Store) inboxNamed(name bellhop.InboxName, now time.Time) (*inbox, error) {
	in := s.inboxes[name]
	if in == nil || !now.Before(in.ExpiresAt) {
		return nil, bellhop.NotFound("inbox", "of this name")
	}
	return in, nil
}

// AddInbox keeps a new inbox.
func (s *Store) AddInbox(ctx context.Context, in bellhop.StoredInbox, b bellhop.InboxBounds, now time.Time) error {
	return s.step(ctx, func() error {
		ofApp, all := 0, 0
		for _, other := range s.inboxes {
			if now.Before(other.ExpiresAt) {
				all++
				if other.App == in.App {
					ofApp++
				}
			}
		}
		if err := b.Full(ofApp, all); err != nil {
			return err
		}
		in.Sealed, in.Answer = bytes.Clone(in.Sealed), bytes.Clone(in.Answer)
		s.inboxes[in.Name] = &inbox{StoredInbox: in}
		return nil
	})
}

// Inbox gives an inbox.
func (s *Store) Inbox(ctx context.Context, name bellhop.InboxName, now time.Time) (in bellhop.StoredInbox, err error) {
	err = s.step(ctx, func() error {
		found, err := s.inboxNamed(name, now)
		if err == nil {
			in = found.StoredInbox
		}
		return err
	})
	return in, err
}

// Inboxes gives the inboxes of some apps.
func (s *Store) Inboxes(ctx context.Context, scope bellhop.Scope, now time.Time) (list []bellhop.StoredInbox, err error) {
	err = s.step(ctx, func() error {
		for _, in := range s.inboxes {
			if now.Before(in.ExpiresAt) && scope.Sees(in.App) {
				list = append(list, in.StoredInbox)
			}
		}
		slices.SortFunc(list, func(x, y bellhop.StoredInbox) int {
			return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), bytes.Compare(x.Name[:], y.Name[:]))
		})
		return nil
	})
	return list, err
}

// SetAnswer changes how an inbox answers.
func (s *Store) SetAnswer(ctx context.Context, name bellhop.InboxName, answer bellhop.JSON, failLeft int, now time.Time) error {
	return s.step(ctx, func() error {
		in, err := s.inboxNamed(name, now)
		if err == nil {
			in.Answer, in.FailLeft = bytes.Clone(answer), failLeft
		}
		return err
	})
}

// DeleteInbox removes an inbox.
func (s *Store) DeleteInbox(ctx context.Context, name bellhop.InboxName) error {
	return s.step(ctx, func() error {
		delete(s.inboxes, name)
		return nil
	})
}

// Arrive counts a request, and keeps it.
func (s *Store) Arrive(ctx context.Context, name bellhop.InboxName, r bellhop.InboxRequest, b bellhop.InboxBounds, now time.Time) (a bellhop.Arrived, err error) {
	err = s.step(ctx, func() error {
		in, err := s.inboxNamed(name, now)
		if err != nil {
			return err
		}
		if r.FailStatus != 0 && in.FailLeft > 0 {
			in.FailLeft--
			a.Failed, r.Answered = true, r.FailStatus
		}
		in.Received++
		if e := s.byID[r.Event]; r.Event != 0 && (e == nil || e.Erased) {
			return nil
		}
		a.ID, r.ID, r.FailStatus, r.Content = in.Received, in.Received, 0, bytes.Clone(r.Content)
		in.requests = append(in.requests, r)
		in.bytes += weighRequest(&r)
		for len(in.requests) > 1 && (len(in.requests) > b.Requests || in.bytes > b.Bytes) {
			in.bytes -= weighRequest(&in.requests[0])
			in.requests = slices.Delete(in.requests, 0, 1)
		}
		return nil
	})
	return a, err
}

// InboxRequests gives the requests of an inbox.
func (s *Store) InboxRequests(ctx context.Context, name bellhop.InboxName, after int64) (list []bellhop.InboxRequest, err error) {
	err = s.step(ctx, func() error {
		if in := s.inboxes[name]; in != nil {
			for _, r := range slices.Backward(in.requests) {
				if r.ID > after {
					list = append(list, r)
				}
			}
		}
		return nil
	})
	return list, err
}

// ExpireInboxes removes inboxes that have ended.
func (s *Store) ExpireInboxes(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.step(ctx, func() error {
		for name, in := range s.inboxes {
			if n < limit && !now.Before(in.ExpiresAt) {
				delete(s.inboxes, name)
				n++
			}
		}
		return nil
	})
	return n, err
}

// dropRequests takes requests out of all inboxes.
func (s *Store) dropRequests(gone func(*bellhop.InboxRequest) bool) {
	for _, in := range s.inboxes {
		in.requests = slices.DeleteFunc(in.requests, func(r bellhop.InboxRequest) bool {
			if gone(&r) {
				in.bytes -= weighRequest(&r)
			}
			return gone(&r)
		})
	}
}

// dropInboxes takes a deleted app's inboxes away, and what its events left in those of
// other apps, to which an endpoint of both has brought them.
func (s *Store) dropInboxes(app string) {
	for name, in := range s.inboxes {
		if in.App == app {
			delete(s.inboxes, name)
		}
	}
	s.dropRequests(func(r *bellhop.InboxRequest) bool { return r.App == app })
}
