package simulation

import "testing"

// A model that loses half a point a commit is followed down where only the served
// model is compared, and not where an anchor is.
func TestTheAnchorStopsTheRatchet(t *testing.T) {
	const runs = 20
	sequence := Sequence{Commits: 100, Decay: 0.005, Clusters: 118}
	without := sequence.Run(runs, seed)
	sequence.Anchored, sequence.Watched = true, true
	with := sequence.Run(runs, seed)
	t.Logf("without: %+v", without)
	t.Logf("with: %+v", with)
	if without.Lost < 12 {
		t.Errorf("without an anchor only %.1f points are lost: the sequence proves nothing", without.Lost)
	}
	if with.Lost > 10 || with.Beyond > runs/10 {
		t.Errorf("with an anchor %.1f points are lost, and %d of %d runs lose more than %d", with.Lost, with.Beyond, runs, BeyondPoints)
	}
}

// Models that stay as good go on being promoted, and no drift is seen.
func TestSteadyModelsAreStillPromoted(t *testing.T) {
	const runs = 15
	outcome := Sequence{Commits: 100, Clusters: 118, Anchored: true, Watched: true}.Run(runs, seed)
	t.Logf("%+v", outcome)
	if outcome.Promotions < 50 || outcome.Held > 2 {
		t.Errorf("%.1f of 100 promoted, %d of %d held", outcome.Promotions, outcome.Held, runs)
	}
}
