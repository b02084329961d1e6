package history

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/localgit"
)

// Bounds of a tree.
const (
	maxTreeFiles = 200_000
	// maxListing bounds git's list of a tree, maxTreeBytes its contents together,
	// maxFileBytes one file, maxReadBytes what Read returns; in bytes.
	maxListing   = 64 << 20
	maxTreeBytes = 3 << 30
	maxFileBytes = 64 << 20
	maxReadBytes = 16 << 20
)

// TreeError says why a commit's tree cannot be taken.
type TreeError struct {
	// Message names the file, its value and the remedy.
	Message string
}

// Error implements error.
func (e *TreeError) Error() string { return e.Message }

func treeErrorf(format string, args ...any) error {
	return &TreeError{Message: fmt.Sprintf(format, args...)}
}

// Entry is one regular file of a tree.
type Entry struct {
	// Path below the repository's root, with slashes.
	Path string
	// ID of the content.
	ID         string
	Executable bool
}

// Tree is the tree of one commit. It is taken from git's objects, not from a
// checkout: attributes and filters have no say in it.
type Tree struct {
	repository *Repository
	entries    []Entry
	byPath     map[string]int
	// Symlinks and Submodules count what is left out: nothing of ours may follow
	// them.
	Symlinks   int
	Submodules int
}

// Tree lists a commit's files. A *TreeError if it cannot be taken: no files, more
// than 200,000, or paths that are not plain.
func (r *Repository) Tree(ctx context.Context, commit string) (*Tree, error) {
	if !isID(commit) {
		return nil, fmt.Errorf("list a tree: %.80q is no commit's id", commit)
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	listing, err := localgit.Output(ctx, maxListing, "--git-dir", r.dir, "ls-tree", "-r", "-z", "--full-tree", commit)
	if errors.Is(err, localgit.ErrOutput) {
		return nil, treeErrorf("the repository's list of files has more than %d bytes: follow a smaller one", maxListing)
	}
	if err != nil {
		return nil, err
	}
	tree, err := parseListing(string(listing))
	if err != nil {
		return nil, err
	}
	tree.repository = r
	return tree, nil
}

// Borrow returns the tree with files and folders as another tree of the repository
// has them: where that one lacks a name, the result does too.
func (t *Tree) Borrow(from *Tree, names []string) *Tree {
	borrowed := func(path string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return path == name || strings.HasPrefix(path, name+"/") })
	}
	result := &Tree{repository: t.repository, byPath: map[string]int{}, Symlinks: t.Symlinks, Submodules: t.Submodules}
	for _, entry := range t.entries {
		if !borrowed(entry.Path) {
			result.entries = append(result.entries, entry)
		}
	}
	for _, entry := range from.entries {
		if borrowed(entry.Path) {
			result.entries = append(result.entries, entry)
		}
	}
	// In git's order, as every tree.
	slices.SortFunc(result.entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	for i, entry := range result.entries {
		result.byPath[entry.Path] = i
	}
	return result
}

// parseListing reads git's list of a tree: "mode type id TAB path NUL".
func parseListing(listing string) (*Tree, error) {
	tree := &Tree{byPath: map[string]int{}}
	for record := range strings.SplitSeq(listing, "\x00") {
		if record == "" {
			continue
		}
		if err := tree.add(record); err != nil {
			return nil, err
		}
	}
	if len(tree.entries) > maxTreeFiles {
		return nil, treeErrorf("the repository has %d files, the limit is %d: follow a smaller one", len(tree.entries), maxTreeFiles)
	}
	if len(tree.entries) == 0 {
		return nil, treeErrorf("the commit has no files: follow one with code and tests")
	}
	return tree, nil
}

func (t *Tree) add(record string) error {
	attributes, path, ok := strings.Cut(record, "\t")
	fields := strings.Fields(attributes)
	if !ok || len(fields) != 3 || !isID(fields[2]) {
		return fmt.Errorf("git's list of the tree holds %.100q", record)
	}
	switch fields[0] {
	case "120000":
		t.Symlinks++
		return nil
	case "160000":
		t.Submodules++
		return nil
	}
	if path == "." || !fs.ValidPath(path) {
		return treeErrorf("the repository holds the path %.100q, which is not a plain one: rename it", path)
	}
	if t.Has(path) {
		return treeErrorf("the repository holds the path %.100q twice: write the commit anew", path)
	}
	t.byPath[path] = len(t.entries)
	t.entries = append(t.entries, Entry{Path: path, ID: fields[2], Executable: fields[0] == "100755"})
	return nil
}

