package recipe

import "strings"

// note is how a chat tells of one kind of event.
type note struct {
	when  string // condition
	title string // templates
	text  string
	facts []fact
}

// fact is a labelled value of a note, left out where test is not there. With each, it
// is one for each element of that list.
type fact struct{ label, test, value, each string }

// The values of notes that are dates stand within these, for each chat to write as it
// can.
const dateOpen, dateClose = "\x01", "\x02"

func dateOf(path string) string { return dateOpen + path + dateClose }

// notes are the events that chats know; all others are told as a list of what is in
// them.
func notes() []note {
	sale := func(eventType, title string) note {
		return note{
			when:  `type == "` + eventType + `" and data.gross_revenue`,
			title: title + `: ${data.gross_revenue | abs | money:data.currency} ${data.currency ?? ""}`,
			facts: []fact{
				{label: "Customer", test: "data.customer_name", value: `${data.customer_name | line | truncate:200}`},
				{label: "Items", test: "data.invoice_items", value: `${each data.invoice_items as i join ", " max 10}${i.quantity ?? 1} × ${i.event_name ?? i.product_name ?? "item" | line | truncate:80}${?i.ticket_type_name}, ${i.ticket_type_name | line | truncate:40}${/}${/}`},
				{label: "Transaction", test: "data.transaction_id", value: `${data.transaction_id | line | truncate:80}`},
			},
		}
	}
	ticket := `${data.number ?? data.id ?? "" | line | truncate:40}`
	return []note{
		{
			when:  `type == "ticket.created" and data.title`,
			title: "New ticket " + ticket + ": ${data.title | line | truncate:150}",
			text:  `${data.description ?? "" | truncate:1500}`,
			facts: []fact{
				{label: "Category", test: "data.category.name", value: `${data.category.name | line | truncate:100}`},
				{label: "Unit", test: "data.unit.name", value: `${data.unit.name | line | truncate:100}`},
				{label: "Tenant", test: "data.tenant.name", value: `${data.tenant.name | line | truncate:100}`},
				{label: "Status", test: "data.status", value: `${data.status | line | truncate:60}`},
			},
		},
		{
			when:  `type == "ticket.updated" and data.delta`,
			title: "Ticket " + ticket + " was updated",
			facts: []fact{{
				each: `data.delta | entries as d max 8`, label: `${d.name | line | truncate:60}`,
				value: `${d.value.from ?? "–" | line | truncate:200} → ${d.value.to ?? "–" | line | truncate:200}`,
			}},
		},
		{
			when:  `type == "booking.accepted" and data.from and data.until`,
			title: `Booked: ${data.asset.name ?? data.id ?? "booking" | line | truncate:150}`,
			facts: []fact{
				{label: "From", test: "data.from", value: dateOf("data.from")},
				{label: "Until", test: "data.until", value: dateOf("data.until")},
				{label: "Tenant", test: "data.tenant.name", value: `${data.tenant.name | line | truncate:100}`},
			},
		},
		{
			when:  `type == "registration-code.created"`,
			title: `New registration code${?data.unit.address} for ${data.unit.address | line | truncate:150}${/}`,
			facts: []fact{
				{label: "Tenant", test: "data.tenant.name", value: `${data.tenant.name | line | truncate:100}`},
				{label: "Expires", test: "data.expiresDate", value: dateOf("data.expiresDate")},
			},
		},
		sale("invoice.purchase", "Sale"), sale("invoice.refund", "Refund"), sale("invoice.void", "Void"),
		{
			title: `${type}${?subject}: ${subject | line | truncate:150}${/}`,
			facts: []fact{{each: `data | flat:"." | entries as e max 10`, label: `${e.name | line | truncate:60}`, value: `${e.value | line | truncate:200}`}},
		},
	}
}

// chatBody writes a template that tells of each event, by what a chat makes of a note,
// of a fact and of a date. own is what it makes of a text that the endpoint's owner
// has written.
func chatBody(own string, message func(title, text, facts string) string, factOf func(label, value string) string, date func(path string) string) string {
	var b strings.Builder
	b.WriteString(`${?field.text}` + own)
	for _, n := range notes() {
		if n.when == "" {
			b.WriteString("\n${:}")
		} else {
			b.WriteString("\n${:?" + n.when + "}")
		}
		var facts strings.Builder
		for _, f := range n.facts {
			value := f.value
			if path, ok := strings.CutPrefix(value, dateOpen); ok {
				value = date(strings.TrimSuffix(path, dateClose))
			}
			if f.each != "" {
				facts.WriteString(`${each ` + f.each + `}` + factOf(f.label, value) + `,${/}`)
			} else {
				facts.WriteString(`${?` + f.test + `}` + factOf(f.label, value) + `,${/}`)
			}
		}
		b.WriteString(message(n.title, n.text, facts.String()))
	}
	return b.String() + "${/}"
}

var (
	chatText = Field{
		Name: "text", Title: "Message", Kind: KindTemplate,
		Help: "Leave it empty for a message that suits the event, or write your own with values of the event, such as: Ticket ${data.number}: ${data.title}.",
	}
	chatZone = Field{Name: "timezone", Title: "Time zone", Kind: KindTimezone, Default: "UTC", Help: "In which times are shown, such as Europe/Zurich."}
)

func zonedDate(path string) string {
	return `${` + path + ` | date:"2 Jan 2006 15:04",field.timezone}`
}

func chats() []Definition {
	return []Definition{slack(), teams(), discord()}
}

