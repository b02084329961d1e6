package curate

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/repoexpert/operator/internal/task"
)

// Secrets are put together here, so that no scan of this file finds one.
var (
	githubToken = "ghp_" + "x7Qw2LmN9vBtR4kYpZ8sD1fGhJ6cVaE3uTo5"
	awsKey      = "AKIA" + "Z7QW2LMN4VBTR3KY"
	privateKey  = "-----BEGIN RSA PRIVATE" + " KEY-----\n" + strings.Repeat("MIIEpAIBAAKCAQEA7bq3x9Zk2LmN9vBtR4kYpZ8sD1fGhJ6cVaE3uTo5\n", 3) + "-----END RSA PRIVATE" + " KEY-----"
)

func TestSecrets(t *testing.T) {
	says := func(text string) func(w *world) task.Sample {
		return func(w *world) task.Sample { return w.played(implementation, "mask-a1", text) }
	}
	shown := func(text string) func(w *world) task.Sample {
		return func(w *world) task.Sample {
			sample := w.played(implementation, "mask-a1", "Look.", "Done.")
			sample.Messages[2].Content = "<returncode>0</returncode>\n<output>\n" + text + "\n</output>"
			return signed(sample)
		}
	}
	cases := map[string]struct {
		sample func(w *world) task.Sample
		want   map[string]int
	}{
		"in what the assistant says":        {says("token = '" + githubToken + "'"), map[string]int{"github-pat": 1}},
		"in what it was shown":              {shown("token = '" + githubToken + "'"), map[string]int{"github-pat": 1}},
		"a key of a cloud":                  {shown("aws_access_key_id = " + awsKey), map[string]int{"aws-access-token": 1}},
		"a private key":                     {shown(privateKey), map[string]int{"private-key": 1}},
		"twice in one sample":               {shown("a = '" + githubToken + "'\nb = '" + githubToken + "'"), map[string]int{"github-pat": 1}},
		"two kinds in one sample":           {shown("a = '" + githubToken + "'\nb = " + awsKey), map[string]int{"github-pat": 1, "aws-access-token": 1}},
		"encoded":                           {shown("data = " + base64.StdEncoding.EncodeToString([]byte("token = '"+githubToken+"' # of the robot"))), map[string]int{"github-pat": 1}},
		"a comment of the repository's own": {shown("token = '" + githubToken + "'  # gitleaks" + ":allow"), map[string]int{"github-pat": 1}},
		"none":                              {shown("token = os.environ['TOKEN']\npassword = prompt('Password')"), map[string]int{}},
		"a hash is none":                    {shown("commit 4f1d2c3b4a5968778695a4b3c2d1e0f9a8b7c6d5"), map[string]int{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.shards = []string{document(t, c.sample(w), w.played(design, "component-c1", "b"))}
			if _, err := w.run(t); err != nil {
				t.Fatal(err)
			}
			samples, card := w.made(t)
			checkSums(t, samples, card)
			if diff := cmp.Diff(c.want, card.Secrets); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if dropped := card.dropped()[dropSecret]; dropped != min(1, len(c.want)) || len(samples) != 2-dropped {
				t.Errorf("dropped %v of 2", card.dropped())
			}
			for rule := range c.want {
				if !strings.Contains(w.output(t, CardFile), "- `"+rule+"`: 1") {
					t.Error("the card does not tell the rule")
				}
			}
		})
	}
}

// A secret that was found is in nothing that the stage leaves or says.
func TestSecretsAreNotRepeated(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t)
	w.env.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.env.Spec.Recipe.Experience.MinSamples = 2
	w.shards = []string{document(t, w.played(implementation, "mask-a1", "token = '"+githubToken+"'"), w.played(design, "component-c1", "b"))}
	_, err := w.run(t)
	if err == nil || !strings.Contains(err.Error(), "1 samples are left of 2 (dropped: 1 secret)") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error()+log.String(), githubToken) {
		t.Error("the secret is told")
	}
	w = newWorld(t)
	w.shards = []string{document(t, w.played(implementation, "mask-a1", "token = '"+githubToken+"'"), w.played(design, "component-c1", "b"))}
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{DatasetFile, CardData, CardFile, ExclusionFile} {
		if strings.Contains(w.output(t, name), githubToken) {
			t.Errorf("%s holds the secret", name)
		}
	}
}

// Real libraries hold few texts that look like secrets: a sample is not lost for
// showing an ordinary file.
func TestCleanCodeHasNoSecrets(t *testing.T) {
	site := os.Getenv("REPOEXPERT_TEST_PYTHONPATH")
	if site == "" {
		t.Fatal("REPOEXPERT_TEST_PYTHONPATH must name a folder with pytest and coverage; run make test")
	}
	scan, err := newSecrets()
	if err != nil {
		t.Fatal(err)
	}
	files, found := 0, map[string][]string{}
	for _, library := range []string{"_pytest", "pluggy", "coverage", "packaging"} {
		err = filepath.WalkDir(filepath.Join(site, library), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".py" {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			if rules := scan.ofText(string(content)); len(rules) > 0 {
				found[path] = rules
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d files: %v", len(found), files, found)
	if files < 100 || 100*len(found) > files {
		t.Errorf("%d of %d files are said to hold secrets", len(found), files)
	}
}

func TestRulesAreSorted(t *testing.T) {
	scan, err := newSecrets()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	sample := w.played(implementation, "mask-a1", "t = '"+githubToken+"'", "k = "+awsKey, "u = '"+githubToken+"'")
	got, err := scan.rules(t.Context(), []task.Sample{sample, w.played(design, "component-c1", "t"), sample})
	want := []string{"aws-access-token", "github-pat"}
	if diff := cmp.Diff([][]string{want, nil, want}, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
