package notice_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/bellhop/bellhop/engine"
	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/internal/testsmtp"
	"github.com/bellhop/bellhop/memstore"
	"github.com/bellhop/bellhop/notice"
)

// By a real mail server, with the headers by which mail programs unsubscribe.
func TestByARealMailServer(t *testing.T) {
	server, err := testsmtp.Listen("127.0.0.1:0", testsmtp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	log := slog.New(slog.DiscardHandler)
	store := memstore.New()
	defer store.Close() //nolint:errcheck // in memory
	e, err := engine.New(t.Context(), store, engine.Config{Sealer: sealer(t), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	client := safehttp.New(safehttp.Options{Policy: safehttp.Policy{Dev: true}})
	defer client.Close()
	teller := notice.New(e, notice.Options{
		Mail:      &notice.Mail{URL: server.URL(), From: "Bellhop <bellhop@ours.example>", Mailer: smtp.Mailer{}, Client: client},
		PublicURL: "https://hooks.ours.example", Logger: log,
	})
	s := notice.Defaults("acme")
	s.Emails = []string{"ann@acme.example"}
	list, err := teller.Test(t.Context(), s, "")
	if err != nil || len(list) != 1 || !list[0].OK {
		t.Fatalf("%+v, %v", list, err)
	}
	got := server.Messages()
	if len(got) != 1 {
		t.Fatalf("%d mails", len(got))
	}
	m, err := got[0].Parse()
	if err != nil {
		t.Fatal(err)
	}
	link := strings.Trim(m.Header.Get("List-Unsubscribe"), "<>")
	if !strings.HasPrefix(link, "https://hooks.ours.example/unsubscribe/") || m.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" ||
		!strings.Contains(m.Text, link) || !strings.Contains(m.HTML, link) || !strings.Contains(m.To, "ann@acme.example") || m.Text == "" || m.Header.Get("Auto-Submitted") == "" {
		t.Errorf("%s", got[0].Data)
	}
	sub, err := teller.Subscription(t.Context(), strings.TrimPrefix(link, "https://hooks.ours.example/unsubscribe/"))
	if err != nil || sub.Address != "ann@acme.example" {
		t.Errorf("%+v, %v", sub, err)
	}
}
