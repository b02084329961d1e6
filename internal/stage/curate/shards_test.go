package curate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

// said is one message a word: u, a and s are the roles, a! is not learned.
func said(roles string) []task.Message {
	var messages []task.Message
	for i, role := range strings.Fields(roles) {
		message := task.Message{Content: fmt.Sprint("turn ", i)}
		message.Role = map[string]task.Role{"u": task.RoleUser, "a": task.RoleAssistant, "a!": task.RoleAssistant, "s": task.RoleSystem}[role]
		if role == "a!" {
			message.Loss = task.LossNone
		}
		messages = append(messages, message)
	}
	return messages
}

const malformed = "line 2: its messages are malformed"

// checkRefused runs a world whose second shard has a bad second line.
func checkRefused(t *testing.T, w *world, line, want string) {
	t.Helper()
	good := document(t, w.played(implementation, "mask-a1", "a"))
	w.shards = []string{good, document(t, w.played(implementation, "mask-a2", "b")) + line + good}
	_, err := w.run(t)
	var told *stage.Error
	if !errors.As(err, &told) || told.Class != v1alpha1.FailureIntegrity {
		t.Fatalf("got %v (%s)", err, stage.ClassOf(err))
	}
	if !strings.HasPrefix(told.Message, "shard 1 of Experience is refused: ") || !strings.Contains(told.Message, want) {
		t.Errorf("got %q, want %q", told.Message, want)
	}
	// What a hostile shard says must not fill a condition.
	if len(told.Message) > 400 {
		t.Errorf("the message has %d bytes", len(told.Message))
	}
	checkNothing(t, w)
}

func TestMalformedMessages(t *testing.T) {
	with := func(change func(messages []task.Message)) []task.Message {
		messages := said("s u a u a")
		change(messages)
		return messages
	}
	cases := map[string][]task.Message{
		"none":                        {},
		"a system turn alone":         said("s"),
		"the assistant begins":        said("a u"),
		"two user turns in a row":     slices.Concat(said("u"), said("u a"), said("a")),
		"the user has the last word":  said("u a u"),
		"a second system turn":        append(said("s"), said("s u a")...),
		"a system turn in the middle": said("u a s u a"),
		"nothing is learned":          said("u a! u a!"),
		"too many":                    said(strings.Repeat("u a ", maxMessages/2+1)),
		"another role":                with(func(m []task.Message) { m[1].Role = "tool" }),
		"no role":                     with(func(m []task.Message) { m[2].Role = "" }),
		"an empty user turn":          with(func(m []task.Message) { m[1].Content = "" }),
		"a blank assistant turn":      with(func(m []task.Message) { m[4].Content = " \n\t" }),
		"an empty system turn":        with(func(m []task.Message) { m[0].Content = "" }),
		"a NUL byte":                  with(func(m []task.Message) { m[3].Content = "a\x00b" }),
		"an unlearned user turn":      with(func(m []task.Message) { m[1].Loss = task.LossNone }),
		"an unlearned system turn":    with(func(m []task.Message) { m[0].Loss = task.LossNone }),
		"another mark of the loss":    with(func(m []task.Message) { m[2].Loss = "double" }),
	}
	for name, messages := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sample := w.played(implementation, "mask-a3", "c")
			sample.Messages = messages
			checkRefused(t, w, document(t, signed(sample)), malformed)
		})
	}
}

func TestWellFormedMessages(t *testing.T) {
	cases := map[string][]task.Message{
		"a system turn":           said("s u a"),
		"an unlearned attempt":    said("u a! u a"),
		"an unlearned last turn":  said("u a u a!"),
		"as many as are accepted": said(strings.Repeat("u a ", maxMessages/2)),
	}
	for name, messages := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sample := w.played(implementation, "mask-a3", "c")
			sample.Messages = messages
			w.shards = []string{document(t, signed(sample))}
			if _, err := w.run(t); err != nil {
				t.Fatal(err)
			}
			if samples, _ := w.made(t); len(samples) != 1 || !cmp.Equal(messages, samples[0].Messages) {
				t.Errorf("trained: %+v", samples)
			}
		})
	}
}

