package local

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage/curate"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/task"
)

// Found are files of samples.
type Found struct {
	// Files in order, absolute or as they were named.
	Files []string
	// Folders are the sealed folders that hold them, below an output folder; none
	// for files that lie elsewhere.
	Folders []string
	sealed  time.Time
}

// Find finds the samples in a place: a file of samples, a folder that holds one,
// or an output folder, of which the newest data set or experience counts.
func Find(place string) (Found, error) {
	info, err := os.Stat(place)
	if err != nil {
		return Found{}, fmt.Errorf("--in: %w", err)
	}
	if !info.IsDir() {
		return Found{Files: []string{place}}, nil
	}
	for _, name := range []string{curate.DatasetFile, experience.SamplesFile} {
		if file := filepath.Join(place, name); regular(file) {
			return Found{Files: []string{file}}, nil
		}
	}
	candidates, err := sealedSamples(place)
	if err != nil {
		return Found{}, err
	}
	if len(candidates) == 0 {
		return Found{}, fmt.Errorf("--in %s holds no samples: name an output folder of worker experience or worker curate, or a file of samples", place)
	}
	return slices.MaxFunc(candidates, func(a, b Found) int { return a.sealed.Compare(b.sealed) }), nil
}

func regular(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// sealedSamples lists the data sets of an output folder, and its experience with
// all shards of each.
func sealedSamples(output string) ([]Found, error) {
	byStage := map[string]*Found{}
	for pattern, file := range map[string]string{
		contract.DatasetsFolder + "/*":           curate.DatasetFile,
		contract.ExperienceFolder + "/*/shard-*": experience.SamplesFile,
	} {
		manifests, err := filepath.Glob(filepath.Join(output, filepath.FromSlash(pattern), artifact.ManifestName))
		if err != nil {
			return nil, err
		}
		for _, manifest := range manifests {
			below, err := filepath.Rel(output, filepath.Dir(manifest))
			info, statErr := os.Lstat(manifest)
			if err != nil || statErr != nil {
				return nil, errors.Join(err, statErr)
			}
			add(byStage, output, filepath.ToSlash(below), file, info.ModTime())
		}
	}
	var all []Found
	for _, f := range byStage {
		all = append(all, *f)
	}
	return all, nil
}

// add adds one sealed folder to the output of its stage. Shards belong together.
func add(byStage map[string]*Found, output, folder, file string, sealed time.Time) {
	if strings.Contains(folder, "/.") {
		return // a draft, or what is left of one
	}
	whole := folder
	if strings.HasPrefix(folder, contract.ExperienceFolder+"/") {
		whole = path.Dir(folder)
	}
	f := byStage[whole]
	if f == nil {
		f = &Found{}
		byStage[whole] = f
	}
	f.Files = append(f.Files, filepath.Join(output, filepath.FromSlash(folder), file))
	f.Folders = append(f.Folders, folder)
	if sealed.After(f.sealed) {
		f.sealed = sealed
	}
}

// maxMatches bounds the samples that an ambiguous name lists.
const maxMatches = 10

// Pick returns the one sample whose task a name means: the task's id, the
// beginning of one, or either after its unit and a slash.
func (f Found) Pick(name string) (task.Sample, error) {
	var exact, starting []task.Sample
	err := f.Each(func(sample task.Sample) error {
		switch id := sample.Meta.TaskID; {
		case name == id || name == string(sample.Meta.Unit)+"/"+id:
			exact = append(exact, sample)
		case strings.HasPrefix(id, name) || strings.HasPrefix(string(sample.Meta.Unit)+"/"+id, name):
			starting = append(starting, sample)
		}
		return nil
	})
	if err != nil {
		return task.Sample{}, err
	}
	matches := exact
	if len(matches) == 0 {
		matches = starting
	}
	switch len(matches) {
	case 0:
		return task.Sample{}, fmt.Errorf("no sample of %s has a task id that starts with %q", strings.Join(f.Files, ", "), name)
	case 1:
		return matches[0], nil
	default:
		return task.Sample{}, fmt.Errorf("%d samples match %q, among them %s: give more of one", len(matches), name, named(matches))
	}
}

func named(samples []task.Sample) string {
	var names []string
	for _, sample := range samples[:min(len(samples), maxMatches)] {
		names = append(names, string(sample.Meta.Unit)+"/"+sample.Meta.TaskID)
	}
	slices.SortFunc(names, cmp.Compare[string])
	return strings.Join(names, ", ")
}

// Each visits all samples, in the files' order.
func (f Found) Each(visit func(task.Sample) error) error {
	for _, name := range f.Files {
		if err := eachIn(name, visit); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func eachIn(name string, visit func(task.Sample) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return task.Decode(file, task.DefaultLimits(), func(_ int, sample task.Sample) error { return visit(sample) })
}
