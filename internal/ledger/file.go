package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/repoexpert/operator/internal/task"
)

// FileName of the ledger below the artifact volume's ledger folder.
const FileName = "split.jsonl"

// maxFile bounds the ledger, in bytes: a million functions.
const maxFile = 256 << 20

// ErrCorrupt says that the ledger has a line that no crash explains.
var ErrCorrupt = errors.New("ledger is corrupt")

// File is the ledger on disk. One process uses it at a time.
type File struct {
	path string
}

// Open returns the ledger in a folder, made when it is missing.
func Open(folder string) (*File, error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, fmt.Errorf("making the ledger's folder: %w", err)
	}
	return &File{path: filepath.Join(folder, FileName)}, nil
}

// Read returns the entries. A last line that a crash cut short is removed from
// the file; any other line that does not parse is ErrCorrupt.
func (f *File) Read() ([]Entry, error) {
	content, err := f.content()
	if err != nil {
		return nil, err
	}
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	if len(whole) < len(content) {
		if err := f.truncate(int64(len(whole))); err != nil {
			return nil, err
		}
	}
	var entries []Entry
	number := 0
	for line := range bytes.Lines(whole) {
		number++
		entry, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%w: %s line %d: %w", ErrCorrupt, FileName, number, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func (f *File) content() ([]byte, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrCorrupt, FileName, maxFile)
	}
	return content, nil
}

func parse(line []byte) (Entry, error) {
	var entry Entry
	if err := json.Unmarshal(line, &entry); err != nil {
		return Entry{}, err
	}
	if entry.Member == "" || (entry.Side != task.SideTrain && entry.Side != task.SideEvaluation) {
		return Entry{}, fmt.Errorf("member %.40q has the side %.20q", entry.Member, entry.Side)
	}
	return entry, nil
}

func (f *File) truncate(size int64) error {
	if err := os.Truncate(f.path, size); err != nil {
		return fmt.Errorf("removing the ledger's torn last line: %w", err)
	}
	return nil
}

// Append records entries and returns when they are on disk. Call Read first: it
// removes a torn last line, which an append would turn into a corrupt one.
func (f *File) Append(entries []Entry) (err error) {
	if len(entries) == 0 {
		return nil
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, entry := range entries {
		if err := encoder.Encode(entry); err != nil {
			return fmt.Errorf("encoding a ledger entry: %w", err)
		}
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("opening the ledger: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(lines.Bytes()); err != nil {
		return fmt.Errorf("appending to the ledger: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("flushing the ledger: %w", err)
	}
	return syncFolder(filepath.Dir(f.path))
}

// syncFolder makes the file's own name durable.
func syncFolder(folder string) error {
	directory, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("opening the ledger's folder: %w", err)
	}
	defer func() { _ = directory.Close() }()
	if err := directory.Sync(); err != nil {
		return fmt.Errorf("flushing the ledger's folder: %w", err)
	}
	return nil
}
