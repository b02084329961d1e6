package fetch

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/stage"
)

// Bounds of a tree.
const (
	maxTreeFiles = 200_000
	maxTreeBytes = 3 << 30
	maxFileBytes = 64 << 20
)

// entry is one blob of the commit's tree.
type entry struct {
	mode, id, path string
}

// writeTree writes the commit's regular files as an uncompressed tar, in git's
// order, without owners and times: the same commit gives the same bytes.
func (r repository) writeTree(ctx context.Context, file string, counts map[string]int64) (err error) {
	listing, err := r.inside(ctx, "ls-tree", "-r", "-z", "--full-tree", headRef)
	if err != nil {
		return err
	}
	entries, err := parseListing(listing, counts)
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buffered := bufio.NewWriterSize(out, 1<<20)
	if err := r.writeBlobs(ctx, buffered, entries, counts); err != nil {
		return err
	}
	return buffered.Flush()
}

// parseListing reads git's list of a tree. Symbolic links and submodules are
// left out and counted: nothing of ours may follow them.
func parseListing(listing []byte, counts map[string]int64) ([]entry, error) {
	var entries []entry
	for record := range strings.SplitSeq(strings.TrimRight(string(listing), "\x00"), "\x00") {
		if record == "" {
			continue
		}
		attributes, path, ok := strings.Cut(record, "\t")
		fields := strings.Fields(attributes)
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("git's list of the tree holds %.100q", record)
		}
		switch fields[0] {
		case "120000":
			counts["symlinksSkipped"]++
			continue
		case "160000":
			counts["submodulesSkipped"]++
			continue
		}
		if !fs.ValidPath(path) {
			return nil, stage.Fail(v1alpha1.FailureData, nil, "the repository holds the path %.100q, which is not a plain one: rename it", path)
		}
		entries = append(entries, entry{mode: fields[0], id: fields[2], path: path})
	}
	if len(entries) > maxTreeFiles {
		return nil, stage.Fail(v1alpha1.FailureData, nil, "the repository has %d files, the limit is %d: follow a smaller one", len(entries), maxTreeFiles)
	}
	if len(entries) == 0 {
		return nil, stage.Fail(v1alpha1.FailureData, nil, "the commit has no files: follow one with code and tests")
	}
	return entries, nil
}

// writeBlobs streams the contents through one git process.
func (r repository) writeBlobs(ctx context.Context, w io.Writer, entries []entry, counts map[string]int64) error {
	ctx, cancel := context.WithTimeout(ctx, localLimit)
	defer cancel()
	cmd := localGit(ctx, "--git-dir", r.bare(), "cat-file", "--batch")
	var ids strings.Builder
	for _, e := range entries {
		ids.WriteString(e.id + "\n")
	}
	cmd.Stdin = strings.NewReader(ids.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git cat-file: %w", err)
	}
	err = copyBlobs(w, bufio.NewReaderSize(stdout, 1<<20), entries, counts)
	if err != nil {
		cancel() // git still writes what nobody reads
	}
	if waitErr := cmd.Wait(); err == nil && waitErr != nil {
		return fmt.Errorf("git cat-file: %w: %.300s", waitErr, stderr.String())
	}
	return err
}

func copyBlobs(w io.Writer, blobs *bufio.Reader, entries []entry, counts map[string]int64) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		size, err := blobSize(blobs, e)
		if err != nil {
			return err
		}
		counts["bytes"] += size
		if size > maxFileBytes || counts["bytes"] > maxTreeBytes {
			return stage.Fail(v1alpha1.FailureData, nil, "the repository is too large: %.100q has %d bytes (limit %d), the tree so far %d (limit %d): remove it, or follow a smaller repository", e.path, size, int64(maxFileBytes), counts["bytes"], int64(maxTreeBytes))
		}
		mode := int64(0o644)
		if e.mode == "100755" {
			mode = 0o755
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.path, Mode: mode, Size: size, ModTime: time.Unix(0, 0)}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("write tree: %w", err)
		}
		if _, err := io.CopyN(archive, blobs, size); err != nil {
			return fmt.Errorf("write tree: %s: %w", e.path, err)
		}
		if _, err := blobs.Discard(1); err != nil {
			return fmt.Errorf("write tree: %s: %w", e.path, err)
		}
		counts["files"]++
	}
	return archive.Close()
}

// blobSize reads the line that git puts before an object.
func blobSize(blobs *bufio.Reader, e entry) (int64, error) {
	line, err := blobs.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", e.path, err)
	}
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != e.id || fields[1] != "blob" {
		return 0, fmt.Errorf("read %s: git says %.100q", e.path, line)
	}
	return strconv.ParseInt(fields[2], 10, 64)
}
