package recipe

// The person whom an event is about, as the first platforms name them.
const (
	personEmail = `data.customer_email ?? data.tenant.email ?? data.email`
	personName  = `data.customer_name ?? data.tenant.name ?? data.name ?? ""`
	personPhone = `data.customer_phone_number ?? data.tenant.phone ?? data.phone`
)

func contacts() []Definition {
	return []Definition{
		{
			Name: "hubspot-contact", Title: "HubSpot contact", Category: categoryContact,
			Description: "Makes or updates a HubSpot contact, found by its e-mail address, of the person whom an event is about.",
			Docs:        "https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-upsert",
			Events:      []string{"invoice.*", "ticket.created"},
			Address:     Address{Title: "API", Default: "https://api.hubapi.com", Hosts: []string{"api.hubapi.com"}},
			Fields: []Field{
				{Name: "email", Title: "E-mail address", Kind: KindTemplate, Default: "${" + personEmail + "}", Help: "Where the event has it."},
				{Name: "lifecycle_stage", Title: "Lifecycle stage", Choices: []string{"subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other"}, Help: "Set on the contact; leave it empty to let HubSpot decide."},
			},
			Auth: &Auth{Type: "bearer", Title: "Access token", Help: "In HubSpot: Settings, Integrations, Private Apps; scopes crm.objects.contacts.read and crm.objects.contacts.write."},
			URL:  "${url}/crm/v3/objects/contacts/batch/upsert",
			Body: `{"inputs":[{"idProperty":"email","id":"${field.email | trim | lower}","properties":{"email":"${field.email | trim | lower}",` +
				`${?` + personName1 + `}"firstname":"${` + personName + ` | trim | before:" "}","lastname":"${` + personName + ` | trim | after:" "}",${/}` +
				`${?data.customer_phone_number or data.tenant.phone or data.phone}"phone":"${` + personPhone + `}",${/}` +
				`${?field.lifecycle_stage}"lifecyclestage":"${field.lifecycle_stage}"${/}}}]}`,
			Answers: []Answer{
				{Status: []int{200, 201}, JSON: map[string]string{"status": "COMPLETE"}, Means: Taken},
				{Status: []int{207}, Means: Refused, Detail: "HubSpot did not take this contact: see the errors in its answer."},
				{Status: []int{401}, Means: Again, Detail: "HubSpot does not take the access token: give the endpoint a new one."},
				{Status: []int{403}, Means: Again, Detail: "The access token lacks a scope: crm.objects.contacts.read and crm.objects.contacts.write are needed."},
			},
			RateLimit: &RateLimit{PerSecond: 9, Burst: 10}, Concurrency: 5,
			Sample: Sample{Type: "invoice.purchase", Subject: "invoice:c4-88d1", Data: sampleInvoice},
		},
		{
			Name: "mailchimp-member", Title: "Mailchimp audience member", Category: categoryContact,
			Description: "Adds the customer of a sale to a Mailchimp audience, or updates them there, if they agreed to hear from the venue. Whoever has unsubscribed stays so.",
			Docs:        "https://mailchimp.com/developer/marketing/api/list-members/add-or-update-list-member/",
			Events:      []string{"invoice.purchase"},
			Address: Address{
				Title: "API", Default: "https://${field.server}.api.mailchimp.com/3.0", Hosts: []string{"*.api.mailchimp.com"},
			},
			Fields: []Field{
				{Name: "server", Title: "Server prefix", Required: true, Pattern: "[a-z]{2}[0-9]{1,3}", Help: "The end of your API key behind the hyphen, such as us21."},
				{Name: "list", Title: "Audience ID", Required: true, Pattern: "[0-9A-Za-z]{6,20}", Help: "In Mailchimp: Audience, Settings, Audience name and defaults."},
				{Name: "status", Title: "New members are", Default: "subscribed", Choices: []string{"subscribed", "pending"}, Help: "pending asks them to confirm by e-mail first."},
			},
			Auth:   &Auth{Type: "basic", Username: "bellhop", Title: "API key", Help: "In Mailchimp: Profile, Extras, API keys."},
			Skip:   []Skip{{When: "data.subscribe_to_venue != true", Reason: "The customer did not agree to hear from the venue (subscribe_to_venue)."}},
			Method: "PUT",
			URL:    "${url}/lists/${field.list}/members/${data.customer_email | trim | lower | md5}?skip_merge_validation=true",
			Body: `{"email_address":"${data.customer_email | trim}","status_if_new":"${field.status}",` +
				`"merge_fields":{${?data.customer_name}"FNAME":"${data.customer_name | trim | before:" "}","LNAME":"${data.customer_name | trim | after:" "}"${/}}}`,
			Answers: []Answer{
				{Status: []int{403}, NotJSON: true, Means: Overloaded, Detail: "Mailchimp has more than ten connections of this account open and refuses more: it gets the event soon."},
				{Status: []int{400}, Contains: "Forgotten Email Not Subscribed", Means: Refused, Detail: "This address was deleted from the audience for good: only its owner can sign up again."},
				{Status: []int{400}, Contains: "Member In Compliance State", Means: Refused, Detail: "This address has unsubscribed or bounced: only its owner can sign up again."},
				{Status: []int{401}, Means: Again, Detail: "Mailchimp does not take the API key: give the endpoint a new one, and check that the server prefix is the end of it."},
			},
			RateLimit: &RateLimit{PerSecond: 10, Burst: 10}, Concurrency: 8,
			Sample: Sample{Type: "invoice.purchase", Subject: "invoice:c4-88d1", Data: sampleInvoice, Fields: map[string]string{"server": "us21", "list": "a1b2c3d4e5"}},
		},
	}
}

