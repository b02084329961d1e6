package command

import (
	"os/exec"
	"strings"
	"testing"
)

func TestCapture(t *testing.T) {
	if got, err := Capture(exec.Command("sh", "-c", "echo out; echo err >&2")); err != nil || got != "out\n" {
		t.Errorf("Capture = %q, %v", got, err)
	}
	err := Run(t.Context(), "sh", "-c", "echo the cause >&2; exit 4")
	if err == nil || !strings.Contains(err.Error(), "exit status 4") || !strings.Contains(err.Error(), "the cause") {
		t.Errorf("Run = %v", err)
	}
}

func TestTail(t *testing.T) {
	tests := map[string]struct {
		text string
		want string
	}{
		"short":       {"a", "a"},
		"lines":       {" a\n\tb\n", "a b"},
		"end is kept": {"0123456789", "...56789"},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			if got := Tail(tt.text, 5); got != tt.want {
				t.Errorf("Tail = %q, want %q", got, tt.want)
			}
		})
	}
}
