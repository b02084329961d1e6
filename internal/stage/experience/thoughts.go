package experience

import "strings"

// thoughts picks the wording of a thought for a task. Many wordings, chosen by a
// hash, keep one phrase from being learned as the way to begin every turn.
type thoughts struct {
	seed uint64
	id   string
}

// say picks a wording of a situation and fills in pairs of slot and text.
func (t *thoughts) say(situation string, pairs ...string) string {
	wordings := phrases[situation]
	wording := wordings[mix(t.seed, t.id+"\x00"+situation)%uint64(len(wordings))]
	return strings.NewReplacer(pairs...).Replace(wording)
}

// pick returns a number below n for a choice of a task.
func (t *thoughts) pick(choice string, n int) int {
	return int(mix(t.seed, t.id+"\x01"+choice) % uint64(n))
}

// Slots: {name}, {path}, {words}, {line}, {error}, {file}.
var phrases = map[string][]string{
	"look": {
		"First I read {name}.",
		"Let me see the signature and what surrounds it.",
		"Where does {name} begin, and what does it promise?",
		"Start with the function itself.",
		"I need its parameters and docstring.",
		"Open {path} at the gap.",
		"What is left of {name}?",
		"Find the definition.",
		"The header tells what goes in and out.",
		"Read around the missing part.",
	},
	"read": {
		"Now its header in full.",
		"Read those lines.",
		"See the whole signature.",
		"Show what stands before the gap.",
		"View it up to the placeholder.",
		"Parameters and docstring next.",
		"The surrounding lines matter.",
		"Print that range.",
		"What exactly does it take?",
		"Look closer.",
	},
	"uses": {
		"It may build on {words}.",
		"See {words} in this code base.",
		"Maybe {words}; check.",
		"Helpers? Search {words}.",
		"Before writing, find {words}.",
		"Usage of {words}?",
		"Neighbouring code should show {words}.",
		"Look up {words}.",
		"Context first: {words}.",
		"Check the use of {words}.",
	},
	"more": {
		"Some names are still open: {words}.",
		"Where to find {words}?",
		"One more search, for {words}.",
		"{words} should be there too.",
		"Look for {words} as well.",
		"I also want {words}.",
		"Not sure about {words} yet.",
		"Check {words} next.",
	},
	"write": {
		"Line {line} is the gap; fill it.",
		"Now the body.",
		"Enough context, write it.",
		"This replaces line {line}.",
		"Put the body at line {line}.",
		"I can write {name} now.",
		"Time to implement.",
		"Replace the placeholder.",
		"The pieces fit; edit {path}.",
		"Here is the implementation.",
	},
	"test": {
		"Run the named test.",
		"Does the test agree?",
		"Check with the test.",
		"See whether it passes.",
		"Test it.",
		"Verify by running it.",
		"Now the test from the task.",
		"Is it right? Run it.",
	},
	"import": {
		"The module must still import.",
		"Check that it loads.",
		"A quick import shows syntax errors.",
		"Load {path} once.",
		"Does Python accept the edit?",
		"Make sure nothing is broken on import.",
		"Import it as a check.",
		"Try the module.",
	},
	"repair": {
		"I see {error}: line {line} is wrong.",
		"The test fails with {error}; correct line {line}.",
		"It ends in {error}. I slipped at line {line}.",
		"Not right yet, fix line {line}.",
		"That failed ({error}); line {line} needs another look.",
		"Line {line} causes {error}.",
		"After {error} I rewrite line {line}.",
		"Correct line {line} after {error}.",
	},
	"retest": {
		"Once more.",
		"Run it again.",
		"And now?",
		"Repeat the test.",
		"Does it pass this time?",
		"Check the repair.",
		"Same test again.",
		"Confirm.",
	},
	"submit": {
		"It works, submit.",
		"Done; hand in the diff.",
		"That holds. Submit the change.",
		"Finished.",
		"Good, submit it.",
		"The change is complete.",
		"Everything is in place.",
		"Submit now.",
	},
	"outline": {
		"What does {name} define?",
		"Begin with an outline.",
		"List the definitions in {path}.",
		"Which parts does it have?",
		"Get the structure first.",
		"An overview of {path}.",
		"See its classes and functions.",
		"Map it out.",
	},
	"head": {
		"Read how it introduces itself.",
		"The first lines should say what it is for.",
		"What is its purpose?",
		"Look at the top of it.",
		"Its docstring, if there is one.",
		"Read the beginning.",
		"Now what it does.",
		"Purpose next.",
	},
	"imports": {
		"What does it depend on?",
		"Imports show the dependencies.",
		"Now its imports.",
		"Which modules does it need?",
		"Dependencies next.",
		"Check what {path} imports.",
		"See what it builds on.",
		"On what does it rest?",
	},
	"users": {
		"Who uses {name}?",
		"Find its usages and tests.",
		"Where is {name} needed?",
		"Search for callers.",
		"Which files refer to it?",
		"Usages next.",
		"Look for {name} elsewhere.",
		"See who depends on it.",
	},
	"site": {
		"How does {file} use it?",
		"One usage in detail.",
		"Look at the call site.",
		"Read the usage in {file}.",
		"See the interaction.",
		"What happens in {file}?",
		"A closer look at {file}.",
		"Check that usage.",
	},
	"report": {
		"That is enough for the report.",
		"Write down what I saw.",
		"Now the report.",
		"I can summarise it.",
		"Report the findings.",
		"Put it together.",
		"Finish with the report.",
		"All parts are known.",
	},
}
