package plan

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/ledger"
)

// function is every definition of one qualified name in one file that is not a
// class: a property's getter and setter, or an overloaded function, share a name
// and are one function here.
type function struct {
	id          string
	module      language.Module
	definitions []language.Definition
	// text is what the clusters compare: all bodies after their docstrings.
	text string
	// owner is the full name of the method's class, "" outside of classes.
	owner string
}

// overlaps says whether the function has one of the lines.
func (f function) overlaps(first, last int) bool {
	return slices.ContainsFunc(f.definitions, func(d language.Definition) bool { return d.StartLine <= last && d.EndLine >= first })
}

func functionID(path, name string) string { return path + "::" + name }

// functionsOf lists the functions of the code, without its tests, by id.
func functionsOf(inventory *language.Inventory, source func(path string) ([][]byte, error)) ([]function, error) {
	var functions []function
	for _, module := range inventory.Modules {
		if module.IsTest {
			continue
		}
		lines, err := source(module.Path)
		if err != nil {
			return nil, err
		}
		index := map[string]int{}
		for _, definition := range module.Definitions {
			if definition.Kind == language.KindClass {
				continue
			}
			at, known := index[definition.Name]
			if !known {
				at = len(functions)
				index[definition.Name] = at
				functions = append(functions, function{
					id: functionID(module.Path, definition.Name), module: module, owner: ownerOf(module, definition),
				})
			}
			functions[at].definitions = append(functions[at].definitions, definition)
			functions[at].text += bodyText(lines, definition)
		}
	}
	slices.SortFunc(functions, func(a, b function) int { return cmp.Compare(a.id, b.id) })
	return functions, nil
}

func ownerOf(module language.Module, definition language.Definition) string {
	if definition.Kind != language.KindMethod {
		return ""
	}
	return module.Name + "." + strings.TrimSuffix(definition.Name, "."+definition.SimpleName())
}

// bodyText is the body after the docstring; "" for a definition without one.
func bodyText(lines [][]byte, definition language.Definition) string {
	if definition.BodyStartLine == 0 {
		return ""
	}
	var text strings.Builder
	for n := definition.BodyStartLine; n <= min(definition.BodyEndLine, len(lines)); n++ {
		text.Write(lines[n-1])
	}
	return text.String()
}

// clustersOf groups functions that give each other away:
//
//   - a nested function with the one around it;
//   - twins: the same qualified name in two files;
//   - overrides: methods of one name in a class and those it inherits from;
//   - copies: a body that shares at least half of its 5-grams with another.
//
// The groups are the connected components of these relations.
func clustersOf(inventory *language.Inventory, functions []function) []ledger.Cluster {
	sets := newDisjoint(len(functions))
	joinNested(sets, functions)
	joinTwins(sets, functions)
	joinOverrides(sets, inventory, functions)
	prints := make([]fingerprint, len(functions))
	for i, f := range functions {
		prints[i] = fingerprintOf(f.text)
	}
	joinCopies(sets, prints)

	groups := map[int]*ledger.Cluster{}
	var order []int
	for i, f := range functions { // by id: the first of a group is its smallest
		root := sets.find(i)
		if groups[root] == nil {
			groups[root] = &ledger.Cluster{ID: f.id}
			order = append(order, root)
		}
		groups[root].Members = append(groups[root].Members, ledger.Member{ID: f.id, Body: prints[i].identity()})
	}
	clusters := make([]ledger.Cluster, 0, len(order))
	for _, root := range order {
		clusters = append(clusters, *groups[root])
	}
	return clusters
}

func joinNested(sets *disjoint, functions []function) {
	outermost := map[string]int{}
	for i, f := range functions {
		name, _, _ := strings.Cut(f.definitions[0].Name, ".<locals>.")
		sets.joinFirst(outermost, functionID(f.module.Path, name), i)
	}
}

func joinTwins(sets *disjoint, functions []function) {
	named := map[string]int{}
	for i, f := range functions {
		sets.joinFirst(named, f.definitions[0].Name, i)
	}
}

// joinOverrides joins methods of one name within every connected family of
// classes.
func joinOverrides(sets *disjoint, inventory *language.Inventory, functions []function) {
	families := familiesOf(inventory)
	named := map[string]int{}
	for i, f := range functions {
		if family, known := families[f.owner]; known {
			sets.joinFirst(named, family+"\x00"+f.definitions[0].SimpleName(), i)
		}
	}
}

// familiesOf maps the full name of each class of the code to one name for all
// classes that inheritance inside the tree connects it to. A base from outside,
// such as Exception, connects nothing.
func familiesOf(inventory *language.Inventory) map[string]string {
	names, bases := classesOf(inventory)
	index := make(map[string]int, len(names))
	for i, name := range names {
		index[name] = i
	}
	sets := newDisjoint(len(names))
	for i, name := range names {
		for _, base := range bases[name] {
			if j, inTree := index[base]; inTree {
				sets.join(i, j)
			}
		}
	}
	families := make(map[string]string, len(names))
	for i, name := range names {
		families[name] = names[sets.find(i)]
	}
	return families
}

// classesOf lists the full names of the code's classes, sorted, and their bases.
func classesOf(inventory *language.Inventory) (names []string, bases map[string][]string) {
	bases = map[string][]string{}
	for _, module := range inventory.Modules {
		for _, definition := range module.Definitions {
			if definition.Kind == language.KindClass && !module.IsTest {
				name := module.FullName(definition)
				bases[name] = append(bases[name], definition.Bases...)
			}
		}
	}
	return slices.Sorted(maps.Keys(bases)), bases
}

// disjoint is a union-find over 0..n-1.
type disjoint struct{ parent []int }

func newDisjoint(n int) *disjoint {
	d := &disjoint{parent: make([]int, n)}
	for i := range d.parent {
		d.parent[i] = i
	}
	return d
}

func (d *disjoint) find(i int) int {
	for d.parent[i] != i {
		d.parent[i] = d.parent[d.parent[i]]
		i = d.parent[i]
	}
	return i
}

func (d *disjoint) join(a, b int) {
	ra, rb := d.find(a), d.find(b)
	d.parent[max(ra, rb)] = min(ra, rb)
}

// joinFirst joins i with the first one that had the same key.
func (d *disjoint) joinFirst(firsts map[string]int, key string, i int) {
	if first, known := firsts[key]; known {
		d.join(first, i)
		return
	}
	firsts[key] = i
}

func (p fingerprint) identity() string {
	if len(p.grams) < minGrams {
		return ""
	}
	return hex.EncodeToString(p.sum[:12])
}
