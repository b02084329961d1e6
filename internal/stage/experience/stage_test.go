package experience

import (
	"os"
	"testing"

	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/task"
)

func TestTmp(t *testing.T) {
	env := planned(t, tree())
	env.Progress = func(p contract.Progress) { t.Log(p) }
	for i := range env.Spec.Shards {
		env.Index = i
		result, err := Run(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(result)
		samples, rejections := shard(t, env)
		if f := os.Getenv("DUMP"); f != "" {
			o, _ := os.OpenFile(f, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			_ = task.Encode(o, samples)
		}
		for _, s := range samples {
			if s.Meta.Provenance == "computed" {
				continue
			}
			t.Log("=====", s.Meta)
			for _, m := range s.Messages {
				t.Logf("--- %s %s\n%s", m.Role, m.Loss, m.Content)
			}
		}
		for _, r := range rejections {
			t.Log(r)
		}
	}
	_ = stage.ShardFolder
}
