package curate

import (
	"cmp"
	"slices"

	"github.com/repoexpert/operator/internal/task"
)

const (
	// likeWords is the length of the runs by which texts are compared, nearPercent
	// the Jaccard similarity from which they are the same text twice: those of Lee
	// et al., "Deduplicating training data makes language models better"
	// (arXiv 2107.06499).
	likeWords   = 5
	nearPercent = 80
	// containedPercent of a text's runs in one other text leave it nothing of its
	// own: what stays is a path, a line number and a name.
	containedPercent = 90
	// leastRuns is the length from which texts are compared: of shorter ones the
	// protocol's own words are most.
	leastRuns = 20
	// maxCompared bounds how many texts one is compared with, those first that share
	// its rarest runs: texts that share many runs with thousands of others and are
	// like none of them are made to waste time.
	maxCompared = 1000
)

// nearDuplicates returns the code by which each of some samples of one unit is to
// be dropped, "" for what stays. What is compared is what the assistant says: the
// observations of two tasks in one file are alike, and nothing in them is learned.
//
// Of two that are alike the longer stays, the earlier of equal ones. The search needs
// no estimates, hence no library for MinHash, and none in Go is kept up. It is exact
// but for maxCompared: texts share p percent of the smaller one's n runs only
// if they share one of its n - ceil(p*n/100) + 1 rarest (prefix filtering, Chaudhuri
// et al., ICDE 2006), so only few texts are compared at all.
func nearDuplicates(samples []task.Sample) []string {
	order := make([]int, len(samples))
	sets := make([][]uint32, len(samples))
	for i, sample := range samples {
		order[i], sets[i] = i, likeness(sample)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(sets[b]), len(sets[a])) })
	x := indexRuns(order, sets)
	codes := make([]string, len(samples))
	for place, i := range order {
		if len(x.sets[place]) >= leastRuns {
			codes[i] = x.judge(place)
		}
		x.gone[place] = codes[i] != ""
	}
	return codes
}

// likeness is the set of runs in what the assistant says, sorted. Half a hash
// is enough: a chance match is one run in a thousand texts.
func likeness(sample task.Sample) []uint32 {
	var set []uint32
	for _, text := range saidBy(sample) {
		for run := range runs(hashWords(text), likeWords) {
			set = append(set, uint32(run>>32))
		}
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// runIndex finds the places, in order of falling length, of the texts that hold a
// run. Runs are numbered; places[first[run]:first[run+1]] are those of one.
type runIndex struct {
	sets   [][]uint32
	first  []uint32
	places []uint32
	gone   []bool
	// compared marks the places that the current text was compared with.
	compared []int
}

func indexRuns(order []int, sets [][]uint32) *runIndex {
	all := 0
	for _, set := range sets {
		all += len(set)
	}
	pairs := make([]uint64, 0, all)
	for place, i := range order {
		for _, run := range sets[i] {
			pairs = append(pairs, uint64(run)<<32|uint64(place))
		}
	}
	slices.Sort(pairs)
	x := &runIndex{
		sets: make([][]uint32, len(order)), places: make([]uint32, len(pairs)),
		gone: make([]bool, len(order)), compared: make([]int, len(order)),
	}
	for place, i := range order {
		x.sets[place] = sets[i][:0]
	}
	for at, pair := range pairs {
		place := uint32(pair)
		if at == 0 || pairs[at-1]>>32 != pair>>32 {
			x.first = append(x.first, uint32(at))
		}
		x.places[at] = place
		x.sets[place] = append(x.sets[place], uint32(len(x.first)-1))
	}
	x.first = append(x.first, uint32(len(pairs)))
	return x
}

// judge compares the text at a place with those before it that share its rarest
// runs and were not dropped.
func (x *runIndex) judge(place int) string {
	set := x.sets[place]
	rarest := slices.Clone(set)
	slices.SortStableFunc(rarest, func(a, b uint32) int { return cmp.Compare(x.holders(a), x.holders(b)) })
	compared := 0
	for _, run := range rarest[:len(set)-(nearPercent*len(set)+99)/100+1] {
		for _, other := range x.places[x.first[run]:x.first[run+1]] {
			if int(other) >= place || compared == maxCompared {
				break
			}
			if x.gone[other] || x.compared[other] == place {
				continue
			}
			x.compared[other] = place
			compared++
			if code := alike(set, x.sets[other]); code != "" {
				return code
			}
		}
	}
	return ""
}

// holders is how many texts hold a run.
func (x *runIndex) holders(run uint32) uint32 { return x.first[run+1] - x.first[run] }

// alike compares a set with one that is at least as large.
func alike(small, large []uint32) string {
	shared := 0
	for i, j := 0, 0; i < len(small) && j < len(large); {
		switch cmp.Compare(small[i], large[j]) {
		case -1:
			i++
		case 1:
			j++
		default:
			i, j, shared = i+1, j+1, shared+1
		}
	}
	switch {
	case 100*shared >= nearPercent*(len(small)+len(large)-shared):
		return dropNearDuplicate
	case 100*shared >= containedPercent*len(small):
		return dropContained
	default:
		return ""
	}
}
