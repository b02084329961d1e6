package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Bounds of the contents of one change, in bytes.
const (
	maxContentBytes = 1 << 20
	maxChangeBytes  = 16 << 20
)

// Content is one file of a change before and after it.
type Content struct {
	File File
	// Before and After are nil where the file is not.
	Before []byte
	After  []byte
	// Hunks in order of their lines.
	Hunks []Hunk
}

// Hunk is one place where lines were replaced, without context. Starts are
// 1-based; a start whose count is 0 is the line before the place.
type Hunk struct {
	BeforeStart int
	BeforeLines int
	AfterStart  int
	AfterLines  int
}

// Deleted and Added return the lines of a hunk, with their ends.
func (c Content) Deleted(h Hunk) [][]byte { return span(c.Before, h.BeforeStart, h.BeforeLines) }

// Added returns the lines that a hunk adds, with their ends.
func (c Content) Added(h Hunk) [][]byte { return span(c.After, h.AfterStart, h.AfterLines) }

// span returns count lines of a text from a 1-based one; what is outside of the
// text is left out.
func span(text []byte, start, count int) [][]byte {
	if count <= 0 {
		return nil
	}
	all := split(text)
	first := max(0, min(start-1, len(all)))
	return all[first:min(first+count, len(all))]
}

// split splits as git does: at line feeds alone.
func split(text []byte) [][]byte {
	split := bytes.SplitAfter(text, []byte("\n"))
	if len(split[len(split)-1]) == 0 {
		split = split[:len(split)-1]
	}
	return split
}

// Contents reads files of a change before and after it, and compares their lines.
// ErrTooLarge for files of more than 1 MiB and for more than 16 MiB in all.
func (r *Repository) Contents(ctx context.Context, files []File) ([]Content, error) {
	contents := make([]Content, 0, len(files))
	left := int64(maxChangeBytes)
	for _, file := range files {
		content, err := r.content(ctx, file, min(left, maxContentBytes))
		if err != nil {
			return nil, fmt.Errorf("read %.100q: %w", file.Path, err)
		}
		left -= int64(len(content.Before) + len(content.After))
		if left < 0 {
			return nil, fmt.Errorf("read %.100q: %w: all files of the change have more than %d bytes", file.Path, ErrTooLarge, maxChangeBytes)
		}
		contents = append(contents, content)
	}
	return contents, nil
}

func (r *Repository) content(ctx context.Context, file File, limit int64) (Content, error) {
	content := Content{File: file}
	if !file.Regular {
		return content, errors.New("it is no regular file")
	}
	var err error
	if file.Before != "" {
		if content.Before, err = r.blobs.read(file.Before, limit); err != nil {
			return content, err
		}
	}
	if file.After != "" {
		if content.After, err = r.blobs.read(file.After, limit); err != nil {
			return content, err
		}
	}
	content.Hunks, err = r.hunks(ctx, content)
	return content, err
}

// hunks compares the two contents of a file.
func (r *Repository) hunks(ctx context.Context, c Content) ([]Hunk, error) {
	switch {
	case bytes.Equal(c.Before, c.After):
		return nil, nil
	case len(c.Before) == 0:
		return []Hunk{{AfterStart: 1, AfterLines: len(split(c.After))}}, nil
	case len(c.After) == 0:
		return []Hunk{{BeforeStart: 1, BeforeLines: len(split(c.Before))}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	git, err := r.start(ctx, "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--unified=0", "--inter-hunk-context=0",
		"--no-indent-heuristic", "--diff-algorithm=myers", c.File.Before, c.File.After, "--")
	if err != nil {
		return nil, err
	}
	defer git.Stop()
	var hunks []Hunk
	for {
		line, err := readLine(git.Out, maxHeader)
		if err != nil {
			return hunks, errors.Join(atEnd(err), git.Wait())
		}
		// Lines of the files begin with a sign.
		if !strings.HasPrefix(line, "@@ ") {
			continue
		}
		hunk, err := parseHunk(line)
		if err != nil {
			return nil, err
		}
		hunks = append(hunks, hunk)
	}
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@`)

// parseHunk reads "@@ -start,lines +start,lines @@"; one line needs no count.
func parseHunk(line string) (Hunk, error) {
	match := hunkHeader.FindStringSubmatch(line)
	if match == nil {
		return Hunk{}, fmt.Errorf("%w: a hunk begins with %.100q", errFormat, line)
	}
	number := func(i int) int {
		if match[i] == "" {
			return 1
		}
		n, _ := strconv.Atoi(match[i]) // at most nine digits
		return n
	}
	return Hunk{BeforeStart: number(1), BeforeLines: number(2), AfterStart: number(3), AfterLines: number(4)}, nil
}
