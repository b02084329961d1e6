package local

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// shownHead and shownTail are the lines that are shown of a long observation.
	shownHead = 8
	shownTail = 4
	// shownWidth bounds its lines, in characters.
	shownWidth = 160
)

// Style says how a sample is shown.
type Style struct {
	// Full shows observations whole.
	Full bool
	// Colour marks roles by colours of a terminal.
	Colour bool
}

// SGR codes of a terminal, see ECMA-48.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// Show writes a sample for people to read: what it is, its turns, and what
// verified it. Text of a sample is shown with its control characters made
// visible: it may have been written by anybody.
func Show(out io.Writer, sample task.Sample, style Style) error {
	s := shower{style: style}
	s.meta(sample.Meta)
	turn := 0
	for _, message := range sample.Messages {
		if message.Role == task.RoleAssistant {
			turn++
		}
		s.message(message, turn)
	}
	s.paint("verified", green, bold)
	s.line("  " + sample.Meta.Verification)
	_, err := io.WriteString(out, s.text.String())
	return err
}

type shower struct {
	style Style
	text  strings.Builder
}

func (s *shower) meta(meta task.Meta) {
	s.paint(string(meta.Unit)+" "+meta.TaskID, bold)
	s.line("")
	for _, field := range []struct{ name, value string }{
		{"path", meta.Path}, {"commit", meta.Commit}, {"cluster", meta.Cluster}, {"provenance", meta.Provenance},
		{"recovered", yes(meta.Recovered)}, {"tokens", number(meta.Tokens)}, {"CPU s", decimals(meta.CPUSeconds)},
	} {
		if field.value != "" {
			s.line(fmt.Sprintf("  %-10s %s", field.name, field.value))
		}
	}
	s.line("")
}

func yes(value bool) string {
	if value {
		return "a failing first edit and its repair"
	}
	return ""
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func decimals(x float64) string {
	if x == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", x)
}

func (s *shower) message(m task.Message, turn int) {
	switch m.Role {
	case task.RoleAssistant:
		s.paint(fmt.Sprintf("turn %d", turn), cyan, bold)
		if m.Loss == task.LossNone {
			s.paint("  not learned", yellow, bold)
		}
		s.line("")
		s.assistant(m.Content)
	case task.RoleUser:
		s.user(m.Content)
	default:
		s.paint(string(m.Role), bold)
		s.line("")
		s.block(m.Content, faint)
	}
	s.line("")
}

// assistant shows thought and command; what is not in the protocol is shown as
// it is.
func (s *shower) assistant(content string) {
	actions := agent.Actions(content)
	thought, _, found := strings.Cut(content, "```bash")
	if len(actions) != 1 || !found {
		s.block(content)
		return
	}
	s.block(strings.TrimSpace(thought))
	prompt := "  $ "
	for line := range strings.Lines(actions[0]) {
		s.paint(prompt, green, bold)
		s.line(visible(strings.TrimRight(line, "\n")))
		prompt = "  > "
	}
}

// user shows an observation with its return code, or a task.
func (s *shower) user(content string) {
	observed, ok := agent.ParseObservation(content)
	if !ok {
		s.paint("user", bold)
		s.line("")
		s.block(content)
		return
	}
	colour := green
	if observed.ReturnCode != 0 {
		colour = red
	}
	s.paint(fmt.Sprintf("  returned %d", observed.ReturnCode), colour)
	s.line("")
	s.observation(observed.Output)
}

// block shows all lines, indented.
func (s *shower) block(text string, codes ...string) {
	for line := range strings.Lines(text) {
		s.paint("  "+visible(strings.TrimRight(line, "\n")), codes...)
		s.line("")
	}
}

// observation shows the lines of an output, the middle of many and the ends of
// long ones left out.
func (s *shower) observation(text string) {
	lines := slices.Collect(strings.Lines(text))
	if s.style.Full || len(lines) <= shownHead+shownTail+1 {
		s.block(s.narrow(lines), faint)
		return
	}
	s.block(s.narrow(lines[:shownHead]), faint)
	s.paint(fmt.Sprintf("  [%d lines left out, --full shows them]", len(lines)-shownHead-shownTail), yellow)
	s.line("")
	s.block(s.narrow(lines[len(lines)-shownTail:]), faint)
}

// narrow cuts long lines.
func (s *shower) narrow(lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		line = strings.TrimRight(line, "\n")
		if runes := []rune(line); !s.style.Full && len(runes) > shownWidth {
			line = string(runes[:shownWidth]) + " […]"
		}
		text.WriteString(line + "\n")
	}
	return text.String()
}

func (s *shower) line(text string) { s.text.WriteString(text + "\n") }

func (s *shower) paint(text string, codes ...string) {
	if s.style.Colour && len(codes) > 0 {
		text = "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
	}
	s.text.WriteString(text)
}

// visible escapes what would move a terminal's cursor or change its state.
func visible(text string) string {
	var out strings.Builder
	for _, r := range text {
		if r == '\t' || unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "\\x%02x", r)
		}
	}
	return out.String()
}