// A trajectory is one of the recipe's units, of this commit and of a task that
// the plan has on the training side.
func TestForeignTrajectories(t *testing.T) {
	cases := map[string]struct {
		change func(meta *task.Meta)
		want   string
	}{
		"an unknown unit":           {func(m *task.Meta) { m.Unit = "Poetry" }, `line 2: its unit "Poetry" is not in the recipe`},
		"no unit":                   {func(m *task.Meta) { m.Unit = "" }, `its unit "" is not in the recipe`},
		"a unit of endless name":    {func(m *task.Meta) { m.Unit = v1alpha1.UnitName(strings.Repeat("x", 9999)) }, "is not in the recipe"},
		"a wrong content hash":      {func(m *task.Meta) { m.ContentHash = strings.Repeat("0", 64) }, "its content hash is not that of its messages"},
		"no content hash":           {func(m *task.Meta) { m.ContentHash = "" }, "its content hash is not that of its messages"},
		"another commit":            {func(m *task.Meta) { m.Commit = strings.Repeat("0", 40) }, `it is of commit "0000`},
		"a teacher that nobody set": {func(m *task.Meta) { m.Provenance = "teacher:m" }, `its provenance is "teacher:m"`},
		"a computed trajectory":     {func(m *task.Meta) { m.Provenance = task.ProvenanceComputed }, `its provenance is "computed"`},
		"a task that is not planned": {
			func(m *task.Meta) { m.TaskID = "mask-zz" }, `task "mask-zz" is not on the training side of the plan`,
		},
		// What a map says of an unknown task is "", which is no cluster of the plan.
		"a task that is not planned, without a cluster": {
			func(m *task.Meta) { m.TaskID, m.Cluster = "mask-zz", "" }, `task "mask-zz" is not on the training side of the plan`,
		},
		"a held-out task": {
			func(m *task.Meta) { m.TaskID, m.Cluster = "mask-e1", clusterOf("mask-e1") },
			`task "mask-e1" is not on the training side of the plan`,
		},
		"a held-out component": {
			func(m *task.Meta) { m.Unit, m.TaskID, m.Cluster = design, "component-e1", clusterOf("component-e1") },
			`task "component-e1" is not on the training side of the plan`,
		},
		"a task of another unit": {func(m *task.Meta) { m.Unit = design }, `task "mask-a3" is not on the training side of the plan`},
		"another cluster":        {func(m *task.Meta) { m.Cluster = clusterOf("mask-a1") }, `task "mask-a3" is not on the training side of the plan`},
		"a trajectory as a question": {
			func(m *task.Meta) { m.Unit = remembering }, `question "mask-a3" is not in the plan`,
		},
		"a cost below nothing": {func(m *task.Meta) { m.CPUSeconds = -1 }, "its cost of -1 CPU seconds"},
		"an endless cost":      {func(m *task.Meta) { m.CPUSeconds = 1e308 }, "its cost of 1e+308 CPU seconds"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sample := w.played(implementation, "mask-a3", "c")
			c.change(&sample.Meta)
			checkRefused(t, w, document(t, sample), c.want)
		})
	}
}

func TestUnitThatIsNotInTheRecipe(t *testing.T) {
	w := newWorld(t)
	w.env.Spec.Recipe.Experience.Units = w.env.Spec.Recipe.Experience.Units[:1]
	checkRefused(t, w, document(t, w.played(design, "component-c1", "c")), `its unit "SoftwareDesign" is not in the recipe`)
	w = newWorld(t)
	w.env.Spec.Recipe.Experience.Units = w.env.Spec.Recipe.Experience.Units[:1]
	checkRefused(t, w, document(t, w.questions()[0]), `its unit "RepositoryRecall" is not in the recipe`)
}

