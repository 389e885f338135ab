package boxoffice

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Money is an amount in the currency's smallest unit. In JSON it is a text with two
// digits after the point, as in Showpass's Invoice.
type Money int64

func (m Money) String() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	return fmt.Sprintf("%s%d.%02d", sign, m/100, m%100)
}

// MarshalText gives "118.00".
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (m *Money) UnmarshalText(b []byte) error {
	whole, cents, ok := strings.Cut(string(b), ".")
	n, err := strconv.ParseInt(whole+cents, 10, 64)
	if !ok || len(cents) != 2 || err != nil {
		return fmt.Errorf("%q is no amount such as 118.00", b)
	}
	*m = Money(n)
	return nil
}

// Invoice is what Showpass's invoice events carry, in the order of its fields there.
type Invoice struct {
	Currency            string        `json:"currency"`
	Discounts           Money         `json:"discounts"`
	NetSales            Money         `json:"net_sales"`
	TotalTax            Money         `json:"total_tax"`
	InvoiceType         string        `json:"invoice_type"`
	PaymentType         string        `json:"payment_type"`
	ServiceFees         Money         `json:"service_fees"`
	TicketItems         []TicketItem  `json:"ticket_items"`
	InvoiceItems        []InvoiceItem `json:"invoice_items"`
	CustomerName        string        `json:"customer_name"`
	CustomerEmail       string        `json:"customer_email"`
	CustomerPhoneNumber *string       `json:"customer_phone_number"`
	GrossRevenue        Money         `json:"gross_revenue"`
	OrganizerFees       Money         `json:"organizer_fees"`
	TransactionID       string        `json:"transaction_id"`
	InvoiceTypeID       string        `json:"invoice_type_id"`
	OtherPaymentType    *string       `json:"other_payment_type"`
	SubscribeToVenue    bool          `json:"subscribe_to_venue"`
	AccountCreditType   *string       `json:"account_credit_type"`
	AccountCredit       Money         `json:"account_credit_applied"`
	Organization        string        `json:"showpass_organization_id"`
}

// TicketItem is one ticket of an Invoice.
type TicketItem struct {
	ID                int64     `json:"id"`
	EventID           string    `json:"event_id"`
	EventName         string    `json:"event_name"`
	EventStartsOn     time.Time `json:"event_starts_on"`
	EventEndsOn       time.Time `json:"event_ends_on"`
	TicketStatus      string    `json:"ticket_status"`
	TicketStatusCode  string    `json:"ticket_status_code"`
	BarcodeString     string    `json:"barcode_string"`
	TicketTypeID      string    `json:"ticket_type_id"`
	TicketTypeName    string    `json:"ticket_type_name"`
	TicketItemType    string    `json:"ticket_item_type"`
	NameOnTicket      string    `json:"name_on_ticket"`
	EmailOnTicket     *string   `json:"email_on_ticket"`
	CreatedByTransfer bool      `json:"created_by_transfer"`
}

// InvoiceItem is one line of an Invoice.
type InvoiceItem struct {
	ID              int64  `json:"id"`
	EventID         string `json:"event_id"`
	EventName       string `json:"event_name"`
	Quantity        int    `json:"quantity"`
	Discounts       Money  `json:"discounts"`
	NetSales        Money  `json:"net_sales"`
	TotalTax        Money  `json:"total_tax"`
	ServiceFees     Money  `json:"service_fees"`
	GrossRevenue    Money  `json:"gross_revenue"`
	TicketTypeID    string `json:"ticket_type_id"`
	TicketTypeName  string `json:"ticket_type_name"`
	InvoiceItemType string `json:"invoice_item_type"`
}

// Schema is the JSON Schema of an Invoice, as far as receivers rely on it.
const Schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Invoice",
  "type": "object",
  "required": ["transaction_id", "invoice_type", "currency", "gross_revenue", "customer_email", "subscribe_to_venue", "ticket_items", "invoice_items"],
  "$defs": {"amount": {"type": "string", "pattern": "^-?[0-9]+\\.[0-9]{2}$"}},
  "properties": {
    "transaction_id": {"type": "string", "minLength": 1},
    "invoice_type": {"enum": ["sale", "refund", "void", "transfer"]},
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "gross_revenue": {"$ref": "#/$defs/amount"},
    "net_sales": {"$ref": "#/$defs/amount"},
    "total_tax": {"$ref": "#/$defs/amount"},
    "service_fees": {"$ref": "#/$defs/amount"},
    "customer_name": {"type": "string"},
    "customer_email": {"type": "string", "minLength": 3},
    "subscribe_to_venue": {"type": "boolean"},
    "ticket_items": {"type": "array", "items": {"type": "object", "required": ["id", "event_name", "ticket_status", "ticket_type_name", "name_on_ticket"]}},
    "invoice_items": {"type": "array", "items": {"type": "object", "required": ["event_name", "quantity", "gross_revenue"]}}
  }
}`