// personName1 is the condition under which there is a name.
const personName1 = `data.customer_name or data.tenant.name or data.name`

func mails() []Definition {
	return []Definition{{
		Name: "email", Title: "E-mail", Category: categoryMail,
		Description: "Sends a mail for each event: to the customer or tenant whom it is about, or to addresses of your own.",
		Address: Address{
			Title: "Mail server", Help: "smtp:// with STARTTLS, usually at port 587, or smtps:// at port 465.",
			Placeholder: "smtp://mail.example.com:587",
		},
		Auth: &Auth{Type: "basic", Optional: true, Title: "Mail account", Help: "The user name and password of the mail server."},
		Fields: []Field{
			{Name: "from", Title: "From", Kind: KindEmail, Required: true, Help: "An address that the mail server lets you send from."},
			{Name: "from_name", Title: "Name of the sender", Help: "Such as the name of the venue or house."},
			{Name: "to", Title: "To", Kind: KindRecipients, Default: "${" + personEmail + "}", Help: "Addresses with commas between, or where the event has one, such as ${data.customer_email}."},
			{Name: "reply_to", Title: "Answers to", Kind: KindEmail},
			{Name: "subject", Title: "Subject", Kind: KindTemplate, Default: `${type}${?subject}: ${subject}${/}`, Help: "With values of the event, such as: Your tickets for ${data.ticket_items[0].event_name}."},
			{
				Name: "text", Title: "Text", Kind: KindTemplate,
				Default: "${type} happened ${?subject}to ${subject} ${/}at ${time | date:\"2 Jan 2006 15:04 MST\"}.\n\n${each data | flat:\".\" | entries as e max 40}${e.name}: ${e.value | line | truncate:500}\n${/}",
				Help:    "The mail as plain text, with values of the event.",
			},
			{Name: "html", Title: "HTML", Kind: KindHTML, Help: "The mail as HTML, with values of the event in text and in attributes. Leave it empty for plain text alone."},
		},
		Mail: &Mail{
			From:    `${?field.from_name}"${field.from_name}" ${/}<${field.from}>`,
			To:      []string{"${field.to}"},
			ReplyTo: `${field.reply_to ?? ""}`,
			Subject: "${field.subject}",
			Text:    "${field.text}",
			HTML:    `${field.html ?? ""}`,
		},
		Concurrency: 4,
		Sample: Sample{
			Type: "invoice.purchase", Subject: "invoice:c4-88d1", Data: sampleInvoice,
			Fields: map[string]string{
				"from": "tickets@example.com", "from_name": "Harbour Lights",
				"subject": "Your tickets for ${data.ticket_items[0].event_name}",
				"text":    "Hello ${data.customer_name}\n\n${each data.invoice_items as i}${i.quantity} × ${i.event_name}, ${i.ticket_type_name}: ${i.gross_revenue | money:data.currency} ${data.currency}\n${/}",
				"html":    `<p>Hello <b>${data.customer_name}</b></p><ul>${each data.invoice_items as i}<li>${i.quantity} × ${i.event_name}, ${i.ticket_type_name}: ${i.gross_revenue | money:data.currency} ${data.currency}</li>${/}</ul>`,
			},
		},
	}}
}
