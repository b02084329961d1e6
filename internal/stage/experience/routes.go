package experience

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

// place is a definition with its file.
type place struct {
	module     language.Module
	definition language.Definition
}

func (p place) id() string { return p.module.Path + "::" + p.definition.Name }

// routes says how one gets from one function to another by reading.
type routes struct {
	places []place
	// byFullName and byName index places.
	byFullName map[string][]int
	byName     map[string][]int
	byID       map[string]int
}

func newRoutes(inventory *language.Inventory) *routes {
	r := &routes{byFullName: map[string][]int{}, byName: map[string][]int{}, byID: map[string]int{}}
	for _, module := range inventory.Modules {
		for _, definition := range module.Definitions {
			if definition.Nested() {
				continue
			}
			at := len(r.places)
			p := place{module: module, definition: definition}
			r.places = append(r.places, p)
			r.byID[p.id()] = at
			if module.IsTest {
				continue
			}
			r.byFullName[module.FullName(definition)] = append(r.byFullName[module.FullName(definition)], at)
			r.byName[definition.SimpleName()] = append(r.byName[definition.SimpleName()], at)
		}
	}
	return r
}

// find returns the place of a definition.
func (r *routes) find(path, name string) (place, bool) {
	at, known := r.byID[path+"::"+name]
	if !known {
		return place{}, false
	}
	return r.places[at], true
}

// next lists what the text of a definition names: what its calls resolve to, then
// what few definitions are named like.
func (r *routes) next(at int) []int {
	definition := r.places[at].definition
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

// from lists the functions of the code that a test names itself.
func (r *routes) from(test place) []place {
	at, known := r.byID[test.id()]
	if !known {
		return nil
	}
	var named []place
	seen := map[int]bool{}
	for _, next := range r.next(at) {
		if !seen[next] {
			seen[next] = true
			named = append(named, r.places[next])
		}
	}
	return named
}

// route is the shortest way from one definition to another, both included; nil
// where reading leads nowhere within maxHops.
func (r *routes) route(from, to place) []place {
	start, known := r.byID[from.id()]
	goal, alsoKnown := r.byID[to.id()]
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
	var way []place
	for at := goal; at >= 0; at = before[at] {
		way = append(way, r.places[at])
	}
	slices.Reverse(way)
	return way
}
