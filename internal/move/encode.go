package move

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What a value begins with when it is encoded. They are in databases while a move is
// under way.
const (
	tagNull  = 0
	tagInt   = 1
	tagText  = 2
	tagBytes = 3
)

// appendRow adds values, so that no other values are encoded alike.
func appendRow(b []byte, row Row) []byte {
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			b = append(b, tagNull)
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, tagInt), uint64(v))
		case string:
			b = append(binary.AppendUvarint(append(b, tagText), uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(append(b, tagBytes), uint64(len(v))), v...)
		default:
			panic(fmt.Sprintf("move: a row has a %T", v))
		}
	}
	return b
}

var errEncoding = errors.New("how far the move has come cannot be read")

// decodeRow reads what appendRow has written.
func decodeRow(b []byte) (row Row, err error) {
	for len(b) > 0 {
		tag := b[0]
		b = b[1:]
		switch tag {
		case tagNull:
			row = append(row, nil)
		case tagInt:
			if len(b) < 8 {
				return nil, errEncoding
			}
			row = append(row, int64(binary.BigEndian.Uint64(b)))
			b = b[8:]
		case tagText, tagBytes:
			n, used := binary.Uvarint(b)
			if used <= 0 || n > uint64(len(b)-used) {
				return nil, errEncoding
			}
			b = b[used:]
			if tag == tagText {
				row = append(row, string(b[:n]))
			} else {
				row = append(row, append([]byte{}, b[:n]...))
			}
			b = b[n:]
		default:
			return nil, errEncoding
		}
	}
	return row, nil
}

// size is about what a row takes in memory and in a transaction, in bytes.
func size(row Row) int {
	n := 64
	for _, v := range row {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
		n += 16
	}
	return n
}
