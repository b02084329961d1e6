package adapters

import (
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestFor(t *testing.T) {
	for _, framework := range []v1alpha1.TestFramework{v1alpha1.TestPytest, v1alpha1.TestGo} {
		if adapter, err := For(framework); err != nil || adapter == nil {
			t.Errorf("%s: got %v, %v", framework, adapter, err)
		}
	}
	_, err := For("Nose")
	if err == nil || !strings.Contains(err.Error(), `environment.test.framework is "Nose"`) || !strings.Contains(err.Error(), "[GoTest Pytest]") {
		t.Errorf("got %v", err)
	}
}
