package sandbox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Bounds of a tree.
const (
	maxTreeBytes   = 4 << 30
	maxTreeEntries = 250_000
	maxNameBytes   = 1024
)

// eachEntry reads a tar stream within bounds and gives every folder, regular
// file and symbolic link to a function. Other entries are refused: devices,
// FIFOs and hard links have no place in a tree.
func eachEntry(stream io.Reader, visit func(header *tar.Header, content io.Reader) error) error {
	reader := tar.NewReader(stream)
	var bytes int64
	for entries := 0; ; entries++ {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read tree: %w", err)
		}
		header.Name = path.Clean(strings.TrimPrefix(header.Name, "./"))
		bytes += header.Size
		switch {
		case entries >= maxTreeEntries:
			return fmt.Errorf("the tree has more than %d entries", maxTreeEntries)
		case header.Size < 0 || bytes > maxTreeBytes:
			return fmt.Errorf("the tree has more than %d bytes", int64(maxTreeBytes))
		case len(header.Name) > maxNameBytes || !fs.ValidPath(header.Name):
			return fmt.Errorf("the tree holds the forbidden name %.100q", header.Name)
		}
		switch header.Typeflag {
		case tar.TypeDir, tar.TypeReg, tar.TypeSymlink:
			if err := visit(header, io.LimitReader(reader, header.Size)); err != nil {
				return err
			}
		case tar.TypeXGlobalHeader:
		default:
			return fmt.Errorf("the tree holds %.100q, which is neither file, folder nor symbolic link", header.Name)
		}
	}
}

// unpack writes a tar stream below a root. The root refuses every path that
// leads out of it, also through symbolic links that came before.
func unpack(root *os.Root, stream io.Reader, keepLink func(name, target string) bool) error {
	return eachEntry(stream, func(header *tar.Header, content io.Reader) error {
		if header.Name == "." {
			return nil
		}
		if header.Typeflag == tar.TypeDir {
			return root.MkdirAll(header.Name, 0o755)
		}
		if err := root.MkdirAll(path.Dir(header.Name), 0o755); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
		if header.Typeflag == tar.TypeSymlink {
			if !keepLink(header.Name, header.Linkname) {
				return nil
			}
			return root.Symlink(header.Linkname, header.Name)
		}
		mode := fs.FileMode(0o644)
		if header.Mode&0o111 != 0 {
			mode = 0o755
		}
		return writeFile(root, header.Name, content, mode)
	})
}

// linksInside keeps symbolic links that stay below the tree's root.
func linksInside(name, target string) bool {
	return !path.IsAbs(target) && fs.ValidPath(path.Join(path.Dir(name), target))
}

// allLinks keeps every symbolic link: an environment links to its interpreter.
func allLinks(string, string) bool { return true }

func writeFile(root *os.Root, name string, content io.Reader, mode fs.FileMode) (err error) {
	file, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, content); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// pack writes everything below a root as a tar stream.
func pack(root *os.Root, w io.Writer) error {
	writer := tar.NewWriter(w)
	if err := writer.AddFS(root.FS()); err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return writer.Close()
}

// copyTar passes a hostile tar stream on as a clean one: within bounds, names
// checked, without owners and times.
func copyTar(w io.Writer, stream io.Reader) error {
	writer := tar.NewWriter(w)
	err := eachEntry(stream, func(header *tar.Header, content io.Reader) error {
		clean := &tar.Header{Typeflag: header.Typeflag, Name: header.Name, Mode: header.Mode & 0o755, Linkname: header.Linkname, Format: tar.FormatPAX}
		if header.Typeflag == tar.TypeReg {
			clean.Size = header.Size
		}
		if err := writer.WriteHeader(clean); err != nil {
			return fmt.Errorf("pass on %.100q: %w", header.Name, err)
		}
		_, err := io.Copy(writer, content)
		return err
	})
	return errors.Join(err, writer.Close())
}
