package sqlite

import (
	"context"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/bellhop/bellhop"
)

// Alone is true: the lock on the file keeps others away.
func (s *Store) Alone() bool { return true }

// Wake has nobody to tell.
func (s *Store) Wake(bellhop.Wakeup) {}

// Wakeups waits for the end of ctx.
func (s *Store) Wakeups(ctx context.Context, _ func(bellhop.Wakeup)) error {
	<-ctx.Done()
	return nil
}

// Versions gives the present versions.
func (s *Store) Versions(ctx context.Context) (v bellhop.Versions, err error) {
	err = s.readFor(ctx, forFlow, "read the versions", func(c *sqlite.Conn) error {
		v = bellhop.Versions{}
		of := map[string]*int64{
			partNames[partRoutes]: &v.Routes, partNames[partCatalogue]: &v.Catalogue, partNames[partAccess]: &v.Access, erasures: &v.Erased,
		}
		return each(c, func(st *sqlite.Stmt) {
			if version := of[st.ColumnText(0)]; version != nil {
				*version = st.ColumnInt64(1)
			}
		}, "SELECT part, version FROM versions")
	})
	return v, err
}

// Hastened gives none: the one node that there is knows.
func (s *Store) Hastened(context.Context, int64) ([]bellhop.EndpointID, error) { return nil, nil }

// PassAnswer and TakeAnswers have nobody to pass anything to.
func (s *Store) PassAnswer(context.Context, bellhop.PassedAnswer, time.Time) error { return nil }

// TakeAnswers gives none.
func (s *Store) TakeAnswers(context.Context, []string, time.Time) ([]bellhop.PassedAnswer, error) {
	return nil, nil
}

// erasures is the name of how often events were erased, beside the parts of the
// configuration.
const erasures = "erasures"

// noteErasure moves that on.
func (w *writer) noteErasure() error {
	return exec(w.conn, "INSERT INTO versions (part, version) VALUES (?, 1) ON CONFLICT (part) DO UPDATE SET version = version + 1", erasures)
}
