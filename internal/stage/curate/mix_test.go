package curate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

func TestMix(t *testing.T) {
	const replay v1alpha1.UnitName = "EvolutionaryReplay"
	type item struct {
		n                   int
		unit                v1alpha1.UnitName
		id, cluster, folder string
	}
	cases := map[string]struct {
		items []item
		asked int32
		share map[string]float64
		want  map[string]int
	}{
		"all that is asked for":      {[]item{{10, implementation, "t", "", ""}}, 10, nil, map[string]int{}},
		"more":                       {[]item{{12, implementation, "t", "", ""}}, 10, nil, map[string]int{dropOverCap: 2}},
		"a cluster of few":           {[]item{{4, implementation, "t", "c", ""}}, 10, nil, map[string]int{}},
		"a cluster of many":          {[]item{{9, implementation, "t", "c", ""}, {20, implementation, "u", "", ""}}, 100, nil, map[string]int{dropClusterCap: 5}},
		"a cluster's share":          {[]item{{9, implementation, "t", "c", ""}, {191, implementation, "u", "", ""}}, 1000, nil, map[string]int{}},
		"a file of few":              {[]item{{8, implementation, "t", "", "f"}}, 10, nil, map[string]int{}},
		"a file of many":             {[]item{{60, implementation, "t", "", "f"}, {40, implementation, "u", "", ""}}, 100, nil, map[string]int{dropFileCap: 30}},
		"the file of all tasks":      {[]item{{100, implementation, "t", "", "f"}}, 100, map[string]float64{"f": 1}, map[string]int{}},
		"a commit of many":           {[]item{{9, replay, "fix-abc-", "", ""}, {11, replay, "reversal-abc-", "", ""}}, 100, nil, map[string]int{dropCommitCap: 16}},
		"many commits":               {[]item{{1, replay, "fix-a-", "", ""}, {1, replay, "fix-b-", "", ""}, {4, replay, "fix-c-", "", ""}}, 100, nil, map[string]int{}},
		"a unit that is not asked":   {[]item{{3, design, "t", "", ""}}, 10, nil, map[string]int{}},
		"questions have no such cap": {[]item{{300, remembering, "t", "c", "f"}}, 10, nil, map[string]int{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var samples []task.Sample
			for _, item := range c.items {
				for i := range item.n {
					id := fmt.Sprint(item.id, i)
					meta := task.Meta{Unit: item.unit, TaskID: id, Cluster: item.cluster, Path: item.folder}
					if meta.Cluster == "" {
						meta.Cluster = "of " + id
					}
					samples = append(samples, task.Sample{Meta: meta})
				}
			}
			units := []v1alpha1.Unit{{Name: implementation, Samples: c.asked}, {Name: replay, Samples: c.asked}, {Name: remembering, Samples: c.asked}}
			got := map[string]int{}
			for _, code := range mix(samples, units, c.share) {
				if code != "" {
					got[code]++
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
		})
	}
}

// Beyond the cap every cluster is there once before any is there twice.
func TestMixIsFair(t *testing.T) {
	var samples []task.Sample
	for i, cluster := range strings.Split("aaabbc", "") {
		samples = append(samples, task.Sample{Meta: task.Meta{Unit: implementation, TaskID: fmt.Sprint("t", i), Cluster: cluster}})
	}
	want := []string{"", "", dropOverCap, "", dropOverCap, ""}
	if diff := cmp.Diff(want, mix(samples, []v1alpha1.Unit{{Name: implementation, Samples: 4}}, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSourceCommit(t *testing.T) {
	for id, want := range map[string]string{
		"fix-0123abcd": "0123abcd", "fix-0123abcd-2": "0123abcd", "reversal-0123abcd-src": "0123abcd", "partial-0123abcd": "0123abcd",
		"mutant-0123abcd": "", "fixture-1": "", "": "",
	} {
		if got := sourceCommit(id); got != want {
			t.Errorf("%q is of commit %q, want %q", id, got, want)
		}
	}
}
