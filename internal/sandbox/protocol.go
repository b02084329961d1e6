package sandbox

import (
	"io/fs"
	"path"
	"strings"
	"time"
)

// Paths of the HTTP protocol on the socket.
const (
	infoPath        = "/v1/info"
	runPath         = "/v1/run"
	treePath        = "/v1/tree"
	environmentPath = "/v1/environment"
	filesPath       = "/v1/files"
	copyPath        = "/v1/copy"
	removePath      = "/v1/remove"

	dirParameter = "dir"
)

// Bounds of the protocol.
const (
	maxRequestBytes    = 16 << 20
	maxErrorBytes      = 16 << 10
	maxMessageBytes    = 1 << 10
	defaultOutputLimit = 64 << 10
	maxOutputLimit     = 16 << 20
	// MaxTimeout of one command.
	MaxTimeout = 6 * time.Hour
	// killGrace is how long after a command's time-out the sidecar may need to
	// kill a tree of processes, and answerGrace how much longer it may answer.
	killGrace   = 15 * time.Second
	answerGrace = 15 * time.Second
	// transferTimeout bounds what is no command.
	transferTimeout = 20 * time.Minute
)

// Codes of errors.
const (
	codeRefused     = "refused"
	codeTooLarge    = "too-large"
	codeNotIsolated = "not-isolated"
	codeNoSpace     = "no-space"
	codeFailed      = "failed"
)

type info struct {
	Root string `json:"root"`
}

type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type readRequest struct {
	Dir      string   `json:"dir"`
	Paths    []string `json:"paths"`
	MaxBytes int64    `json:"maxBytes"`
}

type copyRequest struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type removeRequest struct {
	Dir string `json:"dir"`
}

// checkDir refuses what is no path below the root. The root itself is allowed
// where nothing is replaced.
func checkDir(dir string, rootAllowed bool) (string, error) {
	clean := path.Clean(dir)
	if !fs.ValidPath(clean) || len(clean) > maxNameBytes || strings.ContainsRune(clean, 0) {
		return "", refuse("%q is no directory below the box's root", printable(dir))
	}
	if clean == "." && !rootAllowed {
		return "", refuse("the box's root itself cannot be replaced")
	}
	return clean, nil
}

// printable bounds a text and replaces what does not print.
func printable(text string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxMessageBytes)], "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
