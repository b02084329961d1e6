package experience

import (
	"slices"
	"strings"

	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/task"
)

// faulty lists the functions in which a bug's lines are, in order; false where
// there is none, or where lines outside of every function are not beside them.
func (b bug) faulty() ([]place, bool) {
	var places []place
	for _, path := range b.task.Paths() {
		var inside, outside []task.Lines
		for _, hunk := range patch.Hunks(b.task.Fixed[path], b.task.Broken[path]) {
			p, found := b.routes.around(path, hunk.Lines)
			if !found {
				outside = append(outside, hunk.Lines)
				continue
			}
			inside = append(inside, hunk.Lines)
			if !slices.ContainsFunc(places, func(other place) bool { return other.id() == p.id() }) {
				places = append(places, p)
			}
		}
		for _, lines := range outside {
			if !beside(lines, inside) {
				return nil, false
			}
		}
	}
	return places, len(places) > 0
}

// around returns the function or method that holds lines of a file.
func (r *routes) around(path string, lines task.Lines) (place, bool) {
	last := max(lines.Start, lines.End)
	for _, p := range r.places {
		if p.module.Path == path && p.definition.Kind != language.KindClass && p.definition.StartLine <= lines.Start && p.definition.EndLine >= last {
			return p, true
		}
	}
	return place{}, false
}

// symptom is where a bug shows: a function that a failing test calls, and the ways
// from it to all that is faulty.
type symptom struct {
	entry place
	ways  [][]place
	test  string
}

// symptom picks, among the functions that failing tests name, the one with the
// longest way to the fault: the further, the less the text gives away. Where
// reading leads from none of them to the fault, as through a value of unknown
// type, the faulty function itself is named.
func (b bug) symptom() (symptom, bool) {
	faulty, ok := b.faulty()
	if !ok {
		return symptom{}, false
	}
	var best symptom
	found := false
	for _, id := range b.task.FailToPass {
		file, name := language.SplitTest(id)
		test, known := b.routes.find(file, name)
		if !known {
			continue
		}
		if !found {
			best, found = symptom{entry: faulty[0], ways: each(faulty), test: id}, true
		}
		for _, entry := range b.routes.from(test) {
			ways, reach := b.ways(entry, faulty)
			if reach && (!found || hops(ways) > hops(best.ways)) {
				best, found = symptom{entry: entry, ways: ways, test: id}, true
			}
		}
	}
	return best, found
}

// each is a way to every place that begins there.
func each(places []place) [][]place {
	ways := make([][]place, len(places))
	for i, p := range places {
		ways[i] = []place{p}
	}
	return ways
}

func (b bug) ways(entry place, faulty []place) ([][]place, bool) {
	var ways [][]place
	for _, goal := range faulty {
		way := b.routes.route(entry, goal)
		if way == nil {
			return nil, false
		}
		ways = append(ways, way)
	}
	return ways, true
}

func hops(ways [][]place) int {
	n := 0
	for _, way := range ways {
		n += len(way)
	}
	return n
}

// issue is the text of the task: the commit's own words where there are any, with
// where it shows if they do not say; else what happens and where. It holds no name
// that the repair adds.
func (b bug) issue(s symptom, th *thoughts) string {
	name := "`" + s.entry.definition.Name + "` in " + s.entry.module.Path
	if b.replay.Issue != "" {
		said := map[string]bool{}
		words(said, b.replay.Issue)
		if s.entry.definition.Name == "" || said[s.entry.definition.SimpleName()] || b.givesAway(name) {
			return b.replay.Issue
		}
		return b.replay.Issue + "\n\n" + th.say("issue place", "{name}", name)
	}
	if b.message == "" || b.givesAway(b.message) {
		return th.say("issue", "{name}", name)
	}
	return th.say("issue with message", "{name}", name, "{message}", b.message)
}

// givesAway says whether a text names a failing test, or something that only the
// repaired lines name.
func (b bug) givesAway(text string) bool {
	said := map[string]bool{}
	words(said, text)
	for _, id := range b.task.FailToPass {
		_, name := language.SplitTest(id)
		if said[name[strings.LastIndexByte(name, '.')+1:]] {
			return true
		}
	}
	for _, path := range b.task.Paths() {
		before, added := map[string]bool{}, map[string]bool{}
		words(before, string(b.task.Broken[path]))
		for _, hunk := range patch.Hunks(b.task.Broken[path], b.task.Fixed[path]) {
			words(added, joined(hunk.Text))
		}
		for word := range added {
			if !before[word] && said[word] {
				return true
			}
		}
	}
	return false
}
