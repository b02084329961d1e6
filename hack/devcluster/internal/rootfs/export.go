package rootfs

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Export copies a gzipped archive, and uncompresses it if the name of the copy
// does not say that it is compressed.
func Export(archive, out string) (err error) {
	source, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer source.Close()
	var reader io.Reader = source
	if !strings.HasSuffix(out, ".gz") {
		if reader, err = gzip.NewReader(source); err != nil {
			return fmt.Errorf("export: %s: %w", archive, err)
		}
	}
	target, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := io.Copy(target, reader); err != nil {
		return fmt.Errorf("export %s: %w", out, err)
	}
	return nil
}
