package recipe

import (
	"slices"
	"strings"
)

// Builtin gives the definitions of the built-in recipes, by category. What they hold
// must not be changed.
func Builtin() []Definition {
	return slices.Concat(chats(), automations(), sheets(), contacts(), doors(), books(), mails())
}

// The headings that recipes are listed under.
const (
	categoryChat       = "Chat"
	categoryAutomation = "Automation"
	categorySheet      = "Spreadsheets"
	categoryContact    = "Contacts and mailing lists"
	categoryDoor       = "Door access"
	categoryBooks      = "Accounting"
	categoryMail       = "E-mail"
)

// only skips events of other types than these, where a request made of one would do
// harm or never work. reason is a sentence.
func only(reason string, types ...string) []Skip {
	return []Skip{{When: `type != "` + strings.Join(types, `" and type != "`) + `"`, Reason: reason}}
}