func slack() Definition {
	return Definition{
		Name: "slack", Title: "Slack", Category: categoryChat,
		Description: "Posts a message to a Slack channel for each event. Tickets, bookings, registration codes and sales are laid out; any other event is told as a list of what is in it.",
		Docs:        "https://api.slack.com/messaging/webhooks",
		Address: Address{
			Title: "Webhook URL", Help: "In Slack: your app, Incoming Webhooks, Add New Webhook to Workspace.",
			Placeholder: "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
			Hosts:       []string{"hooks.slack.com", "hooks.slack-gov.com"},
		},
		Fields: []Field{chatText},
		Escape: "slack",
		Body: chatBody(`{"text":"${field.text | truncate:3000}"}`,
			func(title, text, facts string) string {
				return `{"text":"` + title + `","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"*` + title + `*\n` + text + `"}},` +
					`{"type":"section","fields":[` + facts + `{"type":"mrkdwn","text":"*Event*\n${type}"}]}]}`
			},
			func(label, value string) string {
				return `{"type":"mrkdwn","text":"*` + label + `*\n` + value + `"}`
			},
			func(path string) string {
				return `<!date^${` + path + ` | date:"unix"}^{date_short_pretty} {time}|${` + path + ` | line}>`
			}),
		Answers: []Answer{
			{Status: []int{200}, Text: "ok", Means: Taken},
			{Status: []int{404}, Contains: "no_service", Means: Again, Detail: "Slack does not know this webhook any more: make a new one in Slack and change the endpoint's URL."},
			{Status: []int{404}, Contains: "channel_not_found", Means: Again, Detail: "The channel of this webhook is gone: make a webhook for another one and change the endpoint's URL."},
			{Status: []int{403}, Contains: "action_prohibited", Means: Again, Detail: "An administrator of the Slack workspace has put a stop to this webhook: ask there."},
		},
		RateLimit: &RateLimit{PerSecond: 1, Burst: 1}, Concurrency: 1,
		Sample: Sample{Type: "ticket.created", Subject: "ticket:damage-report:5f2b7c1e9a", Data: sampleTicket},
	}
}

func teams() Definition {
	return Definition{
		Name: "teams", Title: "Microsoft Teams", Category: categoryChat,
		Description: "Posts a card to a Teams channel or chat for each event, through a workflow that starts when a webhook request is received.",
		Docs:        "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook",
		Address: Address{
			Title: "Workflow URL", Help: "In Teams: the channel's menu, Workflows, Post to a channel when a webhook request is received.",
			Placeholder: "https://prod-00.westeurope.logic.azure.com:443/workflows/0123/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=XXXX",
			Hosts:       []string{"*.logic.azure.com", "*.api.powerplatform.com", "*.api.powerautomate.com", "*.webhook.office.com"},
		},
		Fields: []Field{chatText, chatZone},
		Escape: "markdown",
		Body: `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":` +
			`{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[` +
			chatBody(`{"type":"TextBlock","wrap":true,"text":"${field.text | truncate:3000}"}`,
				func(title, text, facts string) string {
					body := `{"type":"TextBlock","size":"Medium","weight":"Bolder","wrap":true,"text":"` + title + `"},`
					if text != "" {
						body += `${?data.description}{"type":"TextBlock","wrap":true,"text":"` + text + `"},${/}`
					}
					return body + `{"type":"FactSet","facts":[` + facts + `{"title":"Event","value":"${type}"}]}`
				},
				func(label, value string) string { return `{"title":"` + label + `","value":"` + value + `"}` },
				zonedDate) + `]}}]}`,
		Answers: []Answer{
			{Status: []int{200, 202}, Contains: "failed with HTTP error", Means: Again, Detail: "Teams took the request and could not post it: see its answer."},
			{Status: []int{401}, Means: Again, Detail: "The workflow wants no requests from here: in its trigger, choose that anyone may start it."},
		},
		RateLimit: &RateLimit{PerSecond: 1, Burst: 3}, Concurrency: 2,
		Sample: Sample{Type: "booking.accepted", Subject: "booking:bk-20931", Data: sampleBooking, Fields: map[string]string{"timezone": "Europe/Zurich"}},
	}
}

func discord() Definition {
	return Definition{
		Name: "discord", Title: "Discord", Category: categoryChat,
		Description: "Posts a message to a Discord channel for each event. Nothing in an event can mention anybody.",
		Docs:        "https://discord.com/developers/docs/resources/webhook#execute-webhook",
		Address: Address{
			Title: "Webhook URL", Help: "In Discord: the channel's settings, Integrations, Webhooks, Copy Webhook URL.",
			Placeholder: "https://discord.com/api/webhooks/000000000000000000/XXXXXXXX",
			Hosts:       []string{"discord.com", "*.discord.com", "discordapp.com"},
		},
		Fields: []Field{chatText, chatZone},
		Escape: "markdown",
		Body: `{"allowed_mentions":{"parse":[]},` +
			chatBody(`"content":"${field.text | truncate:2000}"`,
				func(title, text, facts string) string {
					body := `"embeds":[{"title":"` + strings.ReplaceAll(title, "truncate:150", "truncate:120") + `",`
					if text != "" {
						body += `${?data.description}"description":"` + text + `",${/}`
					}
					return body + `"fields":[` + facts + `],"footer":{"text":"${type | raw}"},"timestamp":"${time}"}]`
				},
				func(label, value string) string {
					return `{"name":"` + label + `","value":"` + value + `","inline":true}`
				},
				zonedDate) + `}`,
		Answers: []Answer{
			{Status: []int{404}, Contains: "10015", Means: Again, Detail: "Discord does not know this webhook any more: make a new one and change the endpoint's URL."},
		},
		RateLimit: &RateLimit{PerSecond: 0.4, Burst: 4}, Concurrency: 1,
		Sample: Sample{Type: "invoice.purchase", Subject: "invoice:c4-88d1", Data: sampleInvoice},
	}
}
