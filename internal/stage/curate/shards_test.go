package curate

import (
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

// checkRefused runs a world whose second shard has a bad second line: it costs
// itself alone, and the card counts it, for the unit that it names.
func checkRefused(t *testing.T, w *world, unit v1alpha1.UnitName, line, code string) {
	t.Helper()
	shard := func(id string) string { return document(t, w.played(implementation, id, "said of "+id)) }
	w.shards = []string{shard("mask-a1"), shard("mask-a2") + line + shard("mask-a3")}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)
	if got := trajectories(samples); !cmp.Equal([]string{"mask-a1", "mask-a2", "mask-a3"}, got) {
		t.Errorf("kept %v", got)
	}
	want := map[string]int{code: 1}
	got := card.Unattributed
	if of := card.unit(unit); of != nil {
		got = of.Dropped
	}
	if diff := cmp.Diff(want, got); diff != "" || !cmp.Equal(want, card.dropped()) {
		t.Errorf("refused (-want +got):\n%s%v", diff, card.dropped())
	}
	if meanings[code] == "" || !strings.Contains(w.output(t, CardFile), meanings[code]) {
		t.Errorf("the card does not say what %s means", code)
	}
}

func TestMalformedMessages(t *testing.T) {
	with := func(change func(messages []task.Message)) []task.Message {
		messages := said("s u a u a")
		change(messages)
		return messages
	}
	cases := map[string]struct {
		messages []task.Message
		code     string
	}{
		"none":                        {code: refusedMessages},
		"a system turn alone":         {said("s"), refusedMessages},
		"the assistant begins":        {said("a u"), refusedMessages},
		"two user turns in a row":     {slices.Concat(said("u"), said("u a"), said("a")), refusedMessages},
		"the user has the last word":  {said("u a u"), refusedMessages},
		"a second system turn":        {append(said("s"), said("s u a")...), refusedMessages},
		"a system turn in the middle": {said("u a s u a"), refusedMessages},
		"nothing is learned":          {said("u a! u a!"), refusedMessages},
		"too many":                    {said(strings.Repeat("u a ", maxMessages/2+1)), refusedTurns},
		"another role":                {with(func(m []task.Message) { m[1].Role = "tool" }), refusedMessages},
		"no role":                     {with(func(m []task.Message) { m[2].Role = "" }), refusedMessages},
		"an empty user turn":          {with(func(m []task.Message) { m[1].Content = "" }), refusedMessages},
		"a blank assistant turn":      {with(func(m []task.Message) { m[4].Content = " \n\t" }), refusedMessages},
		"an empty system turn":        {with(func(m []task.Message) { m[0].Content = "" }), refusedMessages},
		"a NUL byte":                  {with(func(m []task.Message) { m[3].Content = "a\x00b" }), refusedMessages},
		"an unlearned user turn":      {with(func(m []task.Message) { m[1].Loss = task.LossNone }), refusedMessages},
		"an unlearned system turn":    {with(func(m []task.Message) { m[0].Loss = task.LossNone }), refusedMessages},
		"a message too large":         {with(func(m []task.Message) { m[3].Content = strings.Repeat("x", maxMessageBytes+1) }), refusedSize},
		"another mark of the loss":    {with(func(m []task.Message) { m[2].Loss = "double" }), refusedMessages},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sample := w.played(implementation, "mask-a3", "c")
			sample.Messages = c.messages
			checkRefused(t, w, implementation, document(t, signed(sample)), c.code)
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
		code   string
	}{
		"an unknown unit":            {func(m *task.Meta) { m.Unit = "Poetry" }, refusedUnit},
		"no unit":                    {func(m *task.Meta) { m.Unit = "" }, refusedUnit},
		"a unit of endless name":     {func(m *task.Meta) { m.Unit = v1alpha1.UnitName(strings.Repeat("x", 9999)) }, refusedUnit},
		"a wrong content hash":       {func(m *task.Meta) { m.ContentHash = strings.Repeat("0", 64) }, refusedHash},
		"no content hash":            {func(m *task.Meta) { m.ContentHash = "" }, refusedHash},
		"another commit":             {func(m *task.Meta) { m.Commit = strings.Repeat("0", 40) }, refusedCommit},
		"a teacher that nobody set":  {func(m *task.Meta) { m.Provenance = "teacher:m" }, refusedProvenance},
		"a computed trajectory":      {func(m *task.Meta) { m.Provenance = task.ProvenanceComputed }, refusedProvenance},
		"a task that is not planned": {func(m *task.Meta) { m.TaskID = "mask-zz" }, refusedTask},
		// What a map says of an unknown task is "", which is no cluster of the plan.
		"an unplanned task, no cluster":   {func(m *task.Meta) { m.TaskID, m.Cluster = "mask-zz", "" }, refusedTask},
		"a held-out task":                 {func(m *task.Meta) { m.TaskID, m.Cluster = "mask-e1", clusterOf("mask-e1") }, refusedHeldOut},
		"a held-out task elsewhere":       {func(m *task.Meta) { m.TaskID = "mask-e1" }, refusedHeldOut},
		"a held-out cluster":              {func(m *task.Meta) { m.Cluster = clusterOf("mask-e1") }, refusedHeldOut},
		"another cluster":                 {func(m *task.Meta) { m.Cluster = clusterOf("mask-a1") }, refusedTask},
		"no task":                         {func(m *task.Meta) { m.TaskID = "" }, refusedMeta},
		"a task of endless name":          {func(m *task.Meta) { m.TaskID = strings.Repeat("x", maxName+1) }, refusedMeta},
		"a task of two lines":             {func(m *task.Meta) { m.TaskID = "mask\n-a3" }, refusedMeta},
		"a verification without end":      {func(m *task.Meta) { m.Verification = strings.Repeat("x", maxVerification+1) }, refusedMeta},
		"a long name as long as its text": {func(m *task.Meta) { m.TaskID = strings.Repeat("x", maxVerification); m.Verification = m.TaskID }, refusedMeta},
		"a path above the root":           {func(m *task.Meta) { m.Path = "../etc/passwd" }, refusedMeta},
		"an absolute path":                {func(m *task.Meta) { m.Path = "/etc/passwd" }, refusedMeta},
		"the root as a path":              {func(m *task.Meta) { m.Path = "." }, refusedMeta},
		"a cost below nothing":            {func(m *task.Meta) { m.CPUSeconds = -1 }, refusedMeta},
		"an endless cost":                 {func(m *task.Meta) { m.CPUSeconds = 1e308 }, refusedMeta},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			sample := w.played(implementation, "mask-a3", "c")
			c.change(&sample.Meta)
			checkRefused(t, w, sample.Meta.Unit, document(t, sample), c.code)
		})
	}
}

