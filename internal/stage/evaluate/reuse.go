package evaluate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/task"
)

const (
	// sentinelShare: one task in so many of a kind is asked again of a model whose
	// results are reused.
	sentinelShare = 10
	// keptResults bounds how many sets of results stay on the volume, the newest ones.
	keptResults = 8
)

// reused is what became of an arm's results of an earlier evaluation.
type reused struct {
	attempts map[tried][]attempt
	// askedAgain counts the tasks of the sentinel. drifted says that what came out of
	// them is not explained, so that everything was asked anew.
	askedAgain int
	drifted    bool
}

// resultsFolder is where results of a model are kept: by what was asked, by the
// model, and by how it is asked, which differs between base and trained ones.
func (e *evaluation) resultsFolder(a arm) string {
	asked := "trained"
	if a.name == v1alpha1.ArmBase {
		asked = "base"
	}
	sum := sha256.Sum256([]byte("results/1\x00" + e.fingerprint() + "\x00" + asked + "\x00" + a.digest))
	return path.Join(contract.ResultsFolder, hex.EncodeToString(sum[:]))
}

// readResults finds results of the arms that were asked the same before. The
// candidate is always asked, and a later look has the results of the first.
func (e *evaluation) readResults() {
	e.reused = map[v1alpha1.ArmName]*reused{}
	if e.previous != nil {
		return
	}
	for _, a := range e.arms {
		if a.name == v1alpha1.ArmCandidate {
			continue
		}
		records, err := e.resultsOf(a)
		if err != nil {
			// Kept results save time and nothing else.
			if !errors.Is(err, artifact.ErrNotSealed) {
				e.env.Log.Warn("kept results are not used", "arm", a.name, "cause", err.Error())
			}
			continue
		}
		found := &reused{attempts: map[tried][]attempt{}}
		for _, r := range records {
			key := tried{r.Kind, r.Variant, a.name, r.Task}
			found.attempts[key] = append(found.attempts[key], r.attempt)
		}
		e.reused[a.name] = found
	}
}

func (e *evaluation) resultsOf(a arm) ([]taskRecord, error) {
	folder := e.resultsFolder(a)
	_, digest, err := e.env.Store.Lookup(folder)
	if err != nil {
		return nil, err
	}
	if _, err := e.env.Store.VerifyContent(folder, digest); err != nil {
		return nil, err
	}
	place, err := e.env.Store.Path(folder)
	if err != nil {
		return nil, err
	}
	return task.ReadFile[taskRecord](filepath.Join(place, RecordsFile))
}

// sentinel says whether a task is asked again of the models whose results are
// reused: a tenth of each kind's, drawn by the tasks and the run.
func (e *evaluation) sentinel(k *asked) map[int]bool {
	tasks := k.tasks()
	order := drawn(e.fingerprint()+k.title()+e.env.Spec.Run+e.env.Spec.Keys.Evaluation, 0, 0).Perm(len(tasks))
	chosen := map[int]bool{}
	for _, task := range order[:(len(tasks)+sentinelShare-1)/sentinelShare] {
		chosen[task] = true
	}
	return chosen
}

// drifts compares what a model answers now with what is kept of it. Answers that are
// not drawn must be the same; of drawn ones as many must solve their tasks as chance
// explains.
func drifts(sampled bool, kept, now []attempt) bool {
	if !sampled {
		return !slices.EqualFunc(kept, now, func(a, b attempt) bool { return a.Answer == b.Answer && a.Correct == b.Correct })
	}
	return fisher(solved(kept), len(kept), solved(now), len(now)) < driftLevel
}

// keepResults leaves what base, served model and anchor made of the tasks for the
// next evaluation of the same ones.
func (e *evaluation) keepResults() error {
	for _, a := range e.arms {
		found := e.reused[a.name]
		if a.name == v1alpha1.ArmCandidate || found != nil && !found.drifted && e.complete(a, found) {
			continue
		}
		var records []taskRecord
		for _, k := range e.kinds {
			records = append(records, k.records(a.name)...)
		}
		if err := e.keep(e.resultsFolder(a), records); err != nil {
			return fmt.Errorf("keep the results of %s: %w", a.name, err)
		}
	}
	return e.forgetResults()
}

// complete says whether kept results hold all rollouts that there are now.
func (e *evaluation) complete(a arm, found *reused) bool {
	for _, k := range e.kinds {
		if !k.asks(a.name) {
			continue
		}
		for _, t := range k.tasks() {
			if len(found.attempts[k.tried(a.name, t.id)]) < k.rollouts {
				return false
			}
		}
	}
	return true
}

func (e *evaluation) keep(folder string, records []taskRecord) error {
	if err := e.env.Store.Remove(folder); err != nil {
		return err
	}
	draft, err := e.env.Store.Begin(folder)
	if err != nil {
		return err
	}
	if err := task.WriteFile(filepath.Join(draft.Path(), RecordsFile), records); err != nil {
		return errors.Join(err, draft.Discard())
	}
	_, err = draft.Seal(artifact.Manifest{Stage: string(v1alpha1.StageEvaluate), Key: path.Base(folder)})
	return err
}

// forgetResults removes all but the newest results.
func (e *evaluation) forgetResults() error {
	place, err := e.env.Store.Path(contract.ResultsFolder)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(place)
	if err != nil {
		return err
	}
	var sealed []fs.FileInfo
	for _, entry := range entries {
		// Drafts of another writer begin with a dot.
		if info, err := entry.Info(); err == nil && info.IsDir() && entry.Name()[0] != '.' {
			sealed = append(sealed, info)
		}
	}
	slices.SortFunc(sealed, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, info := range sealed[min(len(sealed), keptResults):] {
		if err := e.env.Store.Remove(path.Join(contract.ResultsFolder, info.Name())); err != nil {
			return err
		}
	}
	return nil
}