// Files lists the regular files in git's order.
func (t *Tree) Files() []Entry { return t.entries }

// Has says whether the tree holds a regular file of this path.
func (t *Tree) Has(path string) bool { _, ok := t.byPath[path]; return ok }

// id is the id of a file's content, empty where there is none.
func (t *Tree) id(path string) string {
	if i, ok := t.byPath[path]; ok {
		return t.entries[i].ID
	}
	return ""
}

// Read returns one file's content. ErrTooLarge beyond 16 MiB.
func (t *Tree) Read(path string) ([]byte, error) {
	id := t.id(path)
	if id == "" {
		return nil, fmt.Errorf("the commit has no file %q: %w", path, os.ErrNotExist)
	}
	content, err := t.repository.blobs.read(id, maxReadBytes)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return content, nil
}

// Tree streams the whole tree as Write writes it. Close the result.
func (t *Tree) Tree(ctx context.Context) (io.ReadCloser, error) {
	reader, writer := io.Pipe()
	go func() {
		_, err := t.Write(ctx, writer)
		writer.CloseWithError(err)
	}()
	return reader, nil
}

// Write writes the regular files as an uncompressed tar, in git's order, without
// owners and times, and returns the bytes of their contents: the same commit
// gives the same bytes. A *TreeError for a file of more than 64 MiB, or more than
// 3 GiB in all.
func (t *Tree) Write(ctx context.Context, w io.Writer) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, walkLimit)
	defer cancel()
	git, err := t.repository.start(ctx, "cat-file", "--batch")
	if err != nil {
		return 0, err
	}
	defer git.Stop()
	buffered := bufio.NewWriterSize(w, 1<<20)
	size, err := writeFiles(buffered, git, t.entries)
	if err == nil {
		err = errors.Join(buffered.Flush(), git.Wait())
	}
	return size, err
}

// writeFiles asks for one file after another: git's answer is read before the
// next question, so neither waits for the other.
func writeFiles(w io.Writer, git *localgit.Process, entries []Entry) (int64, error) {
	archive := tar.NewWriter(w)
	var total int64
	for _, entry := range entries {
		if _, err := io.WriteString(git.In, entry.ID+"\n"); err != nil {
			return total, fmt.Errorf("read %s: %w", entry.Path, err)
		}
		size, err := writeFile(archive, git.Out, entry, total)
		if err != nil {
			return total, err
		}
		total += size
	}
	return total, archive.Close()
}

// writeFile copies a file from git's answer to the archive, which holds total
// bytes so far.
func writeFile(archive *tar.Writer, blobs *bufio.Reader, entry Entry, total int64) (int64, error) {
	line, err := blobs.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", entry.Path, err)
	}
	size, err := blobSize(line, entry.ID)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", entry.Path, err)
	}
	if size > maxFileBytes || total+size > maxTreeBytes {
		return 0, treeErrorf("the repository is too large: %.100q has %d bytes (limit %d), the tree so far %d (limit %d): remove it, or follow a smaller repository",
			entry.Path, size, int64(maxFileBytes), total+size, int64(maxTreeBytes))
	}
	mode := int64(0o644)
	if entry.Executable {
		mode = 0o755
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: entry.Path, Mode: mode, Size: size, ModTime: time.Unix(0, 0)}
	if err := archive.WriteHeader(header); err != nil {
		return 0, fmt.Errorf("write tree: %w", err)
	}
	if _, err := io.CopyN(archive, blobs, size); err != nil {
		return 0, fmt.Errorf("write tree: %s: %w", entry.Path, err)
	}
	if _, err := blobs.Discard(1); err != nil {
		return 0, fmt.Errorf("write tree: %s: %w", entry.Path, err)
	}
	return size, nil
}
