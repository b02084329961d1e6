package fetch

import (
	"context"
	"errors"
	"maps"
	"os"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/artifact"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/source"
	"github.com/repoexpert/operator/internal/stage"
)

// Run is the stage Fetch with the pod's mount points.
func Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	return Sources{BaseModels: contract.BaseModelPath, GitSecret: contract.GitSecretPath}.Run(ctx, env)
}

// Sources are where Fetch reads from.
type Sources struct {
	// BaseModels is the platform's volume with base models, GitSecret the folder
	// of the mounted git Secret, which may not be there.
	BaseModels, GitSecret string
	// folder of this machine to fetch from in place of the recipe's URL.
	folder string
}

// Run fetches the snapshot and the base model, and reports which later outputs
// are already there.
func (s Sources) Run(ctx context.Context, env stage.Env) (contract.StageResult, error) {
	result := contract.StageResult{Counts: map[string]int64{}}
	if err := makeAccount(env); err != nil {
		return result, err
	}
	var err error
	// The base model first: a wrong path is found before a long clone.
	if result.BaseModelDigest, err = s.baseModel(ctx, env); err != nil {
		return result, err
	}
	if result.ManifestDigest, result.Reused, err = s.snapshot(ctx, env, result.Counts); err != nil {
		return result, err
	}
	result.Sealed = sealed(env, map[string]string{
		env.Spec.Keys.Output(v1alpha1.StageFetch): result.ManifestDigest,
		env.Spec.Keys.BaseModelFolder():           result.BaseModelDigest,
	})
	return result, nil
}

// makeAccount makes the folder of the run's account of its teacher. It is mounted
// into the teacher's proxy, and a folder that the kubelet makes for a mount may
// not be the worker's to write.
func makeAccount(env stage.Env) error {
	if env.Spec.Recipe.Teacher == nil {
		return nil
	}
	folder, err := env.Store.Path(contract.TeachersFolder + "/" + env.Spec.Run)
	if err != nil {
		return err
	}
	return os.MkdirAll(folder, 0o770)
}

// existing returns the digest of a whole, sealed output of a later stage, which
// is hashed where it is used.
func existing(env stage.Env, folder string) (artifact.Manifest, string, bool) {
	_, digest, err := env.Store.Lookup(folder)
	if err != nil {
		return artifact.Manifest{}, "", false
	}
	manifest, err := env.Store.Verify(folder, digest)
	return manifest, digest, err == nil
}

// reuse returns the digest of an output of this stage whose every byte is what
// was sealed. A damaged one makes room: this stage runs again because of it.
func reuse(env stage.Env, folder string) (manifest artifact.Manifest, digest string, ok bool, err error) {
	_, digest, err = env.Store.Lookup(folder)
	if errors.Is(err, artifact.ErrNotSealed) {
		return artifact.Manifest{}, "", false, nil
	}
	if err == nil {
		if manifest, err = env.Store.VerifyContent(folder, digest); err == nil {
			return manifest, digest, true, nil
		}
	}
	env.Log.Warn("a damaged output is made again", "folder", folder, "error", err)
	return artifact.Manifest{}, "", false, env.Store.Remove(folder)
}

// snapshot clones the repository at the commit, unless that is done.
func (s Sources) snapshot(ctx context.Context, env stage.Env, counts map[string]int64) (digest string, reused bool, err error) {
	folder := env.Spec.Keys.Output(v1alpha1.StageFetch)
	manifest, digest, ok, err := reuse(env, folder)
	if ok || err != nil {
		maps.Copy(counts, manifest.Counts)
		return digest, ok, err
	}
	draft, err := env.Store.Begin(folder)
	if err != nil {
		return "", false, err
	}
	clone := repository{git: draft.Path(), spec: env.Spec, secret: s.GitSecret, folder: s.folder}
	if err := clone.write(ctx, counts); err != nil {
		return "", false, errors.Join(classified(err), draft.Discard())
	}
	digest, err = draft.Seal(artifact.Manifest{Stage: string(v1alpha1.StageFetch), Key: env.Spec.Keys.Snapshot, Counts: counts})
	return digest, false, err
}

// classified turns what the remote said into the stage's failure.
func classified(err error) error {
	var known *stage.Error
	var remote *source.Error
	if errors.As(err, &known) || !errors.As(err, &remote) {
		return err
	}
	class := v1alpha1.FailureSource
	if !remote.Terminal() {
		class = v1alpha1.FailureExternal
	}
	return stage.Fail(class, err, "%s", remote.Message)
}

// sealed lists the later stages whose outputs are there, whole, and made from
// exactly today's inputs. The first output that is not ends its chain: what was
// made from another one does not match either.
func sealed(env stage.Env, digests map[string]string) map[v1alpha1.StageName]string {
	found := map[v1alpha1.StageName]string{}
	for _, name := range v1alpha1.Stages[1:] {
		folder := env.Spec.Keys.Output(name)
		if folder == "" || name == v1alpha1.StageExperience {
			if name == v1alpha1.StageExperience {
				if digest, ok := sealedShards(env, folder, digests); ok {
					found[name], digests[folder] = digest, digest
				}
			}
			continue
		}
		manifest, digest, ok := existing(env, folder)
		if ok && madeFrom(env, manifest, digests) {
			found[name], digests[folder] = digest, digest
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

func sealedShards(env stage.Env, folder string, digests map[string]string) (string, bool) {
	shards := make([]string, env.Spec.Shards)
	for i := range shards {
		manifest, digest, ok := existing(env, stage.ShardFolder(folder, int32(i)))
		if !ok || !madeFrom(env, manifest, digests) {
			return "", false
		}
		shards[i] = digest
	}
	return contract.ShardsDigest(shards), true
}

// madeFrom says whether a manifest's inputs are today's. A served model is no
// output of this run: it is compared with what lies on the volume.
func madeFrom(env stage.Env, manifest artifact.Manifest, digests map[string]string) bool {
	for folder, digest := range manifest.Inputs {
		today, ok := digests[folder]
		if !ok && env.Spec.Served != nil && folder == contract.ModelsFolder+"/"+env.Spec.Served.ModelKey {
			today = env.Spec.Served.ModelDigest
		}
		if today != digest {
			return false
		}
	}
	return true
}

// makePrivate makes a folder for git that holds a credential for a while.
func makePrivate() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp("", "git-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}
