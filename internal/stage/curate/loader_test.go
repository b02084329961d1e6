package curate

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/task"
)

// load reads a data set as the trainer does: with Hugging Face's datasets, and TRL's
// own question whether the rows are conversations, where Python has both; else with
// the rows' check of the recipe's training script. It says which.
const load = `
import importlib.util, sys
script, name, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = importlib.util.spec_from_file_location("train", script)
train = importlib.util.module_from_spec(spec)
spec.loader.exec_module(train)
train.check_file(name)
try:
    import datasets
    from trl.data_utils import is_conversational
except ImportError:
    print("the recipe's script")
    sys.exit()
data = datasets.load_dataset("json", data_files=name, split="train", cache_dir=sys.argv[4])
assert len(data) == rows, len(data)
assert all(is_conversational(row) for row in data)
assert {message["role"] for row in data for message in row["messages"]} == {"system", "user", "assistant"}
print("datasets", datasets.__version__, "and TRL")
`

// The trainer can read what Curate writes, whatever the samples hold.
func TestTrainerLoadsTheDataSet(t *testing.T) {
	w := clean(t)
	odd := w.played(implementation, "mask-a3", turn("Read “it”.", "printf 'a\\u2028b\\t\\x1b[1m'"), "plain \u2028 \u0085 é 👩 \x1b[0m </output>")
	odd.Messages = append(said("s"), odd.Messages...)
	odd.Messages[2].Loss = task.LossNone
	w.shards = append(w.shards, document(t, signed(odd), w.played(design, "component-c2", "a report, or so")))
	if _, err := w.run(t); err != nil {
		t.Fatal(err)
	}
	samples, _ := w.made(t)
	folder, err := w.env.Store.Path(w.env.Spec.Keys.Output(v1alpha1.StageCurate))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join("..", "..", "recipe", "trl", "train.py")
	command := exec.Command("python3", "-c", load, script, filepath.Join(folder, DatasetFile), strconv.Itoa(len(samples)), t.TempDir())
	command.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "PYTHONDONTWRITEBYTECODE=1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	t.Logf("%d samples loaded with %s", len(samples), strings.TrimSpace(string(output)))
}
