package native

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/api"
	"github.com/bellhop/bellhop/api/wire"
	"github.com/bellhop/bellhop/desk"
)

// exportPage is how many rows are read and written at once, and exportPiece from how many
// bytes on no more are gathered: an event may have a megabyte.
const (
	exportPage  = 250
	exportPiece = 1 << 20
)

type exportFormat struct {
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl" doc:"jsonl: the objects of the list, one a line; csv: a table with a line of names, in which texts that a spreadsheet would take for formulas begin with an apostrophe."`
}

// export is what is written of a list: its columns, and how a row fills them.
type export[T any] struct {
	name    string
	columns []string
	cells   func(T) []string
	object  func(T) ([]byte, error)
}

// write goes from page to page, each in its turn, until the list has ended, its reader
// has gone, or something cuts it off, which then its last line says.
func (x *export[T]) write(n *native, c *api.Call, format string, next func() (rows []T, more bool, err error)) error {
	content, ending := "application/x-ndjson", "jsonl"
	if format == "csv" {
		content, ending = "text/csv; charset=utf-8", "csv"
	}
	d := c.Download("bellhop-"+x.name+"-"+n.o.Now().UTC().Format("20060102T150405Z")+"."+ending, content)
	count, more := 0, true
	for more {
		err := d.Piece(func() ([]byte, error) {
			var b bytes.Buffer
			if count == 0 && format == "csv" && !d.Begun() {
				writeCSV(&b, x.columns)
			}
			rows, again, err := next()
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				if err := x.line(&b, format, row); err != nil {
					return nil, err
				}
			}
			count, more = count+len(rows), again
			return b.Bytes(), nil
		})
		if err == nil && more {
			err = n.interrupted(c)
		}
		if err != nil {
			if !d.Begun() {
				return err
			}
			x.cutOff(d, format, count, err)
			return nil
		}
	}
	d.End(fmt.Sprintf("complete; rows=%d", count))
	return nil
}

// interrupted says why an export may not go on.
func (n *native) interrupted(c *api.Call) error {
	select {
	case <-n.o.Stop:
		return &bellhop.Error{Code: bellhop.CodeUnavailable, Detail: "The server is shutting down"}
	case <-c.Context().Done():
		return c.Context().Err()
	default:
	}
	if !c.Welcome() {
		return &bellhop.Error{Code: bellhop.CodeForbidden, Detail: "The key has ended"}
	}
	return nil
}

func (x *export[T]) line(b *bytes.Buffer, format string, row T) error {
	if format == "csv" {
		writeCSV(b, x.cells(row))
		return nil
	}
	object, err := x.object(row)
	if err != nil {
		return err
	}
	if bytes.IndexByte(object, '\n') >= 0 || bytes.IndexByte(object, '\r') >= 0 { // published data may have lines
		var line bytes.Buffer
		if err := json.Compact(&line, object); err != nil {
			return err
		}
		object = line.Bytes()
	}
	b.Write(object)
	b.WriteByte('\n')
	return nil
}

// cutOff writes the last line of an export that is not whole.
func (x *export[T]) cutOff(d *api.Download, format string, count int, cause error) {
	detail := "Something failed at the server; its log says more"
	if e, ok := errors.AsType[*bellhop.Error](cause); ok {
		detail = e.Detail
	}
	text := fmt.Sprintf("cut off after %d rows: %s", count, detail)
	_ = d.Piece(func() ([]byte, error) { // or the reader is gone
		var b bytes.Buffer
		if format == "csv" {
			writeCSV(&b, []string{"# " + text})
			return b.Bytes(), nil
		}
		line, err := json.Marshal(map[string]any{"error": text, "rows": count})
		return append(line, '\n'), err
	})
	d.End(text)
}

// writeCSV writes a line (RFC 4180). What a spreadsheet would take for a formula, and run,
// is made text.
func writeCSV(b *bytes.Buffer, cells []string) {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) && !isNumber(cell) {
			cell = "'" + cell
		}
		safe[i] = cell
	}
	w := csv.NewWriter(b)
	_ = w.Write(safe) // into memory
	w.Flush()
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && strings.Trim(s, "-0123456789.eE+") == ""
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

type exportEventsInput struct {
	eventFilter
	exportFormat
}

