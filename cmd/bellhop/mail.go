package main

import (
	"errors"
	"net/netip"
	"os"
	"strings"

	"github.com/bellhop/bellhop/engine/send/smtp"
	"github.com/bellhop/bellhop/internal/mail"
	"github.com/bellhop/bellhop/internal/safehttp"
	"github.com/bellhop/bellhop/notice"
)

// mailPolicy lets the operator's own mail server be anywhere.
var mailPolicy = safehttp.Policy{
	Dev: true, AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
}

// checkMail looks at the settings of mail to people.
func (s *settings) checkMail() error {
	if s.smtpURL == "" {
		for name, value := range map[string]string{"smtp-from": s.smtpFrom, "smtp-user": s.smtpUser, "smtp-password": s.smtpPassword, "smtp-password-file": s.smtpPasswordFile} {
			if value != "" {
				return usage("%s: no mail is sent without a server: set smtp-url, too", name)
			}
		}
		return nil
	}
	target, err := mailPolicy.CheckMailURL(s.smtpURL)
	if u, ok := errors.AsType[*safehttp.URLError](err); ok && u.Code == safehttp.CodeCredentials {
		return usage("smtp-url: leave the user name and password out, and give them as smtp-user and smtp-password-file")
	}
	if err != nil {
		return usage("smtp-url: %s", strings.TrimSuffix(err.Error(), "."))
	}
	if s.smtpFrom == "" {
		return usage("smtp-from: say which address mails are from, such as \"Bellhop <bellhop@example.com>\"")
	}
	if _, err := (&mail.Message{From: s.smtpFrom, To: []string{s.smtpFrom}, Text: "."}).Parse(); err != nil {
		return usage("smtp-from: %q is not an address: write it as bellhop@example.com or Bellhop <bellhop@example.com>", s.smtpFrom)
	}
	switch {
	case s.smtpPassword != "" && s.smtpPasswordFile != "":
		return usage("smtp-password and smtp-password-file: give one of them")
	case s.smtpUser == "" && (s.smtpPassword != "" || s.smtpPasswordFile != ""):
		return usage("smtp-user: say whose password it is")
	case s.smtpUser != "" && s.smtpPassword == "" && s.smtpPasswordFile == "":
		return usage("smtp-password-file: give the password of smtp-user, in a file or as BELLHOP_SMTP_PASSWORD")
	case s.smtpUser != "" && target.Plain:
		return usage("smtp-url: a password is not sent over smtp+plain, which anybody on the way can read: use smtp:// or smtps://")
	}
	return nil
}

// mail is how mail to people leaves, or nil if none does.
func (s *settings) mail() (*notice.Mail, error) {
	if s.smtpURL == "" {
		return nil, nil
	}
	password := s.smtpPassword
	if s.smtpPasswordFile != "" {
		b, err := os.ReadFile(s.smtpPasswordFile)
		if err != nil {
			return nil, usage("smtp-password-file: %w", err)
		}
		if password = strings.TrimRight(string(b), "\r\n"); password == "" {
			return nil, usage("smtp-password-file: %s is empty: it holds the password of smtp-user", s.smtpPasswordFile)
		}
	}
	policy := mailPolicy
	policy.DNS = s.dns
	return &notice.Mail{
		URL: s.smtpURL, From: s.smtpFrom, Username: s.smtpUser, Password: password,
		Mailer: smtp.Mailer{}, Client: safehttp.New(safehttp.Options{Policy: policy}),
	}, nil
}
