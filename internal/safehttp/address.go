package safehttp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// address is what a request's URL says, once it has been read and checked.
type address struct {
	url    *url.URL // not to be changed
	secure bool
	dial   string // host:port
}

// target is where a request to the address goes, and on whose behalf.
func (a *address) target(r *Request) target {
	return target{secure: a.secure, addr: a.dial, app: r.App, credentials: r.Credentials, identity: r.Identity}
}

// targetOf is the target of a request to a URL.
func targetOf(u *url.URL, r Request) target { return addressOf(u).target(&r) }

func addressOf(u *url.URL) *address {
	a := &address{url: u, secure: u.Scheme == "https", dial: u.Host}
	if u.Port() == "" && a.secure {
		a.dial += ":443"
	} else if u.Port() == "" {
		a.dial += ":80"
	}
	return a
}

// addresses remember what was read of URLs, since those of endpoints come again with each
// request.
type addresses struct {
	mu    sync.RWMutex
	of    map[addressKey]*address
	bytes int
}

// addressKey has all that an address depends on that is not the same for ever: of a
// policy, that is whether it lets http pass.
type addressKey struct {
	url string
	dev bool
}

// maxAddresses is how much memory addresses take at most, in bytes, and addressBytes what
// each takes besides the text of its URL.
const (
	maxAddresses = 8 << 20
	addressBytes = 400
)

func (a *addresses) get(key addressKey) *address {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.of[key]
}

func (a *addresses) put(key addressKey, at *address) {
	size := addressBytes + 3*len(key.url)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bytes += size; a.bytes > maxAddresses {
		clear(a.of)
		a.bytes = size
	}
	a.of[key] = at
}

// address finds what is wrong with a request before anything is sent, and returns where
// it goes.
func (c *Client) address(r *Request) (*address, *problem) {
	key := addressKey{r.URL, c.policy.Dev}
	at := c.addresses.get(key)
	if at == nil {
		u, err := c.policy.parseURL(r.URL)
		if err != nil {
			var refused *URLError
			if errors.As(err, &refused) && refused.Code == CodeAddress {
				return nil, &problem{ReasonAddress, refused.Detail}
			}
			return nil, &problem{ReasonURL, err.Error()}
		}
		if at = addressOf(u); !r.Private {
			c.addresses.put(key, at)
		}
	}
	if r.Method == http.MethodConnect || r.Method != "" && r.Method != http.MethodPost && !httpguts.ValidHeaderFieldName(r.Method) {
		return nil, &problem{ReasonRequest, tidy(fmt.Sprintf("the method %q cannot be sent", r.Method))}
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, &problem{ReasonRequest, tidy(fmt.Sprintf("the header name %q cannot be sent", name))}
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) { // not shown: it may be a secret
				return nil, &problem{ReasonRequest, tidy("the value of the header " + name + " cannot be sent: it contains control characters")}
			}
		}
	}
	return at, nil
}
