// Package registrationcodes is a sample receiver: it appends new registration codes, and
// only new ones, to a spreadsheet, from which letters to tenants are printed.
package registrationcodes

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/bellhop/bellhop/examples/page"
	"github.com/bellhop/bellhop/examples/webhook"
)

var header = []string{"code_id", "code", "tenant", "unit", "address", "expires"}

// Sheet is the spreadsheet: a CSV file. It is safe for concurrent use.
type Sheet struct {
	*webhook.Receiver
	path string

	mu   sync.Mutex
	rows [][]string
	has  map[string]bool // by code_id, so that a restart appends nothing twice
}

// New takes what is signed with secret, and goes on with the file at path if there is one.
func New(secret, path string) (*Sheet, error) {
	s := &Sheet{path: path, has: map[string]bool{}}
	var err error
	if s.Receiver, err = webhook.New("allthings", secret, s.handle); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, s.append(header)
	}
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("read %s: not a sheet of registration codes (%w)", path, err)
	}
	for _, row := range rows[1:] {
		s.rows, s.has[row[0]] = append(s.rows, row), true
	}
	return s, nil
}

func (s *Sheet) handle(_ context.Context, e webhook.Event) (any, error) {
	if e.Type != "registration-code.created" {
		return nil, webhook.Refuse("the sheet takes no events of type %s", e.Type)
	}
	var c struct {
		ID, Code    string
		Unit        struct{ ID, Address string }
		Tenant      struct{ Name string }
		Permanent   bool
		ExpiresDate *time.Time
	}
	if err := json.Unmarshal(e.Data, &c); err != nil || c.ID == "" {
		return nil, webhook.Refuse("read the code: %w", err)
	}
	expires := "never"
	if c.ExpiresDate != nil && !c.Permanent {
		expires = c.ExpiresDate.Format(time.DateOnly)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.has[c.ID] {
		return nil, nil
	}
	row := []string{c.ID, c.Code, c.Tenant.Name, c.Unit.ID, c.Unit.Address, expires}
	for i := range row {
		row[i] = plain(row[i])
	}
	if err := s.append(row); err != nil {
		return nil, err
	}
	s.rows, s.has[c.ID] = append(s.rows, row), true
	return map[string]int{"row": len(s.rows) + 1}, nil
}

// plain keeps spreadsheets from taking what a tenant is called for a formula.
func plain(text string) string {
	if text != "" && bytes.ContainsRune([]byte("=+-@\t\r"), rune(text[0])) {
		return "'" + text
	}
	return text
}

func (s *Sheet) append(row []string) error {
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	_ = w.Write(row) // Error gives it
	w.Flush()
	return errors.Join(w.Error(), f.Close())
}

// Rows are the rows below the header, oldest first.
func (s *Sheet) Rows() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]string(nil), s.rows...)
}

// File is the file as it is on disk.
func (s *Sheet) File() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return os.ReadFile(s.path)
}

//go:embed page.html
var body string

// Handler serves the sheet's page; POST /hook is its endpoint's URL.
func (s *Sheet) Handler(nav func() page.Nav) http.Handler {
	t := page.Parse(body)
	mux := http.NewServeMux()
	mux.Handle("POST /hook", s)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		rows := s.Rows()
		page.Show(w, t, page.View{
			Title: "Registration codes", Kind: "Receiver", Nav: nav(),
			Intro: "A spreadsheet, from which the letters to new tenants are printed. Each new code is one row; a repeat is none.",
			Body:  map[string]any{"Count": s.Count(), "Header": header, "Rows": rows[max(0, len(rows)-25):]},
		})
	})
	mux.HandleFunc("GET /codes.csv", func(w http.ResponseWriter, _ *http.Request) {
		b, err := s.File()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="registration-codes.csv"`)
		_, _ = w.Write(b) // the browser has gone
	})
	return mux
}
