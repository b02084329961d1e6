package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/hack/local"
)

// writes shows what the operator has written to the API server so far, or with an
// idle time what it writes within it from now on.
func (d *demo) writes(ctx context.Context) error {
	after := time.Time{}
	if d.idle > 0 {
		after = time.Now()
		d.display.event("counting for %s …", d.idle)
		select {
		case <-time.After(d.idle):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	counted, err := local.OperatorWrites(ctx, d.root, clusterName, after)
	if err != nil {
		return fmt.Errorf("run `make demo` first: %w", err)
	}
	var out strings.Builder
	for _, what := range slices.Sorted(maps.Keys(counted.Objects)) {
		fmt.Fprintf(&out, "%-32s %6d\n", what, counted.Objects[what])
	}
	fmt.Fprintf(&out, "%-32s %6d\n", "writes to objects", counted.Total())
	fmt.Fprintf(&out, "apart from these: %d of a progress text, %d of events, %d of the leader's lease", counted.Progress, counted.Events, counted.Leases)
	d.display.plain(out.String())
	return nil
}
