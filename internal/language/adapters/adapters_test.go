package adapters

import (
	"strings"
	"testing"

	"github.com/repoexpert/operator/api/v1alpha1"
)

func TestFor(t *testing.T) {
	if adapter, err := For(v1alpha1.TestPytest); err != nil || adapter == nil {
		t.Errorf("got %v, %v", adapter, err)
	}
	_, err := For("Nose")
	if err == nil || !strings.Contains(err.Error(), `environment.test.framework is "Nose"`) {
		t.Errorf("got %v", err)
	}
}