// A task is one of its unit, and an evaluation's component trains no report.
func TestTasksOfOtherUnits(t *testing.T) {
	cases := map[string]struct {
		unit v1alpha1.UnitName
		id   string
		code string
	}{
		"a mask to report on":        {design, "mask-a3", refusedTask},
		"a component to implement":   {implementation, "component-c1", refusedTask},
		"a held-out component":       {design, "component-e1", refusedHeldOut},
		"a trajectory as a question": {remembering, "mask-a3", refusedTask},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			checkRefused(t, w, c.unit, document(t, w.played(c.unit, c.id, "c")), c.code)
		})
	}
}

func TestUnitThatIsNotInTheRecipe(t *testing.T) {
	for _, unit := range []v1alpha1.UnitName{design, remembering} {
		w := newWorld(t)
		w.env.Spec.Recipe.Experience.Units = w.env.Spec.Recipe.Experience.Units[:1]
		checkRefused(t, w, unit, document(t, w.played(unit, "component-c1", "c")), refusedUnit)
	}
}

// A bug is of the plan, and a fix is on the tree of its own commit; a recipe with a
// teacher takes what is the teacher's.
func TestBugs(t *testing.T) {
	const replay = v1alpha1.UnitEvolutionaryReplay
	const fixed = "1234567890123456789012345678901234567890"
	cases := map[string]struct {
		change  func(w *world, s *task.Sample)
		dropped map[string]int
	}{
		"as planned":                  {func(*world, *task.Sample) {}, map[string]int{}},
		"another cluster":             {func(_ *world, s *task.Sample) { s.Meta.Cluster = "other" }, map[string]int{refusedTask: 1}},
		"a bug that is not planned":   {func(_ *world, s *task.Sample) { s.Meta.TaskID = "fix-9" }, map[string]int{refusedCommit: 1}},
		"a mutant on the fix's tree":  {func(_ *world, s *task.Sample) { s.Meta.TaskID = "mutant-1" }, map[string]int{refusedCommit: 1}},
		"a fix on the snapshot":       {func(w *world, s *task.Sample) { s.Meta.Commit = w.env.Spec.Commit }, map[string]int{refusedCommit: 1}},
		"of a held-out cluster":       {func(w *world, _ *task.Sample) { w.replays[0].Side = task.SideEvaluation }, map[string]int{refusedHeldOut: 1}},
		"by a teacher that is not":    {func(_ *world, s *task.Sample) { s.Meta.Provenance = "teacher:wise" }, map[string]int{refusedProvenance: 1}},
		"a script beside the teacher": {func(w *world, _ *task.Sample) { w.teach() }, map[string]int{refusedProvenance: 1}},
		"by the teacher": {func(w *world, s *task.Sample) {
			w.teach()
			s.Meta.Provenance = "teacher:wise"
		}, map[string]int{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.env.Spec.Recipe.Experience.Units = append(w.env.Spec.Recipe.Experience.Units, v1alpha1.Unit{Name: replay, Samples: 3})
			w.replays = []task.Replay{
				{ID: "fix-1", Kind: task.ReplayFix, Commit: fixed, Cluster: "bugs", Side: task.SideTrain, Paths: []string{"lib/gate.py"}},
				{ID: "mutant-1", Kind: task.ReplayMutant, Cluster: "bugs", Side: task.SideTrain, Paths: []string{"lib/gate.py"}},
			}
			sample := w.played(replay, "fix-1", "c")
			sample.Meta.Cluster, sample.Meta.Commit = "bugs", fixed
			c.change(w, &sample)
			w.shards = []string{document(t, append(w.questions(), sample)...)}
			if _, err := w.run(t); err != nil {
				t.Fatal(err)
			}
			samples, card := w.made(t)
			checkSums(t, samples, card)
			kept := 1 - len(c.dropped)
			if diff := cmp.Diff(c.dropped, card.unit(replay).Dropped); diff != "" || card.RealFixes.Count != kept {
				t.Errorf("dropped (-want +got):\n%s%+v", diff, card.RealFixes)
			}
		})
	}
}

