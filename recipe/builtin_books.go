package recipe

func books() []Definition {
	return []Definition{
		receipt("quickbooks-sales-receipt", "QuickBooks sales receipt", "salesreceipt",
			"Books each sale as a sales receipt in QuickBooks Online. A retry is known by its request id: there is no second receipt.",
			"https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/salesreceipt",
			"A sales receipt is for a sale (invoice.purchase): booked as one, any other event would falsify the books.",
			[]string{"invoice.purchase"}, Sample{Type: "invoice.purchase", Subject: "invoice:c4-88d1", Data: sampleInvoice}),
		receipt("quickbooks-refund-receipt", "QuickBooks refund receipt", "refundreceipt",
			"Books each refund or void as a refund receipt in QuickBooks Online, so that it is netted against the sale. A retry is known by its request id: there is no second receipt.",
			"https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/refundreceipt",
			"A refund receipt is for what is paid back (invoice.refund, invoice.void): booked as one, any other event would falsify the books.",
			[]string{"invoice.refund", "invoice.void"}, Sample{Type: "invoice.refund", Subject: "invoice:c4-88d1", Data: sampleInvoice}),
	}
}

// receipt is a recipe for QuickBooks' receipts of either kind. reason is why other
// events than those that are named are skipped.
func receipt(name, title, entity, description, docs, reason string, events []string, sample Sample) Definition {
	sample.Fields = map[string]string{"company": "9130347957983546", "item": "1", "account": "35", "customer": "58"}
	return Definition{
		Name: name, Title: title, Category: categoryBooks, Description: description, Docs: docs, Events: events,
		Address: Address{
			Title: "API", Default: "https://quickbooks.api.intuit.com",
			Help:  "For a sandbox company: https://sandbox-quickbooks.api.intuit.com.",
			Hosts: []string{"quickbooks.api.intuit.com", "sandbox-quickbooks.api.intuit.com"},
		},
		Fields: []Field{
			{Name: "company", Title: "Company ID", Required: true, Pattern: "[0-9]{5,20}", Help: "In QuickBooks: Settings, Additional info (realm ID)."},
			{Name: "item", Title: "Product or service", Required: true, Pattern: "[0-9]{1,12}", Help: "The ID of the item that lines are booked on."},
			{Name: "account", Title: "Account", Required: true, Pattern: "[0-9]{1,12}", Help: "The ID of the account that money comes to or is paid from."},
			{Name: "customer", Title: "Customer", Pattern: "[0-9]{1,12}", Help: "The ID of a customer for all receipts, such as \"Box office\"; leave it empty for none."},
			{Name: "tax_code", Title: "Tax code", Pattern: "[0-9A-Za-z]{1,12}", Help: "The ID of the tax code of each line, TAX or NON in the United States. Without one, amounts are booked before tax, and no tax is."},
			{Name: "timezone", Title: "Time zone", Kind: KindTimezone, Default: "UTC", Help: "In which the day of the receipt is reckoned."},
		},
		Auth: &Auth{
			Type: "oauth2_refresh_token", TokenURL: "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer", ClientAuth: "basic",
			Title: "Intuit app", Help: "The client ID and secret of your app at developer.intuit.com, and a refresh token with the scope com.intuit.quickbooks.accounting, from its OAuth playground.",
		},
		Skip:    only(reason, events...),
		URL:     "${url}/v3/company/${field.company}/" + entity + "?minorversion=75&requestid=${uuid}",
		Headers: []Header{{"Accept", "application/json"}},
		Body: `{"TxnDate":"${time | date:"2006-01-02",field.timezone}","PrivateNote":"${data.transaction_id ?? id} (${type}, ${id})",` +
			`"CurrencyRef":{"value":"${data.currency}"},"DepositToAccountRef":{"value":"${field.account}"},` +
			`${?field.customer}"CustomerRef":{"value":"${field.customer}"},${/}${?data.customer_email}"BillEmail":{"Address":"${data.customer_email | trim}"},${/}` +
			`"Line":[${each data.invoice_items as i max 100}{"DetailType":"SalesItemLineDetail","Amount":${i.net_sales | abs | money:data.currency},` +
			`"Description":"${i.event_name ?? i.product_name ?? "Item" | line | truncate:200}${?i.ticket_type_name}, ${i.ticket_type_name | line | truncate:100}${/}",` +
			`"SalesItemLineDetail":{"ItemRef":{"value":"${field.item}"},"Qty":${i.quantity ?? 1 | abs},${?field.tax_code}"TaxCodeRef":{"value":"${field.tax_code}"},${/}}},${/}]` +
			`${?field.tax_code},"TxnTaxDetail":{"TotalTax":${data.total_tax ?? 0 | abs | money:data.currency}}${/}}`,
		Answers: []Answer{
			{Status: []int{401}, Means: Again, Detail: "QuickBooks does not take the token: connect the app to the company anew and give the endpoint the new refresh token."},
			{Status: []int{403}, Contains: "ThrottleExceeded", Means: Overloaded},
			{Status: []int{400}, Contains: "ValidationFault", Means: Refused, Detail: "QuickBooks does not take this receipt: see the fault in its answer; it names the item, account, customer or tax code that is wrong."},
		},
		RateLimit: &RateLimit{PerSecond: 8, Burst: 8}, Concurrency: 5,
		Sample: sample,
	}
}
