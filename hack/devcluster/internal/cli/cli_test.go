package cli

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", filepath.Join(t.TempDir(), "state"))
	var out bytes.Buffer
	root := New()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(io.Discard)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestEachCommandHasHelp(t *testing.T) {
	for _, command := range New().Commands() {
		if command.Hidden {
			continue
		}
		out, err := run(t, command.Name(), "--help")
		if err != nil || !strings.Contains(out, "Usage:") || command.Short == "" {
			t.Errorf("%s --help: %v\n%s", command.Name(), err, out)
		}
	}
}

func TestRefusedBeforeAnythingIsDone(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"bad name":             {[]string{"up", "--name", "Dev"}, "cluster name"},
		"not up":               {[]string{"kubeconfig"}, "is not up"},
		"load without a file":  {[]string{"load-image"}, "requires at least 1 arg"},
		"image to nowhere":     {[]string{"image"}, "want --tag with --out, or --push"},
		"image without a tag":  {[]string{"image", "--out", "x.tar"}, "want --tag"},
		"archive, or pushed":   {[]string{"image", "--tag", "x:1", "--out", "x.tar", "--unless-pushed"}, "--unless-pushed goes with --push"},
		"image, bad add":       {[]string{"image", "--push", "r/x:1", "--add", "x"}, "SRC:DST"},
		"packages, an option":  {[]string{"rootfs", "--packages", "--arch"}, "not the name of a Debian package"},
		"no such command":      {[]string{"upp"}, "unknown command"},
		"positional name":      {[]string{"up", "dev"}, "unknown command"},
		"status of a bad name": {[]string{"status", "--name", "a/b"}, "cluster name"},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			if _, err := run(t, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNothingIsUp(t *testing.T) {
	if out, err := run(t, "status"); err != nil || out != "no cluster is up\n" {
		t.Errorf("status = %q, %v", out, err)
	}
	if out, err := run(t, "down", "--name", "never-there"); err != nil || out != "" {
		t.Errorf("down = %q, %v", out, err)
	}
}

func TestImageToAnArchive(t *testing.T) {
	out, err := run(t, "image", "--tag", "localhost/x:1", "--out", filepath.Join(t.TempDir(), "x.tar"), "--add", "cli_test.go:/file")
	if err != nil || !strings.HasPrefix(out, "sha256:") {
		t.Errorf("image = %q, %v", out, err)
	}
}

func TestImageIsNotPushedTwice(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	reference := strings.TrimPrefix(server.URL, "http://") + "/x:1"
	first, err := run(t, "image", "--push", reference, "--unless-pushed", "--add", "cli_test.go:/file")
	if err != nil || !strings.HasPrefix(first, "sha256:") {
		t.Fatalf("image = %q, %v", first, err)
	}
	// What is not read cannot be missed.
	again, err := run(t, "image", "--push", reference, "--unless-pushed", "--add", "not-there:/file")
	if err != nil || again != first {
		t.Errorf("image = %q, %v; want %q", again, err, first)
	}
}
