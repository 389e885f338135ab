package desk

import (
	"fmt"
	"net/mail"
	"strings"

	"github.com/bellhop/bellhop"
)

// maxNotify bounds the addresses of an endpoint's owners.
const maxNotify = 5

// checkAddresses says what is wrong with a list of e-mail addresses, which are plain:
// without a name.
func checkAddresses(field string, list []string, most int) (fields []bellhop.FieldError) {
	if len(list) > most {
		fields = append(fields, bellhop.FieldError{
			Field: field, Code: "length", Detail: fmt.Sprintf("has %d addresses; at most %d are allowed: use that of a mailing list", len(list), most),
		})
	}
	seen := map[string]bool{}
	for i, a := range list[:min(len(list), most)] {
		place := fmt.Sprintf("%s[%d]", field, i)
		parsed, err := mail.ParseAddress(a)
		_, domain, _ := strings.Cut(a, "@")
		switch {
		case err != nil || parsed.Address != a || len(a) > 254 || domain == "" || strings.ContainsAny(a, " \t\r\n<>\"\\,;"):
			fields = append(fields, bellhop.FieldError{Field: place, Code: "email", Detail: "is not an e-mail address: write it as name@example.com"})
		case seen[strings.ToLower(a)]:
			fields = append(fields, bellhop.FieldError{Field: place, Code: "twice", Detail: "is there already"})
		}
		seen[strings.ToLower(a)] = true
	}
	return fields
}