// teach gives the recipe a teacher.
func (w *world) teach() { w.env.Spec.Recipe.Teacher = &v1alpha1.Teacher{Model: "wise"} }

// A question is the plan's, word by word: the shard has no say in it.
func TestForgedQuestions(t *testing.T) {
	cases := map[string]struct {
		change func(sample *task.Sample)
		code   string
	}{
		"another answer":   {func(s *task.Sample) { s.Messages[1].Content = "lib/gate.py" }, refusedQuestion},
		"a longer answer":  {func(s *task.Sample) { s.Messages[1].Content += " " }, refusedQuestion},
		"another text":     {func(s *task.Sample) { s.Messages[0].Content = "Where is `Vault`?" }, refusedQuestion},
		"a system turn":    {func(s *task.Sample) { s.Messages = append(said("s"), s.Messages...) }, refusedQuestion},
		"a second turn":    {func(s *task.Sample) { s.Messages = append(s.Messages, said("u a")...) }, refusedQuestion},
		"another question": {func(s *task.Sample) { s.Meta.TaskID = "f1-t1" }, refusedQuestion},
		"no such fact":     {func(s *task.Sample) { s.Meta.TaskID = "f9-t0" }, refusedTask},
		"no such fact, without a cluster": {
			func(s *task.Sample) { s.Meta.TaskID, s.Meta.Cluster = "f9-t0", "" }, refusedTask,
		},
		"no such wording": {func(s *task.Sample) { s.Meta.TaskID = "f1-t99" }, refusedTask},
		"an evaluation's": {func(s *task.Sample) { s.Meta.TaskID = "f1-e0" }, refusedTask},
		"another cluster": {func(s *task.Sample) { s.Meta.Cluster = clusterOf("f2") }, refusedTask},
		"a scripted one":  {func(s *task.Sample) { s.Meta.Provenance = task.ProvenanceScripted }, refusedProvenance},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			questions := w.questions()
			sample := questions[slices.Index(ids(questions), "f1-t0")]
			c.change(&sample)
			checkRefused(t, w, remembering, document(t, signed(sample)), c.code)
		})
	}
}

