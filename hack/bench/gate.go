package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/internal/gate/simulation"
)

// gateBench is one call of the command.
type gateBench struct {
	runs, sequences int
	seed            uint64
}

func newGate() *cobra.Command {
	b := gateBench{}
	cmd := &cobra.Command{
		Use: "gate", Short: "Simulate the gate: false promotions, power, sequences of commits", Args: cobra.NoArgs,
		RunE: reported(func(_ context.Context, out io.Writer) error { return b.run(out) }),
	}
	cmd.Flags().IntVar(&b.runs, "runs", 10000, "runs of each cell")
	cmd.Flags().IntVar(&b.sequences, "sequences", 60, "runs of each sequence of 100 commits")
	cmd.Flags().Uint64Var(&b.seed, "seed", 1, "seed of all draws")
	return cmd
}

func (b gateBench) run(out io.Writer) error {
	fmt.Fprintf(out, "False promotions, %d runs a cell, seed %d\n\n| cell | declared | simulated | by look |\n|---|---|---|---|\n", b.runs, b.seed)
	above := 0
	for _, c := range simulation.FalsePromotions() {
		o := c.Run(b.runs, b.seed)
		if o.Above(c.Level) {
			above++
		}
		fmt.Fprintf(out, "| %s | %.2f | %.4f | %v |\n", c.Name, c.Level, o.Rate(), o.ByLook)
	}
	fmt.Fprintf(out, "\nPower: an equally good candidate is promoted, %d runs a cell\n\n| cell | predicted | simulated |\n|---|---|---|\n", b.runs)
	for _, c := range simulation.Power() {
		fmt.Fprintf(out, "| %s | %.2f | %.2f |\n", c.Name, c.Predicted, c.Run(b.runs, b.seed).Rate())
	}
	fmt.Fprintf(out, "\nSequences of 100 commits, %d runs each; points lost to the first model\n\n| sequence | promotions | lost, mean | lost, worst run | runs beyond %d points | stopped by CUSUM |\n|---|---|---|---|---|---|\n",
		b.sequences, simulation.BeyondPoints)
	for _, s := range simulation.Sequences() {
		o := s.Run(b.sequences, b.seed)
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f | %d | %d |\n", s.Name, o.Promotions, o.Lost, o.MostLost, o.Beyond, o.Held)
	}
	if above > 0 {
		return fmt.Errorf("%d cells promote more often than declared", above)
	}
	return nil
}