// A question is the plan's, word by word: the shard has no say in it.
func TestForgedQuestions(t *testing.T) {
	const other = `question "f1-t0" has another text or answer than the plan computes`
	cases := map[string]struct {
		change func(sample *task.Sample)
		want   string
	}{
		"another answer":   {func(s *task.Sample) { s.Messages[1].Content = "lib/gate.py" }, other},
		"a longer answer":  {func(s *task.Sample) { s.Messages[1].Content += " " }, other},
		"another text":     {func(s *task.Sample) { s.Messages[0].Content = "Where is `Vault`?" }, other},
		"a system turn":    {func(s *task.Sample) { s.Messages = append(said("s"), s.Messages...) }, other},
		"a second turn":    {func(s *task.Sample) { s.Messages = append(s.Messages, said("u a")...) }, other},
		"another question": {func(s *task.Sample) { s.Meta.TaskID = "f1-t1" }, "has another text or answer than the plan computes"},
		"no such fact":     {func(s *task.Sample) { s.Meta.TaskID = "f9-t0" }, `question "f9-t0" is not in the plan`},
		"no such fact, without a cluster": {
			func(s *task.Sample) { s.Meta.TaskID, s.Meta.Cluster = "f9-t0", "" }, `question "f9-t0" is not in the plan`,
		},
		"no such wording": {func(s *task.Sample) { s.Meta.TaskID = "f1-t99" }, `question "f1-t99" is not in the plan`},
		"an evaluation's": {func(s *task.Sample) { s.Meta.TaskID = "f1-e0" }, `question "f1-e0" is not in the plan`},
		"another cluster": {func(s *task.Sample) { s.Meta.Cluster = clusterOf("f2") }, `question "f1-t0" is not in the plan`},
		"a scripted one":  {func(s *task.Sample) { s.Meta.Provenance = task.ProvenanceScripted }, `question "f1-t0" is not in the plan`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			questions := w.questions()
			sample := questions[slices.Index(ids(questions), "f1-t0")]
			c.change(&sample)
			checkRefused(t, w, document(t, signed(sample)), c.want)
		})
	}
}

func TestBrokenLines(t *testing.T) {
	w := newWorld(t)
	whole := document(t, w.played(implementation, "mask-a3", "c"))
	cases := map[string]struct{ line, want string }{
		"an over-size message": {document(t, w.played(implementation, "mask-a3", strings.Repeat("x", maxLine))), "line 2: longer than 1048576 bytes"},
		"an endless line":      {strings.Repeat(" ", 2*maxLine), "line 2: longer than 1048576 bytes"},
		"no JSON":              {"sample\n", "line 2: invalid character"},
		"an empty line":        {"\n", "line 2"},
		"messages as a text":   {`{"messages":"u a"}` + "\n", "line 2: json: cannot unmarshal string"},
		"two in a line":        {strings.TrimSuffix(whole, "\n") + whole, "line 2: invalid character"},
		"a number too large":   {`{"meta":{"cpuSeconds":1e999}}` + "\n", "line 2: json: cannot unmarshal number"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { checkRefused(t, newWorld(t), c.line, c.want) })
	}
}

// A long trajectory is the tokenizer's to judge: a line may be as long as the bound.
func TestLongestLine(t *testing.T) {
	w := newWorld(t)
	short := len(document(t, w.played(implementation, "mask-a1", "x")))
	w.shards = []string{document(t, w.played(implementation, "mask-a1", strings.Repeat("x", maxLine-short+1)))}
	if len(w.shards[0]) != maxLine {
		t.Fatalf("the line has %d bytes", len(w.shards[0]))
	}
	if _, err := w.run(t); err != nil {
		t.Error(err)
	}
}

func TestBrokenShards(t *testing.T) {
	cases := map[string]struct {
		change func(t *testing.T, w *world)
		want   string
	}{
		"not sealed": {
			func(*testing.T, *world) {}, "shard 1 of Experience is not sealed",
		},
		"sealed without samples": {
			func(t *testing.T, w *world) { w.seal(t, w.shardFolder(1), map[string]string{"other.jsonl": ""}, nil) },
			"shard 1 of Experience is refused: open ",
		},
		"cut short": {
			func(t *testing.T, w *world) {
				w.seal(t, w.shardFolder(1), map[string]string{"samples.jsonl": strings.TrimSuffix(w.shards[0], "}\n")}, nil)
			},
			"shard 1 of Experience is refused: JSON Lines refused: line 1 is cut short",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.shards = []string{document(t, w.played(implementation, "mask-a1", "a"))}
			w.sealInputs(t)
			w.seal(t, w.shardFolder(0), map[string]string{"samples.jsonl": w.shards[0]}, nil)
			c.change(t, w)
			w.env.Spec.Shards = 2
			_, err := w.curate(t)
			if stage.ClassOf(err) != v1alpha1.FailureIntegrity || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v (%s), want %s", err, stage.ClassOf(err), c.want)
			}
			checkNothing(t, w)
		})
	}
}

