package experience

import (
	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/recall"
	"github.com/repoexpert/operator/internal/task"
)

// recallSamples journals every fact of the shard in every training wording.
func recallSamples(p *plan, j *journal) error {
	paths := map[string]string{}
	for _, fact := range p.facts {
		paths[fact.ID] = fact.Path
	}
	var entries []entry
	// Curate puts the questions into training order; here any order does.
	for _, question := range recall.TrainingQuestions(p.facts, recall.TrainingWordings, 1, 0) {
		if j.done[key(v1alpha1.UnitRepositoryRecall, question.ID)] {
			continue
		}
		sample := task.Sample{Messages: question.Messages(), Meta: task.Meta{
			Unit: v1alpha1.UnitRepositoryRecall, TaskID: question.ID, Cluster: question.Cluster, Commit: p.commit,
			Path: paths[question.Facts[0]], Provenance: task.ProvenanceComputed, Verification: "answer computed from the syntax tree",
		}}
		sample.Meta.ContentHash = task.ContentHash(sample.Messages)
		entries = append(entries, entry{Unit: v1alpha1.UnitRepositoryRecall, TaskID: question.ID, Sample: &sample, Verified: true})
	}
	if len(entries) == 0 {
		return nil
	}
	return j.add(entries...)
}
