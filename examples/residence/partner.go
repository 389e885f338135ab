package residence

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Partner calls the house's API, as those do that write back.
type Partner struct {
	// URL is the API's address, and Token what the house gave the partner.
	URL, Token string
	HTTP       *http.Client
}

// UpdateTicket changes fields of a ticket.
func (p *Partner) UpdateTicket(ctx context.Context, ticket string, fields map[string]string) error {
	return p.patch(ctx, "/tickets/"+ticket, fields)
}

// SetPIN notes the PIN of a booking.
func (p *Partner) SetPIN(ctx context.Context, booking, pin string) error {
	return p.patch(ctx, "/bookings/"+booking, map[string]string{"pin": pin})
}

func (p *Partner) patch(ctx context.Context, path string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, p.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the residence answered %s: %s", resp.Status, text)
	}
	return nil
}
