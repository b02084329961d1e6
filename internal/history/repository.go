package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/repoexpert/operator/internal/localgit"
)

const (
	// walkLimit bounds one walk over the history and the writing of a whole tree,
	// listLimit the list of a tree, readLimit the reading, the comparison and the
	// merge of single files. They are for a git that hangs: the first 20,000 commits
	// take seconds.
	walkLimit = 30 * time.Minute
	listLimit = 5 * time.Minute
	readLimit = time.Minute
	// largeFile is the size in bytes from which git takes a file for binary instead
	// of comparing its lines.
	largeFile = "4m"
)

// ErrTooLarge says that a file is larger than what may be read of it.
var ErrTooLarge = errors.New("file is too large")

// Repository is a bare repository whose history ends at one commit. It may be
// used concurrently.
type Repository struct {
	dir, head string
	blobs     *blobs
}

// Open opens a bare repository at a commit: its id, or the full name of a
// reference. Close it. What it starts ends with the context too.
func Open(ctx context.Context, dir, head string) (*Repository, error) {
	if !isID(head) && !strings.HasPrefix(head, "refs/") {
		return nil, fmt.Errorf("open the history: head %.80q is neither a commit's id nor a reference", head)
	}
	out, err := localgit.Output(ctx, 1<<10, "--git-dir", dir, "rev-parse", "--verify", "--quiet", "--end-of-options", head+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("open the history at %s: %w", head, err)
	}
	id := strings.TrimSpace(string(out))
	if !isID(id) {
		return nil, fmt.Errorf("open the history at %s: git says %.80q", head, id)
	}
	git, err := localgit.Start(ctx, "--git-dir", dir, "cat-file", "--batch-command")
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	return &Repository{dir: dir, head: id, blobs: &blobs{git: git}}, nil
}

// Head is the id of the commit that the history ends at.
func (r *Repository) Head() string { return r.head }

// Close ends what reads from the repository.
func (r *Repository) Close() error {
	r.blobs.mu.Lock()
	defer r.blobs.mu.Unlock()
	r.blobs.end(errors.New("the history is closed"))
	return nil
}

func (r *Repository) start(ctx context.Context, args ...string) (*localgit.Process, error) {
	return localgit.Start(ctx, append([]string{"--git-dir", r.dir, "-c", "core.bigFileThreshold=" + largeFile}, args...)...)
}

// isID says whether a text is the full id of an object.
func isID(id string) bool {
	return len(id) == 40 && strings.Trim(id, "0123456789abcdef") == ""
}

// blobs reads the contents of files through one git process: starting one for
// each of thousands of small files would take most of the time.
type blobs struct {
	mu  sync.Mutex
	git *localgit.Process
	err error
}

// end makes every later read fail: after half an answer nothing fits any more.
func (b *blobs) end(err error) {
	if b.err == nil {
		b.err = err
		b.git.Stop()
	}
}

// read returns a file's content by its id. ErrTooLarge beyond limit bytes.
func (b *blobs) read(id string, limit int64) ([]byte, error) {
	if !isID(id) {
		return nil, fmt.Errorf("%.80q is no object's id", id)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, b.err
	}
	// A read that hangs ends with the process that it reads from.
	timer := time.AfterFunc(readLimit, b.git.Kill)
	defer timer.Stop()
	size, err := b.ask("info", id)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("object %s: %w: %d bytes, the limit is %d", id, ErrTooLarge, size, limit)
	}
	if size, err = b.ask("contents", id); err != nil {
		return nil, err
	}
	content := make([]byte, size+1)
	if _, err := io.ReadFull(b.git.Out, content); err != nil {
		b.end(fmt.Errorf("read object %s: %w", id, err))
		return nil, b.err
	}
	return content[:size:size], nil
}

// ask sends a command and reads the line that git answers it with.
func (b *blobs) ask(command, id string) (int64, error) {
	if _, err := fmt.Fprintf(b.git.In, "%s %s\n", command, id); err != nil {
		b.end(fmt.Errorf("read object %s: %w", id, err))
		return 0, b.err
	}
	line, err := b.git.Out.ReadString('\n')
	if err != nil {
		b.end(fmt.Errorf("read object %s: %w", id, err))
		return 0, b.err
	}
	if line == id+" missing\n" {
		return 0, fmt.Errorf("object %s is not in the repository", id)
	}
	size, err := blobSize(line, id)
	if err != nil && command != "info" {
		b.end(err) // contents follow, of a size that nobody knows
	}
	return size, err
}

// blobSize reads the line that git puts before a file's content.
func blobSize(line, id string) (int64, error) {
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != id || fields[1] != "blob" {
		return 0, fmt.Errorf("read object %s: git says %.100q", id, line)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return 0, fmt.Errorf("read object %s: git says %.100q", id, line)
	}
	return size, nil
}
