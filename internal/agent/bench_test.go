package agent

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/repoexpert/operator/internal/language/conformance"
)

// BenchmarkStep measures what a step of an episode costs beside the command's own
// time: over the socket, through the shell, and in the protocol.
func BenchmarkStep(b *testing.B) {
	box := conformance.StartBox(b)
	tree, err := PrepareTree(b.Context(), box, "repository", bytes.NewReader(conformance.Tar(b, fstest.MapFS{
		"large.txt": {Data: []byte(strings.Repeat("a line of a file that is read\n", 4000))},
	})))
	if err != nil {
		b.Fatal(err)
	}
	for name, command := range map[string]string{"nothing": "true", "read": "cat large.txt", "search": "grep -rn line . | head -50"} {
		b.Run(name, func(b *testing.B) {
			var beside, own time.Duration
			steps := 0
			for b.Loop() {
				turns := make([]string, Paper().MaxSteps)
				for n := range turns {
					turns[n] = say(fmt.Sprintf("%s # %d", command, n))
				}
				started := time.Now()
				transcript, err := Run(b.Context(), Episode{Profile: Paper(), Task: "look around", Model: &replies{turns: turns}, Box: box, Tree: tree})
				if err != nil || transcript.Steps != len(turns) {
					b.Fatalf("%d steps, %v", transcript.Steps, err)
				}
				beside += time.Since(started)
				for _, c := range transcript.Commands {
					own += c.Elapsed
				}
				steps += transcript.Steps
			}
			b.ReportMetric(float64((beside-own).Microseconds())/1000/float64(steps), "overhead-ms/step")
			b.ReportMetric(float64(own.Microseconds())/1000/float64(steps), "command-ms/step")
		})
	}
}
