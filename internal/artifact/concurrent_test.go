package artifact_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/repoexpert/operator/internal/artifact"
)

const (
	writers = 6
	rounds  = 15
)

// outcome is what one writer got.
type outcome struct {
	digest string
	err    error
}

// together lets all writers do the same at once.
func together(do func(i int) (string, error)) []outcome {
	outcomes := make([]outcome, writers)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			<-start
			outcomes[i].digest, outcomes[i].err = do(i)
		})
	}
	close(start)
	group.Wait()
	return outcomes
}

// beginAtOnce returns drafts of one folder as writers get them who begin at the
// same moment: none has seen, and thereby removed, another one's.
func (v volume) beginAtOnce(t *testing.T, content func(i int) files) []*artifact.Draft {
	t.Helper()
	drafts := make([]*artifact.Draft, writers)
	hidden := func(i int) string { return filepath.Join(v.outside, strconv.Itoa(i)) }
	for i := range drafts {
		drafts[i] = v.begin(t, folder, content(i))
		if err := os.Rename(drafts[i].Path(), hidden(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range drafts {
		if err := os.Rename(hidden(i), drafts[i].Path()); err != nil {
			t.Fatal(err)
		}
	}
	return drafts
}

func TestConcurrentSealsOfTheSameAgree(t *testing.T) {
	for range rounds {
		v := makeVolume(t)
		drafts := v.beginAtOnce(t, func(int) files { return output })
		outcomes := together(func(i int) (string, error) { return drafts[i].Seal(manifest()) })
		for i, o := range outcomes {
			if o.err != nil || o.digest != outcomes[0].digest {
				t.Errorf("writer %d: digest %s, error %v", i, o.digest, o.err)
			}
		}
		v.wantSealed(t, folder, outcomes[0].digest, output)
	}
}

func TestConcurrentSealsOfOtherContentHaveOneWinner(t *testing.T) {
	for range rounds {
		v := makeVolume(t)
		content := func(i int) files { return files{"weights": strconv.Itoa(i)} }
		drafts := v.beginAtOnce(t, content)
		outcomes := together(func(i int) (string, error) { return drafts[i].Seal(manifest()) })
		winner := winnerOf(t, outcomes)
		if winner < 0 {
			t.Fatalf("nobody won: %v", outcomes)
		}
		for i, o := range outcomes {
			if i != winner && !errors.Is(o.err, artifact.ErrDigest) {
				t.Errorf("writer %d lost with error %v", i, o.err)
			}
		}
		v.wantSealed(t, folder, outcomes[winner].digest, content(winner))
	}
}

// winnerOf returns the one writer that was told that it sealed, -1 for none.
func winnerOf(t *testing.T, outcomes []outcome) int {
	t.Helper()
	winner := -1
	for i, o := range outcomes {
		switch {
		case o.err == nil && winner >= 0:
			t.Errorf("writers %d and %d both won", winner, i)
		case o.err == nil:
			winner = i
		case o.digest != "":
			t.Errorf("writer %d: digest %s comes with error %v", i, o.digest, o.err)
		}
	}
	return winner
}

// Whole writers of separate processes at once. Later ones remove the drafts of
// earlier ones, so any of them may fail, but what was reported as sealed is
// there, whole, and no mixture.
func TestConcurrentWritersNeverMix(t *testing.T) {
	content := func(i int) files {
		f := files{}
		for n := range 5 {
			f[fmt.Sprintf("part%d/file", n)] = strconv.Itoa(i)
		}
		return f
	}
	for range rounds {
		v := makeVolume(t)
		outcomes := together(func(i int) (string, error) { return write(v.dir, content(i)) })
		winner := winnerOf(t, outcomes)
		if winner < 0 {
			winner = 0
			outcomes[0].digest = v.seal(t, folder, content(0))
		}
		v.wantSealed(t, folder, outcomes[winner].digest, content(winner))
	}
}

// write is a writer from its start to its end.
func write(dir string, content files) (digest string, err error) {
	store, err := artifact.Open(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	draft, err := store.Begin(folder)
	if err != nil {
		return "", err
	}
	if err := content.write(draft.Path()); err != nil {
		return "", err
	}
	return draft.Seal(manifest())
}

// Two writers that resumed one draft share its files, but not the result: who is
// told that it sealed finds its own manifest.
func TestConcurrentSealsOfOneDraft(t *testing.T) {
	for range rounds {
		v := makeVolume(t)
		v.begin(t, folder, output)
		drafts := make([]*artifact.Draft, writers)
		for i := range drafts {
			var err error
			if drafts[i], err = v.Resume(folder); err != nil {
				t.Fatal(err)
			}
		}
		outcomes := together(func(i int) (string, error) {
			m := manifest()
			m.Counts["attempt"] = int64(i)
			return drafts[i].Seal(m)
		})
		if winner := winnerOf(t, outcomes); winner >= 0 {
			v.wantSealed(t, folder, outcomes[winner].digest, output)
		}
	}
}

// A reader at any moment sees no output or a whole one.
func TestReaderSeesNothingOrAll(t *testing.T) {
	for range rounds {
		v := makeVolume(t)
		draft := v.begin(t, folder, output)
		done := make(chan error, 1)
		go func() {
			_, err := draft.Seal(manifest())
			done <- err
		}()
		for sealing := true; sealing; {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				sealing = false
			default:
			}
			_, digest, err := v.Lookup(folder)
			if errors.Is(err, artifact.ErrNotSealed) && sealing {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			v.wantSealed(t, folder, digest, output)
		}
	}
}

// Removal is a moment, too.
func TestReaderSeesAllOrNothingOfARemoval(t *testing.T) {
	for range rounds {
		v := makeVolume(t)
		digest := v.seal(t, folder, output)
		done := make(chan error, 1)
		go func() { done <- v.Remove(folder) }()
		for {
			if _, _, err := v.Lookup(folder); errors.Is(err, artifact.ErrNotSealed) {
				break
			}
			_, err := os.Stat(v.at(folder, "weights"))
			if _, again := os.Stat(v.at(folder)); err != nil && again == nil {
				t.Fatalf("a part of %s is gone: %v", digest, err)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := contents(t, v.at("models")); len(got) > 0 {
			t.Errorf("%v stays", got)
		}
	}
}