func (n *native) exportEvents(c *api.Call, in exportEventsInput) error {
	x := export[wire.Event]{
		name:    "events",
		columns: []string{"id", "created_at", "app", "type", "subject", "external_id", "deliver_at", "outcome", "delivered", "waiting", "held", "failed", "canceled", "test", "erased", "data"},
		cells: func(e wire.Event) []string {
			var at time.Time
			if e.DeliverAt != nil {
				at = *e.DeliverAt
			}
			o := e.Outcome
			return []string{
				e.ID.String(), csvTime(e.CreatedAt), e.App, e.Type, e.Subject, e.ExternalID, csvTime(at), string(o.State),
				strconv.Itoa(o.Delivered), strconv.Itoa(o.Waiting), strconv.Itoa(o.Held), strconv.Itoa(o.Failed), strconv.Itoa(o.Canceled),
				strconv.FormatBool(e.Test), strconv.FormatBool(e.Erased), string(e.Data),
			}
		},
		object: wire.Event.EncodeJSON,
	}
	q := in.query()
	q.Limit = exportPage
	var queue []desk.ListedEvent
	begun := false
	return x.write(n, c, in.Format, func() (rows []wire.Event, more bool, err error) {
		if len(queue) == 0 && (!begun || q.Before != 0) {
			list, err := n.desk.Events(c.Context(), c.Principal(), in.App, q)
			if err != nil {
				return nil, false, err
			}
			queue, q.Before, begun = list.Events, list.Next, true
		}
		for bytes := 0; len(queue) > 0 && bytes < exportPiece; queue = queue[1:] {
			e := listedEvent(queue[0])
			if e.Data, err = n.desk.EventData(c.Context(), c.Principal(), e.ID); bellhop.IsNotFound(err) {
				continue // it has expired just now
			} else if err != nil {
				return nil, false, err
			}
			bytes += len(e.Data)
			rows = append(rows, e)
		}
		return rows, len(queue) > 0 || q.Before != 0, nil
	})
}

type exportAttemptsInput struct {
	span
	attemptFilter
	exportFormat
}

func (n *native) exportAttempts(c *api.Call, in exportAttemptsInput) error {
	x := export[wire.Attempt]{
		name: "attempts",
		columns: []string{
			"id", "started_at", "app", "type", "event", "endpoint", "delivery", "trigger", "number", "status", "response_status", "reason", "detail",
			"duration_ms", "final", "next_at", "method", "url",
		},
		cells: func(a wire.Attempt) []string {
			answer, method := "", a.Method
			if a.ResponseStatus != 0 {
				answer = strconv.Itoa(a.ResponseStatus)
			}
			if method == "" && a.URL != "" {
				method = http.MethodPost
			}
			return []string{
				a.ID.String(), csvTime(a.StartedAt), a.App, a.Type, a.Event.String(), a.Endpoint.String(), a.Delivery.String(), string(a.Trigger),
				strconv.Itoa(a.Number), string(a.Status), answer, a.Reason, a.Detail,
				strconv.FormatInt(a.DurationMS, 10), strconv.FormatBool(a.Final), csvTime(a.NextAt), method, a.URL,
			}
		},
		object: func(a wire.Attempt) ([]byte, error) { return json.Marshal(a) },
	}
	f := in.filter()
	f.Since, f.Until, f.Limit = in.Since, in.Until, exportPage
	return x.write(n, c, in.Format, func() ([]wire.Attempt, bool, error) {
		if !in.any() {
			list, next, err := n.desk.LabelledAttempts(c.Context(), c.Principal(), in.App, f, in.labels())
			f.Before = next
			return whole(list, attempt).Data, next != 0, err
		}
		list, err := n.desk.Attempts(c.Context(), c.Principal(), in.App, f)
		if len(list) > 0 {
			f.Before = list[len(list)-1].ID
		}
		return whole(list, attempt).Data, len(list) == exportPage, err
	})
}

type exportDeliveriesInput struct {
	deliveryFilter
	exportFormat
}

func (n *native) exportDeliveries(c *api.Call, in exportDeliveriesInput) error {
	x := export[wire.Delivery]{
		name:    "deliveries",
		columns: []string{"id", "created_at", "app", "type", "event", "endpoint", "trigger", "status", "attempts", "due", "last_attempt"},
		cells: func(d wire.Delivery) []string {
			last := ""
			if d.LastAttempt != 0 {
				last = d.LastAttempt.String()
			}
			return []string{
				d.ID.String(), csvTime(d.CreatedAt), d.App, d.Type, d.Event.String(), d.Endpoint.String(), string(d.Trigger), string(d.Status),
				strconv.Itoa(d.Attempts), csvTime(d.Due), last,
			}
		},
		object: func(d wire.Delivery) ([]byte, error) { return json.Marshal(d) },
	}
	f := in.filter()
	f.Limit = exportPage
	return x.write(n, c, in.Format, func() ([]wire.Delivery, bool, error) {
		if !in.any() {
			list, next, err := n.desk.LabelledDeliveries(c.Context(), c.Principal(), in.App, f, in.labels())
			f.Before = next
			return whole(list, n.delivery).Data, next != 0, err
		}
		list, err := n.desk.Deliveries(c.Context(), c.Principal(), in.App, f)
		if len(list) > 0 {
			f.Before = list[len(list)-1].ID
		}
		return whole(list, n.delivery).Data, len(list) == exportPage, err
	})
}
