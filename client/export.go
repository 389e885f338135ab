package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Format is that of an export.
type Format string

// The formats.
const (
	JSONLines Format = "jsonl"
	CSV       Format = "csv"
)

// ExportEvents writes the events that a filter selects to w, with their data, newest
// first. An error says that what was written is not all.
func (c *Client) ExportEvents(ctx context.Context, w io.Writer, format Format, f EventFilter) error {
	f.Limit = 0
	return c.export(ctx, w, "/v1/events/export", format, values(f))
}

// ExportDeliveries is ExportEvents for deliveries.
func (c *Client) ExportDeliveries(ctx context.Context, w io.Writer, format Format, f DeliveryFilter) error {
	f.Limit = 0
	return c.export(ctx, w, "/v1/deliveries/export", format, values(f))
}

// ExportAttempts is ExportEvents for attempts, without headers and bodies.
func (c *Client) ExportAttempts(ctx context.Context, w io.Writer, format Format, f AttemptFilter) error {
	f.Limit = 0
	return c.export(ctx, w, "/v1/attempts/export", format, values(f))
}

func (c *Client) export(ctx context.Context, w io.Writer, path string, format Format, query url.Values) error {
	if format != "" {
		query.Set("format", string(format))
	}
	resp, err := c.send(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the export was cut off: %w", err)
	}
	if state := resp.Trailer.Get(downloadState); !strings.HasPrefix(state, "complete") {
		if state == "" {
			state = "it does not say that it is complete: something on the way may have cut it off"
		}
		return fmt.Errorf("the export is not whole: %s", state)
	}
	return nil
}

// downloadState is the trailer that says how an export ended.
const downloadState = "Bellhop-Download"
