package contract_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/repoexpert/operator/internal/contract"
)

// digests are those of manifests, so equal only by a draw of the same text.
func digests() *rapid.Generator[string] {
	return rapid.StringMatching(`sha256:[0-9a-f]{64}`)
}

// The digest is on record in ledgers: another release must compute the same.
// It is what `printf 'sha256:%064x\nsha256:%064x' 1 2 | sha256sum` prints.
func TestShardsDigestStaysTheSame(t *testing.T) {
	const (
		one  = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
		two  = "sha256:0000000000000000000000000000000000000000000000000000000000000002"
		want = "sha256:293b08127d1c31d2d8b6a4dcf8ace769fc5131d2a9594af5aaee7e20e413fe73"
	)
	if got := contract.ShardsDigest([]string{one, two}); got != want {
		t.Errorf("digest is %s, want %s", got, want)
	}
}

func TestShardsDigestDependsOnEveryShardAndTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rapid.SliceOfNDistinct(digests(), 2, 8, rapid.ID).Draw(t, "shards")
		at := rapid.IntRange(0, len(shards)-2).Draw(t, "at")
		whole := contract.ShardsDigest(shards)
		if !contract.ValidDigest(whole) {
			t.Fatalf("%q is no digest", whole)
		}
		swapped := slices.Clone(shards)
		swapped[at], swapped[at+1] = swapped[at+1], swapped[at]
		changed := slices.Clone(shards)
		changed[at] = digests().Filter(func(d string) bool { return d != shards[at] }).Draw(t, "other")
		others := map[string][]string{
			"two swapped": swapped, "one changed": changed,
			"one missing": slices.Delete(slices.Clone(shards), at, at+1),
			"one twice":   slices.Insert(slices.Clone(shards), at, shards[at]),
			"one more":    append(slices.Clone(shards), changed[at]),
		}
		for name, other := range others {
			if contract.ShardsDigest(other) == whole {
				t.Errorf("%s: the digest is the same", name)
			}
		}
		if contract.ShardsDigest(slices.Clone(shards)) != whole {
			t.Error("the same shards have another digest")
		}
	})
}
