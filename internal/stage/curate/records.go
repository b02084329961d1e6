package curate

import (
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/repoexpert/operator/internal/task"
)

// Bounds of a shard and of one line of it.
const (
	maxShardBytes = 2 << 30
	maxLine       = 1 << 20
	maxSamples    = 1_000_000
)

// readRecords reads one value a line and calls visit for every line: with the
// value, or with the code of why there is none. A bad line ends nothing. An error
// is one of the file, or that it is beyond its bounds.
func readRecords[T any](r io.Reader, visit func(value T, code string)) error {
	limits := task.Limits{Bytes: maxShardBytes, LineBytes: maxLine, Lines: maxSamples}
	return task.Scan(r, limits, func(_ int, line []byte, err error) error {
		value, code := parseRecord[T](line, err)
		visit(value, code)
		return nil
	})
}

// parseRecord reads the value of a line. Text that is not UTF-8 is refused before
// the JSON reader would replace it.
func parseRecord[T any](line []byte, err error) (T, string) {
	var value T
	switch {
	case errors.Is(err, task.ErrLong):
		return value, refusedLength
	case err != nil:
		return value, refusedLine
	case !utf8.Valid(line):
		return value, refusedUTF8
	}
	if err := json.Unmarshal(line, &value); err != nil {
		// What was read before the error must not pass for a record.
		var none T
		return none, refusedLine
	}
	return value, ""
}
