package recipe

// bookingRef names a booking the same way each time, so that a repeat is recognised.
const bookingRef = `data.id ?? id`

func doors() []Definition {
	return []Definition{
		{
			Name: "kisi-group-link", Title: "Kisi access link", Category: categoryDoor,
			Description: "Makes a Kisi access link that is valid for the booked period only, and has Kisi mail it to the tenant. A link that was made for the booking before is found by its name: there is no second one.",
			Docs:        "https://api.kisi.io/docs#tag/Group-links",
			Events:      []string{"booking.accepted"},
			Address:     Address{Title: "API", Default: "https://api.kisi.io", Hosts: []string{"api.kisi.io"}},
			Fields: []Field{
				{Name: "group", Title: "Access group ID", Required: true, Pattern: "[0-9]{1,12}", Kind: KindNumber, Help: "In Kisi: the number in the address of the access group's page."},
				{Name: "email", Title: "Mail the link to", Kind: KindTemplate, Default: `${data.tenant.email ?? ""}`, Help: "Where the event has the address. Without one, Kisi mails nothing."},
				periodZone,
				{Name: "qr", Title: "QR code", Choices: []string{"online", "offline"}, Help: "Adds a QR code for Kisi's readers to the mail; leave it empty for none."},
			},
			Skip: only("Access is given for a booking that was accepted (booking.accepted), and for no other event.", "booking.accepted"),
			Auth: &Auth{Type: "header", Header: "Authorization", Prefix: "KISI-LOGIN ", Title: "API key", Help: "In Kisi: your account, API, Add API key."},
			Lookup: &Lookup{
				URL: "${url}/group_links?group_id=${field.group}&query=${" + bookingRef + "}&limit=250", Where: map[string]string{"name": kisiName}, Same: map[string]string{"valid_from": kisiFrom, "valid_until": kisiUntil},
				Otherwise: "There is a link for this booking already, for another period: delete it in Kisi, and the event makes a new one with its next attempt.",
			},
			URL: "${url}/group_links",
			Body: `{"group_link":{"group_id":${field.group},"name":"` + kisiName + `",${?field.email}"email":"${field.email | trim}",${/}` +
				`${?field.qr}"quick_response_code_type":"${field.qr}",${/}"link_enabled":true,` +
				`"valid_from":"` + kisiFrom + `","valid_until":"` + kisiUntil + `"}}`,
			Answers: []Answer{
				{Status: []int{401}, Means: Again, Detail: "Kisi does not take the API key: give the endpoint a new one."},
				{Status: []int{422}, Means: Refused, Detail: "Kisi does not take this link: see its answer, and the access group's ID."},
			},
			RateLimit: &RateLimit{PerSecond: 2, Burst: 5}, Concurrency: 1,
			Sample: Sample{Type: "booking.accepted", Subject: "booking:bk-20931", Data: sampleBooking, Fields: map[string]string{"group": "4711", "email": "ayse@example.com"}},
		},
		{
			Name: "nuki-keypad-code", Title: "Nuki keypad code", Category: categoryDoor,
			Description: "Makes a code for a Nuki keypad that is valid for the booked period only. The code is made of the booking and the endpoint's secret, so a repeat makes the same one, and it is kept with the delivery, for the platform to tell the tenant.",
			Docs:        "https://api.nuki.io/#/SmartlockAuth",
			Events:      []string{"booking.accepted"},
			Address:     Address{Title: "API", Default: "https://api.nuki.io", Hosts: []string{"api.nuki.io"}},
			Fields: []Field{
				{Name: "smartlock", Title: "Smart lock ID", Required: true, Pattern: "[0-9]{1,16}", Help: "In Nuki Web: the lock's details."},
				periodZone,
				{Name: "code", Title: "Code", Kind: KindTemplate, Default: "${?data.code}${data.code}${:}${" + bookingRef + " | pin:6}${/}", Help: "Six digits from 1 to 9. By default those that the event has, or else some that are made of the booking and the endpoint's secret."},
			},
			Skip: only("Access is given for a booking that was accepted (booking.accepted), and for no other event.", "booking.accepted"),
			Auth: &Auth{Type: "bearer", Title: "API token", Help: "In Nuki Web: API, Generate API token, with the right to manage authorisations."},
			Lookup: &Lookup{
				URL: "${url}/smartlock/${field.smartlock}/auth", Where: map[string]string{"name": nukiName}, Same: map[string]string{"allowedFromDate": nukiFrom, "allowedUntilDate": nukiUntil},
				Otherwise: "There is a code for this booking already, for another period: delete it in Nuki, and the event makes a new one with its next attempt.",
			},
			Method: "PUT",
			URL:    "${url}/smartlock/${field.smartlock}/auth",
			Body: `{"name":"` + nukiName + `","type":13,"code":${` + nukiCode + ` | number},"remoteAllowed":false,` +
				`"allowedFromDate":"` + nukiFrom + `","allowedUntilDate":"` + nukiUntil + `",` +
				`"allowedWeekDays":127,"allowedFromTime":0,"allowedUntilTime":0}`,
			Capture: map[string]string{"code": "${" + nukiCode + "}"},
			Answers: []Answer{
				{Status: []int{401}, Means: Again, Detail: "Nuki does not take the API token: give the endpoint a new one."},
				{Status: []int{409}, Means: Refused, Detail: "The lock has this code already, for somebody else: give the event another code, or delete the old one in Nuki."},
			},
			RateLimit: &RateLimit{PerSecond: 1, Burst: 5}, Concurrency: 1,
			Sample: Sample{Type: "booking.accepted", Subject: "booking:bk-20931", Data: sampleBooking, Fields: map[string]string{"smartlock": "17579811421"}},
		},
	}
}

// periodZone is for platforms whose times do not say in which zone they are.
var periodZone = Field{
	Name: "timezone", Title: "Time zone", Kind: KindTimezone,
	Help: "Of the booked period, such as Europe/Zurich, if the event's times do not say one themselves.",
}

const (
	kisiFrom  = `${data.from | date:"rfc3339",field.timezone}`
	kisiUntil = `${data.until | later:data.from | date:"rfc3339",field.timezone}`
	nukiFrom  = `${data.from | date:"utc",field.timezone}`
	nukiUntil = `${data.until | later:data.from | date:"utc",field.timezone}`

	kisiName = "${data.asset.name ?? \"Booking\" | line | truncate:60} (${" + bookingRef + "})"
	// nukiName has 20 characters at most, as keypads want.
	nukiName = "${data.asset.name ?? \"Booking\" | line | cut:9} ${" + bookingRef + " | sha256 | cut:10}"
	nukiCode = `field.code`
)
