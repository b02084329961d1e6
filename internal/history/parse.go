package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// maxPath is the longest path, in bytes, that git and Linux know.
	maxPath = 4096
	// maxHeader bounds the line of a commit's id and parents: what comes after the
	// second parent says nothing here.
	maxHeader = 256
	// latest is the last second of the year 9999, after which times have no text.
	latest = 253402300799
)

// errFormat says that git's output is not of the form that was asked for.
var errFormat = errors.New("git's list is not of the expected form")

// listed is what a commit's list of files tells without their contents.
type listed struct {
	count   int
	renames [][2]string
}

// readCommit reads one commit of git log: "commit parents NUL time NUL message
// NUL", then its files. io.EOF at the end of the list.
func readCommit(r *bufio.Reader, limits Limits) (Change, listed, error) {
	header, err := readField(r, maxHeader)
	if err != nil {
		return Change{}, listed{}, err
	}
	ids := strings.Fields(header)
	if len(ids) == 0 || !isID(ids[0]) || len(ids) > 1 && !isID(ids[1]) {
		return Change{}, listed{}, fmt.Errorf("%w: a commit begins with %.100q", errFormat, header)
	}
	change := Change{Commit: ids[0], Merge: len(ids) > 2}
	if len(ids) > 1 {
		change.Parent = ids[1]
	}
	seconds, err := readField(r, maxHeader)
	if err != nil {
		return Change{}, listed{}, midway(err)
	}
	change.Time = authorTime(seconds)
	message, err := readField(r, limits.MessageBytes)
	if err != nil {
		return Change{}, listed{}, midway(err)
	}
	change.Message = strings.ToValidUTF8(message, "\uFFFD")
	files, err := readListed(r)
	change.FileCount = files.count
	return change, files, err
}

// authorTime reads seconds since 1970. What has no time, or one without a text,
// is at the nearest end of what has.
func authorTime(seconds string) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		n = 0
	}
	return time.Unix(max(0, min(n, latest)), 0).UTC()
}

// readListed counts the files of a commit in git log's list and keeps the pairs
// of paths of files that were moved as they are.
func readListed(r *bufio.Reader) (listed, error) {
	var files listed
	for {
		if err := skip(r, "\x00\n"); err != nil {
			return files, atEnd(err)
		}
		next, err := r.Peek(1)
		if err != nil || next[0] != ':' {
			return files, atEnd(err)
		}
		file, err := readRaw(r)
		if err != nil {
			return files, err
		}
		files.count++
		if file.OldPath != "" && len(files.renames) < maxMoves {
			files.renames = append(files.renames, [2]string{file.OldPath, file.Path})
		}
	}
}

// readFiles reads the answer of git diff-tree about one change: the raw list,
// then the counts of lines, then the mark of its end.
func readFiles(r *bufio.Reader, limit int) ([]File, error) {
	var files []File
	byPath := map[string]int{}
	for {
		next, err := r.Peek(1)
		if err != nil {
			return nil, midway(err)
		}
		switch {
		case next[0] == ':':
			file, err := readRaw(r)
			if err != nil {
				return nil, err
			}
			if len(files) == limit {
				return nil, fmt.Errorf("%w: more than %d files", errFormat, limit)
			}
			byPath[file.Path] = len(files)
			files = append(files, file)
		case next[0] == endOfChange[0]:
			return files, readEnd(r)
		default:
			if err := readCounts(r, files, byPath); err != nil {
				return nil, err
			}
		}
	}
}

func readEnd(r *bufio.Reader) error {
	end := make([]byte, len(endOfChange))
	if _, err := io.ReadFull(r, end); err != nil {
		return midway(err)
	}
	if string(end) != endOfChange {
		return fmt.Errorf("%w: %.100q", errFormat, end)
	}
	return nil
}

// modes of regular files begin with this.
const regularMode = "100"

