package main

import (
	"github.com/spf13/cobra"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/engine"
	"github.com/repoexpert/operator/internal/guard"
	"github.com/repoexpert/operator/internal/stage"
	"github.com/repoexpert/operator/internal/stage/curate"
	"github.com/repoexpert/operator/internal/stage/evaluate"
	"github.com/repoexpert/operator/internal/stage/experience"
	"github.com/repoexpert/operator/internal/stage/fetch"
	"github.com/repoexpert/operator/internal/stage/plan"
	"github.com/repoexpert/operator/internal/stage/setup"
	"github.com/repoexpert/operator/internal/stage/train"
	"github.com/repoexpert/operator/internal/teacher"
)

// stages are all stages of a run.
var stages = map[v1alpha1.StageName]stage.Func{
	v1alpha1.StageFetch:      fetch.Run,
	v1alpha1.StageSetup:      setup.Run,
	v1alpha1.StagePlan:       plan.Run,
	v1alpha1.StageExperience: experience.Run,
	v1alpha1.StageCurate:     curate.Run,
	v1alpha1.StageTrain:      train.Run,
	v1alpha1.StageEvaluate:   evaluate.Run,
}

// extraCommands are the sidecars that have a package of their own.
func extraCommands() []*cobra.Command {
	return []*cobra.Command{engine.Command(), guard.Command(), teacher.Command()}
}
