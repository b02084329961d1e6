package recall

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Shares of a selection, in percent. Without them the commonest file, or
// ValueError, would make guessing look like knowledge.
const (
	maxFileShare     = 40
	maxAnswerShare   = 15
	maxInKindShare   = 25
	linkedQuotaShare = 50
)

// minPerKind is how many facts of a kind are asked at least where there are as
// many: the share that is right of three questions tells nothing. So a small
// selection has the first kinds alone.
const minPerKind = 7

// Select chooses at most count facts, balanced over the kinds, reproducibly from
// the seed and the facts' ids alone: an added fact displaces few others. At most
// 40 % ask for a file, no answer is right for more than 15 % of those asked for or,
// two facts aside, for more than 25 % of the facts of its kind. Up to half of the file
// questions are about answers of other chosen facts, so that Compose finds pairs.
func Select(facts []Fact, count int, seed uint64) []Fact {
	chosen := &choice{count: count, answers: map[string]int{}, inKind: map[Kind]map[string]int{}}
	pools := map[Kind][]Fact{}
	for _, fact := range ranked(facts, seed) {
		pools[fact.Kind] = append(pools[fact.Kind], fact)
	}
	fileQuota := count * maxFileShare / 100
	chosen.takeRoundRobin(pools, count-fileQuota)
	chosen.trim()
	fileQuota = min(fileQuota, allowedFiles(len(chosen.facts)))
	files := linkedFirst(pools[DefinitionFile], chosen.facts, fileQuota*linkedQuotaShare/100)
	chosen.take(files, fileQuota, fileQuota)
	chosen.trim()
	slices.SortFunc(chosen.facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.ID, b.ID))
	})
	return chosen.facts
}

// allowedFiles is how many file questions keep the file share beside others.
func allowedFiles(others int) int {
	return others * maxFileShare / (100 - maxFileShare)
}

// ranked orders facts by a hash of the seed and their id.
func ranked(facts []Fact, seed uint64) []Fact {
	order := slices.Clone(facts)
	slices.SortFunc(order, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(rank(a.ID, seed), rank(b.ID, seed)), cmp.Compare(a.ID, b.ID))
	})
	return order
}

func rank(id string, seed uint64) uint64 {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), id...))
	return binary.BigEndian.Uint64(sum[:8])
}

type choice struct {
	count   int
	facts   []Fact
	answers map[string]int
	inKind  map[Kind]map[string]int
}

// takeRoundRobin gives kinds but DefinitionFile an equal part: as many of those
// that have facts as leave each its least number. What a poor kind cannot give goes
// to the others, and then to the kinds that had no part.
func (c *choice) takeRoundRobin(pools map[Kind][]Fact, quota int) {
	kinds := slices.DeleteFunc(Kinds(), func(kind Kind) bool { return kind == DefinitionFile || len(pools[kind]) == 0 })
	first := min(len(kinds), max(1, quota/minPerKind))
	for _, kinds := range [][]Kind{kinds[:first], kinds[first:]} {
		if left := quota - len(c.facts); left > 0 && len(kinds) > 0 {
			c.deal(pools, kinds, left)
		}
	}
}

// deal takes n facts of these kinds in turn.
func (c *choice) deal(pools map[Kind][]Fact, kinds []Kind, n int) {
	perKind, size := n/len(kinds), map[Kind]int{}
	for _, kind := range kinds {
		size[kind] = min(perKind, len(pools[kind]))
	}
	for n > 0 {
		before := n
		for _, kind := range kinds {
			if n > 0 {
				had := len(c.facts)
				pools[kind] = c.take(pools[kind], 1, size[kind])
				n -= len(c.facts) - had
			}
		}
		if n == before {
			return
		}
	}
}

// trim takes the last facts out that make an answer commoner in its kind than it
// may be: where a kind had fewer other answers than its part has room for.
func (c *choice) trim() {
	for trimmed := true; trimmed; {
		trimmed = false
		sizes := map[Kind]int{}
		for _, fact := range c.facts {
			sizes[fact.Kind]++
		}
		for i, fact := range slices.Backward(c.facts) {
			answer := Normalize(fact.Answer)
			if c.inKind[fact.Kind][answer] > max(2, sizes[fact.Kind]*maxInKindShare/100) {
				c.inKind[fact.Kind][answer]--
				c.answers[answer]--
				c.facts = slices.Delete(c.facts, i, i+1)
				trimmed = true
			}
		}
	}
}

// take moves up to n admissible facts of a pool into the choice and returns the
// rest. kindSize is the number of facts that the kind is planned to have.
func (c *choice) take(pool []Fact, n, kindSize int) []Fact {
	for i, fact := range pool {
		if n == 0 {
			return pool[i:]
		}
		if c.admits(fact, kindSize) {
			c.add(fact)
			n--
		}
	}
	return nil
}

func (c *choice) admits(fact Fact, kindSize int) bool {
	answer := Normalize(fact.Answer)
	inAll := max(1, c.count*maxAnswerShare/100)
	inKind := max(2, kindSize*maxInKindShare/100)
	return c.answers[answer] < inAll && c.inKind[fact.Kind][answer] < inKind
}

func (c *choice) add(fact Fact) {
	answer := Normalize(fact.Answer)
	c.facts = append(c.facts, fact)
	c.answers[answer]++
	if c.inKind[fact.Kind] == nil {
		c.inKind[fact.Kind] = map[string]int{}
	}
	c.inKind[fact.Kind][answer]++
}

// linkedFirst moves up to n facts whose subject is the answer of a chosen fact to
// the front.
func linkedFirst(pool, chosen []Fact, n int) []Fact {
	answers := map[string]bool{}
	for _, fact := range chosen {
		answers[fact.Answer] = true
	}
	var linked, others []Fact
	for _, fact := range pool {
		if answers[fact.Subject] && len(linked) < n {
			linked = append(linked, fact)
		} else {
			others = append(others, fact)
		}
	}
	return append(linked, others...)
}

// Shuffle gives every fact the answer of another fact of its kind: the control
// that shows what training on the format alone is worth. Where a kind repeats
// answers, the rotation that leaves the fewest right ones is used.
func Shuffle(facts []Fact, seed uint64) []Fact {
	shuffled := slices.Clone(facts)
	for _, kind := range Kinds() {
		var places []int
		for i, fact := range facts {
			if fact.Kind == kind {
				places = append(places, i)
			}
		}
		slices.SortFunc(places, func(a, b int) int {
			return cmp.Compare(rank(facts[a].ID, seed), rank(facts[b].ID, seed))
		})
		step := bestRotation(facts, places)
		for i, place := range places {
			shuffled[place].Answer = facts[places[(i+step)%len(places)]].Answer
		}
	}
	return shuffled
}

func bestRotation(facts []Fact, places []int) int {
	best, fewest := 0, len(places)+1
	for step := 1; step < len(places); step++ {
		same := 0
		for i, place := range places {
			if facts[place].Answer == facts[places[(i+step)%len(places)]].Answer {
				same++
			}
		}
		if same < fewest {
			best, fewest = step, same
		}
	}
	return best
}
