package recall

import (
	"strings"
)

// frameSet holds the wordings of one kind. {s} stands for the subject, with its
// back quotes, {p} for the parameter. Wordings of the two lists share fewer than
// half of their words (a test holds them to it), so a right answer to an
// evaluation question is not a memory of the question's text.
type frameSet struct {
	training   []string
	evaluation []string
	// referent names the answer without telling it, for compositions.
	referent string
}

var frames = map[Kind]frameSet{
	DefinitionFile: {
		training: []string{
			"In which file is {s} defined?",
			"Which file contains the definition of {s}?",
			"Name the file that defines {s}.",
			"Where is the source code of {s}?",
			"What is the path of the file with {s}?",
			"{s} is defined where?",
			"Give the path to the source of {s}.",
			"I am looking for {s}. Which file is it in?",
			"Show me where {s} lives.",
			"To read {s}, I go to which file?",
			"Find the module that holds {s}.",
			"{s}: file?",
		},
		evaluation: []string{
			"I want to edit {s}. What path should I open?",
			"Tell me the location of {s} on disk.",
		},
	},
	Bases: {
		training: []string{
			"Which class does {s} inherit from?",
			"What is the base class of {s}?",
			"Name the parent class of {s}.",
			"{s} is a subclass of what?",
			"What does {s} derive from?",
			"Which type does {s} extend?",
			"Give the class that {s} builds on.",
			"I am reading {s}. What does it inherit from?",
			"Show me what stands in parentheses after class {s}.",
			"{s} extends which class?",
			"Find the direct parent of {s}.",
			"{s}: base class?",
		},
		evaluation: []string{
			"Methods missing in {s} come from another class. Its superclass?",
			"Tell me the ancestor directly above {s}.",
		},
		referent: "the parent class of {s}",
	},
	Callers: {
		training: []string{
			"Which function calls {s}?",
			"What is the only caller of {s}?",
			"Name the function that uses {s}.",
			"From where is {s} called?",
			"What code invokes {s}?",
			"{s} is called by what?",
			"Give the function that calls {s}.",
			"I am looking at {s}. Who calls it?",
			"Show me where {s} is used.",
			"{s} is used by which function?",
			"Find the caller of {s}.",
			"{s}: caller?",
		},
		evaluation: []string{
			"If I change the signature of {s}, whose call must I adapt?",
			"Tell me the one function calling {s}.",
		},
		referent: "the only caller of {s}",
	},
	Raises: {
		training: []string{
			"Which exception does {s} raise?",
			"What error is raised by {s}?",
			"Name the exception type thrown by {s}.",
			"{s} raises what?",
			"What does {s} raise on failure?",
			"Which error can {s} throw?",
			"Give the exception that {s} raises.",
			"I am calling {s}. What can it raise?",
			"Show me the error that {s} ends with.",
			"{s} fails with which exception?",
			"Find the exception in {s}.",
			"{s}: exception?",
		},
		evaluation: []string{
			"I wrap {s} in try. Except for which exception?",
			"Tell me the error to catch around {s}.",
		},
		referent: "the exception raised by {s}",
	},
	DefaultValue: {
		training: []string{
			"What is the default value of {p} in {s}?",
			"Which default does the parameter {p} of {s} have?",
			"Name the default of {p} in {s}.",
			"What does {p} of {s} default to?",
			"If omitted, what is {p} in {s}?",
			"In {s}, {p} is what by default?",
			"Give the default of {p} in {s}.",
			"I am calling {s}. What is {p} by default?",
			"Show me the default for {p} of {s}.",
			"{s} sets {p} to what unless told otherwise?",
			"Find the default of {p} in the signature of {s}.",
			"{s}, {p}: default?",
		},
		evaluation: []string{
			"I call {s} without giving {p}. Which value will be used as default?",
			"Tell me the value {s} assumes when {p} is not passed.",
		},
	},
	Callee: {
		training: []string{
			"Which function does {s} call?",
			"What does {s} call?",
			"Name the function that {s} relies on.",
			"{s} calls which function?",
			"What code does {s} invoke?",
			"Which helper does {s} use?",
			"Give the function called in {s}.",
			"I am reading {s}. What does it call?",
			"Show me what {s} delegates to.",
			"{s} delegates to which function?",
			"Find the call in {s}.",
			"{s}: callee?",
		},
		evaluation: []string{
			"Stepping through {s} with a debugger, into whose body would I land?",
			"Tell me one routine from our code executed on behalf of {s}.",
		},
		referent: "the function that {s} calls",
	},
	Owner: {
		training: []string{
			"Which class has the method {s}?",
			"What class defines the method {s}?",
			"Name the class with the method {s}.",
			"{s} is a method of what?",
			"To which class does {s} belong?",
			"On which class is {s} defined?",
			"Give the class that has {s}.",
			"I am looking for the method {s}. Which class has it?",
			"Show me the class around {s}.",
			"{s} is a method of which class?",
			"Find the owner of {s}.",
			"{s}: class?",
		},
		evaluation: []string{
			"An object must respond to {s}. Its type would be?",
			"Tell me what I instantiate before invoking {s}.",
		},
		referent: "the class that has the method {s}",
	},
	ImportSource: {
		training: []string{
			"From which module does {p} import {s}?",
			"Where does {p} import {s} from?",
			"Name the module that {p} imports {s} from.",
			"{p} imports {s} from what?",
			"In {p}, {s} comes from which module?",
			"Which module gives {s} to {p}?",
			"Give the import source of {s} in {p}.",
			"I am reading {p}. From where is {s} imported?",
			"Show me the origin of {s} in {p}.",
			"{p} has {s} from which module?",
			"Find the import of {s} in {p}.",
			"{p}, {s}: module?",
		},
		evaluation: []string{
			"Complete this statement at the top of {p}, so that it binds {s}: from",
			"Tell me which dotted path precedes the word import for {s} within {p}.",
		},
	},
	NextParameter: {
		training: []string{
			"Which parameter of {s} comes after {p}?",
			"What is the parameter after {p} in {s}?",
			"Name the parameter that follows {p} in {s}.",
			"In {s}, {p} is followed by what?",
			"What follows {p} in the signature of {s}?",
			"{s} takes {p} and then what?",
			"Give the next parameter after {p} of {s}.",
			"I am calling {s}. What comes after {p}?",
			"Show me what {s} takes after {p}.",
			"{s}: after {p} comes which parameter?",
			"Find the parameter behind {p} in {s}.",
			"{s}, {p}: next?",
		},
		evaluation: []string{
			"I pass values by position to {s} and just gave {p}. My subsequent argument fills?",
			"Tell me whose turn it is once {p} has been supplied while invoking {s}.",
		},
	},
	ParameterType: {
		training: []string{
			"What is the type of {p} in {s}?",
			"Which type does the parameter {p} of {s} have?",
			"Name the type of {p} in {s}.",
			"In {s}, {p} has what type?",
			"What type must {p} of {s} be?",
			"{s} declares {p} as what?",
			"Give the declared type of {p} in {s}.",
			"I am calling {s}. What type is {p}?",
			"Show me how {s} declares {p}.",
			"{s} takes {p} of which type?",
			"Find the type of {p} in the signature of {s}.",
			"{s}, {p}: type?",
		},
		evaluation: []string{
			"A value goes into {s} as {p}. How would a static checker annotate it?",
			"Tell me whatever kind of thing {s} accepts for {p}.",
		},
	},
	ReturnType: {
		training: []string{
			"What is the return type of {s}?",
			"What does {s} return?",
			"Name the type that {s} returns.",
			"{s} returns what?",
			"Which type does {s} return?",
			"What type is the result of {s}?",
			"Give the declared result of {s}.",
			"I am calling {s}. What do I get?",
			"Show me the result type of {s}.",
			"{s} returns which type?",
			"Find the return type in the signature of {s}.",
			"{s}: result?",
		},
		evaluation: []string{
			"I assign a call of {s} to variables. Declared how would these be?",
			"Tell me the annotation behind the arrow, or after the parentheses, at {s}.",
		},
	},
}

// TrainingWordings is how many training wordings every kind has. With half as
// many, asked twice as often, a model that had learned the facts lost five of 59
// in evaluation wordings, all about definition files.
const TrainingWordings = 12

// fill renders a wording; subject is put in as it is.
func fill(wording, subject, parameter string) string {
	return strings.NewReplacer("{s}", subject, "{p}", quote(parameter)).Replace(wording)
}

func quote(name string) string { return "`" + name + "`" }

// similarity is the Jaccard index of the word sets of two texts: lower-cased runs
// of letters, digits and underscores.
func similarity(a, b string) float64 {
	left, right := words(a), words(b)
	shared := 0
	for word := range left {
		if right[word] {
			shared++
		}
	}
	union := len(left) + len(right) - shared
	if union == 0 {
		return 1
	}
	return float64(shared) / float64(union)
}

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) {
		set[word] = true
	}
	return set
}
