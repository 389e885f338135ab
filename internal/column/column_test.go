package column_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/column"
)

// Whatever others decide the size of counts in a transaction.
func TestAttemptsWeighWhatTheyHold(t *testing.T) {
	const large = 16 << 10
	long := http.Header{"X": {strings.Repeat("x", large/2), strings.Repeat("y", large/2)}}
	light := column.Weigh(make([]bellhop.Result, 3), 100)
	for name, a := range map[string]bellhop.Attempt{
		"response headers": {ResponseHeader: long},
		"request headers":  {RequestHeader: long},
		"response body":    {ResponseBody: bytes.Repeat([]byte("x"), large)},
	} {
		if got := column.Weigh([]bellhop.Result{{}, {Attempt: a}, {}}, 100) - light; got < large || got > large+100 {
			t.Errorf("%s of %d bytes weigh %d", name, large, got)
		}
	}
}
