package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bellhop/bellhop"
)

// noticeKeeping is what a Store knows of notices.
type noticeKeeping struct {
	settings     map[string]bellhop.NoticeSettings
	told         map[string]map[string]bellhop.Told // by audience, and by what it is about
	notices      map[bellhop.NoticeID]bellhop.Notice
	unsubscribed map[string]time.Time
}

func newNoticeKeeping() noticeKeeping {
	return noticeKeeping{
		settings: map[string]bellhop.NoticeSettings{}, told: map[string]map[string]bellhop.Told{},
		notices: map[bellhop.NoticeID]bellhop.Notice{}, unsubscribed: map[string]time.Time{},
	}
}

func cloneNoticeSettings(n bellhop.NoticeSettings) bellhop.NoticeSettings {
	n.Emails, n.Chats = slices.Clone(n.Emails), slices.Clone(n.Chats)
	for i := range n.Chats {
		n.Chats[i].Sealed = bytes.Clone(n.Chats[i].Sealed)
	}
	return n
}

// NoticeSettings gives the settings of an app.
func (s *Store) NoticeSettings(ctx context.Context, app string) (n bellhop.NoticeSettings, err error) {
	err = s.step(ctx, func() error { n = cloneNoticeSettings(s.keeping.settings[app]); return nil })
	return n, err
}

// AllNoticeSettings gives all that were saved.
func (s *Store) AllNoticeSettings(ctx context.Context) (list []bellhop.NoticeSettings, err error) {
	err = s.step(ctx, func() error {
		for _, app := range sortedKeys(s.keeping.settings) {
			list = append(list, cloneNoticeSettings(s.keeping.settings[app]))
		}
		return nil
	})
	return list, err
}

// SaveNoticeSettings creates or replaces the settings of an app.
func (s *Store) SaveNoticeSettings(ctx context.Context, n bellhop.NoticeSettings, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if _, ok := s.apps[n.App]; !ok && n.App != bellhop.AllApps {
			return bellhop.NotFound("app", n.App)
		}
		if s.keeping.settings[n.App].Revision != n.Revision {
			return bellhop.ErrRevision
		}
		n = cloneNoticeSettings(n)
		n.Revision++
		s.keeping.settings[n.App] = n
		s.addAudit(audit)
		return nil
	})
}

// Told gives what audiences were told of.
func (s *Store) Told(ctx context.Context) (list []bellhop.Told, err error) {
	err = s.step(ctx, func() error {
		for _, audience := range sortedKeys(s.keeping.told) {
			of := s.keeping.told[audience]
			for _, about := range sortedKeys(of) {
				list = append(list, of[about])
			}
		}
		return nil
	})
	return list, err
}

// Tell notes what an audience was told.
func (s *Store) Tell(ctx context.Context, t bellhop.Telling) error {
	return s.step(ctx, func() error {
		own := t.Own
		of := s.keeping.told[own.Audience]
		if of[""].Version != own.Version {
			return bellhop.ErrRevision
		}
		if t.Gone {
			delete(s.keeping.told, own.Audience)
			return nil
		}
		if of == nil {
			of = map[string]bellhop.Told{}
			s.keeping.told[own.Audience] = of
		}
		own.Version++
		of[""] = own
		for _, about := range t.End {
			delete(of, about)
		}
		for _, told := range t.Set {
			of[told.About] = told
		}
		for _, n := range t.Notices {
			if _, there := s.keeping.notices[n.ID]; !there {
				n.Content = bytes.Clone(n.Content)
				s.keeping.notices[n.ID] = n
			}
		}
		return nil
	})
}

// ClaimNotices gives notices that are due.
func (s *Store) ClaimNotices(ctx context.Context, now, until time.Time, limit int) (list []bellhop.Notice, err error) {
	err = s.step(ctx, func() error {
		for _, n := range s.keeping.notices {
			if !n.Due.After(now) {
				n.Content = bytes.Clone(n.Content)
				list = append(list, n)
			}
		}
		slices.SortFunc(list, func(x, y bellhop.Notice) int { return cmp.Or(x.Due.Compare(y.Due), cmp.Compare(x.ID, y.ID)) })
		list = list[:min(len(list), limit)]
		for _, n := range list {
			n.Due = until
			s.keeping.notices[n.ID] = n
		}
		return nil
	})
	return list, err
}

// PutOffNotice notes that a notice was tried in vain.
func (s *Store) PutOffNotice(ctx context.Context, i bellhop.NoticeID, tries int, due time.Time) error {
	return s.step(ctx, func() error {
		if n, ok := s.keeping.notices[i]; ok {
			n.Tries, n.Due = tries, due
			s.keeping.notices[i] = n
		}
		return nil
	})
}

// EndNotices takes notices away.
func (s *Store) EndNotices(ctx context.Context, ids []bellhop.NoticeID) error {
	return s.step(ctx, func() error {
		for _, i := range ids {
			delete(s.keeping.notices, i)
		}
		return nil
	})
}

// WaitingNotices counts what is still to be sent.
func (s *Store) WaitingNotices(ctx context.Context) (count int, oldest bellhop.NoticeID, err error) {
	err = s.step(ctx, func() error {
		if count = len(s.keeping.notices); count > 0 {
			oldest = sortedKeys(s.keeping.notices)[0]
		}
		return nil
	})
	return count, oldest, err
}

// Unsubscribed gives the audiences that want to be told no more.
func (s *Store) Unsubscribed(ctx context.Context) (list []bellhop.Unsubscription, err error) {
	err = s.step(ctx, func() error {
		for _, audience := range sortedKeys(s.keeping.unsubscribed) {
			list = append(list, bellhop.Unsubscription{Audience: audience, At: s.keeping.unsubscribed[audience]})
		}
		return nil
	})
	return list, err
}

// Unsubscribe notes that an audience wants to be told no more, or does again.
func (s *Store) Unsubscribe(ctx context.Context, u bellhop.Unsubscription, audit *bellhop.AuditEntry) error {
	return s.step(ctx, func() error {
		if u.At.IsZero() {
			delete(s.keeping.unsubscribed, u.Audience)
		} else {
			s.keeping.unsubscribed[u.Audience] = u.At
		}
		s.addAudit(audit)
		return nil
	})
}
