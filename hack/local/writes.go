package local

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// operatorUser is the manager's account, as the API server names it.
const operatorUser = "system:serviceaccount:" + OperatorNamespace + ":" + OperatorDeployment

// maxAuditLine bounds one line of an audit log, in bytes: a status write holds
// an evaluation record.
const maxAuditLine = 4 << 20

// Writes are the operator's successful writes to the API server.
type Writes struct {
	// Objects counts by "verb resource", such as "create jobs".
	Objects map[string]int
	// Progress counts status writes that changed nothing but a progress text,
	// Events those of events, Leases those of leader election.
	Progress, Events, Leases int
}

// Total is the number of writes to objects.
func (w Writes) Total() int {
	total := 0
	for _, n := range w.Objects {
		total += n
	}
	return total
}

// OperatorWrites reads the operator's writes after a time from the audit log of a
// one-node cluster of our own.
func OperatorWrites(ctx context.Context, root Root, name string, after time.Time) (Writes, error) {
	bench := workbench{root, io.Discard}
	kubeconfig, err := bench.devcluster(ctx, "kubeconfig", "--name", name)
	if err != nil {
		return Writes{}, err
	}
	log, err := os.Open(filepath.Join(filepath.Dir(kubeconfig), "log", "audit.log"))
	if err != nil {
		return Writes{}, fmt.Errorf("read the audit log: %w", err)
	}
	defer log.Close()
	return readWrites(log, after)
}

func readWrites(log io.Reader, after time.Time) (Writes, error) {
	w := Writes{Objects: map[string]int{}}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, maxAuditLine)
	for lines.Scan() {
		var event auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return w, fmt.Errorf("read the audit log: %w", err)
		}
		if event.User.Username == operatorUser && event.StageTimestamp.After(after) {
			w.add(event)
		}
	}
	return w, lines.Err()
}

func (w *Writes) add(event auditv1.Event) {
	object, status := event.ObjectRef, event.ResponseStatus
	if object == nil || status == nil || status.Code >= 300 {
		return
	}
	resource := object.Resource
	if object.Subresource != "" {
		resource += "/" + object.Subresource
	}
	switch {
	case resource == "leases":
		w.Leases++
	case resource == "events":
		w.Events++
	case onlyProgress(event.RequestObject):
		w.Progress++
	default:
		w.Objects[event.Verb+" "+resource]++
	}
}

// onlyProgress says whether a patch holds nothing but a run's progress text.
func onlyProgress(request *runtime.Unknown) bool {
	if request == nil {
		return false
	}
	var patch struct {
		Status map[string]json.RawMessage `json:"status"`
	}
	if json.Unmarshal(request.Raw, &patch) != nil {
		return false
	}
	_, progress := patch.Status["progress"]
	return progress && len(patch.Status) == 1
}
