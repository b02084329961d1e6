package curate

import (
	"fmt"
	"path/filepath"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/snapshot"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
	"github.com/repoexpert/operator/internal/teacher"
)

// plan is what samples are checked against.
type plan struct {
	commit string
	// commits are those of fixes, by task: their trajectories are on trees of their
	// own.
	commits map[string]string
	// provenance is that of trajectories: the recipe's teacher, or a script.
	provenance string
	// units that the recipe lists.
	units map[v1alpha1.UnitName]bool
	// clusters are those of the training side, by task, of the units whose tasks
	// the plan lists.
	clusters map[v1alpha1.UnitName]map[string]string
	// heldOutTasks and heldOutClusters are those of the evaluation side.
	heldOutTasks, heldOutClusters map[string]bool
	// bugs are the tasks that are a bug, verified those that Experience verified,
	// mutations how many the plan has of each family.
	bugs      map[string]bool
	verified  bugs
	mutations map[string]int
	// fileShare is the part of the plan's training tasks that a file holds.
	fileShare map[string]float64
	facts     []recall.Fact
	// questions are the training questions in training order.
	questions []recall.Question
	byID      map[string]recall.Question
	seed      uint64
	batch     int
	heldOut   []task.HeldOut
	masks     []task.Mask
	grams     heldOutGrams
	licences  []Licence
}

func loadPlan(env stage.Env) (*plan, error) {
	folder, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StagePlan))
	if err != nil {
		return nil, err
	}
	place, err := env.Store.Path(env.Spec.Keys.Output(v1alpha1.StageFetch))
	if err != nil {
		return nil, err
	}
	tree, err := snapshot.Open(place)
	if err != nil {
		return nil, err
	}
	trained, err := env.Trained()
	if err != nil {
		return nil, err
	}
	r := env.Spec.Recipe
	p := &plan{
		commit: trained, seed: uint64(r.Experience.Seed), batch: int(max(1, r.Training.BatchSize)),
		units: map[v1alpha1.UnitName]bool{}, clusters: map[v1alpha1.UnitName]map[string]string{}, byID: map[string]recall.Question{},
		commits: map[string]string{}, provenance: task.ProvenanceScripted,
		heldOutTasks: map[string]bool{}, heldOutClusters: map[string]bool{}, fileShare: map[string]float64{},
		bugs: map[string]bool{}, verified: bugs{}, mutations: map[string]int{},
	}
	if r.Teacher != nil {
		p.provenance = teacher.Provenance(r.Teacher.Model)
	}
	for _, unit := range r.Experience.Units {
		p.units[unit.Name] = true
	}
	if err := p.read(folder); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	if p.grams, err = gramsOf(p.heldOut, tree); err != nil {
		return nil, err
	}
	p.licences, err = licencesOf(tree)
	return p, err
}

func (p *plan) read(folder string) (err error) {
	if p.masks, err = task.ReadFile[task.Mask](filepath.Join(folder, task.MasksFile)); err != nil {
		return err
	}
	components, err := task.ReadFile[task.Component](filepath.Join(folder, task.ComponentsFile))
	if err != nil {
		return err
	}
	if p.facts, err = task.ReadFile[recall.Fact](filepath.Join(folder, task.FactsFile)); err != nil {
		return err
	}
	if p.heldOut, err = task.ReadFile[task.HeldOut](filepath.Join(folder, task.HeldOutFile)); err != nil {
		return err
	}
	replays, err := task.ReadFile[task.Replay](filepath.Join(folder, task.ReplaysFile))
	if err != nil {
		return err
	}
	masks, reports, bugs := map[string]string{}, map[string]string{}, map[string]string{}
	for _, mask := range p.masks {
		p.sort(masks, mask.Side, mask.ID, mask.Cluster, mask.Path)
	}
	for _, component := range components {
		p.sort(reports, component.Side, component.ID, component.Cluster, component.Path)
	}
	for _, replay := range replays {
		p.sort(bugs, replay.Side, replay.ID, replay.Cluster, replay.Paths[0])
		p.bugs[replay.ID] = true
		for _, mutation := range replay.Mutations {
			p.mutations[mutation.Operator]++
		}
		if replay.Kind == task.ReplayFix {
			p.commits[replay.ID] = replay.Commit
		}
	}
	p.clusters[v1alpha1.UnitContextualImplementation], p.clusters[v1alpha1.UnitSoftwareDesign] = masks, reports
	p.clusters[v1alpha1.UnitEvolutionaryReplay], p.clusters[v1alpha1.UnitSemanticRuntimeAlignment] = bugs, bugs
	for path := range p.fileShare {
		p.fileShare[path] /= float64(len(masks) + len(reports) + len(bugs))
	}
	p.questions = recall.TrainingQuestions(p.facts, recall.TrainingWordings, p.batch, p.seed)
	for _, question := range p.questions {
		p.byID[question.ID] = question
	}
	return nil
}

// sort puts a task on its side.
func (p *plan) sort(trained map[string]string, side task.Side, id, cluster, path string) {
	if side == task.SideTrain {
		trained[id] = cluster
		p.fileShare[path]++
		return
	}
	p.heldOutTasks[id], p.heldOutClusters[cluster] = true, true
}

// shuffleAnswers gives questions the answers of other facts of their kind.
func (p *plan) shuffleAnswers(samples []task.Sample) {
	answers := map[string]string{}
	for _, fact := range recall.Shuffle(p.facts, p.seed) {
		answers[fact.ID] = fact.Answer
	}
	for i, sample := range samples {
		if sample.Meta.Unit != v1alpha1.UnitRepositoryRecall {
			continue
		}
		messages := append([]task.Message(nil), sample.Messages...)
		messages[len(messages)-1].Content = answers[p.byID[sample.Meta.TaskID].Facts[0]]
		samples[i].Messages = messages
		samples[i].Meta.ContentHash = task.ContentHash(messages)
		samples[i].Meta.Verification = "answer of another fact: control experiment"
	}
}

// Exclusion lists what was held out when a data set was made.
type Exclusion struct {
	Commit string `json:"commit"`
	// Functions are the ids of held-out functions, Clusters those of held-out tasks.
	Functions []string `json:"functions"`
	Clusters  []string `json:"clusters"`
}

func (p *plan) exclusion() Exclusion {
	functions, clusters := map[string]bool{}, map[string]bool{}
	for _, held := range p.heldOut {
		if !held.Later {
			functions[held.ID] = true
		}
	}
	for _, mask := range p.masks {
		if mask.Side == task.SideEvaluation {
			functions[mask.ID] = true
			clusters[mask.Cluster] = true
		}
	}
	return Exclusion{Commit: p.commit, Functions: sorted(functions), Clusters: sorted(clusters)}
}
