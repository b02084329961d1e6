package symptom

import (
	"slices"

	"github.com/repoexpert/operator/internal/language"
)

const (
	// maxHops bounds how far from where a bug shows a script searches for it.
	maxHops = 4
	// maxNamesakes is the number of definitions of one name from which on the name
	// says too little to be followed.
	maxNamesakes = 4
)

// Place is a definition with its file.
type Place struct {
	Module     language.Module
	Definition language.Definition
}

// ID is path and qualified name.
func (p Place) ID() string { return p.Module.Path + "::" + p.Definition.Name }

// Routes say how one gets from one function to another by reading.
type Routes struct {
	// Places are all definitions that are not nested, tests too.
	Places []Place
	// byFullName, byName and byID index them.
	byFullName map[string][]int
	byName     map[string][]int
	byID       map[string]int
}

// NewRoutes reads an inventory.
func NewRoutes(inventory *language.Inventory) *Routes {
	r := &Routes{byFullName: map[string][]int{}, byName: map[string][]int{}, byID: map[string]int{}}
	for _, module := range inventory.Modules {
		for _, definition := range module.Definitions {
			if definition.Nested() {
				continue
			}
			at := len(r.Places)
			p := Place{Module: module, Definition: definition}
			r.Places = append(r.Places, p)
			r.byID[p.ID()] = at
			if module.IsTest {
				continue
			}
			r.byFullName[module.FullName(definition)] = append(r.byFullName[module.FullName(definition)], at)
			r.byName[definition.SimpleName()] = append(r.byName[definition.SimpleName()], at)
		}
	}
	return r
}

// Find returns the place of a definition.
func (r *Routes) Find(path, name string) (Place, bool) {
	at, known := r.byID[path+"::"+name]
	if !known {
		return Place{}, false
	}
	return r.Places[at], true
}

// next lists what the text of a definition names: what its calls resolve to, then
// what few definitions are named like.
func (r *Routes) next(at int) []int {
	definition := r.Places[at].Definition
	var found []int
	for _, call := range definition.Calls {
		found = append(found, r.byFullName[call]...)
	}
	for _, name := range definition.Names {
		if namesakes := r.byName[name]; len(namesakes) <= maxNamesakes {
			found = append(found, namesakes...)
		}
	}
	return found
}

// From lists the functions of the code that a test names itself.
func (r *Routes) From(test Place) []Place {
	at, known := r.byID[test.ID()]
	if !known {
		return nil
	}
	var named []Place
	seen := map[int]bool{}
	for _, next := range r.next(at) {
		if !seen[next] {
			seen[next] = true
			named = append(named, r.Places[next])
		}
	}
	return named
}

// Route is the shortest way from one definition to another, both included; nil
// where reading leads nowhere within maxHops.
func (r *Routes) Route(from, to Place) []Place {
	start, known := r.byID[from.ID()]
	goal, alsoKnown := r.byID[to.ID()]
	if !known || !alsoKnown {
		return nil
	}
	before := map[int]int{start: -1}
	frontier := []int{start}
	for range maxHops {
		if _, reached := before[goal]; reached {
			break
		}
		var following []int
		for _, at := range frontier {
			for _, next := range r.next(at) {
				if _, seen := before[next]; !seen {
					before[next] = at
					following = append(following, next)
				}
			}
		}
		frontier = following
	}
	if _, reached := before[goal]; !reached {
		return nil
	}
	var way []Place
	for at := goal; at >= 0; at = before[at] {
		way = append(way, r.Places[at])
	}
	slices.Reverse(way)
	return way
}
