package recipe

import "slices"

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