// readRaw reads ":mode mode id id status NUL path NUL", with a second path for a
// renamed file.
func readRaw(r *bufio.Reader) (File, error) {
	line, err := readField(r, maxHeader)
	if err != nil {
		return File{}, midway(err)
	}
	fields := strings.Fields(strings.TrimPrefix(line, ":"))
	if len(fields) != 5 || !isID(fields[2]) || !isID(fields[3]) {
		return File{}, fmt.Errorf("%w: a file begins with %.100q", errFormat, line)
	}
	file := File{Before: fields[2], After: fields[3], Regular: true}
	if file.Status, err = status(fields[4]); err != nil {
		return File{}, err
	}
	if file.Status == StatusAdded {
		file.Before = ""
	} else if !strings.HasPrefix(fields[0], regularMode) {
		file.Regular = false
	}
	if file.Status == StatusDeleted {
		file.After = ""
	} else if !strings.HasPrefix(fields[1], regularMode) {
		file.Regular = false
	}
	if file.Status == StatusRenamed {
		if file.OldPath, err = readPath(r); err != nil {
			return File{}, err
		}
	}
	file.Path, err = readPath(r)
	return file, err
}

func status(letters string) (Status, error) {
	switch letters[0] {
	case 'A':
		return StatusAdded, nil
	case 'M':
		return StatusModified, nil
	case 'D':
		return StatusDeleted, nil
	case 'R':
		return StatusRenamed, nil
	case 'T':
		return StatusRetyped, nil
	default:
		return "", fmt.Errorf("%w: status %.20q", errFormat, letters)
	}
}

// readCounts reads "added TAB deleted TAB path NUL", or for a renamed file "added
// TAB deleted TAB NUL path NUL path NUL", and notes the counts. A binary file has
// "-" for both.
func readCounts(r *bufio.Reader, files []File, byPath map[string]int) error {
	line, err := readField(r, maxPath+maxHeader)
	if err != nil {
		return midway(err)
	}
	fields := strings.SplitN(line, "\t", 3)
	if len(fields) != 3 {
		return fmt.Errorf("%w: counts are %.100q", errFormat, line)
	}
	path := fields[2]
	if path == "" {
		if _, err := readPath(r); err != nil {
			return err
		}
		if path, err = readPath(r); err != nil {
			return err
		}
	}
	i, known := byPath[path]
	if !known {
		return fmt.Errorf("%w: counts of %.100q, which is not in the list", errFormat, path)
	}
	if fields[0] == "-" && fields[1] == "-" {
		files[i].Binary = true
		return nil
	}
	added, addedErr := strconv.ParseUint(fields[0], 10, 31)
	deleted, deletedErr := strconv.ParseUint(fields[1], 10, 31)
	if err := errors.Join(addedErr, deletedErr); err != nil {
		return fmt.Errorf("%w: counts are %.100q", errFormat, line)
	}
	files[i].Added, files[i].Deleted = int(added), int(deleted)
	return nil
}

func readPath(r *bufio.Reader) (string, error) {
	path, err := readField(r, maxPath)
	if err == nil && path == "" {
		err = fmt.Errorf("%w: a path is empty", errFormat)
	}
	return path, midway(err)
}

// readField reads to the next NUL and returns the first limit bytes. io.EOF if
// there is nothing.
func readField(r *bufio.Reader, limit int) (string, error) { return readTo(r, 0, limit) }

// readLine reads to the next line feed, like readField.
func readLine(r *bufio.Reader, limit int) (string, error) { return readTo(r, '\n', limit) }

func readTo(r *bufio.Reader, end byte, limit int) (string, error) {
	var field []byte
	for {
		part, err := r.ReadSlice(end)
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		field = append(field, part[:min(len(part), limit-len(field))]...)
		switch {
		case whole:
			return string(field), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(field) == 0:
			return "", io.EOF
		default:
			return "", midway(err)
		}
	}
}

// skip passes over bytes of a set.
func skip(r *bufio.Reader, set string) error {
	for {
		next, err := r.ReadByte()
		if err != nil {
			return err
		}
		if strings.IndexByte(set, next) < 0 {
			return r.UnreadByte()
		}
	}
}

// midway turns the end of the input into an error where more has to come.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// atEnd takes the end of the input for the end of a list.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
