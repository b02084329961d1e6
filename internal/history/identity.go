package history

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
)

// identityVersion is hashed along: identities of another way to compute them
// never match.
const identityVersion = "repoexpert/change/1"

// Identity names what a change does to its source files, in 64 hexadecimal
// digits: like git patch-id --stable it looks at neither line numbers nor white
// space nor the order of the files, so a commit and its cherry-pick have the same
// one, and so have a change and the revert of its revert. Unlike it, it also
// looks past context and past the folders that the files are in, which differ
// where a commit was picked onto another branch. Changes of blank lines alone
// have the identity of no change.
func Identity(sources []Content) string {
	sums := make([][]byte, 0, len(sources))
	for _, content := range sources {
		if sum := fileIdentity(content); sum != nil {
			sums = append(sums, sum)
		}
	}
	slices.SortFunc(sums, bytes.Compare)
	all := sha256.New()
	all.Write([]byte(identityVersion))
	for _, sum := range sums {
		all.Write(sum)
	}
	return hex.EncodeToString(all.Sum(nil))
}

// fileIdentity is nil if nothing but blank lines changed.
func fileIdentity(content Content) []byte {
	sum := sha256.New()
	sum.Write([]byte(path.Base(content.File.Path)))
	changed := false
	write := func(sign byte, lines [][]byte) {
		for _, line := range lines {
			if bare := bytes.Join(bytes.Fields(line), nil); len(bare) > 0 {
				sum.Write([]byte{'\n', sign})
				sum.Write(bare)
				changed = true
			}
		}
	}
	hunks := slices.SortedFunc(slices.Values(content.Hunks), func(a, b Hunk) int { return cmp.Compare(a.AfterStart, b.AfterStart) })
	for _, hunk := range hunks {
		write('-', content.Deleted(hunk))
		write('+', content.Added(hunk))
	}
	if !changed {
		return nil
	}
	return sum.Sum(nil)
}