func TestBrokenLines(t *testing.T) {
	w := newWorld(t)
	whole := document(t, w.played(implementation, "mask-a3", "c"))
	cases := map[string]struct{ line, code string }{
		"a line too long":       {document(t, w.played(implementation, "mask-a3", strings.Repeat("x", maxLine))), refusedLength},
		"an endless line":       {strings.Repeat(" ", 2*maxLine) + "\n", refusedLength},
		"no JSON":               {"sample\n", refusedLine},
		"an empty line":         {"\n", refusedLine},
		"messages as a text":    {`{"meta":{"unit":"ContextualImplementation"},"messages":"u a"}` + "\n", refusedLine},
		"two in a line":         {strings.TrimSuffix(whole, "\n") + whole, refusedLine},
		"a number too large":    {`{"meta":{"cpuSeconds":1e999}}` + "\n", refusedLine},
		"text that is no UTF-8": {strings.Replace(whole, `"c"`, "\"\xff\"", 1), refusedUTF8},
		"an object of nothing":  {"{}\n", refusedMessages},
		"null":                  {"null\n", refusedMessages},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { checkRefused(t, newWorld(t), "", c.line, c.code) })
	}
}

// A last line that a broken write left costs no more than itself.
func TestTornShard(t *testing.T) {
	w := newWorld(t)
	w.shards = []string{strings.TrimSuffix(document(t, w.played(implementation, "mask-a1", "a"), w.played(implementation, "mask-a2", "b")), "}\n")}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)
	if !cmp.Equal([]string{"mask-a1"}, ids(samples)) || !cmp.Equal(map[string]int{refusedLine: 1}, card.Unattributed) {
		t.Errorf("kept %v, refused %v", ids(samples), card.Unattributed)
	}
}

// What a shard says of rejections is counted within bounds, whatever it says.
func TestHostileRejections(t *testing.T) {
	w := clean(t)
	lines := []task.Rejection{
		{Unit: design, Code: "report-unresolved"}, {Unit: design, Code: "report-unresolved"}, {Unit: design, Code: "<b>"},
		{Unit: design, Code: ""}, {Unit: design, Code: strings.Repeat("x", 999)}, {Unit: "Poetry", Code: "a"},
	}
	for i := range 2 * maxRejectionCodes {
		lines = append(lines, task.Rejection{Unit: implementation, Code: fmt.Sprint("code-", i)})
	}
	w.rejections = []string{document(t, lines...) + "no JSON\n"}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)
	if diff := cmp.Diff(map[string]int{"report-unresolved": 2, otherRejection: 3}, card.unit(design).Rejected); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
	many := card.unit(implementation).Rejected
	if len(many) != maxRejectionCodes+1 || sum(many) != 2*maxRejectionCodes {
		t.Errorf("%d codes of %d rejections", len(many), sum(many))
	}
	if card.Unattributed[unattributedRejection] != 2 {
		t.Errorf("of no unit: %v", card.Unattributed)
	}
}

// A manifest's figures do not bend the funnel.
func TestManifestThatDoesNotAddUp(t *testing.T) {
	w := clean(t)
	w.counts = []map[string]int64{{"SoftwareDesign.candidates": -5, "SoftwareDesign.cpuMillis": -7, "RepositoryRecall.candidates": 1 << 62}, {"SoftwareDesign.candidates": 1}}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, card := w.made(t)
	checkSums(t, samples, card)
	if unit := card.unit(design); unit.Candidates != 2 || unit.CPUSeconds != 0 {
		t.Errorf("SoftwareDesign: %+v", unit)
	}
}

// A long trajectory is the tokenizer's to judge: a line may be as long as the bound,
// and a message too.
func TestLongestLine(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", maxMessageBytes)
	short := len(document(t, w.played(implementation, "mask-a1", long, long, long, "x")))
	w.shards = []string{document(t, w.played(implementation, "mask-a1", long, long, long, strings.Repeat("x", maxLine-short+1)))}
	if len(w.shards[0]) != maxLine {
		t.Fatalf("the line has %d bytes", len(w.shards[0]))
	}
	if _, err := w.run(t); err != nil {
		t.Error(err)
	}
	if samples, _ := w.made(t); len(samples) != 1 {
		t.Errorf("%d samples", len(samples))
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
			"shard 1 of Experience cannot be read: open ",
		},
		"sealed without rejections": {
			func(t *testing.T, w *world) { w.seal(t, w.shardFolder(1), map[string]string{"samples.jsonl": ""}, nil) },
			"shard 1 of Experience cannot be read: open ",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.shards = []string{document(t, w.played(implementation, "mask-a1", "a"))}
			w.sealInputs(t)
			w.sealShard(t, 0, w.shards[0])
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
		w.sealShard(t, i, shard)
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
				if p.check(candidate) == "" {
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
		if code := p.check(again); code != "" {
			t.Errorf("written and read again it is refused: %s", code)
		}
		return nil
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
