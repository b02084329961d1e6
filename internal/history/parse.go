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

// readCommit reads one commit of git log: "commit parents NUL time NUL message
// NUL", then its files, of which it keeps the number and what was moved as it is:
// pairs of old and new path. io.EOF at the end of the list.
func readCommit(r *bufio.Reader, limits Limits) (Change, [][2]string, error) {
	header, err := readField(r, maxHeader)
	if err != nil {
		return Change{}, nil, err
	}
	ids := strings.Fields(header)
	if len(ids) == 0 || !isID(ids[0]) || len(ids) > 1 && !isID(ids[1]) {
		return Change{}, nil, fmt.Errorf("%w: a commit begins with %.100q", errFormat, header)
	}
	change := Change{Commit: ids[0], Merge: len(ids) > 2}
	if len(ids) > 1 {
		change.Parent = ids[1]
	}
	seconds, err := readField(r, maxHeader)
	if err != nil {
		return Change{}, nil, midway(err)
	}
	change.Time = authorTime(seconds)
	message, err := readField(r, limits.MessageBytes)
	if err != nil {
		return Change{}, nil, midway(err)
	}
	change.Message = strings.ToValidUTF8(message, "\uFFFD")
	files := listed{deleted: map[string]string{}}
	err = files.read(r)
	change.FileCount = files.count
	return change, files.renames(), err
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

// listed is what a commit's list of files tells without their contents.
type listed struct {
	count int
	// deleted are paths by the ids of their contents, added the other way round in
	// the order of the list; both are bounded by maxMoves.
	deleted map[string]string
	added   [][2]string
}

func (l *listed) read(r *bufio.Reader) error {
	for {
		if err := skip(r, "\x00\n"); err != nil {
			return endsList(err)
		}
		next, err := r.Peek(1)
		if err != nil || next[0] != ':' {
			return endsList(err)
		}
		file, err := readRaw(r)
		if err != nil {
			return err
		}
		l.count++
		switch {
		case file.Status == StatusDeleted && len(l.deleted) < maxMoves:
			l.deleted[file.Before] = file.Path
		case file.Status == StatusAdded && len(l.added) < maxMoves:
			l.added = append(l.added, [2]string{file.Path, file.After})
		}
	}
}

// renames pairs the files that went with those that came with the same content.
// git pairs them too, but takes most of a minute where a hundred thousand files
// have the same one. Of several that are the same any may stand for the other.
func (l *listed) renames() [][2]string {
	var renames [][2]string
	for _, file := range l.added {
		if old, moved := l.deleted[file[1]]; moved {
			renames = append(renames, [2]string{old, file[0]})
			delete(l.deleted, file[1])
		}
	}
	return renames
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
		switch next[0] {
		case ':':
			file, err := readRaw(r)
			if err != nil {
				return nil, err
			}
			if len(files) == limit {
				return nil, fmt.Errorf("%w: more than %d files", errFormat, limit)
			}
			byPath[file.Path] = len(files)
			files = append(files, file)
		case endOfChange[0]:
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

// readRaw reads ":mode mode before after status NUL path NUL", with a second path for a
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

// endsList takes the end of the input for the end of a list.
func endsList(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
