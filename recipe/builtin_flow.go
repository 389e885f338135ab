package recipe

// eventBody is an event with everything that is known of it.
const eventBody = `{"id":${id},"type":${type},"time":${time},"app":${app},${?subject}"subject":${subject},${/}"data":${data}}`

func automations() []Definition {
	return []Definition{
		{
			Name: "zapier", Title: "Zapier", Category: categoryAutomation,
			Description: "Starts a Zap for each event. The members of the event's data come flat, so that each is a field in the editor; lists come as Zapier's line items.",
			Docs:        "https://help.zapier.com/hc/en-us/articles/8496288690317",
			Address: Address{
				Title: "Catch hook URL", Help: "In Zapier: a Zap whose trigger is Webhooks by Zapier, Catch Hook.",
				Placeholder: "https://hooks.zapier.com/hooks/catch/123456/abcdef/",
				Hosts:       []string{"hooks.zapier.com"},
			},
			Signed: true,
			Body:   `{"webhook_id":${id},"webhook_type":${type},"webhook_time":${time},"webhook_app":${app},${?subject}"webhook_subject":${subject},${/}${data | flat:"__" | members:"webhook_id","webhook_type","webhook_time","webhook_app","webhook_subject"}}`,
			Answers: []Answer{
				{Status: []int{200}, JSON: map[string]string{"status": "success"}, Means: Taken},
			},
			RateLimit: &RateLimit{PerSecond: 30, Burst: 30}, Concurrency: 5,
			Sample: Sample{Type: "registration-code.created", Subject: "registration-code:rc-88120", Data: sampleCode},
		},
		{
			Name: "make", Title: "Make", Category: categoryAutomation,
			Description: "Starts a scenario of Make for each event.",
			Docs:        "https://help.make.com/webhooks",
			Address: Address{
				Title: "Webhook URL", Help: "In Make: a scenario that begins with Webhooks, Custom webhook.",
				Placeholder: "https://hook.eu1.make.com/abcdefghijklmnopqrstuvwxyz",
				Hosts:       []string{"*.make.com", "*.make.celonis.com", "hook.integromat.com"},
			},
			Signed: true,
			Body:   eventBody,
			Answers: []Answer{
				{Status: []int{400}, Contains: "Queue is full", Means: Overloaded, Detail: "The scenario's queue in Make is full: it gets the event when there is room."},
				{Status: []int{410}, Means: Again, Detail: "No scenario in Make listens to this webhook: switch it on."},
			},
			RateLimit: &RateLimit{PerSecond: 25, Burst: 30}, Concurrency: 5,
			Sample: Sample{Type: "booking.accepted", Subject: "booking:bk-20931", Data: sampleBooking},
		},
		{
			Name: "n8n", Title: "n8n", Category: categoryAutomation,
			Description: "Starts a workflow of n8n for each event.",
			Docs:        "https://docs.n8n.io/integrations/builtin/core-nodes/n8n-nodes-base.webhook/",
			Address: Address{
				Title: "Production URL", Help: "In n8n: the Webhook node, method POST. Use the production URL, not the test URL.",
				Placeholder: "https://n8n.example.com/webhook/00000000-0000-0000-0000-000000000000",
			},
			Auth:   &Auth{Type: "header", Optional: true, Header: "X-Webhook-Token", Title: "Header Auth", Help: "If the Webhook node asks for Header Auth with the name X-Webhook-Token: its value."},
			Signed: true,
			Body:   eventBody,
			Answers: []Answer{
				{Status: []int{404}, Contains: "not registered", Means: Again, Detail: "n8n has no such webhook now: activate the workflow, and use its production URL."},
			},
			Concurrency: 5,
			Sample:      Sample{Type: "ticket.updated", Subject: "ticket:damage-report:5f2b7c1e9a", Data: sampleTicketUpdate},
		},
	}
}

func sheets() []Definition {
	return []Definition{{
		Name: "google-sheets", Title: "Google Sheets", Category: categorySheet,
		Description: "Appends a row to a Google spreadsheet for each event, by a script in the spreadsheet. The script knows each event by its id, so that a retry adds no second row.",
		Docs:        "https://developers.google.com/apps-script/guides/web",
		Address: Address{
			Title: "Web app URL", Help: "Paste the script of this recipe's page into Extensions, Apps Script, and deploy it as a web app that runs as you and that anyone can access.",
			Placeholder: "https://script.google.com/macros/s/AKfycbXXXXXXXX/exec",
			Hosts:       []string{"script.google.com"},
		},
		Fields: []Field{{Name: "sheet", Title: "Sheet", Default: "Events", Help: "The name of the tab that rows are added to. It is made if it is not there."}},
		Body:   `{"id":${id},"sheet":${field.sheet},"row":{"event":${id},"type":${type},"time":${time},${data | flat:"." | members:"event","type","time"}}}`,
		Answers: []Answer{
			{Status: []int{200}, JSON: map[string]string{"ok": "true"}, Means: Taken},
			{Status: []int{200}, JSON: map[string]string{"ok": "false"}, Means: Again, Detail: "The script answered that it failed: see its answer, and Executions in Apps Script."},
			{Status: []int{302, 303}, Means: Again, Detail: "Google leads to another page, such as one to sign in, in place of the script's answer: deploy the script as a web app that anyone can access, and use the URL that ends in /exec."},
			{Status: []int{200}, NotJSON: true, Means: Again, Detail: "Google answered with a page in place of the script's answer: deploy the script as a web app that anyone can access, and use the URL that ends in /exec."},
		},
		Redirect:  &Redirect{Hosts: []string{"script.googleusercontent.com"}},
		RateLimit: &RateLimit{PerSecond: 1, Burst: 5}, Concurrency: 1,
		Sample: Sample{Type: "registration-code.created", Subject: "registration-code:rc-88120", Data: sampleCode},
	}}
}
