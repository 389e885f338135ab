package manifest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/client"
)

// fetch reads what a server has of some kinds.
func fetch(ctx context.Context, c *client.Client, of []Kind) (map[Kind][]Object, error) {
	all := map[Kind][]Object{}
	for _, kind := range of {
		add := func(v any, err error) error {
			if err != nil {
				return err
			}
			o, err := objectOf(kind, v)
			all[kind] = append(all[kind], o)
			return err
		}
		var err error
		switch kind {
		case EventTypes:
			for t, failed := range c.EventTypes(ctx) {
				if err = add(t, failed); err != nil {
					break
				}
			}
		case Apps:
			for a, failed := range c.Apps(ctx) {
				if err = add(a, failed); err != nil {
					break
				}
			}
		case Endpoints:
			for e, failed := range c.Endpoints(ctx, client.EndpointFilter{Limit: 250}) {
				if err = add(e, failed); err != nil {
					break
				}
			}
		case Keys:
			for k, failed := range c.Keys(ctx, client.KeyFilter{Kind: "key", Limit: 250, Hashes: true}) {
				if err = add(k, failed); err != nil {
					break
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// besides are fields that no document has, and plans look at: which credentials an endpoint
// has, and whether a key is the one that asks, and its id.
var besides = []string{"id", "credentials", "current"}

// objectOf takes the fields of an object of the API that a document has, those that say
// something.
func objectOf(kind Kind, v any) (Object, error) {
	b, err := encode(v)
	if err != nil {
		return Object{}, err
	}
	var members map[string]bellhop.JSON
	if err := json.Unmarshal(b, &members); err != nil {
		return Object{}, err
	}
	o := Object{Fields: map[string]bellhop.JSON{}}
	known := fieldsOf(kind)
	for field, value := range members {
		if slices.Contains(besides, field) || slices.Contains(known, field) && canonical(field, value) != "" {
			o.Fields[field] = value
		}
	}
	return o, nil
}

// ExportOptions say what is written besides what anybody may read.
type ExportOptions struct {
	// Secrets adds the signing secrets of endpoints, and the values of headers that may be
	// passwords (see [bellhop.HarmlessHeader]).
	Secrets bool
	// Keys adds the API's keys, by the hashes of their tokens.
	Keys bool
}

// Export makes a document of what a server has, as far as the key reaches. The notes say
// what it could not write, which are credentials that the API never gives.
func Export(ctx context.Context, c *client.Client, options ExportOptions) (d Document, notes []string, err error) {
	of := []Kind{EventTypes, Apps, Endpoints}
	if options.Keys {
		of = append(of, Keys)
	}
	all, err := fetch(ctx, c, of)
	if err != nil {
		return d, nil, err
	}
	usual, err := encode(bellhop.RetryPolicy{})
	if err != nil {
		return d, nil, err
	}
	for i := range all[Endpoints] {
		o := &all[Endpoints][i]
		// What is the server's own default is not written down as somebody's wish.
		if canonical("retry", o.Fields["retry"]) == canonical("retry", usual) {
			delete(o.Fields, "retry")
		}
		var names []string
		_ = json.Unmarshal(o.Fields["credentials"], &names) // a list of the API's
		delete(o.Fields, "credentials")
		for _, name := range names {
			notes = append(notes, "endpoint "+o.Text("id")+": "+name+" is not written, since the API gives it to nobody; add it before the file is read elsewhere")
		}
		if options.Secrets {
			secrets, err := secretsOf(ctx, c, o)
			if err != nil {
				return d, nil, err
			}
			o.Set("secrets", secrets)
			continue
		}
		for _, name := range hideHeaders(o) {
			notes = append(notes, "endpoint "+o.Text("id")+": the value of the header "+name+" is not written without --secrets; add it before the file is read elsewhere")
		}
	}
	d.Objects = all
	for _, kind := range of {
		slices.SortStableFunc(all[kind], func(x, y Object) int { return strings.Compare(sortKey(kind, &x), sortKey(kind, &y)) })
		if d.Objects[kind] == nil {
			d.Objects[kind] = []Object{}
		}
	}
	return d, notes, nil
}

// sortKey is what objects are in the order of: what they keep where they are moved to, so that
// two exports can be compared.
func sortKey(kind Kind, o *Object) string {
	switch kind {
	case Apps:
		return o.Text("id")
	case EventTypes:
		return o.Text("name")
	case Keys:
		return o.Text("token_sha256")
	}
	return cmp.Or(o.Text("former_id"), o.Text("id"))
}

// hideHeaders puts [bellhop.Hidden] in place of the values of headers that may be passwords, and
// gives the names of these.
func hideHeaders(o *Object) (names []string) {
	headers := headersOf(o)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if !bellhop.HarmlessHeader(name) {
			headers[name] = bellhop.Hidden
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		o.Put("headers", headers)
	}
	return names
}

// headersOf are the headers of an endpoint.
func headersOf(o *Object) (headers map[string]string) {
	_ = json.Unmarshal(o.Fields["headers"], &headers) // none, or checked when it was read
	return headers
}

// keepHeaders gives an endpoint of a document the values of the one of the server, which may
// be nil, for headers that the document has as [bellhop.Hidden]. Without them, it tells which
// value is missing.
func keepHeaders(want, have *Object) error {
	headers, kept := headersOf(want), false
	var there map[string]string
	if have != nil {
		there = headersOf(have)
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if headers[name] != bellhop.Hidden {
			continue
		}
		found := false
		for other, value := range there {
			if strings.EqualFold(other, name) {
				headers[name], found, kept = value, true, true
			}
		}
		if !found {
			return refusal{fmt.Errorf("the value of the header %s is not given: write it in place of %s, or export with --secrets", name, bellhop.Hidden)}
		}
	}
	if kept {
		want.Put("headers", headers)
	}
	return nil
}

// secretsOf reads the signing secrets of an endpoint of the server, newest first.
func secretsOf(ctx context.Context, c *client.Client, o *Object) ([]Secret, error) {
	var id bellhop.EndpointID
	if err := id.UnmarshalText([]byte(o.Text("id"))); err != nil {
		return nil, err
	}
	values, err := c.Secrets(ctx, id)
	if err != nil {
		return nil, err
	}
	secrets := make([]Secret, len(values))
	for i, v := range values {
		secrets[i] = Secret{Secret: v.Secret, ExpiresAt: v.ExpiresAt}
	}
	return secrets, nil
}
