// Package golang is the language adapter for Go modules with their own test
// runner.
//
// The worker parses: go/parser is in it, and nothing that lies in the box takes
// part but a list of files. The files are read out one by one, with bounds. So an
// inventory cannot be forged by what runs in the box, and no program of the image
// is needed for it but find.
//
// Tests are compiled once for each package and run as programs of their own
// (tests.go): their exit codes come from the sandbox, and a test that ends its
// program by a panic costs the others no second build. The tree stays as it is:
// what is added to a package comes through an overlay, what is built lies beside.
package golang

import (
	"context"
	"path"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/sandbox"
)

// missingProgram is a shell's exit code for a program that it cannot find.
const missingProgram = 127

// Adapter is the language adapter for Go.
type Adapter struct {
	// environment is where Setup's modules are, as commands in the box see it.
	environment string
}

var _ language.Adapter = Adapter{}

// New returns an adapter.
func New() Adapter { return Adapter{environment: contract.EnvironmentPath} }

// folders are where what a tree's tests need and what is built of them lie.
func folders(dir string) (tools, report string) {
	clean := path.Clean(dir)
	return clean + ".tools", clean + ".report"
}

// absolute is a path of the box as commands inside see it.
func absolute(box sandbox.Box, elements ...string) string {
	return path.Join(append([]string{box.Root()}, elements...)...)
}

// discard removes what a run needed; a box that fails here fails at its next use
// as well, so the error is told there.
func discard(ctx context.Context, box sandbox.Box, dirs ...string) {
	for _, dir := range dirs {
		_ = box.Remove(context.WithoutCancel(ctx), dir)
	}
}
