package experience

import (
	"fmt"
	"testing"
)

func TestDump(t *testing.T) {
	env := planned(t, marked(t))
	for index := range env.Spec.Shards {
		env.Index = index
		if _, err := Run(t.Context(), env); err != nil {
			t.Fatal(err)
		}
		made, _ := shard(t, env)
		for _, s := range made {
			if s.Meta.Unit == "EvolutionaryReplay" || s.Meta.Unit == "SemanticRuntimeAlignment" {
				fmt.Printf("=== %+v\n", s.Meta)
				for _, m := range s.Messages[1:] {
					fmt.Printf("--- %s %s\n%s\n", m.Role, m.Loss, m.Content)
				}
			}
		}
	}
}