// A folder that the run did not record is not read, whatever is in it.
func TestShardThatTheRunDoesNotHave(t *testing.T) {
	w := newWorld(t)
	w.shards = []string{document(t, w.played(implementation, "mask-a1", "a")), "no sample\n"}
	w.sealInputs(t)
	for i, shard := range w.shards {
		w.seal(t, w.shardFolder(i), map[string]string{"samples.jsonl": shard}, nil)
	}
	w.env.Spec.Shards = 1
	if _, err := w.curate(t); err != nil {
		t.Fatal(err)
	}
	if samples, _ := w.made(t); !cmp.Equal([]string{"mask-a1"}, ids(samples)) {
		t.Errorf("trained: %v", ids(samples))
	}
}

// Whatever a line holds, what is accepted is a whole dialogue of a planned task,
// and it is the same when it is written and read again.
func FuzzShardLine(f *testing.F) {
	w := newWorld(f)
	w.sealInputs(f)
	p, err := loadPlan(w.env)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document(f, w.played(implementation, "mask-a1", "a", "b")))
	f.Add(document(f, w.played(design, "component-c1", "a")))
	f.Add(document(f, w.questions()[0]))
	f.Add(document(f, w.played(implementation, "mask-e1", "a")))
	f.Add(`{"messages":[{"role":"user","content":"\ud800"},{"role":"assistant","content":"\u0000"}]}` + "\n")
	f.Add(`{"messages":[{"role":"user","loss":"none"}],"MESSAGES":[{"content":"x"}],"meta":null}` + "\n")
	f.Fuzz(func(t *testing.T, line string) {
		limits := task.Limits{Bytes: 1 << 16, LineBytes: 1 << 14, Lines: 10}
		// Refusals are fine here; accepted samples are looked at.
		_ = task.Decode(strings.NewReader(line), limits, func(_ int, sample task.Sample) error {
			// A fuzzer finds no hash, a hostile writer does.
			for _, candidate := range []task.Sample{sample, signed(sample)} {
				if p.check(candidate) == nil {
					checkAccepted(t, w, p, candidate)
				}
			}
			return nil
		})
	})
}

func checkAccepted(t *testing.T, w *world, p *plan, sample task.Sample) {
	t.Helper()
	var roles strings.Builder
	for _, message := range sample.Messages {
		roles.WriteByte(string(message.Role)[0])
		if strings.Trim(message.Content, " \t\r\n") == "" || strings.ContainsRune(message.Content, 0) {
			t.Errorf("content %q was accepted", message.Content)
		}
		if message.Loss != "" && message.Role != task.RoleAssistant {
			t.Errorf("loss %q of role %s was accepted", message.Loss, message.Role)
		}
	}
	if turns := strings.TrimPrefix(roles.String(), "s"); turns == "" || strings.ReplaceAll(turns, "ua", "") != "" {
		t.Errorf("roles %s were accepted", roles.String())
	}
	if id := sample.Meta.TaskID; !slices.Contains(trainable(w), id) {
		t.Errorf("task %q was accepted", id)
	}
	err := task.Decode(strings.NewReader(document(t, sample)), task.DefaultLimits(), func(_ int, again task.Sample) error {
		if diff := cmp.Diff(sample, again); diff != "" {
			t.Errorf("written and read again it differs:\n%s", diff)
		}
		return p.check(again)
	})
	if err != nil {
		t.Error(err)
	}
}

// trainable are the ids of all tasks of a world's plan that may be trained.
func trainable(w *world) []string {
	list := []string{"mask-a1", "mask-a2", "mask-a3", "component-c1", "component-c2"}
	for _, question := range recall.TrainingQuestions(w.facts, recall.TrainingWordings, 1, 0) {
		list = append(list, question.ID)
	}
	return list
}
