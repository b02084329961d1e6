package task

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Limits bound what is read: a file on the volume can be corrupted, and samples
// hold what repository code wrote.
type Limits struct {
	// Bytes of the whole document, LineBytes of one line.
	Bytes     int64
	LineBytes int
	Lines     int
}

// DefaultLimits fit the largest unit of the largest repository.
func DefaultLimits() Limits {
	return Limits{Bytes: 4 << 30, LineBytes: 16 << 20, Lines: 1_000_000}
}

// ErrLines is wrapped by every error about the content of a document of lines.
var ErrLines = errors.New("JSON Lines refused")

// ErrLong is wrapped, with ErrLines, by the error about a line of too many bytes.
var ErrLong = errors.New("longer than the limit")

// Scan calls visit for each line with its number, from 1, and its bytes, which
// are valid until visit returns. A line that cannot be read as one, being too long
// (ErrLong) or cut short at the end of the document, comes as an error in place of
// its bytes, and reading goes on behind it: the visitor decides whether that ends
// the document. A document of too many lines or bytes ends with an error of Scan.
func Scan(r io.Reader, limits Limits, visit func(number int, line []byte, err error) error) error {
	bounded := &io.LimitedReader{R: r, N: limits.Bytes + 1}
	reader := bufio.NewReaderSize(bounded, 64<<10)
	for number := 1; ; number++ {
		line, err := readLine(reader, limits.LineBytes)
		switch {
		case bounded.N <= 0:
			return fmt.Errorf("%w: more than %d bytes", ErrLines, limits.Bytes)
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case number > limits.Lines:
			return fmt.Errorf("%w: more than %d lines", ErrLines, limits.Lines)
		case errors.Is(err, io.EOF):
			return visit(number, nil, fmt.Errorf("%w: line %d is cut short", ErrLines, number))
		case err != nil && !errors.Is(err, ErrLong):
			return fmt.Errorf("%w: line %d: %w", ErrLines, number, err)
		}
		if err != nil {
			line, err = nil, fmt.Errorf("%w: line %d: %w of %d bytes", ErrLines, number, err, limits.LineBytes)
		}
		if err := visit(number, line, err); err != nil {
			return err
		}
	}
}

// Decode reads one JSON value a line and calls visit for each with its number,
// from 1. It stops at the first error. Empty lines, and a last line without a
// newline, are refused: a writer of ours leaves neither.
func Decode[T any](r io.Reader, limits Limits, visit func(number int, value T) error) error {
	return Scan(r, limits, func(number int, line []byte, err error) error {
		if err != nil {
			return err
		}
		var value T
		if err := json.Unmarshal(line, &value); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrLines, number, err)
		}
		return visit(number, value)
	})
}

// readLine returns one line with its newline; io.EOF with what is left. Of a line
// beyond the limit it keeps nothing and returns ErrLong once it is behind it.
func readLine(reader *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := reader.ReadSlice('\n')
		if long = long || len(line)+len(part) > limit; !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return nil, ErrLong
		default:
			return line, err
		}
	}
}

// ReadFile reads all values of a file within the default limits.
func ReadFile[T any](path string) ([]T, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var values []T
	err = Decode(file, DefaultLimits(), func(_ int, value T) error {
		values = append(values, value)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// Encode writes values, one a line. The same values give the same bytes.
func Encode[T any](w io.Writer, values []T) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for _, value := range values {
		if err := encoder.Encode(value); err != nil {
			return fmt.Errorf("encode a line: %w", err)
		}
	}
	return buffered.Flush()
}

// WriteFile writes values to a new file.
func WriteFile[T any](path string, values []T) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return Encode(file, values)
}
