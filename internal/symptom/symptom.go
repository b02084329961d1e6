package symptom

import (
	"slices"
	"strings"
	"unicode"

	"github.com/repoexpert/operator/internal/grading"
	"github.com/repoexpert/operator/internal/language"
	"github.com/repoexpert/operator/internal/patch"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// HeadLines of a file hold what most files import and define first.
	HeadLines = 40
	// NearLines around a fault are what a reader sees of its surroundings.
	NearLines = 40
)

// Faulty lists the functions in which a bug's lines are, in order; false where
// there is none, or where lines outside of every function are not beside them.
func (r *Routes) Faulty(t grading.Task) ([]Place, bool) {
	var places []Place
	for _, path := range t.Paths() {
		var inside, outside []task.Lines
		for _, hunk := range patch.Hunks(t.Fixed[path], t.Broken[path]) {
			p, found := r.Around(path, hunk.Lines)
			if !found {
				outside = append(outside, hunk.Lines)
				continue
			}
			inside = append(inside, hunk.Lines)
			if !slices.ContainsFunc(places, func(other Place) bool { return other.ID() == p.ID() }) {
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

// Around returns the function or method that holds lines of a file.
func (r *Routes) Around(path string, lines task.Lines) (Place, bool) {
	last := max(lines.Start, lines.End)
	for _, p := range r.Places {
		if p.Module.Path == path && p.Definition.Kind != language.KindClass && p.Definition.StartLine <= lines.Start && p.Definition.EndLine >= last {
			return p, true
		}
	}
	return Place{}, false
}

// Symptom is where a fault shows: a function that a failing test calls, and the
// ways from it to all that is faulty.
type Symptom struct {
	Entry Place
	Ways  [][]Place
	Test  string
}

// Symptom picks, among the functions that failing tests name, the one with the
// longest way to the fault: the further, the less the text gives away. Where
// reading leads from none of them to the fault, as through a value of unknown
// type, the faulty function itself is named.
func (r *Routes) Symptom(t grading.Task) (Symptom, bool) {
	faulty, ok := r.Faulty(t)
	if !ok {
		return Symptom{}, false
	}
	var best Symptom
	found := false
	for _, id := range t.FailToPass {
		file, name := language.SplitTest(id)
		test, known := r.Find(file, name)
		if !known {
			continue
		}
		if !found {
			best, found = Symptom{Entry: faulty[0], Ways: each(faulty), Test: id}, true
		}
		for _, entry := range r.From(test) {
			ways, reach := r.ways(entry, faulty)
			if reach && (!found || Hops(ways) > Hops(best.Ways)) {
				best, found = Symptom{Entry: entry, Ways: ways, Test: id}, true
			}
		}
	}
	return best, found
}

// each is a way to every place that begins there.
func each(places []Place) [][]Place {
	ways := make([][]Place, len(places))
	for i, p := range places {
		ways[i] = []Place{p}
	}
	return ways
}

func (r *Routes) ways(entry Place, faulty []Place) ([][]Place, bool) {
	var ways [][]Place
	for _, goal := range faulty {
		way := r.Route(entry, goal)
		if way == nil {
			return nil, false
		}
		ways = append(ways, way)
	}
	return ways, true
}

// Hops counts the places on ways.
func Hops(ways [][]Place) int {
	n := 0
	for _, way := range ways {
		n += len(way)
	}
	return n
}

// Wording says where a fault shows, in a text for those who are to find it.
type Wording struct {
	// Bare knows only the place, Place adds it to other words, Message has what
	// happens too. A place reads like "`name` in path".
	Bare, Place func(place string) string
	Message     func(place, message string) string
}

// Issue is the text of a task: the commit's own words where there are any, with
// where it shows if they do not say; else what happens and where. It holds no name
// that the repair adds. An empty symptom says nothing of where.
func (s Symptom) Issue(t grading.Task, words string, w Wording) string {
	place := "`" + s.Entry.Definition.Name + "` in " + s.Entry.Module.Path
	if words != "" {
		said := map[string]bool{}
		Words(said, words)
		if s.Entry.Definition.Name == "" || said[s.Entry.Definition.SimpleName()] || GivesAway(t, place) {
			return words
		}
		return words + "\n\n" + w.Place(place)
	}
	if t.Message == "" || GivesAway(t, t.Message) {
		return w.Bare(place)
	}
	return w.Message(place, t.Message)
}

// GivesAway says whether a text names a failing test, or something that only the
// repaired lines name.
func GivesAway(t grading.Task, text string) bool {
	said := map[string]bool{}
	Words(said, text)
	for _, id := range t.FailToPass {
		_, name := language.SplitTest(id)
		if said[name[strings.LastIndexByte(name, '.')+1:]] {
			return true
		}
	}
	for _, path := range t.Paths() {
		before, added := map[string]bool{}, map[string]bool{}
		Words(before, string(t.Broken[path]))
		for _, hunk := range patch.Hunks(t.Broken[path], t.Fixed[path]) {
			Words(added, strings.Join(hunk.Text, "\n"))
		}
		for word := range added {
			if !before[word] && said[word] {
				return true
			}
		}
	}
	return false
}

// beside says whether lines that are in no function are where a reader of the
// function at fault looks anyway: at the top of the file, or near the fault.
func beside(lines task.Lines, faults []task.Lines) bool {
	if len(faults) == 0 {
		return false
	}
	if max(lines.Start, lines.End) <= HeadLines {
		return true
	}
	for _, fault := range faults {
		if lines.Start <= fault.End+NearLines && lines.End >= fault.Start-NearLines {
			return true
		}
	}
	return false
}

// Words adds every word of a text to a set.
func Words(set map[string]bool, text string) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		set[word] = true
	}
}
