// Package command runs the programs of the machine (ip, apt-get, debootstrap ...)
// and turns their failure into an error that says what they said.
package command

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// maxOutputInError keeps an error readable: the cause is in the last lines.
const maxOutputInError = 600

// Run runs a program to its end. The error holds the command line and the end of
// what the program wrote.
func Run(ctx context.Context, name string, args ...string) error {
	_, err := Capture(exec.CommandContext(ctx, name, args...))
	return err
}

// Capture runs a command to its end and returns its standard output.
func Capture(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := Tail(stdout.String()+"\n"+stderr.String(), maxOutputInError)
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, said)
	}
	return stdout.String(), nil
}

// Tail is the last n bytes of a text, on one line.
func Tail(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > n {
		text = "..." + text[len(text)-n:]
	}
	return text
}
