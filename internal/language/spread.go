package language

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
)

// minFamilyShare is the part of a draw that every operator family gets, in percent.
const minFamilyShare = 5

// Spread draws at most limit mutations, reproducibly from the seed whatever the
// order of the list. No function is drawn from twice before every function was
// drawn from once, and so on. As far as that leaves sites, every family has 5 % of
// the draw, or an equal share where there are more than 20 families, and families
// are as even as they can be. The rarest families choose first. Every beginning of
// the result is balanced in the same way, so that a caller can stop early.
func Spread(mutations []Mutation, limit int, seed uint64) []Mutation {
	d := newDraw(mutations, seed)
	limit = min(max(limit, 0), len(mutations))
	quota := min((limit*minFamilyShare+99)/100, limit/max(1, len(d.families)))
	for len(d.drawn) < limit {
		d.turn++
		for _, family := range d.families {
			for family.taken < quota && len(d.drawn) < limit && d.take(family) {
			}
		}
		for len(d.drawn) < limit && d.takeEvenly() {
		}
	}
	return d.interleaved()
}

// place is a function of the tree.
type place struct{ path, function string }

// family is the sites of one operator that are not drawn yet, in random order.
type family struct {
	sites []*Mutation
	taken int
	// turn that next and number are about. Sites before next have had it: within a
	// turn that does not change. Number is how many were taken.
	turn, next, number int
}

// draw is the state of Spread. In one turn, every function is drawn from once.
type draw struct {
	families []*family
	turn     int
	// last is the turn in which a function was drawn from.
	last  map[place]int
	drawn []drawn
}

// drawn is a mutation with its turn and its number within family and turn.
type drawn struct {
	mutation     *Mutation
	turn, number int
}

// newDraw orders families by their number of sites, the rarest first.
func newDraw(mutations []Mutation, seed uint64) *draw {
	ordered := shuffled(mutations, seed)
	d := &draw{last: map[place]int{}}
	byOperator := map[string]*family{}
	for i := range ordered {
		mutation := &ordered[i]
		if byOperator[mutation.Operator] == nil {
			byOperator[mutation.Operator] = &family{}
			d.families = append(d.families, byOperator[mutation.Operator])
		}
		of := byOperator[mutation.Operator]
		of.sites = append(of.sites, mutation)
	}
	slices.SortStableFunc(d.families, func(a, b *family) int { return cmp.Compare(len(a.sites), len(b.sites)) })
	return d
}

// shuffled orders mutations by a hash of the seed and themselves: one more or less
// moves no other.
func shuffled(mutations []Mutation, seed uint64) []Mutation {
	type ranked struct {
		mutation Mutation
		rank     []byte
	}
	order := make([]ranked, len(mutations))
	for i, m := range mutations {
		sum := sha256.Sum256(fmt.Append(nil, seed, m.Path, "\x00", m.Operator, "\x00", m.Start, m.End, m.Replacement))
		order[i] = ranked{m, sum[:]}
	}
	slices.SortFunc(order, func(a, b ranked) int {
		return cmp.Or(bytes.Compare(a.rank, b.rank), a.mutation.Compare(b.mutation))
	})
	ordered := make([]Mutation, len(order))
	for i, one := range order {
		ordered[i] = one.mutation
	}
	return ordered
}

// take draws the family's first site whose function has this turn left, and says
// whether there was one.
func (d *draw) take(from *family) bool {
	if from.turn != d.turn {
		from.turn, from.next, from.number = d.turn, 0, 0
	}
	for ; from.next < len(from.sites); from.next++ {
		site := from.sites[from.next]
		function := place{site.Path, site.Function}
		if d.last[function] == d.turn {
			continue
		}
		d.last[function] = d.turn
		d.drawn = append(d.drawn, drawn{mutation: site, turn: d.turn, number: from.number})
		from.sites = slices.Delete(from.sites, from.next, from.next+1)
		from.taken++
		from.number++
		return true
	}
	return false
}

// takeEvenly draws from the family that was drawn from least and can give.
func (d *draw) takeEvenly() bool {
	order := slices.Clone(d.families)
	slices.SortStableFunc(order, func(a, b *family) int { return cmp.Compare(a.taken, b.taken) })
	return slices.ContainsFunc(order, d.take)
}

// interleaved orders what was drawn by turn, and within a turn family by family.
func (d *draw) interleaved() []Mutation {
	slices.SortStableFunc(d.drawn, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.number, b.number))
	})
	result := make([]Mutation, len(d.drawn))
	for i, one := range d.drawn {
		result[i] = *one.mutation
	}
	return result
}
